"""What equity is held against, as the log's last valuation left it."""

from __future__ import annotations

from decimal import Decimal

from lakehouse.records import EquityLine
from sentinel.loss import Baseline


def baseline_of(line: EquityLine | None) -> Baseline | None:
    """Return the baseline of a valuation; None where the book was never valued."""
    if line is None:
        return None
    return Baseline(
        day=line.day,
        day_start_base=Decimal(line.day_start_base),
        peak_base=Decimal(line.peak_base),
        equity_base=Decimal(line.equity_base),
    )
