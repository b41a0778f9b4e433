"""What the twin's own log says of the orders it took before this start: those that were told, and how far the others came."""

from __future__ import annotations

from typing import Final

import msgspec

from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.log_lines import log_lines
from lakehouse.rebuild import amount
from orders.twin import OrderEnd

INTERRUPTED: Final = "twin_interrupted"  # cause of a cancel line: the twin was stopped or killed while the order worked
LIVE_ENDED: Final = "live_ended"  # cause of the cancel line: the live order had ended, what was left here goes too
QUOTES_STALE: Final = "QUOTES_STALE"
WHOLE: Final = ("filled", "cancelled", "expired")


class Before(msgspec.Struct, kw_only=True):
    """One order as an earlier process left it; mutable. `end.outcome` "": it worked. `late_ns`: see `Followed`; None: not known.

    `spoilt`: quotes were stale while it worked, it was cut off, or how it ended is not known for certain.
    """

    end: OrderEnd = OrderEnd(outcome="")
    due_ns: int | None = None
    late_ns: int | None = None
    spoilt: bool = False

    @property
    def whole(self) -> bool:
        """Whether this side of the comparison is all there: it had ended by itself on good quotes, and the log has all of it."""
        return self.end.outcome in WHOLE and not self.spoilt and self.late_ns is not None


class OwnOrders:
    """By client order id. `told`: those with their twin line; `known`: every id that has an intent, parents too; `before`: those
    that were not told, as far as they came here.

    What spoils an order is in this log before what it spoils: an outage of quotes is an alarm, a stop is the next run's start.
    """

    def __init__(self) -> None:
        self.told: set[str] = set()
        self.known: set[str] = set()
        self.before: dict[str, Before] = {}

    def apply(self, line: records.AnyLine) -> None:
        """Take the next line of the twin's log."""
        match line:
            case records.Intent():
                self.known.add(line.client_order_id)
                self.before[line.client_order_id] = Before()
            case records.Received() if (known := self.before.get(line.client_order_id)) is not None:
                known.due_ns = line.due_ns
            case records.Ack() if (known := self.before.get(line.client_order_id)) is not None and known.due_ns is not None:
                known.late_ns = max(0, line.event_ns - known.due_ns)
            case records.Fill() if (known := self.before.get(line.client_order_id)) is not None:
                end = known.end.with_fill(quantity=amount(line.quantity), price=amount(line.price), event_ns=line.event_ns)
                known.end = end.ended("filled") if end.filled >= amount(line.order_quantity) else end
            case records.CancelLine():
                self._cancelled(line)
            case records.Reject():
                self._end(line.client_order_id, "rejected" if line.by == "venue" else "denied")
            case records.TwinLine():
                self.told.add(line.client_order_id)
                self.before.pop(line.client_order_id, None)
            case records.RunStart():
                self._spoil_working()
            case records.Alarm() if line.code == QUOTES_STALE:
                self._spoil_working()
            case _:
                pass

    def _spoil_working(self) -> None:
        for known in self.before.values():
            known.spoilt |= not known.end.outcome

    def _cancelled(self, line: records.CancelLine) -> None:
        if line.cause in (INTERRUPTED, LIVE_ENDED) and (known := self.before.get(line.client_order_id)) is not None:
            known.spoilt |= not known.end.outcome  # it was only asked to go: a fill may have been on its way
        if line.cause != INTERRUPTED:
            self._end(line.client_order_id, "expired" if line.cause == "expired" else "cancelled")

    def _end(self, order_id: str, outcome: str) -> None:
        known = self.before.get(order_id)
        if known is not None and known.end.outcome != "filled":
            known.end = known.end.ended(outcome)


def own_orders(layout: Layout) -> OwnOrders:
    """Return what a twin's log, which is there, says so far. Raises what `log_lines` raises."""
    found = OwnOrders()
    for line in log_lines(layout):
        found.apply(line)
    return found
