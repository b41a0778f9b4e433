import asyncio
from decimal import Decimal

from tests.ccxt_private.world import engine_at


def test_a_market_order_is_filled(tmp_path):
    async def run():
        async with engine_at(tmp_path) as engine:
            order_id = await engine.order()
            await engine.until(lambda: engine.state(order_id) == "FILLED")
            fills = engine.lines("fill")
            print(fills)
            print(engine.alarms, engine.halts)
            assert len(engine.venue.by_client_id(order_id)) == 1
            assert Decimal(fills[0]["fee"]) == Decimal("0.00001")

    asyncio.run(run())
