"""A result as CSV texts: exact amounts, fractions as computed, one file a table (data/README.md names every column)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.capacity import Capacity, CapacityRow
from analysis.cost_stress import StressRun
from analysis.performance import Day, Month
from analysis.run_summary import RunSummary
from analysis.winner_pnl import WinnerResult
from orders.canonical import plain
from orders.caveats import StatedCaveat
from orders.values import Record


def tables(
    summary: RunSummary,
    *,
    stress: Sequence[StressRun],
    caveats: Sequence[StatedCaveat] | None,
    capacity: Capacity | None = None,
) -> Mapping[str, str]:
    """Return file name without ending -> CSV text: equity (by day), monthly, costs (by multiple), winners, caveats, and capacity
    (by multiple of the capital) where it was asked for.
    """
    return {
        **({} if capacity is None else {"capacity": _table(CapacityRow, capacity.rows)}),
        "equity": _table(Day, summary.performance.days),
        "monthly": _table(Month, summary.performance.months),
        "costs": _table(StressRun, stress),
        "winners": _table(WinnerResult, summary.winners),
        "caveats": _table(StatedCaveat, caveats or ()),
    }


def _table(kind: type[Record], rows: Iterable[Record]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = kind.__struct_fields__
    writer.writerow(names)
    writer.writerows([_cell(getattr(row, name)) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat() if hasattr(value, "isoformat") else str(plain(value))
