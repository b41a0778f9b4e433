"""A touch without size fills nothing, and a touch smaller than the order gives its size and one tick further: in both kernels."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from tests.flatten.made import quiet_world
from tests.gate.world import DAY_NS, ETH, MS, Ran, World, manifest_text, run_backtest, run_shadow
from tests.parity.comparison import fills_of, orders_of

KERNELS = {"backtest": run_backtest, "node": run_shadow}
PASSIVE = '[schedules.slow]\nkind = "passive_then_cross"\ntimeout_s = 1\n'


def day(
    root: Any,
    *,
    ask: str,
    bid: str = "1000",
    begin_ms: int = 100,
    end_ms: int = 10_000,
    changed: tuple[str, str] = ("", ""),
    count: int = 80,
    fall_ms: int = 10_000,
    **more: Any,
) -> World:
    """A day on which the touch of ETH has these sizes from `begin_ms` to `end_ms`, and its price falls 5 at `fall_ms`."""
    world = quiet_world(root, count=count, **more)

    def made(quote: Any) -> Any:
        ms = (quote.market_ns - DAY_NS) // MS
        if quote.symbol != ETH.symbol:
            return quote
        if begin_ms <= ms < end_ms:
            quote = replace(quote, bid_size=Decimal(bid), ask_size=Decimal(ask))
        return replace(quote, bid=quote.bid - 5, ask=quote.ask - 5) if ms >= fall_ms else quote

    world.quotes = [made(quote) for quote in world.quotes]
    world.write()
    text = world.config_path.read_text()
    assert changed[0] in text
    world.config_path.write_text(text.replace(*changed) if changed[0] else text)
    return world


def run(kernel: str, world: World, **more: Any) -> Ran:
    first = world.save("first.json", manifest_text({ETH.symbol: "0.3"}))
    return KERNELS[kernel](world, [(60, first)], **more)


FAR = {
    "the touch": ("", ""),
    "the plain touch": ('bar_half_spread_bps = "1"', 'bar_half_spread_bps = "0"'),
    "slippage": ('slippage_bps = "0"', 'slippage_bps = "2"'),
    "perfect fills": ('fill_rule = "touch"', 'fill_rule = "perfect"'),
    "no own consumption": ("own_consumption = true", "own_consumption = false"),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("changed", FAR.values(), ids=FAR)
def test_a_market_order_that_meets_no_size_is_rejected_and_its_cycle_ends(changed, kernel, tmp_path):
    latency = "0" if "perfect" in changed[1] else "5"
    ran = run(kernel, day(tmp_path, ask="0", changed=changed, latency_ms=latency))
    assert ran.of("fill") == []
    (reject,) = ran.of("reject")
    assert reject["by"] == "venue"
    assert ("no market" if "consumption" in changed[1] or latency == "0" else "NO_SIZE") in reject["message"]
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done"]
    assert ran.of("halt") == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_size_on_the_other_side_does_not_matter(kernel, tmp_path):
    ran = run(kernel, day(tmp_path, ask="1000", bid="0"))
    assert [line["price"] for line in ran.of("fill")] == ["4000.02"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_size_that_comes_back_before_the_order_arrives_fills_it(kernel, tmp_path):
    ran = run(kernel, day(tmp_path, ask="0", begin_ms=0, end_ms=100, latency_ms="150"))
    assert [line["quantity"] for line in ran.of("fill")] == ["7.4999"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_resting_order_is_not_filled_by_a_price_that_crosses_it_without_size(kernel, tmp_path):
    world = day(tmp_path, ask="0", bid="0", begin_ms=300, fall_ms=500, policy='schedule = "slow"', schedules=PASSIVE, count=100)
    ran = run(kernel, world)
    assert ran.of("fill") == []
    (reject,) = ran.of("reject")
    assert "NO_SIZE" in reject["message"]


LARGE = {
    "a tenth of it at the touch": ("0.75", ["0.75", "6.7499"], ["4000.02", "4000.03"]),
    "all of it but one step": ("7.4998", ["7.4998", "0.0001"], ["4000.02", "4000.03"]),
    "exactly all of it": ("7.4999", ["7.4999"], ["4000.02"]),
    "the smallest size there is": ("0.0001", ["0.0001", "7.4998"], ["4000.02", "4000.03"]),
}


@pytest.mark.parametrize(("ask", "quantities", "prices"), LARGE.values(), ids=LARGE)
def test_an_order_larger_than_the_touch_fills_the_same_in_backtest_and_node(ask, quantities, prices, tmp_path):
    test, node = (run(kernel, day(tmp_path / kernel, ask=ask)) for kernel in KERNELS if not (tmp_path / kernel).mkdir())
    assert [line["quantity"] for line in test.of("fill")] == quantities
    assert [line["price"] for line in test.of("fill")] == prices
    assert fills_of(node) == fills_of(test)
    assert orders_of(node) == orders_of(test)


def test_two_large_orders_of_one_symbol_do_not_take_the_same_size_twice(tmp_path):
    """A first cycle takes half of the touch, a second one more than the rest while the touch stands as it was."""
    made = []
    for kernel, runner in KERNELS.items():
        (tmp_path / kernel).mkdir()
        world = day(tmp_path / kernel, ask="5", count=120)
        first = world.save("first.json", manifest_text({ETH.symbol: "0.1"}))
        second = world.save("second.json", manifest_text({ETH.symbol: "0.3"}))
        made.append(runner(world, [(460, first), (1_465, second)]))
    test, node = made
    at_touch = [Decimal(line["quantity"]) for line in test.of("fill") if line["price"] == "4000.02"]
    assert sum(at_touch) == 5
    assert len(test.of("fill")) == 3
    assert fills_of(node) == fills_of(test)
