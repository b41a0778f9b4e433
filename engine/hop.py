"""The hop: work due at an instant runs on the loop's thread, never on the timer's.

In a live node Nautilus calls timers back on a thread of their own, where an order event, a log line or a look at the cache is
a race. Nothing else of ours sets a timer that does work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Any

from nautilus_trader.common.component import LiveClock


class Hop:
    """One per kernel and use. `post` puts a callback on the loop from any thread (`loop.call_soon_threadsafe`).

    None calls straight through, which only a backtest's clock allows: its timers run on the one thread there is. On a loop, work
    is done in the order of its instants: timers that are due within microseconds ring in any order, and a backtest's do not.
    `name`: of its alerts; no two hops on one clock have the same.
    """

    def __init__(self, clock: Any, *, post: Callable[[Callable[[], None]], Any] | None, name: str = "hop") -> None:
        assert post is not None or not isinstance(clock, LiveClock)
        self._clock = clock
        self._post = post
        self._name = name
        self._count = 0
        self._due: list[tuple[int, int, Callable[[], None]]] = []  # a heap, touched on the loop only

    def at(self, instant_ns: int, work: Callable[[], None]) -> None:
        """Call `work` on the loop at `instant_ns` of the engine's clock, or as soon as may be when that has passed.

        Never before this returns. To be called on the loop.
        """
        self._count += 1
        due = max(instant_ns, self._clock.timestamp_ns() + 1)
        if self._post is not None:
            heappush(self._due, (due, self._count, work))
            ring = partial(self._ring, self._post, due)
        else:
            ring = partial(_call, work)
        self._clock.set_time_alert_ns(f"{self._name}-{self._count}", due, ring)

    def _ring(self, post: Callable[[Callable[[], None]], Any], due_ns: int, event: Any) -> None:
        post(partial(self._run, due_ns))

    def _run(self, due_ns: int) -> None:
        """Do what is due by now, and by the instant of the timer that rang: it may have rung early."""
        now = max(due_ns, self._clock.timestamp_ns())
        while self._due and self._due[0][0] <= now:
            heappop(self._due)[2]()


def _call(work: Callable[[], None], event: Any) -> None:
    work()
