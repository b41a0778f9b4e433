"""What a gate may be about: each metric with its unit, its range, where it can be measured, and whether an interval judges it.

How each is measured is in `analysis.gate_metrics`; a test holds that every metric here is measured there and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from orders.values import Record

BACKTEST: Final = "backtest"
SHADOW: Final = "shadow"
REPLAY: Final = "replay"
REHEARSAL: Final = "rehearsal"
CANARY: Final = "canary"  # the live data directory: what a bundle did there with money
TWIN: Final = "twin"
LEDGER: Final = "ledger"  # the promotions themselves; no gate of a file is of it
SOURCES: Final = (BACKTEST, SHADOW, REPLAY, REHEARSAL, CANARY, TWIN)

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
_RUNS: Final = (SHADOW, CANARY)
_ALL_RUNS: Final = (BACKTEST, SHADOW, CANARY)


class Metric(Record, frozen=True, kw_only=True):
    """`words`: what is measured. `unit` of the value: fraction, bps, ms, days, count, passed (1 or 0), a day (of equity).

    `lowest`, `highest`: the range; None: no end. `sources`: where it can be measured. `interval`: it is a sample of orders, and
    judged by its 95 % interval, never by its value alone. `final`: it is of everything that was ever seen of a bundle, so that
    what is beyond a bound (a break too many, a share below all) stays beyond it; `mended`: but not in these sources, where it may
    be made good later. `grows`: it is a time that passes, so that below its lower bound only waiting is missing.
    """

    name: str
    words: str
    unit: str
    lowest: Decimal | None
    highest: Decimal | None
    sources: tuple[str, ...]
    interval: bool = False
    final: bool = False
    mended: tuple[str, ...] = ()
    grows: bool = False


def _metric(
    name: str,
    words: str,
    unit: str,
    lowest: Decimal | None = ZERO,
    highest: Decimal | None = None,
    sources: tuple[str, ...] = _RUNS,
    *,
    interval: bool = False,
    final: bool = False,
    mended: tuple[str, ...] = (),
    grows: bool = False,
) -> Metric:
    return Metric(
        name=name, words=words, unit=unit, lowest=lowest, highest=highest, sources=sources, interval=interval, final=final,
        mended=mended, grows=grows,
    )  # fmt: skip


METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        _metric(
            "source_run_verified", "accepted manifests of a VERIFIED source run", "fraction", ZERO, ONE, _ALL_RUNS, final=True
        ),
        _metric(
            "manifest_approved", "accepted manifests that a person approved", "fraction", ZERO, ONE, final=True, mended=(SHADOW,)
        ),
        _metric("replay_differences", "differences of replays that nothing explains", "count", sources=(REPLAY,)),
        _metric("parity", "orders that differ in a replay, at most", "fraction", ZERO, ONE, (REPLAY,)),
        _metric("tracking_error", "gap between planned and target weights, mean of plans", "bps", sources=_ALL_RUNS),
        _metric("shortfall_over_forecast_bps", "cost of trading beyond its baseline", "bps", None, interval=True),
        _metric("latency_over_forecast_ms", "sent to acknowledged beyond its baseline, median", "ms", None, interval=True),
        _metric("reject_rate", "orders the venue rejected", "fraction", ZERO, ONE, interval=True),
        _metric(
            "denial_rate", "planned orders that Sentinel or RiskEngine denied", "fraction", ZERO, ONE, _ALL_RUNS, interval=True
        ),
        _metric("unknown_rate", "orders without an answer at some time", "fraction", ZERO, ONE, interval=True),
        _metric("reconciliation_breaks", "comparisons with a venue that broke", "count", final=True),
        _metric("limits_age_days", "age of the oldest market limits of the last run", "days"),
        _metric("halt_drill_passed", "last halt drill of this code", "passed", ZERO, ONE, (REHEARSAL,)),
        _metric("crash_drill_passed", "last crash drill of this code", "passed", ZERO, ONE, (REHEARSAL,)),
        _metric("burn_in", "time this bundle has run in its state", "days", grows=True),
        _metric("turnover", "traded a day over equity, mean", "a day", sources=_ALL_RUNS),
        _metric("twin_price_bps", "fills against the twin's, cost is above 0", "bps", None, None, (TWIN,), interval=True),
        _metric("twin_fill_ratio", "filled over what the twin filled", "fraction", ZERO, None, (TWIN,), interval=True),
        _metric("twin_time_ms", "filled later than the twin, median", "ms", None, None, (TWIN,), interval=True),
        _metric("twin_compared", "sent orders that a twin compared", "fraction", ZERO, ONE, (CANARY,), interval=True),
        _metric("dwell", "time at this step of the ramp", "days", sources=(LEDGER,), grows=True),
    )
}
