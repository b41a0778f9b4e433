"""What can go wrong beside a node that runs: a disk that takes no more, a broken callback, a halt from another terminal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from engine.recorder import Recorder
from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.permission import Permission, read_halt
from orders.errors import SluiceError, StorageError

WATCH_S: Final = 0.2  # how often the permission file is looked at between orders


class RunFaults:
    """The run's own halts and its first disk error. `finished` ends the run; `say` prints a line.

    `recorder` is set once it is made; until then a fault is told, not written.
    """

    def __init__(self, *, permission: Permission, layout: Layout, finished: asyncio.Event, say: Callable[[str], None]) -> None:
        self.failures: list[str] = []
        self.disk_error: SluiceError | None = None
        self.recorder: Recorder | None = None
        self._permission = permission
        self._layout = layout
        self._finished = finished
        self._say = say

    def halted(self, reason: str) -> None:
        """The engine halted itself: the run goes on living without sending, and ends with exit 1.

        A person is told of the first reason; the log has those that follow from it.
        """
        if not self.failures:
            self._say(f"HALTED  {reason}")
        self.failures.append(reason)

    def disk_failed(self, error: SluiceError) -> None:
        """A durable write failed: nothing is sent from here on, and the run ends. A second failure adds nothing."""
        if self.disk_error is not None:
            return
        self.disk_error = error
        self._halt(str(error))
        self._finished.set()

    def keep(self, work: Callable[[], None]) -> None:
        """Do work that writes files, while the disk takes them; its first no ends the run like that of any other file."""
        if self.disk_error is None:
            try:
                work()
            except StorageError as error:
                self.disk_failed(error)

    def callback_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception nobody awaited: a callback of ours or of the engine is broken, so nothing may be sent any more."""
        error = context.get("exception")
        if error is None or isinstance(error, asyncio.CancelledError) or self._finished.is_set():
            return
        self._halt(f"CALLBACK_FAILED: {type(error).__name__}: {error}")

    async def watch_permission(self) -> None:
        """A halt from another terminal is written down and alarmed within a moment, order or no order."""
        told = not self._permission.may_send()
        if told:
            note = read_halt(self._layout)
            why = f"{note.by}: {note.reason}" if note is not None else "the permission file is missing"
            self._say(
                f"halted ({why}): nothing will be sent. To arm it again stop this run, then"
                " `sluice resume --by NAME --reason WHY`."
            )
        while True:
            await asyncio.sleep(WATCH_S)
            if self._permission.may_send():
                told = False
            elif not told:
                told = True
                if self.failures:
                    continue  # the engine's own halt, which is written and told where it happened
                note = read_halt(self._layout)
                by, reason = (note.by, note.reason) if note is not None else ("unknown", "the permission file was removed")
                self._write(by=by, reason=reason)
                self._say(f"halted by {by}: {reason}")

    def _halt(self, reason: str) -> None:
        self._permission.halt(by="engine", reason=reason, now_ns=time.time_ns())
        self._write(by="engine", reason=reason)
        self.halted(reason)

    def _write(self, *, by: str, reason: str) -> None:
        if self.recorder is not None:
            self.recorder.write_quietly(records.HaltLine, action="halt", by=by, reason=reason)
