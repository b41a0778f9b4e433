"""Is a data directory halted? One rule for `status`, `plan` and `resume`."""

from __future__ import annotations

from lakehouse.layout import Layout, storage_error
from lakehouse.segments import is_recorded


def is_halted(layout: Layout) -> bool:
    """Return True when the permission to send is gone from a lakehouse that has a log or a halt note.

    A lakehouse that never ran has no permission yet: its first run arms it. Raises `StorageError` when it cannot be told.
    """
    try:
        used = is_recorded(layout.log) or layout.halt_note.exists()
        return used and not layout.permission.exists()
    except OSError as error:
        raise storage_error(error, layout.permission) from error
