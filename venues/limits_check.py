"""Are the market limits of the run still the venue's? Compared at a start, before anything is sent. Pure.

What matters: another step, tick or multiplier at all, because quantities and prices are multiples of ours; a floor that is higher
or a maximum that is lower at the venue, because an order within ours would be refused. What is looser there does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from lakehouse.snapshots import RefusedLimit
from orders.canonical import decimal_text
from orders.values import MarketLimits, Record


class LimitsDifference(Record, frozen=True, kw_only=True):
    """One field of one symbol that differs in a way that matters; values as text."""

    symbol: str
    field: str
    ours: str
    theirs: str

    @property
    def words(self) -> str:
        """In one breath."""
        return f"{self.symbol} {self.field} {self.ours} here, {self.theirs} there"


def limits_differences(
    ours: Mapping[str, MarketLimits], *, limits: Iterable[MarketLimits], refused: Iterable[RefusedLimit]
) -> tuple[LimitsDifference, ...]:
    """Return what matters, by symbol and field; `limits` and `refused` are the venue's answer.

    A symbol the venue has no usable limits for differs by its refusal's code.
    """
    theirs = {limit.symbol: limit for limit in limits}
    codes = {refusal.symbol: refusal.code for refusal in refused}
    found = []
    for symbol, mine in sorted(ours.items()):
        other = theirs.get(symbol)
        if other is None:
            found.append(_difference(symbol, "market", "listed", codes.get(symbol, "NOT_AT_VENUE")))
            continue
        for field in ("step_size", "tick_size", "multiplier"):
            if getattr(mine, field) != getattr(other, field):
                found.append(_difference(symbol, field, getattr(mine, field), getattr(other, field)))
        for field in ("min_quantity", "min_notional"):
            if getattr(other, field) > getattr(mine, field):
                found.append(_difference(symbol, field, getattr(mine, field), getattr(other, field)))
        if other.max_quantity is not None and (mine.max_quantity is None or other.max_quantity < mine.max_quantity):
            found.append(_difference(symbol, "max_quantity", mine.max_quantity, other.max_quantity))
    return tuple(found)


def _difference(symbol: str, field: str, ours: Decimal | str | None, theirs: Decimal | str) -> LimitsDifference:
    return LimitsDifference(symbol=symbol, field=field, ours=_text(ours), theirs=_text(theirs))


def _text(value: Decimal | str | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else decimal_text(value)
