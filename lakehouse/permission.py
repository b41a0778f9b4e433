"""Permission to send is a file that exists while armed.

A halt unlinks it: that works on a full disk and survives a restart. Where even that fails (a read-only disk), the flag in
memory stops this process and the caller must end it.
"""

from __future__ import annotations

import os
from typing import Final, Protocol

import msgspec

from lakehouse.layout import Layout, replace_file, storage_error, sync_directory
from lakehouse.plain_file import read_plain
from lakehouse.segments import is_recorded
from orders.values import Record

NOTE_SIZE_MAX: Final = 1_000_000  # bytes; a reason comes from a command line


class HaltOutcome(Record, frozen=True, kw_only=True):
    """What a halt reached. This process sends nothing in either case.

    `durable` false: the file could not be removed, so another or a restarted process would send; alarm and end the process.
    `problem` says why in words, None when there was none.
    """

    durable: bool
    problem: str | None


class HaltNote(Record, frozen=True, kw_only=True):
    """Who halted and why; written as well as the disk allowed."""

    by: str
    reason: str
    ts_ns: int


class Permission(Protocol):
    """May orders be sent? Asked at the gate and again in the execution client."""

    def may_send(self) -> bool:
        """Return True while armed. About a microsecond; never raises, any doubt is False."""
        ...

    def halt(self, *, by: str, reason: str, now_ns: int) -> HaltOutcome:
        """Block first, explain later. Never raises; halting twice is fine and keeps the first reason."""
        ...

    def resume(self, *, by: str, reason: str, now_ns: int) -> None:
        """Arm again, on a named person's word. Raises `StorageError` and stays halted when the file cannot be made."""
        ...


class MemoryPermission:
    """For backtests: armed from the start, forgotten at the end."""

    def __init__(self) -> None:
        self._halted: HaltNote | None = None

    def may_send(self) -> bool:
        return self._halted is None

    def halt(self, *, by: str, reason: str, now_ns: int) -> HaltOutcome:
        if self._halted is None:
            self._halted = HaltNote(by=by, reason=reason, ts_ns=now_ns)
        return HaltOutcome(durable=True, problem=None)

    def resume(self, *, by: str, reason: str, now_ns: int) -> None:
        self._halted = None


class FilePermission:
    """The file of one data directory, and a flag in memory that a halt by this process sets.

    A halt or resume by another process is seen at the next `may_send`. A process that halted itself stays halted until its
    own `resume` or its end.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._path = os.fspath(layout.permission)
        self._halted = False

    def may_send(self) -> bool:
        return not self._halted and os.access(self._path, os.F_OK)

    def arm_if_new(self, *, by: str, now_ns: int) -> bool:
        """Create the file on the first run of a lakehouse, that is before its log has a line; return whether it did.

        Call it before `open_journal`. A later run finds the file, or was halted and needs `resume`: this never undoes a halt.
        Raises `StorageError`.
        """
        layout = self._layout
        try:
            if is_recorded(layout.log) or layout.permission.exists() or layout.halt_note.exists():
                return False
            self._arm(HaltNote(by=by, reason="first run of this lakehouse", ts_ns=now_ns))
        except OSError as error:
            raise storage_error(error, layout.permission) from error
        return True

    def halt(self, *, by: str, reason: str, now_ns: int) -> HaltOutcome:
        first = not self._halted
        self._halted = True
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            first = first and not self._layout.halt_note.exists()
        except OSError as error:
            return HaltOutcome(durable=False, problem=str(storage_error(error, self._layout.permission)))
        try:
            sync_directory(self._layout.directory)
            if first:
                note = HaltNote(by=by, reason=reason, ts_ns=now_ns)
                replace_file(self._layout.halt_note, _bytes(note))
        except OSError as error:
            return HaltOutcome(durable=True, problem=f"halted, but the reason could not be written: {error}")
        return HaltOutcome(durable=True, problem=None)

    def resume(self, *, by: str, reason: str, now_ns: int) -> None:
        try:
            self._arm(HaltNote(by=by, reason=reason, ts_ns=now_ns))
            self._layout.halt_note.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, self._layout.permission) from error
        self._halted = False

    def _arm(self, note: HaltNote) -> None:
        replace_file(self._layout.permission, _bytes(note))


def _bytes(note: HaltNote) -> bytes:
    """A reason typed on a command line may hold bytes that are no UTF-8; it must not stop a halt."""
    by, reason = (text.encode("utf-8", "backslashreplace").decode() for text in (note.by, note.reason))
    return msgspec.json.encode(HaltNote(by=by, reason=reason, ts_ns=note.ts_ns)) + b"\n"


def read_halt(layout: Layout) -> HaltNote | None:
    """Return who halted and why, or None when nothing readable says so. Whether it is halted, the permission file says."""
    try:
        return msgspec.json.decode(read_plain(layout.halt_note, size_max=NOTE_SIZE_MAX), type=HaltNote)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
