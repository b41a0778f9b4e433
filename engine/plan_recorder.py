"""The strategy's side of the record: manifests, cycles, plans, what is not traded, and the intents of what is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from engine.line_writer import LineWriter
from engine.market_time import MarketTime
from engine.order_context import ManifestFacts, OrderContext, child_context, context_for, weight_texts
from lakehouse import records
from orders.book import ZERO
from orders.canonical import decimal_text, plain
from orders.plan import Approval, Decision, Held, Judgement, Outcome, Plan, Verdict
from orders.values import Listing, MarketLimits, OrderKind, Quote
from sentinel.armed import Taken

PASSING = (Outcome.ALLOW, Outcome.RESIZE)


class Follower(Protocol):
    """Who counts orders by what the venue answers: told before a line is written, and before anybody acts on it."""

    def executed(self, order_id: str, context: OrderContext, *, quantity: Decimal, price: Decimal, now_ns: int) -> None:
        """A fill of ours."""
        ...

    def ended(self, order_id: str) -> None:
        """An order is terminal, filled ones excepted."""
        ...

    def sent(self, order_id: str) -> Taken | None:
        """A submit is about to be written: what it takes of the armed amount, None where nothing is armed."""
        ...

    def unknown(self, order_id: str, instrument_id: str) -> None:
        """An order was sent and nobody knows what became of it."""
        ...

    def known(self, order_id: str) -> None:
        """The venue has said something of an order that may have been unknown."""
        ...


class PlanRecorder(LineWriter):
    """Knows the open cycle and the context of every order of ours that may still fill."""

    def __init__(
        self,
        *,
        journal: Any,
        run_id: str,
        market_time: MarketTime,
        clock_ns: Callable[[], int],
        listings: Mapping[str, Listing],
        limits: Mapping[str, MarketLimits],
        strategy_id: str,
        bundle_sha256: str | None,
        last_cycle: int,
    ) -> None:
        super().__init__(journal=journal, run_id=run_id, market_time=market_time, clock_ns=clock_ns)
        self.last_cycle = last_cycle
        self.follower: Follower | None = None  # set at assembly
        self.cycle_orders = 0
        self.cycle_cause = ""  # of the last cycle opened here
        self.cycle_fills: list[records.Fill] = []  # of the open cycle; a plan bounds it
        self.contexts: dict[str, OrderContext] = {}
        self.counts = {"orders": 0, "fills": 0, "denied": 0, "rejected": 0, "skipped": 0, "cancelled": 0}
        self._listings = listings
        self._limits = limits
        self._strategy_id = strategy_id
        self._bundle_sha256 = bundle_sha256

    def manifest(self, line: Mapping[str, Any]) -> None:
        """Write that a manifest was read and judged."""
        self.write(records.ManifestLine, **line)

    def open_cycle(self, *, cause: str, manifest_sha256: str, request_id: str = "") -> int:
        """Open the next cycle by a line, and return its number."""
        self.last_cycle += 1
        self.cycle_cause = cause
        self.cycle_fills = []
        self.cycle_orders = 0
        self.write(
            records.CycleOpened, cycle=self.last_cycle, cause=cause, manifest_sha256=manifest_sha256, request_id=request_id
        )
        return self.last_cycle

    def close_cycle(self, *, manifest_sha256: str, outcome: str) -> None:
        """Close the open cycle: every order of it is terminal."""
        self.write(records.CycleClosed, cycle=self.last_cycle, manifest_sha256=manifest_sha256, outcome=outcome)

    def plan(
        self,
        *,
        cycle: int,
        outcome: Judgement | Held,
        manifest_sha256: str,
        planned_ns: int,
        approved_ns: int,
        plan_sha256: str | None,
        document: Mapping[str, Any] | None,
        regime: str | None = None,
        regime_audit: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the plan of a cycle as `plan_document` has it, with the Sentinel's answer; or why there is none."""
        decision, verdicts = Decision.HOLD, tuple[Verdict, ...]()
        if isinstance(outcome, Judgement):
            decision, verdicts = outcome.decision, outcome.verdicts
        self.write(
            records.PlanLineRecord,
            cycle=cycle,
            decision=decision.value,
            code=outcome.code,
            message=outcome.message,
            plan_sha256=plan_sha256,
            manifest_sha256=manifest_sha256,
            planned_ns=planned_ns,
            approved_ns=approved_ns,
            verdicts=plain(verdicts),
            plan=document,
            regime=regime,
            regime_audit=regime_audit,
            bundle_sha256=self._bundle_sha256,
        )

    def skips(self, plan: Plan) -> None:
        """Write a line for each plan line that is not traded."""
        for line in plan.lines:
            if not line.trades:
                self.skip(
                    cycle=plan.cycle,
                    line=line.line,
                    symbol=line.symbol,
                    reason=line.reason.value,
                    text=line.detail,
                    wanted=line.wanted_quantity,
                    notional_base=line.notional_base,
                )

    def denied_lines(self, plan: Plan, judgement: Judgement) -> None:
        """Write a line for each trading line that a control denied by itself, with the first control that did."""
        approved = {approval.line for approval in judgement.approvals}
        for line in plan.lines:
            if line.trades and line.line not in approved:
                verdict = next(v for v in judgement.verdicts if v.line == line.line and v.outcome not in PASSING)
                self.counts["denied"] += 1
                self.skip(
                    cycle=plan.cycle,
                    line=line.line,
                    symbol=line.symbol,
                    reason=verdict.control,
                    text=f"denied: {verdict.observed}; limit {verdict.limit}",
                    wanted=line.wanted_quantity,
                    notional_base=line.notional_base,
                )

    def skip(
        self, *, cycle: int, line: int, symbol: str, reason: str, text: str, wanted: Decimal | None, notional_base: Decimal
    ) -> None:
        """Write that one line does not trade, and why."""
        self.counts["skipped"] += 1
        self.write(
            records.Skip,
            cycle=cycle,
            line=line,
            symbol=symbol,
            reason=reason,
            text=text,
            wanted_quantity=None if wanted is None else decimal_text(wanted),
            notional_base=decimal_text(notional_base),
        )

    def intents(
        self,
        plan: Plan,
        approvals: Sequence[Approval],
        *,
        manifest: ManifestFacts,
        plan_sha256: str,
        planned_ns: int,
        approved_ns: int,
        arrivals: Mapping[str, Quote],
    ) -> None:
        """Write an intent for each approval and remember its context. Durable when the journal says so."""
        lines = {line.line: line for line in plan.lines}
        stamp = self.stamp()
        for approval in approvals:
            line = lines[approval.line]
            context = context_for(
                approval,
                line,
                manifest=manifest,
                plan_sha256=plan_sha256,
                planned_ns=planned_ns,
                approved_ns=approved_ns,
                arrival=arrivals[approval.symbol],
                listing=self._listings[approval.symbol],
                multiplier=self._limits[approval.symbol].multiplier,
                strategy_id=self._strategy_id,
            )
            self.contexts[approval.client_order_id] = context
            self.counts["orders"] += 1
            self.cycle_orders += 1
            self._append(
                records.Intent(
                    **stamp,
                    cycle=plan.cycle,
                    line=approval.line,
                    client_order_id=approval.client_order_id,
                    symbol=approval.symbol,
                    instrument_id=approval.instrument_id,
                    venue=approval.venue,
                    side=approval.side,
                    quantity=context.order_quantity,
                    order_kind=context.order_kind,
                    limit_price=None if approval.limit_price is None else decimal_text(approval.limit_price),
                    time_in_force="GTC",
                    reduce_only=approval.reduce_only,
                    strategy_id=self._strategy_id,
                    source_run=manifest.source_run,
                    manifest_sha256=manifest.manifest_sha256,
                    plan_sha256=plan_sha256,
                    decision_price=context.decision_price,
                    arrival_bid=context.arrival_bid,
                    arrival_ask=context.arrival_ask,
                    arrival_mid=context.arrival_mid,
                    arrival_ns=context.arrival_ns,
                    planned_ns=planned_ns,
                    approved_ns=approved_ns,
                    forecast_fee_base=decimal_text(line.fee_base),
                    schedule=approval.schedule,
                    attribution=weight_texts(line.attribution),
                    bundle_sha256=self._bundle_sha256,
                )
            )

    def intents_durable(self, approvals: Sequence[Approval]) -> None:
        """Note the instant at which these intents were on disk."""
        now = self._clock_ns()
        for approval in approvals:
            self.contexts[approval.client_order_id].durable_ns = now

    def child_intent(
        self, parent: Approval, *, number: int, quantity: Decimal, order_kind: OrderKind, limit_price: Decimal | None
    ) -> str:
        """Write the intent of a child and remember its context; return its id. Its fee is forecast on the parent's line.

        Children are not counted as orders: the parent is.
        """
        known = self.contexts[parent.client_order_id]
        child_id = parent.child_id(number)
        context = self.contexts[child_id] = child_context(known, order_kind=order_kind, quantity=quantity)
        self.write(
            records.Intent,
            cycle=context.cycle,
            line=context.line,
            client_order_id=child_id,
            symbol=context.symbol,
            instrument_id=context.instrument_id,
            venue=context.venue,
            side=context.side,
            quantity=context.order_quantity,
            order_kind=context.order_kind,
            limit_price=None if limit_price is None else decimal_text(limit_price),
            time_in_force="GTC",
            reduce_only=parent.reduce_only,
            strategy_id=self._strategy_id,
            source_run=context.manifest.source_run,
            manifest_sha256=context.manifest.manifest_sha256,
            plan_sha256=context.plan_sha256,
            decision_price=context.decision_price,
            arrival_bid=context.arrival_bid,
            arrival_ask=context.arrival_ask,
            arrival_mid=context.arrival_mid,
            arrival_ns=context.arrival_ns,
            planned_ns=context.planned_ns,
            approved_ns=context.approved_ns,
            forecast_fee_base="0",
            schedule=parent.schedule,
            parent_client_order_id=parent.client_order_id,
            child=number,
            attribution=weight_texts(known.attribution),
            bundle_sha256=self._bundle_sha256,
        )
        return child_id

    def child_durable(self, child_id: str) -> None:
        """Note the instant at which a child's intent was on disk."""
        self.contexts[child_id].durable_ns = self._clock_ns()

    def close_parent(self, client_order_id: str, *, cause: str) -> None:
        """Say what the cancel line of a parent, which comes next, names as its cause."""
        self.contexts[client_order_id].close_cause = cause

    def withdraw(self, client_order_id: str, *, cause: str, venue: str = "", filled: Decimal = ZERO) -> None:
        """Write that an intent is given up before it was sent. `venue`, `filled`: of an intent of an earlier process.

        `filled` > 0 only of a parent, which is never sent itself: what its children filled.
        """
        context = self.contexts.pop(client_order_id, None)
        if self.follower is not None:
            self.follower.ended(client_order_id)
        if context is not None and context.parent is None:
            self.counts["orders"] -= 1
            self.cycle_orders -= 1
        self.write(
            records.CancelLine,
            client_order_id=client_order_id,
            venue=context.venue if context is not None else venue,
            cause=cause,
            filled_quantity=decimal_text(filled),
        )
