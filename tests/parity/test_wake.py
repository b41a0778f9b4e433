"""The shadow's due times on a wall clock that runs slower than the loop's."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from nautilus_trader.common.component import TestClock
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import AccountId, ClientOrderId, StrategyId, TraderId
from nautilus_trader.model.objects import Quantity
from nautilus_trader.model.orders import MarketOrder
from nautilus_trader.test_kit.stubs.component import TestComponentStubs

from engine.instruments import instrument_of
from orders.values import AccountKind
from sim.replay_client import tick_of
from tests.gate.world import BTC, DAY_NS, MS, World, quote
from venues.simulated.shadow import ShadowExecutionClient


class OpenLock:
    """A lock that lets everything pass: this is about time."""

    def refusal(self, order: Any) -> str:
        return ""


class DeafTap:
    """A recorder that keeps nothing and is durable at once."""

    def sending(self, order: Any, *, action: str) -> None: ...

    def received(self, client_order_id: str, *, venue: str, due_ns: int) -> None: ...

    def refused(self, order: Any, *, code: str) -> None: ...

    def when_durable(self, callback: Any) -> None:
        callback()


def test_a_wake_before_the_wall_clocks_due_instant_is_repeated(tmp_path):
    """Latency 40 ms; the loop's timer fires while the wall clock stands at 20 ms; no quote comes after it."""
    config, inputs = World(tmp_path, jitter_ms="0", quotes=[quote(BTC, 0)]).write().load()
    instrument = instrument_of(inputs.listings[BTC.symbol], inputs.market_limits[BTC.symbol])
    clock = TestClock()
    clock.set_time(DAY_NS)
    msgbus, cache = TestComponentStubs.msgbus(), TestComponentStubs.cache()
    cache.add_instrument(instrument)
    events: list[Any] = []
    msgbus.register(endpoint="ExecEngine.process", handler=events.append)
    msgbus.register(endpoint="Portfolio.update_account", handler=cache.add_account if False else events.append)
    halts: list[str] = []

    async def run() -> None:
        client = ShadowExecutionClient(
            loop=asyncio.get_running_loop(), msgbus=msgbus, cache=cache, clock=clock, portfolio=TestComponentStubs.portfolio(),
            venue="BINANCE", account=AccountKind.MARGIN, balances={"USDT": Decimal(100_000)}, assumptions=config.assumptions(),
            lock=OpenLock(), tap=DeafTap(), halt=halts.append,
        )  # fmt: skip
        client.connect()
        msgbus.publish(f"data.quotes.BINANCE.{instrument.id.symbol}", tick_of(quote(BTC, 0), instrument, ts_ns=DAY_NS))
        order = MarketOrder(
            trader_id=TraderId("T-1"), strategy_id=StrategyId("S-1"), instrument_id=instrument.id,
            client_order_id=ClientOrderId("a" * 32), order_side=OrderSide.BUY, quantity=Quantity.from_str("0.10000"),
            init_id=UUID4(), ts_init=DAY_NS,
        )  # fmt: skip
        cache.add_order(order)
        client.submit_order(
            SubmitOrder(
                trader_id=order.trader_id, strategy_id=order.strategy_id, order=order, command_id=UUID4(), ts_init=DAY_NS
            )  # fmt: skip
        )
        clock.set_time(DAY_NS + 20 * MS)
        await asyncio.sleep(0.06)
        assert "OrderFilled" not in {type(event).__name__ for event in events}
        clock.set_time(DAY_NS + 45 * MS)
        await asyncio.sleep(0.06)

    asyncio.run(run())
    assert halts == []
    assert "OrderFilled" in {type(event).__name__ for event in events} or _accepted(events)


def _accepted(events: list[Any]) -> bool:
    return any(type(event).__name__ in ("OrderAccepted", "OrderRejected") for event in events)


def test_account_id_is_stable():
    assert AccountId("BINANCE-001").get_issuer() == "BINANCE"
