"""A flatten in a real node: file in, orders through Sentinel and gate, a flat book, and nothing bought back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lakehouse.flatten_request import read_request
from lakehouse.verifier import verify
from orders.flatten import Scope
from tests.flatten.made import WEIGHTS, asks, at, flattens, quiet_world, request_of
from tests.gate.world import BTC, ETH, SOL, manifest_text, run_shadow


def test_a_flatten_sells_what_is_held_once_through_the_gate_and_the_book_is_flat(tmp_path):
    world = quiet_world(tmp_path)
    first = world.save("first.json", manifest_text(WEIGHTS))
    ran = run_shadow(world, [(60, first)], beside=asks(world, 1_000))
    assert flattens(ran) == [("taken", ""), ("ended", "flat")]
    sells = [line for line in ran.of("intent") if line["side"] == "SELL"]
    assert sorted(line["symbol"] for line in sells) == [BTC.symbol, ETH.symbol]
    allowed = {line["client_order_id"] for line in ran.of("verdict") if line["outcome"] == "ALLOW"}
    assert {line["client_order_id"] for line in sells} <= allowed
    held = ran.assembly.recorder.keeper.positions
    assert all(quantity < Decimal("0.0001") for quantity in held.values())
    assert read_request(world.layout) is None
    assert verify(world.lakehouse).ok
    assert ran.of("halt") == []


def test_the_flattened_manifest_is_not_bought_again_and_a_new_one_is(tmp_path):
    world = quiet_world(tmp_path, count=160)
    first = world.save("first.json", manifest_text(WEIGHTS))
    again = world.save("again.json", manifest_text(WEIGHTS))
    new = world.save("new.json", manifest_text({SOL.symbol: "0.2"}))
    ran = run_shadow(world, [(60, first), (2_000, again), (3_000, new)], beside=asks(world, 1_000))
    after = next(line["seq"] for line in ran.of("flatten") if line["stage"] == "ended")
    later = [line for line in ran.of("intent") if line["seq"] > after]
    assert [(line["symbol"], line["side"]) for line in later] == [(SOL.symbol, "BUY")]
    assert verify(world.lakehouse).ok


def test_a_part_is_flattened_and_stays_flat_while_the_rest_is_kept(tmp_path):
    world = quiet_world(tmp_path, count=160)
    first = world.save("first.json", manifest_text(WEIGHTS))
    ran = run_shadow(world, [(60, first)], beside=asks(world, 1_000, scope=Scope(symbols=(BTC.symbol,))))
    assert flattens(ran) == [("taken", ""), ("ended", "flat")]
    held = ran.assembly.recorder.keeper.positions
    assert held[ETH.symbol] > 7
    assert held.get(BTC.symbol, Decimal(0)) < Decimal("0.0001")
    assert [line["symbol"] for line in ran.of("intent") if line["side"] == "SELL"] == [BTC.symbol]


def test_a_second_start_reads_from_the_log_that_the_manifest_is_withdrawn(tmp_path):
    world = quiet_world(tmp_path, count=160)
    world.quotes, later = world.quotes[:80], world.quotes[80:]
    world.write()
    first = world.save("first.json", manifest_text(WEIGHTS))
    run_shadow(world, [(60, first)], beside=asks(world, 800))
    world.quotes += later
    world.write()
    again = run_shadow(world)
    assert [line["cause"] for line in again.of("cycle")] == ["new_manifest", "operator"]
    assert verify(world.lakehouse).ok


@pytest.mark.parametrize("where", ["the file comes back in the same run", "the file comes back in the next run"])
def test_a_copied_request_does_not_flatten_twice(where, tmp_path):
    """Bought again by a new manifest in between, so that there would be something to sell."""
    world = quiet_world(tmp_path, count=200)
    kept = request_of()
    first = world.save("first.json", manifest_text(WEIGHTS))
    new = world.save("new.json", manifest_text({ETH.symbol: "0.2"}))
    raw = b""

    async def beside(assembly):
        nonlocal raw
        from lakehouse.flatten_request import write_request

        await at(world, 700, lambda assembly: write_request(world.layout, kept))(assembly)
        raw = world.layout.flatten_request.read_bytes()
        if "same" in where:
            await at(world, 2_500, lambda assembly: world.layout.flatten_request.write_bytes(raw))(assembly)

    if "next" in where:
        world.quotes, later = world.quotes[:110], world.quotes[110:]
        world.write()
    ran = run_shadow(world, [(60, first), (1_500, new)], beside=beside)
    if "next" in where:
        world.quotes += later
        world.write()
        world.layout.flatten_request.write_bytes(raw)
        ran = run_shadow(world)
    assert flattens(ran) == [("taken", ""), ("ended", "flat")]
    assert ran.assembly.recorder.keeper.positions[ETH.symbol] > 4
    assert read_request(world.layout) is None


@pytest.mark.parametrize("symbols", [(), (BTC.symbol,)], ids=["everything", "one symbol"])
def test_looks_at_the_drift_do_not_buy_it_back(symbols, tmp_path):
    """Every second the book is held against a manifest that is done: what was flattened has drifted all the way."""
    world = quiet_world(tmp_path, count=200, policy="drift_check_s = 1")
    first = world.save("first.json", manifest_text(WEIGHTS))
    ran = run_shadow(world, [(60, first)], beside=asks(world, 1_200, scope=Scope(symbols=symbols)))
    ended = next(line["seq"] for line in ran.of("flatten") if line["stage"] == "ended")
    assert [line for line in ran.of("intent") if line["seq"] > ended and line["side"] == "BUY"] == []
    held = ran.assembly.recorder.keeper.positions
    assert all(held.get(symbol, Decimal(0)) < Decimal("0.001") for symbol in symbols or (BTC.symbol, ETH.symbol))
    assert verify(world.lakehouse).ok
