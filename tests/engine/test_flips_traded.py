"""A position that changes sign on margin: closed by a reduce-only order, opened by another once that has filled whole."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderInitialized

from sim.feed import FeedQuote
from tests.gate.world import Ran, World, manifest_text, quote, run_backtest, run_shadow, shares

A, B = shares(2)
LONG = manifest_text({A.symbol: "0.4"}, generated="2025-01-06T13:59:30")
SHORT = manifest_text({A.symbol: "-0.3"}, generated="2025-01-06T13:59:31")
type Run = Callable[..., Ran]


def margin_world(root: Path, *, policy: str = 'flips = "same_plan"', schedules: str = "") -> World:
    world = World(root, names=(A, B), latency_ms="5", jitter_ms="0", policy=policy, schedules=schedules)
    world.quotes = [quote(name, ms) for ms in range(50, 2_000, 50) for name in world.names]
    text = world.write().config_path.read_text()
    world.config_path.write_text(text.replace('account = "cash"', 'account = "margin"'))
    return world


def manifests(world: World) -> list[tuple[int, Path]]:
    return [(60, world.save("long.json", LONG)), (600, world.save("short.json", SHORT))]


@pytest.fixture(params=[run_backtest, run_shadow], ids=["backtest", "node"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param  # type: ignore[no-any-return]


def test_a_flip_closes_reduce_only_and_then_opens_in_the_same_cycle(run: Run, tmp_path: Path) -> None:
    world = margin_world(tmp_path)
    ran = run(world, manifests(world))
    closing, opening = [line for line in ran.of("intent") if line["cycle"] == 2]
    assert (closing["reduce_only"], opening["reduce_only"]) == (True, False)
    assert [line["client_order_id"] for line in ran.of("fill")][1:] == [closing["client_order_id"], opening["client_order_id"]]
    sent = {line["client_order_id"]: line["seq"] for line in ran.of("send")}
    closed = next(line["seq"] for line in ran.of("fill") if line["client_order_id"] == closing["client_order_id"])
    assert sent[opening["client_order_id"]] > closed
    assert ran.assembly.recorder.keeper.positions[A.symbol] == -Decimal(opening["quantity"])
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "done"]
    assert not ran.of("reject", "halt")


def test_the_order_the_venue_gets_is_reduce_only(tmp_path: Path) -> None:
    world = margin_world(tmp_path)
    seen: list[tuple[OrderSide, bool]] = []

    def prepare(kernel: Any, assembly: Any) -> None:
        def on_event(event: Any) -> None:
            if isinstance(event, OrderInitialized):
                seen.append((event.side, event.reduce_only))

        kernel.msgbus.subscribe("events.order.*", on_event)

    run_backtest(world, manifests(world), prepare=prepare)
    assert seen == [(OrderSide.BUY, False), (OrderSide.SELL, True), (OrderSide.SELL, False)]


def test_an_opening_leg_whose_closing_leg_does_not_fill_is_skipped_with_the_reason(tmp_path: Path) -> None:
    world = margin_world(tmp_path)

    def deny_the_closing_leg(kernel: Any, assembly: Any) -> None:
        def on_event(event: Any) -> None:
            if isinstance(event, OrderInitialized) and event.reduce_only:
                assembly.gate.revoke(event.client_order_id.value)

        kernel.msgbus.subscribe("events.order.*", on_event)

    ran = run_backtest(world, manifests(world), prepare=deny_the_closing_leg)
    assert [line["reason"] for line in ran.of("skip")] == ["FLIP_NOT_CLOSED"]
    assert [line["cause"] for line in ran.of("cancel")] == ["not_released"]
    assert ran.assembly.recorder.keeper.positions[A.symbol] > 0


@pytest.mark.parametrize("run_it", [run_backtest, run_shadow], ids=["backtest", "node"])
def test_an_opening_leg_waits_for_the_last_child_of_its_closing_leg(run_it: Run, tmp_path: Path) -> None:
    schedule = '[schedules.slices]\nkind = "twap"\nduration_s = 1\nslices = 2\n'
    policy = 'flips = "same_plan"\nschedule = "slices"'
    world = margin_world(tmp_path, policy=policy, schedules=schedule)
    world.quotes = [quote(name, ms) for ms in range(50, 5_000, 50) for name in world.names]
    text = world.config_path.read_text()
    world.write()
    world.config_path.write_text(text)
    ran = run_it(world, [(60, world.save("long.json", LONG)), (1_500, world.save("short.json", SHORT))])
    children = [line for line in ran.of("intent") if line["cycle"] == 2 and line["parent_client_order_id"]]
    closing = [line for line in children if line["reduce_only"]]
    opening = [line for line in children if not line["reduce_only"]]
    assert (len(closing), len(opening)) == (2, 2)
    filled = {line["client_order_id"]: line["seq"] for line in ran.of("fill")}
    assert min(line["seq"] for line in opening) > max(filled[line["client_order_id"]] for line in closing)
    assert ran.assembly.recorder.keeper.positions[A.symbol] < 0
    assert not ran.of("reject", "halt")


def test_in_two_cycles_the_other_side_is_a_top_ups(run: Run, tmp_path: Path) -> None:
    world = margin_world(tmp_path, policy='flips = "next_cycle"\ntop_ups_max = 1')
    ran = run(world, manifests(world))
    assert [line["cause"] for line in ran.of("cycle")] == ["new_manifest", "new_manifest", "top_up"]
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "partial", "done"]
    assert ran.assembly.recorder.keeper.positions[A.symbol] < 0


def test_an_opening_leg_at_a_touch_that_its_closing_leg_has_taken_fills_a_tick_further(run: Run, tmp_path: Path) -> None:
    """The touch holds half of the closing leg: Nautilus alone would leave the opening leg at the venue for ever."""
    world = margin_world(tmp_path)
    world.quotes = [
        FeedQuote(market_ns=q.market_ns, symbol=q.symbol, bid=q.bid, ask=q.ask, bid_size=Decimal(200), ask_size=q.ask_size)
        for q in world.quotes
    ]
    text = world.config_path.read_text()
    world.write()
    world.config_path.write_text(text)
    ran = run(world, manifests(world))
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "done"]
    touch = world.quotes[0].bid
    sold = [(line["price"], line["quantity"]) for line in ran.of("fill") if line["side"] == "SELL"]
    assert sold[0] == (str(touch).rstrip("0").rstrip("."), "200")
    assert {Decimal(price) for price, _ in sold[1:]} == {touch - Decimal("0.01")}
