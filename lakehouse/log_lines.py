"""The journal read line by line, for who asks about single orders or counts: numbering is checked, nothing is folded.

`sluice verify` proves a record; this reads it. A torn last line, which a kill or a run that is writing leaves, is no line.
"""

from __future__ import annotations

from collections.abc import Iterator

from lakehouse.layout import Layout
from lakehouse.rebuild import decode_line
from lakehouse.records import AnyLine
from lakehouse.segments import SegmentReader, Segments
from orders.errors import NotYet, RecordCorrupt


def open_log(layout: Layout) -> Segments:
    """Return the log with its closed segments, to be read and closed.

    Raises `NotYet` VANISHED where there is none, `BadLine` SEGMENT_MISSING, `StorageError`.
    """
    log = Segments(layout.log)
    if not log.found:
        raise NotYet(
            "VANISHED",
            expected=f"a log at {layout.log}",
            found="no file",
            action="Name the directory of a run with --lakehouse, or its config with --config.",
        )
    return log


def log_lines(layout: Layout) -> Iterator[AnyLine]:
    """Yield every whole line of the log as it was when this began, in order.

    Raises `NotYet` VANISHED where there is no log, `RecordCorrupt`: a line that is none, or a gap in `seq`; `BadLine` of one that
    is too long, or of a segment that is gone; `StorageError`.
    """
    with open_log(layout) as log:
        for number, (raw, whole) in enumerate(SegmentReader(log), 1):
            if not whole:
                return
            line = decode_line(raw)
            if line.seq != number:
                raise RecordCorrupt(
                    "LOG_SEQ",
                    expected=f"line {number} of {layout.log} numbered {number}",
                    found=f"seq {line.seq}",
                    action="Change nothing and keep a copy; `sluice verify` says more.",
                )
            yield line
