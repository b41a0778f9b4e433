"""No order of ours may meet another of ours (control 11): a trade with oneself is a wash trade, whatever it was meant to be.

Pure but for its memory: which orders with a price have passed the gate and have not ended. The venue's own flag is set too, where
it has one; here nothing crossing leaves.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from orders.plan import Outcome, Verdict
from orders.values import Side
from sentinel.order_check import OrderFacts

SELF_MATCH: Final = "SELF_MATCH"
WORDS: Final = "no own order at a crossing price"
_PASSED: Final = (Verdict(control=SELF_MATCH, outcome=Outcome.ALLOW, observed="none crosses", limit=WORDS),)


class OwnOrders:
    """One per gate. An order without a price takes what is there and never rests: it is not remembered."""

    def __init__(self) -> None:
        self._resting: dict[tuple[str, Side], dict[str, Decimal]] = {}
        self._where: dict[str, tuple[str, Side]] = {}
        self._left: dict[str, Decimal] = {}

    def passed(self, order: OrderFacts, *, left: Decimal) -> None:
        """An order passed the gate, or stands after a restart: `left` units of it may rest from now on."""
        if order.limit_price is not None:
            order_id, where = order.client_order_id, (order.instrument_id, order.side)
            self._left[order_id] = left
            self._where[order_id] = where
            self._resting.setdefault(where, {})[order_id] = order.limit_price

    def filled(self, order_id: str, quantity: Decimal) -> None:
        """So many units of it filled; what is filled whole rests no more."""
        left = self._left.get(order_id)
        if left is None:
            return
        self._left[order_id] = left - quantity
        if quantity >= left:
            self.ended(order_id)

    def ended(self, order_id: str) -> None:
        """It is terminal, or was not sent after all. Nothing for an id that is not known."""
        where = self._where.pop(order_id, None)
        if where is not None:
            del self._left[order_id]
            del self._resting[where][order_id]

    def ask(self, order: OrderFacts) -> tuple[Verdict, ...]:
        """Return the verdict: a denial where an own order of the other side is at this order's price or better for it.

        An order without a price, or with one that is not finite, takes any price: every own order of the other side denies it.
        """
        buy, limit_price = order.side is Side.BUY, order.limit_price
        against = self._resting.get((order.instrument_id, Side.SELL if buy else Side.BUY))
        if not against:
            return _PASSED
        nearest = (min if buy else max)(against, key=lambda order_id: against[order_id])
        price = against[nearest]
        if limit_price is not None and limit_price.is_finite() and (limit_price < price if buy else limit_price > price):
            return _PASSED
        wanted = "at any price" if limit_price is None else f"at {limit_price}"
        seen = f"{order.side.value} {wanted} against our {nearest} at {price}"
        return (Verdict(control=SELF_MATCH, outcome=Outcome.DENY, observed=seen, limit=WORDS),)
