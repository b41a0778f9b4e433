"""What the columns of a log's lines are in SQL: one table a line type, the names of `lakehouse.records`, numbers exact.

Numbers are text in the log and DECIMAL here. A number with more places than its column holds is refused, not rounded, with one
exception: amounts that Sluice computed beforehand and nothing is booked by (`Kind.COMPUTED`) are rounded at their 18th place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_type_hints

import msgspec

from lakehouse import records
from orders.errors import RecordCorrupt
from orders.values import Side


class Kind(Enum):
    """How a column is read: its SQL type, digits after the point (None: no DECIMAL), and whether more digits are rounded."""

    TEXT = ("VARCHAR", None, False)
    INTEGER = ("BIGINT", None, False)
    FLAG = ("BOOLEAN", None, False)
    JSON = ("JSON", None, False)
    PRICE = ("DECIMAL(38,15)", 15, False)  # a coin's tick of 1e-10, a made spread of bps around it, half of two of them
    QUANTITY = ("DECIMAL(38,10)", 10, False)  # also multipliers
    MONEY = ("DECIMAL(38,18)", 18, False)  # what moved, and rates
    NOTIONAL = ("DECIMAL(38,24)", 24, False)  # quantity x price x multiplier, exact
    COMPUTED = ("DECIMAL(38,18)", 18, True)  # forecasts and weights: nothing is booked by them

    def __init__(self, sql: str, places: int | None, rounded: bool) -> None:
        self.sql = sql
        self.places = places
        self.rounded = rounded


DIGITS: Final = 38  # of a DECIMAL in DuckDB: 128 bits
PLAIN: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?")

PRICES: Final = frozenset(
    [
        "price", "limit_price", "decision_price", "arrival_bid", "arrival_ask", "arrival_mid", "fill_bid", "fill_ask", "bid",
        "ask", "live_average_price", "twin_average_price",
    ]
)  # fmt: skip
QUANTITIES: Final = frozenset(
    [
        "quantity", "order_quantity", "filled_quantity", "multiplier", "held_quantity", "live_filled_quantity",
        "twin_filled_quantity",
    ]
)  # fmt: skip
MONIES: Final = frozenset(["fee", "amount", "rate"])
NOTIONALS: Final = frozenset(["notional_quote", "basis", "amount_base", "armed_base"])
COMPUTED: Final = frozenset(
    [
        "forecast_fee_base", "notional_base", "fee_base", "wanted_quantity", "unit_value_base", "target_weight", "held_weight",
        "crossed_weight", "equity_base", "day_start_base", "peak_base", "price_bps", "first_fill_ms", "last_fill_ms", "late_ms",
        "fill_ratio", "live_fill_ratio", "twin_fill_ratio",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `required`: a line without it is broken; otherwise a missing one reads as `default` (as text; None: NULL)."""

    name: str
    kind: Kind
    required: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """The lines of one `tag`, as a view called `name`."""

    name: str
    tag: str
    columns: tuple[Column, ...]


NAMES: Final[Mapping[str, str]] = {
    "fill": "fills", "intent": "intents", "verdict": "verdicts", "skip": "skips", "cancel": "cancels", "reject": "rejects",
    "ack": "acks", "send": "sends", "received": "received", "unknown": "unknowns", "plan": "plans", "manifest": "manifests",
    "cycle": "cycles", "cycle_end": "cycle_ends", "run_start": "runs", "run_stop": "run_stops", "financing": "financing",
    "transfer": "transfers",
    "alarm": "alarms", "halt": "halts", "drill": "drills", "flatten": "flattens", "override": "overrides",
    "reconcile": "reconciles", "recovery": "recoveries", "promotion": "promotions",
    "equity": "equities", "switch": "switches", "segment": "segments",
    "twin": "twins", "twin_start": "twin_starts",
}  # fmt: skip


def _kind(name: str, hint: Any) -> Kind:
    for names, kind in (
        (PRICES, Kind.PRICE),
        (QUANTITIES, Kind.QUANTITY),
        (MONIES, Kind.MONEY),
        (NOTIONALS, Kind.NOTIONAL),
        (COMPUTED, Kind.COMPUTED),
    ):
        if name in names:
            return kind
    parts = set(get_args(hint)) - {NoneType} if isinstance(hint, UnionType) else {hint}
    if parts <= {str, Side}:
        return Kind.TEXT
    if parts == {int}:
        return Kind.INTEGER
    return Kind.FLAG if parts == {bool} else Kind.JSON


def _columns(line: Any) -> tuple[Column, ...]:
    hints = get_type_hints(line)
    found = []
    for field in msgspec.structs.fields(line):
        hint = hints[field.name]
        optional = isinstance(hint, UnionType) and NoneType in get_args(hint)
        kind = _kind(field.name, hint)
        required = field.required and not optional and field.name != "plan"
        default = None
        if not field.required:
            value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            plain = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            default = None if value is None else plain
        found.append(Column(name=field.name, kind=kind, required=required, default=default))
    return tuple(found)


TABLES: Final = tuple(
    Table(name=NAMES[tag], tag=tag, columns=_columns(line))
    for line, tag in ((line, str(line.__struct_config__.tag)) for line in get_args(records.AnyLine))
)
BY_NAME: Final = {table.name: table for table in TABLES}

PLAN_LINE_COLUMNS: Final[Mapping[str, Kind]] = {
    "line": Kind.INTEGER, "symbol": Kind.TEXT, "venue": Kind.TEXT, "instrument_id": Kind.TEXT, "side": Kind.TEXT,
    "quantity": Kind.QUANTITY, "order_kind": Kind.TEXT, "reason": Kind.TEXT, "detail": Kind.TEXT,
    "target_weight": Kind.COMPUTED, "held_weight": Kind.COMPUTED, "held_quantity": Kind.QUANTITY,
    "wanted_quantity": Kind.COMPUTED, "bid": Kind.PRICE, "ask": Kind.PRICE, "unit_value_base": Kind.COMPUTED,
    "notional_base": Kind.COMPUTED, "fee_base": Kind.COMPUTED, "limit_price": Kind.PRICE, "forecast_price": Kind.PRICE,
    "attribution": Kind.JSON,
    "crossed_weight": Kind.COMPUTED, "after_line": Kind.INTEGER, "reduce_only": Kind.FLAG,
}  # fmt: skip


def check_numbers(line: records.AnyLine) -> None:
    """Raise `RecordCorrupt` LOG_NUMBER when a number of `line` is none, or has more digits than its column holds."""
    for column in BY_NAME[NAMES[str(line.__struct_config__.tag)]].columns:
        text = getattr(line, column.name)
        if column.kind.places is not None and text is not None and not fits(text, column.kind):
            raise RecordCorrupt(
                "LOG_NUMBER",
                expected=f"{digits_of(column.kind)} in {column.name}",
                found=repr(text[:60]),
                action="Run `sluice verify`.",
            )


def fits(text: str, kind: Kind) -> bool:
    """Say whether `text` is a plain number that a column of `kind` holds as it is (of a rounded kind: up to its places)."""
    assert kind.places is not None
    parts = PLAIN.fullmatch(text)
    if parts is None:
        return False
    whole, fraction = parts[1].lstrip("0"), parts[2] or ""
    return len(whole) <= DIGITS - kind.places and (kind.rounded or len(fraction) <= kind.places)


def digits_of(kind: Kind) -> str:
    """Return what `fits` asks for, in words."""
    assert kind.places is not None
    return f"a plain number of at most {DIGITS - kind.places} digits before its point and {kind.places} behind"
