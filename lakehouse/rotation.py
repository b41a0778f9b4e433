"""Closing the log and the ledger into segments: when, in which order, and what is made of a rotation that was cut off.

At a start and by `sluice ledger rotate`, under the data directory's lock: (1) the log is anchored, the ledger sealed and signed,
all on disk; (2) the log is renamed, then the directory synced; (3) the ledger likewise; (4) the new log begins with a `segment`
line, the new ledger with its record. A kill before (2) leaves nothing to do. After it every file still has all its lines, under
one name or the other, and the next opening does what is left of (3) and (4). No byte of what was written is ever touched.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.layout import Layout, segment_path, sync_directory
from lakehouse.ledger_format import BadLine
from lakehouse.records import SegmentLine
from lakehouse.segments import SEGMENTS_MAX, missing_segment
from orders.errors import InputError

if TYPE_CHECKING:
    from lakehouse.examine import Examination


def close_segment(file: Path, *, number: int) -> None:
    """Rename `file` to its closed segment `number`, durably. Raises `OSError`; `FileExistsError` where one is there."""
    closed = segment_path(file, number)
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)  # a run that does not sync its lines may have left them to the system
    finally:
        os.close(descriptor)
    if closed.exists():
        raise FileExistsError(f"{closed} is there already")
    os.rename(file, closed)
    sync_directory(file.parent)


def check_cut_off(layout: Layout, found: Examination) -> None:
    """Refuse what no rotation that was cut off leaves, where the ledger does not say of the log's newest segment that it began.

    Of its lines at most the first may be there, and of the records before it none may lack. Raises `BadLine` SEGMENT_MISSING,
    LEDGER_SHORT, LEDGER_CUT.
    """
    if found.log_closed > found.ledger_closed + 1:
        closed = f"{found.log_closed} closed segments of {layout.log.name} and {found.ledger_closed} of {layout.ledger.name}"
        raise missing_segment(layout.ledger, number=found.ledger_closed + 1, found=closed)
    if found.segment > found.log_closed or not found.missing:
        return
    _, line, _ = found.missing[0]
    own_number, number = found.missing_at
    if not isinstance(line, SegmentLine) or found.log_own_lines > 1:
        raise BadLine(
            "LEDGER_SHORT",
            file=layout.log.name,
            line=own_number,
            expected=f"its record in {layout.ledger.name}, before anything comes after it",
            found="none",
            overall=number,
        )
    assert found.checks is not None
    size = found.ledger_records
    if line.ledger_lines != size or line.ledger_root != found.checks.frontier.root().hex():
        raise BadLine(
            "LEDGER_CUT",
            file=layout.ledger.name,
            line=found.ledger_own_lines + 1,
            expected=f"{line.ledger_lines} lines with root {line.ledger_root[:64]}, as log line {number} says",
            found=f"{size} with another" if line.ledger_lines == size else str(size),
            overall=size + 1,
        )


def is_due(sizes: tuple[int, int], *, lines: int, closed: int, above_bytes: int | None) -> bool:
    """Return whether log or ledger, of these `sizes`, is to be closed: it has more than `above_bytes` (None: never).

    `lines`: of the log in the file that grows; one that holds nothing but its own first line is not closed. `closed`: segments.
    """
    return above_bytes is not None and max(sizes) > above_bytes and lines > (1 if closed else 0)


def check_room(closed: int) -> None:
    """Raise `InputError` SEGMENTS_FULL where no further number is left."""
    if closed >= SEGMENTS_MAX:
        raise InputError(
            "SEGMENTS_FULL",
            expected=f"at most {SEGMENTS_MAX} closed segments",
            found=str(closed),
            action="Begin a new data directory: move this one away, whole.",
        )
