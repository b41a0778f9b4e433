"""A flatten in the middle of an open cycle: what works is cancelled first, and nothing is sold twice or bought after."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lakehouse.verifier import verify
from orders.flatten import Scope
from tests.flatten.made import asks, flattens, net, quiet_world
from tests.gate.world import BTC, ETH, Ran, manifest_text, run_shadow

TWAP = '[schedules.slow]\nkind = "twap"\nduration_s = 2\nslices = 40\n'
PASSIVE = '[schedules.slow]\nkind = "passive_then_cross"\ntimeout_s = 60\n'
SLOW = 'schedule = "slow"'
DUST = Decimal("0.0002")  # fees in kind leave less than a step


def flat(ran: Ran, *symbols: str) -> bool:
    held = ran.assembly.recorder.keeper.positions
    return all(0 <= held.get(symbol, Decimal(0)) < DUST for symbol in symbols)


def ends(ran: Ran) -> list[tuple[str, str]]:
    causes = {line["cycle"]: line["cause"] for line in ran.of("cycle")}
    return [(causes[line["cycle"]], line["outcome"]) for line in ran.of("cycle_end")]


def after_taken(ran: Ran, *, side: str) -> list[str]:
    taken = ran.of("flatten")[0]["seq"]
    return [line["client_order_id"] for line in ran.of("intent") if line["seq"] > taken and line["side"] == side]


def test_a_schedule_in_the_middle_is_stopped_its_children_end_and_what_it_bought_is_sold(tmp_path):
    world = quiet_world(tmp_path, count=140, policy=SLOW, schedules=TWAP)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    ran = run_shadow(world, [(60, first)], beside=asks(world, 1_000))
    assert flattens(ran) == [("taken", ""), ("ended", "flat")]
    assert 0 < len([line for line in ran.of("fill") if line["side"] == "BUY"]) < 40
    assert flat(ran, ETH.symbol)
    assert after_taken(ran, side="BUY") == []
    first_end, *others = ends(ran)  # a child that filled late is sold by a cycle more
    assert (first_end, set(others)) == (("new_manifest", "withdrawn"), {("operator", "done")})
    assert verify(world.lakehouse).ok
    assert ran.of("halt") == []


def test_resting_buys_are_cancelled_and_nothing_is_left_to_fill(tmp_path):
    world = quiet_world(tmp_path, count=140, policy=SLOW, schedules=PASSIVE)
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    ran = run_shadow(world, [(60, first)], beside=asks(world, 1_000))
    assert flattens(ran) == [("taken", ""), ("ended", "flat")]
    assert ran.of("fill") == []
    assert ran.kernel.cache.orders_open() == []
    assert ends(ran) == [("new_manifest", "withdrawn")]
    assert verify(world.lakehouse).open_orders == 0


def test_a_resting_sale_is_cancelled_and_not_doubled(tmp_path):
    """Two starts: the first buys at once, the second rests a sale of the half."""
    world = quiet_world(tmp_path, count=200)
    world.quotes, later = world.quotes[:60], world.quotes[60:]
    world.write()
    first = world.save("first.json", manifest_text({ETH.symbol: "0.4"}))
    second = world.save("second.json", manifest_text({ETH.symbol: "0.2"}))
    run_shadow(world, [(60, first)])
    world.quotes, world.policy, world.schedules = world.quotes + later, SLOW, PASSIVE
    world.write()
    ran = run_shadow(world, [(1_700, second)], beside=asks(world, 2_700))
    resting = [line for line in ran.of("intent") if line["order_kind"] == "LIMIT"]
    assert [line["side"] for line in resting] == ["SELL"]
    assert flattens(ran) == [("taken", ""), ("ended", "flat")]
    assert len(after_taken(ran, side="SELL")) == 1
    assert flat(ran, ETH.symbol)
    assert abs(net(ran, ETH.symbol)) < Decimal("0.02")
    assert verify(world.lakehouse).ok


def test_a_part_flattened_in_an_open_cycle_leaves_the_rest_to_a_top_up(tmp_path):
    world = quiet_world(tmp_path, count=260, policy=SLOW, schedules=TWAP)
    first = world.save("first.json", manifest_text({BTC.symbol: "0.3", ETH.symbol: "0.3"}))
    ran = run_shadow(world, [(60, first)], beside=asks(world, 1_000, scope=Scope(symbols=(BTC.symbol,))))
    assert flattens(ran) == [("taken", ""), ("ended", "flat")]
    assert ends(ran) == [("new_manifest", "interrupted"), ("operator", "done"), ("top_up", "done")]
    assert flat(ran, BTC.symbol)
    assert abs(ran.assembly.recorder.keeper.positions[ETH.symbol] * 4000 - 30_000) < 200
    assert verify(world.lakehouse).ok


@pytest.mark.parametrize("symbols", [(), (ETH.symbol,)], ids=["everything", "one symbol"])
def test_a_manifest_that_waits_for_prices_is_given_up_or_planned_without_what_was_flattened(symbols, tmp_path):
    """SOL has no price until two seconds have passed: the manifest waits, and the flatten comes before it trades."""
    from tests.gate.world import SOL

    world = quiet_world(tmp_path, count=200)
    world.quotes = [q for i, q in enumerate(world.quotes) if q.symbol != SOL.symbol or i > 80]
    world.write()
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3", SOL.symbol: "0.2"}))
    ran = run_shadow(world, [(60, first)], beside=asks(world, 1_000, scope=Scope(symbols=symbols)))
    bought = {line["symbol"] for line in ran.of("intent")}
    assert bought == (set() if not symbols else {SOL.symbol})
    assert flattens(ran)[-1] == ("ended", "flat")
    assert verify(world.lakehouse).ok
