"""What the gate knows of children: which parents may have them, which were announced, and the counter that bounds every order."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from orders.plan import Approval
from orders.schedule import AT_ONCE, Schedule, child_kinds
from sentinel.conservation import CONSERVATION, Conservation
from sentinel.order_check import ChildLeave


class Children:
    """One per gate. `schedules` by name: an approval that names another one may have no children."""

    def __init__(self, schedules: Mapping[str, Schedule]) -> None:
        self._schedules = schedules
        self._counter = Conservation()
        self._parents: dict[str, Approval] = {}
        self._announced: dict[str, tuple[Approval, int]] = {}  # child id -> parent, number; as long as its parent lives

    def approve(self, approval: Approval) -> None:
        """Take an approval: a parent, if its schedule has children; else an order that is its own only child."""
        if approval.schedule == AT_ONCE:
            self._counter.admit_parent(approval.client_order_id, approval.quantity)
        elif approval.schedule in self._schedules:
            self._parents[approval.client_order_id] = approval
            self._counter.admit_parent(approval.client_order_id, approval.quantity)

    def forget(self, parent_id: str) -> None:
        """The parent may have no more children."""
        self._counter.forget(parent_id)
        if self._parents.pop(parent_id, None) is not None:
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
        """The gate let this order through: it is counted from now on."""
        known = self._announced.get(order_id)
        self._counter.reserve(order_id if known is None else known[0].client_order_id, order_id, quantity)

    def undo(self, order_id: str) -> None:
        """What was just counted is not sent after all."""
        self._counter.undo(order_id)

    def executed(self, order_id: str, quantity: Decimal) -> str:
        """Count an execution; return what is broken, "" for nothing."""
        if self._counter.fill(order_id, quantity):
            return ""
        return f"{CONSERVATION}: fills of order {order_id} exceed what was approved"

    def ended(self, order_id: str) -> None:
        """The order is terminal: what of it did not fill may be asked for again, by its parent."""
        self._counter.release(order_id)
