"""The book valued at the newest prices: equity, and what a unit of each held symbol is worth, in base currency.

It runs between plans, thousands of times in a long backtest: one look-up a held symbol, and no values are made of prices that a
plan would need. A plan values by `orders.valuation`, which says why it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from typing import Final

from engine.prices import Prices
from orders.book import BookKeeper
from orders.exact import EXACT
from orders.values import Listing, MarketHours, MarketLimits, Rate

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


class BookValuer:
    """One per run. `rates` on the engine's clock; `hours_of(now_ns)` None: market hours are not judged."""

    def __init__(
        self,
        *,
        keeper: BookKeeper,
        prices: Prices,
        listings: Mapping[str, Listing],
        market_limits: Mapping[str, MarketLimits],
        rates: Mapping[str, Rate],
        base_currency: str,
        price_age_max_ns: int,
        hours_of: Callable[[int], Mapping[str, MarketHours] | None],
    ) -> None:
        self._keeper = keeper
        self._prices = prices
        self._listings = listings
        self._market_limits = market_limits
        self._rates = rates
        self._base_currency = base_currency
        self._price_age_max_ns = price_age_max_ns
        self._hours_of = hours_of
        self._units: dict[str, tuple[str, Decimal | None]] = {}  # symbol -> quote currency, multiplier

    def value(self, now_ns: int) -> tuple[Decimal, dict[str, Decimal]] | None:
        """Equity and what one unit of each held symbol is worth, in base currency; None where something is missing or stale."""
        values: dict[str, Decimal] = {}
        rates: dict[str, Decimal] = {self._base_currency: ONE}
        hours, oldest_ns, mark_of = self._hours_of(now_ns), now_ns - self._price_age_max_ns, self._prices.mark_of
        with localcontext(EXACT):
            equity = ZERO
            for amounts in self._keeper.cash.values():
                for currency, amount in amounts.items():
                    if amount:
                        rate = self.rate(currency, now_ns)
                        if rate is None:
                            return None
                        equity += amount * rate
            for symbol, units in self._keeper.positions.items():
                unit = self._unit_value(symbol, rates, now_ns)
                mark = mark_of(symbol)
                if unit is None or mark is None:
                    return None
                mid, ts_ns = mark
                if not oldest_ns <= ts_ns <= now_ns and not self._usable_while_closed(hours, symbol, ts_ns, now_ns):
                    return None
                value = values[symbol] = mid if unit == ONE else mid * unit
                equity += units * value
        return equity, values

    def _unit_value(self, symbol: str, rates: dict[str, Decimal], now_ns: int) -> Decimal | None:
        """Multiplier x rate of a symbol; `rates` are those of this valuation so far."""
        currency, multiplier = self._units.get(symbol) or self._units.setdefault(symbol, self._unit_of(symbol))
        rate = rates.get(currency)
        if rate is None:
            found = self.rate(currency, now_ns)
            if found is None or multiplier is None:
                return None
            rate = rates[currency] = found
        return None if multiplier is None else rate if multiplier == ONE else multiplier * rate

    def _unit_of(self, symbol: str) -> tuple[str, Decimal | None]:
        market = self._market_limits.get(symbol)
        return self._listings[symbol].quote_currency, None if market is None else market.multiplier

    def _usable_while_closed(self, hours: Mapping[str, MarketHours] | None, symbol: str, ts_ns: int, now_ns: int) -> bool:
        """Whether a price that is too old now was not when its market closed; see `orders.valuation.judged_at`."""
        known = None if hours is None else hours.get(symbol)
        if known is None or known.state != "closed" or known.closed_ns is None:
            return False
        return 0 <= min(now_ns, max(known.closed_ns, ts_ns)) - ts_ns <= self._price_age_max_ns

    def rate(self, currency: str, now_ns: int) -> Decimal | None:
        """Return base currency for one unit of `currency`; None when no rate holds now."""
        if currency == self._base_currency:
            return ONE
        rate = self._rates.get(currency)
        if rate is None or not (rate.as_of_ns <= now_ns <= rate.valid_until_ns and rate.value.is_finite() and rate.value > 0):
            return None
        return rate.value
