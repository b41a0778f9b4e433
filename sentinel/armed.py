"""What a person armed holds for every order of a live run, not for its start alone: how much goes out a day, and until when.

An amount belongs to the UTC day on which its order passed the gate, and counts from then on whatever becomes of the order: what
was cancelled, rejected or never filled gives nothing back. The arming says what may be sent; that something did not trade takes
the venue's word, which may come late and after a restart, and orders and cancels in a loop would send without bound. Only an
order of a list that is refused inside the gate gives back what it took: it was not sent.

Real time. A clock set back gives nothing back: the day goes on as the latest one seen, and what has expired stays expired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from orders.canonical import decimal_text
from orders.exact import CEILING, FRACTION_PLACES, exact_operators
from orders.plan import Approval, Verdict
from orders.valuation import price_fault
from orders.values import Quote, Record, Side
from sentinel.limits import SentinelLimits
from sentinel.order_check import OrderFacts
from sentinel.rates import DAY_NS
from sentinel.verdicts import Verdicts, allow, deny

ARMED_NOTIONAL: Final = "ARMED_NOTIONAL"
ARMING_EXPIRED: Final = "ARMING_EXPIRED"
ZERO: Final = Decimal(0)


class Permit(Record, frozen=True, kw_only=True):
    """What is armed at one venue: `day_notional_max_base` > 0 in base currency a UTC day, from `not_before_ns` until before
    `expires_ns`.
    """

    venue: str
    day_notional_max_base: Decimal
    not_before_ns: int
    expires_ns: int

    @property
    def amount(self) -> str:
        """The amount, as verdicts name it."""
        return f"{self.day_notional_max_base} base currency a UTC day at {self.venue}"

    @property
    def span(self) -> str:
        """The time, as verdicts name it."""
        return f"armed from {self.not_before_ns} until {self.expires_ns}"


class Taken(Record, frozen=True, kw_only=True):
    """What one order takes of the armed amount of its venue, on which UTC day (counted from 1970)."""

    venue: str
    day: int
    value_base: Decimal


class Room(Record, frozen=True, kw_only=True):
    """What a plan is judged with. `sent_base` of today, None where it is not known; `expired` in words, "" while it holds."""

    permit: Permit
    sent_base: Decimal | None
    expired: str


class Armed:
    """One per gate of a live run; a venue without a permit sends nothing. `ask` first, then `passed` with what was asked."""

    def __init__(self, permits: Iterable[Permit], *, limits: SentinelLimits) -> None:
        self._permits = {permit.venue: permit for permit in permits}
        self._price_age_max_ns = limits.price_age_max_ns
        self._sent: dict[str, tuple[int, Decimal | None]] = {}  # venue -> day, what passed on it; None: not known
        self._seen_ns = 0  # the latest instant: a clock set back revives nothing
        self._asked: tuple[str, Taken] | None = None
        self._waiting: dict[str, Taken] = {}  # passed, and not written as sent yet

    @property
    def permits(self) -> Mapping[str, Permit]:
        """By venue."""
        return self._permits

    def restore(self, venue: str, *, day: int, sent_base: Decimal | None) -> None:
        """After a restart: so much was sent on that UTC day; None: some of it is not known, and nothing more goes that day."""
        self._sent[venue] = (day, sent_base)

    def ask(self, order: OrderFacts, approval: Approval, *, quote: Quote | None, now_ns: int) -> Verdicts:
        """Return ARMED_NOTIONAL and ARMING_EXPIRED on one order of an approved line, inside `exact_operators`; counts nothing.

        A market order is worth what it is at the far touch, a buy with a limit price at that, a sell at the better of the two: it
        may trade there. A touch that is missing, stale or crossed denies what needs it.
        """
        self._asked = None
        permit = self._permits.get(approval.venue)
        if permit is None:
            seen = f"nothing armed at {approval.venue}"
            return deny(ARMED_NOTIONAL, seen, "an arming"), deny(ARMING_EXPIRED, seen, "an arming")
        price = self._price(order, quote, now_ns)
        value = worth_base(order.quantity, price=price, unit=approval.unit_value_base)
        day, sent = self._today(approval.venue, now_ns)
        notional = notional_verdict(permit, sent=sent, value=value)
        if value is not None:
            self._asked = (order.client_order_id, Taken(venue=approval.venue, day=day, value_base=value))
        return notional, _in_time(permit, self._expired(permit, now_ns))

    def passed(self, order_id: str) -> None:
        """The gate lets the order go that was asked for last: its value counts."""
        assert self._asked is not None, "an order passed that was not asked for"
        asked, taken = self._asked
        assert asked == order_id, "another order passed than the one asked for"
        self._asked = None
        self._add(taken.venue, taken.day, taken.value_base)
        self._waiting[order_id] = taken

    def undo(self, order_id: str) -> None:
        """What just passed is not sent after all: the rest of its list was refused."""
        taken = self._waiting.pop(order_id, None)
        if taken is not None and self._sent[taken.venue][0] == taken.day:
            self._add(taken.venue, taken.day, -taken.value_base)

    def sent(self, order_id: str) -> Taken | None:
        """Return what the order takes, for its send line, once; None for an order that did not pass here."""
        return self._waiting.pop(order_id, None)

    def refusal(self, venue: str, now_ns: int) -> str:
        """Return ARMING_EXPIRED for an order that passed before and waited for too long, "" where it may still be sent."""
        permit = self._permits.get(venue)
        return ARMING_EXPIRED if permit is None or self._expired(permit, now_ns) else ""

    def rooms(self, now_ns: int) -> dict[str, Room]:
        """Return what a plan of now is judged with, by venue."""
        return {
            venue: Room(permit=permit, sent_base=self._today(venue, now_ns)[1], expired=self._expired(permit, now_ns))
            for venue, permit in self._permits.items()
        }

    def _today(self, venue: str, now_ns: int) -> tuple[int, Decimal | None]:
        day = now_ns // DAY_NS
        known, sent = self._sent.get(venue, (day, ZERO))
        return (known, sent) if day <= known else (day, ZERO)

    def _add(self, venue: str, day: int, value: Decimal) -> None:
        known, sent = self._sent.get(venue, (day, ZERO))
        if day > known:
            known, sent = day, ZERO
        with exact_operators():
            self._sent[venue] = (known, None if sent is None else sent + value)

    def _expired(self, permit: Permit, now_ns: int) -> str:
        self._seen_ns = max(self._seen_ns, now_ns)
        if now_ns < permit.not_before_ns:
            return f"{now_ns}, before {permit.not_before_ns}"
        return f"{self._seen_ns}, not before {permit.expires_ns}" if self._seen_ns >= permit.expires_ns else ""

    def _price(self, order: OrderFacts, quote: Quote | None, now_ns: int) -> Decimal | None:
        if order.side is Side.BUY and order.limit_price is not None:
            return order.limit_price
        if quote is None or price_fault(quote, now_ns=now_ns, price_age_max_ns=self._price_age_max_ns) is not None:
            return None
        if order.limit_price is None:
            return quote.ask if order.side is Side.BUY else quote.bid
        return max(order.limit_price, quote.bid) if order.limit_price.is_finite() else None


def worth_base(quantity: Decimal, *, price: Decimal | None, unit: Decimal | None) -> Decimal | None:
    """Return quantity x price x multiplier x rate in base currency, rounded up to 12 places, as the log has it; None where one is
    missing, not finite or not above zero.
    """
    if price is None or unit is None:
        return None
    if not (quantity.is_finite() and price.is_finite() and unit.is_finite() and quantity > 0 and price > 0 and unit > 0):
        return None
    with exact_operators():
        value = quantity * price * unit
    rounded = value.quantize(FRACTION_PLACES, context=CEILING)
    return value if rounded == value else rounded


def notional_verdict(permit: Permit, *, sent: Decimal | None, value: Decimal | None, of: str = "", line: int = 0) -> Verdict:
    """Return ARMED_NOTIONAL on one more order worth `value`, with `sent` gone already; None: not known, which denies."""
    most = permit.day_notional_max_base
    if sent is None:
        return deny(ARMED_NOTIONAL, f"{of}not known how much was sent today", permit.amount, line)
    if value is None or not (most.is_finite() and sent.is_finite()):
        return deny(ARMED_NOTIONAL, f"{of}missing price, quantity or amount", permit.amount, line)
    with exact_operators():
        after = sent + value
    if after <= most:
        return allow(ARMED_NOTIONAL, "within", permit.amount)
    return deny(ARMED_NOTIONAL, f"{of}{decimal_text(after)}, with {decimal_text(sent)} sent today", permit.amount, line)


def _in_time(permit: Permit, expired: str) -> Verdict:
    return deny(ARMING_EXPIRED, expired, permit.span) if expired else allow(ARMING_EXPIRED, "in force", "armed now")
