"""The shadow's due times on a wall clock that runs slower than the loop's."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.engine import ExecutionEngine
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId, StrategyId, TraderId
from nautilus_trader.model.objects import Quantity
from nautilus_trader.model.orders import MarketOrder
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.test_kit.stubs.component import TestComponentStubs

from engine.instruments import instrument_of
from orders.values import AccountKind
from sim.replay_client import tick_of
from tests.gate.world import BTC, DAY_NS, MS, World, quote
from venues.simulated.shadow import ShadowExecutionClient

WAIT_S_MAX = 60.0


class OpenLock:
    """A lock that lets everything pass: this is about time."""

    def refusal(self, order: Any) -> str:
        return ""


class DeafTap:
    """A recorder that keeps nothing and is durable at once."""

    def sending(self, order: Any, *, action: str) -> None: ...

    def received(self, client_order_id: str, *, venue: str, due_ns: int) -> None: ...

    def refused(self, order: Any, *, code: str) -> None: ...

    def when_durable(self, callback: Any, *, meanwhile: Any = None) -> None:
        callback()


def test_a_wake_before_the_wall_clocks_due_instant_is_repeated(tmp_path):
    """Latency 40 ms; the loop's timer fires while the wall clock stands at 20 ms; no quote comes after it."""
    config, inputs = World(tmp_path, jitter_ms="0", quotes=[quote(BTC, 0)]).write().load()
    instrument = instrument_of(inputs.listings[BTC.symbol], inputs.market_limits[BTC.symbol])
    clock = TestClock()
    clock.set_time(DAY_NS)
    trader = TraderId("T-1")
    msgbus, cache = MessageBus(trader_id=trader, clock=clock), TestComponentStubs.cache()
    cache.add_instrument(instrument)
    portfolio = Portfolio(msgbus=msgbus, cache=cache, clock=clock)
    engine = ExecutionEngine(msgbus=msgbus, cache=cache, clock=clock)
    engine.start()
    order = MarketOrder(
        trader_id=trader, strategy_id=StrategyId("S-1"), instrument_id=instrument.id, client_order_id=ClientOrderId("a" * 32),
        order_side=OrderSide.BUY, quantity=Quantity.from_str("0.10000"), init_id=UUID4(), ts_init=DAY_NS,
    )  # fmt: skip
    cache.add_order(order)
    statuses: list[str] = []
    halts: list[str] = []

    async def run() -> None:
        client = ShadowExecutionClient(
            loop=asyncio.get_running_loop(), msgbus=msgbus, cache=cache, clock=clock, portfolio=portfolio,
            venue="BINANCE", account=AccountKind.MARGIN, balances={"USDT": Decimal(100_000)}, assumptions=config.assumptions(),
            lock=OpenLock(), tap=DeafTap(), halt=halts.append,
        )  # fmt: skip
        client.connect()
        msgbus.publish(f"data.quotes.BINANCE.{instrument.id.symbol}", tick_of(quote(BTC, 0), instrument, ts_ns=DAY_NS))
        client.submit_order(
            SubmitOrder(trader_id=order.trader_id, strategy_id=order.strategy_id, order=order, command_id=UUID4(), ts_init=DAY_NS)
        )
        clock.set_time(DAY_NS + 20 * MS)
        await asyncio.sleep(0.06)
        statuses.append(order.status_string())
        clock.set_time(DAY_NS + 45 * MS)
        async with asyncio.timeout(WAIT_S_MAX):
            while order.status_string() == "SUBMITTED":
                await asyncio.sleep(0.005)
        statuses.append(order.status_string())

    asyncio.run(run())
    assert halts == []
    assert statuses == ["SUBMITTED", "FILLED"]
