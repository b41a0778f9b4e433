"""What a demo sees of a record while a run writes it: whole lines only, as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lakehouse.layout import Layout


def lines(directory: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a log so far; a last one that is still being written is left out."""
    try:
        data = Layout(directory).log.read_bytes()
    except FileNotFoundError:
        return
    for raw in data[: data.rfind(b"\n") + 1].splitlines():
        yield json.loads(raw)


def count(directory: Path, kind: str, holds: Callable[[dict[str, Any]], bool] = lambda line: True) -> int:
    """Return how many lines of a type hold."""
    return sum(line["type"] == kind and holds(line) for line in lines(directory))


def ended_cycles(directory: Path, *, run_id: str | None = None) -> int:
    """Return how many cycles ended well; `run_id`: of that run."""
    return count(directory, "cycle_end", lambda line: line["outcome"] == "done" and run_id in (None, line["run_id"]))


def last_run(directory: Path) -> str | None:
    """Return the id of the run that began last; None: there is none."""
    found = None
    for line in lines(directory):
        if line["type"] == "run_start":
            found = line["run_id"]
    return found
