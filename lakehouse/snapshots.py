"""Dated snapshots: quotes (CSV), the book (JSON) and market limits (JSON), read and written, schemas in `data/README.md`.

`sluice plan` reads them, a run writes them. Numbers are decimal text, nanoseconds are text or integers; files are replaced
whole, so a reader never sees half of one.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Never

from lakehouse.layout import replace_file, storage_error
from orders.book import Book
from orders.canonical import decimal_text, plain, sha256_hex
from orders.errors import InputError, NotYet
from orders.plan import OpenOrder
from orders.values import MarketLimits, Quote, Record, Side

SNAPSHOT_VERSION: Final = 1
SNAPSHOT_SIZE_MAX: Final = 20_000_000  # bytes; limits of 20,000 symbols are 5 MB
NUMBER: Final = re.compile(r"-?[0-9]{1,24}(?:\.[0-9]{1,18})?")
NANOSECONDS: Final = re.compile(r"[0-9]{1,19}")
QUOTE_COLUMNS: Final = ["symbol", "bid", "ask", "ts_ns"]
LIMIT_FIELDS: Final = frozenset(MarketLimits.__struct_fields__)
BOOK_FIELDS: Final = frozenset({"version", "as_of_ns", "cash", "positions", "cycle", "open_orders"})
LIMITS_FIELDS: Final = frozenset({"version", "as_of_ns", "source", "limits"})


class BookSnapshot(Record, frozen=True, kw_only=True):
    """A book at `as_of_ns` (market time), the number of the last cycle opened (0: none), and what still works."""

    as_of_ns: int
    book: Book
    cycle: int
    open_orders: tuple[OpenOrder, ...]


class RefusedLimit(Record, frozen=True, kw_only=True):
    """Limits of one symbol that cannot be used: zero, missing or not finite. The symbol then has no limits."""

    symbol: str
    code: str
    message: str


class MarketLimitsSnapshot(Record, frozen=True, kw_only=True):
    """`limits` holds usable limits only; `sha256` is over the file's bytes and goes on every fill."""

    as_of_ns: int
    source: str
    limits: Mapping[str, MarketLimits]
    refused: tuple[RefusedLimit, ...]
    sha256: str


def read_quotes(path: Path) -> dict[str, Quote]:
    """Read `symbol,bid,ask,ts_ns`, one line a symbol, bid and ask > 0; a crossed quote is kept, the planner names it.

    Raises `InputError` QUOTES_INVALID naming the line, `NotYet` when the file is absent or empty.
    """
    text = _text(path, _bytes(path))
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        _refuse("QUOTES_INVALID", "CSV", str(error), path, cause=error)
    if rows[0] != QUOTE_COLUMNS:
        _refuse("QUOTES_INVALID", f"line 1 to be {','.join(QUOTE_COLUMNS)}", ",".join(rows[0])[:80], path)
    quotes: dict[str, Quote] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(QUOTE_COLUMNS):
            _refuse("QUOTES_INVALID", f"four fields on line {number}", str(len(row)), path)
        symbol, bid, ask, ts_ns = row
        if not symbol or symbol in quotes:
            _refuse("QUOTES_INVALID", f"a symbol of its own on line {number}", repr(symbol), path)
        quotes[symbol] = Quote(
            symbol=symbol,
            bid=_above_zero(bid, f"bid on line {number}", path, "QUOTES_INVALID"),
            ask=_above_zero(ask, f"ask on line {number}", path, "QUOTES_INVALID"),
            ts_ns=_nanoseconds(ts_ns, f"ts_ns on line {number}", path, "QUOTES_INVALID"),
        )
    return quotes


def write_quotes(path: Path, quotes: Iterable[Quote]) -> None:
    """Write the quotes, ordered by symbol, whole or not at all. Raises `StorageError`."""
    lines = [",".join(QUOTE_COLUMNS)]
    for quote in sorted(quotes, key=lambda quote: quote.symbol):
        assert not set(quote.symbol) & set(',"\n\r')
        lines.append(f"{quote.symbol},{decimal_text(quote.bid)},{decimal_text(quote.ask)},{quote.ts_ns}")
    _replace(path, ("\n".join(lines) + "\n").encode())


def read_book(path: Path) -> BookSnapshot:
    """Read a book snapshot. Raises `InputError` BOOK_INVALID, `NotYet` when the file is absent or empty."""
    document = _document(path, _bytes(path), "BOOK_INVALID", BOOK_FIELDS, optional=frozenset({"open_orders"}))
    code = "BOOK_INVALID"
    cash = {
        _name(venue, "venue", path, code): {
            _name(currency, "currency", path, code): _number(amount, f"cash.{venue}.{currency}", path, code)
            for currency, amount in _table(amounts, f"cash.{venue}", path, code).items()
        }
        for venue, amounts in _table(document["cash"], "cash", path, code).items()
    }
    positions = {
        _name(symbol, "symbol", path, code): _number(quantity, f"positions.{symbol}", path, code)
        for symbol, quantity in _table(document["positions"], "positions", path, code).items()
    }
    cycle = document["cycle"]
    if type(cycle) is not int or cycle < 0:
        _refuse(code, "cycle as a whole number >= 0", repr(cycle), path)
    orders = document.get("open_orders", [])
    if not isinstance(orders, list):
        _refuse(code, "open_orders as a list", type(orders).__name__, path)
    return BookSnapshot(
        as_of_ns=_nanoseconds(document["as_of_ns"], "as_of_ns", path, code),
        book=Book(cash=cash, positions={symbol: quantity for symbol, quantity in positions.items() if quantity}),
        cycle=cycle,
        open_orders=tuple(_open_order(order, number, path) for number, order in enumerate(orders, start=1)),
    )


def _open_order(value: Any, number: int, path: Path) -> OpenOrder:
    order = _table(value, f"open order {number}", path, "BOOK_INVALID")
    if order.keys() != set(OpenOrder.__struct_fields__):
        _refuse("BOOK_INVALID", f"{', '.join(OpenOrder.__struct_fields__)} in open order {number}", str(sorted(order)), path)
    if order["side"] not in list(Side):
        _refuse("BOOK_INVALID", f"BUY or SELL as side of open order {number}", repr(order["side"]), path)
    return OpenOrder(
        client_order_id=_name(order["client_order_id"], "client_order_id", path, "BOOK_INVALID"),
        symbol=_name(order["symbol"], "symbol", path, "BOOK_INVALID"),
        side=Side(order["side"]),
        leaves_quantity=_above_zero(order["leaves_quantity"], f"leaves_quantity of open order {number}", path, "BOOK_INVALID"),
    )


def write_book(path: Path, book: Book, *, as_of_ns: int, cycle: int, open_orders: tuple[OpenOrder, ...] = ()) -> None:
    """Write the book whole or not at all; `cycle` is the number of the last cycle opened. Raises `StorageError`."""
    document = {
        "version": SNAPSHOT_VERSION,
        "as_of_ns": str(as_of_ns),
        "cycle": cycle,
        "cash": plain(book.cash),
        "positions": plain(book.positions),
        "open_orders": plain(open_orders),
    }
    _replace(path, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())


def read_market_limits(path: Path) -> MarketLimitsSnapshot:
    """Read market limits. A symbol whose step, tick or multiplier is zero or missing is refused alone and has no limits.

    Raises `InputError` MARKET_LIMITS_INVALID when the file is not of this format or names a symbol twice, `NotYet` when it
    is absent or empty.
    """
    code = "MARKET_LIMITS_INVALID"
    data = _bytes(path)
    document = _document(path, data, code, LIMITS_FIELDS)
    if not isinstance(document["source"], str) or not isinstance(document["limits"], list):
        _refuse(code, "source as text and limits as a list", "something else", path)
    usable: dict[str, MarketLimits] = {}
    refused: dict[str, RefusedLimit] = {}
    for number, value in enumerate(document["limits"], start=1):
        row = _table(value, f"entry {number}", path, code)
        symbol = _name(row.get("symbol"), f"symbol of entry {number}", path, code)
        if symbol in usable or symbol in refused:
            _refuse(code, "each symbol once", f"{symbol} twice", path)
        try:
            usable[symbol] = _limits(row, path)
        except InputError as error:
            refused[symbol] = RefusedLimit(symbol=symbol, code=error.code, message=str(error))
    return MarketLimitsSnapshot(
        as_of_ns=_nanoseconds(document["as_of_ns"], "as_of_ns", path, code),
        source=document["source"],
        limits=usable,
        refused=tuple(refused.values()),
        sha256=sha256_hex(data),
    )


def _limits(row: Mapping[str, Any], path: Path) -> MarketLimits:
    code = "LIMITS_REFUSED"
    symbol = row["symbol"]
    if row.keys() != LIMIT_FIELDS:
        _refuse(code, f"{', '.join(sorted(LIMIT_FIELDS))} for {symbol}", str(sorted(row)), path)
    return MarketLimits(
        symbol=symbol,
        venue=_name(row["venue"], f"venue of {symbol}", path, code),
        step_size=_above_zero(row["step_size"], f"step_size of {symbol}", path, code),
        tick_size=_above_zero(row["tick_size"], f"tick_size of {symbol}", path, code),
        min_quantity=_at_least_zero(row["min_quantity"], f"min_quantity of {symbol}", path, code),
        min_notional=_at_least_zero(row["min_notional"], f"min_notional of {symbol}", path, code),
        max_quantity=None
        if row["max_quantity"] is None
        else _above_zero(row["max_quantity"], f"max_quantity of {symbol}", path, code),
        multiplier=_above_zero(row["multiplier"], f"multiplier of {symbol}", path, code),
    )


def write_market_limits(path: Path, limits: Iterable[MarketLimits], *, as_of_ns: int, source: str) -> None:
    """Write limits, ordered by symbol, whole or not at all. Raises `StorageError`."""
    document = {
        "version": SNAPSHOT_VERSION,
        "as_of_ns": str(as_of_ns),
        "source": source,
        "limits": [plain(entry) for entry in sorted(limits, key=lambda entry: entry.symbol)],
    }
    _replace(path, (json.dumps(document, indent=1) + "\n").encode())


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(SNAPSHOT_SIZE_MAX + 1)
    except FileNotFoundError as error:
        raise NotYet(
            "SNAPSHOT_MISSING",
            expected=f"a snapshot at {path}",
            found="no file",
            action="Run `make paper` first, which writes it, or write it as data/README.md says.",
        ) from error
    except OSError as error:
        _refuse("SNAPSHOT_UNREADABLE", "a readable snapshot", error.strerror or "an I/O error", path, cause=error)
    if not data:
        raise NotYet("SNAPSHOT_EMPTY", expected=f"a snapshot at {path}", found="an empty file", action="Write it again.")
    if len(data) > SNAPSHOT_SIZE_MAX:
        _refuse("SNAPSHOT_TOO_LARGE", f"at most {SNAPSHOT_SIZE_MAX} bytes", "more", path)
    return data


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse("SNAPSHOT_UNREADABLE", "UTF-8", f"byte {error.start} that is not", path, cause=error)


def _document(
    path: Path, data: bytes, code: str, fields: frozenset[str], *, optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    try:
        document = json.loads(
            _text(path, data), object_pairs_hook=_unique_keys, parse_float=_no_number, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        _refuse(code, "JSON with numbers as text", str(error) or type(error).__name__, path, cause=error)
    table = _table(document, "the document", path, code)
    if table.keys() - optional != fields - optional or table.get("version") != SNAPSHOT_VERSION:
        _refuse(code, f"version {SNAPSHOT_VERSION} with {', '.join(sorted(fields - optional))}", str(sorted(table)), path)
    return table


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return table


def _no_number(text: str) -> Never:
    raise ValueError(f"the number {text[:40]} must be text")


def _table(value: Any, what: str, path: Path, code: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(code, f"{what} as an object", type(value).__name__, path)
    return value


def _name(value: Any, what: str, path: Path, code: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 128 or not value.isprintable():
        _refuse(code, f"{what} as printable text", repr(value)[:80], path)
    return value


def _number(value: Any, what: str, path: Path, code: str) -> Decimal:
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        _refuse(code, f"{what} as plain decimal text", repr(value)[:80], path)
    return Decimal(value)


def _above_zero(value: Any, what: str, path: Path, code: str) -> Decimal:
    number = _number(value, what, path, code)
    if number <= 0:
        _refuse(code, f"{what} above 0", str(value), path)
    return number


def _at_least_zero(value: Any, what: str, path: Path, code: str) -> Decimal:
    number = _number(value, what, path, code)
    if number < 0:
        _refuse(code, f"{what} of 0 or more", str(value), path)
    return number


def _nanoseconds(value: Any, what: str, path: Path, code: str) -> int:
    if type(value) is int and 0 <= value < 10**19:
        return value
    if isinstance(value, str) and NANOSECONDS.fullmatch(value):
        return int(value)
    _refuse(code, f"{what} as nanoseconds since 1970", repr(value)[:80], path)


def _refuse(code: str, expected: str, found: str, path: Path, *, cause: Exception | None = None) -> Never:
    raise InputError(code, expected=expected, found=found, action=f"Mend {path}.") from cause


def _replace(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    except OSError as error:
        raise storage_error(error, path) from error
