"""Following: the live log line by line, handed to the desk; ready once there are prices, and held to one bundle all along."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from engine.narrator import Narrator
from lakehouse import records
from lakehouse.log_tail import LogTail
from orders.canonical import plain
from sim.twin.desk import TwinDesk
from sim.twin.words import twin_words

POLL_S: Final = 0.005  # how often the live log is looked at: within what the assumptions give an order to reach its venue
QUOTES_S: Final = 15.0  # for first prices of everything that may be traded; what has none then is not compared


class Following:
    """One per twin. `check(run)` raises where a live run that was started anew is none that this twin may follow."""

    def __init__(
        self,
        *,
        desk: TwinDesk,
        tail: LogTail,
        write: Callable[..., int],
        narrator: Narrator,
        check: Callable[[records.RunStart], None],
        live_directory: str,
        live_log_sha256: str,
    ) -> None:
        self._desk = desk
        self._tail = tail
        self._write = write
        self._narrator = narrator
        self._check = check
        self._directory = live_directory
        self._sha256 = live_log_sha256
        self._ran = ""  # id of the live run that goes on, once this follows

    async def run(self) -> None:
        """Read the live log from its first line; follow from where it ends once there are prices to follow on. Never returns.

        Raises what `LogTail.lines` and `check` raise, `StorageError`.
        """
        desk, ready_s = self._desk, time.monotonic() + QUOTES_S
        try:
            while True:
                lines = self._tail.lines()
                desk.take(lines)
                if not self._ran and not lines and (desk.sees() or time.monotonic() > ready_s):
                    self._begin()
                if self._ran:
                    self._same_run()
                    desk.look()
                await asyncio.sleep(0 if lines else POLL_S)
        finally:
            self._tail.close()

    def _begin(self) -> None:
        """Follow from here on, and say so."""
        run, line = self._desk.live.run, self._tail.line
        assert run is not None
        self._check(run)
        self._ran = run.run_id
        self._write(
            records.TwinStart,
            live_directory=self._directory,
            live_environment=run.environment,
            live_run_id=run.run_id,
            live_bundle_sha256=run.bundle_sha256,
            live_log_sha256=self._sha256,
            live_line=self._desk.follow(line),
        )
        running = self._desk.live.running
        ended = "" if running else ", which has ended: it waits for the next one"
        words = f"follows run {run.run_id} after line {line}{ended}"
        self._narrator.line(words, type="follows", run_id=run.run_id, live_line=line, running=running)

    def _same_run(self) -> None:
        """Hold a live run that was started anew to what the first one was held to."""
        run = self._desk.live.run
        if run is None or run.run_id == self._ran:
            return
        self._check(run)
        self._ran = run.run_id
        self._narrator.line(f"the live run was started again: {run.run_id}", type="live_run", run_id=run.run_id)


def tell(narrator: Narrator, line: records.TwinLine) -> None:
    """Say one comparison: in words, or all of its fields but the stamps."""
    names = [name for name in line.__struct_fields__ if name not in ("v", "seq", "ts_ns", "market_ns", "run_id")]
    facts: dict[str, Any] = {name: plain(getattr(line, name)) for name in names}
    narrator.line(twin_words(line), type="twin", **facts)
