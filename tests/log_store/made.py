"""Logs made line by line, one of each type, as the journal's encoder writes them."""

import os
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import msgspec

from analysis.log_columns import TABLES
from lakehouse import records
from lakehouse.records import AnyLine, Fill, RunStart
from orders.values import Side

START_NS = 1_790_000_000 * 10**9
SECOND = 10**9
LINE_TYPES = {str(line.__struct_config__.tag): line for line in get_args(records.AnyLine)}
PLAN_LINE = {
    "line": 1, "symbol": "NYSE:GE", "venue": "US", "instrument_id": "GE.US", "side": "SELL", "quantity": "730",
    "order_kind": "MARKET", "reason": "TRADE", "detail": "", "target_weight": "-0.05", "held_weight": "0", "held_quantity": "0",
    "wanted_quantity": "-730.754847", "bid": "71.8298", "ask": "71.8442", "unit_value_base": "1", "notional_base": "52435.754",
    "fee_base": "5.2435754", "limit_price": None, "attribution": {"custom/two": "-0.05"}, "crossed_weight": "0",
    "after_line": None, "reduce_only": False,
}  # fmt: skip


def line_of(tag: str, *, seq: int, **given: Any) -> AnyLine:
    """Return a line of a type with something in every field."""
    kind = LINE_TYPES[tag]
    hints = hints_of(kind)
    columns = {column.name: column for table in TABLES if table.tag == tag for column in table.columns}
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        fields[field.name] = _value(columns[field.name], hints[field.name], seq)
    fields |= {"v": 1, "seq": seq, "ts_ns": START_NS + seq * SECOND, "market_ns": START_NS + seq * SECOND, "run_id": "run-1"}
    if tag == "plan":
        fields["plan"] = {"lines": [PLAN_LINE, PLAN_LINE | {"line": 2, "symbol": "NYSE:PEP"}]}
    line: AnyLine = kind(**(fields | given))
    return line


@cache
def hints_of(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(column: Any, hint: Any, seq: int) -> Any:
    parts = set(get_args(hint)) - {NoneType} if isinstance(hint, UnionType) else {hint}
    if Side in parts:
        return Side.BUY
    if column.kind.places is not None:
        return f"{seq}.{'1' * 6}"
    if parts == {str}:
        return f"{column.name} {seq}"
    if parts == {int}:
        return seq
    if parts == {bool}:
        return True
    return {"a": {"b": "1"}} if "Mapping" in str(hint) else ["one", "two"]


def start(seq: int = 1, **given: Any) -> RunStart:
    line = line_of("run_start", seq=seq, starting_cash=None, **given)
    assert isinstance(line, RunStart)
    return line


def fill(seq: int, **given: Any) -> Fill:
    line = line_of("fill", seq=seq, **({"attribution": {}, "base_currency": None} | given))
    assert isinstance(line, Fill)
    return line


def encoded(*lines: AnyLine) -> bytes:
    return msgspec.json.Encoder().encode_lines(lines)


def write(path: Path, *lines: AnyLine) -> Path:
    path.write_bytes(encoded(*lines))
    return path


def fills_log(path: Path, count: int, **given: Any) -> Path:
    """Write a run's start and `count` fills; `count` may be large, so one is encoded and renumbered."""
    raw = encoded(fill(2, **given))
    path.write_bytes(encoded(start()) + b"".join(raw.replace(b'"seq":2,', b'"seq":%d,' % seq, 1) for seq in range(2, count + 2)))
    return path


def quiet(log: Path) -> Path:
    """Make a log look as if nobody had written to it for a minute."""
    past = log.stat().st_mtime - 60
    os.utime(log, (past, past))
    return log
