"""The course of one parent: which child to send now, when to look again, when it is over. Pure; the shell is `algorithm`.

    Course
    |-- SlicedCourse    TWAP and VWAP: slices that fall due
    |-- PassiveCourse   a limit order at the near touch, its rest across the spread after the timeout
    `-- ShareCourse     POV: a share of the volume that others trade

A child that is denied or rejected stops its course: it is not tried again, the rest is left to the next cycle. So is what a
venue cancels by itself. A course asks for no child beyond its parent; `sentinel.conservation` does not take its word for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from orders.exact import exact_arithmetic
from orders.plan import Approval
from orders.schedule import CHILD_ORDERS_MAX, SCHEDULE_DONE
from orders.values import MarketLimits, Quote, Record, Side
from strategies.schedules.slicing import Slice, participation_quantity, smallest_quantity

ZERO: Final = Decimal(0)
DONE: Final = SCHEDULE_DONE  # all of the parent is filled
ENDED: Final = "schedule_ended"  # its time is over; the rest is left
STOPPED: Final = "schedule_stopped"  # a child was refused, or the parent was cancelled
DUST: Final = "schedule_dust"  # the rest is below the venue's floors


class Send(Record, frozen=True, kw_only=True):
    """Send one child; `limit_price` None: a market order."""

    quantity: Decimal
    limit_price: Decimal | None


class CancelChildren(Record, frozen=True, kw_only=True):
    """Cancel what rests."""


class Wait(Record, frozen=True, kw_only=True):
    """Look again after an event, and at the latest `until_ns` after the parent began; None: after an event."""

    until_ns: int | None


class Over(Record, frozen=True, kw_only=True):
    """No child works and none will be sent. `cause`: DONE, ENDED, STOPPED or DUST."""

    cause: str


Step = Send | CancelChildren | Wait | Over


class Course(ABC):
    """Keeps what of a parent is open and filled; quantities are units. `step` is asked after every event until it waits."""

    def __init__(self, approval: Approval, *, limits: MarketLimits) -> None:
        self.approval = approval
        self.filled = ZERO
        self.children = 0  # sent so far
        self.stopped = ""
        self._limits = limits
        self._open: dict[str, Decimal] = {}  # child id -> what may still fill
        self._cancelled = False

    @property
    def open_children(self) -> tuple[str, ...]:
        """The ids of children that may still fill."""
        return tuple(self._open)

    @property
    def unfilled(self) -> Decimal:
        """What of the parent is not filled, >= 0."""
        return max(ZERO, self.approval.quantity - self.filled)

    @property
    def committed(self) -> Decimal:
        """Open and filled."""
        with exact_arithmetic():
            return sum(self._open.values(), self.filled)

    def sent(self, child_id: str, quantity: Decimal) -> None:
        """A child of this quantity was asked for: it counts as open until it ends."""
        self._open[child_id] = quantity
        self.children += 1

    def child_filled(self, child_id: str, quantity: Decimal) -> None:
        """One execution. A late one, of a child that has ended, counts too."""
        with exact_arithmetic():
            self.filled += quantity
            left = self._open.get(child_id)
            if left is not None:
                if left > quantity:
                    self._open[child_id] = left - quantity
                else:
                    del self._open[child_id]

    def child_ended(self, child_id: str, *, refused: bool) -> None:
        """A child is terminal, its rest will not fill. `refused`: denied or rejected, which stops the course."""
        if self._open.pop(child_id, None) is not None and (refused or not self._cancelled):
            self.stop("a child was refused" if refused else "a child was cancelled by somebody else")

    def stop(self, why: str) -> None:
        """Send no more; what rests is cancelled."""
        self.stopped = self.stopped or why

    def step(self, elapsed_ns: int, *, quote: Quote | None) -> Step:
        """Return what to do `elapsed_ns` of market time after the parent began, at these prices (None: there are none)."""
        if self.unfilled == 0 and not self._open:
            return Over(cause=DONE)
        if not self.stopped:
            step = self._step(elapsed_ns, quote)
            if not isinstance(step, Send) or self.children < CHILD_ORDERS_MAX:
                return step
            self.stop(f"{CHILD_ORDERS_MAX} children were sent")
        return self._wind_down(STOPPED)

    def _wind_down(self, cause: str) -> Step:
        """Cancel what is open, once; over when nothing is."""
        if not self._open:
            return Over(cause=cause)
        if self._cancelled:
            return Wait(until_ns=None)
        self._cancelled = True
        return CancelChildren()

    @abstractmethod
    def _step(self, elapsed_ns: int, quote: Quote | None) -> Step: ...

    def _sendable(self, quantity: Decimal, quote: Quote | None) -> bool:
        """Whether the venue takes this much at today's lower touch; without prices at the one the plan was judged on."""
        price = self.approval.reference_price if quote is None else min(quote.bid, quote.ask)
        return quantity >= smallest_quantity(self._limits, price=price)


class SlicedCourse(Course):
    """Sends each slice when it falls due; several that fell due meanwhile go as one.

    Children of a limit parent are limit orders at its price; what of them rests when the duration is over is cancelled.
    """

    def __init__(self, approval: Approval, *, limits: MarketLimits, slices: Sequence[Slice], duration_ns: int) -> None:
        super().__init__(approval, limits=limits)
        self._duration_ns = duration_ns
        assert sum((part.quantity for part in slices), ZERO) == approval.quantity
        self._slices = slices
        self._next = 0
        self._due = ZERO

    def child_ended(self, child_id: str, *, refused: bool) -> None:
        """A cancelled slice is left unfilled; the slices that follow go on."""
        if refused:
            super().child_ended(child_id, refused=True)
        else:
            self._open.pop(child_id, None)

    def _step(self, elapsed_ns: int, quote: Quote | None) -> Step:
        with exact_arithmetic():
            while self._next < len(self._slices) and self._slices[self._next].offset_ns <= elapsed_ns:
                self._due += self._slices[self._next].quantity
                self._next += 1
        if self._due and self._sendable(self._due, quote):
            due, self._due = self._due, ZERO
            return Send(quantity=due, limit_price=self.approval.limit_price)
        if self._next < len(self._slices):
            return Wait(until_ns=self._slices[self._next].offset_ns)
        if self._open and self.approval.limit_price is not None:
            return Wait(until_ns=self._duration_ns) if elapsed_ns < self._duration_ns else self._wind_down(ENDED)
        if self._open:
            return Wait(until_ns=None)
        return Over(cause=DUST if self._due else ENDED)


class PassiveCourse(Course):
    """One limit order at the near touch; at the timeout it is cancelled, and what is left crosses the spread.

    The touch is never beyond a limit parent's price, and the crossing order carries that price; of a market parent it is a
    market order. Once it has crossed nothing follows.
    """

    def __init__(self, approval: Approval, *, limits: MarketLimits, timeout_ns: int) -> None:
        super().__init__(approval, limits=limits)
        self._timeout_ns = timeout_ns
        self._crossed = False

    def _step(self, elapsed_ns: int, quote: Quote | None) -> Step:
        if not self.children:
            if quote is None:
                self.stop("no price to rest at")
                return self._wind_down(STOPPED)
            return Send(quantity=self.approval.quantity, limit_price=self._near(quote))
        if self._crossed:
            return Wait(until_ns=None) if self._open else Over(cause=ENDED)
        if self._open:
            return Wait(until_ns=self._timeout_ns) if elapsed_ns < self._timeout_ns else self._wind_down(ENDED)
        if not self._sendable(self.unfilled, quote):
            return Over(cause=DUST)
        self._crossed = True
        return Send(quantity=self.unfilled, limit_price=self.approval.limit_price)

    def _near(self, quote: Quote) -> Decimal:
        bound = self.approval.limit_price
        if self.approval.side is Side.BUY:
            return quote.bid if bound is None else min(quote.bid, bound)
        return quote.ask if bound is None else max(quote.ask, bound)


class ShareCourse(Course):
    """Sends as much as the share of the volume observed so far allows; when the time is over the rest is left.

    Open and filled children never exceed the share, so a venue without volume gets no order.
    """

    def __init__(self, approval: Approval, *, limits: MarketLimits, duration_ns: int, participation_max: Decimal) -> None:
        super().__init__(approval, limits=limits)
        self._duration_ns = duration_ns
        self._participation_max = participation_max
        self.observed = ZERO

    def traded(self, quantity: Decimal) -> None:
        """The market traded this much."""
        with exact_arithmetic():
            self.observed += quantity

    def _step(self, elapsed_ns: int, quote: Quote | None) -> Step:
        if elapsed_ns >= self._duration_ns:
            return self._wind_down(ENDED)
        quantity = participation_quantity(
            observed=self.observed,
            participation_max=self._participation_max,
            committed=self.committed,
            quantity=self.approval.quantity,
            step_size=self._limits.step_size,
        )
        if quantity and self._sendable(quantity, quote):
            return Send(quantity=quantity, limit_price=self.approval.limit_price)
        if not self._open and not self._sendable(self.unfilled, quote):
            return Over(cause=DUST)
        return Wait(until_ns=self._duration_ns)
