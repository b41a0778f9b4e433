"""Spreads, markouts and reversion of one fill, in price units and bps; positive is a cost to who traded.

Huang and Stoll (1996), "Dealer versus auction markets", Journal of Financial Economics 41: effective spread, realised spread
and the price impact between them. The market's mid after the fill is an argument: `analysis.quotes` finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from analysis.exact_inputs import checked_quote, positive, ratio_bps, side_of
from orders.exact import exact_arithmetic
from orders.values import Side

SECOND_NS: Final = 1_000_000_000
MARKOUT_NS: Final[Mapping[str, int]] = {
    "1s": SECOND_NS,
    "10s": 10 * SECOND_NS,
    "1m": 60 * SECOND_NS,
    "5m": 300 * SECOND_NS,
    "30m": 1800 * SECOND_NS,
}
"""Name of a markout -> how long after the fill its mid is taken, in nanoseconds of market time."""


def mid_price(*, bid: Decimal, ask: Decimal) -> Decimal:
    """Return the exact mean. Raises `InputError`: NUMBER_INVALID, NOT_POSITIVE, PRICE_CROSSED."""
    low, high = checked_quote(bid=bid, ask=ask)
    with exact_arithmetic():
        return (low + high) / 2


def quoted_spread(*, bid: Decimal, ask: Decimal) -> Decimal:
    """Return ask - bid, exact. Raises `InputError` as `mid_price`."""
    low, high = checked_quote(bid=bid, ask=ask)
    with exact_arithmetic():
        return high - low


def effective_spread(*, side: Side | str, price: Decimal, bid: Decimal, ask: Decimal) -> Decimal:
    """Return 2 s (price - mid), exact, in quote currency a unit: the whole spread really paid; below the quoted one where the
    price was improved, below 0 where the fill was beyond mid to one's own good. `bid`, `ask`: the book at the fill.

    Raises `InputError`: SIDE_INVALID, NUMBER_INVALID, NOT_POSITIVE, PRICE_CROSSED.
    """
    return _twice(side, positive(price, name="price"), mid_price(bid=bid, ask=ask))


def realised_spread(*, side: Side | str, price: Decimal, mid_after: Decimal) -> Decimal:
    """Return 2 s (price - mid after), exact: what the other side kept of the effective spread.

    Raises `InputError`: SIDE_INVALID, NUMBER_INVALID, NOT_POSITIVE.
    """
    return _twice(side, positive(price, name="price"), positive(mid_after, name="mid_after"))


def price_impact(*, side: Side | str, mid: Decimal, mid_after: Decimal) -> Decimal:
    """Return 2 s (mid after - mid) = effective - realised spread, exact: how far the market went with the trade.

    Raises `InputError`: SIDE_INVALID, NUMBER_INVALID, NOT_POSITIVE.
    """
    return _twice(side, positive(mid_after, name="mid_after"), positive(mid, name="mid"))


def markout_bps(*, side: Side | str, price: Decimal, mid_after: Decimal) -> Decimal:
    """Return s (mid after - price) / price in bps, rounded half-even to 12 places: above 0 the trade was good at that time.

    It is a gain when positive, unlike the costs beside it. Raises `InputError`: SIDE_INVALID, NUMBER_INVALID, NOT_POSITIVE.
    """
    sign = side_of(side).sign
    paid, after = positive(price, name="price"), positive(mid_after, name="mid_after")
    with exact_arithmetic():
        return ratio_bps(sign * (after - paid), paid)


def reversion_bps(*, side: Side | str, mid_at_last_fill: Decimal, mid_after: Decimal) -> Decimal:
    """Return s (mid at the last fill - mid after) / mid at the last fill in bps, rounded half-even to 12 places.

    Above 0 the market came back once the order was done: that much of its impact was temporary (Almgren et al. 2005 measure
    permanent impact at half an hour after). Raises `InputError`: SIDE_INVALID, NUMBER_INVALID, NOT_POSITIVE.
    """
    sign = side_of(side).sign
    last, after = positive(mid_at_last_fill, name="mid_at_last_fill"), positive(mid_after, name="mid_after")
    with exact_arithmetic():
        return ratio_bps(sign * (last - after), last)


def _twice(side: Side | str, one: Decimal, other: Decimal) -> Decimal:
    sign = side_of(side).sign
    with exact_arithmetic():
        return 2 * sign * (one - other)
