"""The desk's side of sending: which approved orders of the open cycle go now, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from engine.gate import Gate
from engine.plan_desk import PlanDesk, stops_on_error
from engine.plan_facts import PlanFacts
from engine.recorder import Recorder
from engine.regime_watch import RegimeWatch
from engine.releases import Releases
from engine.sentinel_state import SentinelState
from lakehouse.rebuild import INTERRUPTED
from orders.book import ZERO
from orders.exact import EXACT
from orders.plan import Approval, Plan, PlanInputs
from sentinel.limits import SentinelLimits

CAPITAL: Final = "capital"  # cause of the cancel line of an intent that less capital gave up


class ReleaseDesk(PlanDesk):
    """Judges and writes plans, and releases what came of them. Runs on the engine's loop only."""

    def __init__(
        self,
        *,
        limits: SentinelLimits,
        facts: PlanFacts,
        releases: Releases,
        regime: RegimeWatch,
        state: SentinelState,
        recorder: Recorder,
        gate: Gate,
        clock_ns: Callable[[], int],
        halt: Callable[[str], None],
    ) -> None:
        super().__init__(
            limits=limits, facts=facts, regime=regime, state=state, recorder=recorder, gate=gate, clock_ns=clock_ns, halt=halt
        )
        self._releases = releases

    @stops_on_error(None)
    def _begin_release(self, approvals: Sequence[Approval], made: Plan, inputs: PlanInputs) -> None:
        self._releases.begin(approvals, plan=made, inputs=inputs, now_ns=self._clock_ns())

    @property
    def waiting_until_ns(self) -> int | None:
        """Until when approved orders wait for their turn, on the engine's clock; None when none does."""
        return self._releases.deadline_ns if self._releases.waiting else None

    @property
    def paced(self) -> bool:
        """Whether approved orders wait for nothing but the messages their venue takes in a second."""
        return self._releases.paced

    @stops_on_error(())
    def release(self, now_ns: int) -> Sequence[Approval]:
        """Return the approved orders that go now, each once; where none may go any more the rest is skipped."""
        chosen = self._releases.next()
        if not chosen:
            self._releases.expire(now_ns)
        return chosen

    @stops_on_error(None)
    def filled(self, event: Any, *, parent_id: str | None) -> None:
        """Take a fill event of ours: see `Releases.filled`."""
        self._releases.filled(event, parent_id=parent_id)

    @stops_on_error(None)
    def ended(self, client_order_id: str) -> None:
        """Take the end of an order of ours."""
        self._releases.ended(client_order_id)

    @property
    def cancels(self) -> Sequence[str]:
        """The orders in flight that the plan of the open cycle wants out of its way."""
        return self._planned.cancels if self._planned is not None and self._outcome == "done" else ()

    @stops_on_error(None)
    def drop(self) -> None:
        """What was approved and waits for its turn is given up: a flatten cut its cycle off."""
        self._releases.drop(cause="flattened")
        if self._outcome == "done":
            self._outcome = INTERRUPTED

    @stops_on_error(None)
    def drop_opening(self) -> None:
        """Less capital may be used: what was approved, waits for its turn and opens or adds is given up."""
        self._releases.drop_opening(cause=CAPITAL)

    def reduces_now(self, client_order_id: str) -> bool:
        """Whether a working order can only bring its position toward zero, as both stand; False for one that is not known."""
        known = self._recorder.contexts.get(client_order_id)
        if known is None:
            return False
        left = EXACT.subtract(Decimal(known.order_quantity), known.filled)
        held = self._recorder.keeper.positions.get(known.symbol, ZERO)
        return held * known.side.sign < 0 and left <= abs(held)
