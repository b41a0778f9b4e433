"""What a promoted run has to answer by a step down: where the log has the last halt and the last loss limit that began in a run.

The same marks are made of the lines of a log and of those a run writes, so that an answer that a crash cut off is given at the
next start, and one that was given is not given twice.
"""

from __future__ import annotations

from typing import Final

from lakehouse.records import EquityLine, HaltLine

CLOSE_ONLY: Final = "CLOSE_ONLY"


class RampMarks:
    """Its fields are to be read. `halted_at`: number of the line by which the last halt of a run began, 0 for none; further
    reasons of the same halt are none of their own, nor are halts while nothing ran. `close_only_at`: of the line by which a loss
    limit was passed, 0 for none; equity that swings around its limit passes it once a market day. `halt`, `loss`: in words.
    """

    def __init__(self) -> None:
        self.halted_at = self.close_only_at = 0
        self.halt = self.loss = ""
        self._halted = False
        self._mode = ""
        self._day = -1

    def apply(self, line: HaltLine | EquityLine, *, number: int, running: bool) -> None:
        """Take the next line, which has this number; `running`: it came while a run went on."""
        if isinstance(line, EquityLine):
            self._valued(line, number)
            return
        begins = line.action != "resume" and not self._halted
        self._halted = line.action != "resume"
        if begins and running:
            self.halted_at, self.halt = number, f"halted by {line.by}: {line.reason}"

    def _valued(self, line: EquityLine, number: int) -> None:
        before, self._mode = self._mode, line.mode
        if line.mode == CLOSE_ONLY and before != CLOSE_ONLY and line.day != self._day:
            self._day, self.close_only_at = line.day, number
            self.loss = f"equity {line.equity_base}, the day began with {line.day_start_base}, peak {line.peak_base}"
