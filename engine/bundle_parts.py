"""What a run depends on, in the parts of a bundle: values as the run uses them, never files as they are written.

A path is a place on a machine and stands in no part, only that one is given: what lies there does. Comments, the order of keys
and the spelling of a number change nothing. Nor do persons and their keys: a key that is lost or stolen is exchanged at once, and
no evidence begins anew. Who may sign is asked when something is signed, and at every start.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from engine.code_document import code_document
from engine.hours import load_calendars
from engine.inputs import Inputs
from engine.run_config import RunConfig
from engine.volumes_in import load_volumes
from lakehouse.bundles import Bundle, make_bundle
from lakehouse.plain_file import read_plain
from orders.canonical import plain, sha256_hex
from orders.values import Record

GIVEN: Final = "(given)"  # stands for a path, and for where alarms go
PRICES_SIZE_MAX: Final = 64 << 20  # bytes of a price file that is hashed; more than that takes a start too long
ALARM_PLACES: Final = ("command", "webhook")  # of a machine and its people; a webhook's address often is a secret
OWN_PARTS: Final = ("sentinel", "assumptions", "schedules", "data")
PERSONS: Final = {"live": ("persons", "revoked_keys"), "override": ("persons", "revoked_keys")}  # in no part, by table


class Window(Record, frozen=True, kw_only=True):
    """The first and last day of the prices a bundle is about."""

    first: date
    last: date


def bundle_of(config: RunConfig, inputs: Inputs, *, window: Window | None = None) -> Bundle:
    """Return the bundle of a config and what was read for it. `window` None: that of the config; live prices have none, and
    recorded ones in their place theirs.

    Raises `InputError` where hours or volumes cannot be read.
    """
    return make_bundle(parts_of(config, inputs, window=window))


def parts_of(config: RunConfig, inputs: Inputs, *, window: Window | None = None) -> dict[str, Any]:
    """Return the documents of the parts by name. The sha256 of `limits` and `assumptions` are those on the lines of a log."""
    tables = _plain(config.model_dump(by_alias=True)) | {"data": _plain(config.as_written.data.model_dump(by_alias=True))}
    for name, keys in PERSONS.items():
        tables[name] = None if tables[name] is None else {key: one for key, one in tables[name].items() if key not in keys}
    alarms = tables.get("alarms")
    if alarms is not None:
        alarms |= {name: GIVEN for name in ALARM_PLACES if alarms[name]}
    rest = {name: table for name, table in tables.items() if name not in OWN_PARTS}
    allowed = {symbol for symbols in config.sentinel.allow.values() for symbol in symbols}
    return {
        "config": rest | {"sentinel": {"equity_interval_s": config.sentinel.equity_interval_s}},  # the rest of it is limits
        "limits": plain(config.sentinel_limits()),
        "assumptions": plain(config.assumptions()),
        "schedules": tables["schedules"],
        "symbols": {symbol: plain(listing) for symbol, listing in inputs.listings.items() if symbol in allowed},
        "code": code_document(),
        "data": _data(config, tables["data"], window),
        **_of_venues(config, inputs, allowed=allowed),
    }


def _data(config: RunConfig, table: Mapping[str, Any], window: Window | None) -> dict[str, Any]:
    """The prices: their kind and window, and of a file its sha256 (None: live, a catalog, too large, or not there)."""
    live = config.as_written.data.live
    first, last = (window.first, window.last) if window is not None else (config.data.start, config.data.end)
    stated = {} if config.data.live and window is None else {"start": first.isoformat(), "end": last.isoformat()}
    return {**table, "start": None, "end": None, **stated, "prices_sha256": None if live else _prices_sha256(config.data.path)}


def _prices_sha256(path: Path) -> str | None:
    try:
        data = read_plain(path, size_max=PRICES_SIZE_MAX)
    except OSError:
        return None
    return sha256_hex(data) if len(data) <= PRICES_SIZE_MAX else None


def _of_venues(config: RunConfig, inputs: Inputs, *, allowed: set[str]) -> dict[str, Any]:
    """Limits, hours and volumes of what may be traded there, without the stamps of when they were made."""
    calendars, volumes = load_calendars(config).by_venue, load_volumes(config)
    found: dict[str, Any] = {}
    for venue, section in config.venues.items():
        symbols = [symbol for symbol, limit in inputs.market_limits.items() if limit.venue == venue]
        found[f"market_limits/{venue}"] = {symbol: plain(inputs.market_limits[symbol]) for symbol in symbols}
        calendar = calendars[venue]
        if calendar is not None:
            found[f"hours/{venue}"] = plain(calendar)
        if section.volumes is not None:
            found[f"volumes/{venue}"] = {
                symbol: plain(volume)
                for symbol, volume in volumes.items()
                if symbol in allowed and symbol in inputs.listings and inputs.listings[symbol].venue == venue
            }
    return found


def _plain(value: Any) -> Any:
    """Return a dumped config as canonical types; paths become `GIVEN`."""
    if isinstance(value, Path):
        return GIVEN
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return plain(value)
