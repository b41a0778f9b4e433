"""A wall clock that is set while a run goes on halts the run.

Ages, deadlines, days and schedules are counted on the wall clock. Nautilus' live clock never runs back: set back by an hour it
stands still for an hour, and in that hour no price grows old, nothing falls due and the second of the message limit does not end.
Set forward, everything a schedule had an hour for falls due at once. Neither can be mended from inside: nothing is sent any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

STEP_MAX_NS: Final = 1_000_000_000  # what NTP slews in half an hour; ages are of seconds
LOOK_S: Final = 0.2
READ_NS: Final = 10_000_000  # both clocks read within this are read at once
READS_MAX: Final = 5
CLOCK_STEPPED: Final = "CLOCK_STEPPED"


class ClockWatch:
    """One per run. `halt(reason)` is called once. A clock that is slewed is followed; one that was suspended has stepped."""

    def __init__(self, *, wall_ns: Callable[[], int], monotonic_ns: Callable[[], int], halt: Callable[[str], None]) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._halt = halt
        self._told = False
        self._offset_ns = self._offset()

    def _offset(self) -> int:
        """The wall clock minus the monotonic one; of several readings the one that took least, where none was quick."""
        best_ns, offset_ns = -1, 0
        for _ in range(READS_MAX):
            before = self._monotonic_ns()
            wall = self._wall_ns()
            took = self._monotonic_ns() - before
            if best_ns < 0 or took < best_ns:
                best_ns, offset_ns = took, wall - before
            if took <= READ_NS:
                break
        return offset_ns

    def look(self) -> None:
        """Compare with the last look."""
        offset_ns = self._offset()
        step_ns, self._offset_ns = offset_ns - self._offset_ns, offset_ns
        if abs(step_ns) <= STEP_MAX_NS or self._told:
            return
        self._told = True
        way = "forward" if step_ns > 0 else "back"
        self._halt(
            f"{CLOCK_STEPPED}: the clock went {way} by {abs(step_ns) / 1e9:.1f} s while the run went on, limit"
            f" {STEP_MAX_NS / 1e9:.0f} s; ages and deadlines cannot be told any more. Set the clock right, `sluice resume` and"
            " start again"
        )

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()
