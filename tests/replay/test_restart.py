"""Runs that begin on a record, and runs that were cut off: each is replayed from what the log said before it."""

from __future__ import annotations

from typing import Any

from lakehouse.layout import Layout
from sim.recorded_run import read_run
from tests.gate.world import BTC, World, manifest_text, run_shadow
from tests.parity.test_made_day import made_day, manifests
from tests.replay.made import TRIES_MAX, lines_of, memory, replay_of

LATER = "2025-01-06T13:59:45"


def two_runs(root: Any) -> World:
    """The made day, then a run that begins with its book and sells most of it."""
    world = made_day(root)
    run_shadow(world, manifests(world))
    world.write_quotes(4_000)
    run_shadow(world, [(4_120, world.save("later.json", manifest_text({BTC.symbol: "0.1"}, generated=LATER)))])
    return world


def test_a_second_run_is_replayed_from_the_book_it_began_with(tmp_path: Any) -> None:
    with memory() as root:
        for number in range(TRIES_MAX):
            world = two_runs(root / str(number))
            result = replay_of(world, tmp_path / str(number))
            if not result.differences:
                break
    assert {one.cause for one in result.differences} <= {"clock"}
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
    import shutil

    shutil.copytree(world.lakehouse, root / "cut")
    layout = Layout(root / "cut")
    raws = layout.log.read_bytes().splitlines(keepends=True)
    last = max(place for place, raw in enumerate(raws) if f'"type":"{after}"'.encode() in raw)
    layout.log.write_bytes(b"".join(raws[: last + 1]))
    import json

    records = layout.ledger.read_bytes().splitlines(keepends=True)
    layout.ledger.write_bytes(b"".join(raw for raw in records if json.loads(raw)["body"].get("log_line", 0) <= last + 1))
    return layout


def test_a_run_that_was_killed_is_replayed_as_far_as_its_lines_go(day: Any, tmp_path: Any) -> None:
    from analysis.replay_result import Budget
    from sim.replay_run import compared

    layout = cut(day[0], tmp_path, after="send")
    run = read_run(layout, None)
    result = compared(run, config=run.config, record=Layout(tmp_path / "record"), budget=Budget())
    assert not run.finished
    assert not result.finished
    assert any("did not end by itself" in remark for remark in result.remarks)
    assert {one.cause for one in result.differences} <= {"clock"}
