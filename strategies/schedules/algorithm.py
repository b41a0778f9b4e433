"""The shell of a schedule in Nautilus: one `ExecAlgorithm` a configured schedule, which sends what its courses decide.

A primary never crosses the gate, its children do: built here with our own ids, after their intents are on disk. A primary is
closed, by its own cancellation, when no child works and none will be sent. Nautilus does not reduce it; the courses count, and
so does the gate.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.algorithm import ExecAlgorithm
from nautilus_trader.execution.config import ExecAlgorithmConfig
from nautilus_trader.execution.messages import CancelOrder
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.events import OrderCanceled, OrderDenied, OrderExpired, OrderFilled, OrderRejected
from nautilus_trader.model.identifiers import ClientOrderId, ExecAlgorithmId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder

from orders.errors import InputError
from orders.exact import at_places
from orders.schedule import Schedule
from orders.values import Side
from strategies.schedules.course import DONE, STOPPED, CancelChildren, Course, Over, Send, ShareCourse, Wait
from strategies.schedules.courses import course_of
from strategies.schedules.desk import ChildDesk

PACED_NS = 200_000_000  # of the engine's clock: how soon a child is tried again whose venue takes no more messages this second
ENDS = (OrderDenied, OrderRejected, OrderCanceled, OrderExpired)
REFUSED = "schedule_refused"  # cause: the parent could not be cut, nothing was sent


def algorithm_id(schedule: str) -> Any:
    """Return the Nautilus id under which a schedule's algorithm is registered."""
    return ExecAlgorithmId(f"SCHEDULE-{schedule}")


class _Running:
    """One parent on its way. `woken_ns`: the offset of the wake-up that is set, None for none."""

    __slots__ = ("began_ns", "course", "held", "moving", "paced", "primary", "woken_ns")

    def __init__(self, primary: Any, course: Course, *, began_ns: int) -> None:
        self.primary = primary
        self.course = course
        self.began_ns = began_ns
        self.woken_ns: int | None = None
        self.held: Send | None = None  # decided and not sent yet: nothing else is decided before it is
        self.paced = False  # it waits for its venue's next second
        self.moving = False  # a step is being carried out: what it causes at once is looked at by the same loop


class ScheduleAlgorithm(ExecAlgorithm):
    """One schedule. `owner` is the one strategy whose primaries it takes. Runs on the engine's loop only."""

    def __init__(self, *, schedule: Schedule, desk: ChildDesk, owner: str) -> None:
        super().__init__(ExecAlgorithmConfig(exec_algorithm_id=algorithm_id(schedule.name), log_events=False, log_commands=False))
        self._schedule = schedule
        self._desk = desk
        self._owner = owner
        self._running: dict[str, _Running] = {}
        self._parents: dict[str, str] = {}  # child id -> parent id, while the parent runs

    def on_start(self) -> None:
        """Listen on a subscription of our own: Nautilus' begins after the first primary was handled, which is too late."""
        self.msgbus.subscribe(topic=f"events.order.{self._owner}", handler=self._on_order_event)

    def on_stop(self) -> None:
        self.msgbus.unsubscribe(topic=f"events.order.{self._owner}", handler=self._on_order_event)

    def on_order(self, primary: Any) -> None:
        """Begin a primary that is an approved parent of this schedule; close any other at once."""
        parent_id = primary.client_order_id.value
        if parent_id in self._running:
            return
        approval = self._desk.parent(parent_id)
        if (
            approval is None
            or approval.schedule != self._schedule.name
            or primary.strategy_id.value != self._owner
            or primary.quantity.as_decimal() != approval.quantity
        ):
            self._cancel_primary(primary)
            return
        try:
            course = course_of(
                self._schedule,
                approval,
                limits=self._desk.limits_of(approval.symbol),
                market_now_ns=self._desk.market_now_ns(),
                profile_of=self._desk.profile_of,
            )
        except InputError as error:
            self._desk.close(approval, cause=REFUSED, why=str(error))
            self._cancel_primary(primary)
            return
        running = self._running[parent_id] = _Running(primary, course, began_ns=self._desk.now_ns())
        if isinstance(course, ShareCourse):
            self._desk.watch_volume(approval, partial(self._on_volume, running))
        self._move(running)

    def _on_volume(self, running: _Running, quantity: Decimal) -> None:
        assert isinstance(running.course, ShareCourse)
        running.course.traded(quantity)
        self._move(running)

    def _on_order_event(self, event: Any) -> None:
        order_id = event.client_order_id.value
        parent_id = self._parents.get(order_id)
        if parent_id is not None:
            self._on_child(self._running[parent_id], order_id, event)
        elif isinstance(event, ENDS):
            running = self._running.get(order_id)
            if running is not None:  # the parent was cancelled by somebody else: what rests goes too
                running.course.stop("the parent was cancelled")
                self._move(running)

    def _on_child(self, running: _Running, child_id: str, event: Any) -> None:
        if isinstance(event, OrderFilled):
            running.course.child_filled(child_id, event.last_qty.as_decimal())
        elif isinstance(event, ENDS):
            running.course.child_ended(child_id, refused=isinstance(event, OrderDenied | OrderRejected))
        else:
            return
        self._move(running)

    def _woken(self, running: _Running, offset_ns: int) -> None:
        if running.woken_ns == offset_ns:
            running.woken_ns = None
        self._move(running)

    def _send_held(self, running: _Running, step: Send) -> bool:
        """Send what was decided as soon as the venue takes another message; not where the course was stopped meanwhile."""
        if not running.course.stopped and not self._desk.may_go(running.course.approval):
            if not running.paced:
                running.paced = True
                self._desk.wake_at(self._desk.now_ns() + PACED_NS, partial(self._paced, running))
            return False
        running.held = None
        if not running.course.stopped:
            self._send(running, step)
        return True

    def _paced(self, running: _Running) -> None:
        running.paced = False
        self._move(running)

    def _move(self, running: _Running) -> None:
        """Carry out steps until the course waits or is over."""
        if running.moving or running.course.approval.client_order_id not in self._running or not self.is_running:
            return
        running.moving = True
        try:
            while self._carry_out(running):
                pass
        finally:
            running.moving = False

    def _carry_out(self, running: _Running) -> bool:
        """Do the next step; False when there is none to do now."""
        course = running.course
        if running.held is not None:
            return self._send_held(running, running.held)
        elapsed_ns = (self._desk.now_ns() - running.began_ns) * self._desk.market_speed
        step = course.step(elapsed_ns, quote=self._desk.quote_of(course.approval.symbol))
        match step:
            case Send():
                running.held = step
                return True
            case CancelChildren():
                for child_id in course.open_children:
                    self._cancel_child(child_id)
                return True
            case Wait(until_ns=until_ns):
                if until_ns is not None and until_ns != running.woken_ns:
                    running.woken_ns = until_ns
                    instant_ns = running.began_ns + -(-until_ns // self._desk.market_speed)
                    self._desk.wake_at(instant_ns, partial(self._woken, running, until_ns))
                return False
            case Over(cause=cause):
                self._close(running, cause)
                return False

    def _send(self, running: _Running, step: Send) -> None:
        approval = running.course.approval
        child_id = self._desk.write_child(approval, quantity=step.quantity, limit_price=step.limit_price)
        if child_id is None:
            running.course.stop("no child could be written")
            return
        self._parents[child_id] = approval.client_order_id
        running.course.sent(child_id, step.quantity)
        self._desk.when_durable(approval, child_id, partial(self._submit, running, child_id, step))

    def _submit(self, running: _Running, child_id: str, step: Send) -> None:
        """The intent is on disk: send the child, unless its course was stopped meanwhile."""
        if running.course.stopped or not self.is_running:
            self._desk.withdraw(child_id)
            running.course.child_ended(child_id, refused=True)
            self._move(running)
            return
        if self.cache.order_exists(ClientOrderId(child_id)):  # somebody took the id: nothing of ours would be sent under it
            running.course.child_ended(child_id, refused=True)
            self._move(running)
            return
        primary = running.primary
        instrument = self.cache.instrument(primary.instrument_id)
        quantity = Quantity.from_decimal(at_places(step.quantity, instrument.size_precision))
        assert quantity.as_decimal() == step.quantity
        common = {
            "trader_id": primary.trader_id,
            "strategy_id": primary.strategy_id,
            "instrument_id": primary.instrument_id,
            "client_order_id": ClientOrderId(child_id),
            "order_side": OrderSide.BUY if running.course.approval.side is Side.BUY else OrderSide.SELL,
            "quantity": quantity,
            "init_id": UUID4(),
            "ts_init": self.clock.timestamp_ns(),
            "time_in_force": TimeInForce.GTC,
            "reduce_only": primary.is_reduce_only,
            "exec_algorithm_id": self.id,
            "exec_spawn_id": primary.client_order_id,
        }
        if step.limit_price is None:
            self.submit_order(MarketOrder(**common))
            return
        price = Price.from_decimal(at_places(step.limit_price, instrument.price_precision))
        assert price.as_decimal() == step.limit_price
        self.submit_order(LimitOrder(**common, price=price))

    def _cancel_child(self, child_id: str) -> None:
        """Ask the venue; a child that is not sent yet will be withdrawn instead."""
        order = self.cache.order(ClientOrderId(child_id))
        if order is not None and not order.is_closed:
            self.cancel_order(order)

    def _close(self, running: _Running, cause: str) -> None:
        approval, course = running.course.approval, running.course
        del self._running[approval.client_order_id]
        self._parents = {child: parent for child, parent in self._parents.items() if parent != approval.client_order_id}
        why = (
            "" if cause == DONE else f"{course.unfilled} of {approval.quantity} unfilled; {course.stopped or 'its time is over'}"
        )
        self._desk.close(approval, cause=cause if not course.stopped else STOPPED, why=why)
        if not running.primary.is_closed:
            self._cancel_primary(running.primary)

    def _cancel_primary(self, primary: Any) -> None:
        """Cancel where it stands: it was sent nowhere, so no engine and no venue is asked."""
        self.execute(
            CancelOrder(
                trader_id=primary.trader_id,
                strategy_id=primary.strategy_id,
                instrument_id=primary.instrument_id,
                client_order_id=primary.client_order_id,
                venue_order_id=None,
                command_id=UUID4(),
                ts_init=self.clock.timestamp_ns(),
            )
        )
