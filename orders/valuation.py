"""What the book is worth in base currency, by dated prices and dated rates; what is missing or stale is said, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NoReturn

from orders.book import Book
from orders.errors import InputError
from orders.exact import exact_arithmetic
from orders.plan import Held, OpenOrder, PlanInputs, Reason
from orders.sizing import check_limits
from orders.values import Listing, MarketHours, MarketLimits, Quote, Rate, Record, Side

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
HELD_CODES: Final = {
    Reason.NOT_LISTED: "NOT_LISTED",
    Reason.NO_PRICE: "NO_MARK",
    Reason.PRICE_CROSSED: "NO_MARK",
    Reason.PRICE_STALE: "MARK_STALE",
    Reason.NO_LIMITS: "NO_LIMITS",
    Reason.NO_RATE: "NO_RATE",
}


class Mark(Record, frozen=True, kw_only=True, gc=False):
    """A symbol that can be valued: `rate` to base currency, `unit_value_base` = multiplier x rate, `mid_value_base` =
    base currency for one unit at mid. `limits` have passed `check_limits`.
    """

    listing: Listing
    limits: MarketLimits
    quote: Quote
    mid: Decimal
    rate: Decimal
    unit_value_base: Decimal
    mid_value_base: Decimal


class NoMark(Record, frozen=True, kw_only=True):
    """A symbol that cannot be valued, and why. `listing` None: it has none."""

    reason: Reason
    detail: str
    listing: Listing | None


class Valuation(Record, frozen=True, kw_only=True):
    """Exact amounts in base currency: equity = cash + positions at mid; `values` are signed, by symbol held."""

    equity_base: Decimal
    cash_base: Decimal
    gross_base: Decimal
    net_base: Decimal
    values: Mapping[str, Decimal]


class OpenExposure(Record, frozen=True, kw_only=True):
    """What open orders of one symbol would add if all filled, at mid, in base currency, both >= 0."""

    buy_base: Decimal
    sell_base: Decimal


def price_fault(quote: Quote | None, *, now_ns: int, price_age_max_ns: int) -> Reason | None:
    """Return why a quote cannot be used, None when it can.

    NO_PRICE: absent, zero, negative or not finite. PRICE_CROSSED: bid above ask. PRICE_STALE: older than the limit (an age
    equal to it passes) or stamped after `now_ns`.
    """
    if quote is None:
        return Reason.NO_PRICE
    bid, ask = quote.bid, quote.ask
    if not (bid.is_finite() and ask.is_finite() and bid > ZERO and ask > ZERO):
        return Reason.NO_PRICE
    if bid > ask:
        return Reason.PRICE_CROSSED
    if not 0 <= now_ns - quote.ts_ns <= price_age_max_ns:
        return Reason.PRICE_STALE
    return None


def judged_at(quote: Quote, hours: MarketHours | None, *, now_ns: int) -> int:
    """Return when a quote's age is counted to: now; of a closed market its last close, or the quote where that is later."""
    if hours is None or hours.state != "closed" or hours.closed_ns is None:
        return now_ns
    return min(now_ns, max(hours.closed_ns, quote.ts_ns))


class Marks:
    """Prices, limits and rates of one instant, joined by symbol. Each symbol and currency is looked at once.

    `hours` None: not judged. With them, a price of a closed market is as old as it was when the market closed: nothing newer
    can be had, and what is held there must be valued while other markets trade.

    Its arithmetic is exact only inside `exact_arithmetic`.
    """

    def __init__(
        self,
        *,
        quotes: Mapping[str, Quote],
        limits: Mapping[str, MarketLimits],
        listings: Mapping[str, Listing],
        rates: Mapping[str, Rate],
        base_currency: str,
        now_ns: int,
        price_age_max_ns: int,
        hours: Mapping[str, MarketHours] | None = None,
    ) -> None:
        self._quotes = quotes
        self._limits = limits
        self._listings = listings
        self._rates = rates
        self._base_currency = base_currency
        self._now_ns = now_ns
        self._price_age_max_ns = price_age_max_ns
        self._hours = hours
        self._marks: dict[str, Mark | NoMark] = {}
        self._rate_values: dict[str, Decimal | None] = {base_currency: ONE}

    @classmethod
    def of_inputs(cls, inputs: PlanInputs) -> Marks:
        """Return the marks a plan of these inputs is made with."""
        return cls(
            quotes=inputs.quotes,
            limits=inputs.limits,
            listings=inputs.listings,
            rates=inputs.rates,
            base_currency=inputs.policy.base_currency,
            now_ns=inputs.now_ns,
            price_age_max_ns=inputs.policy.price_age_max_ns,
            hours=inputs.hours,
        )

    def rate(self, currency: str) -> Decimal | None:
        """Return base currency for one unit of `currency`; None when no rate holds now. Both ends of its range hold."""
        if currency not in self._rate_values:
            rate = self._rates.get(currency)
            usable = (
                rate is not None
                and rate.as_of_ns <= self._now_ns <= rate.valid_until_ns
                and rate.value.is_finite()
                and rate.value > 0
            )
            self._rate_values[currency] = rate.value if rate is not None and usable else None
        return self._rate_values[currency]

    def of(self, symbol: str) -> Mark | NoMark:
        """Return how one unit of `symbol` is valued, or why it cannot be."""
        mark = self._marks.get(symbol)
        if mark is None:
            mark = self._marks[symbol] = self._mark(symbol)
        return mark

    def _mark(self, symbol: str) -> Mark | NoMark:
        listing = self._listings.get(symbol)
        if listing is None:
            return NoMark(reason=Reason.NOT_LISTED, detail="not in the symbol map", listing=None)
        quote = self._quotes.get(symbol)
        now_ns = self._now_ns if self._hours is None or quote is None else self._judged_ns(quote)
        fault = price_fault(quote, now_ns=now_ns, price_age_max_ns=self._price_age_max_ns)
        if fault is not None:
            return NoMark(reason=fault, detail=self._words(fault, quote, now_ns=now_ns), listing=listing)
        assert quote is not None
        limits = self._limits.get(symbol)
        if limits is None or limits.venue != listing.venue:
            return NoMark(reason=Reason.NO_LIMITS, detail=f"no market limits of {listing.venue}", listing=listing)
        try:
            check_limits(limits)
        except InputError as error:
            return NoMark(reason=Reason.NO_LIMITS, detail=str(error), listing=listing)
        rate = self.rate(listing.quote_currency)
        if rate is None:
            return NoMark(reason=Reason.NO_RATE, detail=self._no_rate(listing.quote_currency), listing=listing)
        mid = quote.mid
        unit = rate if limits.multiplier == ONE else limits.multiplier * rate
        value = mid if unit is ONE else mid * unit  # nothing new to hold for most symbols: memory is what a large plan waits for
        return Mark(listing=listing, limits=limits, quote=quote, mid=mid, rate=rate, unit_value_base=unit, mid_value_base=value)

    def _judged_ns(self, quote: Quote) -> int:
        hours = self._hours.get(quote.symbol) if self._hours is not None else None
        return judged_at(quote, hours, now_ns=self._now_ns)

    def _words(self, fault: Reason, quote: Quote | None, *, now_ns: int) -> str:
        if quote is None:
            return "no price"
        if fault is Reason.PRICE_STALE:
            age = now_ns - quote.ts_ns
            return f"price is {age} ns old, limit {self._price_age_max_ns} ns"
        return f"bid {quote.bid}, ask {quote.ask}"

    def _no_rate(self, currency: str) -> str:
        found = "is outside its dates or not above 0" if currency in self._rates else "is missing"
        return f"the rate of {currency} to {self._base_currency} {found}"

    def held_without_rate(self, venue: str, currency: str) -> Held:
        """Return the answer for cash that no rate values."""
        return Held(code="NO_RATE", message=f"cash at {venue}: {self._no_rate(currency)}. Add a dated rate.")


def value_book(book: Book, *, marks: Marks) -> Valuation | Held:
    """Return what `book` is worth, or `Held`: NO_MARK (no usable price), MARK_STALE, NO_RATE, NO_LIMITS, NOT_LISTED for the
    first held symbol or currency that cannot be valued (by name), EQUITY_NOT_POSITIVE.

    Amounts of zero need no price and no rate. Raises `InputError` BOOK_INVALID for amounts that are not finite.
    """
    with exact_arithmetic():
        cash_base = ZERO
        for venue in sorted(book.cash):
            for currency in sorted(book.cash[venue]):
                amount = book.cash[venue][currency]
                if not amount.is_finite():
                    _refuse_book(f"cash of {currency} at {venue}", amount)
                if amount:
                    rate = marks.rate(currency)
                    if rate is None:
                        return marks.held_without_rate(venue, currency)
                    cash_base += amount * rate
        gross = net = ZERO
        values: dict[str, Decimal] = {}
        for symbol in sorted(book.positions):
            quantity = book.positions[symbol]
            if not quantity.is_finite():
                _refuse_book(f"position in {symbol}", quantity)
            if not quantity:
                continue
            mark = marks.of(symbol)
            if isinstance(mark, NoMark):
                return Held(
                    code=HELD_CODES[mark.reason],
                    message=f"{symbol} is held and cannot be valued: {mark.detail}. Nothing is planned until it can.",
                )
            value = values[symbol] = quantity * mark.mid_value_base
            net += value
            gross += abs(value)
        equity = cash_base + net
        if equity <= 0:
            return Held(code="EQUITY_NOT_POSITIVE", message=f"equity above 0 was expected, is {equity}. Fund the account.")
        return Valuation(equity_base=equity, cash_base=cash_base, gross_base=gross, net_base=net, values=values)


def open_exposure(open_orders: Iterable[OpenOrder], *, marks: Marks) -> dict[str, OpenExposure] | Held:
    """Return by symbol what open orders would add if they filled, or `Held` when one of them cannot be valued."""
    result: dict[str, OpenExposure] = {}
    with exact_arithmetic():
        for order in open_orders:
            mark = marks.of(order.symbol)
            if isinstance(mark, NoMark):
                return Held(
                    code=HELD_CODES[mark.reason], message=f"{order.symbol} has an open order and no value: {mark.detail}."
                )
            value = order.leaves_quantity * mark.mid_value_base
            before = result.get(order.symbol, OpenExposure(buy_base=ZERO, sell_base=ZERO))
            result[order.symbol] = OpenExposure(
                buy_base=before.buy_base + (value if order.side is Side.BUY else ZERO),
                sell_base=before.sell_base + (value if order.side is Side.SELL else ZERO),
            )
    return result


def _refuse_book(what: str, found: Decimal) -> NoReturn:
    raise InputError(
        "BOOK_INVALID", expected=f"a finite {what}", found=str(found), action="Rebuild the book from the execution log."
    )
