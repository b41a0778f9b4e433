"""The twin's desk: takes each order the live run sent, has it traded by the simulated venue, and says how far the two lie apart.

Runs on the loop's thread alone. An order is dealt with once: taken within `LATE_MAX_NS` of its send line, on prices that are not
stale, or told as one that could not be compared. Nothing here can reach the live run: all it has of it is lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model.events import OrderAccepted, OrderCanceled, OrderDenied, OrderExpired, OrderFilled, OrderRejected

from lakehouse import records
from orders.exact import EXACT, FRACTION_PLACES, ROUNDED
from orders.twin import OrderEnd, Uncompared, divergence
from orders.valuation import price_fault
from orders.values import Listing, MarketLimits, Side
from sim.twin.assembly import TwinAssembly
from sim.twin.followed import Followed, twin_fields
from sim.twin.live_orders import NONE, Happened, LiveOrder, LiveOrders, wanted
from sim.twin.own_orders import LIVE_ENDED, QUOTES_STALE, OwnOrders
from sim.twin.sender import TwinSender

LATE_MAX_NS: Final = 2_000_000_000  # beyond it the twin would trade in another market than the live run did
GRACE_NS: Final = 5_000_000_000  # after the live order's end: for the twin's own fills on their way, and for late ones there
STUCK_NS: Final = 60_000_000_000  # after that, nothing is waited for any more
NS_PER_MS: Final = 1_000_000
PRICE_AGE: Final = "PRICE_AGE"


class TwinDesk:
    """`tell(line)` is called with each comparison.

    It reads before it follows: what is sent until `follow` was sent while no twin was ready. `from_line`: of the live log, orders
    that were sent up to it were never this twin's; None: none are until it follows.
    """

    def __init__(
        self,
        *,
        made: TwinAssembly,
        kernel: Any,
        listings: Mapping[str, Listing],
        limits: Mapping[str, MarketLimits],
        base_currency: str,
        price_age_max_ns: int,
        own: OwnOrders,
        from_line: int | None,
        tell: Callable[[records.TwinLine], None],
    ) -> None:
        self.live = LiveOrders()
        self._made = made
        self._recorder = made.recorder
        self._clock_ns = kernel.clock.timestamp_ns
        self._listings = listings
        self._limits = limits
        self._base_currency = base_currency
        self._price_age_max_ns = price_age_max_ns
        self._own = own
        self._from_line = from_line
        self._following = False
        self._tell = tell
        self._followed: dict[str, Followed] = {}
        self._stale: set[str] = set()  # symbols whose outage has been told
        self._sender = TwinSender(made=made, kernel=kernel, listings=listings, limits=limits, known=own.known)
        kernel.msgbus.subscribe(topic="events.order.*", handler=self._on_event)  # after the recorder, which has priority

    def sees(self) -> bool:
        """Whether there is a price that is not stale of everything that may be traded."""
        now = self._clock_ns()
        return all(
            price_fault(self._made.prices.quote_of(symbol), now_ns=now, price_age_max_ns=self._price_age_max_ns) is None
            for symbol in self._limits
        )

    @property
    def working(self) -> int:
        """How many orders have not been told yet."""
        return len(self._followed)

    def follow(self, line: int) -> int:
        """From now on orders are taken; `line`: the last that was read. Return the line from which this twin has its orders."""
        self._following = True
        if self._from_line is None:
            self._from_line = line
        return self._from_line

    def take(self, lines: Iterable[records.AnyLine]) -> None:
        """Take lines of the live log in order."""
        for line in lines:
            happened = self.live.apply(line)
            if happened is None:
                continue
            what, whose = happened
            if isinstance(whose, records.CancelLine):
                self._sender.end_parent(whose)
            elif what is Happened.SENT:
                self._sent(whose)
            elif what is Happened.CANCEL and (known := self._followed.get(whose.order_id)) is not None:
                self._cancel(known, whose.cancel_ns)

    def look(self) -> None:
        """Spoil what works on stale prices, cancel what the live run's end has left here, and compare what has ended on both."""
        now = self._clock_ns()
        for known in list(self._followed.values()):
            works = not known.twin.outcome
            if works and not known.code and (why := self._staleness(known.live.intent.symbol, now)):
                known.spoil(Uncompared.QUOTES_STALE, why)
            if not known.live.ended_ns:
                continue
            over_ns = now - known.live.ended_ns - GRACE_NS
            if works and over_ns >= 0 and now >= known.cancelled_ns + GRACE_NS:
                self._cancel(known, now, cause=LIVE_ENDED)
            if works and over_ns >= STUCK_NS:
                known.twin = known.twin.ended(NONE)
                known.spoil(Uncompared.TWIN_REJECTED, f"the simulated venue has not ended it within {_ms(STUCK_NS)}")
            elif not works and (over_ns >= 0 or known.live.end.outcome == "filled" or known.code):
                self._compare(known, now)

    def _sent(self, order: LiveOrder) -> None:
        order_id = order.order_id
        if self._from_line is None or order.sent_line <= self._from_line or order_id in self._own.told:
            self.live.forget(order_id)
            return
        known = self._followed[order_id] = Followed(live=order, twin=OrderEnd(outcome=NONE))
        if (before := self._own.before.get(order_id)) is not None:
            known.twin, known.late_ns = before.end.ended(before.end.outcome or NONE), before.late_ns
            if not before.whole:
                known.spoil(Uncompared.TWIN_AWAY, "the twin was started anew while it worked here")
            return
        now = self._clock_ns()
        late_ns = now - order.sent_ns
        symbol = order.intent.symbol
        if not self._following:
            known.spoil(Uncompared.TWIN_AWAY, "no twin ran when it was sent")
        elif symbol not in self._limits:
            known.spoil(Uncompared.NOT_TRADABLE, f"the twin's config has no market limits of {symbol}")
        elif late_ns > LATE_MAX_NS:
            known.spoil(Uncompared.TWIN_LATE, f"read {_ms(late_ns)} after it was sent; limit {_ms(LATE_MAX_NS)}")
        elif why := self._staleness(symbol, now):
            known.spoil(Uncompared.QUOTES_STALE, why)
        elif (rate := self._rate(self._listings[symbol].quote_currency, now)) is None:
            known.spoil(Uncompared.TWIN_DENIED, f"no rate of {self._listings[symbol].quote_currency} holds now")
        else:
            known.twin = OrderEnd(outcome="")
            self._sender.submit(order, rate=rate)

    def _cancel(self, known: Followed, ts_ns: int, *, cause: str = "") -> None:
        """Ask the simulated venue as of `ts_ns`; what has ended here is left alone."""
        if not known.twin.outcome and self._sender.cancel(known.live.order_id, ts_ns=ts_ns, cause=cause):
            known.cancelled_ns = self._clock_ns()

    def _on_event(self, event: Any) -> None:
        """An order event of the simulated venue, after its line was written."""
        known = self._followed.get(event.client_order_id.value)
        if known is None:
            return
        match event:
            case OrderAccepted():
                known.late_ns = max(0, event.ts_event - self._made.tap.due_ns.pop(known.live.order_id, event.ts_event))
            case OrderFilled():
                end = known.twin.with_fill(
                    quantity=event.last_qty.as_decimal(), price=event.last_px.as_decimal(), event_ns=event.ts_event
                )
                known.twin = end.ended("filled") if end.filled >= wanted(known.live.intent) else end
            case OrderCanceled():
                known.twin = known.twin.ended("cancelled")
            case OrderExpired():
                known.twin = known.twin.ended("expired")
            case OrderRejected() | OrderDenied():
                outcome = "rejected" if isinstance(event, OrderRejected) else "denied"
                known.twin = known.twin.ended(outcome)
                known.spoil(_refusal(outcome, event.reason), event.reason)
            case _:
                pass

    def _compare(self, known: Followed, now_ns: int) -> None:
        live, intent = known.live, known.live.intent
        code, message = (known.code, known.message) if known.code else (live.code, live.message)
        apart = None if code else divergence(Side(intent.side), wanted=wanted(intent), live=live.end, twin=known.twin_in_time)
        fields = twin_fields(known, apart, notional_base=self._notional(live, now_ns), code=code, message=message)
        self._recorder.write(records.TwinLine, **fields)
        self._own.told.add(live.order_id)
        del self._followed[live.order_id]
        self.live.forget(live.order_id)
        self._sender.forget(live.order_id)
        self._made.tap.due_ns.pop(live.order_id, None)
        self._made.gate.disarm(keep=self._followed)
        self._tell(records.TwinLine(**self._recorder.stamp(), **fields))

    def _staleness(self, symbol: str, now_ns: int) -> str:
        """Return in words why the twin's own price of a symbol cannot be used, "" where it can; an outage raises one alarm."""
        quote = self._made.prices.quote_of(symbol)
        fault = price_fault(quote, now_ns=now_ns, price_age_max_ns=self._price_age_max_ns)
        if fault is None:
            self._stale.discard(symbol)
            return ""
        age = "" if quote is None else f", {_ms(now_ns - quote.ts_ns)} old"
        words = f"{fault}: the twin's quote of {symbol}{age}; limit {_ms(self._price_age_max_ns)}"
        if symbol not in self._stale:
            self._stale.add(symbol)
            self._recorder.write(records.Alarm, code=QUOTES_STALE, message=f"{words}. Orders meanwhile are not compared.")
        return words

    def _rate(self, currency: str, now_ns: int) -> Decimal | None:
        if currency == self._base_currency:
            return Decimal(1)
        rate = self._made.rates.get(currency)
        return rate.value if rate is not None and rate.as_of_ns <= now_ns <= rate.valid_until_ns else None

    def _notional(self, live: LiveOrder, now_ns: int) -> Decimal | None:
        symbol = live.intent.symbol
        rate = self._rate(self._listings[symbol].quote_currency, now_ns) if symbol in self._limits else None
        if rate is None:
            return None
        worth = EXACT.multiply(EXACT.multiply(live.end.notional, self._limits[symbol].multiplier), rate)
        return worth.quantize(FRACTION_PLACES, context=ROUNDED)


def _ms(ns: int) -> str:
    return f"{ns / NS_PER_MS:,.0f} ms"


def _refusal(outcome: str, reason: str) -> Uncompared:
    if outcome == "rejected":
        return Uncompared.TWIN_REJECTED
    return Uncompared.QUOTES_STALE if PRICE_AGE in reason else Uncompared.TWIN_DENIED
