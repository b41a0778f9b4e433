"""The live run's orders, as its log tells them line by line: what was sent, what was asked to cancel, how each one ended.

Pure, and of lines alone: a live run that is killed, started again or rotated only writes more of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from lakehouse import records
from lakehouse.rebuild import APPROVAL_USED, amount
from orders.schedule import AT_ONCE
from orders.twin import OrderEnd, Uncompared

VENUE = "venue"  # of a reject line: who refused
NONE = "none"


class Happened(StrEnum):
    """What a line of the live log means for the twin."""

    SENT = "sent"
    CANCEL = "cancel"  # the live run asked its venue to cancel
    ENDED = "ended"
    PARENT_ENDED = "parent_ended"


class LiveOrder(msgspec.Struct, kw_only=True):
    """One order that the live run has an intent for; mutable. Instants 0 and lines 0 until they happened.

    `parent`: the intent of a schedule's parent, which itself is sent nowhere. `code`: why there is nothing to compare with, ""
    while there is. `unknown`: its last word was once that nobody knows.
    """

    intent: records.Intent
    parent: records.Intent | None
    run_id: str
    sent_ns: int = 0
    sent_line: int = 0
    cancel_ns: int = 0
    acked: bool = False
    unknown: bool = False
    end: OrderEnd = OrderEnd(outcome="")
    ended_ns: int = 0
    ended_line: int = 0
    code: str = ""
    message: str = ""

    @property
    def order_id(self) -> str:
        return self.intent.client_order_id


class LiveOrders:
    """`apply` one line after the other, from the first. `run`: the last `run_start`; `running`: it has not said that it ended."""

    def __init__(self) -> None:
        self.run: records.RunStart | None = None
        self.running = False
        self._orders: dict[str, LiveOrder] = {}
        self._parents: dict[str, records.Intent] = {}

    @property
    def working(self) -> Mapping[str, LiveOrder]:
        """Orders by id that were sent or are about to be, until `forget`."""
        return self._orders

    def forget(self, order_id: str) -> None:
        """What is still told of this order is told to nobody."""
        self._orders.pop(order_id, None)

    def parent_of(self, order_id: str) -> records.Intent | None:
        """Return the intent of a schedule's parent that has not ended."""
        return self._parents.get(order_id)

    def apply(self, line: records.AnyLine) -> tuple[Happened, LiveOrder | records.CancelLine] | None:
        """Take the next line; return what of it the twin must know. Raises `RecordCorrupt` LOG_NUMBER."""
        match line:
            case records.RunStart():
                self.run, self.running = line, True
            case records.RunStop():
                self.running = False
            case records.Intent():
                self._intent(line)
            case records.CancelLine() if line.client_order_id in self._parents:
                del self._parents[line.client_order_id]
                return Happened.PARENT_ENDED, line
            case records.Send():
                return self._send(line)
            case records.Ack() | records.UnknownOutcome():
                if (order := self._orders.get(line.client_order_id)) is not None:
                    order.acked |= isinstance(line, records.Ack)
                    order.unknown |= isinstance(line, records.UnknownOutcome)
            case records.Fill():
                return self._fill(line)
            case records.VerdictLine() if line.outcome == "DENY":
                self._unsent(line.client_order_id)
            case records.Reject() if line.code != APPROVAL_USED:
                return self._rejected(line)
            case records.CancelLine():
                return self._cancelled(line)
            case _:
                pass
        return None

    def _intent(self, line: records.Intent) -> None:
        if line.schedule != AT_ONCE and line.parent_client_order_id is None:
            self._parents[line.client_order_id] = line
            return
        parent = self._parents.get(line.parent_client_order_id or "")
        self._orders[line.client_order_id] = LiveOrder(intent=line, parent=parent, run_id=line.run_id)

    def _send(self, line: records.Send) -> tuple[Happened, LiveOrder] | None:
        order = self._orders.get(line.client_order_id)
        if order is None:
            return None
        if line.action == "cancel":
            if order.cancel_ns or order.ended_ns:
                return None
            order.cancel_ns = line.ts_ns
            return Happened.CANCEL, order
        if line.action != "submit" or order.sent_ns:
            return None
        order.sent_ns, order.sent_line = line.ts_ns, line.seq
        return Happened.SENT, order

    def _fill(self, line: records.Fill) -> tuple[Happened, LiveOrder] | None:
        order = self._orders.get(line.client_order_id)
        if order is None:
            return None
        order.end = order.end.with_fill(quantity=amount(line.quantity), price=amount(line.price), event_ns=line.event_ns)
        if order.end.filled >= amount(order.intent.quantity):
            return self._ended(order, line, "filled")
        return None

    def _unsent(self, order_id: str) -> None:
        order = self._orders.get(order_id)
        if order is not None and not order.sent_ns:
            del self._orders[order_id]

    def _rejected(self, line: records.Reject) -> tuple[Happened, LiveOrder] | None:
        order = self._orders.get(line.client_order_id)
        if order is None or not order.sent_ns:
            self._unsent(line.client_order_id)
            return None
        order.code = Uncompared.LIVE_REJECTED if line.by == VENUE else Uncompared.LIVE_NOT_SENT
        order.message = f"{line.by}: {line.message}"
        return self._ended(order, line, "rejected" if line.by == VENUE else "denied")

    def _cancelled(self, line: records.CancelLine) -> tuple[Happened, LiveOrder] | None:
        order = self._orders.get(line.client_order_id)
        if order is None or not order.sent_ns:
            self._unsent(line.client_order_id)
            return None
        if not order.acked and not order.end.filled and not order.ended_ns:
            order.code = Uncompared.LIVE_LOST
            order.message = "the venue never said that it had it"
        return self._ended(order, line, "expired" if line.cause == "expired" else "cancelled")

    def _ended(self, order: LiveOrder, line: records.AnyLine, outcome: str) -> tuple[Happened, LiveOrder] | None:
        first = not order.ended_ns
        if first or outcome == "filled":  # fills may still come of what was cancelled
            order.end = order.end.ended(outcome)
        if not first:
            return None
        order.ended_ns, order.ended_line = line.ts_ns, line.seq
        return Happened.ENDED, order


def wanted(intent: records.Intent) -> Decimal:
    """Return the units an order asks for, above zero. Raises `RecordCorrupt` LOG_NUMBER."""
    return amount(intent.quantity)
