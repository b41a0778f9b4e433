"""The journal: lines of `execution_logs.jsonl`, and in `audit.jsonl` the records they must have, in group commits.

`SyncJournal` serves a backtest: buffered, no fdatasync. `DurableJournal` serves shadow and live: a thread writes batches and
says when they are on disk. Both are made by `lakehouse.opening.open_journal` and have one interface, `Journal`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import msgspec
from msgspec.structs import force_setattr

from lakehouse.layout import Layout, storage_error
from lakehouse.ledger_format import BATCH_LINES_MAX
from lakehouse.rebuild import LogFold
from lakehouse.record_files import Pending, RecordFiles
from lakehouse.records import AnyLine
from orders.errors import InputError, StorageError

CHECKPOINT_S: Final = 60.0  # how long lines of the ledger may go without a checkpoint, in shadow and live
BATCH_NS_MAX: Final = 2_000_000  # a line waits at most this long for company; not at all when somebody waits for it
PENDING_LINES_MAX: Final = 100_000  # about 100 MB; a disk this far behind has stopped

Callback = Callable[[], None]


def number_line(line: AnyLine, seq: int) -> None:
    """Give a fresh line its number: the one thing about a line that its maker cannot know."""
    assert line.seq == 0, "a line is appended once"
    force_setattr(line, "seq", seq)


class Journal(Protocol):
    """Where lines go. One thread appends."""

    fold: LogFold  # the log as it was when the journal was opened; the caller applies what it appends

    def append(self, line: AnyLine) -> int:
        """Number the line and take it; return its number (`seq`).

        Raises `StorageError` once the disk has said no; `InputError` LINE_TEXT on text that has no UTF-8 (nothing is taken).
        """
        ...

    def when_durable(self, callback: Callback, *, meanwhile: Callback | None = None) -> None:
        """Call back once everything appended so far, and its ledger records, is on disk; never after a failure.

        `meanwhile` is called before that, while the disk works: what needs no disk may be done in its time. Raises
        `StorageError` when the journal has failed already.
        """
        ...

    def flush(self) -> None:
        """Return when everything appended so far is on disk. Raises `StorageError`."""
        ...

    def close(self) -> None:
        """Flush, anchor the log, sign the ledger, close. Raises `StorageError` if that fails; silent after a known failure."""
        ...


class SyncJournal:
    """Buffered, written every `BATCH_LINES_MAX` lines, never synced: a power cut may lose or tear it, a kill loses the buffer.

    `when_durable` calls straight through. Lines become bytes when they are written, all of a batch at once: text without
    UTF-8 is found then, and the batch up to that line is kept.
    """

    def __init__(self, layout: Layout, files: RecordFiles, fold: LogFold) -> None:
        self.fold = fold
        self._layout = layout
        self._files = files
        self._seq = files.log_line
        self._pending: list[AnyLine] = []
        self._failure: StorageError | InputError | None = None
        self._encoder = msgspec.json.Encoder()
        self._closed = False

    def append(self, line: AnyLine) -> int:
        if self._failure is not None:
            raise self._failure
        assert not self._closed, "append after close"
        seq = self._seq = self._seq + 1
        assert line.seq == 0, "a line is appended once"
        force_setattr(line, "seq", seq)
        pending = self._pending
        pending.append(line)
        if len(pending) >= BATCH_LINES_MAX:
            self.flush()
        return seq

    def when_durable(self, callback: Callback, *, meanwhile: Callback | None = None) -> None:
        if self._failure is not None:
            raise self._failure
        if meanwhile is not None:
            meanwhile()
        callback()

    def flush(self) -> None:
        if self._failure is not None:
            raise self._failure
        lines, self._pending = self._pending, []
        if not lines:
            return
        try:
            blob = self._encoder.encode_lines(lines)
        except UnicodeEncodeError:
            lines, failure = self._before_bad_text(lines)
            blob = self._encoder.encode_lines(lines)
            self._failure = failure
        if lines:
            self._guarded(lambda: self._files.write_blob(blob, lines))
            self._guarded(self._files.sign_when_due)
        if self._failure is not None:
            raise self._failure

    def _before_bad_text(self, lines: list[AnyLine]) -> tuple[list[AnyLine], InputError]:
        """Return the lines before the first one that has no UTF-8, and the error that names it."""
        for index, line in enumerate(lines):
            try:
                self._encoder.encode(line)
            except UnicodeEncodeError as error:
                return lines[:index], _text_error(line, error)
        raise AssertionError("every line has UTF-8 by itself")

    def close(self) -> None:
        if self._closed:
            return
        try:
            if self._failure is None:
                self.flush()
                self._guarded(self._files.anchor)
                self._guarded(self._files.seal)
        finally:
            self._closed = True
            self._files.close()

    def _guarded(self, write: Callback) -> None:
        try:
            write()
        except OSError as error:
            self._failure = storage_error(error, self._layout.log)
            raise self._failure from error


class DurableJournal:
    """Lines are numbered at once on the caller's thread; a writer thread commits them in groups and posts what follows.

    `post` hands a callback to the caller's thread (`loop.call_soon_threadsafe`); it must neither raise nor wait.
    On the first error of the disk `on_failure` is posted once, nothing is written again, and `append` raises. The ledger is
    signed every `CHECKPOINT_LINES` and `checkpoint_s`.
    """

    def __init__(
        self,
        layout: Layout,
        files: RecordFiles,
        fold: LogFold,
        *,
        post: Callable[[Callback], object],
        on_failure: Callable[[StorageError], None],
        checkpoint_s: float = CHECKPOINT_S,
    ) -> None:
        self.fold = fold
        self._layout = layout
        self._files = files
        self._post = post
        self._on_failure = on_failure
        self._encode = msgspec.json.Encoder().encode
        self._state = threading.Condition()
        self._pending: list[Pending] = []
        self._since_ns = 0  # monotonic time of the first pending line
        self._seq = self._durable_seq = self._wanted_seq = files.log_line
        self._syncing_seq = self._seq  # up to here the disk works, or has
        self._waiters: deque[tuple[int, Callback]] = deque()
        self._meanwhile: deque[tuple[int, Callback]] = deque()
        self._failure: StorageError | None = None
        self._closing = False
        self._checkpoint_s = checkpoint_s
        self._signed_ns = time.monotonic_ns()  # of the newest checkpoint; a start signs what there is
        self._thread = threading.Thread(target=self._run, name="sluice-journal", daemon=True)
        self._thread.start()

    def append(self, line: AnyLine) -> int:
        with self._state:
            self._refuse_after_failure()
            assert not self._closing, "append after close"
            seq = self._seq + 1
            number_line(line, seq)
            try:
                item = (seq, line, self._encode(line))
            except UnicodeEncodeError as error:
                raise _text_error(line, error) from error
            if len(self._pending) >= PENDING_LINES_MAX:
                self._fail(OSError(f"{PENDING_LINES_MAX} lines wait for it"))
                self._refuse_after_failure()
            self._seq = seq
            self._pending.append(item)
            if len(self._pending) == 1:
                self._since_ns = time.monotonic_ns()
                self._state.notify_all()
            elif len(self._pending) == BATCH_LINES_MAX:
                self._state.notify_all()
        return seq

    def when_durable(self, callback: Callback, *, meanwhile: Callback | None = None) -> None:
        with self._state:
            self._refuse_after_failure()
            waits = self._durable_seq < self._seq
            if meanwhile is not None:
                if waits and self._syncing_seq < self._seq:
                    self._meanwhile.append((self._seq, meanwhile))
                else:
                    self._post(meanwhile)
            if waits:
                self._waiters.append((self._seq, callback))
                self._hurry()
            else:
                self._post(callback)

    def flush(self) -> None:
        with self._state:
            self._hurry()
            target = self._seq
            self._state.wait_for(lambda: self._durable_seq >= target or self._failure is not None)
            if self._durable_seq < target:
                self._refuse_after_failure()

    def close(self) -> None:
        with self._state:
            if self._closing:
                return
            self._closing = True
            failed_before = self._failure is not None
            self._state.notify_all()
        self._thread.join()
        try:
            if self._failure is None:
                self._files.anchor()
                self._files.seal()
        except OSError as error:
            raise storage_error(error, self._layout.ledger) from error
        finally:
            self._files.close()
        if self._failure is not None and not failed_before:
            raise self._failure

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _hurry(self) -> None:
        if self._wanted_seq < self._seq:
            self._wanted_seq = self._seq
            self._state.notify_all()

    def _run(self) -> None:
        ended_well = False
        try:
            while (batch := self._next_batch()) is not None:
                if batch:
                    self._files.write(batch, syncing=partial(self._begun, batch[-1][0]))
                    self._announce(batch[-1][0])
                self._sign_when_due()  # nobody waits for it
            ended_well = True
        except OSError as error:
            with self._state:
                self._fail(error)
        finally:  # a mistake of ours in this thread must stop trading too, not only this thread
            with self._state:
                if not ended_well and self._failure is None:
                    self._fail(OSError("the journal's thread ended by a mistake of its own"))

    def _sign_when_due(self) -> None:
        self._files.sign_when_due()
        if self._files.unsigned and self._unsigned_s() >= self._checkpoint_s:
            self._files.sign()
        if not self._files.unsigned:
            self._signed_ns = time.monotonic_ns()

    def _unsigned_s(self) -> float:
        return (time.monotonic_ns() - self._signed_ns) / 1e9

    def _next_batch(self) -> list[Pending] | None:
        """Wait for lines; return at most `BATCH_LINES_MAX` of them, none when a checkpoint is due before, None at the end."""
        with self._state:
            while not self._pending and not self._closing and self._failure is None:
                left_s = self._checkpoint_s - self._unsigned_s() if self._files.unsigned else None
                if left_s is not None and left_s <= 0:
                    return []
                self._state.wait(left_s)
            while (
                self._pending
                and len(self._pending) < BATCH_LINES_MAX
                and not self._closing
                and self._wanted_seq <= self._durable_seq
            ):
                left_ns = self._since_ns + BATCH_NS_MAX - time.monotonic_ns()
                if left_ns <= 0:
                    break
                self._state.wait(left_ns / 1e9)
            if self._failure is not None or not self._pending:
                return None
            batch = self._pending[:BATCH_LINES_MAX]
            del self._pending[:BATCH_LINES_MAX]
            return batch

    def _begun(self, seq: int) -> None:
        with self._state:
            self._syncing_seq = seq
            while self._meanwhile and self._meanwhile[0][0] <= seq:
                self._post(self._meanwhile.popleft()[1])

    def _announce(self, durable_seq: int) -> None:
        with self._state:  # posted under the lock, so that callbacks keep the order they were asked in
            self._durable_seq = durable_seq
            while self._waiters and self._waiters[0][0] <= durable_seq:
                self._post(self._waiters.popleft()[1])
            self._state.notify_all()

    def _fail(self, error: OSError) -> None:
        failure = storage_error(error, self._layout.log)
        self._failure = failure
        self._waiters.clear()
        self._meanwhile.clear()
        self._pending.clear()
        self._state.notify_all()
        self._post(lambda: self._on_failure(failure))


def _text_error(line: AnyLine, error: UnicodeEncodeError) -> InputError:
    return InputError(
        "LINE_TEXT",
        expected=f"text that can be written as UTF-8 in a {type(line).__name__} line",
        found=f"{error.object[error.start : error.end]!r}",
        action="Pass text without stray surrogates.",
    )
