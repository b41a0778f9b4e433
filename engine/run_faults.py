"""What can go wrong beside a node that runs: a disk that takes no more, a broken callback, a halt from another terminal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from engine.recorder import Recorder
from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.permission import HaltNote, Permission, read_halt
from lakehouse.resume_request import LIFE_NS, ResumeRequest, answer_resume, read_resume
from orders.errors import InputError, SluiceError, StorageError

NOTE_S: Final = 0.3  # a halt blocks first and says who after that
WATCH_S: Final = 0.2  # how often the permission file is looked at between orders


class RunFaults:
    """The run's own halts and its first disk error. `finished` ends the run; `say` prints a line.

    `recorder` is set once it is made; until then a fault is told, not written. `run_id`: of this run, which a person's wish to
    resume must name; None: no such wish is taken. `on_resume()` is called after one was carried out.
    """

    def __init__(
        self,
        *,
        permission: Permission,
        layout: Layout,
        finished: asyncio.Event,
        say: Callable[[str], None],
        run_id: str | None = None,
    ) -> None:
        self.on_resume: Callable[[], None] = lambda: None
        self._run_id = run_id
        self._resuming = False
        self._signalled: HaltNote | None = None  # where a disk takes no note any more
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
        self.halt(str(error))
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
        self.halt(f"CALLBACK_FAILED: {type(error).__name__}: {error}")

    async def guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Await what runs beside the node; its failure halts, because nobody else would notice that it has ended."""
        try:
            await work
        except Exception as error:
            self.halt(f"CALLBACK_FAILED: {type(error).__name__}: {error}")

    async def watch_permission(self) -> None:
        """A halt from another terminal is written down and alarmed within a moment, order or no order."""
        told = not self._permission.may_send()
        if told:
            note = read_halt(self._layout)
            why = f"{note.by}: {note.reason}" if note is not None else "the permission file is missing"
            self._say(f"halted ({why}): nothing will be sent. To arm it again: `sluice resume --by NAME --reason WHY`.")
        while True:
            await asyncio.sleep(WATCH_S)
            if self._permission.may_send():
                told = False
                continue
            self.keep(self._look_for_resume)
            if not told:
                told = True
                if self.failures:
                    continue  # the engine's own halt, which is written and told where it happened
                await asyncio.sleep(NOTE_S)
                note = read_halt(self._layout) or self._signalled
                by, reason = (note.by, note.reason) if note is not None else ("unknown", "the permission file was removed")
                self._write(by=by, reason=reason)
                self._say(f"halted by {by}: {reason}")

    def _look_for_resume(self) -> None:
        """Take a person's wish to resume: written down first, then armed. What the engine halted itself stays halted."""
        if self._resuming:
            return
        try:
            request = read_resume(self._layout)
        except InputError as error:
            self._refuse_resume(str(error))
            return
        if request is None:
            return
        if self._run_id is None:
            self._refuse_resume(
                "this run is not resumed beside itself: stop it, `sluice resume`, and start it, which checks anew"
            )
        elif request.run_id != self._run_id or not 0 <= time.time_ns() - request.created_ns <= LIFE_NS:
            self._refuse_resume(f"it is for run {request.run_id[:64]} or too old; this is {self._run_id}. Ask again")
        elif self.failures:
            why = f"the run halted itself: {self.failures[0]}"
            self._refuse_resume(f"{why}. Stop it, mend that, then `sluice resume` and start it")
        elif self.recorder is not None:
            self._resuming = True
            self.recorder.write(records.HaltLine, action="resume", by=request.by, reason=request.reason)
            self.recorder.when_durable(lambda: self.keep(lambda: self._resume(request)))

    def _resume(self, request: ResumeRequest) -> None:
        self._resuming, self._signalled = False, None
        self._permission.resume(by=request.by, reason=request.reason, now_ns=time.time_ns())
        answer_resume(self._layout, "")
        self._say(f"resumed by {request.by}: {request.reason}")
        self.on_resume()

    def _refuse_resume(self, why: str) -> None:
        answer_resume(self._layout, why)
        if self.recorder is not None:
            self.recorder.write_quietly(records.Alarm, code="RESUME_REFUSED", message=why)

    def halt(self, reason: str) -> None:
        """Block, write what can be written, and tell: the run goes on living without sending."""
        self._permission.halt(by="engine", reason=reason, now_ns=time.time_ns())
        self._write(by="engine", reason=reason)
        self.halted(reason)

    def halt_by_signal(self, name: str) -> None:
        """Block, and nothing else: it is called in the middle of whatever the main thread does, which may hang for good.

        `watch_permission` writes and tells it, as it does a halt from another terminal. Where the file cannot be removed that
        line cannot be written either, which ends the run.
        """
        note = HaltNote(by="signal", reason=f"{name} was sent to this process", ts_ns=time.time_ns())
        self._permission.halt(by=note.by, reason=note.reason, now_ns=note.ts_ns)
        self._signalled = note

    def _write(self, *, by: str, reason: str) -> None:
        if self.recorder is not None:
            self.recorder.write_quietly(records.HaltLine, action="halt", by=by, reason=reason)
