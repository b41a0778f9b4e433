"""The gate: stands on the `ExecEngine.execute` endpoint alone, where every order passes once, after Nautilus' RiskEngine.

It lets pass what carries an approval of the Sentinel for exactly this id, instrument, side, quantity and kind, and the
announced children of an approved parent as far as the counter has room; it denies everything else, and never raises: in a
live node an exception here would end the process. It is the second lock's memory too.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import (
    BatchCancelOrders,
    CancelAllOrders,
    CancelOrder,
    ModifyOrder,
    QueryAccount,
    QueryOrder,
    SubmitOrder,
    SubmitOrderList,
)
from nautilus_trader.model.events import OrderDenied, OrderEvent, OrderModifyRejected

from engine.children import Children
from engine.order_facts import facts_of, fingerprint
from lakehouse.permission import Permission
from orders.plan import Approval, Outcome
from orders.schedule import Schedule
from orders.values import MarketHours, Quote
from sentinel.conservation import CONSERVATION
from sentinel.limits import SentinelLimits
from sentinel.order_check import ChildLeave, OrderVerdict, judge_order, limit_words

ENDPOINT = "ExecEngine.execute"
NO_SCHEDULES: Final[Mapping[str, Schedule]] = MappingProxyType({})
HARMLESS = (CancelOrder, CancelAllOrders, BatchCancelOrders, QueryOrder, QueryAccount)


def hours_not_judged(venue: str, now_ns: int) -> MarketHours | None:
    """Return None: no market has hours."""
    return None


class Gate:
    """One per kernel. `quote_of(symbol)` gives the newest top of book, `record(order, verdict)` writes the verdict
    line, `owner` is the one strategy whose orders may carry an approval, `hours_at(venue, now_ns)` says whether it is open."""

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
        schedules: Mapping[str, Schedule] = NO_SCHEDULES,
        hours_at: Callable[[str, int], MarketHours | None] = hours_not_judged,
    ) -> None:
        self._owner = owner
        self.children = Children(schedules)
        self._msgbus = msgbus
        self._cache = cache
        self._clock = clock
        self._inner = exec_engine.execute
        self._limits = limits
        self._words = limit_words(limits)
        self._permission = permission
        self._quote_of = quote_of
        self._hours_at = hours_at
        self._record = record
        self._halt = halt
        self._approvals: dict[str, Approval] = {}
        self._armed: set[str] = set()  # ids of those that no order has used
        self._passed: dict[str, tuple[Any, ...]] = {}
        self._thread: int | None = None
        self._stopped = False  # set by this gate's own failures: it denies even where the halt itself failed

    def install(self) -> None:
        """Take the endpoint; after `node.build()` in a live kernel."""
        self._msgbus.deregister(endpoint=ENDPOINT, handler=self._inner)
        self._msgbus.register(endpoint=ENDPOINT, handler=self.execute)

    def own_thread(self) -> None:
        """Remember the calling thread as the loop's: from now on work on any other thread denies and halts."""
        self._thread = threading.get_ident()

    def approve(self, approvals: Iterable[Approval]) -> None:
        """Take the Sentinel's approvals of a plan; each serves one order once, or the children of one, until `disarm`."""
        for approval in approvals:
            self._approvals[approval.client_order_id] = approval
            self._armed.add(approval.client_order_id)
            self.children.approve(approval)

    def revoke(self, client_order_id: str) -> None:
        """Take an unused approval back."""
        self._approvals.pop(client_order_id, None)
        self._armed.discard(client_order_id)
        self.children.forget(client_order_id)

    def disarm(self) -> None:
        """The cycle is over: take back every approval that no order has used."""
        for client_order_id in self._armed:
            del self._approvals[client_order_id]
            self.children.forget(client_order_id)
        self._armed.clear()

    def restore_passed(self, orders: Iterable[Any]) -> None:
        """After a restart: these orders had passed before, their ids are used up and their resting parts may stand."""
        for order in orders:
            self._passed[order.client_order_id.value] = fingerprint(order)

    def on_own_thread(self) -> bool:
        """Whether the caller runs on the loop's thread (or none is known yet)."""
        return self._thread is None or threading.get_ident() == self._thread

    def refusal(self, order: Any) -> str:
        """The second lock: "" only while not halted and for an order that passed this gate, unchanged."""
        if not self.on_own_thread():
            self._stop("WRONG_THREAD: the second lock was reached from a foreign thread")
        if not self._may_send():
            return "HALT"
        passed = self._passed.get(order.client_order_id.value)
        if passed is None:
            return "NO_APPROVAL"
        return "" if fingerprint(order) == passed else "CHANGED_AFTER_APPROVAL"

    def execute(self, command: Any) -> None:
        """Judge submits, refuse modifies and what is not known; cancels and queries pass untouched. Never raises."""
        try:
            if not self.on_own_thread():
                self._stop("WRONG_THREAD: the gate was reached from a foreign thread")
            if isinstance(command, SubmitOrder):
                if self._admit(command.order, command):
                    self._inner(command)
            elif isinstance(command, SubmitOrderList):
                self._execute_list(command)
            elif isinstance(command, ModifyOrder):
                self._refuse_modify(command)
            elif isinstance(command, HARMLESS):
                self._inner(command)
            else:
                self._stop(f"UNKNOWN_COMMAND: {type(command).__name__} at the gate")
        except Exception as error:
            self._fail_closed(command, error)

    def on_event(self, event: Any) -> None:
        """Keep the counter of the children; fills beyond a parent halt. Never raises."""
        try:
            broken = self.children.on_event(event) if isinstance(event, OrderEvent) else ""
        except Exception as error:
            broken = f"CONTROL_FAILED: {type(error).__name__}: {error}"
        if broken:
            self._stop(broken)

    def _may_send(self) -> bool:
        return not self._stopped and self._permission.may_send()

    def _stop(self, reason: str) -> None:
        """Block here first, then halt the run; a halt that fails leaves the block."""
        self._stopped = True
        with contextlib.suppress(Exception):
            self._halt(reason)

    def _execute_list(self, command: Any) -> None:
        """All orders of a list or none: judge each, deny the rest with the first refusal's code."""
        verdicts, seen = [], set[str]()
        for order in command.order_list.orders:
            verdicts.append((order, self._judge(order, again=order.client_order_id.value in seen, listed=True)))
            seen.add(order.client_order_id.value)
        refused = [verdict for _, verdict in verdicts if verdict.outcome is not Outcome.ALLOW]
        for order, verdict in verdicts:
            if refused and verdict.outcome is Outcome.ALLOW:
                verdict = OrderVerdict(outcome=Outcome.DENY, code="LIST_REFUSED", verdicts=verdict.verdicts)
            self._record(order, verdict)
        for order, _ in verdicts:
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
        order_id = order.client_order_id.value
        self._passed[order_id] = fingerprint(order)
        self._armed.discard(order_id)
        if order.exec_spawn_id is not None:
            self.children.passed(order_id, order.quantity.as_decimal())

    def _judge(self, order: Any, *, again: bool = False, listed: bool = False) -> OrderVerdict:
        """A child comes alone: the room of its parent is asked and taken for one order at a time."""
        order_id = order.client_order_id.value
        own = order.strategy_id.value == self._owner
        approval = self._approvals.get(order_id) if own else None
        spawned_from = order.exec_spawn_id
        child: ChildLeave | None = None
        used = again or order_id in self._passed
        halted = not self._may_send()  # before the counter may halt: the verdict names what came first
        if approval is None and spawned_from is not None and own:
            used = used or listed
            known = self.children.leave(order_id, None if used else order.quantity.as_decimal())
            if known is not None:
                approval, child = known
                if child.conservation is not None and child.conservation.outcome is not Outcome.ALLOW:
                    self._stop(f"{CONSERVATION}: {child.conservation.observed}; limit {child.conservation.limit}")
        now_ns = self._clock.timestamp_ns()
        return judge_order(
            facts_of(order),
            approval,
            used=used,
            halted=halted,
            quote=self._quote_of(approval.symbol) if approval is not None else None,
            now_ns=now_ns,
            limits=self._limits,
            words=self._words,
            child=child,
            hours=self._hours_at(approval.venue, now_ns) if approval is not None else None,
        )

    def _deny(self, order: Any, command: Any, code: str) -> None:
        """Tell the engine. An order sent around the RiskEngine may be unknown to the cache: it is added so that the denial lands.

        Never in the name of another: an approved id that still waits stays free for its owner, a stranger under the id of
        an order in the cache, or a second submit of one that works, has its verdict line and nothing else.
        """
        order_id = order.client_order_id.value
        known = self._cache.order(order.client_order_id)
        if known is None and order_id not in self._approvals and not self.children.awaits(order_id):
            self._cache.add_order(order, command.position_id, command.client_id)
        elif known is not order or order_id in self._passed:
            return
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
        """Deny and halt. If even the denial fails, the block alone keeps the order from leaving: the second lock reads it."""
        self._stop(f"CONTROL_FAILED: {type(error).__name__}: {error}")
        try:
            orders = command.order_list.orders if isinstance(command, SubmitOrderList) else [getattr(command, "order", None)]
            for order in orders:
                if order is not None:
                    self._deny(order, command, "CONTROL_FAILED")
        except Exception as second:
            self._stop(f"CONTROL_FAILED: the denial failed too: {type(second).__name__}: {second}")
