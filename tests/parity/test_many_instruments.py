"""Many instruments at a simulated venue: a price costs its own instrument only, and still settles what is on the wire."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.engine import ExecutionEngine
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId, StrategyId, TraderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.test_kit.stubs.component import TestComponentStubs

from engine.instruments import expiry_sentinel, instrument_of
from orders.values import AccountKind
from sim.replay_client import tick_of
from tests.gate.world import BTC, DAY_NS, ETH, MS, World, quote
from tests.parity.test_wake import DeafTap, OpenLock
from venues.simulated.shadow import ShadowExecutionClient


class Venue:
    """The shadow's simulated venue by itself, its wake-ups never fired: nothing but prices moves it."""

    def __init__(self, tmp_path: Any) -> None:
        config, inputs = World(tmp_path, jitter_ms="0", quotes=[quote(BTC, 0)]).write().load()
        self.clock = TestClock()
        self.clock.set_time(DAY_NS)
        self.trader = TraderId("T-1")
        self.msgbus, cache = MessageBus(trader_id=self.trader, clock=self.clock), TestComponentStubs.cache()
        self.instruments = {s: instrument_of(inputs.listings[s], inputs.market_limits[s]) for s in (BTC.symbol, ETH.symbol)}
        for instrument in (*self.instruments.values(), expiry_sentinel("BINANCE")):
            cache.add_instrument(instrument)
        engine = ExecutionEngine(msgbus=self.msgbus, cache=cache, clock=self.clock)
        engine.start()
        self.cache = cache
        self.halts: list[str] = []
        self.client = ShadowExecutionClient(
            loop=asyncio.new_event_loop(), msgbus=self.msgbus, cache=cache, clock=self.clock,
            portfolio=Portfolio(msgbus=self.msgbus, cache=cache, clock=self.clock),
            venue="BINANCE", account=AccountKind.MARGIN, balances={"USDT": Decimal(100_000)}, assumptions=config.assumptions(),
            lock=OpenLock(), tap=DeafTap(), halt=self.halts.append,
        )  # fmt: skip
        self.client.connect()

    def price(self, listing: Any, at_ms: int, *, ticks: int = 0) -> None:
        self.clock.set_time(DAY_NS + at_ms * MS)
        instrument = self.instruments[listing.symbol]
        tick = tick_of(quote(listing, at_ms, ticks=ticks), instrument, ts_ns=DAY_NS + at_ms * MS)
        self.msgbus.publish(f"data.quotes.BINANCE.{instrument.id.symbol}", tick)

    def submit(self, kind: Any, listing: Any, **terms: Any) -> Any:
        now = self.clock.timestamp_ns()
        order = kind(
            trader_id=self.trader, strategy_id=StrategyId("S-1"), instrument_id=self.instruments[listing.symbol].id,
            client_order_id=ClientOrderId("a" * 32), order_side=OrderSide.BUY, quantity=Quantity.from_str("0.10000"),
            init_id=UUID4(), ts_init=now, **terms,
        )  # fmt: skip
        self.cache.add_order(order)
        self.client.submit_order(
            SubmitOrder(trader_id=self.trader, strategy_id=order.strategy_id, order=order, command_id=UUID4(), ts_init=now)
        )
        return order


@pytest.fixture
def venue(tmp_path: Any) -> Venue:
    return Venue(tmp_path)


def test_a_price_of_another_instrument_settles_an_order_that_is_due(venue: Venue) -> None:
    venue.price(BTC, 0)
    venue.price(ETH, 1)
    order = venue.submit(MarketOrder, BTC)
    venue.price(ETH, 20)
    before = order.status_string()
    venue.price(ETH, 60)
    assert (before, order.status_string(), venue.halts) == ("SUBMITTED", "FILLED", [])


def test_a_resting_order_fills_on_the_price_of_its_own_instrument_and_on_no_other(venue: Venue) -> None:
    venue.price(BTC, 0)
    low = Price(quote(BTC, 0, ticks=-100).bid, venue.instruments[BTC.symbol].price_precision)
    order = venue.submit(LimitOrder, BTC, price=low)
    statuses = []
    for listing, at_ms, ticks in ((ETH, 60, 0), (ETH, 70, -200), (BTC, 80, -50), (BTC, 90, -200)):
        venue.price(listing, at_ms, ticks=ticks)
        statuses.append(order.status_string())
    assert (statuses, venue.halts) == (["ACCEPTED", "ACCEPTED", "ACCEPTED", "FILLED"], [])
