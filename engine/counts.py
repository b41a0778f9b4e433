"""What a gate asks and tells of the Sentinel's counts: those of a run that trades its own book, or of a twin, which has none."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from engine.order_context import OrderContext
from orders.plan import Approval, Verdict
from orders.values import Quote
from sentinel.armed import Armed
from sentinel.running_state import RunningState


class Counts(Protocol):
    """`engine.sentinel_state.SentinelState` is the one of a run, `sim.twin.counts.TwinCounts` a twin's."""

    armed: Armed | None
    running: RunningState

    def approve(self, approvals: Iterable[Approval], *, automatic: bool) -> None:
        """Reserve what was approved."""
        ...

    def ask(
        self, approval: Approval, *, quantity: Decimal, limit_price: Decimal | None, quote: Quote | None, now_ns: int
    ) -> tuple[Verdict, ...]:
        """Return the verdicts on one order of an approved line, beside those of the order itself."""
        ...

    def executed(self, order_id: str, context: OrderContext, *, quantity: Decimal, price: Decimal, now_ns: int) -> None:
        """A fill of ours."""
        ...

    def undo(self, order_id: str) -> None:
        """What just passed is not sent after all."""
        ...

    def ended(self, order_id: str) -> None:
        """An order is terminal."""
        ...
