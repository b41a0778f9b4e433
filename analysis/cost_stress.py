"""The same run at several multiples of its costs, side by side, and where profit would end."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from analysis.run_summary import RunSummary
from orders.values import Record

ONE: Final = Decimal(1)
ESTIMATE: Final = "an estimate: a straight line through the runs with the least and the most costs"


class StressRun(Record, frozen=True, kw_only=True):
    """One run at `multiple` of the config's costs; figures as in `RunSummary`.

    `failure`: why it halted or broke off, empty if not; of one that broke off there are no figures.
    """

    multiple: Decimal
    failure: str
    equity_end: Decimal | None = None
    pnl: Decimal | None = None
    return_fraction: Decimal | None = None
    annual_return_fraction: Decimal | None = None
    sharpe: Decimal | None = None
    drawdown_max_fraction: Decimal | None = None
    turnover: Decimal | None = None
    costs: Decimal | None = None
    costs_bps: Decimal | None = None
    financing_base: Decimal | None = None
    orders: int | None = None
    fills: int | None = None


def stress_run(summary: RunSummary, *, multiple: Decimal, failure: str) -> StressRun:
    """Return a run's row of the table."""
    return StressRun(
        multiple=multiple,
        failure=failure,
        equity_end=summary.equity_end,
        pnl=summary.pnl,
        return_fraction=summary.return_fraction,
        annual_return_fraction=summary.performance.annual_return_fraction,
        sharpe=summary.performance.sharpe,
        drawdown_max_fraction=summary.drawdown_max_fraction,
        turnover=summary.turnover,
        costs=summary.costs,
        costs_bps=summary.costs_bps,
        financing_base=summary.financing_base,
        orders=summary.orders,
        fills=summary.fills,
    )


def break_even_multiple(runs: Sequence[StressRun]) -> Decimal | None:
    """Return the multiple of costs at which P&L would be zero: see `ESTIMATE`.

    None where that means nothing: no profit in the base run, a run that stopped early, fewer than two multiples, or P&L that
    does not fall with costs.
    """
    pnl = {run.multiple: run.pnl for run in runs if run.pnl is not None and not run.failure}
    if len(pnl) < max(2, len(runs)) or ONE not in pnl or pnl[ONE] <= 0:
        return None
    low, high = min(pnl), max(pnl)
    if pnl[low] <= pnl[high]:
        return None
    return ONE + pnl[ONE] * (high - low) / (pnl[low] - pnl[high])
