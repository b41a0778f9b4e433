"""What happened to one order, line by line of the log, and where it stands at the end of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from lakehouse.rebuild import APPROVAL_USED, amount
from lakehouse.records import (
    Ack,
    AnyLine,
    CancelLine,
    Fill,
    Intent,
    Received,
    Reject,
    Send,
    UnknownOutcome,
    VerdictLine,
)
from orders.canonical import decimal_text
from orders.exact import EXACT
from orders.values import Record

ZERO: Final = Decimal(0)
VENUE: Final = "venue"


class Event(Record, frozen=True, kw_only=True):
    """One line of the log about an order."""

    log_line: int
    ts_ns: int
    market_ns: int
    what: str
    detail: str


class Course:
    """One order's events. `quantity` 0: no intent says how much was wanted."""

    def __init__(self, order_id: str, intent: Intent | None) -> None:
        self.order_id = order_id
        self.intent = intent
        self.events: list[Event] = []
        self.filled = ZERO
        self._end = ""

    @property
    def quantity(self) -> Decimal:
        """Units that were wanted."""
        return ZERO if self.intent is None else amount(self.intent.quantity)

    def end(self, *, no_intent: str = "not in the log") -> str:
        """Return where it stands, in words."""
        if self._end:
            return self._end
        if self.intent is None:
            return no_intent
        return "approved, not sent" if self.intent.schedule == "at_once" or self.intent.child else "approved, its children work"

    def take(self, line: AnyLine) -> None:
        """Take the next line of the log; what is of another order changes nothing. Raises `RecordCorrupt` LOG_NUMBER."""
        if getattr(line, "client_order_id", None) != self.order_id:
            return
        match line:
            case Intent():
                self.intent = line
                parent = f", child {line.child} of {line.parent_client_order_id}" if line.parent_client_order_id else ""
                price = "at market" if line.limit_price is None else f"at {line.limit_price}"
                self._say(line, "intent", f"{line.side} {line.quantity} {line.symbol} {price}{parent}")
            case VerdictLine():
                self._verdict(line)
            case Send():
                self._say(
                    line,
                    f"send {line.action}",
                    f"{line.quantity} to {line.venue}, account {line.account}",
                    end="sent, no answer yet" if line.action == "submit" else "",
                )
            case Received():
                self._say(line, "received", f"on {line.venue}'s side")
            case Ack():
                self._say(line, "accepted", f"by {line.venue} as {line.venue_order_id}", end="" if self.filled else "working")
            case Reject():
                self._reject(line)
            case UnknownOutcome():
                self._say(line, "unknown", line.message, end="unknown: nobody knows what became of it")
            case CancelLine():
                part = f", {line.filled_quantity} filled" if amount(line.filled_quantity) else ""
                self._say(line, "cancelled", f"{line.cause}{part}", end=f"cancelled{part}: {line.cause}")
            case Fill():
                self._fill(line)
            case _:
                pass

    def _verdict(self, line: VerdictLine) -> None:
        denied = line.outcome != "ALLOW"
        stands = line.code == APPROVAL_USED and bool(self._end)  # a second submit of an order that went says nothing of the first
        self._say(
            line, f"gate {line.outcome}", line.code, end=f"denied at the gate: {line.code}" if denied and not stands else ""
        )

    def _reject(self, line: Reject) -> None:
        words = f"{line.code}{f': {line.message}' if line.message else ''}"
        if line.by == VENUE:
            self._say(line, "rejected", f"by the venue, {words}", end=f"rejected by the venue: {line.code}")
        elif not self._end.startswith("denied"):  # the engine's own word for what the gate has said
            self._say(line, "denied", f"by {line.by}, {words}", end=f"denied by {line.by}: {line.code}")

    def _fill(self, line: Fill) -> None:
        quantity, price = amount(line.quantity), amount(line.price)
        self.filled = EXACT.add(self.filled, quantity)
        words = f"{line.quantity} at {decimal_text(price)}, fee {line.fee} {line.fee_currency}, trade {line.trade_id}"
        whole = bool(self.quantity) and self.filled >= self.quantity
        cancelled = self._end.startswith("cancelled")
        end = "filled" if whole else self._end if cancelled else f"partly filled: {decimal_text(self.filled)}"
        self._say(line, "fill", words, end=end)

    def _say(self, line: AnyLine, what: str, detail: str, *, end: str = "") -> None:
        self.events.append(Event(log_line=line.seq, ts_ns=line.ts_ns, market_ns=line.market_ns, what=what, detail=detail))
        self._end = end or self._end
