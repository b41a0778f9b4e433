"""The specification's adapter at the fake TWS, called as outsiders call it: from another thread, waiting, bounded."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from engine.order_desks import LiveOrders
from orders.canonical import sha256_hex
from orders.errors import InputError
from orders.values import OrderKind, Side
from tests.gate.world import SOURCE_RUN
from tests.ibkr.world import AAPL, Engine, engine_at
from venues.base import OrderRequest
from venues.ibkr.adapter import IBKRAdapter

D = Decimal


def adapter_of(engine: Engine, *, timeout_s: float = 10.0) -> IBKRAdapter:
    desk = LiveOrders(engine.assembly.facade, loop=asyncio.get_running_loop(), timeout_s=timeout_s)
    return IBKRAdapter(desk=desk, market_limits=engine.parts.market_limits)


def request(engine: Engine, quantity: str, **changes: Any) -> OrderRequest:
    parts: dict[str, Any] = {
        "symbol": AAPL.symbol, "side": Side.BUY, "quantity": D(quantity), "order_kind": OrderKind.MARKET, "limit_price": None,
        "source_run": SOURCE_RUN, "manifest_sha256": sha256_hex(engine.world.manifest.read_bytes()),
    }  # fmt: skip
    return OrderRequest(**parts | changes)


def test_an_order_a_position_and_the_limits_through_the_specification_s_interface(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            adapter = adapter_of(engine)
            assert adapter.venue == "IBKR"
            done = await asyncio.to_thread(adapter.submit_order, request(engine, "10"))
            assert (done.status, done.filled_quantity, done.average_price) == ("FILLED", D(10), D("230.02"))
            frame = await asyncio.to_thread(adapter.get_positions)
            assert frame.to_dict("records") == [{"asset": AAPL.symbol, "quantity": D(10), "notional": D("2300.10")}]
            assert adapter.get_market_metadata([AAPL.symbol])[AAPL.symbol].step_size == D(1)
            with pytest.raises(InputError, match="NO_LIMITS"):
                adapter.get_market_metadata(["NASDAQ:MSFT"])

    asyncio.run(go())


def test_a_fraction_of_a_share_and_a_price_between_ticks_are_denied_and_never_sent(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            adapter = adapter_of(engine)
            half = await asyncio.to_thread(adapter.submit_order, request(engine, "0.5"))
            limit = {"order_kind": OrderKind.LIMIT, "limit_price": D("229.005")}
            between = await asyncio.to_thread(adapter.submit_order, request(engine, "10", **limit))
            assert (half.status, half.code, between.status, between.code) == ("DENIED", "OFF_STEP", "DENIED", "OFF_TICK")
            assert tws.counts()["place"] == 0

    asyncio.run(go())


def test_a_caller_who_has_waited_long_enough_is_told_unknown_and_may_ask(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            adapter = adapter_of(engine, timeout_s=0.2)
            tws.fault("place", "mute")
            sent = await asyncio.to_thread(adapter.submit_order, request(engine, "10"))
            assert sent.status == "UNKNOWN"
            assert sent.client_order_id is not None
            await engine.reaches(sent.client_order_id, "FILLED")
            known = await asyncio.to_thread(adapter.ask, sent.client_order_id)
            assert (known.status, known.filled_quantity) == ("FILLED", D(10))
            assert tws.places(sent.client_order_id) == 1

    asyncio.run(go())
