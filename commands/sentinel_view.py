"""How answers of controls read: aligned rows, numbers of the register first. Words only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from analysis.order_account import Answer
from engine.run_config import load_config
from lakehouse.layout import Layout

NS_PER_S: Final = 1_000_000_000
HEAD: Final = ("#", "control", "answer", "observed", "limit")


def layout_of(lakehouse: Path, config: Path | None) -> Layout:
    """Return the data directory that is asked about. Raises `ConfigError` of a config."""
    return Layout(lakehouse if config is None else load_config(config).lakehouse.directory)


def instant_text(ns: int) -> str:
    """Return an instant as UTC with milliseconds, rounded down."""
    moment = datetime.fromtimestamp(ns // NS_PER_S, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{ns // 1_000_000 % 1_000:03d}Z"


def aligned(rows: Iterable[Sequence[str]], *, head: Sequence[str], right: Sequence[int] = (0,)) -> list[str]:
    """Return head and rows as lines; the columns in `right` end where their head ends."""
    whole = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(head))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in whole
    ]


def answer_lines(answers: Sequence[Answer]) -> list[str]:
    """Return the answers as a table; of a control that says several things its name stands once."""
    rows = []
    before: tuple[int | None, str] | None = None
    for answer in answers:
        same = before == (answer.number, answer.control)
        before = (answer.number, answer.control)
        number = "" if same else "–" if answer.number is None else str(answer.number)
        star = " *" if answer.scope == "plan" and "(" in answer.observed else ""
        rows.append((number, "" if same else answer.control, answer.outcome, f"{answer.observed}{star}", answer.limit))
    return aligned(rows, head=HEAD)
