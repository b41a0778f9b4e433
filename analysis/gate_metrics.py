"""How each metric of a gate is measured, from the lines of one bundle in one source; `orders.metrics` says what each is.

Here: manifests, plans, reconciliation, time and turnover. `analysis.gate_metrics_orders` has what is a sample of orders,
`analysis.gate_metrics_twin` what a twin says of them, `analysis.gate_metrics_beside` what is not in a run's own log: drills,
replays, limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from analysis import gate_metrics_beside as beside
from analysis import gate_metrics_orders as orders
from analysis import gate_metrics_twin as twin
from analysis.gate_source import Source, covered_ns, days_of
from orders.exact import FLOOR, fraction
from orders.gates import DAY_NS, Measured
from orders.metrics import CANARY

ZERO: Final = Decimal(0)
PLACES: Final = Decimal("0.000001")
NONE_YET: Final = "no manifest was accepted yet"

type Measure = Callable[[Source], Measured]


def measure(metric: str, source: Source) -> Measured:
    """Return what a metric is in a source. A metric of a drill counts by code, all others by bundle."""
    if metric in beside.MEASURES:
        return beside.MEASURES[metric](source)
    return source.nothing() or MEASURES[metric](source)


def source_run_verified(source: Source) -> Measured:
    """The share of accepted manifests whose source run was graded VERIFIED."""
    return _of_manifests(source, "grade = 'VERIFIED'", "of a VERIFIED run")


def manifest_approved(source: Source) -> Measured:
    """The share of accepted manifests that a person approved: of a live run, which asks, by its log; else by the files now."""
    if source.name == CANARY:
        return _of_manifests(source, "approved_by <> ''", "approved")
    known = source.approved
    if known is None:
        return source.measured(None, words="whose approvals count is not known: name the run config with --config")
    count = len(known.seen) + len(known.lacking)
    if not count:
        return source.measured(None, words=NONE_YET)
    share = fraction(Decimal(len(known.seen)), Decimal(count))
    words = f"{len(known.seen):,} of {count:,} manifests approved"
    return source.measured(share, words=words, mend=known.mends, reach=known.reach)


def _of_manifests(source: Source, good: str, words: str) -> Measured:
    told = (
        "SELECT count(DISTINCT manifest_sha256), count(DISTINCT manifest_sha256) FILTER (NOT coalesce({}, false)) FROM manifests"
    )
    count, bad = source.rows(f"{told.format(good)} WHERE decision = 'ACCEPTED'")[0]
    if not count:
        return source.measured(None, words=NONE_YET)
    return source.measured(
        fraction(Decimal(count - bad), Decimal(count)), words=f"{count - bad:,} of {count:,} manifests {words}"
    )


def tracking_error(source: Source) -> Measured:
    """The mean over plans of half the summed gaps between planned and target weights, bps of equity."""
    asked = "SELECT count(*), sum(CAST(plan ->> 'tracking_error_bps' AS DECIMAL(38,6))) FROM plans WHERE plan_sha256 IS NOT NULL"
    plans, total = source.rows(asked)[0]
    if not plans or total is None:
        return source.measured(None, words="no plan was made yet")
    return source.measured(_mean(total, plans), words=f"{plans:,} plans")


def reconciliation_breaks(source: Source) -> Measured:
    """How many comparisons with a venue broke: each is of orders, fills, positions or cash that nothing explained."""
    made, breaks = source.rows("SELECT count(*), count(*) FILTER (outcome = 'break') FROM reconciles")[0]
    return source.measured(Decimal(breaks), words=f"{made:,} comparisons")


def burn_in(source: Source) -> Measured:
    """The days the bundle has run, in its present state where `since_ns` says since when; never more than evidence there is."""
    span = source.span
    assert span is not None
    since_ns = source.since_ns or 0
    days = days_of(covered_ns(span.times, from_ns=since_ns))
    return source.measured(days, words=f"{len(span.runs):,} runs")


def turnover(source: Source) -> Measured:
    """Traded notional a day of market time over mean equity."""
    equity, first, last = source.rows(
        """SELECT CAST(avg(equity_base) AS DECIMAL(38,6)), min(market_ns), max(market_ns) FROM equities"""
    )[0]
    if not equity or last <= first:
        return source.measured(None, words="no equity was valued yet")
    days = FLOOR.divide(Decimal(max(last - first, DAY_NS)), Decimal(DAY_NS))
    traded = source.basis[1]
    return source.measured(
        FLOOR.divide(FLOOR.divide(traded, equity), days).quantize(PLACES, context=FLOOR),
        words=f"{traded:,.0f} traded in {days:.1f} market days",
    )


def _mean(total: Any, count: int) -> Decimal:
    return FLOOR.divide(Decimal(total), Decimal(count)).quantize(PLACES, context=FLOOR)


MEASURES: Final[Mapping[str, Measure]] = {
    "source_run_verified": source_run_verified,
    "manifest_approved": manifest_approved,
    "tracking_error": tracking_error,
    "reconciliation_breaks": reconciliation_breaks,
    "burn_in": burn_in,
    "turnover": turnover,
    **orders.MEASURES,
    **twin.MEASURES,
}
