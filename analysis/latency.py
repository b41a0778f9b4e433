"""Where the time went between a manifest and its fills: the stages of each order, by venue, order kind and schedule.

Stages are instants of the log's fill lines (`lakehouse.records.Fill`), in real time whatever speed a replay has. They are taken
once for each order that went to a venue: a child of a schedule is such an order, its parent is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from analysis.intervals import quantile_known
from analysis.log_store import LogStore
from analysis.report_table import Table, table

INSTANTS: Final = (
    ("manifest written", "manifest_written_ns"),
    ("manifest read", "manifest_read_ns"),
    ("planned", "planned_ns"),
    ("approved", "approved_ns"),
    ("intent durable", "intent_durable_ns"),
    ("sent", "sent_ns"),
    ("acknowledged", "acked_ns"),
    ("first fill", "first_fill_ns"),
    ("last fill", "last_fill_ns"),
)
"""Name -> column of `order_instants`, in the order they happen."""

GROUPS: Final = (("all", "'all'"), ("venue", "venue"), ("order kind", "order_kind"), ("schedule", "schedule"))
WHOLE: Final = "planned to first fill"
FRACTIONS: Final = (0.5, 0.95, 0.99)
BOUNDS_NS: Final = tuple(step * 10**power for power in range(3, 15) for step in (1, 2, 5))
"""Lower bounds of histogram buckets: 1, 2, 5, 10 ... from a microsecond to days; the first takes everything below it too."""

MEASURES: Final = """
  CAST(quantity AS DOUBLE) * CAST(multiplier AS DOUBLE) AS units, CAST(notional_quote AS DOUBLE) AS notional,
  CAST(decision_price AS DOUBLE) AS decision, CAST(arrival_mid AS DOUBLE) AS arrival,
  (CAST(fill_bid AS DOUBLE) + CAST(fill_ask AS DOUBLE)) / 2 AS at_fill
"""
SAME: Final = (
    "venue", "symbol", "order_kind", "schedule", "side", "run_id", "order_id", "manifest_written_ns", "manifest_read_ns",
    "planned_ns", "approved_ns", "intent_durable_ns", "sent_ns", "acked_ns", "decision", "arrival",
)  # fmt: skip
"""What all fills of an order say alike."""
ORDER_INSTANTS: Final = f"""
CREATE OR REPLACE TEMP TABLE order_instants AS
WITH several AS (SELECT hash(client_order_id) AS h FROM report_fills GROUP BY h HAVING count(*) > 1),
each AS (SELECT client_order_id, hash(client_order_id) AS h, seq, event_ns AS first_fill_ns, event_ns AS last_fill_ns,
    venue, symbol, order_kind, schedule,
    side, run_id, order_id, manifest_read_ns, planned_ns, approved_ns, intent_durable_ns, sent_ns, acked_ns, {MEASURES},
    CASE WHEN run_id NOT IN (SELECT run_id FROM runs WHERE kind = 'backtest') THEN manifest_written_ns END AS manifest_written_ns
  FROM report_fills)
SELECT client_order_id, seq, first_fill_ns, last_fill_ns, units, notional, at_fill, {", ".join(SAME)}
FROM each ANTI JOIN several USING (h)
UNION ALL
SELECT client_order_id, min(seq), min(first_fill_ns), max(last_fill_ns), sum(units), sum(notional),
  arg_min(at_fill, first_fill_ns),
  {", ".join(f"any_value({name})" for name in SAME)}
FROM each SEMI JOIN several USING (h) GROUP BY client_order_id
"""
# Orders of one fill, nearly all of them, are only projected: grouping them takes several times as long. They are told by a hash;
# an order that shares another's is grouped all the same.
# A backtest's manifest was written when its file was made, on another clock than all that follows.


def stage_names() -> tuple[str, ...]:
    """Return the stages' names, "from to to", and the whole from plan to first fill last."""
    return (*(f"{a} to {b}" for (a, _), (b, _) in pairwise(INSTANTS)), WHOLE)


def make_instants(store: LogStore) -> None:
    """Make the table `order_instants` of the store's `report_fills`."""
    store.connection.execute(ORDER_INSTANTS)


def _pairs() -> list[tuple[str, str]]:
    columns = [column for _, column in INSTANTS]
    return [*pairwise(columns), ("planned_ns", "first_fill_ns")]


def latency_stages(store: LogStore) -> Table:
    """Return quantiles of each stage by group. A quantile that so few orders do not have is None; so is a time nobody logged.

    `negative`: orders whose stage ended before it began (two clocks, or a fill told before its acknowledgement); they are in
    the quantiles as they are.
    """
    asked = ", ".join(
        f"count({ns}), count(*) - count({ns}), count(*) FILTER ({ns} < 0), quantile_disc({ns}, [0.5, 0.95, 0.99]), "
        f"max({ns}), sum({ns})"
        for ns in (f"({end} - {start})" for start, end in _pairs())
    )
    rows: list[Sequence[Any]] = []
    for kind, key in GROUPS:
        for group, *figures in store.rows(f"SELECT {key} AS g, {asked} FROM order_instants GROUP BY g ORDER BY g"):
            for number, stage in enumerate(stage_names()):
                count, missing, negative, quantiles, most, total = figures[6 * number : 6 * number + 6]
                known = quantiles or [None, None, None]
                shown = [
                    value if count and quantile_known(count, fraction=fraction) else None
                    for value, fraction in zip(known, FRACTIONS, strict=True)
                ]
                mean = None if not count else int(total) // count
                rows.append((kind, group, stage, count, missing, negative, *shown, most, mean))
    return table(
        "latency_stages",
        ("by", "group", "stage", "orders", "not_logged", "negative", "p50_ns", "p95_ns", "p99_ns", "max_ns", "mean_ns"),
        rows,
    )


def latency_histogram(store: LogStore) -> Table:
    """Return how many orders took how long in each stage, by group; buckets without an order have no row.

    A bucket begins at 1, 2 or 5 times a power of ten; the first holds all below a microsecond, also what ended before it began.
    """
    parts = " UNION ALL ".join(
        f"SELECT venue, order_kind, schedule, {number} AS stage, {_bucket(f'({end} - {start})')} AS low, count(*) AS orders "
        f"FROM order_instants WHERE {end} - {start} IS NOT NULL GROUP BY ALL"
        for number, (start, end) in enumerate(_pairs())
    )
    store.connection.execute(f"CREATE OR REPLACE TEMP TABLE stage_buckets AS {parts}")
    names = stage_names()
    rows: list[Sequence[Any]] = []
    for kind, key in GROUPS:
        found = store.rows(
            f"SELECT {key} AS g, stage, low, sum(orders) FROM stage_buckets GROUP BY g, stage, low ORDER BY g, stage, low"
        )
        rows += [(kind, group, names[stage], low, _above(low), int(count)) for group, stage, low, count in found]
    return table("latency_histogram", ("by", "group", "stage", "from_ns", "below_ns", "orders"), rows)


def _bucket(ns: str) -> str:
    """SQL of a bucket's lower bound: a chain of comparisons is many times as fast as searching a list for each row."""
    cases = " ".join(f"WHEN {ns} >= {bound} THEN {bound}" for bound in reversed(BOUNDS_NS))
    return f"CASE WHEN {ns} < {BOUNDS_NS[0]} THEN 0 {cases} END"


def _above(low: int) -> int | None:
    return next((bound for bound in BOUNDS_NS if bound > low), None)
