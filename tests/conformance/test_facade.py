"""The synchronous facade from outside the engine: threads, time limits, prices that are missing, manifests that wait."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.order_desks import LiveOrders
from orders.errors import ConfigError, InputError, StorageError, VenueUnavailable
from orders.values import Side
from sim.backtest_run import portfolio_at
from tests.conformance.harness import BacktestHarness
from tests.conformance.made import AAPL, BTC, Made
from tests.conformance.node_harness import NodeHarness
from tests.conformance.traded import PAIR, SHARE
from venues.router import Router
from venues.simulated.adapter import SimulatedAdapter


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeHarness]:
    harness = NodeHarness(Made(tmp_path).write())
    yield harness
    harness.stop()


@pytest.fixture
def backtest(tmp_path: Path) -> Iterator[BacktestHarness]:
    harness = BacktestHarness(Made(tmp_path).write())
    yield harness
    harness.stop()


# threads and time limits


def test_an_answer_that_does_not_come_in_time_is_unknown_and_can_be_asked_for(tmp_path: Path) -> None:
    node = NodeHarness(Made(tmp_path, latency_ms=3_000).write())
    hasty = LiveOrders(node.assembly.facade, loop=node._loop, timeout_s=1.0)
    response = hasty.submit(node.made.request("BUY", "0.1"))
    assert (response.status, response.filled_quantity) == ("UNKNOWN", 0)
    assert response.client_order_id is not None
    assert node.ask_until(response.client_order_id, "FILLED").status == "FILLED"
    assert len(node.lines("send")) == 1
    node.stop()


def test_what_the_engine_had_not_begun_in_time_never_begins(node: NodeHarness) -> None:
    hasty = LiveOrders(node.assembly.facade, loop=node._loop, timeout_s=0.05)
    node._loop.call_soon_threadsafe(time.sleep, 0.3)
    response = hasty.submit(node.made.request("BUY", "0.1"))
    assert (response.status, response.client_order_id) == ("UNKNOWN", None)
    node.advance(500)
    assert not node.lines("intent")


def test_calling_it_on_the_loop_is_an_error_and_sends_nothing(node: NodeHarness) -> None:
    with pytest.raises(RuntimeError, match="on the engine's loop"):
        node.on_engine(lambda: node.submit(node.made.request("BUY", "0.1")))
    with pytest.raises(RuntimeError, match="on the engine's loop"):
        node.on_engine(lambda: node.adapter().get_positions())
    assert not node.lines("intent")


def test_two_callers_at_once_get_one_order_through(node: NodeHarness) -> None:
    first, second = (node.start_order(node.made.request("BUY", "0.1")) for _ in range(2))
    assert sorted((response.status, response.code) for response in (first(), second())) == [
        ("DENIED", "CYCLE_OPEN"),
        ("FILLED", ""),
    ]


def test_a_stopped_engine_is_unavailable(tmp_path: Path) -> None:
    harness = NodeHarness(Made(tmp_path).write())
    request = harness.made.request("BUY", "0.1")
    harness.stop()
    with pytest.raises(VenueUnavailable, match="ENGINE_STOPPED"):
        harness.submit(request)


def test_a_log_that_vanishes_while_an_order_rests_halts_and_the_engine_lives(node: NodeHarness) -> None:
    placed = node.submit(node.made.request("BUY", "0.1", limit="99900"))
    assert placed.client_order_id is not None
    node.made.layout.log.unlink()
    assert node.cancel(placed.client_order_id).status == "CANCELLED"
    node.advance(100)
    with pytest.raises(StorageError):
        node.submit(node.made.request("BUY", "10", symbol=AAPL))
    assert node.venue_orders("US") == node.venue_orders("BINANCE") == []
    assert not node.parts.permission.may_send()
    node.failed.clear()


# prices


def test_a_position_without_a_fresh_price_is_an_error_and_not_a_flat_book(backtest: BacktestHarness) -> None:
    assert backtest.submit(backtest.made.request("BUY", "0.1")).status == "FILLED"
    backtest.advance(61_000)
    with pytest.raises(VenueUnavailable, match="MARK_STALE"):
        backtest.adapter().get_positions()
    backtest.set_quote(PAIR, "100000", "100010")
    assert len(backtest.adapter().get_positions()) == 1


def test_an_order_is_held_while_the_book_cannot_be_valued(backtest: BacktestHarness) -> None:
    backtest.submit(backtest.made.request("BUY", "0.1"))
    backtest.advance(61_000)
    backtest.set_quote(SHARE, "99.99", "100.01")
    response = backtest.submit(backtest.made.request("BUY", "10", symbol=AAPL))
    assert (response.status, response.code) == ("DENIED", "MARK_STALE")
    assert backtest.lines("cycle_end")[-1]["outcome"] == "held"


# beside a manifest


def manifest_with(made: Made, weights: dict[str, float]) -> Path:
    document: dict[str, Any] = json.loads(made.manifest.read_text())
    (winner,) = document["winners"]
    winner["metadata"]["generated_at"] = "2025-01-06T13:59:45"
    for row in winner["assets"]:
        row["Generated_At"] = "2025-01-06T13:59:45"
        row["Net_Weight"] = row["Weight"] = weights[row["Symbol"]]
    path = made.manifest.with_name("next.json")
    path.write_text(json.dumps(document))
    return path


def test_a_manifest_that_comes_while_an_order_works_waits_for_its_end(backtest: BacktestHarness) -> None:
    placed = backtest.submit(backtest.made.request("BUY", "0.1", limit="99900"))
    assert placed.client_order_id is not None
    path = manifest_with(backtest.made, {BTC: 0.05, AAPL: 0.05})
    now = backtest.kernel.clock.timestamp_ns()
    backtest.test.feed((), [portfolio_at(backtest.parts.config, now + 1_000_000, path)])
    backtest.advance(1_000)
    assert [line["cause"] for line in backtest.lines("cycle")] == ["new_manifest", "operator"]
    backtest.cancel(placed.client_order_id)
    assert [line["cause"] for line in backtest.lines("cycle")] == ["new_manifest", "operator", "new_manifest"]
    assert backtest.rebuilt().open_cycle is None


def test_the_operators_cycle_does_not_make_a_manifest_done(backtest: BacktestHarness) -> None:
    before = backtest.rebuilt()
    backtest.submit(backtest.made.request("BUY", "0.1"))
    after = backtest.rebuilt()
    assert (after.cycle, len(after.plans)) == (before.cycle + 1, len(before.plans))


# the router


def adapters(backtest: BacktestHarness, *venues: str) -> list[SimulatedAdapter]:
    return [SimulatedAdapter(venue=name, desk=backtest.orders, market_limits=backtest.parts.market_limits) for name in venues]


def test_the_router_finds_the_adapter_of_a_symbol(backtest: BacktestHarness) -> None:
    router = Router(adapters(backtest, "US", "BINANCE"))
    assert router.venues == ("BINANCE", "US")
    assert router.route(AAPL, backtest.parts.listings).venue == "US"
    assert router.route(BTC, backtest.parts.listings).venue == "BINANCE"


def test_the_router_refuses_what_it_does_not_know(backtest: BacktestHarness) -> None:
    router = Router(adapters(backtest, "US"))
    with pytest.raises(ConfigError, match=r"VENUE_UNKNOWN: one of US .*'BINANCE'"):
        router.adapter("BINANCE")
    with pytest.raises(ConfigError, match="VENUE_UNKNOWN"):
        router.route(BTC, backtest.parts.listings)
    with pytest.raises(InputError, match="NOT_LISTED"):
        router.route("NYSE:ZZZ", backtest.parts.listings)
    with pytest.raises(ConfigError, match="VENUE_TWICE"):
        Router(adapters(backtest, "US", "US"))


def test_an_order_for_another_venue_does_not_reach_the_engine(backtest: BacktestHarness) -> None:
    request = backtest.made.request("BUY", "10", symbol=AAPL)
    assert request.side is Side.BUY
    response = backtest.adapter(PAIR).submit_order(request)
    assert (response.status, response.code) == ("DENIED", "NO_LIMITS")
    assert not backtest.lines("intent")
