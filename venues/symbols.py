"""The symbol map: one table from the platform's symbol to where it trades, read both ways. What is not in it is NOT_LISTED.

The file is TOML, `[[listing]]` tables with the fields of `orders.values.Listing`; the shipped one is `data/configs/symbols.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Never

from lakehouse.plain_file import read_plain
from lakehouse.strict_toml import parse_toml
from orders.errors import ConfigError, InputError
from orders.values import Listing, Record

ASSET_CLASSES: Final = frozenset({"equity", "spot", "perpetual", "fx"})
FILE_SIZE_MAX: Final = 4_000_000  # bytes; 20,000 listings are 4 MB
SYMBOL: Final = re.compile(r"[A-Z0-9_]{1,32}:[A-Za-z0-9._!-]{1,64}")  # EXCHANGE:TICKER, platform-wide; ASCII on purpose
NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
CURRENCY: Final = re.compile(r"[A-Z0-9]{1,24}")
CCXT_SYMBOL: Final = re.compile(r"[A-Za-z0-9./:_-]{1,96}")
INSTRUMENT_ID: Final = re.compile(r"[A-Za-z0-9._/:-]{1,96}\.[A-Za-z0-9_-]{1,64}")
REQUIRED: Final = ("symbol", "venue", "instrument_id", "quote_currency", "asset_class")
OPTIONAL: Final = ("base_currency", "ccxt_symbol")


class SymbolMap(Record, frozen=True, kw_only=True):
    """Listings both ways; made by `load_symbols`, which refuses doubles, so the two mappings are inverse to each other."""

    by_symbol: Mapping[str, Listing]
    by_instrument_id: Mapping[str, Listing]

    def listing(self, symbol: str) -> Listing:
        """Return the listing of a platform symbol. Raises `InputError` NOT_LISTED."""
        return self._found(self.by_symbol, symbol)

    def listing_of_instrument(self, instrument_id: str) -> Listing:
        """Return the listing of a Nautilus instrument id. Raises `InputError` NOT_LISTED."""
        return self._found(self.by_instrument_id, instrument_id)

    @staticmethod
    def _found(listings: Mapping[str, Listing], name: str) -> Listing:
        listing = listings.get(name)
        if listing is None:
            raise InputError(
                "NOT_LISTED",
                expected="a name of the symbol map",
                found=name,
                action="Add it to the symbol map if it may be traded.",
            )
        return listing


def load_symbols(path: Path) -> SymbolMap:
    """Read and check a symbol map. Raises `ConfigError` SYMBOL_MAP_* naming the listing that is wrong."""
    try:
        data = read_plain(path, size_max=FILE_SIZE_MAX)
        if len(data) > FILE_SIZE_MAX:
            _refuse(path, "SYMBOL_MAP_TOO_LARGE", f"at most {FILE_SIZE_MAX} bytes", "more")
        document = parse_toml(data.decode("utf-8"))
    except OSError as error:
        _refuse(path, "SYMBOL_MAP_UNREADABLE", "a readable symbol map", error.strerror or "an I/O error", cause=error)
    except ValueError as error:
        _refuse(path, "SYMBOL_MAP_INVALID", "TOML in UTF-8", str(error), cause=error)
    rows = document.pop("listing", None)
    if document or not isinstance(rows, list) or not rows:
        _refuse(path, "SYMBOL_MAP_INVALID", "[[listing]] tables and nothing else", f"keys {sorted(document)}")
    return _indexed(path, [_listing(path, number, row) for number, row in enumerate(rows, start=1)])


def _indexed(path: Path, listings: list[Listing]) -> SymbolMap:
    by_symbol: dict[str, Listing] = {}
    by_instrument_id: dict[str, Listing] = {}
    for listing in listings:
        if listing.symbol in by_symbol:
            _refuse(path, "SYMBOL_MAP_DOUBLE", "each symbol once", f"{listing.symbol} twice")
        if listing.instrument_id in by_instrument_id:
            _refuse(path, "SYMBOL_MAP_DOUBLE", "each instrument id once", f"{listing.instrument_id} twice")
        by_symbol[listing.symbol] = listing
        by_instrument_id[listing.instrument_id] = listing
    return SymbolMap(by_symbol=by_symbol, by_instrument_id=by_instrument_id)


def _listing(path: Path, number: int, row: Any) -> Listing:
    where = f"listing {number}"
    if not isinstance(row, dict):
        _refuse(path, "SYMBOL_MAP_INVALID", f"{where} as a table", type(row).__name__)
    where = f"{where} ({row.get('symbol', 'no symbol')})"
    unknown, missing = sorted(row.keys() - set(REQUIRED) - set(OPTIONAL)), [name for name in REQUIRED if name not in row]
    if unknown:
        _refuse(path, "SYMBOL_MAP_INVALID", f"only {', '.join(REQUIRED + OPTIONAL)} in {where}", ", ".join(unknown))
    if missing:
        _refuse(path, "SYMBOL_MAP_INVALID", f"{', '.join(missing)} in {where}", "nothing")
    for name, value in row.items():
        if not isinstance(value, str) or not value:
            _refuse(path, "SYMBOL_MAP_INVALID", f"text as {name} of {where}", repr(value))
    shapes = (
        (SYMBOL, "symbol", "EXCHANGE:TICKER"),
        (NAME, "venue", "[A-Za-z0-9._-]{1,64}"),
        (INSTRUMENT_ID, "instrument_id", "NAME.VENUE"),
        (CURRENCY, "quote_currency", "a code such as USD"),
        (CURRENCY, "base_currency", "a code such as BTC"),
        (CCXT_SYMBOL, "ccxt_symbol", "BASE/QUOTE"),
    )
    for pattern, name, shape in shapes:
        if name in row and not pattern.fullmatch(row[name]):
            _refuse(path, "SYMBOL_MAP_INVALID", f"{name} of {where} as {shape}", repr(row[name]))
    if row["instrument_id"].rpartition(".")[2] != row["venue"]:
        _refuse(path, "SYMBOL_MAP_INVALID", f"an instrument_id of {where} that ends in .{row['venue']}", row["instrument_id"])
    if row["asset_class"] not in ASSET_CLASSES:
        _refuse(path, "SYMBOL_MAP_INVALID", f"an asset_class of {where} out of {sorted(ASSET_CLASSES)}", row["asset_class"])
    settles = row.get("ccxt_symbol", "").partition(":")[2].partition("-")[0]
    if row["asset_class"] == "perpetual" and settles and settles != row["quote_currency"]:
        _refuse(
            path,
            "SYMBOL_MAP_INVALID",
            f"a perpetual that settles in its quote currency as {where}; inverse and quanto contracts are not supported",
            f"ccxt_symbol {row['ccxt_symbol']}",
        )
    return Listing(**row)


def _refuse(path: Path, code: str, expected: str, found: str, *, cause: Exception | None = None) -> Never:
    raise ConfigError(code, expected=expected, found=found, action=f"Mend {path}.") from cause
