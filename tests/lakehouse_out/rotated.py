"""A record in three segments and the one that grows, and what can be done to its files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lakehouse.layout import Layout, segment_path
from lakehouse.ledger_key import keys_directory, trusted_keys
from lakehouse.opening import open_journal
from lakehouse.segments import closed_segments
from lakehouse.verifier import BadPlace, verify

RUNS = 4


def write_rotated(layout: Layout, lines: Any, save_state: Any, *, runs: int = RUNS, fills: int = 3) -> Layout:
    """Runs that end well, each in a segment of its own: fills and halts, a line at the end of the run, a state."""
    for run in range(runs):
        journal = open_journal(layout, now_ns=1 + run, run_id=f"run-{run}", durable=False, rotate_above=0)
        made = [lines.start(run_id=f"run-{run}", **({"starting_cash": None} if run else {}))]
        made += [lines.fill(f"{run}-{number}", key=f"{run * fills + number:032x}") for number in range(fills)]
        made += [lines.halt(reason=f"halt {run}"), lines.halt(action="resume"), lines.stop(run_id=f"run-{run}")]
        for line in made:
            journal.fold.apply(line, seq=journal.append(line))
        save_state(layout, journal.fold)
        journal.close()
    return layout


def rotate(layout: Layout, run_id: str = "again") -> None:
    """Open, close what there is into a segment, close."""
    open_journal(layout, now_ns=9, run_id=run_id, durable=False, rotate_above=0).close()


def snapshot(layout: Layout) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(layout.directory.rglob("*")) if path.is_file()}


def judged(directory: Path) -> BadPlace | None:
    return verify(directory, trusted=trusted_keys(keys_directory())).first_bad


def cut_last(path: Path) -> None:
    """Take the last whole line away."""
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def swap(first: Path, second: Path) -> None:
    aside = first.with_suffix(".aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def double(file: Path, number: int) -> None:
    """Put a closed segment in twice; the later ones move up by one."""
    for later in range(len(closed_segments(file)), number, -1):
        segment_path(file, later).rename(segment_path(file, later + 1))
    shutil.copy(segment_path(file, number), segment_path(file, number + 1))


def close_up(file: Path, number: int) -> None:
    """Take a closed segment away and move the later ones down by one."""
    segment_path(file, number).unlink()
    last = len(sorted(file.parent.glob(f"{file.stem}.0*{file.suffix}"))) + 1
    for later in range(number + 1, last + 1):
        segment_path(file, later).rename(segment_path(file, later - 1))


def replaced(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def unrotate(file: Path) -> None:
    """Put the newest closed segment back in the place of the file that grows, whose lines are lost."""
    closed_segments(file)[-1].rename(file)


def glue(file: Path) -> None:
    """Make the last two files one."""
    closed = closed_segments(file)[-1]
    file.write_bytes(closed.read_bytes() + file.read_bytes())
    closed.unlink()


def of_both(change: Callable[[Path], None]) -> Callable[[Layout], None]:
    def changed(layout: Layout) -> None:
        change(layout.log)
        change(layout.ledger)

    return changed
