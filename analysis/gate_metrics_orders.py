"""Metrics that are a sample of orders: costs and latency beyond their baseline, and rates, each with its 95 % interval.

The interval of a cost is a seeded bootstrap of orders (`analysis.intervals`); of a median latency an order statistic; of a rate
Wilson's (1927), which holds for few events and for none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from math import sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analysis.gate_metrics_twin import BESIDE, TIMES
from analysis.gate_source import Source
from analysis.intervals import GROUP_MIN, Interval, median_interval, ratio_interval, rounded, too_small
from orders.exact import fraction
from orders.gates import Measured

ZERO: Final = Decimal(0)
SEED: Final = 1
Z: Final = 1.959964  # of a normal's two sides at 95 %
MS_NS: Final = 1_000_000
BPS: Final = 10_000.0

type Floats = npt.NDArray[np.float64]

COSTS: Final = """
SELECT {order} real - fees - spread - impact AS gap, traded, paid - fees AS beyond
FROM (SELECT o.order_id, o.seq, CAST(o.fees AS DOUBLE) AS paid,
    CAST(o.fees + o.spread + o.impact + o.timing + o.unsplit AS DOUBLE) AS real,
    CAST(l.fee_base AS DOUBLE) * f AS fees, CAST(o.planned * o.unit AS DOUBLE) * f * CAST(abs(coalesce(l.limit_price,
      CASE WHEN o.side = 'BUY' THEN l.ask ELSE l.bid END) - l.mid) AS DOUBLE) AS spread,
    CASE WHEN l.limit_price IS NOT NULL OR l.forecast_price IS NULL THEN 0
      WHEN o.side = 'BUY' THEN CAST(o.planned * o.unit AS DOUBLE) * f * CAST(l.forecast_price - l.ask AS DOUBLE)
      ELSE CAST(o.planned * o.unit AS DOUBLE) * f * CAST(l.bid - l.forecast_price AS DOUBLE) END AS impact,
    CAST(o.traded AS DOUBLE) AS traded
  FROM (SELECT *, CASE WHEN planned > 0 THEN CAST(filled AS DOUBLE) / CAST(planned AS DOUBLE) END AS f FROM order_costs) o
  JOIN cost_planned l ON l.cycle = o.cycle AND l.line = o.line AND l.run_id = o.run_id
  WHERE o.order_id IS NOT NULL AND o.fills > 0 AND o.fees IS NOT NULL AND o.delay IS NOT NULL AND f IS NOT NULL)
WHERE gap IS NOT NULL AND traded IS NOT NULL ORDER BY seq
"""
"""Of each filled order, base currency: what it cost beyond the forecast of what was filled (fees, spread, impact), notional, and
fees beyond theirs.
"""
LATENCIES: Final = """
SELECT {order} coalesce(list_position(?, any_value(venue)), 0) AS venue, any_value(acked_ns - sent_ns) AS took FROM fills
WHERE acked_ns IS NOT NULL GROUP BY client_order_id ORDER BY min(seq)
"""
"""Of each filled order: the number of its venue among those named, 0 of none, and from sent to acknowledged."""
COVERED: Final = 0.99  # of what an order traded; where its twin compared less of it (children it missed) its forecast stands


def shortfall_over_forecast(source: Source) -> Measured:
    """What trading cost beyond the plan's forecast for what was filled, bps of traded notional; above 0 is worse than forecast.

    Realised: fees, spread, impact, timing. Forecast: fees, spread and impact of the plan line, as `analysis.execution_ratios`
    has them, for the filled part. Where a twin has compared enough of the same orders, each that it compared is held against it
    instead: what the same order cost at the same time in the same market, fees against their forecast. Those it missed keep
    their forecast: a twin that was away hides nothing.
    """
    assert source.costs_made
    found = source.columns(COSTS.format(order="" if source.twin is None else "order_id,"))
    gaps, traded, beside = found["gap"], found["traded"], {}
    if not len(gaps):
        return source.measured(None, words="no order with a forecast was filled yet", orders=0)
    if source.twin is not None:
        orders = found["order_id"].tolist()
        beside = _beside_twin(
            source, fees=dict(zip(orders, found["beyond"], strict=True)), traded=dict(zip(orders, traded, strict=True))
        )
        if not too_small(len(beside)):
            gaps = np.array([beside.get(order, gap) for order, gap in zip(orders, gaps, strict=True)])
    words = _against(source, len(beside), of=len(gaps), otherwise="the forecast")
    return _cost(source, gaps, traded, words=words)


def _cost(source: Source, gaps: Floats, bases: Floats, *, words: str) -> Measured:
    traded = sum(bases.tolist())
    value = rounded(BPS * sum(gaps.tolist()) / traded) if traded else None
    return _sample(source, value, ratio_interval(gaps, bases, seed=SEED, name="shortfall"), len(bases), words)


def _against(source: Source, count: int, *, of: int, otherwise: str) -> str:
    """Return in words what `of` orders were held against, of which a twin compared `count`; why not the twin, if named."""
    if too_small(count):
        missing = None if source.twin is None else source.twin.nothing()
        why = f"{count:,} orders compared by the twin, at least {GROUP_MIN} are needed" if missing is None else missing.words
        return f"against {otherwise}" if source.twin is None else f"against {otherwise}: {why}"
    if count >= of:
        return "against the same-time twin"
    return f"{count:,} orders against the same-time twin, {of - count:,} that it missed against {otherwise}"


def _beside_twin(source: Source, *, fees: Mapping[str, float], traded: Mapping[str, float]) -> dict[str, float]:
    """Return by order what it cost beyond the twin, of those that a twin compared whole, in base currency.

    `fees`: beyond their forecast, by order. A schedule's children count as the order they are of.
    """
    if source.twin is None or source.twin.nothing() is not None:
        return {}
    return {
        order: fees[order] + bps_notional / BPS
        for order, bps_notional, notional in source.twin.rows(BESIDE)
        if order in fees and notional >= COVERED * traded[order]
    }


def latency_over_forecast(source: Source) -> Measured:
    """The median time from sent to acknowledged beyond what the run assumed, ms: latency and the middle of its jitter.

    Where a twin has compared enough of the same orders: of each of these how much later than the twin it was filled first.
    """
    assumed = _assumed_ns(source)
    venues = [venue for venue in assumed if venue]
    found = source.columns(LATENCIES.format(order="" if source.twin is None else "client_order_id,"), [venues])
    values = (found["took"] - np.array([assumed[venue] for venue in ("", *venues)])[found["venue"]]) / MS_NS
    late: dict[str, float] = {}
    if source.twin is not None and source.twin.nothing() is None:
        late = dict(source.twin.rows(TIMES))
    if not len(values) and too_small(len(late)):
        return source.measured(None, words="no order was acknowledged and filled yet", orders=0)
    if not too_small(len(late)):
        values = np.array(list((dict(zip(found["client_order_id"].tolist(), values, strict=True)) | late).values()))
    return _median(source, values, words=_against(source, len(late), of=len(values), otherwise="the assumed"))


def _median(source: Source, values: Floats, *, words: str) -> Measured:
    middle = np.sort(values)[(len(values) - 1) // 2]
    return _sample(source, rounded(float(middle)), median_interval(values, seed=SEED, name="latency"), len(values), words)


def _assumed_ns(source: Source) -> dict[str, float]:
    """Return by venue what the newest run assumed; under "" what it assumed of all."""
    told: Mapping[str, Any] = json.loads(
        source.rows("SELECT CAST(assumptions AS VARCHAR) FROM runs ORDER BY seq DESC LIMIT 1")[0][0]
    )
    common = {name: told.get(name, 0) for name in ("latency_ns", "jitter_ns")}
    found = {"": common["latency_ns"] + common["jitter_ns"] / 2}
    for venue, own in (told.get("by_venue") or {}).items():
        said = {name: common[name] if own.get(name) is None else own[name] for name in common}
        found[venue] = said["latency_ns"] + said["jitter_ns"] / 2
    return found


def twin_compared(source: Source) -> Measured:
    """The share of sent orders that a twin compared: what it was away for, or could not compare, it says nothing of."""
    if source.twin is None:
        return source.measured(None, words="no directory of source twin", orders=0)
    missing = source.twin.nothing()
    if missing is not None:
        return source.measured(None, words=missing.words, orders=0)
    sent = {row[0] for row in source.rows("SELECT DISTINCT client_order_id FROM sends WHERE action = 'submit'")}
    told = {row[0] for row in source.twin.rows("SELECT client_order_id FROM twins WHERE compared")}
    if not sent:
        return source.measured(None, words="no order yet", orders=0)
    count, seen = len(sent), len(sent & told)
    interval = None if too_small(count) else wilson(seen, count)
    return _sample(source, fraction(Decimal(seen), Decimal(count)), interval, count, f"{seen:,} compared by its twin")


def reject_rate(source: Source) -> Measured:
    """The share of sent orders that the venue rejected."""
    return _rate(source, "rejected", "order_id IS NOT NULL", "rejected")


def unknown_rate(source: Source) -> Measured:
    """The share of sent orders that had no answer at some time."""
    return _rate(source, "unknown", "order_id IS NOT NULL", "unknown")


def denial_rate(source: Source) -> Measured:
    """The share of plan lines that were to trade, and that Sentinel or RiskEngine denied."""
    return _rate(source, "denied", "planned > 0", "denied")


def _rate(source: Source, what: str, of: str, words: str) -> Measured:
    assert source.costs_made
    seen, count = source.rows(f"SELECT count(*) FILTER ({what}), count(*) FROM order_costs WHERE {of}")[0]
    if not count:
        return source.measured(None, words="no order yet", orders=0)
    interval = None if too_small(count) else wilson(int(seen), int(count))
    return _sample(source, fraction(Decimal(seen), Decimal(count)), interval, int(count), f"{seen:,} {words}")


def wilson(seen: int, count: int) -> Interval:
    """Return the 95 % interval of a share of which `seen` of `count` > 0 were observed (Wilson 1927), rounded to 6 places."""
    share = seen / count
    middle = share + Z * Z / (2 * count)
    half = Z * sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    scale = 1 + Z * Z / count
    low, high = (middle - half) / scale, (middle + half) / scale
    return Interval(low=rounded(0.0 if seen == 0 else low), high=rounded(1.0 if seen == count else high))


def _sample(source: Source, value: Decimal | None, interval: Interval | None, count: int, words: str) -> Measured:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return source.measured(value, words=words, orders=count, low=low, high=high)


MEASURES: Final = {
    "shortfall_over_forecast_bps": shortfall_over_forecast,
    "latency_over_forecast_ms": latency_over_forecast,
    "reject_rate": reject_rate,
    "twin_compared": twin_compared,
    "denial_rate": denial_rate,
    "unknown_rate": unknown_rate,
}
