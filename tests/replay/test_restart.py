"""Runs that begin on a record, and runs that were cut off: each is replayed from what the log said before it."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import Any

import pyarrow.parquet as pq

from analysis.replay_result import Budget, ReplayResult
from lakehouse.layout import Layout
from sim.recorded_run import read_run
from sim.replay_run import compared
from tests.cut_records import cut_record
from tests.gate.world import BTC, World, manifest_text, quote, run_shadow
from tests.parity.stalls import Stalls, memory, undisturbed
from tests.parity.test_made_day import STEP_MS, made_day, manifests
from tests.replay.made import lines_of, places_of, replay_of

LATER = "2025-01-06T13:59:45"


def two_runs(root: Any, stalls: Stalls | None = None) -> World:
    """The made day, then a run that begins with its book and sells most of it."""
    beside = None if stalls is None else stalls.watch
    world = made_day(root)
    run_shadow(world, manifests(world), beside=beside)
    world.quotes = [quote(name, at, ticks=at // 50) for at in range(8_000, 10_000, STEP_MS) for name in world.names]
    later = world.write().save("later.json", manifest_text({BTC.symbol: "0.1"}, generated=LATER))
    run_shadow(world, [(8_000 + STEP_MS // 2, later)], beside=beside)
    return world


def test_a_second_run_is_replayed_from_the_book_it_began_with(tmp_path: Any) -> None:
    with memory() as root:

        def run(number: int, stalls: Stalls) -> tuple[int, ReplayResult]:
            return number, replay_of(two_runs(root / str(number), stalls), tmp_path / str(number))

        number, result = undisturbed(run, differs=lambda made: places_of(made[1]))
    assert result.differences == ()
    assert result.plans_same == result.plans == 1
    plan = next(line["plan"] for line in lines_of(tmp_path / str(number)) if line["type"] == "plan")
    assert [line["symbol"] for line in plan["lines"] if line["held_quantity"] != "0"] == ["BINANCE:ETHUSDT", "BINANCE:SOLUSDT"]


def test_each_run_of_a_log_can_be_named(tmp_path: Any) -> None:
    world = two_runs(tmp_path / "world")
    starts = [line["run_id"] for line in world.lines() if line["type"] == "run_start"]
    assert [read_run(world.layout, name).start.run_id for name in starts] == starts
    assert read_run(world.layout, None).start.run_id == starts[1]
    assert read_run(world.layout, starts[0]).fold.log_line == 0


def cut(world: World, root: Any, *, after: str) -> Layout:
    """The record as a kill leaves it right after the last line of a type: no later line, no later ledger record."""
    shutil.copytree(world.lakehouse, root / "cut")
    layout = Layout(root / "cut")
    raws = layout.log.read_bytes().splitlines(keepends=True)
    last = max(place for place, raw in enumerate(raws) if f'"type":"{after}"'.encode() in raw)
    cut_record(layout, last + 1)
    return layout


def test_a_run_that_was_killed_is_replayed_as_far_as_its_lines_go(day: Any, tmp_path: Any) -> None:
    layout = cut(day[0], tmp_path, after="send")
    run = read_run(layout, None)
    result = compared(run, config=run.config, record=Layout(tmp_path / "record"), budget=Budget())
    assert not run.finished
    assert not result.finished
    assert any("did not end by itself" in remark for remark in result.remarks)
    assert {one.cause for one in result.differences} <= {"clock"}


def test_a_run_whose_last_quotes_were_not_written_is_compared_as_far_as_they_go(day: Any, tmp_path: Any) -> None:
    """Killed with half a day of quotes in memory: the second plan and its orders were decided on nothing that is left."""
    layout = cut(day[0], tmp_path, after="fill")
    batch = next(layout.top_of_book.glob("*.parquet"))
    table = pq.read_table(batch).slice(0, 18)  # the first six of thirteen rounds
    pq.write_table(table, batch)
    listed = next(layout.inputs.glob("*.jsonl"))
    sha256 = hashlib.sha256(batch.read_bytes()).hexdigest()
    lines = [json.loads(line) for line in listed.read_bytes().splitlines()]
    changed = [{**line, "sha256": sha256, "rows": 18} if line["type"] == "quotes" else line for line in lines]
    listed.write_bytes(b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in changed))
    run = read_run(layout, None)
    result = compared(run, config=run.config, record=Layout(tmp_path / "record"), budget=Budget())
    assert (result.plans, result.orders, result.fills) == (1, 2, 2)
    assert result.over == ()
    assert result.paper is None
    assert any("as far as its quotes were written" in remark for remark in result.remarks)
