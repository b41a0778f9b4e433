"""Are the market limits of the run still the venue's? Compared at a start, before anything is sent.

What matters: another step, tick or multiplier at all, because quantities and prices are multiples of ours; a floor that is higher
or a maximum that is lower at the venue, because an order within ours would be refused. What is looser there does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from orders.canonical import decimal_text
from orders.values import Listing, MarketLimits, Record
from venues.ccxt.endpoint import Endpoint
from venues.ccxt.market_limits import FetchedLimits, fetch_limits


class LimitsDifference(Record, frozen=True, kw_only=True):
    """One field of one symbol that differs in a way that matters; values as text."""

    symbol: str
    field: str
    ours: str
    theirs: str


def differences(ours: Mapping[str, MarketLimits], fetched: FetchedLimits) -> tuple[LimitsDifference, ...]:
    """Return what matters, by symbol and field. A symbol the venue has no usable limits for differs by its refusal's code."""
    theirs = {limits.symbol: limits for limits in fetched.limits}
    refused = {refusal.symbol: refusal.code for refusal in fetched.refused}
    found = []
    for symbol, mine in sorted(ours.items()):
        other = theirs.get(symbol)
        if other is None:
            found.append(_difference(symbol, "market", "listed", refused.get(symbol, "NOT_AT_VENUE")))
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


async def limits_changed(
    exchange: str, *, listings: Mapping[str, Listing], market_limits: Mapping[str, MarketLimits], endpoint: Endpoint | None
) -> tuple[str, ...]:
    """Ask the venue's public list once for every symbol of `market_limits`, all of one venue; return each difference in words.

    They name symbol, field and both values. Raises `VenueUnavailable` VENUE_UNREACHABLE.
    """
    asked = tuple(listings[symbol] for symbol in sorted(market_limits))
    found = differences(market_limits, await fetch_limits(exchange, asked, endpoint=endpoint))
    return tuple(f"{each.symbol} {each.field} {each.ours} here, {each.theirs} there" for each in found)


def _difference(symbol: str, field: str, ours: Decimal | str | None, theirs: Decimal | str) -> LimitsDifference:
    return LimitsDifference(symbol=symbol, field=field, ours=_text(ours), theirs=_text(theirs))


def _text(value: Decimal | str | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else decimal_text(value)
