"""What the twin's own log says of the orders it took before this start: those told already, those that ended, those cut off."""

from __future__ import annotations

from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.log_lines import log_lines
from lakehouse.rebuild import amount
from orders.twin import OrderEnd
from orders.values import Record


class OwnOrder(Record, frozen=True, kw_only=True):
    """One order at the twin: what came of it, and when the twin sent it (0: it did not). `end.outcome` "": it has not ended."""

    end: OrderEnd
    sent_ns: int = 0
    code: str = ""
    message: str = ""


class OwnOrders:
    """By client order id. `told`: those with their twin line; `known`: every id that has an intent, parents too."""

    def __init__(self) -> None:
        self.told: set[str] = set()
        self.known: set[str] = set()
        self.orders: dict[str, OwnOrder] = {}

    def apply(self, line: records.AnyLine) -> None:
        """Take the next line of the twin's log."""
        match line:
            case records.Intent():
                self.known.add(line.client_order_id)
                self.orders[line.client_order_id] = OwnOrder(end=OrderEnd(outcome=""))
            case records.Send() if line.action == "submit" and line.client_order_id in self.orders:
                self._set(line.client_order_id, sent_ns=line.ts_ns)
            case records.Fill() if (own := self.orders.get(line.client_order_id)) is not None:
                end = own.end.with_fill(quantity=amount(line.quantity), price=amount(line.price), event_ns=line.event_ns)
                done = end.filled >= amount(line.order_quantity)
                self._set(line.client_order_id, end=end.ended("filled") if done else end)
            case records.CancelLine() if line.client_order_id in self.orders:
                self._end(line.client_order_id, "expired" if line.cause == "expired" else "cancelled")
            case records.Reject() if line.client_order_id in self.orders:
                self._end(line.client_order_id, "rejected" if line.by == "venue" else "denied", message=line.message)
            case records.TwinLine():
                self.told.add(line.client_order_id)
                self.orders.pop(line.client_order_id, None)
            case _:
                pass

    def _set(self, order_id: str, *, end: OrderEnd | None = None, sent_ns: int | None = None, message: str | None = None) -> None:
        own = self.orders[order_id]
        self.orders[order_id] = OwnOrder(
            end=own.end if end is None else end,
            sent_ns=own.sent_ns if sent_ns is None else sent_ns,
            message=own.message if message is None else message,
        )

    def _end(self, order_id: str, outcome: str, *, message: str = "") -> None:
        own = self.orders[order_id]
        if own.end.outcome != "filled":
            self._set(order_id, end=own.end.ended(outcome), message=message)


def own_orders(layout: Layout) -> OwnOrders:
    """Return what a twin's log, which is there, says so far. Raises what `log_lines` raises."""
    found = OwnOrders()
    for line in log_lines(layout):
        found.apply(line)
    return found
