"""The book valued at the newest prices: equity, and what a unit of each held symbol is worth, in base currency.

It runs between plans, thousands of times in a long backtest: one look-up a held symbol, and no values are made of prices that a
plan would need. A plan values by `orders.valuation`, which says why it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import repeat
from operator import gt, is_, mul, sub
from typing import Final, NamedTuple

from engine.prices import Prices
from orders.book import BookKeeper
from orders.exact import RAW_PLACES, exact_operators
from orders.values import Listing, MarketHours, MarketLimits, Rate

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


class _Column(NamedTuple):
    """What is held in one currency: `units` x multiplier as whole numbers of the last of `places` decimals."""

    currency: str
    places: int
    symbols: Sequence[str]
    units: Sequence[int]


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
        self._held: dict[str, tuple[Decimal, tuple[str, int], int]] = {}  # symbol -> its units in the book, column, whole number
        self._seen: list[Decimal] = []  # the book that `_laid_out` is of, by the identity of its amounts
        self._seen_symbols: list[str] = []
        self._laid_out: list[_Column] = []
        self._raws: dict[str, int] = {}  # by symbol, the close last believed, as Nautilus has it
        self._all_read = True

    def quiet_equity(self, now_ns: int, *, jump_max: Decimal) -> Decimal | None:
        """Equity, what `value` says of it, of prices that are bars and lie within `jump_max` of those last believed.

        In whole numbers, by column, with no value made of any symbol: `unread` makes them of the newest such prices when they are
        wanted. None, and nothing is believed, where one is missing, stale, no bar, or not within; then `value` has the answer.
        """
        columns = self._columns()
        if columns is None:
            return None
        bars, believed, fresh, sums = self._prices.bars, self._raws, dict[str, int](), []
        most, whole = jump_max.as_integer_ratio()
        for column in columns:
            try:
                newest = [bars[symbol] for symbol in column.symbols]
                before = [believed[symbol] for symbol in column.symbols]
            except KeyError:
                return None
            stamps = [bar.ts_event for bar in newest]
            if min(stamps) < now_ns - self._price_age_max_ns or max(stamps) > now_ns:
                return None
            raws = [bar.close.raw for bar in newest]
            moved = map(abs, map(sub, raws, before))
            if min(raws) <= 0 or any(map(gt, map(mul, moved, repeat(whole)), map(mul, before, repeat(most)))):
                return None
            sums.append(sum(map(mul, column.units, raws)))
            fresh.update(zip(column.symbols, raws, strict=True))
        equity = self._summed(columns, sums, now_ns)
        if equity is not None:
            believed.update(fresh)
            self._all_read = False
        return equity

    def _columns(self) -> Sequence[_Column] | None:
        """The book by currency and decimal places, made anew where a position has changed; None: a multiplier is not known."""
        positions = self._keeper.positions
        amounts = list(positions.values())
        if len(amounts) == len(self._seen) and all(map(is_, amounts, self._seen)) and list(positions) == self._seen_symbols:
            return self._laid_out
        found: dict[tuple[str, int], tuple[list[str], list[int]]] = {}
        for symbol, units in positions.items():
            known = self._held.get(symbol)
            if known is None or known[0] is not units:
                known = self._hold(symbol, units)
            if known is None:
                return None
            _, unit, amount = known
            symbols, whole = found.setdefault(unit, ([], []))
            symbols.append(symbol)
            whole.append(amount)
        self._seen, self._seen_symbols = amounts, list(positions)
        self._laid_out = [_Column(*unit, symbols, whole) for unit, (symbols, whole) in found.items()]
        return self._laid_out

    def _summed(self, columns: Sequence[_Column], sums: Sequence[int], now_ns: int) -> Decimal | None:
        with exact_operators():
            equity = self._cash(now_ns)
            for column, total in zip(columns, sums, strict=True):
                rate = self.rate(column.currency, now_ns)
                if equity is None or rate is None:
                    return None
                equity += Decimal(total).scaleb(-column.places - RAW_PLACES) * rate
        return equity

    def unread(self) -> dict[str, Decimal]:
        """Return the values that `quiet_equity` believed since this was last asked, as `value` would have given them then."""
        if self._all_read:
            return {}
        self._all_read = True
        with exact_operators():
            return {symbol: Decimal(raw).scaleb(-RAW_PLACES) * self._factor(symbol) for symbol, raw in self._raws.items()}

    def _factor(self, symbol: str) -> Decimal:
        """Multiplier x rate of a symbol whose rate held when it was valued; rates do not change in a run."""
        currency, multiplier = self._units[symbol]
        assert multiplier is not None
        return multiplier if currency == self._base_currency else multiplier * self._rates[currency].value

    def believe(self, values: Mapping[str, Decimal]) -> None:
        """What `value` just returned is believed: the bars it looked at are what the next ones are held against."""
        bars = self._prices.bars
        self._raws = {symbol: bars[symbol].close.raw for symbol in values if symbol in bars}

    def forget(self) -> None:
        """The values of a plan are believed: the next valuation looks at every symbol by itself."""
        self._raws = {}

    def _hold(self, symbol: str, units: Decimal) -> tuple[Decimal, tuple[str, int], int] | None:
        """Remember units x multiplier as a whole number of its last decimal place; None where the multiplier is not known."""
        currency, multiplier = self._units.get(symbol) or self._units.setdefault(symbol, self._unit_of(symbol))
        if multiplier is None:
            return None
        with exact_operators():
            amount = units * multiplier
            exponent = amount.as_tuple().exponent
            assert isinstance(exponent, int)
            places = max(0, -exponent)
            whole = int(amount.scaleb(places))
        known = self._held[symbol] = (units, (currency, places), whole)
        return known

    def _cash(self, now_ns: int) -> Decimal | None:
        """Cash in base currency, inside an exact context; None when no rate holds."""
        cash = ZERO
        for amounts in self._keeper.cash.values():
            for currency, amount in amounts.items():
                if amount:
                    rate = self.rate(currency, now_ns)
                    if rate is None:
                        return None
                    cash += amount * rate
        return cash

    def value(self, now_ns: int) -> tuple[Decimal, dict[str, Decimal]] | None:
        """Equity and what one unit of each held symbol is worth, in base currency; None where something is missing or stale."""
        values: dict[str, Decimal] = {}
        rates: dict[str, Decimal] = {self._base_currency: ONE}
        hours, oldest_ns, mark_of = self._hours_of(now_ns), now_ns - self._price_age_max_ns, self._prices.mark_of
        with exact_operators():
            equity = self._cash(now_ns)
            if equity is None:
                return None
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
