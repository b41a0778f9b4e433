"""The real gate, standing alone: Nautilus' parts around it are recorders, the Sentinel's state is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId, ExecAlgorithmId, InstrumentId, StrategyId, TraderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder

from engine.gate import Gate
from orders.plan import Approval, Outcome, Verdict
from orders.schedule import Schedule, ScheduleKind
from orders.values import OrderKind, Quote, Side
from sentinel.limits import SentinelLimits
from sentinel.order_check import OrderVerdict
from sentinel.running_state import RunningState
from tests.planner.world import NOW, D, quote
from tests.sentinel.cases import BUY, SELL, changed, judged, limits

TRADER, OWNER = TraderId("T-001"), "SLUICE-001"
SLOW = Schedule(name="slow", kind=ScheduleKind.TWAP, duration_ns=10, slices=2)
SELL_APPROVAL, BUY_APPROVAL = judged().approvals  # sells 20 of 40 at 10, buys 40 at 10; equity 1000


class StandState:
    """What the gate asks of the engine's state, over the Sentinel's own counting; market time is real time."""

    def __init__(self, running: RunningState) -> None:
        self.running = running
        self.armed = None

    def approve(self, approvals: Any, *, automatic: bool) -> None:
        self.running.approve(approvals, automatic=automatic, market_ns=NOW)

    def ask(self, approval: Approval, **asked: Any) -> Any:
        return self.running.ask(approval, market_ns=asked["now_ns"], **asked)

    def undo(self, order_id: str) -> None:
        self.running.undo(order_id)

    def ended(self, order_id: str) -> None:
        self.running.ended(order_id)


class Stand:
    """Equity 1000, 40 SELL held, both valued at 10 as of NOW. `answers`: (order id, allowed, code) in order; `halts`: reasons."""

    def __init__(
        self,
        *,
        lim: Mapping[str, Any] | SentinelLimits | None = None,
        approvals: tuple[Approval, ...] = (SELL_APPROVAL, BUY_APPROVAL),
        quotes: Mapping[str, Quote] | None = None,
        positions: Mapping[str, Decimal] | None = None,
        equity: str | None = "1000",
        may_send: Callable[[], bool] = lambda: True,
        now_ns: int = NOW,
        growth: Callable[[], Verdict | None] = lambda: None,
    ) -> None:
        self.held: Any = {SELL: D("40")} if positions is None else positions
        made = lim if isinstance(lim, SentinelLimits) else limits(**(lim or {}))
        self.running = RunningState(made, positions=self.held)
        if equity is not None:
            values = {BUY: D("10"), SELL: D("10")}
            self.running.observe(equity_base=D(equity), positions={SELL: D("40")}, values=values, now_ns=NOW, market_ns=NOW)
        self.quotes: Any = {BUY: quote(BUY, "10"), SELL: quote(SELL, "10")} if quotes is None else quotes
        self.now_ns = now_ns
        self.sent: list[str] = []
        self.halts: list[str] = []
        self.verdicts: dict[str, OrderVerdict] = {}
        self.last: OrderVerdict | None = None  # of the order sent last; None: the gate broke before it had one
        self.events: list[Any] = []
        nowhere = SimpleNamespace(order=lambda order_id: None, add_order=lambda *order: None)
        self.gate = Gate(
            msgbus=SimpleNamespace(send=lambda endpoint, msg: self.events.append(msg)),
            cache=nowhere,
            clock=SimpleNamespace(timestamp_ns=lambda: self.now_ns),
            exec_engine=SimpleNamespace(execute=lambda command: self.sent.append(command.order.client_order_id.value)),
            limits=made,
            permission=SimpleNamespace(may_send=may_send),  # type: ignore[arg-type]  # the one method a gate asks
            quote_of=lambda symbol: self.quotes.get(symbol),
            record=lambda order, verdict: self.verdicts.update({order.client_order_id.value: verdict}),
            halt=self.halts.append,
            owner=OWNER,
            state=StandState(self.running),  # type: ignore[arg-type]  # all of it that a gate asks
            schedules={"slow": SLOW},
            growth=growth,
        )
        self.gate.approve(approvals)

    def send(
        self,
        approval: Approval = BUY_APPROVAL,
        *,
        order_id: str | None = None,
        units: str | None = None,
        limit: str | None = None,
        parent: str | None = None,
    ) -> tuple[str, bool]:
        """Send the order of an approval, or one that differs from it; return the denying code and whether the gate halted.

        `limit` "none": at market, whatever was approved.
        """
        name = order_id or approval.client_order_id
        order = order_of(approval, name, units=units, limit=limit, parent=parent)
        before, halts = len(self.sent), len(self.halts)
        self.gate.execute(
            SubmitOrder(trader_id=TRADER, strategy_id=order.strategy_id, order=order, command_id=UUID4(), ts_init=NOW)
        )
        went = len(self.sent) > before
        halted = len(self.halts) > halts
        self.last = verdict = self.verdicts.get(name)
        assert not (went and halted), "an order left and the gate halted"
        if went:
            assert verdict is not None
            assert verdict.outcome is Outcome.ALLOW
            return "", False
        return (verdict.code if verdict is not None and verdict.code else "CONTROL_FAILED"), halted


def order_of(
    approval: Approval, name: str, *, units: str | None = None, limit: str | None = None, parent: str | None = None
) -> Any:
    """Return a Nautilus order of an approval, made without a factory."""
    quantity = approval.quantity if units is None else D(units)
    price = approval.limit_price if limit is None else None if limit == "none" else D(limit)
    whole: dict[str, Any] = {
        "trader_id": TRADER,
        "strategy_id": StrategyId(OWNER),
        "instrument_id": InstrumentId.from_str(approval.instrument_id),
        "client_order_id": ClientOrderId(name),
        "order_side": OrderSide.BUY if approval.side is Side.BUY else OrderSide.SELL,
        "quantity": Quantity.from_str(f"{quantity:f}"),
        "init_id": UUID4(),
        "ts_init": NOW,
        "reduce_only": approval.reduce_only,
    }
    if parent is not None:
        whole |= {"exec_algorithm_id": ExecAlgorithmId("SLOW"), "exec_spawn_id": ClientOrderId(parent)}
    return MarketOrder(**whole) if price is None else LimitOrder(**whole, price=Price.from_str(f"{price:f}"))


def limited(approval: Approval, price: str, **changes: Any) -> Approval:
    """Return an approval of the same line as a limit order."""
    return changed(approval, order_kind=OrderKind.LIMIT, limit_price=D(price), **changes)
