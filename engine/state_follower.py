"""The state file follows the fills: written once they are on disk, one file for fills that come together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from engine.snapshots_out import SnapshotWriter
from lakehouse.state import ActualState, write_actual_state
from orders.errors import InputError, SluiceError, StorageError

STATE_DELAY_S: Final = 0.05  # fills within this are one state file


class StateFollower:
    """Runs on the loop's thread. `last_line()` is the number of the log's newest line; `failed(error)` ends the run."""

    def __init__(
        self,
        *,
        path: Path,
        loop: asyncio.AbstractEventLoop,
        journal: Any,
        snapshots: SnapshotWriter,
        last_line: Callable[[], int],
        failed: Callable[[SluiceError], None],
    ) -> None:
        self._path = path
        self._loop = loop
        self._journal = journal
        self._snapshots = snapshots
        self._last_line = last_line
        self._failed = failed
        self._due = False

    def on_fill(self) -> None:
        """A fill line was appended: write the state soon."""
        if not self._due:
            self._due = True
            self._loop.call_later(STATE_DELAY_S, self._write_when_durable)

    def write(self) -> None:
        """Write the state of now; the caller has just flushed the journal."""
        self._put(self._state_of_now())

    def _write_when_durable(self) -> None:
        """The state of now, written once every line up to now is on disk: it never tells of a fill that the log lacks."""
        self._due = False
        state = self._state_of_now()
        try:
            self._journal.when_durable(lambda: self._put(state))
        except StorageError:
            return  # the journal's own failure has ended the run

    def _state_of_now(self) -> ActualState:
        return self._snapshots.state(now_ns=time.time_ns(), log_line=self._last_line())

    def _put(self, state: ActualState) -> None:
        try:
            write_actual_state(self._path, state)
        except (StorageError, InputError) as error:
            self._failed(error)
