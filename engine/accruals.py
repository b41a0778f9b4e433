"""Accruals: borrow, funding and interest booked when market time passes their instants, once each, in both kernels alike.

The first price at or after an instant, or a fill if one comes before it, books what is due; the marks are the last prices before
the instant. No timer: what happens depends on the data alone, so a backtest, a shadow and a restart agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from engine.instruments import currency
from engine.market_time import MarketTime
from engine.prices import QUOTES, Prices
from engine.recorder import Recorder
from lakehouse import records
from lakehouse.rebuild import FinancingKey, LogFold
from orders.canonical import decimal_text, plain
from orders.errors import InputError, SluiceError
from orders.financing import (
    FinancingKind,
    FinancingTerms,
    daily_after,
    daily_before,
    days_amount,
    funding_amount,
    interest_amount,
    interval_after,
)
from orders.values import Listing, MarketLimits, Record

ACCRUAL_PRIORITY: Final = 40  # before the newest bar is taken and before the strategy acts on the price
NEVER: Final = 2**63 - 1
ONE_DAY: Final = 1
ZERO: Final = Decimal(0)

Adjust = Callable[[str, Decimal], None]  # currency, signed amount: moves the venue's own account


class Due(Record, frozen=True, kw_only=True):
    """One amount to be booked at `to_ns`; texts of the line are made from it. `symbol` None: interest."""

    kind: FinancingKind
    venue: str
    currency: str
    symbol: str | None
    amount: Decimal
    rate: Decimal
    basis: Decimal
    quantity: Decimal | None
    price: Decimal | None
    from_ns: int
    to_ns: int

    @property
    def key(self) -> FinancingKey:
        """What may be booked once a period."""
        return self.venue, self.kind.value, self.symbol or self.currency


class Accruals:
    """One per run, on the loop's thread. `attach` each venue's account before prices come.

    `series`: rates by funding instant of the perpetuals that have a dated series. `on_cash(venue, currency, amount)` is told of
    what was booked.
    """

    def __init__(
        self,
        *,
        terms: FinancingTerms,
        series: Mapping[str, Mapping[int, Decimal]],
        recorder: Recorder,
        prices: Prices,
        listings: Mapping[str, Listing],
        limits: Mapping[str, MarketLimits],
        market_time: MarketTime,
        fold: LogFold,
        halt: Callable[[str], None],
    ) -> None:
        self._terms = terms
        self._day = {"accrue_at": terms.accrue_at, "zone": terms.zone}
        self._series = {
            symbol: {instant // terms.funding[symbol].interval_ns: rate for instant, rate in rates.items()}
            for symbol, rates in series.items()
        }
        self._recorder = recorder
        self._prices = prices
        self._listings = listings
        self._limits = limits
        self._market_time = market_time
        self._halt = halt
        self._adjust: dict[str, Adjust] = {}
        self._until = dict(fold.financed_until)
        self._marks = dict(fold.last_marks)
        self._due_ns = NEVER if terms.is_free else 0  # market time; 0: the first price says where time begins
        self._due_real_ns = self._due_ns
        self.on_cash: Callable[[str, str, Decimal], None] = lambda venue, code, amount: None
        start_ns = start_of(fold, terms)
        if start_ns is not None and not terms.is_free:
            self._set_due(start_ns)

    def attach(self, venue: str, adjust: Adjust) -> None:
        """Tell how the account of a simulated venue is moved."""
        self._adjust[venue] = adjust

    def adjust(self, venue: str, code: str, amount: Decimal) -> None:
        """Move a venue's account, and nothing of the book. Raises `VenueRefused`."""
        self._adjust[venue](code, amount)

    def listen(self, msgbus: Any, symbols: Mapping[str, str]) -> None:
        """Subscribe to prices, ahead of everybody; a run in which nothing can accrue does not listen and pays nothing."""
        if self._due_ns == NEVER:
            return
        self._recorder.before_fill = self.pass_time
        topics = {self._prices.bar_topic(symbol) or QUOTES for symbol in symbols}
        for topic in sorted(topics):
            msgbus.subscribe(topic=topic, handler=self.on_price, priority=ACCRUAL_PRIORITY)

    def on_price(self, data: Any) -> None:
        """Book what fell due up to this price. Never raises: what cannot be booked halts."""
        if data.ts_event >= self._due_real_ns:
            self.pass_time(data.ts_event)

    def pass_time(self, real_ns: int) -> None:
        """Book everything due up to an instant of the engine's clock, in order of its instants; see `on_price`."""
        if real_ns < self._due_real_ns:
            return
        market_ns = self._market_time.at(real_ns)
        if not self._due_ns:
            self._set_due(market_ns)
        try:
            while self._due_ns <= market_ns:
                self._book(self._due_ns)
                self._set_due(self._due_ns)
        except SluiceError as error:
            self._stop(str(error))
        except Exception as error:
            self._stop(f"ACCRUAL_FAILED: {type(error).__name__}: {error}")

    def _stop(self, reason: str) -> None:
        """The book is short of what could not be booked; a restart books it."""
        self._due_ns = self._due_real_ns = NEVER
        self._halt(reason)

    def _set_due(self, after_ns: int) -> None:
        """The next instant at which anything can fall due."""
        instants = [daily_after(after_ns, **self._day)]
        instants += [interval_after(after_ns, interval_ns=terms.interval_ns) for terms in self._terms.funding.values()]
        self._due_ns = min(instants)
        self._due_real_ns = self._market_time.real_of(self._due_ns)

    def _book(self, to_ns: int) -> None:
        """Book one instant: interest first, on the cash before anything else of the instant moves it."""
        for due in tuple(self._dues(to_ns)):
            if self._until.get(due.key, 0) >= to_ns:
                continue  # booked before a restart
            self._write(due)
            self._until[due.key] = to_ns
            self._recorder.keeper.apply_financing(venue=due.venue, kind=due.kind.value, currency=due.currency, amount=due.amount)
            if due.amount:
                self.adjust(due.venue, due.currency, due.amount)
                self.on_cash(due.venue, due.currency, due.amount)
            self._recorder.on_fill()

    def _write(self, due: Due) -> None:
        self._recorder.write(
            records.Financing,
            kind=due.kind.value,
            venue=due.venue,
            account=f"{due.venue}-001",
            currency=due.currency,
            symbol=due.symbol,
            amount=decimal_text(due.amount),
            rate=decimal_text(due.rate),
            basis=decimal_text(due.basis),
            quantity=None if due.quantity is None else decimal_text(due.quantity),
            price=None if due.price is None else decimal_text(due.price),
            day_count=None if due.kind is FinancingKind.FUNDING else self._terms.day_count.value,
            from_ns=max(due.from_ns, self._until.get(due.key, 0)),
            to_ns=due.to_ns,
            assumptions_sha256=self._recorder.facts.assumptions_sha256,
        )

    def _dues(self, to_ns: int) -> Iterator[Due]:
        """Everything that falls due at an instant with a rate and a basis that are not zero."""
        if daily_after(to_ns - 1, **self._day) == to_ns:
            from_ns = daily_before(to_ns, **self._day)
            yield from self._interest(from_ns, to_ns)
            yield from self._borrow(from_ns, to_ns)
        for symbol, terms in sorted(self._terms.funding.items()):
            if to_ns % terms.interval_ns == 0 and self._recorder.keeper.positions.get(symbol):
                due = self._funding(symbol, to_ns)
                if due.rate:
                    yield due

    def _interest(self, from_ns: int, to_ns: int) -> Iterator[Due]:
        """Of cash; what a perpetual has won or lost counts as cash, its notional does not."""
        keeper = self._recorder.keeper
        for venue in sorted(keeper.cash):
            for code in sorted(keeper.cash[venue]):
                terms = self._terms.interest[code]
                cash = keeper.cash[venue][code] + self._perpetuals(venue, code, to_ns)
                fraction = terms.credit_fraction if cash > 0 else terms.debit_fraction
                if not cash or not fraction:
                    continue
                amount = interest_amount(
                    cash, terms=terms, days=ONE_DAY, day_count=self._terms.day_count, unit=smallest_unit(code)
                )
                yield Due(
                    kind=FinancingKind.INTEREST, venue=venue, currency=code, symbol=None, amount=amount, rate=fraction,
                    basis=cash, quantity=None, price=None, from_ns=from_ns, to_ns=to_ns,
                )  # fmt: skip

    def _perpetuals(self, venue: str, code: str, to_ns: int) -> Decimal:
        held = (
            symbol
            for symbol in self._recorder.keeper.positions
            if (listing := self._listings[symbol]).asset_class == "perpetual"
            and (listing.venue, listing.quote_currency) == (venue, code)
        )
        return sum((self._value(symbol, to_ns)[2] for symbol in held), ZERO)

    def _borrow(self, from_ns: int, to_ns: int) -> Iterator[Due]:
        for symbol, quantity in sorted(self._recorder.keeper.positions.items()):
            listing = self._listings[symbol]
            fraction = self._terms.borrow_fraction(symbol, venue=listing.venue)
            if quantity >= 0 or not fraction or listing.asset_class == "perpetual":
                continue
            _, price, basis = self._value(symbol, to_ns)
            code = listing.quote_currency
            amount = days_amount(
                basis, fraction=fraction, days=ONE_DAY, day_count=self._terms.day_count, unit=smallest_unit(code)
            )
            yield Due(
                kind=FinancingKind.BORROW, venue=listing.venue, currency=code, symbol=symbol, amount=amount, rate=fraction,
                basis=basis, quantity=quantity, price=price, from_ns=from_ns, to_ns=to_ns,
            )  # fmt: skip

    def _funding(self, symbol: str, to_ns: int) -> Due:
        terms, listing = self._terms.funding[symbol], self._listings[symbol]
        rate = self._series[symbol].get(to_ns // terms.interval_ns) if terms.rate is None else terms.rate
        if rate is None:
            raise InputError(
                "FUNDING_RATE_MISSING",
                expected=f"a rate of {symbol} for the instant {to_ns}",
                found="none in its series",
                action="Complete the series, then restart: what is missing is booked then.",
            )
        quantity, price, basis = self._value(symbol, to_ns)
        code = listing.quote_currency
        amount = funding_amount(basis, rate=rate, unit=smallest_unit(code))
        return Due(
            kind=FinancingKind.FUNDING, venue=listing.venue, currency=code, symbol=symbol, amount=amount, rate=rate, basis=basis,
            quantity=quantity, price=price, from_ns=to_ns - terms.interval_ns, to_ns=to_ns,
        )  # fmt: skip

    def _value(self, symbol: str, to_ns: int) -> tuple[Decimal, Decimal, Decimal]:
        """Return signed units, mark and signed value in quote currency.

        Without a price before the instant in this process the mark is the log's last one: of its last fill or financing.
        """
        quote = self._prices.before(symbol, self._market_time.real_of(to_ns))
        price = self._marks.get(symbol) if quote is None else quote.mid
        if price is None:
            raise InputError(
                "FINANCING_UNMARKED",
                expected=f"a price of {symbol} before the instant {to_ns}",
                found="none",
                action="Restart with prices of it.",
            )
        self._marks[symbol] = price
        quantity = self._recorder.keeper.positions[symbol]
        return quantity, price, quantity * price * self._limits[symbol].multiplier


def start_of(fold: LogFold, terms: FinancingTerms) -> int | None:
    """Return the market instant after which dues are still to be booked; None: time begins with the first price.

    Everything due before the last fill was booked ahead of it. Of the last instant booked some keys may be missing, so it is
    looked at once more. Terms that changed count from the end of the log.
    """
    if fold.run is None or fold.financing_from_ns is None:
        return None
    if fold.run.assumptions.get("financing") != plain(terms):
        return fold.market_ns
    booked_ns = max(fold.financed_until.values(), default=1) - 1
    return max(fold.financing_from_ns, fold.last_fill_market_ns, booked_ns)


def smallest_unit(code: str) -> Decimal:
    """Return the smallest amount of a currency that an account holds: 0.01 of USD."""
    return Decimal(1).scaleb(-currency(code).precision)
