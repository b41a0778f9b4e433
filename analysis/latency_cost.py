"""What the time of each stage cost: how far the mid moved against the order between a stage's ends.

Mids come from recorded quotes where there are any. Without them the log's own prices serve: the decision price when the manifest
was read, the arrival mid when the plan was made, the book at the first fill; so that only two spans are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import duckdb

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
moments AS (SELECT o.seq, f.symbol, n.number, coalesce(c.speed, 1) AS speed,
    CAST(coalesce(c.market_ns, 0) + CAST(n.ns - coalesce(c.real_ns, 0) AS HUGEINT) * coalesce(c.speed, 1) AS BIGINT) AS market_ns
  FROM order_instants o JOIN report_fills f USING (seq) LEFT JOIN clocks c USING (run_id), LATERAL (VALUES {values}) n(number, ns)
  WHERE n.ns IS NOT NULL),
found AS (SELECT m.seq, m.number, CASE WHEN m.market_ns - q.market_ns <= {age} * m.speed THEN q.mid END AS mid
  FROM moments m ASOF LEFT JOIN {quotes} q ON q.symbol = m.symbol AND q.market_ns <= m.market_ns)
SELECT seq, {mids} FROM found GROUP BY seq
"""
LOG_MIDS: Final = "f.decision_price AS m1, f.arrival_mid AS m2, (f.fill_bid + f.fill_ask) * 0.5 AS m7"
DRIFTS: Final = """
WITH one AS (SELECT (row_number() OVER (ORDER BY o.seq) - 1) % {units} AS number, {unit} AS unit,
    CASE f.side WHEN 'BUY' THEN o.quantity ELSE -o.quantity END AS moved, o.quantity, {mids}
  FROM order_instants o JOIN report_fills f USING (seq) {joined}),
exact AS (SELECT number, unit, {sums} FROM one GROUP BY number, unit)
SELECT number, {weighed} FROM exact GROUP BY number ORDER BY number
"""
"""What was filled, in base currency at the mids of both ends of a stage; an order is worth what `order_costs` values it at.

Summed exactly, and made DOUBLE afterwards: that takes longer than all the rest where it is asked of every order.
"""
UNITS: Final = "(SELECT order_id, any_value(unit) AS unit FROM order_costs WHERE order_id IS NOT NULL GROUP BY order_id)"


def latency_cost(store: LogStore, *, quotes: str | None, seed: int) -> Table:
    """Return the mid's drift against what was filled in each stage, in bps of its value at the stage's begin; above 0 it cost.

    `quotes`: a relation of the store with symbol, market_ns, mid. `no_quote`: orders whose stage has an end without a mid (none
    at most 60 s old): they are in no figure. Amounts are rounded to 6 places.
    """
    names = stage_names()
    if quotes is None:
        mids, joined = LOG_MIDS, ""
        spans = [("manifest read to planned", 1, 2), (WHOLE, 2, 7)]
    else:
        mids, joined = "m.* EXCLUDE seq", "JOIN instant_mids m USING (seq)"
        values = ", ".join(f"({number}, o.{column})" for number, (_, column) in enumerate(INSTANTS))
        found_mids = ", ".join(f"max(mid) FILTER (number = {number}) AS m{number}" for number in range(len(INSTANTS)))
        with store.named_faults():
            store.connection.execute(INSTANT_MIDS.format(values=values, mids=found_mids, age=QUOTE_AGE_MAX_NS, quotes=quotes))
        spans = [(names[number], number, number + 1) for number in range(len(INSTANTS) - 1)] + [(WHOLE, 2, 7)]
    units = [unit for (unit,) in store.rows("SELECT DISTINCT unit FROM cost_units LIMIT 2")]
    unit = f"CAST({units[0] if units and units[0] is not None else 'NULL'} AS DOUBLE)"
    if len(units) > 1:  # else all orders are worth the same a unit, and none is looked up
        unit, joined = "CAST(u.unit AS DOUBLE)", f"{joined} LEFT JOIN {UNITS} u USING (order_id)"
    asked = {"units": UNITS_MAX, "unit": unit, "mids": mids, "joined": joined, "weighed": _weighed(spans)}
    try:
        found = store.rows(DRIFTS.format(sums=_sums(spans, of="{}"), **asked))
    except (duckdb.OutOfRangeException, duckdb.ConversionException):  # 38 digits do not hold them
        found = store.rows(DRIFTS.format(sums=_sums(spans, of="CAST({} AS DOUBLE)"), **asked))
    rows = [
        _row(stage, [row[1 + 4 * number : 5 + 4 * number] for row in found], quotes=quotes, seed=seed)
        for number, (stage, _, _) in enumerate(spans)
    ]
    return table("latency_cost", COLUMNS, [row for row in rows if row[1] or row[2]])


def _sums(spans: Sequence[tuple[str, int, int]], *, of: str) -> str:
    """SQL of the sums a stage needs: moved, worth, orders with both mids, orders."""
    parts = []
    for number, (_, begin, end) in enumerate(spans):
        moved, size, first, last = (of.format(name) for name in ("moved", "quantity", f"m{begin}", f"m{end}"))
        both = f"m{begin} IS NOT NULL AND m{end} IS NOT NULL AND unit IS NOT NULL"
        parts.append(
            f"sum({moved} * ({last} - {first})) AS a{number}, sum({size} * {first}) FILTER (m{end} IS NOT NULL) AS b{number}, "
            f"count(*) FILTER ({both}) AS c{number}, count(*) AS d{number}"
        )
    return ", ".join(parts)


def _weighed(spans: Sequence[tuple[str, int, int]]) -> str:
    return ", ".join(
        f"sum(CAST(a{number} AS DOUBLE) * unit), sum(CAST(b{number} AS DOUBLE) * unit), sum(c{number}), sum(d{number})"
        for number in range(len(spans))
    )


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
