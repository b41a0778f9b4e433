"""Fills and quotes of other systems, as CSV: every row judged, in batches. What is wrong is one error with its line.

Columns are in data/README.md, "Fills of other systems". A cell that is empty is not known. CSV may be gzipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import prod
from pathlib import Path
from typing import Final, Never

from analysis.log_columns import Kind, digits_of, fits
from lakehouse.price_files import PriceFile, csv_rows
from lakehouse.price_times import Stamps
from orders.errors import InputError
from orders.exact import exact_arithmetic
from orders.values import Side

ROWS_MAX: Final = 50_000_000
BATCH_ROWS: Final = 50_000
TEXT_MAX: Final = 200
PRICE_PLACES_MAX: Final = 14  # half of one more place fits the price columns

FILL_TEXTS: Final = ("trade_id", "order_id", "venue", "symbol", "side", "quote_currency", "fee_currency")
FILL_NUMBERS: Final[Mapping[str, Kind]] = {"quantity": Kind.QUANTITY, "price": Kind.PRICE, "fee": Kind.MONEY}
FILL_OPTIONAL: Final[Mapping[str, Kind]] = {
    "order_time": Kind.INTEGER, "sent_time": Kind.INTEGER, "acked_time": Kind.INTEGER, "order_quantity": Kind.QUANTITY,
    "decision_price": Kind.PRICE, "arrival_bid": Kind.PRICE, "arrival_ask": Kind.PRICE, "multiplier": Kind.QUANTITY,
    "account": Kind.TEXT, "base_currency": Kind.TEXT, "liquidity": Kind.TEXT, "order_kind": Kind.TEXT, "source_run": Kind.TEXT,
}  # fmt: skip
FILL_COLUMNS: Final = ("time", *FILL_TEXTS, *FILL_NUMBERS, *FILL_OPTIONAL)
OF_AN_ORDER: Final = ("venue", "symbol", "side", "order_quantity", "order_time", "decision_price", "arrival_bid", "arrival_ask")
POSITIVE: Final = frozenset(
    ["quantity", "price", "order_quantity", "decision_price", "arrival_bid", "arrival_ask", "multiplier", "bid", "ask"]
)
CHOICES: Final[Mapping[str, Sequence[str]]] = {"side": tuple(Side), "liquidity": ("maker", "taker")}

type Row = dict[str, str | int | None]


@dataclass(slots=True)
class _Order:
    facts: tuple[str | int | None, ...]
    filled: Decimal = Decimal(0)


@dataclass(slots=True)
class _Reader:
    """One file being read: where the current line is, and what its stamps look like."""

    path: Path
    line: int = 1
    stamps: dict[str, Stamps] = field(default_factory=dict)

    def refuse(self, code: str, expected: str, found: str, action: str) -> Never:
        raise InputError(code, expected=f"{expected} in line {self.line} of {self.path}", found=found, action=action)

    def time(self, name: str, text: str) -> int:
        if name not in self.stamps:
            self.stamps[name] = Stamps(self.path, zone=None)
        return self.stamps[name].ns_of(text, self.line)

    def number(self, name: str, text: str, kind: Kind) -> str:
        point = text.find(".")
        if not fits(text, kind) or (kind is Kind.PRICE and 0 <= point < len(text) - 1 - PRICE_PLACES_MAX):
            self.refuse(
                "FOREIGN_NUMBER",
                f"{digits_of(kind)} in {name}",
                repr(text[:60]),
                "Write it plainly: no NaN, exponent, blank or comma.",
            )
        if name in POSITIVE and (text.startswith("-") or not text.strip("0.")):
            self.refuse(
                "FOREIGN_NUMBER", f"{name} above 0", repr(text[:60]), "Give sizes without sign; `side` says the direction."
            )
        return text

    def notional(self, *factors: str) -> str:
        with exact_arithmetic():
            product = format(prod(map(Decimal, factors)), "f")
        if not fits(product, Kind.NOTIONAL):
            expected = f"{digits_of(Kind.NOTIONAL)} in quantity x price x multiplier"
            self.refuse("FOREIGN_NUMBER", expected, product[:60], "Look for an absurd number.")
        return product

    def text(self, name: str, text: str) -> str:
        if not text or len(text) > TEXT_MAX or not text.isprintable() or text != text.strip():
            self.refuse("FOREIGN_TEXT", f"1 to {TEXT_MAX} printable characters in {name}", repr(text[:60]), "Mend the cell.")
        choices = CHOICES.get(name)
        if choices is not None and text not in choices:
            self.refuse("FOREIGN_CHOICE", f"{name} {' or '.join(choices)}", repr(text[:60]), "Write it so, in these letters.")
        return text

    def cell(self, name: str, text: str, kind: Kind) -> str | int | None:
        if kind is Kind.INTEGER:
            return self.time(name, text)
        return self.text(name, text) if kind is Kind.TEXT else self.number(name, text, kind)


def read_fills(path: Path) -> Iterator[list[Row]]:
    """Yield the rows of a CSV of fills in batches, each with all of `FILL_COLUMNS` and its `line` and exact `notional_quote`.

    Raises `InputError`: FILE_MISSING, FILE_EMPTY, FOREIGN_COLUMNS, FOREIGN_NUMBER (also NaN), FOREIGN_TEXT, FOREIGN_CHOICE,
    FOREIGN_UNSORTED, FOREIGN_TWICE (a trade id again), FOREIGN_ORDER (rows of an order disagree, or fill more than it), and those
    of `csv_rows` and `Stamps`.
    """
    required = ("time", *FILL_TEXTS, *FILL_NUMBERS)
    reader = _Reader(path)
    trades: set[tuple[str | int | None, ...]] = set()
    orders: dict[str, _Order] = {}
    last_ns = 0
    for batch in _batches(reader, required=required, optional=tuple(FILL_OPTIONAL)):
        made = []
        for reader.line, cells in batch:
            row = _fill(reader, cells)
            time_ns = row["time"]
            assert isinstance(time_ns, int)
            if time_ns < last_ns:
                reader.refuse("FOREIGN_UNSORTED", "times that never go back", repr(cells["time"]), "Sort the file by time.")
            last_ns = time_ns
            key = (row["venue"], row["account"], row["symbol"], row["trade_id"])
            if key in trades:
                reader.refuse(
                    "FOREIGN_TWICE",
                    "a trade id once for a venue, account and symbol",
                    repr(cells["trade_id"]),
                    "Take the second row out.",
                )
            trades.add(key)
            _judge_order(reader, row, orders)
            made.append(row)
        yield made


def _fill(reader: _Reader, cells: Mapping[str, str]) -> Row:
    row: Row = {"line": reader.line, "time": reader.time("time", cells["time"])}
    for name in FILL_TEXTS:
        row[name] = reader.text(name, cells[name])
    for name, kind in FILL_NUMBERS.items():
        row[name] = reader.number(name, cells[name], kind)
    for name, kind in FILL_OPTIONAL.items():
        text = cells.get(name, "")
        row[name] = reader.cell(name, text, kind) if text else None
    row["notional_quote"] = reader.notional(cells["quantity"], cells["price"], cells.get("multiplier") or "1")
    if (row["arrival_bid"] is None) != (row["arrival_ask"] is None):
        reader.refuse("FOREIGN_ORDER", "arrival_bid and arrival_ask, or neither", "one of them", "Give both.")
    for earlier, later in (("order_time", "sent_time"), ("sent_time", "acked_time"), ("order_time", "time")):
        first, second = row[earlier], row[later]
        if isinstance(first, int) and isinstance(second, int) and first > second:
            reader.refuse(
                "FOREIGN_ORDER",
                f"{earlier} not after {later}",
                f"{first} and {second} ns",
                "Look at the clocks or the zones of the columns.",
            )
    return row


def _judge_order(reader: _Reader, row: Row, orders: dict[str, _Order]) -> None:
    name = str(row["order_id"])
    facts = tuple(row[fact] for fact in OF_AN_ORDER)
    order = orders.setdefault(name, _Order(facts=facts))
    if order.facts != facts:
        which = next(fact for fact, was, now in zip(OF_AN_ORDER, order.facts, facts, strict=True) if was != now)
        reader.refuse(
            "FOREIGN_ORDER",
            f"one {which} in all rows of order {name}",
            f"{row[which]!r}",
            "An order_id names one order of the file.",
        )
    with exact_arithmetic():
        order.filled += Decimal(str(row["quantity"]))
    if row["order_quantity"] is not None and order.filled > Decimal(str(row["order_quantity"])):
        reader.refuse(
            "FOREIGN_ORDER",
            f"fills of at most order_quantity {row['order_quantity']} for order {name}",
            str(order.filled),
            "Mend one of them.",
        )


def read_quotes(path: Path) -> Iterator[list[Row]]:
    """Yield the rows of a CSV of quotes in batches: `line`, `time`, `symbol`, `bid`, `ask`, `bid_size`, `ask_size`.

    Times never go back within a symbol; of several quotes of one instant the last counts. Raises as `read_fills`, and
    FOREIGN_CROSSED (a bid above its ask).
    """
    reader = _Reader(path)
    last_ns: dict[str, int] = {}
    for batch in _batches(
        reader, required=("time", "symbol", "bid", "ask"), optional=("bid_size", "ask_size"), also={"ts_ns": "time"}
    ):
        made = []
        for reader.line, cells in batch:
            time_ns = reader.time("time", cells["time"])
            symbol = reader.text("symbol", cells["symbol"])
            bid, ask = (reader.number(name, cells[name], Kind.PRICE) for name in ("bid", "ask"))
            if Decimal(bid) > Decimal(ask):
                reader.refuse(
                    "FOREIGN_CROSSED", "a bid not above its ask", f"{bid} and {ask}", "Take the row out, or swap the columns."
                )
            if time_ns < last_ns.get(symbol, 0):
                reader.refuse(
                    "FOREIGN_UNSORTED", f"times of {symbol} that never go back", repr(cells["time"]), "Sort the file by time."
                )
            last_ns[symbol] = time_ns
            row: Row = {"line": reader.line, "time": time_ns, "symbol": symbol, "bid": bid, "ask": ask}
            for name in ("bid_size", "ask_size"):
                row[name] = reader.number(name, cells[name], Kind.QUANTITY) if cells.get(name) else None
            made.append(row)
        yield made


def _batches(
    reader: _Reader, *, required: Sequence[str], optional: Sequence[str], also: Mapping[str, str] | None = None
) -> Iterator[list[tuple[int, dict[str, str]]]]:
    """Yield (line, cells by column) in batches; `also`: other names of columns."""
    source = PriceFile(reader.path)
    if source.form == "parquet":
        reader.refuse("FOREIGN_COLUMNS", "CSV", "Parquet", "Write it as CSV.")
    rows = csv_rows(source, delimiter=",", progress=lambda *_: None)
    head = [(also or {}).get(name.strip(), name.strip()) for name in next(rows, (1, []))[1]]
    missing = [name for name in required if name not in head]
    unknown = sorted({name for name in head if name not in (*required, *optional)})
    twice = sorted({name for name in head if head.count(name) > 1})
    if missing or unknown or twice:
        found = "; ".join(
            f"{what} {', '.join(names)[:200]}"
            for what, names in (("without", missing), ("besides", unknown), ("twice", twice))
            if names
        )
        reader.refuse(
            "FOREIGN_COLUMNS",
            f"columns {', '.join(required)}; also allowed {', '.join(optional)}",
            found,
            "Name the columns so in the first line.",
        )
    batch: list[tuple[int, dict[str, str]]] = []
    count = 0
    for line, fields in rows:
        count += 1
        if count > ROWS_MAX:
            reader.line = line
            reader.refuse("FOREIGN_ROWS", f"at most {ROWS_MAX} rows", "more", "Split the file.")
        batch.append((line, dict(zip(head, fields, strict=True))))
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if not count:
        reader.refuse("FILE_EMPTY", "at least one row after the header", "none", "Export it again.")
    if batch:
        yield batch
