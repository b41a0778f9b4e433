"""`sluice keys new|show NAME` and `sluice arm`: a person's signing key, and the arming it signs."""

from __future__ import annotations

import os
import time
from decimal import Decimal
from pathlib import Path

from commands.output import Exit, print_json
from engine.run_config import load_config
from lakehouse.layout import replace_file, storage_error
from live.arming_file import Arming, armed_bytes
from live.signing_keys import key_path, load_key, make_key
from orders.errors import ConfigError
from sentinel.dsse import public_text

HOUR_NS = 3_600_000_000_000


def run_new(name: str, *, directory: Path, as_json: bool) -> int:
    """Make a key and print its public half."""
    return _shown(name, make_key(name, directory=directory), directory=directory, as_json=as_json)


def run_show(name: str, *, directory: Path, as_json: bool) -> int:
    """Print the public half of a key."""
    public = public_text(load_key(name, directory=directory).public_key())
    return _shown(name, public, directory=directory, as_json=as_json)


def _shown(name: str, public: str, *, directory: Path, as_json: bool) -> int:
    path = key_path(name, directory=directory)
    if as_json:
        print_json({"name": name, "public": public, "file": str(path)})
    else:
        print(f'{path}\nin a config:  [live.persons]\n              {name} = "{public}"')
    return Exit.DONE


def run_arm(config_path: Path, *, venue: str, notional: Decimal, hours: int, by: str, directory: Path, as_json: bool) -> int:
    """Sign the arming of one venue of a config for `hours` from now; `notional` in base currency a UTC day.

    Raises `ConfigError` ARM_FOREIGN where the config has no such venue or person, or another key, CAP_EXCEEDED, and what
    `load_key` raises; `StorageError`.
    """
    config = load_config(config_path)
    section = None if config.live is None else config.live.venues.get(venue)
    if config.live is None or section is None:
        raise _foreign(f"[live.venues.{venue}] in {config_path}", "none")
    key = load_key(by, directory=directory)
    if config.live.persons.get(by) != public_text(key.public_key()):
        raise _foreign(f"{by} in [live.persons] of {config_path}, with this key", "nobody of that name, or another key")
    if notional > section.day_notional_max:
        raise ConfigError(
            "CAP_EXCEEDED",
            expected=f"at most day_notional_max {section.day_notional_max} of {venue}",
            found=str(notional),
            action="Arm less, or raise the cap in the config, which is reviewed.",
        )
    now_ns = time.time_ns()
    arming = Arming(
        venue=venue,
        account_id=section.account_id,
        environment=config.environment,
        day_notional=notional,
        not_before_ns=now_ns,
        expires_ns=now_ns + hours * HOUR_NS,
        by=by,
    )
    try:
        section.arming.parent.mkdir(parents=True, exist_ok=True)
        replace_file(section.arming, armed_bytes(arming, key=key))
        os.chmod(section.arming, 0o600)
    except OSError as error:
        raise storage_error(error, section.arming) from error
    until = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(arming.expires_ns // 1_000_000_000))
    if as_json:
        print_json({"venue": venue, "account": section.account_id, "day_notional": notional, "until": until, "by": by})
    else:
        print(
            f"armed    {venue} account {section.account_id}, {notional:,} {config.capital.base_currency} a day,"
            f" until {until} UTC, by {by}\n         {section.arming}"
        )
    return Exit.DONE


def _foreign(expected: str, found: str) -> ConfigError:
    return ConfigError("ARM_FOREIGN", expected=expected, found=found, action="Add it to the config, which is reviewed.")
