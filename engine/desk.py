"""The manifest desk: from an audited manifest to approved orders — snapshot the world, plan, judge, write, arm the gate.

The arithmetic is the planner's, the judgement the Sentinel's; what the world looks like is `engine.plan_facts`, when an approved
order goes `engine.releases`; judging and writing is `engine.plan_desk`. Here is what opens a cycle and what follows its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.drift import DriftGrid, DriftWatch
from engine.gate import Gate
from engine.hours import Hours
from engine.intake import Audited, ManifestIntake
from engine.intake_desk import IntakeDesk
from engine.plan_desk import stops_on_error
from engine.plan_facts import PlanFacts
from engine.recorder import Recorder
from engine.regime_watch import REGIME_PARITY, RegimeWatch
from engine.releases import Releases
from engine.run_config import RunConfig
from engine.sentinel_state import SentinelState
from engine.waiting import Waiting
from lakehouse import records
from lakehouse.permission import Permission
from lakehouse.rebuild import INTERRUPTED, PARTIAL, SUPERSEDED, WAITING, WITHDRAWN, LogFold
from lakehouse.rebuild import OPERATOR as OPERATOR
from orders.assumptions import FillAt
from orders.capital import ONE
from orders.errors import InputError
from orders.flatten import is_withdrawn, without_withdrawn
from orders.plan import Approval, Decision, Held, InFlight, Judgement, Plan, PlanInputs, Reason
from orders.values import Listing, Quote
from sentinel.limits import SentinelLimits
from sentinel.market_sanity import MARKET_SANITY
from sentinel.override_values import SignedOverride
from strategies.desk import LOOKS, NEW_MANIFEST, RAMP, TOP_UP, Work
from strategies.planner import plan

if TYPE_CHECKING:
    from strategies.manifest_strategy import ManifestStrategy

REGIME_LOOK_NS: Final = 60 * 1_000_000_000  # market time between looks at whether a plan that the regime log stopped is allowed
WAITS: Final = frozenset(
    {Reason.MARKET_CLOSED, Reason.NO_HOURS, Reason.NO_PRICE, Reason.PRICE_STALE, Reason.PRICE_CROSSED, Reason.IN_FLIGHT}
)
HELD_RETRIES_MAX: Final = 5  # cycles a manifest gets after held ones; a price that stays away is an alarm, not a loop


class ManifestDesk(IntakeDesk):
    """One per run; the strategy's `Desk`. Runs on the engine's loop only."""

    def __init__(
        self,
        *,
        config: RunConfig,
        limits: SentinelLimits,
        facts: PlanFacts,
        releases: Releases,
        state: SentinelState,
        recorder: Recorder,
        gate: Gate,
        permission: Permission,
        quote_of: Callable[[str], Quote | None],
        listings: Mapping[str, Listing],
        clock_ns: Callable[[], int],
        fold: LogFold,
        halt: Callable[[str], None],
        hours: Hours,
        waiting: Waiting,
        drift: DriftGrid,
        regime: RegimeWatch,
    ) -> None:
        super().__init__(
            limits=limits,
            facts=facts,
            releases=releases,
            regime=regime,
            state=state,
            recorder=recorder,
            gate=gate,
            clock_ns=clock_ns,
            halt=halt,
        )
        self._hours = hours
        self._waiting = waiting
        self._config = config
        self._permission = permission
        self.quote_of = quote_of
        self._listings = listings
        self._cut_off = fold.open_cycle
        self._decided: Work | None = None  # what the open cycle was planned for
        self._resumed = False  # a halt was taken back while the open cycle went on: what it denied is planned anew
        self._retries = HELD_RETRIES_MAX
        self._top_ups = config.policy.top_ups_max - fold.partials
        self._open_manifest = ""
        self._refused: tuple[Work, Plan] | None = None  # the last cycle, where a person's override could have let it pass
        self._override: SignedOverride | None = None  # for the next cycle
        self.on_override: Callable[[SignedOverride, Judgement | Held], None] = lambda signed, judgement: None
        self.on_cycle_end: Callable[[Sequence[records.Fill], int], None] = lambda fills, orders: None
        self.on_manifest: Callable[[Any], None] = lambda outcome: None
        self._intake = ManifestIntake(
            recorder=recorder,
            keeper=recorder.keeper,
            quote_of=quote_of,
            clock_ns=clock_ns,
            fold=fold,
            next_bar=config.assumptions_section.fill_at is FillAt.NEXT_BAR,
            wait_s=config.policy.plan_deadline_s,
            on_manifest=lambda outcome: self.on_manifest(outcome),
            waiting=waiting,
            on_accepted=state.accepted,
        )
        self._drift = DriftWatch(drift, intake=self._intake, keeper=recorder.keeper, waiting=waiting)
        planned, capital = planned_fraction(fold), state.running.capital
        if capital is not None and planned is not None and planned > capital.usable:
            self._drift.ramp()  # a lower step was written just before a crash, or while nothing ran

    @stops_on_error(None)
    def read(self, outcome: Any) -> Work | None:
        """Write what was read and what became of it; HOLD and REFUSED raise an alarm and change nothing that is held."""
        work = self._intake.read(outcome)
        if work is not None:
            self._retries = HELD_RETRIES_MAX
            if work.cause == NEW_MANIFEST:
                self._top_ups = self._config.policy.top_ups_max
        return work

    @stops_on_error(None)
    def decide(self, work: Work, ready: Callable[[Sequence[Approval]], None]) -> None:
        """Open a cycle, plan and judge; the gate is armed and `ready` called once the intents are durable."""
        manifest, audited = work.outcome, self._intake.audited
        assert audited is not None
        self._decided = work
        self._unsettled = self._releases.left_over = False  # of the last cycle: this one may approve nothing
        cycle = self._recorder.open_cycle(cause=work.cause, manifest_sha256=manifest.manifest_sha256)
        self._open_manifest, self._outcome = manifest.manifest_sha256, "done"
        inputs = self._work_inputs(work, cycle=cycle)
        self._drift.saw(inputs.quotes)
        made = made_plan(inputs)
        if work.cause in LOOKS:
            audited = _decided_now(audited, inputs)
        override, self._override = self._override, None

        def begin(approvals: Sequence[Approval]) -> None:
            if isinstance(made, Plan) and approvals:
                self._begin_release(approvals, made, inputs)
            ready(approvals)

        judgement = self.carry_out(
            made,
            inputs=inputs,
            audited=audited,
            decision=self._references(work),
            ready=begin,
            schedules=self._config.schedule_by_venue(),
            override=override,
        )
        if override is not None:
            self.on_override(override, judgement)

    def _work_inputs(self, work: Work, *, cycle: int) -> PlanInputs:
        """The world as it is now, and the targets without what a person has flattened: nobody's any more."""
        manifest, shares = work.outcome, self._intake.shares
        targets = manifest.targets
        if self._intake.withdrawals:
            targets = without_withdrawn(
                targets, self._intake.withdrawals, manifest_sha256=manifest.manifest_sha256, listings=self._listings
            )
            shares = {symbol: parts for symbol, parts in shares.items() if targets[symbol] == manifest.targets[symbol]}
        return self.inputs(
            cycle=cycle,
            manifest_sha256=manifest.manifest_sha256,
            source_run=manifest.source_run,
            targets=targets,
            symbols=work.symbols,
            after_ns=work.after_ns,
            awaited=work.waits_for,
            shares=shares,
            cause=work.cause,
            opens_nothing=work.cause == RAMP,
        )

    def _references(self, work: Work) -> Mapping[str, tuple[Decimal, int]]:
        """The prices the manifest was read at. A top-up takes those that are not too old by now, else the newest of its own; what
        a drift was seen at is what it is decided on.
        """
        if work.cause == NEW_MANIFEST:
            return self._intake.decision
        if work.cause in LOOKS:
            return {}
        oldest = self._clock_ns() - self._limits.reference_age_max_ns
        return {symbol: seen for symbol, seen in self._intake.decision.items() if seen[1] >= oldest}

    @property
    def supersedes(self) -> bool:
        """Whether a newer manifest is planned beside the orders that still work for the last one."""
        return self._facts.policy.in_flight is not InFlight.WAIT

    @stops_on_error(None)
    def supersede(self, working: Sequence[str]) -> None:
        """Close the open cycle for a newer manifest's: what waits is given up, `working` goes on as orders in flight."""
        self._releases.drop(cause=SUPERSEDED)
        self._gate.disarm(keep=working)
        self._recorder.close_cycle(manifest_sha256=self._open_manifest, outcome=SUPERSEDED)
        self.on_cycle_end(self._recorder.cycle_fills, self._recorder.cycle_orders)

    @stops_on_error(None)
    def finish(self) -> Work | None:
        """Close the cycle; its manifest is done, unless it was held or refused, or a halt or a kill had cut the cycle off.

        Work that is to be tried again is returned, else None: of a cycle that left something over (lines whose turn did not come,
        orders in flight, a flip's other side) a top-up, `policy.top_ups_max` times for one manifest; of lines that wait for their
        market, or a book that needs its prices, one at its next session; of a cycle held for another price one with newer prices,
        at most `HELD_RETRIES_MAX` times; of a plan that the regime log stopped one that is put off (`put_off`).
        """
        outcome, self._outcome = self._outcome, "done"
        made, self._planned = self._planned, None
        resumed, self._resumed = self._resumed, False
        now, decided = self._clock_ns(), self._decided
        left: frozenset[str] = frozenset()
        self._drift.pass_by(now)
        drifted = decided is not None and decided.cause in LOOKS  # what it leaves is the next look's
        if is_withdrawn(self._intake.withdrawals, self._open_manifest):
            outcome = WITHDRAWN  # a person flattened it: nobody plans it again
        elif outcome == "done" and (resumed or not self._permission.may_send()):
            outcome = INTERRUPTED  # what the halt denied is topped up after `resume`
        elif outcome == "done" and decided is not None and not drifted and self._top_ups > 0 and self._leaves_over:
            outcome = PARTIAL
            self._top_ups -= 1
        elif outcome == "done" and not drifted and (left := self._left(made, now_ns=now)):
            outcome = WAITING
        elif outcome == "done" and decided is not None and decided.cause == RAMP and self._intake.done != self._open_manifest:
            outcome = INTERRUPTED  # what it would open was left out: it is not done by that
        asks = outcome == "refused" and self._needs_override and not drifted
        self._refused = (decided, made) if asks and decided is not None and made is not None else None
        self.disarm()
        self._recorder.close_cycle(manifest_sha256=self._open_manifest, outcome=outcome)
        if outcome == "done":
            self._intake.done = self._open_manifest
        fills = self._recorder.cycle_fills
        self.on_cycle_end(fills, self._recorder.cycle_orders)
        if decided is None or drifted:
            return None
        if (outcome == "refused" and self._regime.barred) or (resumed and outcome in (INTERRUPTED, "refused")):
            return self._again(decided, now_ns=now)
        if outcome == "held" and self._price_held and self._retries:
            left = frozenset(s for s in self._hours.closed(decided.symbols, now_ns=now) if self.quote_of(s) is None)
            self._retries -= not left
            if not left:
                return self._held_again(decided, now_ns=now)
        elif outcome not in (PARTIAL, WAITING):
            return None
        return self._session(decided, left, now_ns=now) if left else self._again(decided, now_ns=now)

    @property
    def drift_check_ns(self) -> int | None:
        """From when on the next price asks for a look at the drift, on the engine's clock; None: drift is not looked at."""
        return self._drift.check_ns

    def drift_due(self, now_ns: int) -> Work | None:
        """Return the work of a look at the drift: see `DriftWatch.due`."""
        return self._drift.due(now_ns, may_send=self._permission.may_send())

    @stops_on_error(False)
    def would_trade(self, work: Work) -> bool:
        """Whether a drift cycle would send something, judged on what there is now; no cycle is opened.

        Also True for the first of refusals of one kind: the cycle that is refused then tells it. Where the book cannot be valued,
        or a price has jumped, there is no plan: the first look of one kind raises an alarm. A look because of the capital (RAMP)
        is the last one where nothing trades and nothing that is held waits for its market, a price or an order.
        """
        inputs = self._work_inputs(work, cycle=self._recorder.last_cycle + 1)
        jumped = self._drift.jumped(inputs.quotes, most=self._limits.jump_max_fraction)
        if jumped is None:
            self._drift.ramp_soon(inputs.now_ns)
            return False
        made, audited = made_plan(inputs), self._intake.audited
        foretold: Judgement | Held | None = None
        if jumped:
            foretold = Held(
                code=MARKET_SANITY, message=f"{jumped}. The next look takes it for the market's if it is still there."
            )
        elif isinstance(made, Held):
            foretold = made
            self._drift.ramp_soon(inputs.now_ns)
        elif audited is not None and any(line.trades for line in made.lines):
            foretold = self.foretold(made, inputs=inputs, audited=audited)
        held = foretold if isinstance(foretold, Held) else None
        if work.cause == RAMP and isinstance(made, Plan) and foretold is None and audited is not None:
            waits = any(line.held_quantity and line.reason in WAITS for line in made.lines)
            if not waits:
                self._drift.settled()
        if self._drift.holds_anew("" if held is None else held.code):
            assert held is not None
            self._recorder.write(records.Alarm, code=held.code, message=f"nothing drifts back to its targets: {held.message}")
        return isinstance(foretold, Judgement) and self._drift.acts_on(foretold)

    def capital_lowered(self, *, cycle_open: bool, fraction_fell: bool) -> None:
        """Less capital may be used: an open cycle's manifest is planned anew when it has ended, and where the fraction fell what
        is held is looked at. A pause alone brings nothing down.
        """
        if cycle_open and self._permission.may_send():
            self._resumed = self._recorder.cycle_cause != OPERATOR
        if fraction_fell:
            self._drift.ramp()

    @property
    def _leaves_over(self) -> bool:
        return self._unsettled or self._releases.left_over or self._regime.barred

    @stops_on_error(None)
    def put_off(self, work: Work) -> Work | None:
        """Return the work of a later look at what the regime log had stopped, where it still would; None: plan it now.

        Nothing is opened or written by looking. What reduces only, and what is refused for another reason, is planned.
        """
        if work.cause != TOP_UP or not self._regime.barred or self._override is not None:
            return None
        inputs = self._work_inputs(work, cycle=self._recorder.last_cycle + 1)
        made, audited = made_plan(inputs), self._intake.audited
        if isinstance(made, Held) or audited is None:
            return None
        foretold = self.foretold(made, inputs=inputs, audited=audited)
        if isinstance(foretold, Held) or foretold.code != REGIME_PARITY:
            return None
        return self._again(work, now_ns=inputs.now_ns + REGIME_LOOK_NS // self._recorder.market_speed)

    @property
    def refused(self) -> Plan | None:
        """The last plan, where it is still the manifest's in force and a person's override could have let it pass."""
        standing = self._intake.standing
        if self._refused is None or standing is None or standing.manifest_sha256 != self._refused[1].manifest_sha256:
            return None
        return self._refused[1]

    @property
    def override_waits(self) -> bool:
        """Whether an override that was handed over still waits for its cycle."""
        return self._override is not None and self.refused is not None

    def with_override(self, signed: SignedOverride | None) -> Work | None:
        """Take what persons signed for the next cycle, or take it back; return the work of planning the refused plan anew."""
        self._override = None if self.refused is None else signed
        if self._override is None or self._refused is None:
            return None
        return self._again(self._refused[0], now_ns=self._clock_ns())

    def _session(self, work: Work, left: frozenset[str], *, now_ns: int) -> Work | None:
        """The work of the next session of what is left; an alarm where there is none."""
        again, why = self._waiting.top_up(work, left, now_ns=now_ns, deadline_ns=self._intake.deadline_ns)
        if again is None:
            self._recorder.write(records.Alarm, code=why.partition(":")[0], message=why)
        return again

    def _again(self, work: Work, *, now_ns: int) -> Work:
        """The same work on prices from now on."""
        symbols = tuple(sorted({*work.symbols, *self._recorder.keeper.positions}))
        return msgspec.structs.replace(
            work,
            cause=TOP_UP,
            symbols=symbols,
            after_ns=now_ns,
            deadline_ns=self._intake.deadline_ns(now_ns),
            awaited=self._waiting.awaited(symbols, now_ns=now_ns),
        )

    def _held_again(self, work: Work, *, now_ns: int) -> Work:
        """The same work on newer prices: of one that has jumped on those that it must have stood for. The last time it waits for
        every price as long as the manifest is young enough.
        """
        again = self._again(work, now_ns=now_ns + (self._state.confirm_ns if self._jump_held else 0))
        if self._retries:
            return again
        return msgspec.structs.replace(again, deadline_ns=max(again.deadline_ns, self._waiting.too_old_ns(work)))

    def _left(self, made: Plan | None, *, now_ns: int) -> frozenset[str]:
        """The symbols that wait for a session."""
        contexts = self._recorder.contexts
        short = [
            approval.symbol
            for approval in self._approved
            if (known := contexts.get(approval.client_order_id)) is None or known.filled < approval.quantity
        ]
        return self._waiting.left(made, short=short, now_ns=now_ns)

    def topped_up(self) -> Work | None:
        """Return the work that is left of a manifest whose cycle a partial flatten cut off, None when nothing is."""
        work = self._decided
        if work is None or self._intake.done == work.outcome.manifest_sha256:
            return None
        audited = self._intake.audited
        if audited is None or audited.facts.manifest_sha256 != work.outcome.manifest_sha256:
            return None
        if is_withdrawn(self._intake.withdrawals, work.outcome.manifest_sha256):
            return None
        now = self._clock_ns()
        return msgspec.structs.replace(work, cause=TOP_UP, after_ns=0, deadline_ns=self._intake.deadline_ns(now))

    @stops_on_error(None)
    def resumed(self, *, cycle_open: bool) -> Work | None:
        """A halt was taken back: return what of the manifest in force it had denied; of an open cycle `finish` does."""
        if cycle_open:
            self._resumed = self._recorder.cycle_cause != OPERATOR
            return None
        return None if self._intake.standing is None else self.topped_up()

    def attach(self, strategy: ManifestStrategy, working: Sequence[str], *, unwatched: Sequence[str] = ()) -> None:
        """After a restart: the strategy follows what still works; with nothing working the open cycle ends here."""
        if self._cut_off is None:
            if working:  # a kill between a superseded cycle and the next one
                strategy.adopt(working, unwatched=unwatched, finish=lambda: None)
            return
        self._open_manifest, self._outcome = self._cut_off.manifest_sha256, INTERRUPTED
        strategy.adopt(working, unwatched=unwatched)
        if not working:
            self.finish()


def _decided_now(audited: Audited, inputs: PlanInputs) -> Audited:
    """The manifest, with the prices of now as those its orders were decided on."""
    mids = {symbol: quote.mid for symbol, quote in inputs.quotes.items()}
    return msgspec.structs.replace(audited, facts=msgspec.structs.replace(audited.facts, decision_prices=mids))


def planned_fraction(fold: LogFold) -> Decimal | None:
    """Return the fraction of equity that the last plan of the manifest in force was made at; None: there was none."""
    for line in reversed(fold.plans):
        if line.decision == Decision.PLAN:
            text = line.plan.get("capital_fraction")
            return ONE if text is None else Decimal(text)
    return None


def made_plan(inputs: PlanInputs) -> Plan | Held:
    """Return the plan, or `Held` also for numbers that no exact arithmetic holds: the caller is a Nautilus callback."""
    try:
        return plan(inputs)
    except InputError as error:
        return Held(code=error.code, message=str(error))
