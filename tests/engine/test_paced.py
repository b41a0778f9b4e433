"""A plan of more orders than a venue takes in a second goes out at its pace: none is denied for it, and none is forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.verifier import verify
from tests.flatten.made import asks, flattens
from tests.gate.world import DAY_NS, SECOND, Ran, World, manifest_text, quote, run_backtest, run_shadow, shares

NAMES = shares(12)
TWELVE = manifest_text({name.symbol: "0.08" for name in NAMES})


def narrow(root: Path, *, until_ms: int, policy: str = "", schedules: str = "") -> World:
    """A venue that takes five messages a second; every name is quoted ten times a second."""
    world = World(root, names=NAMES, latency_ms="5", jitter_ms="0", policy=policy, schedules=schedules)
    world.quotes = [quote(name, ms) for ms in range(20, until_ms, 100) for name in NAMES]
    text = world.write().config_path.read_text()
    world.config_path.write_text(text.replace("messages_per_s_max = 1000", "messages_per_s_max = 5"))
    return world


@pytest.mark.parametrize("run", [run_backtest, run_shadow], ids=["backtest", "node"])
def test_what_a_second_does_not_take_goes_in_the_next_one(run: Callable[..., Ran], tmp_path: Path) -> None:
    world = narrow(tmp_path, until_ms=5_000)
    ran = run(world, [(60, world.save("m.json", TWELVE))])
    assert [(line["outcome"], line["code"]) for line in ran.of("verdict")] == [("ALLOW", "")] * 12
    assert len(ran.of("fill")) == 12
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done"]


def test_no_second_of_a_backtest_has_more_than_the_venue_takes(tmp_path: Path) -> None:
    world = narrow(tmp_path, until_ms=5_000)
    ran = run_backtest(world, [(60, world.save("m.json", TWELVE))])
    sent = [line["ts_ns"] - DAY_NS for line in ran.of("send")]
    assert all(sum(1 for other in sent if 0 <= other - instant < SECOND) <= 5 for instant in sent)
    assert max(sent) - min(sent) < 3 * SECOND


def test_what_the_release_deadline_finds_waiting_is_a_top_ups(tmp_path: Path) -> None:
    world = narrow(tmp_path, until_ms=8_000, policy="release_deadline_s = 1\ntop_ups_max = 3")
    ran = run_backtest(world, [(60, world.save("m.json", TWELVE))])
    assert {line["reason"] for line in ran.of("skip") if line["cycle"] == 1} == {"NOT_SENT"}
    assert Counter(line["cause"] for line in ran.of("cycle"))["top_up"] >= 1
    assert len(ran.assembly.recorder.keeper.positions) == 12


def test_a_flatten_of_more_orders_than_a_second_takes_ends_flat(tmp_path: Path) -> None:
    world = narrow(tmp_path, until_ms=11_000)
    ran = run_shadow(world, [(60, world.save("m.json", TWELVE))], beside=asks(world, 5_000))
    assert len([line for line in ran.of("fill") if line["side"] == "BUY"]) == 12
    assert flattens(ran) == [("taken", ""), ("ended", "flat")]
    assert ran.assembly.recorder.keeper.positions == {}
    assert verify(world.lakehouse).ok
