"""Records cut short as a kill leaves them: log, ledger and checkpoints, in however many segments."""

from __future__ import annotations

import json
from pathlib import Path

from lakehouse.checkpoints import parse_notes
from lakehouse.layout import Layout
from lakehouse.segments import closed_segments


def cut_record(layout: Layout, number: int) -> None:
    """Leave what a kill right after log line `number` leaves, its records included."""
    records = whole(layout.ledger).splitlines()
    later = (place for place, raw in enumerate(records) if json.loads(raw)["body"].get("log_line", 0) > number)
    _keep(layout.ledger, next(later, len(records)))
    _keep(layout.log, number)
    cut_checkpoints(layout)


def cut_checkpoints(layout: Layout) -> None:
    """Take away the checkpoints over more lines than the ledger has."""
    lines = whole(layout.ledger).count(b"\n")
    data = layout.checkpoints.read_bytes()
    notes, _ = parse_notes(data, file=layout.checkpoints.name)
    later = [note for note in notes if note.size > lines]
    if later:
        layout.checkpoints.write_bytes(b"".join(data.splitlines(keepends=True)[: max(later[0].line - 2, 0)]))


def files_of(file: Path) -> list[Path]:
    """The files of a log or a ledger in order, the one that grows last if it is there."""
    return [*closed_segments(file), *([file] if file.exists() else [])]


def whole(file: Path) -> bytes:
    """All bytes of a log or a ledger, in however many files they are; none where there is none."""
    return b"".join(path.read_bytes() for path in files_of(file))


def _keep(file: Path, count: int) -> None:
    """Keep the first lines; the segment that the last of them is in grows again, later ones are not there yet."""
    files = files_of(file)
    for place, path in enumerate(files):
        lines = path.read_bytes().splitlines(keepends=True)
        if count <= len(lines) or path == files[-1]:
            kept = b"".join(lines[:count])
            for gone in files[place:]:
                gone.unlink()
            file.write_bytes(kept)
            return
        count -= len(lines)
