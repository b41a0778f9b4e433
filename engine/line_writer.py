"""Writing lines with the run's stamps: the base of everything that writes the journal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from engine.market_time import MarketTime
from lakehouse import records
from lakehouse.ramp_marks import RampMarks
from orders.errors import StorageError


class LineWriter:
    """Stamps and appends lines. `clock_ns()` is the engine's clock."""

    def __init__(self, *, journal: Any, run_id: str, market_time: MarketTime, clock_ns: Callable[[], int]) -> None:
        self.journal = journal
        self.market_speed = market_time.speed
        self.last_line = 0
        self.marks: RampMarks | None = None  # what a promoted run has to answer; None: nobody asks
        self.on_alarm: Callable[[str, str], None] = lambda code, message: None  # told of alarms and halts, disk or no disk
        self._run_id = run_id
        self._market_time = market_time
        self._clock_ns = clock_ns
        self._same_time = market_time.speed == 1 and market_time.real_epoch_ns == market_time.market_epoch_ns

    def stamp(self) -> dict[str, Any]:
        """Return the three fields every line begins with, for now."""
        now = self._clock_ns()
        return {"ts_ns": now, "market_ns": now if self._same_time else self._market_time.at(now), "run_id": self._run_id}

    def market_now_ns(self) -> int:
        """Return the market time of now."""
        return self._market_time.at(self._clock_ns())

    def write(self, kind: type[records.Line], /, **fields: Any) -> int:
        """Append one line and return its number."""
        now = self._clock_ns()
        market = now if self._same_time else self._market_time.at(now)
        if kind is records.Alarm:
            self.on_alarm(fields["code"], fields["message"])
        elif kind is records.HaltLine:
            self.on_alarm(fields["action"].upper(), f"by {fields['by']}: {fields['reason']}")
        line = kind(ts_ns=now, market_ns=market, run_id=self._run_id, **fields)
        number = self._append(line)
        if self.marks is not None and isinstance(line, records.HaltLine | records.EquityLine):
            self.marks.apply(line, number=number, running=True)
        return number

    def put(self, line: records.Line) -> int:
        """Append a line that its maker has stamped (`stamp`) and goes on to hold; return its number, which it then has."""
        return self._append(line)

    def _append(self, line: Any) -> int:
        number: int = self.journal.append(line)
        self.last_line = number
        return number

    def write_quietly(self, kind: type[records.Line], /, **fields: Any) -> None:
        """Write where a failing disk must not stand in the way of what is being done, such as a halt."""
        with contextlib.suppress(StorageError):
            self.write(kind, **fields)

    def when_durable(self, callback: Callable[[], None], *, meanwhile: Callable[[], None] | None = None) -> None:
        """Call back once all lines so far are on disk, and `meanwhile` when the disk has begun."""
        self.journal.when_durable(callback, meanwhile=meanwhile)
