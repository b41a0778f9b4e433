"""The journal read line by line, for who asks about single orders or counts: numbering is checked, nothing is folded.

`sluice verify` proves a record; this reads it. A torn last line, which a kill or a run that is writing leaves, is no line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from lakehouse.layout import Layout, storage_error
from lakehouse.ledger_format import raw_lines
from lakehouse.plain_file import open_plain
from lakehouse.rebuild import decode_line
from lakehouse.records import AnyLine
from orders.errors import NotYet, RecordCorrupt


def open_log(layout: Layout) -> BinaryIO:
    """Return the log, open for reading. Raises `NotYet` VANISHED where there is none, `StorageError`."""
    try:
        return open_plain(layout.log)
    except FileNotFoundError as error:
        raise NotYet(
            "VANISHED",
            expected=f"a log at {layout.log}",
            found="no file",
            action="Name the directory of a run with --lakehouse, or its config with --config.",
        ) from error
    except OSError as error:
        raise storage_error(error, layout.log) from error


def log_lines(layout: Layout) -> Iterator[AnyLine]:
    """Yield every whole line of the log as it was when this began, in order.

    Raises `NotYet` VANISHED where there is no log, `RecordCorrupt`: a line that is none, or a gap in `seq`; `BadLine` of one that
    is too long, `StorageError`.
    """
    with open_log(layout) as file:
        size = file.seek(0, 2)
        file.seek(0)
        for number, (raw, whole) in enumerate(raw_lines(file, name=layout.log.name, size=size), 1):
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
