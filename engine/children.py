"""What the gate knows of children: which parents may have them, which were announced, and the counter that bounds them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model.events import OrderCanceled, OrderDenied, OrderExpired, OrderFilled, OrderRejected

from orders.plan import Approval
from orders.schedule import AT_ONCE, Schedule, child_kinds
from sentinel.conservation import CONSERVATION, Conservation
from sentinel.order_check import ChildLeave

TERMINAL: Final = (OrderDenied, OrderRejected, OrderCanceled, OrderExpired)


class Children:
    """One per gate. `schedules` by name: an approval that names another one may have no children."""

    def __init__(self, schedules: Mapping[str, Schedule]) -> None:
        self._schedules = schedules
        self._counter = Conservation()
        self._parents: dict[str, Approval] = {}
        self._announced: dict[str, tuple[Approval, int]] = {}  # child id -> parent, number; as long as its parent lives

    def approve(self, approval: Approval) -> None:
        """Take a parent, if it is one."""
        if approval.schedule != AT_ONCE and approval.schedule in self._schedules:
            self._parents[approval.client_order_id] = approval
            self._counter.admit_parent(approval.client_order_id, approval.quantity)

    def forget(self, parent_id: str) -> None:
        """The parent may have no more children."""
        if self._parents.pop(parent_id, None) is not None:
            self._counter.forget(parent_id)
            self._announced = {key: known for key, known in self._announced.items() if known[0].client_order_id != parent_id}

    def parent(self, parent_id: str) -> Approval | None:
        """Return the approval of a parent that may have children now; None for any other id."""
        return self._parents.get(parent_id) if self._counter.may_send(parent_id) else None

    def parents(self) -> tuple[Approval, ...]:
        """Return the approvals that may have children, until their cycle is over."""
        return tuple(self._parents.values())

    def announce(self, parent_id: str, number: int) -> None:
        """The intent of this child is durable: an order under its id may come. Nothing for a parent that is gone."""
        parent = self._parents.get(parent_id)
        if parent is not None:
            self._announced[parent.child_id(number)] = (parent, number)

    def awaits(self, order_id: str) -> bool:
        """Whether the id is an announced child's."""
        return order_id in self._announced

    def leave(self, order_id: str, quantity: Decimal | None) -> tuple[Approval, ChildLeave] | None:
        """Return parent and leave of an announced child; None for any other order. Asks the counter for a `quantity`."""
        known = self._announced.get(order_id)
        if known is None:
            return None
        parent, number = known
        return parent, ChildLeave(
            number=number,
            kinds=child_kinds(self._schedules[parent.schedule].kind, parent=parent.order_kind),
            conservation=None if quantity is None else self._counter.ask(parent.client_order_id, quantity),
        )

    def passed(self, order_id: str, quantity: Decimal) -> None:
        """The gate let this order through; a child is counted from now on."""
        known = self._announced.get(order_id)
        if known is not None:
            self._counter.reserve(known[0].client_order_id, order_id, quantity)

    def on_event(self, event: Any) -> str:
        """Count an order event; return what is broken, "" for nothing."""
        order_id = event.client_order_id.value
        if isinstance(event, OrderFilled):
            if not self._counter.fill(order_id, event.last_qty.as_decimal()):
                return f"{CONSERVATION}: fills of child {order_id} exceed its parent"
        elif isinstance(event, TERMINAL):
            self._counter.release(order_id)
        return ""
