"""A kill while buys wait, between a partial cycle and its top-up, and between a superseded cycle and the next."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse.verifier import verify
from tests.cut_records import cut_record
from tests.engine.test_in_flight_traded import LESS_OF_A, met
from tests.engine.test_in_flight_traded import A as FIRST_A
from tests.engine.test_in_flight_traded import B as FIRST_B
from tests.engine.test_release_traded import SLICES, A, B, C, rebalance
from tests.gate.world import DAY_NS, MS, Ran, World, quote, run_shadow

type Line = dict[str, Any]
LATER_MS = 2_000  # past the last price of the run that was killed


def cut(world: World, before: Callable[[Line], bool], manifest: Path, *, nth: int = 0) -> None:
    """Leave what a kill before that line leaves, the manifest of the hour in place, and prices for a later hour."""
    lines = world.lines()
    number = [line["seq"] for line in lines if before(line)][nth]
    cut_record(world.layout, number - 1)
    world.layout.state.unlink(missing_ok=True)
    shutil.rmtree(world.lakehouse / "snapshots", ignore_errors=True)
    world.install(manifest.read_text())
    later(world)


def later(world: World) -> None:
    text = world.config_path.read_text()
    last_ms = max(((made.market_ns - DAY_NS) // MS for made in world.quotes), default=60_000)
    first_ms = last_ms // 1_000 * 1_000 + LATER_MS
    world.quotes = world.quotes + [quote(name, first_ms + ms) for ms in range(20, 5_500, 100) for name in world.names]
    world.write()
    world.config_path.write_text(text)


def restarted(world: World) -> tuple[Ran, list[Line]]:
    before = len(world.lines())
    ran = run_shadow(world)
    assert ran.code == 0, ran.said
    report = verify(world.lakehouse)
    assert report.ok, report.first_bad
    assert report.open_orders == 0
    ids = [line["client_order_id"] for line in ran.of("send") if line["action"] == "submit"]
    assert len(ids) == len(set(ids)), "an order was sent twice"
    return ran, ran.lines[before:]


def of(lines: Iterable[Line], kind: str, **facts: Any) -> list[Line]:
    return [line for line in lines if line["type"] == kind and all(line.get(name) == value for name, value in facts.items())]


def weights(ran: Ran, *names: Any) -> list[Decimal]:
    """Fractions of 100,000, at 100 a share."""
    return [ran.assembly.recorder.keeper.positions[name.symbol] / 1_000 for name in names]


def near(found: list[Decimal], *wanted: str) -> bool:
    return all(abs(value - Decimal(target)) < Decimal("0.006") for value, target in zip(found, wanted, strict=True))


def test_buys_that_waited_for_their_proceeds_are_planned_anew_and_nothing_is_sold_twice(tmp_path: Path) -> None:
    world, manifests = rebalance(tmp_path)
    run_shadow(world, manifests)
    cut(
        world,
        lambda line: line["type"] == "fill" and line["symbol"] == A.symbol and line["side"] == "SELL",
        manifests[1][1],
        nth=1,
    )
    ran, new = restarted(world)
    assert {line["cause"] for line in of(new, "cancel")} >= {"schedule_interrupted"}
    assert [line["cause"] for line in of(new, "cycle")] == ["top_up"]
    assert near(weights(ran, A, B, C), "0.5", "0.24", "0.24")
    assert ran.assembly.recorder.keeper.cash["US"]["USD"] >= 0


def test_a_kill_between_a_partial_cycle_and_its_top_up_does_not_lose_it(tmp_path: Path) -> None:
    world, manifests = rebalance(tmp_path, policy=SLICES + "release_deadline_s = 1\ntop_ups_max = 1\n", until_ms=9_000)
    run_shadow(world, manifests)
    cut(world, lambda line: line["type"] == "cycle" and line["cause"] == "top_up", manifests[1][1])
    ran, new = restarted(world)
    assert [line["cause"] for line in of(new, "cycle")] == ["top_up"]
    assert [line["outcome"] for line in of(new, "cycle_end")] == ["done"]
    assert near(weights(ran, A, B, C), "0.5", "0.24", "0.24")


@pytest.mark.parametrize("where", ["between the cycles", "before the cancels"])
def test_a_kill_while_a_newer_manifest_takes_over_ends_where_it_wanted_to(where: str, tmp_path: Path) -> None:
    met(run_shadow, tmp_path, "replace", LESS_OF_A)
    world = World(tmp_path, names=(FIRST_A, FIRST_B))
    config = (tmp_path / "made.toml").read_text()
    world.write()
    world.config_path.write_text(config)
    if where == "between the cycles":
        cut(world, lambda line: line["type"] == "cycle" and line["cycle"] == 2, tmp_path / "2.json")
    else:
        cut(world, lambda line: line["type"] == "cancel", tmp_path / "2.json")
    ran, new = restarted(world)
    assert of(new, "cycle")
    assert near(weights(ran, FIRST_A, FIRST_B), "0.15", "0.4")
