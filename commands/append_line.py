"""One line of a person, or of a command, in a record on which nothing runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lakehouse.journal import DurableJournal
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.opening import open_journal


def append_line(layout: Layout, line: Any, *, then: Callable[[], None] = lambda: None) -> int:
    """Append a line of the log, durable, in log and ledger, and return its number; then, still under the lock, do `then`.

    The line's `run_id` names who holds the lock meanwhile. Raises `LockHeld`, and as `command_journal`.
    """
    with DataDirectoryLock(layout, run_id=line.run_id):
        with command_journal(layout, now_ns=line.ts_ns, run_id=line.run_id) as journal:
            number = journal.append(line)
        then()
    return number


@contextmanager
def command_journal(layout: Layout, *, now_ns: int, run_id: str, rotate_above: int | None = None) -> Iterator[DurableJournal]:
    """Open log and ledger for a command, which holds the data directory's lock; what it appends is on disk after the block.

    `rotate_above`: as `open_journal` has it. Raises `RecordCorrupt`, `StorageError`, and `ConfigError` where the ledger cannot be
    signed.
    """
    journal = open_journal(
        layout,
        now_ns=now_ns,
        run_id=run_id,
        durable=True,
        post=lambda callback: callback(),
        on_failure=lambda failure: None,  # `flush` and `close` raise it
        rotate_above=rotate_above,
    )
    try:
        yield journal
        journal.flush()
    finally:
        journal.close()
