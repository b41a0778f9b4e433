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

_LOGGED: Final = ("manifest_read_ns", "planned_ns", "approved_ns", "intent_durable_ns", "sent_ns", "acked_ns")
_SAME: Final = ("venue", "order_kind", "schedule", *_LOGGED)
"""What all fills of an order say alike."""
_WRITTEN: Final = "CASE WHEN run_id NOT IN (SELECT run_id FROM runs WHERE kind = 'backtest') THEN manifest_written_ns END"
# A backtest's manifest was written when its file was made, on another clock than all that follows.

SEVERAL: Final = """
CREATE OR REPLACE TEMP TABLE orders_of_several AS
SELECT hash(client_order_id) AS h FROM report_fills GROUP BY h HAVING count(*) > 1
"""
ORDER_INSTANTS: Final = f"""
CREATE OR REPLACE TEMP TABLE order_instants AS
SELECT seq, event_ns AS first_fill_ns, event_ns AS last_fill_ns, quantity, {", ".join(_SAME)}, {_WRITTEN} AS manifest_written_ns
FROM (SELECT *, hash(client_order_id) AS h FROM report_fills) ANTI JOIN orders_of_several USING (h)
UNION ALL
SELECT min(seq), min(event_ns), max(event_ns), sum(quantity), {", ".join(f"any_value({name})" for name in _SAME)},
  any_value({_WRITTEN})
FROM (SELECT *, hash(client_order_id) AS h FROM report_fills) SEMI JOIN orders_of_several USING (h) GROUP BY client_order_id
"""
# Orders of one fill, nearly all of them, are only projected: grouping them takes several times as long. They are told by a hash;
# an order that shares another's is grouped all the same.


def stage_names() -> tuple[str, ...]:
    """Return the stages' names, "from to to", and the whole from plan to first fill last."""
    return (*(f"{a} to {b}" for (a, _), (b, _) in pairwise(INSTANTS)), WHOLE)


def make_instants(store: LogStore) -> None:
    """Make the table `order_instants` of the store's `report_fills`; `seq` is the line of an order's first fill."""
    with store.named_faults():
        store.connection.execute(SEVERAL)
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
    whole: list[tuple[Any, ...]] = []
    for kind, key in GROUPS:
        groups = store.rows(f"SELECT DISTINCT {key} FROM order_instants") if whole else []
        if len(groups) == 1:  # it is the whole
            found = [(groups[0][0], *whole[0][1:])]
        else:
            found = store.rows(f"SELECT {key} AS g, {asked} FROM order_instants GROUP BY g ORDER BY g")
        whole = whole or found
        for group, *figures in found:
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
    """SQL of a bucket's lower bound: comparisons that halve what is left are many times as fast as searching a list a row."""

    def within(bounds: Sequence[int]) -> str:
        if len(bounds) == 1:
            return str(bounds[0])
        half = len(bounds) // 2
        return f"CASE WHEN {ns} < {bounds[half]} THEN {within(bounds[:half])} ELSE {within(bounds[half:])} END"

    return within((0, *BOUNDS_NS))


def _above(low: int) -> int | None:
    return next((bound for bound in BOUNDS_NS if bound > low), None)
