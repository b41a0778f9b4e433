"""Orders of a real node at the fake TWS: they work, fill in parts, are cancelled and rejected, and the record says so."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from nautilus_trader.model.identifiers import ClientOrderId

from orders.values import Side
from tests.ibkr.world import AAPL, Engine, engine_at
from venues.ibkr.lookups import Look

D = Decimal


def cancel(engine: Engine, order_id: str) -> None:
    engine.assembly.strategy.cancel_order(engine.kernel.cache.order(ClientOrderId(order_id)))


def fills(engine: Engine, order_id: str) -> list[tuple[str, str, str]]:
    return [(f["quantity"], f["price"], f["fee"]) for f in engine.lines("fill") if f["client_order_id"] == order_id]


def test_a_market_order_fills_with_its_commission_and_the_record_has_it(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10")
            await engine.reaches(order_id, "FILLED")
            assert fills(engine, order_id) == [("10", "230.02", "1")]
            line = engine.lines("fill")[-1]
            assert (line["account"], line["venue_order_id"], line["fee_currency"]) == ("IBKR-001", "PERM-900101", "USD")
            assert await engine.client.positions() == {"NASDAQ:AAPL": D(10)}
            assert engine.halts == []
        (order,) = tws.truth().by_client_order_id(order_id)
        assert order.order_ref == f"{order_id}:{order.order_id}"
        assert tws.places(order_id) == 1

    asyncio.run(go())


def test_an_error_about_an_order_is_its_own_whatever_number_it_has(tmp_path, tws):
    """Nautilus counts its requests from 10000: it would take the rejection of order 10001 for an answer to request 10001."""

    async def go():
        tws.count_from(10_001, client_id=7)
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            tws.fault("place", "error", code=201, text="Order rejected - reason:no", times=3)
            for _ in range(3):
                order_id = await engine.order(AAPL, Side.BUY, "10")
                await engine.reaches(order_id, "REJECTED")

    asyncio.run(go())


def test_a_note_beside_an_order_changes_nothing_of_it(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            tws.fault("place", "warn", code=399, text="Order Message: your order will not be placed before 09:30:00 US/Eastern")
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(order_id, "ACCEPTED")
            await engine.until(lambda: "VENUE_MESSAGE" in engine.codes())
            assert engine.halts == []

    asyncio.run(go())


def test_a_halt_stops_orders_at_the_second_lock_and_lets_cancels_pass(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            resting = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(resting, "ACCEPTED")
            order = engine.kernel.cache.order(ClientOrderId(resting))
            assert engine.client.refusal(order) == ""
            engine.assembly.halt("a person said so")
            assert engine.client.refusal(order) == "HALT"
            cancel(engine, resting)
            await engine.reaches(resting, "CANCELED")

    asyncio.run(go())


def test_all_who_look_for_orders_while_a_look_goes_on_share_the_next(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            before = tws.counts()
            first = asyncio.create_task(engine.client.lookups.look())
            await engine.until(lambda: tws.counts() != before)
            looks = await asyncio.gather(*(engine.client.lookups.look() for _ in range(100)))
            assert {word for _, word in (await first, *looks)} == {Look.ANSWERED}
            asked = tws.counts() - before
            assert (asked["executions"], asked["completed_orders"]) == (2, 2), asked

    asyncio.run(go())
