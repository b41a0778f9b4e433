"""Parts of a report about a run's replay: how much the backtest says too, by which causes it differs, and where in the log.

They show what `sluice replay` left (`analysis.replay_result`); a run that was never replayed is told as that. A result is of the
whole run, whatever part of the log is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from analysis.log_store import LogStore
from analysis.replay_diff import Difference
from analysis.replay_result import ReplayResult
from analysis.report_table import Table, table

REPLAYED_KIND: Final = "shadow"  # the only one that can be replayed
NONE: Final = "no replay"
UNREADABLE: Final = "unreadable"
WITHIN: Final = "within the budget"
OVER: Final = "over the budget"
ONE: Final = Decimal(1)
RUN_COLUMNS: Final = (
    "run_id", "state", "finished", "orders", "orders_differing", "same_fraction", "allowed_fraction", "lines",
    "lines_differing", "plans", "plans_same", "fills", "differ_max_bps", "allowed_bps", "differences", "over",
)  # fmt: skip
DIFFERENCE_COLUMNS: Final = (
    "run_id", "log_line", "cycle", "symbol", "stage", "cause", "recorded", "replayed", "price_bps", "key", "follows",
)  # fmt: skip
INTENTS: Final = """
SELECT client_order_id, seq FROM report_intents WHERE run_id = ? AND client_order_id IN (SELECT unnest(CAST(? AS VARCHAR[])))
"""
PLANS: Final = "SELECT cycle, min(seq) FROM plans WHERE run_id = ? GROUP BY cycle"

type Replays = Mapping[str, ReplayResult | None]
"""Run id -> what its replay found; None: there is a result that cannot be read. A run that is not in it was not replayed."""


def replay_tables(store: LogStore, replays: Replays) -> list[Table]:
    """Return tables `replays` (a row for each shadow run of the log), `replay_causes` and `replay_differences`.

    `log_line`: of the order's intent; where it has none, of the plan; None of a manifest. Fractions are those of the orders.
    Raises what the store raises.
    """
    runs = [run for (run,) in store.rows("SELECT run_id FROM runs WHERE kind = ? ORDER BY seq", [REPLAYED_KIND])]
    told = {run: found for run in runs if (found := replays.get(run)) is not None}
    return [
        table("replays", RUN_COLUMNS, [_run(run, replays) for run in runs]),
        table(
            "replay_causes",
            ("run_id", "cause", "count"),
            [(run, cause, count) for run, one in told.items() for cause, count in one.causes.items() if count],
        ),
        table("replay_differences", DIFFERENCE_COLUMNS, [row for one in told.values() for row in _differences(store, one)]),
    ]


def _run(run_id: str, replays: Replays) -> Sequence[Any]:
    one = replays.get(run_id)
    if one is None:
        return (run_id, UNREADABLE if run_id in replays else NONE, *[None] * (len(RUN_COLUMNS) - 2))
    return (
        run_id, WITHIN if one.ok else OVER, one.finished, one.orders, one.orders_differing, ONE - one.orders_share,
        one.budget.orders_max_fraction, one.lines, one.lines_differing, one.plans, one.plans_same, one.fills, one.price_max_bps,
        one.budget.price_max_bps, len(one.differences) + one.left_out, "; ".join(one.over),
    )  # fmt: skip


def _differences(store: LogStore, result: ReplayResult) -> list[Sequence[Any]]:
    if not result.differences:
        return []
    keys = list({one.key for one in result.differences})
    intents = dict(store.rows(INTENTS, [result.run_id, keys]))
    plans = dict(store.rows(PLANS, [result.run_id]))

    def row(one: Difference) -> Sequence[Any]:
        place = intents.get(one.key, plans.get(one.cycle))
        what = (one.symbol, one.stage, one.cause.value, one.recorded, one.replayed, one.price_bps, one.key, one.follows)
        return (result.run_id, place, one.cycle, *what)

    return [row(one) for one in result.differences]


def replay_words(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Say in one sentence what the replays of the runs in table `replays` found; None where there is no run to replay."""
    if not rows:
        return None
    told = [row for row in rows if row["orders"] is not None]
    lost = [str(row["run_id"]) for row in rows if row["state"] == UNREADABLE]
    bad = f" The result of {', '.join(lost)} cannot be read: replay it again." if lost else ""
    if not told:
        if lost:
            return bad.strip()
        these = "this run" if len(rows) == 1 else f"these {len(rows):,} runs"
        return f"There is no replay of {these}: `sluice replay {rows[-1]['run_id']}` makes one."
    orders = sum(row["orders"] for row in told)
    same = orders - sum(row["orders_differing"] for row in told)
    over = [str(row["run_id"]) for row in told if row["state"] == OVER]
    judged = f"over the budget: {', '.join(over)}" if over else "within the budget"
    cut = [str(row["run_id"]) for row in told if not row["finished"]]
    part = f" Cut off, or still running, when it was replayed: {', '.join(cut)}." if cut else ""
    without = sum(row["state"] == NONE for row in rows)
    left = f" No replay of {without:,} of {len(rows):,} runs." if without else ""
    return f"{same:,} of {orders:,} orders are the same in the backtest, {judged}.{part}{left}{bad}"
