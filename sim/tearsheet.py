"""Nautilus' tearsheet of a backtest as one HTML page that fetches nothing, under our own figures and the limits of the data.

Nautilus derives returns from account balances, which of a cash account are its cash alone: buying looks like a loss of
everything. So its statistics and charts are given the daily returns of our equity curve; only what it says of its positions is
its own. Where the two differ, ours stand, and the page says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lakehouse.layout import replace_file, storage_error
from orders.values import Record
from sim.tearsheet_page import page

if TYPE_CHECKING:
    from sim.backtest_report import Result

HEIGHT_PX: Final = 3_700
ROW_HEIGHTS: Final = (0.10, 0.22, 0.15, 0.11, 0.13, 0.10, 0.10, 0.09)  # of Nautilus' eight charts, one below the other
OF_CASH_ALONE: Final = ("PnL (total)", "PnL% (total)")  # from balances: see the module


class NautilusFigures(Record, frozen=True, kw_only=True):
    """What Nautilus says of a run, taken before its engine goes. `pnls`: account and currency -> statistic -> value."""

    run: Mapping[str, str]
    pnls: Mapping[str, Mapping[str, Any]]
    general: Mapping[str, Any]


def figures_of(engine: Any) -> NautilusFigures:
    """Return the statistics of Nautilus' positions, by venue and settlement currency, and the counts of its run."""
    analyzer, cache = engine.portfolio.analyzer, engine.kernel.cache
    pnls: dict[str, dict[str, Any]] = {}
    general: dict[str, Any] = {}
    positions: list[Any] = []
    for account in sorted(cache.accounts(), key=lambda account: account.id.value):
        venue = account.id.get_issuer()
        ours = [p for p in [*cache.position_snapshots(), *cache.positions()] if p.instrument_id.venue.value == venue]
        positions += ours
        if not ours:
            continue
        analyzer.calculate_statistics(account, ours)
        for currency in analyzer.currencies:
            stats = analyzer.get_performance_stats_pnls(currency=currency)
            if analyzer.realized_pnls(currency) is not None:
                pnls[f"{venue}, {currency}"] = {name: value for name, value in stats.items() if name not in OF_CASH_ALONE}
        general |= {f"{name} ({venue})": value for name, value in analyzer.get_performance_stats_general().items()}
    return NautilusFigures(
        run={
            "Iterations": f"{engine.iteration:,}",
            "Total events": f"{engine.kernel.exec_engine.event_count:,}",
            "Total orders": f"{cache.orders_total_count():,}",
            "Total positions": f"{len(positions):,}",
        },
        pnls=pnls,
        general=general,
    )


def return_statistics(returns: Any) -> dict[str, Any]:
    """Return Nautilus' statistics of a pandas series of returns by UTC day."""
    from nautilus_trader.analysis import (
        ReturnsAverage,
        ReturnsAverageLoss,
        ReturnsAverageWin,
        ReturnsVolatility,
        RiskReturnRatio,
        SharpeRatio,
        SortinoRatio,
    )

    by_ns = {stamp.value: float(value) for stamp, value in returns.items()}
    kinds = (ReturnsVolatility, ReturnsAverage, ReturnsAverageLoss, ReturnsAverageWin, SharpeRatio, SortinoRatio, RiskReturnRatio)
    return {stat.name: stat.calculate_from_returns(by_ns) for stat in (kind() for kind in kinds)}


def daily_returns(result: Result) -> Any:
    """Return the daily returns of our equity curve as the pandas series that Nautilus takes."""
    import pandas as pd

    days = [day for day in result.summary.performance.days if day.return_fraction is not None]
    index = pd.DatetimeIndex([pd.Timestamp(day.day, tz="UTC") for day in days])
    return pd.Series([float(day.return_fraction or 0) for day in days], index=index, dtype="float64")


def write_tearsheet(path: Path, result: Result, *, figures: NautilusFigures) -> None:
    """Write the page, whole or not at all; of a run within one day without its charts. Raises `StorageError`."""
    returns = daily_returns(result)
    html = _charts(returns, result, figures) if len(returns) else ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, page(result, charts=html).encode())
    except OSError as error:
        raise storage_error(error, path) from error


def _charts(returns: Any, result: Result, figures: NautilusFigures) -> str:
    from nautilus_trader.analysis import GridLayout, TearsheetConfig
    from nautilus_trader.analysis.tearsheet import create_tearsheet_from_stats

    summary = result.summary
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas of the future, in Nautilus' own lines
        made = create_tearsheet_from_stats(
            stats_pnls=dict(figures.pnls),
            stats_returns=return_statistics(returns),
            stats_general=dict(figures.general),
            returns=returns,
            output_path=None,
            title="NautilusTrader's tearsheet",
            config=TearsheetConfig(
                layout=GridLayout(rows=len(ROW_HEIGHTS), cols=1, heights=list(ROW_HEIGHTS), vertical_spacing=0.035),
                height=HEIGHT_PX,
            ),
            run_info=dict(figures.run),
            account_info={
                f"Equity at the start ({summary.base_currency})": f"{summary.equity_start:,.2f}",
                f"Equity at the end ({summary.base_currency})": f"{summary.equity_end:,.2f}",
            },
        )
    assert isinstance(made, str)
    return made
