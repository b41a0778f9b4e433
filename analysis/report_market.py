"""Parts of a report measured against the market and the forecast: markouts, benchmarks, ratios, forecast, paper check."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from analysis.exact_inputs import ratio_bps
from analysis.execution_ratios import ForecastGap, Ratios, execution_ratios, forecast_gaps
from analysis.intervals import UNITS_MAX, Interval, ratio_interval, too_small
from analysis.log_store import LogStore
from analysis.order_benchmarks import order_benchmarks
from analysis.paper_check import check_paper
from analysis.quotes import mark_fills, markouts
from analysis.report_table import Table, table
from analysis.spreads import MARKOUT_NS

MARKED: Final = "report_fills"

MOVES: Final = """
WITH one AS (SELECT f.seq, f.quote_currency,
    CASE WHEN f.side = 'BUY' THEN 1 ELSE -1 END * (CAST(m.mid AS DOUBLE) - CAST(f.price AS DOUBLE))
    * CAST(f.quantity AS DOUBLE) * CAST(f.multiplier AS DOUBLE) AS gained, CAST(f.notional_quote AS DOUBLE) AS worth
  FROM {fills} f JOIN mids_{horizon} m USING (seq) WHERE m.mid IS NOT NULL),
numbered AS (SELECT *, (row_number() OVER (PARTITION BY quote_currency ORDER BY seq) - 1) % {units} AS unit FROM one)
SELECT quote_currency, list(gained ORDER BY unit), list(worth ORDER BY unit) FROM
  (SELECT quote_currency, unit, sum(gained) AS gained, sum(worth) AS worth FROM numbered GROUP BY ALL) GROUP BY quote_currency
"""

# sums are of DECIMALs, so that their order is nothing; a benchmark counts with the units that were filled in its interval
BENCHMARKED: Final = """
WITH one AS (SELECT b.*, r.quote_currency, CASE WHEN b.side = 'BUY' THEN 1 ELSE -1 END AS sign,
    CAST(b.filled AS DOUBLE) * CAST(r.multiplier AS DOUBLE) AS units,
    CAST(r.traded AS DOUBLE) * CAST(r.multiplier AS DOUBLE) AS worth
  FROM order_benchmarks b JOIN cost_rows r USING (seq) WHERE r.fills > 0)
SELECT {group} AS grouped, quote_currency, count(*), {sums}, round(median(participation), 6), round(max(participation), 6)
FROM one GROUP BY ALL ORDER BY grouped, quote_currency
"""
BENCHMARK_SUMS: Final = ", ".join(
    f"count({name}), sum(CAST(sign * (worth - {name} * units) AS DECIMAL(38,10))), sum(CAST({name} * units AS DECIMAL(38,10)))"
    for name in ("twap", "vwap_all", "vwap_others")
)


def benchmark_rows(store: LogStore, *, trades: Path | None, own_are_public: bool) -> Table:
    """Return filled orders against what the market did meanwhile (`order_benchmarks`), all and by venue, a quote currency apart.

    `twap_bps`, `vwap_bps` (own fills in it), `vwap_others_bps` (without): average price against it, of its value, above 0 is
    a cost. `without_*`: orders of which it is not known: they are in no figure. `participation_*`: own of all volume.
    After `order_costs`; quotes are loaded. Raises `InputError` TRADES_UNREADABLE.
    """
    order_benchmarks(store, trades=trades, own_are_public=own_are_public)
    rows: list[Sequence[Any]] = []
    for group in ("'all'", "venue"):
        for found in store.rows(BENCHMARKED.format(group=group, sums=BENCHMARK_SUMS)):
            name, currency, orders, *sums, median, largest = found
            parts = [sums[start : start + 3] for start in (0, 3, 6)]
            counts = [orders - known for known, _, _ in parts]
            measures = [ratio_bps(gap, worth) if known and worth else None for known, gap, worth in parts]
            shares = [None if share is None else Decimal(repr(share)) for share in (median, largest)]
            rows.append((name, currency, orders, *counts, *measures, *shares, too_small(orders)))
    names = ("group", "quote_currency", "orders", "without_twap", "without_vwap", "without_vwap_others")
    measured = ("twap_bps", "vwap_bps", "vwap_others_bps", "participation_median_fraction", "participation_max_fraction")
    return table("benchmarks", (*names, *measured, "too_small"), rows)


def markout_rows(store: LogStore, *, seed: int) -> Table:
    """Return markouts of all fills and by venue at each horizon, a quote currency apart; `quote_mids` has been loaded.

    `mean_bps`: weighted by notional, above 0 is good for us; `low_bps`, `high_bps`: its interval, of the whole only. `missing`:
    fills whose mid after is not recorded, or too old: they are in no figure.
    """
    mark_fills(store, fills=MARKED)
    rows: list[Sequence[Any]] = []
    intervals = _intervals(store, seed=seed)
    for by in ((), ("venue",)):
        for mark in markouts(store, by=by, fills=MARKED):
            group = "all" if not by else str(mark.key[1])
            ends = None if by else intervals.get((mark.key[0], mark.horizon))
            low, high = (None, None) if ends is None or too_small(mark.known) else (ends.low, ends.high)
            measures = (mark.markout_bps, low, high, mark.effective_bps, mark.realised_bps, mark.impact_bps, mark.reversion_bps)
            rows.append((group, mark.key[0], mark.horizon, mark.known, mark.missing, *measures, too_small(mark.known)))
    names = ("group", "quote_currency", "horizon", "fills", "missing", "mean_bps", "low_bps", "high_bps")
    return table("markouts", (*names, "effective_bps", "realised_bps", "impact_bps", "reversion_bps", "too_small"), rows)


def _intervals(store: LogStore, *, seed: int) -> dict[tuple[str, str], Interval | None]:
    made: dict[tuple[str, str], Interval | None] = {}
    for horizon in MARKOUT_NS:
        for currency, gained, worth in store.rows(MOVES.format(fills=MARKED, horizon=horizon, units=UNITS_MAX)):
            made[(currency, horizon)] = ratio_interval(gained, worth, seed=seed, name=f"markout\n{currency}\n{horizon}")
    return made


def ratio_rows(store: LogStore) -> Table:
    """Return what became of the plan lines and orders of each venue (`execution_ratios.Ratios`)."""
    names = [name for name in Ratios.__struct_fields__ if name != "key"]
    rows = [
        (one.key[0], *(getattr(one, name) for name in names), too_small(one.orders))
        for one in execution_ratios(store, by=("venue",))
    ]
    return table("order_ratios", ("venue", *names, "too_small"), rows)


def state_rows(store: LogStore) -> Table:
    """Return how the orders of each venue ended."""
    found = store.rows(
        "SELECT venue, state, count(*) FROM order_costs WHERE order_id IS NOT NULL GROUP BY venue, state ORDER BY venue, state"
    )
    return table("order_states", ("venue", "state", "orders"), found)


def forecast_rows(store: LogStore) -> Table:
    """Return forecast against realised cost of all planned orders and by venue (`execution_ratios.ForecastGap`)."""
    names = [name for name in ForecastGap.__struct_fields__ if name not in ("key", "orders") and not name.endswith("_bps")]
    rows: list[Sequence[Any]] = []
    for by in ((), ("venue",)):
        for gap in forecast_gaps(store, by=by):
            group = "all" if not by else str(gap.key[0])
            amounts = (getattr(gap, name) for name in names)
            rows.append((group, gap.orders, *amounts, gap.forecast_bps, gap.realised_bps))
    return table("forecast", ("group", "orders", *(f"{name}_base" for name in names), "forecast_bps", "realised_bps"), rows)


def paper_words(store: LogStore, *, recorded: bool) -> str | None:
    """Say whether simulated fills were better than the book allowed; None where there was no fill with a book.

    The recorded quotes are asked first; where none is near enough to a fill, the book its own line has.
    """
    check = check_paper(store, fills=MARKED, recorded=recorded)
    if recorded and not check.judged:
        check = check_paper(store, fills=MARKED)
    if not check.judged:
        return None
    book = f"{check.source}{f', {check.unknown:,} without one not judged' if check.unknown else ''}"
    if not check.better:
        return f"Paper was no easier than the market: none of {check.judged:,} fills was better than its book allowed ({book})."
    return (
        f"Paper was easier than the market: {check.better:,} of {check.judged:,} fills were better than their book allowed "
        f"({book}); the worst in line {check.worst[0].seq}."
    )
