"""One process per data directory: an flock held for life, with a note beside it of who holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import msgspec

from lakehouse.layout import Layout, replace_file, storage_error
from lakehouse.plain_file import read_plain
from lakehouse.process_identity import process_identity
from orders.errors import LockHeld
from orders.values import Record

if TYPE_CHECKING:
    from filelock import FileLock

HOLDER_SIZE_MAX: Final = 10_000  # bytes; a note has 60
ACQUIRE_S: Final = 0.25  # a `status` or `verify` that asks who holds the lock does so for microseconds; outlive it


class Holder(Record, frozen=True, kw_only=True):
    """Who holds a data directory; None where the note beside the lock could not be read.

    `process`: which process that pid means (`lakehouse.process_identity`); None in a note that does not say.
    """

    pid: int | None
    run_id: str | None
    process: str | None = None


class DataDirectoryLock:
    """Hold a data directory until `release` or the end of the process, whichever is first.

    The kernel drops the lock with the process, so a kill -9 leaves nothing to clean up.
    """

    def __init__(self, layout: Layout, *, run_id: str) -> None:
        self._layout = layout
        self._run_id = run_id
        self._lock: FileLock | None = None

    def acquire(self) -> None:
        """Take the lock and write who has it.

        Raises `LockHeld` naming the holder's pid, `StorageError` when the directory cannot be written.
        """
        from filelock import FileLock, Timeout  # here: `verify` and `status` only ask, and must start fast

        assert self._lock is None, "acquired twice"
        self._layout.create()
        lock = FileLock(self._layout.lock, timeout=ACQUIRE_S, thread_local=False)
        try:
            lock.acquire(poll_interval=0.02)
        except Timeout as error:
            raise _held(self._layout) from error
        except OSError as error:
            raise storage_error(error, self._layout.lock) from error
        try:
            note = Holder(pid=os.getpid(), run_id=self._run_id, process=process_identity(os.getpid()))
            replace_file(self._layout.lock_holder, msgspec.json.encode(note) + b"\n")
        except OSError as error:
            lock.release()
            raise storage_error(error, self._layout.lock_holder) from error
        self._lock = lock

    def release(self) -> None:
        """Let go; does nothing when it is not held. The lock file stays: removing it would split waiters."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def current_holder(layout: Layout) -> Holder | None:
    """Return who holds the data directory now, or None when nobody does. Changes nothing and needs no right to write.

    Raises `StorageError` when the lock file is there and cannot be asked.
    """
    try:
        descriptor = os.open(layout.lock, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise storage_error(error, layout.lock) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _note(layout.lock_holder)
    except OSError as error:
        raise storage_error(error, layout.lock) from error
    finally:
        os.close(descriptor)
    return None


def _note(path: Path) -> Holder:
    try:
        return msgspec.json.decode(read_plain(path, size_max=HOLDER_SIZE_MAX), type=Holder)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Holder(pid=None, run_id=None)


def _held(layout: Layout) -> LockHeld:
    holder = _note(layout.lock_holder)
    who = "a process whose pid is not known" if holder.pid is None else f"pid {holder.pid} (run {holder.run_id})"
    return LockHeld(
        "LOCK_HELD",
        expected=f"{layout.directory} to be free",
        found=f"it in use by {who}",
        action="Stop that process first, or name another lakehouse.",
    )
