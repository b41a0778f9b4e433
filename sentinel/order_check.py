"""The gate's judgement of one order: does it carry an unused approval for exactly this, and is its price still sane?

Pure and cheap: it runs once for every order. What cannot be judged (an unknown kind, a price that is not finite) denies.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from orders.exact import EXACT
from orders.plan import Approval, Outcome, Verdict
from orders.schedule import AT_ONCE
from orders.valuation import price_fault
from orders.values import MarketHours, OrderKind, Quote, Record, Side
from sentinel.limits import SentinelLimits
from sentinel.market_hours import order_hours


class OrderFacts(Record, frozen=True, kw_only=True, gc=False):
    """An order as it stands at the gate. `order_kind` None: a kind Sluice does not send. `limit_price` None: it has none.

    `spawned_from`: the parent it names, None for an order that is nobody's child.
    """

    client_order_id: str
    instrument_id: str
    side: Side
    quantity: Decimal
    order_kind: OrderKind | None
    limit_price: Decimal | None
    reduce_only: bool
    spawned_from: str | None = None


class ChildLeave(Record, frozen=True, kw_only=True):
    """What lets an order be the child of an approved parent: its number, the kinds its schedule makes, the counter's verdict.

    `conservation` None: not asked, because the child was counted before (APPROVAL_USED says so).
    """

    number: int
    kinds: frozenset[OrderKind]
    conservation: Verdict | None


class OrderVerdict(Record, frozen=True, kw_only=True, gc=False):
    """The answer: ALLOW with an empty code, or DENY with the first denying control's. `verdicts`: every control asked."""

    outcome: Outcome
    code: str
    verdicts: tuple[Verdict, ...]


def _verdict(control: str, ok: bool, observed: str, limit: str) -> Verdict:
    return Verdict(control=control, outcome=Outcome.ALLOW if ok else Outcome.DENY, observed=observed, limit=limit)


ZERO: Final = Decimal(0)  # comparing with an int would make a Decimal of it each time
_NOT_HALTED: Final = _verdict("HALT", True, "not halted", "not halted")
_HALTED: Final = _verdict("HALT", False, "halted", "not halted")
_APPROVED: Final = _verdict("NO_APPROVAL", True, "approved", "an approval of this id")
_UNAPPROVED: Final = _verdict("NO_APPROVAL", False, "none", "an approval of this id")
_UNUSED: Final = _verdict("APPROVAL_USED", True, "unused", "used once")
_USED: Final = _verdict("APPROVAL_USED", False, "used before", "used once")
_MATCH: Final = _verdict("MISMATCH", True, "as approved", "as approved")


def judge_order(
    order: OrderFacts,
    approval: Approval | None,
    *,
    used: bool,
    halted: bool,
    quote: Quote | None,
    now_ns: int,
    limits: SentinelLimits,
    words: tuple[str, str, str] | None = None,
    child: ChildLeave | None = None,
    hours: MarketHours | None = None,
    running: tuple[Verdict, ...] = (),
) -> OrderVerdict:
    """Judge one order: (1) HALT, (2) NO_APPROVAL, (3) APPROVAL_USED, (4) MISMATCH, (5) CONSERVATION of a child,
    (6) MARKET_CLOSED or NO_HOURS where `hours` are judged, (7) PRICE_AGE, (8) PRICE_COLLAR, (9) MAX_ORDER_VALUE,
    (10) `running`, the verdicts of `sentinel.running_state` on this order. All are asked that can be; the first that denies
    gives the code.

    MISMATCH: another id, instrument, side or kind, a quantity that is not above zero or above the approved one, a limit
    price where none was approved, missing, or worse than approved (higher for a buy, lower for a sell), or reduce-only
    dropped. Collar and value are judged at the far touch, or at the limit price of a limit order; the collar against the
    approval's reference price. Limits are inclusive. An exception is for the gate to turn into a denial and a halt.
    `child`: the order goes by the approval of its parent, which is `approval`; MISMATCH then too: an id that is not the parent's
    for this number, another parent named, a kind its schedule does not make. Without it, MISMATCH: an approval whose schedule
    sends children only, or an order that names a parent.
    `words`: `limit_words(limits)`, made once by who judges many; None makes them here.
    """
    head = _HALTED if halted is not False else _NOT_HALTED
    if approval is None:
        verdicts: tuple[Verdict, ...] = (head, _UNAPPROVED)
        return OrderVerdict(
            outcome=Outcome.DENY, code=_UNAPPROVED.control if head is _NOT_HALTED else head.control, verdicts=verdicts
        )
    difference = _difference(order, approval, child)
    match = _verdict("MISMATCH", False, difference, "as approved") if difference else _MATCH
    verdicts = (
        head,
        _APPROVED,
        _USED if used is not False else _UNUSED,
        match,
        *(() if child is None or child.conservation is None else (child.conservation,)),
        *order_hours(hours),
        *_price_verdicts(order, approval, quote=quote, now_ns=now_ns, limits=limits, words=words or limit_words(limits)),
        *running,
    )
    for verdict in verdicts:
        if verdict.outcome is not Outcome.ALLOW:
            return OrderVerdict(outcome=Outcome.DENY, code=verdict.control, verdicts=verdicts)
    return OrderVerdict(outcome=Outcome.ALLOW, code="", verdicts=verdicts)


def limit_words(limits: SentinelLimits) -> tuple[str, str, str]:
    """Return the limits of PRICE_AGE, PRICE_COLLAR and MAX_ORDER_VALUE as their verdicts name them."""
    return (
        f"{limits.price_age_max_ns} ns",
        f"{limits.price_collar_fraction} of the reference",
        f"{limits.max_order_value_base} base currency",
    )


def _difference(order: OrderFacts, approval: Approval, child: ChildLeave | None) -> str:
    """Return the first way in which the order is not what was approved; "" when it is."""
    if child is not None:
        foreign = _parentage(order, approval, child)
        if foreign:
            return foreign
    elif approval.schedule != AT_ONCE:
        return f"the order itself, approved children of schedule {approval.schedule}"
    elif order.spawned_from is not None:
        return f"a child of {order.spawned_from}, approved the order itself"
    elif order.client_order_id != approval.client_order_id:
        return f"id {order.client_order_id}, approved {approval.client_order_id}"
    if order.instrument_id != approval.instrument_id:
        return f"instrument {order.instrument_id}, approved {approval.instrument_id}"
    if order.side is not approval.side:
        return f"side {order.side}, approved {approval.side}"
    if order.order_kind is None or not (
        order.order_kind is approval.order_kind if child is None else order.order_kind in child.kinds
    ):
        return f"kind {order.order_kind or 'unknown'}, approved {approval.order_kind}"
    if not (order.quantity.is_finite() and ZERO < order.quantity <= approval.quantity):
        return f"quantity {order.quantity}, approved {approval.quantity}"
    if approval.reduce_only and not order.reduce_only:
        return "not reduce-only, approved reduce-only"
    price, bound = order.limit_price, approval.limit_price
    if child is not None and bound is None and order.order_kind is OrderKind.LIMIT:
        return "" if price is not None and price.is_finite() and price > 0 else f"limit price {price} of a child"
    if bound is None or price is None:
        return "" if price is bound else f"limit price {price}, approved {bound}"
    if not (price.is_finite() and bound.is_finite()) or (price > bound if order.side is Side.BUY else price < bound):
        return f"limit price {price}, approved {bound}"
    return ""


def _parentage(order: OrderFacts, approval: Approval, child: ChildLeave) -> str:
    if approval.schedule == AT_ONCE:
        return f"a child, approved is {approval.client_order_id} itself"
    if order.spawned_from != approval.client_order_id:
        return f"parent {order.spawned_from}, approved {approval.client_order_id}"
    expected = approval.child_id(child.number)
    return "" if order.client_order_id == expected else f"id {order.client_order_id}, child {child.number} is {expected}"


def _price_verdicts(
    order: OrderFacts,
    approval: Approval,
    *,
    quote: Quote | None,
    now_ns: int,
    limits: SentinelLimits,
    words: tuple[str, str, str],
) -> tuple[Verdict, Verdict, Verdict]:
    age_words, collar_words, value_words = words
    fault = price_fault(quote, now_ns=now_ns, price_age_max_ns=limits.price_age_max_ns)
    if quote is None or fault is not None:
        seen = "missing" if quote is None else f"{fault}, {now_ns - quote.ts_ns} ns, bid {quote.bid}, ask {quote.ask}"
        age = _verdict("PRICE_AGE", False, seen, age_words)
    else:
        age = _verdict("PRICE_AGE", True, f"{now_ns - quote.ts_ns} ns", age_words)
    price = order.limit_price
    if price is None and quote is not None:
        price = quote.ask if order.side is Side.BUY else quote.bid
    reference, unit = approval.reference_price, approval.unit_value_base
    if price is None or not (price.is_finite() and price > ZERO and reference.is_finite() and reference > ZERO):
        seen = f"{'missing' if price is None else price} against {reference}"
        collar = _verdict("PRICE_COLLAR", False, seen, collar_words)
        return age, collar, _verdict("MAX_ORDER_VALUE", False, "missing price", value_words)
    bound = EXACT.multiply(limits.price_collar_fraction, reference)
    inside = EXACT.subtract(price, reference).copy_abs() <= bound
    collar = _verdict("PRICE_COLLAR", inside, f"{price!s} against {reference!s}", collar_words)
    if not (unit.is_finite() and unit > ZERO and order.quantity.is_finite() and order.quantity > ZERO):
        return (
            age,
            collar,
            _verdict("MAX_ORDER_VALUE", False, f"missing: quantity {order.quantity}, unit value {unit}", value_words),
        )
    value = EXACT.multiply(EXACT.multiply(order.quantity, price), unit)
    return age, collar, _verdict("MAX_ORDER_VALUE", value <= limits.max_order_value_base, f"{value!s} base currency", value_words)
