"""Each cause provoked once, in a real run or by replaying one under other inputs: it is found, and named as what it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.flatten.made import asks, at, quiet_world
from tests.gate.world import BTC, ETH, World, manifest_text, run_shadow
from tests.parity.test_made_day import made_day, manifests
from tests.replay.made import other_config, replay_of, shift_quotes

WEIGHTS = {BTC.symbol: "0.3", ETH.symbol: "0.3"}


def causes(result: Any) -> set[str]:
    return {name for name, count in result.causes.items() if count}


def coarse_limits(world: World) -> tuple[str, str]:
    document = json.loads((world.root / "limits.json").read_text())
    for row in document["limits"]:
        row["step_size"] = row["min_quantity"] = "0.01"
    (world.root / "coarse.json").write_text(json.dumps(document))
    return f'market_limits = "{world.root}/limits.json"', f'market_limits = "{world.root}/coarse.json"'


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (('\nlatency_ms = "40"', '\nlatency_ms = "240"'), "latency"),
        (('taker_fraction = "0.001"', 'taker_fraction = "0.002"'), "fee"),
        (('slippage_bps = "0"', 'slippage_bps = "5"'), "price"),
        (('max_order_value_base = "60000"', 'max_order_value_base = "20000"'), "verdict"),
        (coarse_limits, "rounding"),
    ],
    ids=["another latency", "another fee", "slippage", "a lower cap on orders", "a coarser step"],
)
def test_under_another_assumption_the_difference_is_named_after_it(change: Any, cause: str, day: Any, tmp_path: Any) -> None:
    world, _, _ = day
    chosen = change(world) if callable(change) else change
    result = replay_of(world, tmp_path / "record", config=other_config(world, chosen))
    assert result.differences[0].cause == cause, result.differences
    assert causes(result) == {cause}, result.differences
    assert not result.ok


def test_another_name_of_a_config_that_says_the_same_changes_nothing(day: Any, tmp_path: Any) -> None:
    """The good twin of the table above."""
    world, _, _ = day
    result = replay_of(world, tmp_path / "record", config=other_config(world, ("[policy]", "[policy] # the same")))
    assert (result.differences, result.ok) == ((), True)
    assert result.changed == {"config_sha256": "data"}


def copied(world: World, root: Path) -> World:
    """The same record elsewhere, to be spoilt."""
    shutil.copytree(world.lakehouse, root / "lakehouse")
    return World(root, quotes=world.quotes)


def test_altered_quotes_are_found_as_data(day: Any, tmp_path: Any) -> None:
    world = copied(day[0], tmp_path)
    shift_quotes(world, by="0.05")
    result = replay_of(world, tmp_path / "record")
    assert causes(result) == {"data"}, result.differences
    assert any("is not what was recorded" in remark for remark in result.remarks)


def thin_day(root: Path) -> World:
    """The made day with a touch that is smaller than the orders."""
    world = made_day(root)
    world.quotes = [msgspec.structs.replace(quote, ask_size=quote.ask_size / 10_000) for quote in world.quotes]
    return world.write()


def test_an_order_that_fills_in_other_parts_is_a_partial_fill(tmp_path: Any) -> None:
    world = thin_day(tmp_path / "day")
    ran = run_shadow(world, manifests(world))
    changed = other_config(world, ('slippage_bps = "0"', 'slippage_bps = "0.0001"'))
    result = replay_of(world, tmp_path / "record", config=changed)
    assert len(ran.of("fill")) > len(ran.of("intent"))
    assert result.differences[0].cause == "partial fill", result.differences[0]


def test_a_flatten_is_a_manual_action_and_what_follows_from_it_too(tmp_path: Any) -> None:
    world = quiet_world(tmp_path / "day")
    ran = run_shadow(world, [(60, world.save("m.json", manifest_text(WEIGHTS)))], beside=asks(world, 800))
    result = replay_of(world, tmp_path / "record")
    assert [line["cause"] for line in ran.of("cycle")] == ["new_manifest", "operator"]
    assert causes(result) == {"manual action"}, result.differences
    assert {one.action for one in result.manual} == {"flatten taken", "flatten ended"}


def test_a_persons_halt_is_replayed_at_its_instant(tmp_path: Any) -> None:
    """A second manifest comes after it: the run sends nothing of it, and neither does the replay."""
    world = quiet_world(tmp_path / "day")
    paths = [world.save("1.json", manifest_text(WEIGHTS)), world.save("2.json", manifest_text({BTC.symbol: "0.1"}))]
    halt = at(world, 900, lambda assembly: world.layout.permission.unlink())
    ran = run_shadow(world, [(60, paths[0]), (1_600, paths[1])], beside=halt)
    result = replay_of(world, tmp_path / "record")
    assert len(ran.of("halt")) == 1
    assert len(ran.of("manifest")) == 3
    assert (result.differences, [one.replayed for one in result.manual]) == ((), [True])
