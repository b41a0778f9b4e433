"""The runs of a log: first and last line of each, found without reading what is between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lakehouse.layout import Layout
from lakehouse.log_lines import open_log
from lakehouse.rebuild import decode_line
from lakehouse.records import RunStart, RunStop
from lakehouse.segments import SegmentReader
from orders.values import Record

MARKS: Final = (b'"type":"run_start"', b'"type":"run_stop"')
NEAR: Final = 64  # bytes of a line's beginning, in which its type stands


class LoggedRun(Record, frozen=True, kw_only=True):
    """One run; `stop` None: it goes on, or was cut off."""

    start: RunStart
    stop: RunStop | None


def logged_runs(layout: Layout) -> Iterator[LoggedRun]:
    """Yield the runs of a log in order.

    Raises `NotYet` VANISHED where there is no log, `RecordCorrupt`, `BadLine`, `StorageError`.
    """
    start: RunStart | None = None
    with open_log(layout) as log:
        for raw, whole in SegmentReader(log):
            if not whole or not any(mark in raw[:NEAR] for mark in MARKS):
                continue
            line = decode_line(raw)
            if isinstance(line, RunStart):
                if start is not None:
                    yield LoggedRun(start=start, stop=None)
                start = line
            elif isinstance(line, RunStop) and start is not None:
                yield LoggedRun(start=start, stop=line)
                start = None
    if start is not None:
        yield LoggedRun(start=start, stop=None)
