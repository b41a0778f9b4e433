"""The manifest desk: from an audited manifest to approved orders — snapshot the world, plan, judge, write, arm the gate.

The arithmetic is the planner's, the judgement the Sentinel's; here are only the reads and the writes around them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId

from engine.funding import Funding
from engine.gate import Gate
from engine.hours import Hours
from engine.intake import Audited, ManifestIntake
from engine.prices import Prices
from engine.recorder import Recorder
from engine.regime_watch import RegimeSeen, RegimeWatch
from engine.run_config import RunConfig
from engine.waiting import Waiting
from lakehouse import records
from lakehouse.permission import Permission
from lakehouse.rebuild import INTERRUPTED, WAITING, WITHDRAWN, LogFold
from lakehouse.rebuild import OPERATOR as OPERATOR
from orders.assumptions import FillAt
from orders.errors import InputError, StorageError
from orders.flatten import Scope, Withdrawal, is_withdrawn, without_withdrawn
from orders.plan import (
    Approval,
    Decision,
    Held,
    Judgement,
    OpenOrder,
    Plan,
    PlanInputs,
    PlanPolicy,
    document_sha256,
    plan_document,
)
from orders.valuation import Marks, open_exposure
from orders.values import Listing, MarketLimits, Quote, Rate, Side
from sentinel.facts import RecentApproval, Reference, SentinelFacts
from sentinel.guard import AT_ONCE_EVERYWHERE, judge_plan
from sentinel.limits import SentinelLimits
from strategies.desk import Work
from strategies.planner import plan

if TYPE_CHECKING:
    from strategies.manifest_strategy import ManifestStrategy

NS: Final = 1_000_000_000
PRICE_HOLDS: Final = frozenset({"NO_MARK", "MARK_STALE"})
HELD_RETRIES_MAX: Final = 5  # cycles a manifest gets after held ones; a price that stays away is an alarm, not a loop
BPS: Final = Decimal(10_000)


def stops_on_disk_error[Method: Callable[..., Any]](otherwise: object) -> Callable[[Method], Method]:
    """Halt and answer `otherwise` where the journal has failed: the caller is a Nautilus callback, which must not raise."""

    def decorate(work: Method) -> Method:
        @wraps(work)
        def guarded(desk: ManifestDesk, *args: Any, **kwargs: Any) -> Any:
            try:
                return work(desk, *args, **kwargs)
            except StorageError as error:
                desk._halt(str(error))
                return otherwise

        return cast(Method, guarded)

    return decorate


class ManifestDesk:
    """One per run; the strategy's `Desk`. Runs on the engine's loop only."""

    def __init__(
        self,
        *,
        config: RunConfig,
        limits: SentinelLimits,
        policy: PlanPolicy,
        rates: Mapping[str, Rate],
        listings: Mapping[str, Listing],
        market_limits: Mapping[str, MarketLimits],
        recorder: Recorder,
        gate: Gate,
        permission: Permission,
        prices: Prices,
        cache: Any,
        clock_ns: Callable[[], int],
        fold: LogFold,
        halt: Callable[[str], None],
        hours: Hours,
        waiting: Waiting,
    ) -> None:
        self._halt = halt
        self._config = config
        self._limits = limits
        self._policy = policy
        self._rates = rates
        self._listings = listings
        self._market_limits = market_limits
        self._recorder = recorder
        self._gate = gate
        self._permission = permission
        self._prices = prices
        self._cache = cache
        self._symbols = {listing.instrument_id: symbol for symbol, listing in listings.items()}
        self._clock_ns = clock_ns
        self._accounts = config.accounts()
        self._assumptions = config.assumptions()
        self._regime = RegimeWatch(
            config.regime_audit_policy(),
            market_now_ns=recorder.market_now_ns,
            alarm=lambda code, message: recorder.write(records.Alarm, code=code, message=message),
        )
        self._funding = Funding(
            keeper=recorder.keeper,
            recorder=recorder,
            quote_of=prices.quote_of,
            listings=listings,
            limits=market_limits,
            accounts=self._accounts,
            assumptions=self._assumptions,
        )
        self._cut_off = fold.open_cycle
        self._recent: list[RecentApproval] = []  # of the open cycle
        self._reducing: list[Approval] = []  # of the open cycle
        self._approved: Sequence[Approval] = ()  # of the open cycle
        self._planned: Plan | None = None  # of the open cycle
        self._hours = hours
        self._waiting = waiting
        self._decided: Work | None = None  # what the open cycle was planned for
        self._retries = HELD_RETRIES_MAX
        self._open_manifest = ""
        self._outcome = "done"  # of the open cycle
        self.last_plan: Plan | None = None
        self.on_plan: Callable[[Plan | None, Judgement | Held], None] = lambda made, judgement: None
        self.on_cycle_end: Callable[[Sequence[records.Fill], int], None] = lambda fills, orders: None
        self.on_manifest: Callable[[Any], None] = lambda outcome: None
        self._intake = ManifestIntake(
            recorder=recorder,
            keeper=recorder.keeper,
            quote_of=prices.quote_of,
            clock_ns=clock_ns,
            fold=fold,
            next_bar=self._assumptions.fill_at is FillAt.NEXT_BAR,
            wait_s=config.policy.plan_deadline_s,
            on_manifest=lambda outcome: self.on_manifest(outcome),
            waiting=self._waiting,
        )

    def quote_of(self, symbol: str) -> Quote | None:
        """Return the newest price of a symbol."""
        return self._prices.quote_of(symbol)

    @stops_on_disk_error(None)
    def read(self, outcome: Any) -> Work | None:
        """Write what was read and what became of it; HOLD and REFUSED raise an alarm and change nothing that is held."""
        work = self._intake.read(outcome)
        if work is not None:
            self._retries = HELD_RETRIES_MAX
        return work

    @stops_on_disk_error(None)
    def decide(self, work: Work, ready: Callable[[Sequence[Approval]], None]) -> None:
        """Open a cycle, plan and judge; the gate is armed and `ready` called once the intents are durable."""
        manifest, audited = work.outcome, self._intake.audited
        assert audited is not None
        self._decided = work
        cycle = self._recorder.open_cycle(cause=work.cause, manifest_sha256=manifest.manifest_sha256)
        self._open_manifest, self._outcome = manifest.manifest_sha256, "done"
        inputs = self.inputs(
            cycle=cycle,
            manifest_sha256=manifest.manifest_sha256,
            source_run=manifest.source_run,
            targets=without_withdrawn(
                manifest.targets,
                self._intake.withdrawals,
                manifest_sha256=manifest.manifest_sha256,
                listings=self._listings,
            ),
            symbols=work.symbols,
            after_ns=work.after_ns,
            awaited=work.waits_for,
        )
        try:
            made = plan(inputs)
        except InputError as error:  # numbers that no exact arithmetic holds; this is a Nautilus callback
            made = Held(code=error.code, message=str(error))
        self.carry_out(
            made,
            inputs=inputs,
            audited=audited,
            decision=self._intake.decision,
            ready=ready,
            schedules=self._config.schedule_by_venue(),
        )

    def inputs(
        self,
        *,
        cycle: int,
        manifest_sha256: str,
        source_run: str,
        targets: Mapping[str, Decimal],
        symbols: Sequence[str],
        after_ns: int = 0,
        awaited: Sequence[str] = (),
    ) -> PlanInputs:
        """Return the world now, with the prices of `symbols`; of those `awaited` one not newer than `after_ns` counts as none."""
        held_to, now_ns = set(awaited), self._clock_ns()
        seen = {symbol: quote for symbol in symbols if (quote := self._prices.quote_of(symbol)) is not None}
        return PlanInputs(
            environment=self._config.environment,
            manifest_sha256=manifest_sha256,
            source_run=source_run,
            cycle=cycle,
            targets=targets,
            book=self._recorder.keeper.snapshot(),
            open_orders=self.open_orders(),
            quotes={symbol: quote for symbol, quote in seen.items() if quote.ts_ns > after_ns or symbol not in held_to},
            limits=self._market_limits,
            listings=self._listings,
            accounts=self._accounts,
            fees=self._assumptions.fees,
            rates=self._rates,
            policy=self._policy,
            now_ns=now_ns,
            hours=self._hours.of(now_ns),
        )

    def audited(self, *, manifest_sha256: str, source_run: str) -> Audited | None:
        """Return the last accepted manifest if it is this one from this run."""
        known = self._intake.audited
        if known is None or known.facts.manifest_sha256 != manifest_sha256 or known.facts.source_run != source_run:
            return None
        return known

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
    ) -> Judgement | Held:
        """Judge a plan of the open cycle and write it and its intents; see `decide`. `decision`: symbol -> (mid, when).

        `schedules`: by venue; orders of the operator go at once. `reductions_only`: a flatten, which follows no manifest.
        """
        cycle, quotes, planned_ns, sha256 = inputs.cycle, inputs.quotes, inputs.now_ns, inputs.manifest_sha256
        facts = audited.facts
        if isinstance(made, Held):
            self._hold(cycle, sha256, made, planned_ns, ready)
            return made
        open_orders = () if reductions_only else inputs.open_orders  # it may go where they cannot be valued: it only reduces
        exposure = open_exposure(open_orders, marks=Marks.of_inputs(inputs))
        if isinstance(exposure, Held):
            self._hold(cycle, sha256, exposure, planned_ns, ready)
            return exposure
        document = plan_document(made)
        digest = document_sha256(document)
        regime = self._regime.see((audited.regime_name, None))
        judgement = judge_plan(
            made,
            facts=self._sentinel_facts(
                audited, decision, inputs, regime=regime, open_exposure=exposure, reductions_only=reductions_only
            ),
            limits=self._limits,
            sha256=digest,
            schedules=schedules,
        )
        if judgement.must_halt:
            self._halt(f"CONTROL_FAILED: {judgement.message}")
        approved_ns = self._clock_ns()
        self._recent = [RecentApproval.of(approval, approved_ns=approved_ns) for approval in judgement.approvals]
        self._reducing = [approval for approval in judgement.approvals if approval.reduces]
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
        self.on_plan(made, judgement)
        if judgement.decision is not Decision.PLAN:
            self._outcome = "refused"
            self._recorder.write(records.Alarm, code=judgement.code, message=judgement.message)
        self._recorder.intents(
            made,
            judgement.approvals,
            manifest=facts,
            plan_sha256=digest,
            planned_ns=planned_ns,
            approved_ns=approved_ns,
            arrivals=quotes,
        )
        approvals = judgement.approvals

        def durable() -> None:
            self._recorder.intents_durable(approvals)
            self._gate.approve(approvals)
            ready(approvals)

        self._recorder.when_durable(durable)
        return judgement

    def _hold(
        self, cycle: int, manifest_sha256: str, held: Held, planned_ns: int, ready: Callable[[Sequence[Approval]], None]
    ) -> None:
        if held.code not in PRICE_HOLDS:
            self._retries = 0  # newer prices would not change it
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

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """Orders that may still fill. A cycle begins when the last one's orders are terminal, so none is ours; others count.

        A parent whose schedule runs counts with all that it has not filled, sent or not, and its children do not.
        """
        found = []
        scheduled = set()
        for parent in self._gate.children.parents():
            primary = self._cache.order(ClientOrderId(parent.client_order_id))
            left = parent.quantity - self._recorder.contexts[parent.client_order_id].filled
            if primary is not None and not primary.is_closed and left > 0:
                scheduled.add(primary.client_order_id)
                found.append(
                    OpenOrder(
                        client_order_id=parent.client_order_id, symbol=parent.symbol, side=parent.side, leaves_quantity=left
                    )
                )
        for order in self._cache.orders_open() + self._cache.orders_inflight():
            symbol = self._symbols.get(order.instrument_id.value)
            if symbol is not None and order.exec_spawn_id not in scheduled:
                found.append(
                    OpenOrder(
                        client_order_id=order.client_order_id.value,
                        symbol=symbol,
                        side=Side.BUY if order.side == OrderSide.BUY else Side.SELL,
                        leaves_quantity=order.leaves_qty.as_decimal(),
                    )
                )
        return tuple(found)

    def _sentinel_facts(
        self,
        audited: Audited,
        decision: Mapping[str, tuple[Decimal, int]],
        inputs: PlanInputs,
        *,
        regime: RegimeSeen,
        open_exposure: Any,
        reductions_only: bool,
    ) -> SentinelFacts:
        """What the Sentinel sees beside the plan. A symbol without a decision price is held against its own last mid."""
        quotes = inputs.quotes
        references = {symbol: Reference(price=quote.mid, ts_ns=quote.ts_ns) for symbol, quote in quotes.items()}
        for symbol, (price, ts_ns) in decision.items():
            references[symbol] = Reference(price=price, ts_ns=ts_ns)
        return SentinelFacts(
            halted=not self._permission.may_send(),
            grade=audited.grade,
            regime_name=regime.name,
            regime_quadrant=regime.quadrant,
            regime_source=regime.source,
            weights=audited.weights,
            quotes=quotes,
            references=references,
            recent=self._recent,
            open_exposure=open_exposure,
            now_ns=inputs.now_ns,
            hours=inputs.hours,
            reductions_only=reductions_only,
        )

    @stops_on_disk_error(())
    def fund(self, openings: Sequence[Approval]) -> Sequence[Approval]:
        """Return what of the openings goes out now that the reducing orders are terminal: see `engine.funding`."""
        funded, unfunded = self._funding.fund(openings, reducing=self._reducing)
        for approval, reason, text in unfunded:
            self._recorder.skip(
                cycle=approval.cycle,
                line=approval.line,
                symbol=approval.symbol,
                reason=reason,
                text=text,
                wanted=approval.quantity,
                notional_base=Decimal(0),
            )
            self._gate.revoke(approval.client_order_id)
            self._recorder.withdraw(approval.client_order_id, cause="not_funded")
        return funded

    @stops_on_disk_error(None)
    def finish(self) -> Work | None:
        """Close the cycle; its manifest is done, unless it was held or refused, or a halt or a kill had cut the cycle off.

        Lines that wait for their market are topped up at its next session, and so is a book that needs its prices. A cycle held
        for another price is tried again with newer ones, at most `HELD_RETRIES_MAX` times for one manifest. That work is
        returned, else None.
        """
        outcome, self._outcome = self._outcome, "done"
        made, self._planned = self._planned, None
        now = self._clock_ns()
        left: frozenset[str] = frozenset()
        if is_withdrawn(self._intake.withdrawals, self._open_manifest):
            outcome = WITHDRAWN  # a person flattened it: nobody plans it again
        elif outcome == "done" and not self._permission.may_send():
            outcome = INTERRUPTED  # what the halt denied is topped up by a start after `resume`
        elif outcome == "done" and (left := self._left(made, now_ns=now)):
            outcome = WAITING
        self.disarm()
        self._recorder.close_cycle(manifest_sha256=self._open_manifest, outcome=outcome)
        if outcome == "done":
            self._intake.done = self._open_manifest
        fills = self._recorder.cycle_fills
        self.on_cycle_end(fills, self._recorder.cycle_orders)
        if outcome == "held" and self._decided is not None and self._retries:
            left = frozenset(s for s in self._hours.closed(self._decided.symbols, now_ns=now) if self.quote_of(s) is None)
        if left and self._decided is not None:
            again, why = self._waiting.top_up(self._decided, left, now_ns=now, deadline_ns=self._intake.deadline_ns)
            if again is None:
                self._recorder.write(records.Alarm, code=why.partition(":")[0], message=why)
            return again
        if outcome != "held" or self._decided is None or not self._retries:
            return None
        self._retries -= 1
        return msgspec.structs.replace(self._decided, cause="top_up", after_ns=now, deadline_ns=self._intake.deadline_ns(now))

    def _left(self, made: Plan | None, *, now_ns: int) -> frozenset[str]:
        contexts = self._recorder.contexts
        short = [
            approval.symbol
            for approval in self._approved
            if (known := contexts.get(approval.client_order_id)) is None or known.filled < approval.quantity
        ]
        return self._waiting.left(made, short=short, now_ns=now_ns)

    @property
    def withdrawals(self) -> Sequence[Withdrawal]:
        """What a person has flattened of the manifest in force."""
        return self._intake.withdrawals

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """From now on this is not opened again until another manifest is accepted. Its log line is the caller's."""
        self._intake.withdraw(withdrawal)

    def covers(self, scope: Scope, symbol: str) -> bool:
        """Whether a flatten means this symbol."""
        listing = self._listings.get(symbol)
        return scope.covers(symbol, venue=None if listing is None else listing.venue)

    @property
    def manifest_in_force(self) -> Audited | None:
        """The manifest that was accepted last, withdrawn or not."""
        return self._intake.audited

    def deadline_ns(self, now_ns: int) -> int:
        """Return when waiting for prices from `now_ns` on ends."""
        return self._intake.deadline_ns(now_ns)

    @stops_on_disk_error(None)
    def drop(self, openings: Sequence[Approval]) -> None:
        """What was approved and waited for its turn is given up: a flatten cut its cycle off."""
        for approval in openings:
            self._gate.revoke(approval.client_order_id)
            self._recorder.withdraw(approval.client_order_id, cause="flattened")
        if self._outcome == "done":
            self._outcome = INTERRUPTED

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
        return msgspec.structs.replace(work, cause="top_up", after_ns=0, deadline_ns=self._intake.deadline_ns(now))

    def disarm(self) -> None:
        """Every order of the open cycle is terminal: what was approved and not used lapses."""
        self._gate.disarm()

    def attach(self, strategy: ManifestStrategy, working: Sequence[str], *, unwatched: Sequence[str] = ()) -> None:
        """After a restart: the strategy follows what still works; with nothing working the open cycle ends here."""
        if self._cut_off is None:
            return
        self._open_manifest, self._outcome = self._cut_off.manifest_sha256, INTERRUPTED
        strategy.adopt(working, unwatched=unwatched)
        if not working:
            self.finish()
