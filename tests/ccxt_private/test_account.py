"""The facade by name from another thread, the reports of an account, and how the exchange ends each kind of order."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import GenerateFillReports, GenerateOrderStatusReports, GeneratePositionStatusReports
from nautilus_trader.model.enums import OrderSide, OrderStatus, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from engine.order_desks import LiveOrders
from orders.canonical import sha256_hex
from orders.errors import VenueUnavailable
from orders.values import OrderKind, Side
from tests.ccxt_private.test_rehearsal import engine_of, opened
from tests.ccxt_private.venue import Fault
from tests.ccxt_private.world import engine_at, started
from tests.gate.script import approval_of, arm
from tests.gate.world import BTC, SOURCE_RUN
from venues.base import OrderRequest
from venues.ccxt.adapter import BinanceAdapter


def test_the_adapter_by_name_sends_waits_asks_and_cancels_from_another_thread(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            desk = LiveOrders(engine.assembly.facade, loop=asyncio.get_running_loop(), timeout_s=5.0)
            adapter = BinanceAdapter(desk=desk, market_limits=engine.parts.market_limits)

            def request(**changes: Any) -> OrderRequest:
                parts = {
                    "symbol": BTC.symbol, "side": Side.BUY, "quantity": Decimal("0.01"), "order_kind": OrderKind.MARKET,
                    "limit_price": None, "source_run": SOURCE_RUN,
                    "manifest_sha256": sha256_hex(engine.world.manifest.read_bytes()),
                }  # fmt: skip
                return OrderRequest(**parts | changes)

            filled = await asyncio.to_thread(adapter.submit_order, request())
            assert (filled.status, filled.average_price) == ("FILLED", Decimal(100_000))
            rests = await asyncio.to_thread(
                adapter.submit_order, request(order_kind=OrderKind.LIMIT, limit_price=Decimal("99000.00"))
            )
            assert rests.status == "OPEN"
            assert (await asyncio.to_thread(adapter.cancel, rests.client_order_id)).status == "CANCELLED"
            assert (await asyncio.to_thread(adapter.ask, filled.client_order_id)).status == "FILLED"
            positions = await asyncio.to_thread(adapter.get_positions)
            assert positions.to_dict("records")[0]["quantity"] == Decimal("0.00999")
            engine.venue.fault("POST order", Fault("drop"))
            engine.venue.silent, engine.venue.listed = True, False
            quick = BinanceAdapter(
                desk=LiveOrders(engine.assembly.facade, loop=asyncio.get_running_loop(), timeout_s=0.2),
                market_limits=engine.parts.market_limits,
            )
            assert (await asyncio.to_thread(quick.submit_order, request(quantity=Decimal("0.02")))).status == "UNKNOWN"
            engine.venue.listed = True
            await engine.until(lambda: engine.assembly.strategy.at_rest)

    asyncio.run(work())


def command(kind: Any, **parts: Any) -> Any:
    common = {"instrument_id": None, "start": None, "end": None, "command_id": UUID4(), "ts_init": 0}
    return kind(**common | parts)


def test_reports_say_what_the_venue_has_and_never_a_position_of_nothing(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            filled = await engine.order()
            await engine.until(lambda: engine.state(filled) == "FILLED")
            rests = await engine.order(limit="99000.00")
            await engine.until(lambda: engine.state(rests) == "ACCEPTED")
            engine.venue.place({"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "quantity": "0.01", "price": "120000"})
            client = engine.client
            orders = await client.generate_order_status_reports(command(GenerateOrderStatusReports, open_only=False))
            ids = {filled: ClientOrderId(filled), rests: ClientOrderId(rests)}
            assert {(report.order_status, report.client_order_id) for report in orders} == {
                (OrderStatus.FILLED, ids[filled]),
                (OrderStatus.ACCEPTED, ids[rests]),
                (OrderStatus.ACCEPTED, None),
            }
            working = await client.generate_order_status_reports(command(GenerateOrderStatusReports, open_only=True))
            assert len(working) == 2
            fills = await client.generate_fill_reports(command(GenerateFillReports, venue_order_id=None))
            assert [(str(report.last_qty), str(report.commission), report.client_order_id.value) for report in fills] == [
                ("0.01000", "0.00001000 BTC", filled)
            ]
            one = await client.generate_order_status_report(SimpleNamespace(client_order_id=ClientOrderId(rests)))
            assert one.order_status == OrderStatus.ACCEPTED
            assert await client.generate_position_status_reports(command(GeneratePositionStatusReports)) == []
            engine.venue.fault("GET openOrders", *[Fault("html200")] * 3)
            with pytest.raises(VenueUnavailable):
                await client.generate_order_status_reports(command(GenerateOrderStatusReports, open_only=True))

    asyncio.run(work())


def sent(engine: Any, number: int, *, side: OrderSide = OrderSide.BUY, **parts: Any) -> str:
    """Arm and send a limit order of any time in force."""
    order_id = f"{number:032x}"
    arm(engine.assembly, approval_of(BTC, order_id=order_id, quantity="0.02", limit="100000.00"))
    instrument = engine.kernel.cache.instrument(InstrumentId.from_str(BTC.instrument_id))
    order = engine.assembly.strategy.order_factory.limit(
        instrument.id, side, instrument.make_qty(Decimal("0.02")), instrument.make_price(Decimal("100000.00")),
        client_order_id=ClientOrderId(order_id), **parts,
    )  # fmt: skip
    engine.assembly.strategy.submit_order(order)
    return order_id


def test_order_kinds_end_as_the_exchange_ends_them(tmp_path):
    async def work():
        with opened() as venue:
            async with started(engine_of(tmp_path, venue)) as engine:
                await engine.ready()
                venue.set_book("BTCUSDT", bids=[("99999.00", "1")], asks=[("100000.00", "0.005")])
                at_once = sent(engine, 1, time_in_force=TimeInForce.IOC)
                await engine.until(lambda: engine.state(at_once) == "CANCELED")
                assert [line["quantity"] for line in engine.lines("fill")] == ["0.005"]
                venue.set_book("BTCUSDT", bids=[("99999.00", "1")], asks=[("100000.00", "0.005")])
                whole = sent(engine, 2, time_in_force=TimeInForce.FOK)
                await engine.until(lambda: engine.state(whole) == "CANCELED")
                maker = sent(engine, 3, post_only=True)
                await engine.until(lambda: engine.state(maker) == "REJECTED")
                venue.set_balance("USDT", "1")
                poor = sent(engine, 4)
                await engine.until(lambda: engine.state(poor) in ("REJECTED", "DENIED"))
                assert len(engine.lines("fill")) == 1
                assert engine.lines("unknown") == []
                assert engine.halts == []

    asyncio.run(work())
