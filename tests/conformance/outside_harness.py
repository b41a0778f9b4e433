"""What harnesses have whose venue is a process of its own: it misbehaves on command, and outlives the engine."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Final

from tests.conformance.node_harness import NodeHarness
from tests.conformance.traded import Traded

FAULTS: Final = (
    "no answer", "503", "504", "line dropped", "body cut off", "HTML", "too many requests", "clock off", "id taken",
)  # fmt: skip


class OutsideHarness(NodeHarness):
    """`turned_away`: faults that say that nothing was
    taken, after which an order goes once more. `line_lost`: the alarm of a line that broke,
    `fault_alarms`: all that a broken venue may tell an operator.
    """

    turned_away: ClassVar[frozenset[str]] = frozenset()
    line_lost: ClassVar[str]
    fault_alarms: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def break_next(self, request: str, fault: str, *, after: bool) -> None:
        """Break the next "create" or "cancel", before the venue does what it asks or after; what happens then is told nowhere
        but where it is asked for."""

    @abstractmethod
    def struck(self) -> int:
        """Return how many faults have struck."""

    @abstractmethod
    def mend(self) -> None:
        """End every fault; the streams speak."""

    @abstractmethod
    def move(self, of: Traded, bid: str, ask: str, *, size: str = "1000") -> None:
        """Move the venue's market alone, whether the engine hears of it or not."""

    @abstractmethod
    def cut_line(self) -> None:
        """Cut what the venue tells orders by; it stays cut until `mend`, or for a moment where the venue cannot refuse."""

    @abstractmethod
    def repeat_all(self) -> None:
        """Let the venue tell everything about orders twice."""

    @abstractmethod
    def posts(self, client_order_id: str) -> int:
        """Return how many times the venue was sent this order, whatever became of it."""

    @abstractmethod
    def restart_venue(self) -> None:
        """Let the venue end and come back with its memory."""

    @abstractmethod
    def end(self, client_order_id: str) -> None:
        """Let the venue end a resting order by itself."""

    @abstractmethod
    def refuse_next(self) -> None:
        """Let the venue refuse the next order for want of funds."""

    def ended_by_venue(self) -> str:
        order_id = self.rest()
        self.end(order_id)
        return order_id

    def _cross(self) -> None:
        self.move(self.first, *self.first.crossed)

    def until_told(self, code: str) -> None:
        """Wait until an operator has been told so."""
        self._wait(lambda: code in dict(self.alarms))

    def expect_faults(self) -> None:
        """Alarms of a broken venue are no failure of this case."""
        self.expected_alarms |= self.fault_alarms

    def stop(self) -> None:
        """The venue is mended before the next engine comes, whatever became of the case."""
        self.mend()
        super().stop()
