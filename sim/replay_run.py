"""`sluice replay`: read a run, play it again, compare, attribute, judge by the budget, leave the result beside the record."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from analysis.log_store import open_log
from analysis.quotes import load_quotes
from analysis.replay_cause import changed_inputs
from analysis.replay_course import course_of, leave_out_unfinished
from analysis.replay_diff import Comparer
from analysis.replay_paper import paper_parity
from analysis.replay_result import Budget, ReplayResult, result_bytes, result_of
from engine.run_config import RunConfig, load_config
from lakehouse import records
from lakehouse.layout import Layout, replace_file, safe_name, storage_error
from lakehouse.lock import current_holder
from orders.errors import ConfigError, NotAsked
from sim.recorded_market import RecordedMarket
from sim.recorded_run import RecordedRun, cut_off, read_run
from sim.replay import ENGINE, replay

UNKEPT: Final = "was not kept: the replay read it where it lies today"


def run_replay(
    lakehouse: Path,
    *,
    run_id: str | None,
    config_path: Path | None = None,
    output: Path | None = None,
    orders_max_fraction: Decimal | None = None,
    price_max_bps: Decimal | None = None,
    bundle: str | None = None,
    say: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[ReplayResult, Path]:
    """Replay a run and write the result; return it and its file. `run_id` None: the last one.

    `config_path`: another config instead of the run's own, to see what it would have changed. `output`: where the replay's own
    record stays, a new directory; None: it is thrown away. The budget is the config's `[replay]` where no argument says other.
    `bundle`: what the replay is held to.

    Raises what `read_run` and `replay` raise, `NotAsked` RUN_IN_PROGRESS, and `ConfigError` OUTPUT_EXISTS.
    """
    layout = Layout(lakehouse)
    run = read_run(layout, run_id)
    if not run.finished and (holder := current_holder(layout)) is not None and holder.run_id in (run.start.run_id, None):
        raise NotAsked(
            "RUN_IN_PROGRESS",
            expected=f"run {run.start.run_id} ended, or another one named",
            found=f"it goes on, pid {holder.pid}",
            action="Wait until it has ended, or stop it; `sluice status` shows it.",
        )
    config = run.config if config_path is None else load_config(config_path)
    budget = budget_of(config)
    if orders_max_fraction is not None:
        budget = msgspec.structs.replace(budget, orders_max_fraction=orders_max_fraction)
    if price_max_bps is not None:
        budget = msgspec.structs.replace(budget, price_max_bps=price_max_bps)
    if output is not None and output.exists():
        raise ConfigError("OUTPUT_EXISTS", expected="a new directory", found=str(output), action="Name another one.")
    with tempfile.TemporaryDirectory(prefix="sluice-replay-") as scratch:
        result = compared(
            run, config=config, record=Layout(output or Path(scratch) / "record"), budget=budget, say=say, bundle=bundle
        )
    path = layout.reports / f"replay-{safe_name(run.start.run_id)}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, result_bytes(result))
    except OSError as error:
        raise storage_error(error, path) from error
    return result, path


def budget_of(config: RunConfig) -> Budget:
    """Return the config's budget; one without `[replay]` allows nothing to differ."""
    section = config.replay
    if section is None:
        return Budget()
    return Budget(orders_max_fraction=section.orders_max_fraction, price_max_bps=section.price_max_bps)


def compared(
    run: RecordedRun,
    *,
    config: RunConfig,
    record: Layout,
    budget: Budget,
    say: Callable[[int, int], None] = lambda done, total: None,
    bundle: str | None = None,
) -> ReplayResult:
    """Play `run` with `config` into `record` and return the judged comparison."""
    market = RecordedMarket(run.layout, run.market)
    if not run.finished:
        run = cut_off(run, until_ns=market.until_ns)
    replayed = replay(run, layout=record, config=config, say=say, bundle=bundle)
    carried = [trace.intent for trace in run.fold.open_orders.values() if trace.received is not None]
    one, other = course_of(run.lines, carried=carried), course_of(replayed.lines, carried=carried)
    remarks = [*_remarks(run, config, market), *(f"the replay halted itself: {reason}" for reason in replayed.halts)]
    if not run.finished:
        waiting = leave_out_unfinished(one, other, cut_ns=run.end_ns)
        remarks.append(
            f"the run did not end by itself: compared up to {_utc(run.end_ns)}, as far as its quotes were written"
            + (f", without {waiting} orders and plans that were under way then" if waiting else "")
        )
    paper = None
    if run.finished:
        with open_log(run.layout.log, run=run.start.run_id, copy=False) as store:
            quotes = bool(run.market) and load_quotes(store, run.layout.top_of_book) > 0
            paper = paper_parity(store, run.lines, market=market, quotes="quote_mids" if quotes else None)
    return result_of(
        one,
        Comparer(one, other, market=market).compare(),
        budget=budget,
        finished=run.finished,
        changed=changed_inputs(one.start, other.start),
        remarks=remarks,
        paper=paper,
    )


def _remarks(run: RecordedRun, config: RunConfig, market: RecordedMarket) -> list[str]:
    """What limits the comparison, in words."""
    remarks = [f"top_of_book/{name} is not what was recorded" for name in market.altered_names]
    if config.lakehouse.regime_audit is not None:
        remarks.append(f"the regime log {config.lakehouse.regime_audit} {UNKEPT}")
    remarks += [
        f"the catalog of schedule {name} {UNKEPT}"
        for name, section in sorted(config.schedules_section.items())
        if section.catalog is not None
    ]
    if any(section.participation_max is not None for section in config.schedules_section.values()):
        remarks.append("public trades are not replayed: what a schedule took of the market's volume may differ")
    halts = sum(isinstance(line, records.HaltLine) and line.by == ENGINE for line in run.lines)
    if halts:
        remarks.append(f"the run halted itself {halts} times: what it did not send after that, the replay may")
    return remarks


def _utc(ts_ns: int) -> str:
    return f"{datetime.fromtimestamp(ts_ns // 1_000_000_000, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"
