"""A run's summary as lines for a person; numbers are rounded here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from analysis.cost_stress import ESTIMATE, StressRun, break_even_multiple
from analysis.run_summary import RunSummary
from analysis.winner_pnl import NOBODY
from orders.caveats import NOT_STATED, StatedCaveat

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
EMPTY = "–"


def bps_text(value: Decimal | None) -> str:
    """Return basis points with two decimals."""
    return EMPTY if value is None else f"{value:.2f} bp"


def percent_text(value: Decimal | None, *, signed: bool = True) -> str:
    """Return a fraction as percent with two decimals."""
    return EMPTY if value is None else f"{value * 100:{'+' if signed else ''}.2f} %"


def summary_lines(summary: RunSummary, *, title: str) -> list[str]:
    """Return the run itself: money, risk, costs, what was refused."""
    shown, money = summary.performance, summary.base_currency
    refused = ", ".join(f"{code} {count}" for code, count in sorted(summary.refusals.items())) or "none"
    skipped = ", ".join(f"{code} {count}" for code, count in sorted(summary.not_traded.items())) or "none"
    equity = f"{summary.equity_start:>16,.2f} -> {summary.equity_end:,.2f} {money}"
    lines = [
        title,
        f"equity         {equity}  ({percent_text(summary.return_fraction)})",
        f"a year         {percent_text(shown.annual_return_fraction):>16}, volatility "
        f"{percent_text(shown.volatility_fraction, signed=False)}, Sharpe {_ratio(shown.sharpe)}",
        f"drawdown       {percent_text(summary.drawdown_max_fraction, signed=False):>16}{_fall(summary)}",
        f"turnover       {summary.turnover:>16.2f} x mean equity, {summary.traded_notional:,.0f} {money} traded",
        f"costs          {bps_text(summary.costs_bps):>16}: fees {bps_text(summary.fees_bps)}, spread "
        f"{bps_text(summary.spread_bps)}, slippage {bps_text(summary.slippage_bps)}; {summary.costs:,.2f} {money}",
        f"financing      {_financing(summary)}",
        f"tracking error {bps_text(summary.tracking_error_bps):>16} on average after planning",
        f"manifests      {summary.manifests:>16} read, {summary.manifests_refused} refused, {summary.manifests_held} held",
        f"plans          {summary.plans:>16} made, {summary.plans_refused} refused or held",
        f"orders         {summary.orders:>16} with {summary.fills} fills",
        f"refusals       {refused}",
        f"not traded     {skipped}",
    ]
    if shown.sharpe is not None:
        lines.append(f"Sharpe         {shown.definition.partition(': ')[2]}")
    return lines


def _financing(summary: RunSummary) -> str:
    rows = sorted(summary.financing.items())
    booked = [f"{kind} {amount:+,.2f} {code}" for kind, row in rows for code, amount in sorted(row.items())]
    words = f"{summary.financing_base:+,.2f} {summary.base_currency}: {', '.join(booked)}" if booked else "nothing"
    return f"{words:>16}"


def _ratio(value: Decimal | None) -> str:
    return EMPTY if value is None else f"{value:.2f}"


def _fall(summary: RunSummary) -> str:
    shown = summary.performance
    if shown.drawdown_low_day is None:
        return ""
    back = "not recovered" if shown.drawdown_recovered_day is None else f"recovered {shown.drawdown_recovered_day}"
    return f"  from {shown.drawdown_peak_day} to {shown.drawdown_low_day}, {back}"


def month_lines(summary: RunSummary) -> list[str]:
    """Return the monthly returns in percent, a year a line; nothing for a run within one month."""
    months = {month.month: month.return_fraction for month in summary.performance.months}
    if len(months) < 2:
        return []
    lines = ["monthly %  " + "".join(f"{name:>7}" for name in MONTHS)]
    for year in sorted({month[:4] for month in months}):
        cells = (months.get(f"{year}-{number:02d}") for number in range(1, 13))
        row = f"{year:<11}" + "".join(f"{'' if value is None else f'{value * 100:.2f}':>7}" for value in cells)
        lines.append(row.rstrip())
    return lines


def winner_lines(summary: RunSummary) -> list[str]:
    """Return a line a winner and their sum; nothing where no fill is anybody's."""
    if all(result.winner == NOBODY for result in summary.winners):
        return []
    width = max(len(result.winner) for result in summary.winners) + 2
    width = max(width, len("unattributed") + 2)
    lines = [
        f"{'winner':<{width}}{'P&L':>14}{'traded':>14}{'crossed':>13}{'costs':>12}{'cost':>9}{'fills':>7}"
        f"   ({summary.base_currency})"
    ]
    for result in summary.winners:
        if result.winner == NOBODY and not (result.pnl or result.fills):
            continue
        costs = result.fees + result.spread + result.slippage
        bps = f"{costs / result.traded * 10_000:.2f} bp" if result.traded else EMPTY
        lines.append(
            f"{result.winner or 'unattributed':<{width}}{result.pnl:>14,.2f}{result.traded:>14,.0f}{result.crossed:>13,.0f}"
            f"{costs:>12,.2f}{bps:>9}{result.fills:>7}"
        )
    lines.append(f"{'all':<{width}}{summary.pnl:>14,.2f}")
    return lines


def stress_lines(runs: Sequence[StressRun], *, base_currency: str) -> list[str]:
    """Return the table of cost multiples and the estimate of where profit ends; nothing for the base run alone."""
    if len(runs) < 2:
        return []
    lines = [
        f"{'costs':<7}{'equity':>16}{'return':>12}{'a year':>11}{'Sharpe':>8}{'drawdown':>11}{'turnover':>10}{'paid':>13}"
        f"{'cost':>11}{'financing':>13}   ({base_currency})"
    ]
    for run in runs:
        name = f"{run.multiple.normalize():f}x"
        if run.equity_end is None:
            lines.append(f"{name:<7}broke off: {run.failure}")
            continue
        lines.append(
            f"{name:<7}{run.equity_end:>16,.2f}{percent_text(run.return_fraction):>12}{percent_text(run.annual_return_fraction):>11}"
            f"{_ratio(run.sharpe):>8}{percent_text(run.drawdown_max_fraction, signed=False):>11}{run.turnover:>10.2f}"
            f"{run.costs:>13,.2f}{bps_text(run.costs_bps):>11}{run.financing_base:>+13,.2f}"
            + (f"   HALTED {run.failure}" if run.failure else "")
        )
    multiple = break_even_multiple(runs)
    if multiple is not None:
        lines.append(f"profit would end at about {multiple:.4g}x these costs; {ESTIMATE}")
    return lines


def caveat_lines(caveats: Sequence[StatedCaveat] | None) -> list[str]:
    """Return what limits the result, one line each; that nothing is stated is said too."""
    if caveats is None:
        return [f"limits         {NOT_STATED}"]
    if not caveats:
        return ["limits         none, says the config"]
    width = max(len(caveat.name) for caveat in caveats)
    return [f"limits         {caveat.name.replace('_', ' '):<{width}}  {caveat.words}" for caveat in caveats]
