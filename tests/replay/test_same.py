"""A made day in a real node, replayed: no difference; and two replays of it are the same bytes."""

from __future__ import annotations

from typing import Any

from lakehouse.layout import Layout
from lakehouse.verifier import verify
from sim.replay import replay
from tests.gate.world import Ran
from tests.parity.comparison import fills_of, orders_of, plans_of, sends_of
from tests.replay.made import lines_of, replay_of


def test_a_recorded_day_and_its_replay_do_not_differ(day: Any, tmp_path: Any) -> None:
    world, ran, _ = day
    result = replay_of(world, tmp_path / "record")
    replayed = Ran(lines=lines_of(tmp_path / "record"), assembly=ran.assembly, kernel=None)
    assert (result.differences, result.over, result.changed) == ((), (), {})
    assert (result.orders, result.plans, result.plans_same, result.fills) == (5, 2, 2, 5)
    assert plans_of(replayed) == plans_of(ran)
    assert orders_of(replayed) == orders_of(ran)
    assert sends_of(replayed) == sends_of(ran)
    assert fills_of(replayed) == fills_of(ran)


def test_a_replayed_plan_has_the_sha256_of_the_run(day: Any, tmp_path: Any) -> None:
    """Prices keep their stamps, so not even those differ."""
    world, ran, _ = day
    replay_of(world, tmp_path / "record")
    plans = [line["plan_sha256"] for line in lines_of(tmp_path / "record") if line["type"] == "plan"]
    assert plans == [line["plan_sha256"] for line in ran.of("plan")]


def test_two_replays_write_the_same_log_and_ledger(day: Any, tmp_path: Any) -> None:
    _, _, run = day
    layouts = [Layout(tmp_path / name) for name in ("one", "two")]
    for layout in layouts:
        replay(run, layout=layout)
    logs = [layout.log.read_bytes() for layout in layouts]
    ledgers = [layout.ledger.read_bytes() for layout in layouts]
    assert logs[0] == logs[1]
    assert ledgers[0] == ledgers[1]
    assert b'"type":"fill"' in logs[0]


def test_the_record_of_a_run_with_kept_inputs_verifies(day: Any) -> None:
    world, _, run = day
    assert verify(world.lakehouse).ok
    assert run.start.inputs_sha256 is not None


def test_a_replay_leaves_the_record_as_it_is(day: Any, tmp_path: Any) -> None:
    world, _, _ = day
    before = {path: path.stat().st_mtime_ns for path in sorted(world.lakehouse.rglob("*"))}
    replay_of(world, tmp_path / "record")
    assert {path: path.stat().st_mtime_ns for path in sorted(world.lakehouse.rglob("*"))} == before
