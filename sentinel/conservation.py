"""Router conservation (control 15): what the children of one parent have open and filled never exceeds the parent.

The counter is not the router's: the gate keeps it from its own admissions and the venue's answers, whatever a schedule
believes. SEC order 34-70694 (Knight) is the run it exists for: a router that kept sending children of filled parents.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from orders.exact import EXACT
from orders.plan import Outcome, Verdict

CONSERVATION: Final = "CONSERVATION"
ZERO: Final = Decimal(0)


class _Parent:
    __slots__ = ("children", "committed", "disabled", "quantity")

    def __init__(self, quantity: Decimal) -> None:
        self.quantity = quantity
        self.committed = ZERO  # sum over the children of open + filled
        self.disabled = False
        self.children: set[str] = set()


class Conservation:
    """One per gate. Quantities are units, finite and above zero; anything else denies.

    A child that would exceed its parent disables it: a router that asks once for too much is not asked again. The caller
    halts the run.
    """

    def __init__(self) -> None:
        self._parents: dict[str, _Parent] = {}
        self._open: dict[str, Decimal] = {}  # child id -> what may still fill
        self._parent_of: dict[str, str] = {}

    def admit_parent(self, parent_id: str, quantity: Decimal) -> None:
        """Begin to count for a parent of `quantity` > 0. A second time for one id changes nothing."""
        assert quantity.is_finite()
        assert quantity > 0
        self._parents.setdefault(parent_id, _Parent(quantity))

    def committed(self, parent_id: str) -> Decimal:
        """Return what the children of a known parent have open and filled."""
        return self._parents[parent_id].committed

    def may_send(self, parent_id: str) -> bool:
        """Whether the parent is known and not disabled."""
        parent = self._parents.get(parent_id)
        return parent is not None and not parent.disabled

    def ask(self, parent_id: str, quantity: Decimal) -> Verdict:
        """Return the verdict on one more child; nothing is counted yet. DENY disables the parent."""
        parent = self._parents.get(parent_id)
        if parent is None:
            return Verdict(control=CONSERVATION, outcome=Outcome.DENY, observed="parent unknown", limit="an approved parent")
        fits = quantity.is_finite() and quantity > 0 and EXACT.add(parent.committed, quantity) <= parent.quantity
        ok = fits and not parent.disabled
        if not ok:
            parent.disabled = True
        observed = f"{parent.committed} open and filled, and {quantity}{'' if fits else ' more'}"
        return Verdict(
            control=CONSERVATION,
            outcome=Outcome.ALLOW if ok else Outcome.DENY,
            observed=observed if ok or not fits else f"{observed}; the parent is disabled",
            limit=f"{parent.quantity} of the parent",
        )

    def reserve(self, parent_id: str, child_id: str, quantity: Decimal) -> None:
        """Count a child as open, after `ask` allowed it; the id was not used before."""
        parent = self._parents[parent_id]
        assert child_id not in self._parent_of
        parent.committed = EXACT.add(parent.committed, quantity)
        assert parent.committed <= parent.quantity
        parent.children.add(child_id)
        self._parent_of[child_id] = parent_id
        self._open[child_id] = quantity

    def undo(self, child_id: str) -> None:
        """A child that was just counted is not sent after all: its id may be used again."""
        parent = self._parents[self._parent_of.pop(child_id)]
        parent.children.discard(child_id)
        parent.committed = EXACT.subtract(parent.committed, self._open.pop(child_id))

    def fill(self, child_id: str, quantity: Decimal) -> bool:
        """Count an execution; True while the parent is not exceeded. Children that are not counted here change nothing.

        A fill beyond what is open (late, after a cancel; or more than was asked for) adds to what is committed: where its
        place was given away already the sum may exceed the parent, which disables it and answers False.
        """
        parent_id = self._parent_of.get(child_id)
        if parent_id is None:
            return True
        parent = self._parents[parent_id]
        left = self._open.get(child_id, ZERO)
        if quantity <= left:  # it was committed when the child passed
            self._leave(child_id, EXACT.subtract(left, quantity))
        else:
            parent.committed = EXACT.add(parent.committed, EXACT.subtract(quantity, left))
            self._leave(child_id, ZERO)
        if parent.committed > parent.quantity:
            parent.disabled = True
            return False
        return True

    def release(self, child_id: str) -> None:
        """The child is terminal: what of it did not fill may be asked for again."""
        left = self._open.pop(child_id, None)
        if left is not None:
            parent = self._parents[self._parent_of[child_id]]
            parent.committed = EXACT.subtract(parent.committed, left)

    def forget(self, parent_id: str) -> None:
        """The cycle is over: the parent sends no more, and its children are not counted any longer."""
        parent = self._parents.pop(parent_id, None)
        for child_id in parent.children if parent is not None else ():
            self._parent_of.pop(child_id, None)
            self._open.pop(child_id, None)

    def _leave(self, child_id: str, left: Decimal) -> None:
        if child_id in self._open:
            if left > 0:
                self._open[child_id] = left
            else:
                del self._open[child_id]
