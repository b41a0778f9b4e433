"""What the time of each stage cost: how far the mid moved against the order between a stage's ends.

Mids come from recorded quotes where there are any. Without them the log's own prices serve: the decision price when the manifest
was read, the arrival mid when the plan was made, the book at the first fill; so that only two spans are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from analysis.intervals import UNITS_MAX, ratio_interval, too_small
from analysis.latency import INSTANTS, WHOLE, stage_names
from analysis.log_store import LogStore
from analysis.report_table import Table, table

QUOTE_AGE_MAX_NS: Final = 60_000_000_000  # of the process's clock: an older quote says nothing of a stage of milliseconds
COLUMNS: Final = ("stage", "orders", "no_quote", "drift_bps", "low_bps", "high_bps", "drift_base", "too_small", "prices")
PLACES: Final = 6

INSTANT_MIDS: Final = """
CREATE OR REPLACE TEMP TABLE instant_mids AS
WITH clocks AS (SELECT run_id, any_value(real_epoch_ns) AS real_ns, any_value(market_epoch_ns) AS market_ns,
                  any_value(market_speed) AS speed FROM runs GROUP BY run_id),
moments AS (SELECT o.client_order_id, o.symbol, n.number, coalesce(c.speed, 1) AS speed,
    CAST(coalesce(c.market_ns, 0) + CAST(n.ns - coalesce(c.real_ns, 0) AS HUGEINT) * coalesce(c.speed, 1) AS BIGINT) AS market_ns
  FROM order_instants o LEFT JOIN clocks c USING (run_id), LATERAL (VALUES {values}) n(number, ns) WHERE n.ns IS NOT NULL),
found AS (SELECT m.client_order_id, m.number,
    CASE WHEN m.market_ns - q.market_ns <= {age} * m.speed THEN CAST(q.mid AS DOUBLE) END AS mid
  FROM moments m ASOF LEFT JOIN {quotes} q ON q.symbol = m.symbol AND q.market_ns <= m.market_ns)
SELECT client_order_id, {mids} FROM found GROUP BY client_order_id
"""
LOG_MIDS: Final = "(SELECT *, decision AS m1, arrival AS m2, at_fill AS m7 FROM order_instants)"
QUOTED_MIDS: Final = "(SELECT o.*, m.* EXCLUDE client_order_id FROM order_instants o JOIN instant_mids m USING (client_order_id))"
DRIFTS: Final = """
WITH rates AS (SELECT o.order_id, any_value(c.traded) / nullif(sum(o.notional), 0) AS rate
  FROM order_instants o JOIN cost_slim c USING (order_id) GROUP BY o.order_id),
one AS (SELECT (row_number() OVER (ORDER BY o.seq) - 1) % {units} AS unit,
    CASE o.side WHEN 'BUY' THEN 1 ELSE -1 END * o.units * r.rate AS signed, o.units * r.rate AS worth,
    COLUMNS('m[0-9]+')
  FROM {marked} o LEFT JOIN rates r USING (order_id))
SELECT {sums} FROM one GROUP BY unit ORDER BY unit
"""
"""What was filled, in base currency at the mids of both ends of a stage; an order's rate is what its fills were valued at."""


def latency_cost(store: LogStore, *, quotes: str | None, seed: int) -> Table:
    """Return the mid's drift against what was filled in each stage, in bps of its value at the stage's begin; above 0 it cost.

    `quotes`: a relation of the store with symbol, market_ns, mid. `no_quote`: orders whose stage has an end without a mid (none
    at most 60 s old): they are in no figure. Amounts are rounded to 6 places.
    """
    names = stage_names()
    if quotes is None:
        marked = LOG_MIDS
        spans = [("manifest read to planned", 1, 2), (WHOLE, 2, 7)]
    else:
        marked = QUOTED_MIDS
        values = ", ".join(f"({number}, o.{column})" for number, (_, column) in enumerate(INSTANTS))
        mids = ", ".join(f"max(mid) FILTER (number = {number}) AS m{number}" for number in range(len(INSTANTS)))
        with store.named_faults():
            store.connection.execute(INSTANT_MIDS.format(values=values, mids=mids, age=QUOTE_AGE_MAX_NS, quotes=quotes))
        spans = [(names[number], number, number + 1) for number in range(len(INSTANTS) - 1)] + [(WHOLE, 2, 7)]
    sums = ", ".join(
        f"sum(signed * (m{end} - m{begin})), sum(worth * m{begin}) FILTER (m{end} IS NOT NULL), "
        f"count(signed * (m{end} - m{begin})), count(*)"
        for _, begin, end in spans
    )
    found = store.rows(DRIFTS.format(units=UNITS_MAX, sums=sums, marked=marked))
    rows = [
        _row(stage, [row[4 * number : 4 * number + 4] for row in found], quotes=quotes, seed=seed)
        for number, (stage, _, _) in enumerate(spans)
    ]
    return table("latency_cost", COLUMNS, [row for row in rows if row[1] or row[2]])


def _row(stage: str, found: Sequence[tuple[Any, ...]], *, quotes: str | None, seed: int) -> Sequence[Any]:
    """Return a stage's row from its units: (moved, worth, orders with both mids, orders)."""
    units = [(moved, worth) for moved, worth, _, _ in found if moved is not None and worth]
    known, every = sum(row[2] for row in found), sum(row[3] for row in found)
    missing = every - known
    drift, worth = sum(moved for moved, _ in units), sum(worth for _, worth in units)
    where = "the log's own" if quotes is None else "recorded quotes"
    if not worth:
        return (stage, 0, every, None, None, None, None, True, where)
    interval = None
    if not too_small(known):
        interval = ratio_interval([m for m, _ in units], [w for _, w in units], seed=seed, name=f"latency cost\n{stage}")
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return (stage, known, missing, _rounded(drift / worth * 10_000), low, high, _rounded(drift), too_small(known), where)


def _rounded(value: float) -> Decimal:
    return Decimal(f"{value + 0.0:.{PLACES}f}")
