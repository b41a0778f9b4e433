"""A market order larger than the touch, cut off by a kill after its first fill: the rest fills once, the sum is the order's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lakehouse.verifier import verify
from tests.cut_records import cut_record
from tests.flatten.made import quiet_world
from tests.gate.world import DAY_NS, ETH, MS, World, manifest_text, run_shadow
from tests.venues.test_no_size import day


def cut_after(world: World, number: int) -> None:
    """Leave of the record what a kill right after log line `number` leaves."""
    cut_record(world.layout, number)
    world.layout.state.unlink(missing_ok=True)


@pytest.mark.parametrize("after", ["send", "received", "ack", "fill"])
@pytest.mark.parametrize("size_after", ["1", "1000"], ids=["a small touch again", "a deep touch"])
def test_the_rest_of_a_large_order_fills_once_after_a_restart(after, size_after, tmp_path):
    world = day(tmp_path, ask="1", count=60)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    ran = run_shadow(world, [(60, first)])
    whole = Decimal(ran.of("intent")[0]["quantity"])
    assert [line["quantity"] for line in ran.of("fill")] == ["1", str(whole - 1)]
    cut_after(world, next(line["seq"] for line in ran.lines if line["type"] == after))
    later = quiet_world(tmp_path / "later", count=120).quotes
    world.quotes += [q for q in later if q.market_ns > DAY_NS + 1_600 * MS]
    world.quotes = [sized(q, size_after) for q in world.quotes]
    world.write()
    again = run_shadow(world)
    bought = [line for line in again.of("fill") if line["side"] == "BUY"]
    if after == "send":  # the venue never had it: it is planned anew, under another id
        assert {line["client_order_id"] for line in bought}.isdisjoint({ran.of("intent")[0]["client_order_id"]})
    assert sum(Decimal(line["quantity"]) for line in bought) == whole
    assert verify(world.lakehouse).ok
    assert verify(world.lakehouse).open_orders == 0
    assert again.of("halt") == []


def sized(quote: Any, size: str) -> Any:
    from msgspec.structs import replace

    return replace(quote, ask_size=Decimal(size)) if quote.symbol == ETH.symbol else quote


def test_an_order_on_its_way_at_the_kill_waits_for_a_price_with_size(tmp_path):
    world = day(tmp_path, ask="1", count=60)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    ran = run_shadow(world, [(60, first)])
    cut_after(world, next(line["seq"] for line in ran.lines if line["type"] == "fill"))
    later = quiet_world(tmp_path / "later", count=140).quotes
    world.quotes = [
        sized(q, "0" if q.market_ns < DAY_NS + 2_600 * MS else "1000") for q in later if q.market_ns > DAY_NS + 1_600 * MS
    ]
    world.write()
    again = run_shadow(world)
    whole = Decimal(ran.of("intent")[0]["quantity"])
    assert sum(Decimal(line["quantity"]) for line in again.of("fill") if line["cycle"] == 1) == whole
    assert [line for line in again.of("reject") if line["client_order_id"] == ran.of("intent")[0]["client_order_id"]] == []
    assert verify(world.lakehouse).ok
