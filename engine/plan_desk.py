"""A plan of the open cycle, judged and written: verdicts, skips and intents, then the gate is armed. Whoever made the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import wraps
from typing import Any, Final, cast

from engine.gate import Gate
from engine.intake import Audited
from engine.override_use import use_of
from engine.plan_facts import PlanFacts
from engine.recorder import Recorder
from engine.regime_watch import RegimeWatch
from engine.sentinel_state import SentinelState
from lakehouse import records
from lakehouse.rebuild import OPERATOR
from orders.errors import InputError, StorageError
from orders.plan import (
    Approval,
    Decision,
    Held,
    Judgement,
    OpenOrder,
    Outcome,
    Plan,
    PlanInputs,
    Reason,
    document_sha256,
    plan_document,
)
from sentinel.believed import MARK_JUMPED
from sentinel.facts import RecentApproval
from sentinel.guard import AT_ONCE_EVERYWHERE, judge_plan
from sentinel.limits import SentinelLimits
from sentinel.override_values import SignedOverride
from strategies.desk import LOOKS
from strategies.plan_text import FLIP

PRICE_HOLDS: Final = frozenset({"NO_MARK", "MARK_STALE", MARK_JUMPED})
UNSETTLED: Final = frozenset({Reason.IN_FLIGHT, Reason.REPLACE})  # lines whose rest is the next cycle's


def stops_on_error[Method: Callable[..., Any]](otherwise: object) -> Callable[[Method], Method]:
    """Halt and answer `otherwise` where the journal has failed, or a fill or an approval cannot be: the caller is a Nautilus
    callback, which must not raise.
    """

    def decorate(work: Method) -> Method:
        @wraps(work)
        def guarded(desk: PlanDesk, *args: Any, **kwargs: Any) -> Any:
            try:
                return work(desk, *args, **kwargs)
            except (StorageError, InputError) as error:
                desk._halt(str(error))
                return otherwise

        return cast(Method, guarded)

    return decorate


class PlanDesk:
    """What the desk of manifests and the facade share. Runs on the engine's loop only."""

    def __init__(
        self,
        *,
        limits: SentinelLimits,
        facts: PlanFacts,
        regime: RegimeWatch,
        state: SentinelState,
        recorder: Recorder,
        gate: Gate,
        clock_ns: Callable[[], int],
        halt: Callable[[str], None],
    ) -> None:
        self._halt = halt
        self._limits = limits
        self._facts = facts
        self._regime = regime
        self._state = state
        self._recorder = recorder
        self._gate = gate
        self._clock_ns = clock_ns
        self._recent: list[RecentApproval] = []  # of the open cycle
        self._approved: Sequence[Approval] = ()  # of the open cycle
        self._planned: Plan | None = None  # of the open cycle
        self._outcome = "done"  # of the open cycle
        self._unsettled = False  # the open cycle leaves something to the next one
        self._price_held = False  # it was held for a price, which may come
        self._needs_override = False  # it was refused, and something in it asked for an override
        self._jump_held = False  # ... for one that has jumped, and must stand a while
        self.last_plan: Plan | None = None
        self.on_plan: Callable[[Plan | None, Judgement | Held], None] = lambda made, judgement: None

    def inputs(self, **what: Any) -> PlanInputs:
        """Return the world as it is now: see `PlanFacts.inputs`."""
        return self._facts.inputs(**what)

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return the orders that may still fill: see `PlanFacts.open_orders`."""
        return self._facts.open_orders()

    def foretold(self, made: Plan, *, inputs: PlanInputs, audited: Audited) -> Judgement | Held:
        """Return what the Sentinel would say of a plan that is not of a cycle; no order can come of it."""
        exposure = self._facts.open_exposure(inputs, self._state.running.reservations.unsent(), reductions_only=False)
        if isinstance(exposure, Held):
            return exposure
        regime = self._regime.see((audited.regime_name, None))
        facts = self._facts.sentinel_facts(
            audited,
            {},
            inputs,
            regime=regime,
            open_exposure=exposure,
            recent=self._recent,
            reductions_only=False,
            standing=self._state.standing(
                made, automatic=True, generated_ns=audited.generated_ns, now_ns=inputs.now_ns, equity_ns=inputs.now_ns
            ),
        )
        return judge_plan(made, facts=facts, limits=self._limits)

    def carry_out(
        self,
        made: Plan | Held,
        *,
        inputs: PlanInputs,
        audited: Audited,
        decision: Mapping[str, tuple[Decimal, int]],
        ready: Callable[[Sequence[Approval]], None],
        schedules: Mapping[str, str] = AT_ONCE_EVERYWHERE,
        reductions_only: bool = False,
        override: SignedOverride | None = None,
    ) -> Judgement | Held:
        """Judge a plan of the open cycle and write it and its intents; see `decide`. `decision`: symbol -> (mid, when).

        `schedules`: by venue; orders of the operator go at once. `reductions_only`: a flatten, which follows no manifest.
        `override`: what persons signed, good and not used before; where it is what lets the plan pass, a line before the intents
        uses it up.
        """
        cycle, quotes, planned_ns, sha256 = inputs.cycle, inputs.quotes, inputs.now_ns, inputs.manifest_sha256
        unsent = self._state.running.reservations.unsent()
        exposure = made if isinstance(made, Held) else self._facts.open_exposure(inputs, unsent, reductions_only=reductions_only)
        if isinstance(made, Held) or isinstance(exposure, Held):
            assert isinstance(exposure, Held)
            self._hold(cycle, sha256, exposure, planned_ns, ready)
            return exposure
        doubted = (
            "" if reductions_only or self._recorder.cycle_cause in LOOKS else self._state.doubted(made)
        )  # a look had its own
        if doubted:
            held = Held(code=MARK_JUMPED, message=f"{doubted}. Nothing was sent; what is held stays as it is.")
            self._hold(cycle, sha256, held, planned_ns, ready)
            return held
        automatic = self._recorder.cycle_cause != OPERATOR
        if not reductions_only:  # a flatten goes where the book cannot be valued
            self._state.observe_plan(made, now_ns=planned_ns)
        document = plan_document(made)
        digest = document_sha256(document)
        regime = self._regime.see((audited.regime_name, None))
        facts = self._facts.sentinel_facts(
            audited,
            decision,
            inputs,
            regime=regime,
            open_exposure=exposure,
            recent=self._recent,
            reductions_only=reductions_only,
            standing=self._state.standing(
                made, automatic=automatic, generated_ns=audited.generated_ns, now_ns=planned_ns, equity_ns=planned_ns
            ),
            override=override,
        )
        judgement = judge_plan(made, facts=facts, limits=self._limits, sha256=digest, schedules=schedules)
        if not reductions_only:
            self._regime.follow(
                made,
                judgement.approvals,
                facts=facts,
                seen=regime,
                manifest=(audited.regime_name, None),
                code=judgement.code,
            )
        if judgement.must_halt:
            self._halt(f"CONTROL_FAILED: {judgement.message}")
        approved_ns = self._clock_ns()
        self._recent = [RecentApproval.of(approval, approved_ns=approved_ns) for approval in judgement.approvals]
        smaller = {verdict.line for verdict in judgement.verdicts if verdict.outcome is Outcome.RESIZE}
        self._unsettled = any(  # a flip that a cap made smaller is not: a top-up would be the same again at once
            line.reason in UNSETTLED or (line.trades and line.detail.startswith(FLIP) and line.line not in smaller)
            for line in made.lines
        )
        self._approved, self._planned = judgement.approvals, made
        self.last_plan = made
        self._recorder.plan(
            cycle=cycle,
            outcome=judgement,
            manifest_sha256=sha256,
            planned_ns=planned_ns,
            approved_ns=approved_ns,
            plan_sha256=digest,
            document=document,
            **regime.fields(),
        )
        self._recorder.skips(made)
        if judgement.decision is Decision.PLAN:
            self._recorder.denied_lines(made, judgement)
        self._state.judged(made, judgement)
        self.on_plan(made, judgement)
        if judgement.decision is not Decision.PLAN:
            self._outcome = "refused"
            self._recorder.write(records.Alarm, code=judgement.code, message=judgement.message)
        self._needs_override = judgement.decision is not Decision.PLAN and any(
            verdict.outcome is Outcome.NEEDS_OVERRIDE for verdict in judgement.verdicts
        )
        if override is not None and judgement.override:
            self._recorder.write(records.OverrideUsed, **use_of(override, cycle=cycle, plan_sha256=digest))
        self._recorder.intents(
            made,
            judgement.approvals,
            manifest=audited.facts,
            plan_sha256=digest,
            planned_ns=planned_ns,
            approved_ns=approved_ns,
            arrivals=quotes,
        )
        approvals = judgement.approvals

        def durable() -> None:
            self._recorder.intents_durable(approvals)
            self._gate.approve(approvals, automatic=automatic)
            ready(approvals)

        self._recorder.when_durable(durable)
        return judgement

    def _hold(
        self, cycle: int, manifest_sha256: str, held: Held, planned_ns: int, ready: Callable[[Sequence[Approval]], None]
    ) -> None:
        self._price_held, self._jump_held = held.code in PRICE_HOLDS, held.code == MARK_JUMPED
        self._recorder.plan(
            cycle=cycle,
            outcome=held,
            manifest_sha256=manifest_sha256,
            planned_ns=planned_ns,
            approved_ns=planned_ns,
            plan_sha256=None,
            document=None,
        )
        self._recorder.write(records.Alarm, code=held.code, message=held.message)
        self._outcome = "held"
        self.on_plan(None, held)
        ready(())

    def disarm(self) -> None:
        """Every order of the open cycle is terminal: what was approved and not used lapses."""
        self._gate.disarm()
