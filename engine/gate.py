"""The gate: stands on the `ExecEngine.execute` endpoint alone, where every order passes once, after Nautilus' RiskEngine.

It lets pass what carries an approval of the Sentinel for exactly this id, instrument, side, quantity and kind, and the
announced children of an approved parent as far as the counter has room; it denies everything else, and never raises: in a
live node an exception here would end the process. It is the second lock's memory too.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

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

from engine.children import Children
from engine.counts import Counts
from engine.denials import modify_rejected, order_denied
from engine.order_context import OrderContext
from engine.order_facts import facts_of, fingerprint
from lakehouse.permission import Permission
from orders.exact import exact_operators
from orders.plan import Approval, Outcome, Verdict
from orders.schedule import Schedule
from orders.values import MarketHours, Quote
from sentinel.armed import Taken
from sentinel.capital import CAPITAL_FRACTION
from sentinel.conservation import CONSERVATION
from sentinel.limits import SentinelLimits
from sentinel.locks import Locks
from sentinel.order_check import ChildLeave, OrderFacts, OrderVerdict, judge_order, limit_words
from sentinel.self_match import OwnOrders

ENDPOINT = "ExecEngine.execute"
ZERO: Final = Decimal(0)
NO_SCHEDULES: Final[Mapping[str, Schedule]] = MappingProxyType({})
QUERIES = (QueryOrder, QueryAccount)
HARMLESS = (CancelOrder, CancelAllOrders, BatchCancelOrders, QueryOrder, QueryAccount)


def hours_not_judged(venue: str, now_ns: int) -> MarketHours | None:
    """Return None: no market has hours."""
    return None


class Gate:
    """One per kernel. `quote_of(symbol)` gives the newest top of book, `record(order, verdict)` writes the verdict
    line, `owner` is the one strategy whose orders may carry an approval, `state` what the Sentinel counts, `hours_at(venue,
    now_ns)` says whether it is open, `growth()` what the regime of now says to an order that opens or adds, None for nothing."""

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
        state: Counts,
        schedules: Mapping[str, Schedule] = NO_SCHEDULES,
        hours_at: Callable[[str, int], MarketHours | None] = hours_not_judged,
        growth: Callable[[], Verdict | None] = lambda: None,
    ) -> None:
        self._growth = growth
        self._state = state
        self._arming = state.armed
        self._owner = owner
        self.children = Children(schedules)
        self._msgbus = msgbus
        self._cache = cache
        self._clock = clock
        self._inner = exec_engine.execute
        self._limits = limits
        self._words = limit_words(limits)
        self._scaled = (limits, self._words)  # of what opens or adds: of the part of equity the run may use
        self._permission = permission
        self._quote_of = quote_of
        self._hours_at = hours_at
        self._record = record
        self._halt = halt
        self._approvals: dict[str, Approval] = {}
        self._armed: set[str] = set()  # ids of those that no order has used
        self._used: set[str] = set()  # ids of those that one has, until the cycle is over
        self._passed: dict[str, tuple[Any, ...]] = {}
        self.locks = Locks()
        self._own = OwnOrders()
        self._thread: int | None = None
        self._stopped = False  # set by this gate's own failures: it denies even where the halt itself failed

    def install(self) -> None:
        """Take the endpoint; after `node.build()` in a live kernel."""
        self._msgbus.deregister(endpoint=ENDPOINT, handler=self._inner)
        self._msgbus.register(endpoint=ENDPOINT, handler=self.execute)

    def own_thread(self) -> None:
        """Remember the calling thread as the loop's: from now on work on any other thread denies and halts."""
        self._thread = threading.get_ident()

    def approve(self, approvals: Iterable[Approval], *, automatic: bool = True) -> None:
        """Take the Sentinel's approvals of a plan; each serves one order once, or the children of one, until `disarm`.

        `automatic` false: an operator's orders, which are no parents a strategy made.
        """
        approvals = tuple(approvals)
        self._state.approve(approvals, automatic=automatic)
        for approval in approvals:
            self._approvals[approval.client_order_id] = approval
            self._armed.add(approval.client_order_id)
            self.children.approve(approval)

    def revoke(self, client_order_id: str) -> None:
        """Take an unused approval back."""
        self._approvals.pop(client_order_id, None)
        self._armed.discard(client_order_id)
        self._forget(client_order_id)

    def awaits(self, client_order_id: str) -> bool:
        """Whether an approval of this id waits for its order."""
        return client_order_id in self._armed

    def has_passed(self, client_order_id: str) -> bool:
        """Whether an order of this id has passed."""
        return client_order_id in self._passed

    def disarm(self, *, keep: Collection[str] = ()) -> None:
        """The cycle is over: take back every approval that no order has used, and count its orders no longer; but for the orders
        in `keep`, which go on in the next one.
        """
        stays = frozenset(keep)
        for client_order_id in self._armed - stays:
            del self._approvals[client_order_id]
            self._forget(client_order_id)
        for client_order_id in self._used - stays:
            self.children.forget(client_order_id)
        self._armed &= stays
        self._used &= stays

    def _forget(self, client_order_id: str) -> None:
        self.children.forget(client_order_id)
        with exact_operators():
            self._state.running.reservations.release(client_order_id)

    def restore_passed(self, orders: Iterable[Any]) -> None:
        """After a restart: these orders had passed before, their ids are used up and their resting parts may stand."""
        for order in orders:
            self._passed[order.client_order_id.value] = fingerprint(order)
            if not order.is_closed:
                self._own.passed(facts_of(order), left=order.leaves_qty.as_decimal())

    def on_own_thread(self) -> bool:
        """Whether the caller runs on the loop's thread (or none is known yet)."""
        return self._thread is None or threading.get_ident() == self._thread

    def refusal(self, order: Any) -> str:
        """The second lock: "" only while not halted, of no locked symbol, armed, and for an order that passed here, unchanged."""
        if not self.on_own_thread():
            self._stop("WRONG_THREAD: the second lock was reached from a foreign thread")
        if not self._may_send():
            return "HALT"
        order_id = order.client_order_id.value
        if locked := self.locks.refusal(order_id, order.instrument_id.value):
            return locked
        if self._state.running.voids(order_id):
            return CAPITAL_FRACTION
        if self._arming is not None and (
            late := self._arming.refusal(order.instrument_id.venue.value, self._clock.timestamp_ns())
        ):
            return late
        passed = self._passed.get(order_id)
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
                if not isinstance(command, QUERIES):
                    self._count_cancels(command)
                self._inner(command)
            else:
                self._stop(f"UNKNOWN_COMMAND: {type(command).__name__} at the gate")
        except Exception as error:
            self._fail_closed(command, error)

    def executed(self, order_id: str, context: OrderContext, *, quantity: Decimal, price: Decimal, now_ns: int) -> None:
        """A fill of ours, told before anybody acts on it: count it. Fills beyond what was approved halt."""
        self._own.filled(order_id, quantity)
        broken = self.children.executed(order_id, quantity)
        self._state.executed(order_id, context, quantity=quantity, price=price, now_ns=now_ns)
        if broken:
            self._stop(broken)

    def ended(self, order_id: str) -> None:
        """An order is terminal, told before anybody acts on it: give back what it held.

        An approval that still waits keeps what is reserved for it, whatever befell a stranger under its id.
        """
        if order_id in self._armed:
            return
        self._own.ended(order_id)
        self.children.ended(order_id)
        self._state.ended(order_id)

    def sent(self, order_id: str) -> Taken | None:
        """Its send line is about to be written: return what it takes of the armed amount, None where nothing is armed."""
        return None if self._arming is None else self._arming.sent(order_id)

    def unknown(self, order_id: str, instrument_id: str) -> None:
        """An order was sent and nobody knows what became of it: it stays open at full size, and nothing of its symbol passes."""
        self.locks.unknown(order_id, instrument_id)

    def known(self, order_id: str) -> None:
        """The venue has said something of an order."""
        self.locks.known(order_id)

    def _count_cancels(self, command: Any) -> None:
        """Cancels are counted and never blocked, whatever goes wrong while counting."""
        with contextlib.suppress(Exception):
            messages = len(command.cancels) if isinstance(command, BatchCancelOrders) else 1
            venue = command.instrument_id.venue.value
            self._state.running.rates.count(venue, self._clock.timestamp_ns(), messages=messages)

    def _may_send(self) -> bool:
        return not self._stopped and self._permission.may_send()

    def _stop(self, reason: str) -> None:
        """Block here first, then halt the run; a halt that fails leaves the block."""
        self._stopped = True
        with contextlib.suppress(Exception):
            self._halt(reason)

    def _execute_list(self, command: Any) -> None:
        """All orders of a list or none: judge each, deny the rest with the first refusal's code.

        What passes is counted at once, so that the next one is judged with it; a list that is refused gives it back.
        """
        verdicts, seen = [], set[str]()
        passed: list[tuple[Any, Approval]] = []
        refused: list[OrderVerdict] = []
        for order in command.order_list.orders:
            with exact_operators():
                verdict, approval, facts = self._judge(order, again=order.client_order_id.value in seen, listed=True)
                verdicts.append((order, verdict))
                seen.add(order.client_order_id.value)
                if verdict.outcome is not Outcome.ALLOW or approval is None:
                    refused.append(verdict)
                else:
                    self._take(facts, approval)
                    passed.append((order, approval))
        for order, verdict in verdicts:
            if refused and verdict.outcome is Outcome.ALLOW:
                verdict = OrderVerdict(outcome=Outcome.DENY, code="LIST_REFUSED", verdicts=verdict.verdicts)
            self._record(order, verdict)
        if not refused:
            for order, approval in passed:
                self._pass(order, approval)
            self._inner(command)
            return
        with exact_operators():
            for order, _ in passed:
                self._own.ended(order.client_order_id.value)
                self.children.undo(order.client_order_id.value)
                self._state.undo(order.client_order_id.value)
        for order, _ in verdicts:
            self._deny(order, command, refused[0].code)

    def _admit(self, order: Any, command: Any) -> bool:
        with exact_operators():  # one block for all that is counted of an order: entering costs as much as a control
            verdict, approval, facts = self._judge(order)
            self._record(order, verdict)
            if verdict.outcome is Outcome.ALLOW and approval is not None:
                self._take(facts, approval)
                self._pass(order, approval)
                return True
        self._deny(order, command, verdict.code)
        return False

    def _take(self, facts: OrderFacts, approval: Approval) -> None:
        """Count an order that is allowed: it draws on its line's reservation, and on the counter of its parent."""
        order_id, quantity = facts.client_order_id, facts.quantity
        self._state.running.passed(approval, order_id, quantity, now_ns=self._clock.timestamp_ns())
        self.children.passed(order_id, quantity)
        self._own.passed(facts, left=quantity)
        if self._arming is not None:
            self._arming.passed(order_id)

    def _pass(self, order: Any, approval: Approval) -> None:
        order_id = order.client_order_id.value
        self._passed[order_id] = fingerprint(order)
        self._armed.discard(order_id)
        self._used.add(approval.client_order_id)

    def _judge(
        self, order: Any, *, again: bool = False, listed: bool = False
    ) -> tuple[OrderVerdict, Approval | None, OrderFacts]:
        """Return the verdict, the approval it goes by and what was judged; to be called inside `exact_operators`.

        A child comes alone: its parent's room is asked for one at a time.
        """
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
        facts = facts_of(order)
        limits, words = (self._limits, self._words) if approval is None or approval.reduces else self._at_capital()
        quote = self._quote_of(approval.symbol) if approval is not None else None
        now = self._clock.timestamp_ns()
        running: tuple[Verdict, ...] = ()
        if approval is not None and not used and facts.quantity > ZERO:
            running = self._state.ask(approval, quantity=facts.quantity, limit_price=facts.limit_price, quote=quote, now_ns=now)
            if not approval.reduces and (grows := self._growth()) is not None:
                running = (*running, grows)
            if self._arming is not None:
                running += self._arming.ask(facts, approval, quote=quote, now_ns=now)
        if not used:
            running += self._own.ask(facts)
        running += self.locks.ask(facts.instrument_id)
        verdict = judge_order(
            facts,
            approval,
            used=used,
            halted=halted,
            quote=quote,
            now_ns=now,
            limits=limits,
            words=words,
            child=child,
            running=running,
            hours=self._hours_at(approval.venue, now) if approval is not None else None,
        )
        return verdict, approval, facts

    def _at_capital(self) -> tuple[SentinelLimits, tuple[str, str, str]]:
        limits = self._state.running.limits
        if limits is not self._scaled[0]:
            self._scaled = (limits, limit_words(limits))
        return self._scaled

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
        event = order_denied(order, code=code, now_ns=self._clock.timestamp_ns())
        self._msgbus.send(endpoint="ExecEngine.process", msg=event)

    def _refuse_modify(self, command: Any) -> None:
        event = modify_rejected(command, self._cache.order(command.client_order_id), now_ns=self._clock.timestamp_ns())
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
