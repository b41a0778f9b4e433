"""What can be done to whole segments by whoever lacks the key: each mutation of files, with the file that must be named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from lakehouse.checkpoints import note_bytes
from lakehouse.layout import Layout, segment_path
from lakehouse.segments import closed_segments
from tests.cut_records import files_of
from tests.lakehouse_out.mutations import Long
from tests.lakehouse_out.rotated import close_up, double, swap, unrotate

Done = set[tuple[str, str]]  # code and file, one of which must be named
Mutate = Callable[[Layout, Layout, Long, random.Random], Done]


def chosen(layout: Layout, dice: random.Random) -> tuple[Path, int]:
    """The log or the ledger, and one of its closed segments."""
    file = dice.choice((layout.log, layout.ledger))
    return file, dice.randint(1, len(closed_segments(file)))


def name(file: Path, number: int) -> str:
    last = len(closed_segments(file)) + 1
    return file.name if number == last else segment_path(file, number).name


def remove(layout: Layout, other: Layout, long: Long, dice: random.Random) -> Done:
    file, number = chosen(layout, dice)
    gone = segment_path(file, number)
    gone.unlink()
    return {("SEGMENT_MISSING", gone.name)}


def remove_and_close_up(layout: Layout, other: Layout, long: Long, dice: random.Random) -> Done:
    """The segments after it take the number before theirs."""
    file, number = chosen(layout, dice)
    last = len(closed_segments(file))
    close_up(file, number)
    return {("SEGMENT_MISSING" if number == last else "SEGMENT_MISPLACED", segment_path(file, number).name)}


def exchange(layout: Layout, other: Layout, long: Long, dice: random.Random) -> Done:
    """Two files of one log or ledger change names."""
    file = dice.choice((layout.log, layout.ledger))
    first, second = sorted(dice.sample(range(1, len(files_of(file)) + 1), 2))
    files = files_of(file)
    swap(files[first - 1], files[second - 1])
    return {("SEGMENT_MISPLACED", files[first - 1].name)}


def repeat(layout: Layout, other: Layout, long: Long, dice: random.Random) -> Done:
    """A segment stands twice, the later ones have moved up."""
    file, number = chosen(layout, dice)
    double(file, number)
    return {("SEGMENT_MISPLACED", segment_path(file, number + 1).name)}


def implant(layout: Layout, other: Layout, long: Long, dice: random.Random) -> Done:
    """A segment of another record that began the same stands for one of this; half the time the rest after it too."""
    file = dice.choice((layout.log, layout.ledger))
    theirs = other.log if file == layout.log else other.ledger
    number = dice.randint(2, len(closed_segments(file)))
    shutil.copy(segment_path(theirs, number), segment_path(file, number))
    if dice.random() < 0.5:
        for path in files_of(theirs)[number:]:
            shutil.copy(path, file.with_name(path.name))
    before = name(file, number - 1)
    return {("SEGMENT_FOREIGN", name(file, number)), ("SEGMENT_LENGTH", before)}


def cut(layout: Layout, other: Layout, long: Long, dice: random.Random) -> Done:
    """A closed segment loses lines at its end."""
    file, number = chosen(layout, dice)
    path = segment_path(file, number)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: dice.randrange(1, len(lines))]))
    return {("SEGMENT_LENGTH", path.name)}


def cut_within(layout: Layout, other: Layout, long: Long, dice: random.Random) -> Done:
    """A closed segment loses bytes at its end, and ends within a line."""
    file, number = chosen(layout, dice)
    path = segment_path(file, number)
    data = path.read_bytes()
    last = len(data) - data.rindex(b"\n", 0, -1) - 1
    path.write_bytes(data[: -dice.randrange(1, last)])
    return {("SEGMENT_LENGTH", path.name)}


def back(layout: Layout, other: Layout, long: Long, dice: random.Random) -> Done:
    """Log and ledger are what they were when the last segment was closed, or before that, with the notes of now."""
    for file in (layout.log, layout.ledger):
        unrotate(file)
    return {("LEDGER_CUT", layout.ledger.name)}


def back_with_notes(layout: Layout, other: Layout, long: Long, dice: random.Random) -> Done:
    """The ledger alone, its notes too: the log's next segment has nothing in the ledger any more."""
    unrotate(layout.ledger)
    lines = len(b"".join(path.read_bytes() for path in files_of(layout.ledger)).splitlines())
    kept = [note for note in long.notes if note.size <= lines]
    layout.checkpoints.write_bytes(b"\n".join(map(note_bytes, kept)))
    return {("LEDGER_SHORT", layout.log.name)}


FILE_MUTATORS: tuple[Mutate, ...] = (
    remove, remove_and_close_up, exchange, repeat, implant, cut, cut_within, back, back_with_notes,
)  # fmt: skip
