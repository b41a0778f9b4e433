"""Records cut short as a kill leaves them: log, ledger and checkpoints."""

from __future__ import annotations

import json

from lakehouse.checkpoints import parse_notes
from lakehouse.layout import Layout


def cut_record(layout: Layout, number: int) -> None:
    """Leave what a kill right after log line `number` leaves, its records included."""
    layout.log.write_bytes(b"".join(layout.log.read_bytes().splitlines(keepends=True)[:number]))
    records = layout.ledger.read_bytes().splitlines(keepends=True)
    later = (place for place, raw in enumerate(records) if json.loads(raw)["body"].get("log_line", 0) > number)
    layout.ledger.write_bytes(b"".join(records[: next(later, len(records))]))
    cut_checkpoints(layout)


def cut_checkpoints(layout: Layout) -> None:
    """Take away the checkpoints over more lines than the ledger has."""
    lines = layout.ledger.read_bytes().count(b"\n")
    data = layout.checkpoints.read_bytes()
    notes, _ = parse_notes(data, file=layout.checkpoints.name)
    later = [note for note in notes if note.size > lines]
    if later:
        layout.checkpoints.write_bytes(b"".join(data.splitlines(keepends=True)[: max(later[0].line - 2, 0)]))
