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

from engine.gate import Gate
from engine.prices import Prices
from engine.recorder import ManifestFacts, Recorder
from engine.run_config import RunConfig
from lakehouse import records
from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestRefused
from lakehouse.permission import Permission
from lakehouse.rebuild import INTERRUPTED, LogFold
from lakehouse.rebuild import OPERATOR as OPERATOR
from orders.assumptions import FillAt
from orders.canonical import decimal_text, plain
from orders.costs import Liquidity, fee_for
from orders.errors import InputError, StorageError
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
from orders.values import Grade, Listing, MarketLimits, Quote, Rate, Record, Side
from sentinel.facts import RecentApproval, Reference, SentinelFacts
from sentinel.guard import judge_plan
from sentinel.limits import SentinelLimits
from strategies.desk import Work
from strategies.planner import plan

if TYPE_CHECKING:
    from strategies.manifest_strategy import ManifestStrategy

NS: Final = 1_000_000_000
PRICE_HOLDS: Final = frozenset({"NO_MARK", "MARK_STALE"})
HELD_RETRIES_MAX: Final = 5  # cycles a manifest gets after held ones; a price that stays away is an alarm, not a loop
BPS: Final = Decimal(10_000)


class Audited(Record, frozen=True, kw_only=True):
    """What the Sentinel and the log lines are told of the manifest behind a plan. `grade` ABSENT: nobody audited it here."""

    facts: ManifestFacts
    grade: Grade
    regime_name: str | None
    weights: Mapping[str, Decimal]


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
        self._done = fold.done  # the manifest whose cycle has ended
        self._last_generated_ns = 0
        self._interrupted = fold.unfinished  # the manifest whose cycle a kill cut off
        self._cut_off = fold.open_cycle
        self._decision: dict[str, tuple[Decimal, int]] = {}
        self._recent: list[RecentApproval] = []  # of the open cycle
        self._reducing: list[Approval] = []  # of the open cycle
        self._audited: Audited | None = None  # the last accepted manifest
        self._decided: Work | None = None  # what the open cycle was planned for
        self._retries = HELD_RETRIES_MAX
        self._open_manifest = ""
        self._outcome = "done"  # of the open cycle
        self.last_plan: Plan | None = None
        self.on_plan: Callable[[Plan | None, Judgement | Held], None] = lambda made, judgement: None
        self.on_cycle_end: Callable[[Sequence[records.Fill], int], None] = lambda fills, orders: None
        self.on_manifest: Callable[[Any], None] = lambda outcome: None
        if fold.manifest is not None:
            self._last_generated_ns = fold.manifest.generated_ns or 0
            self._audited = _audited_of(fold.manifest)

    def quote_of(self, symbol: str) -> Quote | None:
        """Return the newest price of a symbol."""
        return self._prices.quote_of(symbol)

    @stops_on_disk_error(None)
    def read(self, outcome: Any) -> Work | None:
        """Write what was read and what became of it; HOLD and REFUSED raise an alarm and change nothing that is held."""
        if isinstance(outcome, AuditedManifest):
            return self._accepted(outcome)
        decision = Decision.HOLD if isinstance(outcome, ManifestHeld) else Decision.REFUSED
        self._turned_away(outcome, decision=decision, code=outcome.code, message=outcome.message)
        return None

    def _accepted(self, manifest: AuditedManifest) -> Work | None:
        if manifest.generated_ns < self._last_generated_ns:
            return self.read(
                ManifestRefused(
                    code="MANIFEST_ROLLED_BACK",
                    message=f"generated at {manifest.generated_ns}; one of {self._last_generated_ns} was accepted already",
                    manifest_sha256=manifest.manifest_sha256,
                    written_ns=manifest.written_ns,
                    source_run=manifest.source_run,
                    generated_ns=manifest.generated_ns,
                    grade=manifest.grade,
                    run_ledger_head=manifest.run_ledger_head,
                    checks=manifest.checks,
                )
            )
        if manifest.manifest_sha256 == self._done:
            return None
        self._last_generated_ns = manifest.generated_ns
        self._retries = HELD_RETRIES_MAX
        now = self._clock_ns()
        symbols = tuple(sorted({*manifest.targets, *self._recorder.keeper.positions}))
        seen = {s: quote for s in symbols if (quote := self._prices.quote_of(s)) is not None}
        mids = {symbol: quote.mid for symbol, quote in seen.items()}
        self._decision = {symbol: (quote.mid, quote.ts_ns) for symbol, quote in seen.items()}
        facts = ManifestFacts(
            manifest_sha256=manifest.manifest_sha256,
            source_run=manifest.source_run,
            run_ledger_head=manifest.run_ledger_head,
            written_ns=manifest.written_ns,
            read_ns=now,
            decision_prices=mids,
        )
        self._audited = Audited(facts=facts, grade=manifest.grade, regime_name=manifest.regime_name, weights=manifest.targets)
        self._recorder.manifest(
            {
                **self._line(manifest, decision="ACCEPTED", code="", message="; ".join(manifest.notes)),
                "read_ns": now,
                "targets": {symbol: decimal_text(weight) for symbol, weight in manifest.targets.items()},
                "decision_prices": {symbol: decimal_text(mid) for symbol, mid in mids.items()},
            }
        )
        self.on_manifest(manifest)
        interrupted = manifest.manifest_sha256 == self._interrupted
        self._interrupted = None
        next_bar = self._assumptions.fill_at is FillAt.NEXT_BAR
        return Work(
            outcome=manifest,
            cause="top_up" if interrupted else "new_manifest",
            symbols=symbols,
            after_ns=now if next_bar else 0,
            deadline_ns=self._deadline_ns(now),
        )

    def _turned_away(self, outcome: Any, *, decision: Decision, code: str, message: str) -> None:
        now = self._clock_ns()
        self._recorder.manifest(
            {
                **self._line(outcome, decision=decision.value, code=code, message=message),
                "read_ns": now,
                "targets": {},
                "decision_prices": {},
            }
        )
        self._recorder.write(records.Alarm, code=code, message=message)
        self.on_manifest(outcome)

    @staticmethod
    def _line(outcome: Any, *, decision: str, code: str, message: str) -> dict[str, Any]:
        audited = isinstance(outcome, AuditedManifest)
        grade = None if isinstance(outcome, ManifestHeld) else outcome.grade
        return {
            "manifest_sha256": outcome.manifest_sha256,
            "decision": decision,
            "code": code,
            "message": message,
            "source_run": outcome.source_run,
            "grade": None if grade is None else grade.value,
            "run_ledger_head": outcome.run_ledger_head if isinstance(outcome, AuditedManifest | ManifestRefused) else None,
            "generated_ns": outcome.generated_ns,
            "written_ns": outcome.written_ns,
            "regime": outcome.regime_name if audited else None,
        }

    @stops_on_disk_error(None)
    def decide(self, work: Work, ready: Callable[[Sequence[Approval]], None]) -> None:
        """Open a cycle, plan and judge; the gate is armed and `ready` called once the intents are durable."""
        manifest, audited = work.outcome, self._audited
        assert audited is not None
        self._decided = work
        cycle = self._recorder.open_cycle(cause=work.cause, manifest_sha256=manifest.manifest_sha256)
        self._open_manifest, self._outcome = manifest.manifest_sha256, "done"
        inputs = self.inputs(
            cycle=cycle,
            manifest_sha256=manifest.manifest_sha256,
            source_run=manifest.source_run,
            targets=manifest.targets,
            symbols=work.symbols,
            after_ns=work.after_ns,
        )
        try:
            made = plan(inputs)
        except InputError as error:  # numbers that no exact arithmetic holds; this is a Nautilus callback
            made = Held(code=error.code, message=str(error))
        self.carry_out(made, inputs=inputs, audited=audited, decision=self._decision, ready=ready)

    def inputs(
        self,
        *,
        cycle: int,
        manifest_sha256: str,
        source_run: str,
        targets: Mapping[str, Decimal],
        symbols: Sequence[str],
        after_ns: int = 0,
    ) -> PlanInputs:
        """Return the world as it is now, with the prices of `symbols`; one not newer than `after_ns` counts as none."""
        seen = {symbol: quote for symbol in symbols if (quote := self._prices.quote_of(symbol)) is not None}
        return PlanInputs(
            environment=self._config.environment,
            manifest_sha256=manifest_sha256,
            source_run=source_run,
            cycle=cycle,
            targets=targets,
            book=self._recorder.keeper.snapshot(),
            open_orders=self._open_orders(),
            quotes={symbol: quote for symbol, quote in seen.items() if quote.ts_ns > after_ns},
            limits=self._market_limits,
            listings=self._listings,
            accounts=self._accounts,
            fees=self._assumptions.fees,
            rates=self._rates,
            policy=self._policy,
            now_ns=self._clock_ns(),
        )

    def audited(self, *, manifest_sha256: str, source_run: str) -> Audited | None:
        """Return the last accepted manifest if it is this one from this run."""
        known = self._audited
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
    ) -> Judgement | Held:
        """Judge a plan of the open cycle and write it and its intents; see `decide`. `decision`: symbol -> (mid, when)."""
        cycle, quotes, planned_ns, sha256 = inputs.cycle, inputs.quotes, inputs.now_ns, inputs.manifest_sha256
        facts = audited.facts
        if isinstance(made, Held):
            self._hold(cycle, sha256, made, planned_ns, ready)
            return made
        exposure = open_exposure(inputs.open_orders, marks=self._marks(quotes, now_ns=planned_ns))
        if isinstance(exposure, Held):
            self._hold(cycle, sha256, exposure, planned_ns, ready)
            return exposure
        document = plan_document(made)
        digest = document_sha256(document)
        judgement = judge_plan(
            made,
            facts=self._sentinel_facts(audited, decision, quotes, open_exposure=exposure, now_ns=planned_ns),
            limits=self._limits,
            sha256=digest,
        )
        if judgement.must_halt:
            self._halt(f"CONTROL_FAILED: {judgement.message}")
        approved_ns = self._clock_ns()
        self._recent = [RecentApproval.of(approval, approved_ns=approved_ns) for approval in judgement.approvals]
        self._reducing = [approval for approval in judgement.approvals if approval.reduces]
        self.last_plan = made
        self._recorder.write(
            records.PlanLineRecord,
            cycle=cycle,
            decision=judgement.decision.value,
            code=judgement.code,
            message=judgement.message,
            plan_sha256=digest,
            manifest_sha256=sha256,
            planned_ns=planned_ns,
            approved_ns=approved_ns,
            verdicts=plain(judgement.verdicts),
            plan=document,
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
        self._recorder.write(
            records.PlanLineRecord,
            cycle=cycle,
            decision=Decision.HOLD.value,
            code=held.code,
            message=held.message,
            plan_sha256=None,
            manifest_sha256=manifest_sha256,
            planned_ns=planned_ns,
            approved_ns=planned_ns,
            verdicts=[],
            plan=None,
        )
        self._recorder.write(records.Alarm, code=held.code, message=held.message)
        self._outcome = "held"
        self.on_plan(None, held)
        ready(())

    def _open_orders(self) -> tuple[OpenOrder, ...]:
        """Orders that may still fill. A cycle begins when the last one's orders are terminal, so none is ours; others count."""
        found = []
        for order in self._cache.orders_open() + self._cache.orders_inflight():
            symbol = self._symbols.get(order.instrument_id.value)
            if symbol is not None:
                found.append(
                    OpenOrder(
                        client_order_id=order.client_order_id.value,
                        symbol=symbol,
                        side=Side.BUY if order.side == OrderSide.BUY else Side.SELL,
                        leaves_quantity=order.leaves_qty.as_decimal(),
                    )
                )
        return tuple(found)

    def _marks(self, quotes: Mapping[str, Quote], *, now_ns: int) -> Marks:
        return Marks(
            quotes=quotes,
            limits=self._market_limits,
            listings=self._listings,
            rates=self._rates,
            base_currency=self._policy.base_currency,
            now_ns=now_ns,
            price_age_max_ns=self._policy.price_age_max_ns,
        )

    def _sentinel_facts(
        self,
        audited: Audited,
        decision: Mapping[str, tuple[Decimal, int]],
        quotes: Mapping[str, Quote],
        *,
        open_exposure: Any,
        now_ns: int,
    ) -> SentinelFacts:
        """What the Sentinel sees beside the plan. A symbol without a decision price is held against its own last mid."""
        references = {symbol: Reference(price=quote.mid, ts_ns=quote.ts_ns) for symbol, quote in quotes.items()}
        for symbol, (price, ts_ns) in decision.items():
            references[symbol] = Reference(price=price, ts_ns=ts_ns)
        return SentinelFacts(
            halted=not self._permission.may_send(),
            grade=audited.grade,
            regime_name=audited.regime_name,
            regime_quadrant=None,
            weights=audited.weights,
            quotes=quotes,
            references=references,
            recent=self._recent,
            open_exposure=open_exposure,
            now_ns=now_ns,
        )

    @stops_on_disk_error(())
    def fund(self, openings: Sequence[Approval]) -> Sequence[Approval]:
        """Spend the cash at hand in plan order, each buy at the far touch with its fee and the assumed slippage; what is not
        covered is skipped. Where reducing orders of this cycle did not fill, so much less is opened: the Sentinel judged the
        book after them.
        """
        left = {venue: dict(amounts) for venue, amounts in self._recorder.keeper.cash.items()}
        unreduced = self._unreduced_base()
        room = sum((_value_base(approval) for approval in openings), Decimal(0)) - unreduced
        funded = []
        for approval in openings:
            listing = self._listings[approval.symbol]
            if unreduced:
                if _value_base(approval) > room:
                    self._unfunded(
                        approval, reason="REDUCTION_UNFILLED", text=f"reducing orders of {unreduced} base currency did not fill"
                    )
                    continue
                room -= _value_base(approval)
            if approval.side is Side.SELL or self._accounts[approval.venue].value == "margin":
                funded.append(approval)
                continue
            quote = self._prices.quote_of(approval.symbol)
            cost = None if quote is None else self._cost(approval, quote.ask)
            cash = left[approval.venue].get(listing.quote_currency, Decimal(0))
            if cost is not None and cost <= cash:
                left[approval.venue][listing.quote_currency] = cash - cost
                funded.append(approval)
                continue
            text = f"needs {cost} {listing.quote_currency}, {cash} left after the sells"
            self._unfunded(approval, reason="NO_CASH", text=text)
        return funded

    def _unfunded(self, approval: Approval, *, reason: str, text: str) -> None:
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

    def _unreduced_base(self) -> Decimal:
        """What the reducing orders of the open cycle left unfilled, at the prices they were approved on, in base currency."""
        total = Decimal(0)
        for approval in self._reducing:
            total += (approval.quantity - self._recorder.contexts[approval.client_order_id].filled) * (
                approval.reference_price * approval.unit_value_base
            )
        return total

    def _cost(self, approval: Approval, ask: Decimal) -> Decimal:
        """What a buy at the far touch takes of the venue's cash, with the slippage that is assumed of it."""
        ask *= 1 + self._assumptions.slippage_bps / BPS
        multiplier = self._market_limits[approval.symbol].multiplier
        fee, in_base = fee_for(
            Side.BUY,
            quantity=approval.quantity,
            price=ask,
            multiplier=multiplier,
            schedule=self._assumptions.fees[approval.venue],
            liquidity=Liquidity.TAKER,
            has_base_currency=self._listings[approval.symbol].base_currency is not None,
        )
        return approval.quantity * ask * multiplier + (Decimal(0) if in_base else fee)

    @stops_on_disk_error(None)
    def finish(self) -> Work | None:
        """Close the cycle; its manifest is done, unless it was held or refused, or a halt or a kill had cut the cycle off.

        A held cycle (a held symbol had no fresh price) is tried again with newer prices, at most `HELD_RETRIES_MAX` times for
        one manifest: that work is returned, else None.
        """
        outcome, self._outcome = self._outcome, "done"
        if outcome == "done" and not self._permission.may_send():
            outcome = INTERRUPTED  # what the halt denied is topped up by a start after `resume`
        self.disarm()
        self._recorder.close_cycle(manifest_sha256=self._open_manifest, outcome=outcome)
        if outcome == "done":
            self._done = self._open_manifest
        fills = self._recorder.cycle_fills
        self.on_cycle_end(fills, self._recorder.cycle_orders)
        if outcome != "held" or self._decided is None or not self._retries:
            return None
        self._retries -= 1
        now = self._clock_ns()
        return msgspec.structs.replace(self._decided, cause="top_up", after_ns=now, deadline_ns=self._deadline_ns(now))

    def _deadline_ns(self, now_ns: int) -> int:
        return now_ns + self._config.policy.plan_deadline_s * NS // self._recorder.market_speed

    def disarm(self) -> None:
        """Every order of the open cycle is terminal: what was approved and not used lapses."""
        self._gate.disarm()

    def attach(self, strategy: ManifestStrategy, working: Sequence[str]) -> None:
        """After a restart: the strategy follows what still works; with nothing working the open cycle ends here."""
        if self._cut_off is None:
            return
        self._open_manifest, self._outcome = self._cut_off.manifest_sha256, INTERRUPTED
        strategy.adopt(working)
        if not working:
            self.finish()


def _value_base(approval: Approval) -> Decimal:
    """Return what an approved order is worth at the price it was judged on, in base currency."""
    return approval.quantity * approval.reference_price * approval.unit_value_base


def _audited_of(line: records.ManifestLine) -> Audited:
    """What the log says of the manifest that was accepted last, before a restart."""
    return Audited(
        facts=ManifestFacts(
            manifest_sha256=line.manifest_sha256 or "",
            source_run=line.source_run or "",
            run_ledger_head=line.run_ledger_head,
            written_ns=line.written_ns,
            read_ns=line.read_ns,
            decision_prices={symbol: Decimal(text) for symbol, text in line.decision_prices.items()},
        ),
        grade=Grade.ABSENT if line.grade is None else Grade(line.grade),
        regime_name=line.regime,
        weights={symbol: Decimal(text) for symbol, text in line.targets.items()},
    )
