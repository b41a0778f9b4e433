"""Whole runs against the contracts: nothing is doubled, the state is what was filled, every line names where it comes from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.state import own_states
from tests.gate.world import BTC, ETH, SOURCE_RUN, Ran, World, manifest_text, quote, run_backtest, run_shadow

WEIGHTS = {BTC.symbol: "0.2", ETH.symbol: "0.1"}


def made(tmp_path: Path, *, until_ms: int = 2000) -> World:
    return World(tmp_path, quotes=[quote(name, at_ms) for at_ms in range(0, until_ms, 100) for name in (BTC, ETH)]).write()


def of(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == kind]


def ids(lines: list[dict[str, Any]], kind: str = "intent") -> list[str]:
    return [line["client_order_id"] for line in of(lines, kind)]


def test_a_manifest_told_again_and_again_trades_once(tmp_path: Path) -> None:
    world = made(tmp_path)
    path = world.save("m.json", manifest_text(WEIGHTS))
    ran = run_shadow(world, [(at_ms, path) for at_ms in range(0, 1600, 200)])  # each time a new file with a new time
    assert len(ids(ran.lines)) == len(set(ids(ran.lines))) == 2
    assert sorted(ids(ran.lines, "send")) == sorted(ids(ran.lines))
    assert len(of(ran.lines, "cycle")) == 1


def test_a_second_start_trades_nothing(tmp_path: Path) -> None:
    world = made(tmp_path)
    world.install(manifest_text(WEIGHTS))
    first = run_shadow(world)
    log, state = world.layout.log.read_bytes(), own_states(world.layout.state)
    said: list[str] = []
    second = second_start(world, said)
    assert second == 0
    assert any("played to its end" in text for text in said)
    assert world.layout.log.read_bytes() == log
    assert own_states(world.layout.state) == state
    assert len(of(first.lines, "fill")) >= 2


def second_start(world: World, said: list[str]) -> int:
    import asyncio

    from sim.shadow_run import ShadowRun

    config, inputs = world.load()
    run = ShadowRun(config=config, inputs=inputs, layout=world.layout, run_id="second", as_json=False, say=said.append)
    return asyncio.run(run.run())


def test_backtest_and_shadow_make_the_same_ids_of_the_same_manifest(tmp_path: Path) -> None:
    world = made(tmp_path)
    path = world.save("m.json", manifest_text(WEIGHTS))
    world.install(path.read_text())
    assert sorted(ids(run_backtest(world, [(0, path)]).lines)) == sorted(ids(run_shadow(world).lines))


@pytest.mark.parametrize("regime", ["QUIET", "CRISIS"], ids=["filled", "refused before any fill"])
def test_the_state_is_what_was_filled_and_never_what_was_wanted(tmp_path: Path, regime: str) -> None:
    world = made(tmp_path)
    world.install(manifest_text(WEIGHTS, regime=regime))
    ran = run_shadow(world)
    sums: dict[str, Any] = {}
    for fill in of(ran.lines, "fill"):
        sums[fill["symbol"]] = sums.get(fill["symbol"], 0) + 1
    assert set(sums) == (set(WEIGHTS) if regime == "QUIET" else set())
    (state,) = own_states(world.layout.state).values()
    assert dict(state.positions) == ran.assembly.recorder.keeper.snapshot().positions
    assert set(state.positions) == set(sums)


def test_before_the_first_fill_there_is_no_state(tmp_path: Path) -> None:
    world = made(tmp_path)
    world.install(manifest_text(WEIGHTS))
    seen: list[bool] = []

    def prepare(kernel: Any, assembly: Any) -> None:
        told = assembly.desk.on_plan

        def on_plan(made_plan: Any, judgement: Any) -> None:
            seen.append(world.layout.state.exists())
            told(made_plan, judgement)

        assembly.desk.on_plan = on_plan

    run_shadow(world, prepare=prepare)
    assert seen == [False]
    assert world.layout.state.exists()


def test_every_line_of_an_order_names_the_bytes_and_the_run_it_comes_from(tmp_path: Path) -> None:
    world = made(tmp_path)
    text = manifest_text(WEIGHTS)
    world.install(text)
    ran: Ran = run_shadow(world)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    for kind in ("manifest", "plan", "intent", "fill"):
        assert {line["manifest_sha256"] for line in of(ran.lines, kind)} == {sha256}
    for kind in ("manifest", "intent", "fill"):
        assert {line["source_run"] for line in of(ran.lines, kind)} == {SOURCE_RUN}
    ledger = [json.loads(line) for line in world.layout.ledger.read_bytes().splitlines()]
    assert {record["body"]["manifest_sha256"] for record in ledger if record["type"] == "FILL"} == {sha256}
