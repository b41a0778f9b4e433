"""The options of `sluice keys`, `sluice arm` and `sluice approve`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from commands.data_options import decimal
from lakehouse.private_file import KEYS

HOURS_MAX: Final = 24

type Work = Callable[[argparse.Namespace], int]
type Command = Callable[[Any, str, Work, str], Any]


def _new(given: argparse.Namespace) -> int:
    from commands import keys

    return keys.run_new(given.name, directory=given.directory.expanduser(), as_json=given.json)


def _show(given: argparse.Namespace) -> int:
    from commands import keys

    return keys.run_show(given.name, directory=given.directory.expanduser(), as_json=given.json)


def _arm(given: argparse.Namespace) -> int:
    from commands import keys

    return keys.run_arm(
        given.config,
        venue=given.venue,
        notional=given.notional,
        hours=given.hours,
        by=given.by,
        directory=given.directory.expanduser(),
        as_json=given.json,
    )


def _approve(given: argparse.Namespace) -> int:
    from commands import approve

    return approve.run(
        given.manifest,
        config_path=given.config,
        signer=given.key,
        directory=given.directory.expanduser(),
        output=given.output,
        as_json=given.json,
        now_ns=time.time_ns(),
    )


def _hours(text: str) -> int:
    """A whole number of hours from 1 to 24."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= HOURS_MAX:
        raise argparse.ArgumentTypeError(f"a whole number of hours from 1 to {HOURS_MAX} was expected, was {text!r}")
    return int(text)


def add_keys(names: Any, *, command: Command, group: Callable[[Any, str, str], Any]) -> None:
    """Add the group `keys` and the commands `arm` and `approve`."""
    keys = group(names, "keys", "make and show a person's signing key")
    new = command(keys, "new", _new, "make a key; its public half goes into a config, the file stays with its owner")
    show = command(keys, "show", _show, "print the public half of a key")
    for one in (new, show):
        one.add_argument("name", metavar="NAME", help="whose key it is")
    arm = command(names, "arm", _arm, "sign that an account may trade so much a day, for so many hours")
    arm.add_argument("config", type=Path, metavar="CONFIG", help="the run config")
    arm.add_argument("--venue", required=True, metavar="VENUE", help="the venue, as in [live.venues]")
    arm.add_argument("--notional", required=True, type=decimal, metavar="AMOUNT", help="base currency a UTC day")
    arm.add_argument("--hours", required=True, type=_hours, metavar="HOURS", help="from now, 24 at most")
    arm.add_argument("--by", required=True, metavar="NAME", help="who signs, as in [live.persons]")
    approve = command(names, "approve", _approve, "sign that a manifest may be traded for real")
    approve.add_argument("manifest", type=Path, metavar="MANIFEST", help="the manifest's file")
    approve.add_argument("--config", required=True, type=Path, metavar="CONFIG", help="the run config that would trade it")
    approve.add_argument("--key", required=True, metavar="NAME", help="whose key signs, as in [live.persons]")
    approve.add_argument("--output", type=Path, metavar="FILE", help="where the approval goes instead of the config's lakehouse")
    for one in (new, show, arm, approve):
        one.add_argument("--directory", type=Path, default=KEYS, metavar="DIR", help="where keys lie (%(default)s)")
