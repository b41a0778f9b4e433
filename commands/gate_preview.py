"""The gate's judgement of approvals as of now, without a gate: the same controls, with the counts of the log put back."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from engine.baseline import baseline_of
from lakehouse.rebuild import LogFold, OrderTrace
from orders.exact import exact_arithmetic, exact_operators
from orders.plan import Approval, Outcome, Plan, PlanInputs
from orders.values import OrderKind, Side
from sentinel.facts import SentinelFacts
from sentinel.limits import SentinelLimits
from sentinel.locks import Locks
from sentinel.order_check import OrderFacts, OrderVerdict, judge_order
from sentinel.rates import DAY_NS
from sentinel.running_state import RunningState
from sentinel.self_match import OwnOrders


class GatePreview:
    """One per plan. An order that passes counts for those after it, as at the gate; its message does not: a run paces them."""

    def __init__(
        self, plan: Plan, *, inputs: PlanInputs, facts: SentinelFacts, limits: SentinelLimits, fold: LogFold, real_now_ns: int
    ) -> None:
        self._facts = facts
        self._inputs = inputs
        self._limits = limits
        self._real_now_ns = real_now_ns
        self._own = OwnOrders()
        self._locks = Locks()
        self._running = RunningState(limits, positions=inputs.book.positions)
        if inputs.capital is not None:
            self._running.hold_to(inputs.capital)
        self._restore(plan, fold)

    def judge(self, approvals: Sequence[Approval]) -> list[tuple[Approval, OrderVerdict]]:
        """Return the verdict on each approval's order, whole and at once, in the order they would go."""
        with exact_arithmetic():
            self._running.approve(approvals, automatic=False, market_ns=self._inputs.now_ns)
        return [(approval, self._one(approval)) for approval in approvals]

    def _one(self, approval: Approval) -> OrderVerdict:
        facts, running, now = self._facts, self._running, self._inputs.now_ns
        order = OrderFacts(
            client_order_id=approval.client_order_id,
            instrument_id=approval.instrument_id,
            side=approval.side,
            quantity=approval.quantity,
            order_kind=approval.order_kind,
            limit_price=approval.limit_price,
            reduce_only=approval.reduce_only,
        )
        quote = facts.quotes.get(approval.symbol)
        with exact_operators():
            asked = running.ask(
                approval,
                quantity=order.quantity,
                limit_price=order.limit_price,
                quote=quote,
                now_ns=now,
                market_ns=now,
            )
            verdict = judge_order(
                order,
                approval,
                used=False,
                halted=facts.halted,
                quote=quote,
                now_ns=now,
                limits=self._limits if approval.reduces else running.limits,
                hours=None if facts.hours is None else facts.hours.get(approval.symbol),
                running=(*asked, *self._own.ask(order), *self._locks.ask(order.instrument_id)),
            )
            if verdict.outcome is Outcome.ALLOW:
                running.reservations.draw(approval.client_order_id, order.client_order_id, order.quantity)
                self._own.passed(order, left=order.quantity)
        return verdict

    def _restore(self, plan: Plan, fold: LogFold) -> None:
        running, now, counted = self._running, self._inputs.now_ns, fold.counted
        for venue, (day, count) in counted.messages.items():
            shift = now // DAY_NS - self._real_now_ns // DAY_NS  # the log counts real days, this clock is the data's
            running.rates.restore(venue, day=day + shift, count=count)
        for symbol, fills in counted.own_fills.items():
            for instant, price in fills:
                running.drift.fill(symbol, price, instant)
        if (baseline := baseline_of(counted.equity)) is not None:
            running.hold_against(baseline)
        for order_id, trace in fold.open_orders.items():
            if trace.send is not None:
                self._stands(order_id, trace)
        with exact_arithmetic():
            values = {
                line.symbol: (line.bid + line.ask) / 2 * line.unit_value_base
                for line in plan.lines
                if line.bid is not None and line.ask is not None and line.unit_value_base is not None
            }
        running.observe(
            equity_base=plan.equity_base, positions=self._inputs.book.positions, values=values, now_ns=now, market_ns=now
        )

    def _stands(self, order_id: str, trace: OrderTrace) -> None:
        """An order that was sent and may still fill."""
        intent, left = trace.intent, trace.quantity - trace.filled
        self._running.reservations.restore_open(order_id, symbol=intent.symbol, side=Side(intent.side), left=left)
        if trace.unknown:
            self._locks.unknown(order_id, intent.instrument_id)
        if intent.limit_price is not None:
            resting = OrderFacts(
                client_order_id=order_id,
                instrument_id=intent.instrument_id,
                side=Side(intent.side),
                quantity=left,
                order_kind=OrderKind(intent.order_kind),
                limit_price=Decimal(intent.limit_price),
                reduce_only=intent.reduce_only,
            )
            self._own.passed(resting, left=left)
