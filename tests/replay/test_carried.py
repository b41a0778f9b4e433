"""A run that begins while orders of an earlier process still work: its replay takes them up as the venue did."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.replay_result import ReplayResult
from sim.recorded_run import read_run
from tests.flatten.made import quiet_world
from tests.gate.world import DAY_NS, ETH, MS, World, manifest_text, run_shadow
from tests.parity.stalls import Stalls, memory, undisturbed
from tests.replay.made import lines_of, places_of, replay_of
from tests.restart.test_large_order import cut_after, sized
from tests.venues.test_no_size import day


def killed_and_restarted(root: Path, stalls: Stalls, *, after: str) -> World:
    """A purchase larger than its touch, cut off after a line of that type, and a second run that ends it."""
    world = day(root, ask="1", count=60)
    ran = run_shadow(world, [(60, world.save("first.json", manifest_text({ETH.symbol: "0.3"})))], beside=stalls.watch)
    cut_after(world, next(line["seq"] for line in ran.lines if line["type"] == after))
    later = quiet_world(root / "later", count=120).quotes
    world.quotes += [quote for quote in later if quote.market_ns > DAY_NS + 1_600 * MS]
    world.quotes = [sized(quote, "1000") for quote in world.quotes]
    world.write()
    run_shadow(world, beside=stalls.watch)
    return world


def fills_of(lines: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    return [(line["client_order_id"], line["quantity"], line["price"], line["fee"]) for line in lines if line["type"] == "fill"]


@pytest.mark.parametrize("after", ["received", "ack", "fill"])
def test_what_was_on_its_way_fills_in_the_replay_as_it_did(after: str, tmp_path: Path) -> None:
    with memory() as root:

        def run(number: int, stalls: Stalls) -> tuple[int, World, ReplayResult]:
            world = killed_and_restarted(root / str(number), stalls, after=after)
            return number, world, replay_of(world, tmp_path / str(number))

        number, world, result = undisturbed(run, differs=lambda made: places_of(made[2]))
        recorded = read_run(world.layout, None)
        own = [line for line in world.lines() if line["run_id"] == recorded.start.run_id]
    carried = [order_id for order_id, trace in recorded.fold.open_orders.items() if trace.received is not None]
    assert len(carried) == 1
    assert result.over == ()
    assert result.orders >= 1
    assert fills_of(lines_of(tmp_path / str(number))) == fills_of(own)
    assert sum(Decimal(quantity) for order_id, quantity, *_ in fills_of(own) if order_id == carried[0]) > 0
