"""The gate: stands on the `ExecEngine.execute` endpoint alone, where every order passes once, after Nautilus' RiskEngine.

It lets pass what carries an approval of the Sentinel for exactly this id, instrument, side, quantity and kind; it denies
everything else, and never raises: in a live node an exception here would end the process. It is the second lock's memory too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import ModifyOrder, SubmitOrder, SubmitOrderList
from nautilus_trader.model.enums import OrderSide, OrderType
from nautilus_trader.model.events import OrderDenied, OrderModifyRejected

from lakehouse.permission import Permission
from orders.plan import Approval, Outcome
from orders.values import OrderKind, Quote, Side
from sentinel.limits import SentinelLimits
from sentinel.order_check import OrderFacts, OrderVerdict, judge_order

KINDS = {OrderType.MARKET: OrderKind.MARKET, OrderType.LIMIT: OrderKind.LIMIT}
ENDPOINT = "ExecEngine.execute"


class Gate:
    """One per kernel. `quote_of(symbol)` gives the newest top of book, `record(order, verdict)` writes the verdict
    line, `owner` is the one strategy whose orders may carry an approval."""

    def __init__(
        self,
        *,
        msgbus: Any,
        cache: Any,
        clock: Any,
        exec_engine: Any,
        limits: SentinelLimits,
        permission: Permission,
        quote_of: Callable[[str], Quote | None],
        record: Callable[[Any, OrderVerdict], None],
        halt: Callable[[str], None],
        owner: str,
    ) -> None:
        self._owner = owner
        self._msgbus = msgbus
        self._cache = cache
        self._clock = clock
        self._inner = exec_engine.execute
        self._limits = limits
        self._permission = permission
        self._quote_of = quote_of
        self._record = record
        self._halt = halt
        self._approvals: dict[str, Approval] = {}
        self._passed: dict[str, tuple[Any, Any]] = {}
        self._thread: int | None = None

    def install(self) -> None:
        """Take the endpoint; after `node.build()` in a live kernel."""
        self._msgbus.deregister(endpoint=ENDPOINT, handler=self._inner)
        self._msgbus.register(endpoint=ENDPOINT, handler=self.execute)

    def own_thread(self) -> None:
        """Remember the calling thread as the loop's: from now on work on any other thread denies and halts."""
        self._thread = threading.get_ident()

    def approve(self, approvals: Iterable[Approval]) -> None:
        """Take the Sentinel's approvals of a plan; each serves one order once."""
        for approval in approvals:
            self._approvals[approval.client_order_id] = approval

    def revoke(self, client_order_id: str) -> None:
        """Take an unused approval back."""
        self._approvals.pop(client_order_id, None)

    def restore_passed(self, orders: Iterable[Any]) -> None:
        """After a restart: these orders had passed before, their ids are used up and their resting parts may stand."""
        for order in orders:
            self._passed[order.client_order_id.value] = (order.quantity, None)

    def on_own_thread(self) -> bool:
        """Whether the caller runs on the loop's thread (or none is known yet)."""
        return self._thread is None or threading.get_ident() == self._thread

    def refusal(self, order: Any) -> str:
        """The second lock: "" only while not halted and for an order that passed this gate, unchanged."""
        if not self._permission.may_send():
            return "HALT"
        passed = self._passed.get(order.client_order_id.value)
        if passed is None:
            return "NO_APPROVAL"
        quantity, price = passed
        if order.quantity != quantity or (order.price if order.has_price else None) != price:
            return "CHANGED_AFTER_APPROVAL"
        return ""

    def execute(self, command: Any) -> None:
        """Judge submits and modifies; cancels and queries pass untouched. Never raises."""
        try:
            if not self.on_own_thread():
                self._halt("WRONG_THREAD: the gate was reached from a foreign thread")
            if isinstance(command, SubmitOrder):
                if self._admit(command.order, command):
                    self._inner(command)
            elif isinstance(command, SubmitOrderList):
                self._execute_list(command)
            elif isinstance(command, ModifyOrder):
                self._refuse_modify(command)
            else:
                self._inner(command)
        except Exception as error:
            self._fail_closed(command, error)

    def _execute_list(self, command: Any) -> None:
        """All orders of a list or none: judge each, deny the rest with the first refusal's code."""
        verdicts = [(order, self._judge(order)) for order in command.order_list.orders]
        refused = [verdict for _, verdict in verdicts if verdict.outcome is not Outcome.ALLOW]
        for order, verdict in verdicts:
            self._record(order, verdict)
            if refused:
                self._deny(order, command, refused[0].code)
            else:
                self._pass(order)
        if not refused:
            self._inner(command)

    def _admit(self, order: Any, command: Any) -> bool:
        verdict = self._judge(order)
        self._record(order, verdict)
        if verdict.outcome is Outcome.ALLOW:
            self._pass(order)
            return True
        self._deny(order, command, verdict.code)
        return False

    def _pass(self, order: Any) -> None:
        self._passed[order.client_order_id.value] = (order.quantity, order.price if order.has_price else None)

    def _judge(self, order: Any) -> OrderVerdict:
        order_id = order.client_order_id.value
        approval = self._approvals.get(order_id) if order.strategy_id.value == self._owner else None
        kind = KINDS.get(order.order_type)
        facts = OrderFacts(
            client_order_id=order_id,
            instrument_id=order.instrument_id.value,
            side=Side.BUY if order.side == OrderSide.BUY else Side.SELL,
            quantity=order.quantity.as_decimal(),
            order_kind=kind,
            limit_price=order.price.as_decimal() if order.has_price else None,
            reduce_only=order.is_reduce_only,
        )
        return judge_order(
            facts,
            approval,
            used=order_id in self._passed,
            halted=not self._permission.may_send(),
            quote=self._quote_of(approval.symbol) if approval is not None else None,
            now_ns=self._clock.timestamp_ns(),
            limits=self._limits,
        )

    def _deny(self, order: Any, command: Any, code: str) -> None:
        """Tell the engine. An order sent around the RiskEngine may be unknown to the cache: it is added so that the denial lands."""
        if not self._cache.order_exists(order.client_order_id):
            self._cache.add_order(order, command.position_id, command.client_id)
        elif order.client_order_id.value in self._passed:
            return  # a second submit of an order that already works: denying the id would kill the honest one
        now = self._clock.timestamp_ns()
        event = OrderDenied(
            trader_id=order.trader_id,
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            reason=f"SENTINEL {code}",
            event_id=UUID4(),
            ts_init=now,
        )
        self._msgbus.send(endpoint="ExecEngine.process", msg=event)

    def _refuse_modify(self, command: Any) -> None:
        now = self._clock.timestamp_ns()
        order = self._cache.order(command.client_order_id)
        event = OrderModifyRejected(
            trader_id=command.trader_id,
            strategy_id=command.strategy_id,
            instrument_id=command.instrument_id,
            client_order_id=command.client_order_id,
            venue_order_id=command.venue_order_id,
            account_id=order.account_id if order is not None else None,
            reason="SENTINEL NO_APPROVAL: a changed order needs its own approved plan line",
            event_id=UUID4(),
            ts_event=now,
            ts_init=now,
        )
        self._msgbus.send(endpoint="ExecEngine.process", msg=event)

    def _fail_closed(self, command: Any, error: Exception) -> None:
        """Deny and halt. If even the denial fails, the halt alone keeps the order from leaving: the second lock reads it."""
        self._halt(f"CONTROL_FAILED: {type(error).__name__}: {error}")
        try:
            orders = command.order_list.orders if isinstance(command, SubmitOrderList) else [getattr(command, "order", None)]
            for order in orders:
                if order is not None:
                    self._passed.pop(order.client_order_id.value, None)
                    self._deny(order, command, "CONTROL_FAILED")
        except Exception as second:
            self._halt(f"CONTROL_FAILED: the denial failed too: {type(second).__name__}: {second}")
