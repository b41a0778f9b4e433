"""What a rehearsed live run needs on disk: a copy of the config, the venue's key, a signing key, an arming, an approval."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from engine.run_config import RunConfig, load_config
from lakehouse.bundles import find_bundle
from lakehouse.layout import Layout, storage_error
from lakehouse.live_note import read_live_note
from live.approving import approve
from live.arming_file import SPAN_NS_MAX, Arming, armed_bytes
from live.signing_keys import load_key, make_key
from orders.errors import ConfigError, InputError
from orders.values import Record
from sim.rehearsal.wording import ACCOUNT_UID
from venues.ccxt.endpoint import parse_endpoint

NAME: Final = "rehearsal"  # of the signing key and of the venue's
EXCHANGE: Final = "binance"
TWS: Final = "ibkr"
SLUICE: Final = (sys.executable, "-m", "commands.main")


class RehearsalDesk(Record, frozen=True, kw_only=True):
    """A directory. `venue`: the one that is rehearsed, through `adapter`; `funds`: its starting cash in the config; `port`: where
    the config says that it listens, 0 where it does not.
    """

    directory: Path
    source: Path
    venue: str
    adapter: str
    funds: Mapping[str, Decimal]
    port: int

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
        """Where the venue remembers."""
        return self.directory / ("tws.json" if self.adapter == TWS else "venue.sqlite")

    @property
    def live_words(self) -> list[str]:
        """The command of its live run."""
        return [*SLUICE, "live", str(self.config), "--keys", str(self.keys)]

    def make(self) -> None:
        """Make its directory. Raises `StorageError`."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.directory) from error

    def end_watchdog(self) -> None:
        """End the watchdog that a killed run left, if it is one still: it would go on asking a venue that is gone."""
        with suppress(InputError, OSError):
            note = read_live_note(Layout(self.directory / "lakehouse"))
            if note is not None and note.watchdog is not None:
                words = Path(f"/proc/{note.watchdog}/cmdline").read_bytes().split(b"\0")
                if b"live.watchdog" in words:
                    os.kill(note.watchdog, signal.SIGKILL)


def new_desk(source: Path, *, directory: Path | None) -> RehearsalDesk:
    """Return the desk of a config; nothing is written. `directory` None: a new one below data/rehearsals.

    Raises `ConfigInvalid`, `ConfigError` REHEARSAL_CONFIG, REHEARSAL_EXISTS.
    """
    config = load_config(source)
    sections = {} if config.live is None else config.live.venues
    if len(sections) != 1 or not {section.exchange or section.adapter for section in sections.values()} <= {EXCHANGE, TWS}:
        raise ConfigError(
            "REHEARSAL_CONFIG",
            expected=f"[live.venues] with one venue, exchange {EXCHANGE} or adapter {TWS}, in {source}",
            found=", ".join(f"{name}: {section.exchange or section.adapter}" for name, section in sections.items()) or "none",
            action="data/configs/crypto_rehearsal.toml and ib_rehearsal.toml are such configs.",
        )
    place = directory or own_place()
    if place.exists() and any(place.iterdir()):
        raise ConfigError(
            "REHEARSAL_EXISTS", expected=f"no directory {place}, or an empty one", found="files in it", action="Name another."
        )
    ((venue, section),) = sections.items()
    funds = dict(config.capital.starting_cash.get(venue, {}))
    port = section.tws_port or (0 if section.endpoint is None else parse_endpoint(section.endpoint).port)
    return RehearsalDesk(directory=place, source=source, venue=venue, adapter=section.adapter, funds=funds, port=port)


def named_directory(desk: RehearsalDesk, named: str) -> Path:
    """Return where a bundle lies, found as a run of the desk's source finds it. Raises what `find_bundle` raises."""
    return find_bundle(Layout(load_config(desk.source).lakehouse.directory), named)[0]


def own_place(label: str = "") -> Path:
    """Return a directory of this process' own, by the second and its number; `label` ends its name."""
    return Path("data/rehearsals") / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}{label}"


def as_it_is(document: dict[str, Any]) -> None:
    """Change nothing more of a config."""


def furnish(desk: RehearsalDesk, hello: Mapping[str, str], *, change: Callable[[dict[str, Any]], None] = as_it_is) -> RunConfig:
    """Write keys, config, arming and approval for a venue that has said where it listens; return the config as a run reads it.

    `change(document)`: of the config, before it is written; it has the last word. Raises `StorageError`, `ConfigError`.
    """
    try:
        public = make_key(NAME, directory=desk.keys)
        if desk.adapter != TWS:
            handle = os.open(desk.keys / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
            with os.fdopen(handle, "w") as file:
                file.write(f"{hello['key']}\n{hello['secret']}\n")
        document = tomllib.loads(desk.source.read_text("utf-8"))
        _pointed(document, desk, hello, public=public)
        change(document)
        desk.config.write_text(f"# {desk.source}, pointed at a rehearsal venue.\n{toml_text(document)}")
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
        signer = load_key(NAME, directory=desk.keys)
        section.arming.write_bytes(armed_bytes(arming, key=signer))
        for manifest in config.manifest_paths():
            approve(manifest, config=config, signer=NAME, key=signer, now_ns=now_ns)  # the run says what is wrong with it
    except OSError as error:
        raise storage_error(error, desk.directory) from error
    return config


def _pointed(document: dict[str, Any], desk: RehearsalDesk, hello: Mapping[str, str], *, public: str) -> None:
    """Change what names a place, a key or an account; everything that decides stays."""
    lakehouse = desk.directory / "lakehouse"
    document["lakehouse"]["directory"] = str(lakehouse)
    if "snapshots" in document:
        document["snapshots"] = {
            name: str(lakehouse / "snapshots" / Path(path).name) for name, path in document["snapshots"].items()
        }
    document["live"]["persons"] = {NAME: public}
    section = document["live"]["venues"][desk.venue]
    section["arming"] = str(desk.directory / "arming.json")
    if desk.adapter == TWS:
        section |= {"tws_port": int(hello["port"]), "account_id": hello["account"]}
    else:
        document["data"]["endpoint"] = hello["endpoint"]
        section |= {"endpoint": hello["endpoint"], "credentials": NAME, "account_id": str(ACCOUNT_UID)}


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
