"""Daily volatility of each symbol from the prices at hand, for the impact of its orders."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Final

NS_PER_DAY: Final = 86_400 * 1_000_000_000
RETURNS_MIN: Final = 20  # a deviation of fewer is off by more than a sixth
PLACES: Final = 12


def daily_volatilities(prices: Iterable[tuple[int, str, Decimal]]) -> Mapping[str, Decimal]:
    """Return symbol -> sample deviation of log returns from the last mid of one UTC day to that of the next day with a price.

    Prices are (market instant in ns, symbol, mid above 0) in any order. A symbol with fewer than 20 returns, or whose price never
    moved, has none: it is not known. The result is a fraction, rounded to 12 places; the logarithms are floats.
    """
    last: dict[str, dict[int, tuple[int, Decimal]]] = {}
    for market_ns, symbol, mid in prices:
        days = last.setdefault(symbol, {})
        day = market_ns // NS_PER_DAY
        if day not in days or days[day][0] <= market_ns:
            days[day] = (market_ns, mid)
    found = {}
    for symbol, days in last.items():
        mids = [float(days[day][1]) for day in sorted(days)]
        returns = [math.log(after / before) for before, after in pairwise(mids)]
        if len(returns) < RETURNS_MIN:
            continue
        mean = math.fsum(returns) / len(returns)
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in returns) / (len(returns) - 1))
        if deviation > 0:
            found[symbol] = Decimal(f"{deviation:.{PLACES}f}")
    return found
