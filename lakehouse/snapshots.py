"""Dated snapshots: quotes (CSV), the book (JSON) and market limits (JSON), read and written, schemas in `data/README.md`.

`sluice plan` reads them, a run writes them. Numbers are decimal text, nanoseconds are text or integers; files are replaced
whole, so a reader never sees half of one.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from lakehouse.snapshot_parts import (
    SNAPSHOT_VERSION,
    above_zero,
    at_least_zero,
    name_of,
    nanoseconds,
    number_of,
    refuse,
    replace_snapshot,
    snapshot_bytes,
    snapshot_document,
    snapshot_text,
    table_of,
)
from orders.book import Book
from orders.canonical import decimal_text, plain, sha256_hex
from orders.errors import InputError
from orders.flatten import Withdrawal
from orders.plan import OpenOrder
from orders.values import MarketLimits, Quote, Record, Side

MESSAGE_MAX: Final = 1_000
QUOTE_COLUMNS: Final = ["symbol", "bid", "ask", "ts_ns"]
LIMIT_FIELDS: Final = frozenset(MarketLimits.__struct_fields__)
BOOK_FIELDS: Final = frozenset({"version", "as_of_ns", "cash", "positions", "cycle", "open_orders", "withdrawn"})
LIMITS_FIELDS: Final = frozenset({"version", "as_of_ns", "source", "limits", "refused"})
LIMITS_OPTIONAL: Final = frozenset({"refused"})


class BookSnapshot(Record, frozen=True, kw_only=True):
    """A book at `as_of_ns` (market time), the number of the last cycle opened (0: none), and what still works.

    `withdrawn`: what a person has flattened of the manifest in force.
    """

    as_of_ns: int
    book: Book
    cycle: int
    open_orders: tuple[OpenOrder, ...]
    withdrawn: tuple[Withdrawal, ...] = ()


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
    text = snapshot_text(path, snapshot_bytes(path))
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        refuse("QUOTES_INVALID", "CSV", str(error), path, cause=error)
    if rows[0] != QUOTE_COLUMNS:
        refuse("QUOTES_INVALID", f"line 1 to be {','.join(QUOTE_COLUMNS)}", ",".join(rows[0])[:80], path)
    quotes: dict[str, Quote] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(QUOTE_COLUMNS):
            refuse("QUOTES_INVALID", f"four fields on line {number}", str(len(row)), path)
        symbol, bid, ask, ts_ns = row
        if not symbol or symbol in quotes:
            refuse("QUOTES_INVALID", f"a symbol of its own on line {number}", repr(symbol), path)
        quotes[symbol] = Quote(
            symbol=symbol,
            bid=above_zero(bid, f"bid on line {number}", path, "QUOTES_INVALID"),
            ask=above_zero(ask, f"ask on line {number}", path, "QUOTES_INVALID"),
            ts_ns=nanoseconds(ts_ns, f"ts_ns on line {number}", path, "QUOTES_INVALID"),
        )
    return quotes


def write_quotes(path: Path, quotes: Iterable[Quote]) -> None:
    """Write the quotes, ordered by symbol, whole or not at all. Raises `StorageError`."""
    lines = [",".join(QUOTE_COLUMNS)]
    for quote in sorted(quotes, key=lambda quote: quote.symbol):
        assert not set(quote.symbol) & set(',"\n\r')
        lines.append(f"{quote.symbol},{decimal_text(quote.bid)},{decimal_text(quote.ask)},{quote.ts_ns}")
    replace_snapshot(path, ("\n".join(lines) + "\n").encode())


def read_book(path: Path) -> BookSnapshot:
    """Read a book snapshot. Raises `InputError` BOOK_INVALID, `NotYet` when the file is absent or empty."""
    document = snapshot_document(
        path, snapshot_bytes(path), "BOOK_INVALID", BOOK_FIELDS, optional=frozenset({"open_orders", "withdrawn"})
    )
    code = "BOOK_INVALID"
    cash = {
        name_of(venue, "venue", path, code): {
            name_of(currency, "currency", path, code): number_of(amount, f"cash.{venue}.{currency}", path, code)
            for currency, amount in table_of(amounts, f"cash.{venue}", path, code).items()
        }
        for venue, amounts in table_of(document["cash"], "cash", path, code).items()
    }
    positions = {
        name_of(symbol, "symbol", path, code): number_of(quantity, f"positions.{symbol}", path, code)
        for symbol, quantity in table_of(document["positions"], "positions", path, code).items()
    }
    cycle = document["cycle"]
    if type(cycle) is not int or cycle < 0:
        refuse(code, "cycle as a whole number >= 0", repr(cycle), path)
    orders = document.get("open_orders", [])
    if not isinstance(orders, list):
        refuse(code, "open_orders as a list", type(orders).__name__, path)
    return BookSnapshot(
        as_of_ns=nanoseconds(document["as_of_ns"], "as_of_ns", path, code),
        book=Book(cash=cash, positions={symbol: quantity for symbol, quantity in positions.items() if quantity}),
        cycle=cycle,
        open_orders=tuple(_open_order(order, number, path) for number, order in enumerate(orders, start=1)),
        withdrawn=_withdrawn(document.get("withdrawn", []), path),
    )


def _withdrawn(value: Any, path: Path) -> tuple[Withdrawal, ...]:
    try:
        return msgspec.convert(value, tuple[Withdrawal, ...], strict=False)
    except msgspec.ValidationError as error:
        fields = ", ".join(Withdrawal.__struct_fields__)
        refuse("BOOK_INVALID", f"withdrawn as a list of objects with {fields}", str(error)[:120], path, cause=error)


def _open_order(value: Any, number: int, path: Path) -> OpenOrder:
    order = table_of(value, f"open order {number}", path, "BOOK_INVALID")
    if order.keys() != set(OpenOrder.__struct_fields__):
        refuse("BOOK_INVALID", f"{', '.join(OpenOrder.__struct_fields__)} in open order {number}", str(sorted(order)), path)
    if order["side"] not in list(Side):
        refuse("BOOK_INVALID", f"BUY or SELL as side of open order {number}", repr(order["side"]), path)
    return OpenOrder(
        client_order_id=name_of(order["client_order_id"], "client_order_id", path, "BOOK_INVALID"),
        symbol=name_of(order["symbol"], "symbol", path, "BOOK_INVALID"),
        side=Side(order["side"]),
        leaves_quantity=above_zero(order["leaves_quantity"], f"leaves_quantity of open order {number}", path, "BOOK_INVALID"),
    )


def write_book(
    path: Path,
    book: Book,
    *,
    as_of_ns: int,
    cycle: int,
    open_orders: Sequence[OpenOrder] = (),
    withdrawn: Sequence[Withdrawal] = (),
) -> None:
    """Write the book whole or not at all; `cycle` is the number of the last cycle opened. Raises `StorageError`."""
    document = {
        "version": SNAPSHOT_VERSION,
        "as_of_ns": str(as_of_ns),
        "cycle": cycle,
        "cash": plain(book.cash),
        "positions": plain(book.positions),
        "open_orders": plain(open_orders),
        "withdrawn": [plain(known) | {"ts_ns": str(known.ts_ns)} for known in withdrawn],
    }
    replace_snapshot(path, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())


def read_market_limits(path: Path) -> MarketLimitsSnapshot:
    """Read market limits. A symbol whose step, tick or multiplier is zero or missing is refused alone and has no limits.

    Raises `InputError` MARKET_LIMITS_INVALID when the file is not of this format or names a symbol twice, `NotYet` when it
    is absent or empty.
    """
    code = "MARKET_LIMITS_INVALID"
    data = snapshot_bytes(path)
    document = snapshot_document(path, data, code, LIMITS_FIELDS, optional=LIMITS_OPTIONAL)
    if not isinstance(document["source"], str) or not isinstance(document["limits"], list):
        refuse(code, "source as text and limits as a list", "something else", path)
    usable: dict[str, MarketLimits] = {}
    refused: dict[str, RefusedLimit] = {}
    for number, value in enumerate(document["limits"], start=1):
        row = table_of(value, f"entry {number}", path, code)
        symbol = name_of(row.get("symbol"), f"symbol of entry {number}", path, code)
        if symbol in usable or symbol in refused:
            refuse(code, "each symbol once", f"{symbol} twice", path)
        try:
            usable[symbol] = _limits(row, path)
        except InputError as error:
            refused[symbol] = RefusedLimit(symbol=symbol, code=error.code, message=str(error))
    for known in _refused(document.get("refused", []), path):
        if known.symbol in usable or known.symbol in refused:
            refuse(code, "each symbol once", f"{known.symbol} twice", path)
        refused[known.symbol] = known
    return MarketLimitsSnapshot(
        as_of_ns=nanoseconds(document["as_of_ns"], "as_of_ns", path, code),
        source=document["source"],
        limits=usable,
        refused=tuple(refused.values()),
        sha256=sha256_hex(data),
    )


def _limits(row: Mapping[str, Any], path: Path) -> MarketLimits:
    code = "LIMITS_REFUSED"
    symbol = row["symbol"]
    if row.keys() != LIMIT_FIELDS:
        refuse(code, f"{', '.join(sorted(LIMIT_FIELDS))} for {symbol}", str(sorted(row)), path)
    return MarketLimits(
        symbol=symbol,
        venue=name_of(row["venue"], f"venue of {symbol}", path, code),
        step_size=above_zero(row["step_size"], f"step_size of {symbol}", path, code),
        tick_size=above_zero(row["tick_size"], f"tick_size of {symbol}", path, code),
        min_quantity=at_least_zero(row["min_quantity"], f"min_quantity of {symbol}", path, code),
        min_notional=at_least_zero(row["min_notional"], f"min_notional of {symbol}", path, code),
        max_quantity=None
        if row["max_quantity"] is None
        else above_zero(row["max_quantity"], f"max_quantity of {symbol}", path, code),
        multiplier=above_zero(row["multiplier"], f"multiplier of {symbol}", path, code),
    )


def _refused(value: Any, path: Path) -> Iterable[RefusedLimit]:
    code = "MARKET_LIMITS_INVALID"
    if not isinstance(value, list):
        refuse(code, "refused as a list", type(value).__name__, path)
    for number, entry in enumerate(value, start=1):
        row = table_of(entry, f"refused symbol {number}", path, code)
        if row.keys() != set(RefusedLimit.__struct_fields__):
            refuse(code, f"symbol, code and message in refused symbol {number}", str(sorted(row)), path)
        yield RefusedLimit(
            symbol=name_of(row["symbol"], f"symbol of refused symbol {number}", path, code),
            code=name_of(row["code"], f"code of refused symbol {number}", path, code),
            message=str(row["message"])[:MESSAGE_MAX],
        )


def write_market_limits(
    path: Path, limits: Iterable[MarketLimits], *, as_of_ns: int, source: str, refused: Iterable[RefusedLimit] = ()
) -> None:
    """Write limits, ordered by symbol, whole or not at all. `refused`: what was asked for and has none. Raises `StorageError`."""
    turned_away = sorted(refused, key=lambda entry: entry.symbol)
    document = {
        "version": SNAPSHOT_VERSION,
        "as_of_ns": str(as_of_ns),
        "source": source,
        "limits": [plain(entry) for entry in sorted(limits, key=lambda entry: entry.symbol)],
    } | ({"refused": [plain(entry) for entry in turned_away]} if turned_away else {})
    replace_snapshot(path, (json.dumps(document, indent=1) + "\n").encode())
