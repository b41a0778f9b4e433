"""Orders of a real node at the fake TWS: they work, fill in parts, are cancelled and rejected, and the record says so."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from nautilus_trader.model.identifiers import ClientOrderId

from orders.values import Side
from tests.ibkr.world import AAPL, Engine, engine_at

D = Decimal


def cancel(engine: Engine, order_id: str) -> None:
    order = engine.kernel.cache.order(ClientOrderId(order_id))
    engine.assembly.strategy.cancel_order(order)


def test_a_market_order_fills_with_its_commission_and_the_record_has_it(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10")
            await engine.reaches(order_id, "FILLED")
            fills = [line for line in engine.lines("fill") if line["client_order_id"] == order_id]
            assert [(f["quantity"], f["price"], f["fee"], f["fee_currency"]) for f in fills] == [("10", "230.02", "1", "USD")]
            assert fills[0]["account"] == "IBKR-001"
            assert engine.halts == []
        assert tws.places(order_id) == 1

    asyncio.run(go())
