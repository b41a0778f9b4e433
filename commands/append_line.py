"""One line of a person, or of a command, in a record on which nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.opening import open_journal
from orders.errors import StorageError


def append_line(layout: Layout, line: Any, *, then: Callable[[], None] = lambda: None) -> int:
    """Append a line of the log, durable, in log and ledger, and return its number; then, still under the lock, do `then`.

    The line's `run_id` names who holds the lock meanwhile. Raises `LockHeld`, `RecordCorrupt`, `StorageError`, and `ConfigError`
    where the ledger cannot be signed.
    """
    failures: list[StorageError] = []
    with DataDirectoryLock(layout, run_id=line.run_id):
        journal = open_journal(
            layout,
            now_ns=line.ts_ns,
            run_id=line.run_id,
            durable=True,
            post=lambda callback: callback(),
            on_failure=failures.append,
        )
        try:
            number = journal.append(line)
            journal.flush()
        finally:
            journal.close()
        then()
    return number
