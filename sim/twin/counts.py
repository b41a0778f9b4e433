"""The Sentinel's counts at a twin's gate: an order uses its approval up, and no limit of a book is asked.

Exposure, leverage, losses, repeats and message rates were judged at the live run's gate, on the live run's book. The twin's book
is what it happened to follow: to judge by that again would refuse what really went out, and compare nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.order_context import OrderContext
from orders.exact import exact_arithmetic, exact_operators
from orders.plan import Approval, Verdict
from orders.values import Quote
from sentinel.armed import Armed
from sentinel.limits import SentinelLimits
from sentinel.running_state import RunningState


class TwinCounts:
    """One per twin, an `engine.counts.Counts`. Nothing is armed: what it sends can go nowhere."""

    def __init__(self, limits: SentinelLimits, *, positions: Mapping[str, Decimal]) -> None:
        self.armed: Armed | None = None
        self.running = RunningState(limits, positions=positions)

    def approve(self, approvals: Iterable[Approval], *, automatic: bool) -> None:
        """Reserve what was approved, so that it is drawn once."""
        with exact_arithmetic():
            self.running.reservations.reserve(approvals)

    def ask(
        self, approval: Approval, *, quantity: Decimal, limit_price: Decimal | None, quote: Quote | None, now_ns: int
    ) -> tuple[Verdict, ...]:
        """Return no verdict: see above."""
        return ()

    def executed(self, order_id: str, context: OrderContext, *, quantity: Decimal, price: Decimal, now_ns: int) -> None:
        """A fill of the twin's."""
        with exact_operators():
            self.running.reservations.fill(order_id, symbol=context.symbol, side=context.side, quantity=quantity)

    def undo(self, order_id: str) -> None:
        """What just passed is not sent after all, inside `exact_operators`."""
        self.running.reservations.undo(order_id)

    def ended(self, order_id: str) -> None:
        """An order is terminal."""
        with exact_operators():
            self.running.reservations.end(order_id)
