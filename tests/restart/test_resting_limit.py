"""A resting limit order that had filled in part when a kill came: the restarted venue may fill its rest and nothing beyond."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from nautilus_trader.model.identifiers import InstrumentId

from engine.assemble import Assembly
from lakehouse.verifier import verify
from sim.replay_client import tick_of
from tests.flatten.made import quiet_world
from tests.gate.world import DAY_NS, ETH, MS, World, manifest_text, quote, run_shadow
from tests.restart.test_large_order import cut_after
from tests.venues.test_no_size import day

LIMIT = "4000.02"  # the touch


def killed_after_a_part(root: Path) -> World:
    """The record of a limit order of 7.4999 units of which one has filled."""
    world = day(root, ask="1", count=60)
    ran = run_shadow(world, [(60, world.save("first.json", manifest_text({ETH.symbol: "0.3"})))])
    cut_after(world, next(line["seq"] for line in ran.lines if line["type"] == "fill"))
    raw = world.layout.log.read_bytes().splitlines(keepends=True)
    at = next(place for place, line in enumerate(raw) if json.loads(line)["type"] == "intent")
    intent = {**json.loads(raw[at]), "order_kind": "LIMIT", "limit_price": LIMIT}
    raw[at] = json.dumps(intent, separators=(",", ":")).encode() + b"\n"
    world.layout.log.write_bytes(b"".join(raw))
    assert intent["quantity"] == "7.4999"
    return world


def gone_away(world: World, root: Path) -> World:
    """From now on the price is five above the limit."""
    world.quotes = [
        replace(q, bid=q.bid + 5, ask=q.ask + 5) if q.symbol == ETH.symbol else q
        for q in quiet_world(root, count=160).quotes
        if q.market_ns > DAY_NS + 1_600 * MS
    ]
    return world.write()


def once(work: Callable[[Assembly], None]) -> Callable[[Assembly], Any]:
    """Do it half a second after the start."""

    async def beside(assembly: Assembly) -> None:
        await asyncio.sleep(0.5)
        work(assembly)

    return beside


def test_no_more_than_the_rest_of_a_resting_order_fills_after_a_restart(tmp_path: Path) -> None:
    """Two prices in one breath: at the second the order does not know yet of its fill at the first."""
    world = gone_away(killed_after_a_part(tmp_path), tmp_path / "later")
    kernels: list[Any] = []

    def back(assembly: Assembly) -> None:
        kernel = kernels[0]
        instrument = kernel.cache.instrument(InstrumentId.from_str(ETH.instrument_id))
        for size in ("5", "1000"):
            touch = replace(quote(ETH, 0), ask_size=Decimal(size))
            tick = tick_of(touch, instrument, ts_ns=kernel.clock.timestamp_ns())
            kernel.msgbus.publish(f"data.quotes.BINANCE.{instrument.id.symbol}", tick)

    again = run_shadow(world, prepare=lambda kernel, assembly: kernels.append(kernel), beside=once(back))
    fills = [line for line in again.of("fill") if line["cycle"] == 1]
    assert {line["client_order_id"] for line in fills} == {again.of("intent")[0]["client_order_id"]}
    assert [line["quantity"] for line in fills] == ["1", "5", "1.4999"]
    assert {line["price"] for line in fills} == {LIMIT}
    assert again.of("halt") == []
    report = verify(world.lakehouse)
    assert report.ok
    assert report.open_orders == 0


def test_the_rest_of_a_resting_order_can_be_cancelled_after_a_restart(tmp_path: Path) -> None:
    world = gone_away(killed_after_a_part(tmp_path), tmp_path / "later")

    def cancel(assembly: Assembly) -> None:
        assembly.facade.cancel(next(line["client_order_id"] for line in world.lines() if line["type"] == "intent"))

    again = run_shadow(world, beside=once(cancel))
    assert [line["quantity"] for line in again.of("fill") if line["cycle"] == 1] == ["1"]
    assert again.of("halt") == []
    assert verify(world.lakehouse).open_orders == 0
