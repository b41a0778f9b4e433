"""What was traded since the day began, from the fills of the log: the day is UTC, in market time, and survives a restart."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from lakehouse.rebuild import DAY_NS, LogFold
from lakehouse.records import Fill
from orders.exact import EXACT, FLOOR, FRACTION_PLACES, ROUNDED, exact_arithmetic

ZERO = Decimal(0)


class DayTurnover:
    """Begins where the log's fold ends; `on_fill` takes every fill line after that."""

    def __init__(self, fold: LogFold) -> None:
        self._day = fold.day
        self._traded = dict(fold.day_traded)

    def on_fill(self, fill: Fill) -> None:
        """Count one fill to its day; an older day's is forgotten. Time that runs back stays on the day that was reached."""
        day = fill.market_ns // DAY_NS
        if day > self._day:
            self._day, self._traded = day, {}
        known = self._traded.get(fill.quote_currency, ZERO)
        self._traded[fill.quote_currency] = EXACT.add(known, EXACT.abs(Decimal(fill.notional_quote)))

    def fraction_of(self, equity: Decimal, *, market_ns: int, rate_of: Callable[[str], Decimal | None]) -> Decimal | None:
        """Return the traded notional of the day of `market_ns` over `equity` > 0, rounded half-even to 12 places.

        At the fills' prices and at rates of now; None where a currency of today's fills has no rate.
        """
        traded = self.base_of(market_ns=market_ns, rate_of=rate_of)
        return None if traded is None else FLOOR.divide(traded, equity).quantize(FRACTION_PLACES, context=ROUNDED)

    def base_of(self, *, market_ns: int, rate_of: Callable[[str], Decimal | None]) -> Decimal | None:
        """Return the traded notional of the day of `market_ns` in base currency; None as `fraction_of`."""
        if market_ns // DAY_NS > self._day:
            return ZERO
        total = ZERO
        with exact_arithmetic():
            for currency, amount in self._traded.items():
                rate = rate_of(currency)
                if rate is None:
                    return None
                total += amount * rate
        return total
