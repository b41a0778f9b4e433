"""Cancels go out whatever waits or is broken, and what is told afterwards is what the venue says is true."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

from tests.ccxt_private.venue import Fault
from tests.ccxt_private.world import engine_at
from tests.gate.script import approval_of, arm, order_from
from tests.gate.world import ETH

RESTS = "99990.00"


async def resting(engine, quantity: str = "0.01") -> str:
    order_id = await engine.order(quantity=quantity, limit=RESTS)
    await engine.until(lambda: engine.state(order_id) == "ACCEPTED")
    return order_id


def test_a_part_that_filled_before_the_cancel_is_told_before_the_end(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            order_id = await resting(engine)
            engine.venue.silent = True
            engine.venue.fill(engine.venue.orders[0], Decimal("0.004"), Decimal(RESTS), maker=True)
            assert engine.assembly.facade.cancel(order_id)
            await engine.until(lambda: engine.state(order_id) == "CANCELED")
            kinds = [line["type"] for line in engine.lines("fill", "cancel")]
            assert kinds == ["fill", "cancel"]
            assert engine.lines("cancel")[0]["filled_quantity"] == "0.004"

    asyncio.run(work())


def test_a_cancel_without_any_answer_is_rejected_and_the_order_still_works(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            order_id = await resting(engine)
            engine.venue.silent = engine.venue.down = True
            assert engine.assembly.facade.cancel(order_id)
            await engine.until(lambda: engine.state(order_id) == "ACCEPTED")
            assert engine.venue.orders[0]["status"] == "NEW"
            engine.venue.down = False
            assert engine.assembly.facade.cancel(order_id)
            await engine.until(lambda: engine.state(order_id) == "CANCELED")

    asyncio.run(work())


def test_a_cancel_and_an_order_overtake_a_back_fill_in_the_exchange_s_queue(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            order_id = await resting(engine)
            exchange = engine.ccxt.exchange
            waiting = [asyncio.create_task(exchange.fetch_orders("BTC/USDT")) for _ in range(60)]  # 20 tokens each: a minute's
            await asyncio.sleep(0.05)
            begun = time.monotonic()
            assert engine.assembly.facade.cancel(order_id)
            await engine.until(lambda: engine.venue.orders[0]["status"] == "CANCELED")
            await engine.until(lambda: engine.state(order_id) == "CANCELED" and engine.assembly.strategy.at_rest)
            approval = approval_of(ETH, order_id="3" * 32, quantity="0.1", limit=None)
            arm(engine.assembly, approval)
            engine.assembly.strategy.submit_order(order_from(engine.assembly, approval))
            await engine.until(lambda: engine.venue.by_client_id("3" * 32))
            assert sum(not task.done() for task in waiting) > 20, f"the queue was empty after {time.monotonic() - begun} s"
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(work())


def test_an_unknown_order_that_was_cancelled_meanwhile_is_cancelled_when_it_is_found(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.silent, engine.venue.listed = True, False
            engine.venue.fault("POST order", Fault("drop"))
            order_id = await engine.order(limit=RESTS)
            await engine.until(lambda: engine.lines("unknown"))
            assert engine.assembly.facade.cancel(order_id)
            await asyncio.sleep(0.1)
            engine.venue.listed = True
            await engine.until(lambda: engine.state(order_id) == "CANCELED")
            assert engine.venue.orders[0]["status"] == "CANCELED"

    asyncio.run(work())
