"""What changes when one market limits file takes the place of another: by symbol and field, in words a person can judge."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

from lakehouse.snapshots import MarketLimitsSnapshot
from orders.canonical import decimal_text
from orders.values import MarketLimits, Record

FIELDS: Final = tuple(name for name in MarketLimits.__struct_fields__ if name != "symbol")


class Change(Record, frozen=True, kw_only=True):
    """One difference. `field` "" for a symbol that is `new` or `gone` as a whole; `before`, `after` as text, "none" for null."""

    symbol: str
    kind: Literal["new", "gone", "changed"]
    field: str = ""
    before: str = ""
    after: str = ""


def compare_limits(before: MarketLimitsSnapshot, after: MarketLimitsSnapshot) -> tuple[Change, ...]:
    """Return every difference of usable limits, by symbol; a symbol that is refused now is gone."""
    old, new = before.limits, after.limits
    found: list[Change] = []
    for symbol in sorted(old.keys() | new.keys()):
        if symbol not in old:
            found.append(Change(symbol=symbol, kind="new"))
        elif symbol not in new:
            found.append(Change(symbol=symbol, kind="gone", after=_why(after, symbol)))
        else:
            found.extend(_changes(symbol, old, new))
    return tuple(found)


def _changes(symbol: str, old: Mapping[str, MarketLimits], new: Mapping[str, MarketLimits]) -> list[Change]:
    pairs = [(name, getattr(old[symbol], name), getattr(new[symbol], name)) for name in FIELDS]
    return [
        Change(symbol=symbol, kind="changed", field=name, before=_text(was), after=_text(now))
        for name, was, now in pairs
        if was != now
    ]


def _why(snapshot: MarketLimitsSnapshot, symbol: str) -> str:
    return next((refused.code for refused in snapshot.refused if refused.symbol == symbol), "")


def _text(value: object) -> str:
    if value is None:
        return "none"
    return decimal_text(value) if isinstance(value, Decimal) else str(value)
