"""What the twin's own log says of the orders it took before this start: those that were told, and how far the others came."""

from __future__ import annotations

from typing import Final

from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.log_lines import log_lines
from lakehouse.rebuild import amount
from orders.twin import OrderEnd

INTERRUPTED: Final = "twin_interrupted"  # cause of a cancel line: the twin was stopped or killed while the order worked


class OwnOrders:
    """By client order id. `told`: those with their twin line; `known`: every id that has an intent, parents too; `ends`: of those
    that were not told, what they came to here (`outcome` "": they had not ended).

    What was not told is not compared any more: what spoilt it, stale prices or a stop, was known to a process that is gone.
    """

    def __init__(self) -> None:
        self.told: set[str] = set()
        self.known: set[str] = set()
        self.ends: dict[str, OrderEnd] = {}

    def apply(self, line: records.AnyLine) -> None:
        """Take the next line of the twin's log."""
        match line:
            case records.Intent():
                self.known.add(line.client_order_id)
                self.ends[line.client_order_id] = OrderEnd(outcome="")
            case records.Fill() if (end := self.ends.get(line.client_order_id)) is not None:
                end = end.with_fill(quantity=amount(line.quantity), price=amount(line.price), event_ns=line.event_ns)
                self.ends[line.client_order_id] = end.ended("filled") if end.filled >= amount(line.order_quantity) else end
            case records.CancelLine() if line.cause != INTERRUPTED:
                self._end(line.client_order_id, "expired" if line.cause == "expired" else "cancelled")
            case records.Reject():
                self._end(line.client_order_id, "rejected" if line.by == "venue" else "denied")
            case records.TwinLine():
                self.told.add(line.client_order_id)
                self.ends.pop(line.client_order_id, None)
            case _:
                pass

    def _end(self, order_id: str, outcome: str) -> None:
        end = self.ends.get(order_id)
        if end is not None and end.outcome != "filled":
            self.ends[order_id] = end.ended(outcome)


def own_orders(layout: Layout) -> OwnOrders:
    """Return what a twin's log, which is there, says so far. Raises what `log_lines` raises."""
    found = OwnOrders()
    for line in log_lines(layout):
        found.apply(line)
    return found
