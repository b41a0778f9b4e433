"""What a rehearsed live run needs on disk: a copy of the config, the venue's key, a signing key and an arming."""

from __future__ import annotations

import json
import os
import time
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from engine.run_config import RunConfig, load_config
from lakehouse.layout import storage_error
from live.arming_file import SPAN_NS_MAX, Arming, armed_bytes
from live.signing_keys import load_key, make_key
from orders.errors import ConfigError
from orders.values import Record

NAME: Final = "rehearsal"  # of the signing key and of the venue's
EXCHANGE: Final = "binance"


class RehearsalDesk(Record, frozen=True, kw_only=True):
    """A directory. `venue`: the one that is rehearsed; `funds`: its starting cash in the config."""

    directory: Path
    source: Path
    venue: str
    funds: Mapping[str, Decimal]

    @property
    def config(self) -> Path:
        """The config of the run: a copy that points to the exchange and keeps everything it writes here."""
        return self.directory / "run.toml"

    @property
    def keys(self) -> Path:
        """The directory of key files."""
        return self.directory / "keys"

    @property
    def memory(self) -> Path:
        """Where the exchange remembers."""
        return self.directory / "venue.sqlite"


def new_desk(source: Path, *, directory: Path | None) -> RehearsalDesk:
    """Return the desk of a config; nothing is written. `directory` None: a new one below data/rehearsals.

    Raises `ConfigInvalid`, `ConfigError` REHEARSAL_CONFIG, REHEARSAL_EXISTS.
    """
    config = load_config(source)
    sections = {} if config.live is None else config.live.venues
    if len(sections) != 1 or {section.exchange for section in sections.values()} != {EXCHANGE}:
        raise ConfigError(
            "REHEARSAL_CONFIG",
            expected=f"[live.venues] with one venue, exchange {EXCHANGE}, in {source}",
            found=", ".join(f"{name}: {section.exchange or section.adapter}" for name, section in sections.items()) or "none",
            action="data/configs/crypto_rehearsal.toml is such a config.",
        )
    place = directory or Path("data/rehearsals") / time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    if place.exists() and any(place.iterdir()):
        raise ConfigError(
            "REHEARSAL_EXISTS", expected=f"no directory {place}, or an empty one", found="files in it", action="Name another."
        )
    (venue,) = sections
    return RehearsalDesk(directory=place, source=source, venue=venue, funds=dict(config.capital.starting_cash.get(venue, {})))


def furnish(desk: RehearsalDesk, *, endpoint: str, key: str, secret: str, account_id: str) -> RunConfig:
    """Write keys, config and arming for an exchange that listens at `endpoint`; return the config as a run will read it.

    Raises `StorageError`, `ConfigError`.
    """
    try:
        public = make_key(NAME, directory=desk.keys)
        handle = os.open(desk.keys / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        with os.fdopen(handle, "w") as file:
            file.write(f"{key}\n{secret}\n")
        document = tomllib.loads(desk.source.read_text("utf-8"))
        _pointed(document, desk, endpoint=endpoint, public=public, account_id=account_id)
        desk.config.write_text(f"# {desk.source}, pointed at a rehearsal exchange.\n{toml_text(document)}")
        config = load_config(desk.config)
        assert config.live is not None
        section, now_ns = config.live.venues[desk.venue], time.time_ns()
        arming = Arming(
            venue=desk.venue,
            account_id=section.account_id,
            environment=config.environment,
            day_notional=section.day_notional_max,
            not_before_ns=now_ns,
            expires_ns=now_ns + SPAN_NS_MAX,
            by=NAME,
        )
        section.arming.write_bytes(armed_bytes(arming, key=load_key(NAME, directory=desk.keys)))
    except OSError as error:
        raise storage_error(error, desk.directory) from error
    return config


def _pointed(document: dict[str, Any], desk: RehearsalDesk, *, endpoint: str, public: str, account_id: str) -> None:
    """Change what names a place, a key or an account; everything that decides stays."""
    lakehouse = desk.directory / "lakehouse"
    document["lakehouse"]["directory"] = str(lakehouse)
    document["data"]["endpoint"] = endpoint
    if "snapshots" in document:
        document["snapshots"] = {
            name: str(lakehouse / "snapshots" / Path(path).name) for name, path in document["snapshots"].items()
        }
    document["live"]["persons"] = {NAME: public}
    document["live"]["venues"][desk.venue] |= {
        "endpoint": endpoint,
        "credentials": NAME,
        "account_id": account_id,
        "arming": str(desk.directory / "arming.json"),
    }


def toml_text(table: Mapping[str, Any], *, prefix: str = "") -> str:
    """Return a document as TOML: plain values first, then its tables, each under its own header."""
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, Mapping):
            name = f"{prefix}{_key(key)}"
            lines += [f"\n[{name}]", toml_text(value, prefix=f"{name}.")]
    return "\n".join(lines)


def _key(name: str) -> str:
    return json.dumps(name)


def _value(value: Any) -> str:
    match value:
        case str():
            return json.dumps(value).replace("\x7f", "\\u007f")
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.isoformat()
        case list():
            return f"[{', '.join(_value(each) for each in value)}]"
        case Mapping():
            return f"{{ {', '.join(f'{_key(key)} = {_value(each)}' for key, each in value.items())} }}"
        case _:
            return repr(value)
