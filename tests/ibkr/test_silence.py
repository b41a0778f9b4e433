"""Orders without an answer at the fake TWS: noticed, blocked, asked about, and told as they are; never sent twice."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from orders.values import Side
from tests.ibkr.world import AAPL, QUICK, engine_at


def of(engine, order_id, *kinds):
    return [line for line in engine.lines(*kinds) if line["client_order_id"] == order_id]


async def cancelled(engine, order_id):
    engine.assembly.strategy.cancel_order(engine.kernel.cache.order(ClientOrderId(order_id)))


def test_an_order_that_tws_took_in_silence_is_found_and_told(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            tws.fault("place", "mute")
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.until(lambda: of(engine, order_id, "unknown"))
            await engine.reaches(order_id, "ACCEPTED")
            assert tws.places(order_id) == 1
            assert engine.halts == []

    asyncio.run(go())


def test_an_order_that_never_arrived_is_cancelled_after_enough_answers_and_a_fence(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            tws.fault("place", "swallow")
            order_id = await engine.order(AAPL, Side.BUY, "10")
            await engine.until(lambda: of(engine, order_id, "unknown"))
            assert engine.state(order_id) == "SUBMITTED"
            await engine.reaches(order_id, "CANCELED")
            counts = tws.counts()
            assert min(counts["open_orders"], counts["completed_orders"], counts["executions"]) >= 4
            assert counts["cancel"] == 1
            assert (tws.places(order_id), tws.truth().by_client_order_id(order_id)) == (1, [])
            assert engine.halts == []

    asyncio.run(go())


@pytest.mark.parametrize("query", ["open_orders", "completed_orders", "executions"])
def test_a_query_without_an_answer_is_no_evidence_and_an_order_undecided_halts(tmp_path, tws, query):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws, timing=replace(QUICK, alarm_s=1.5)) as engine:
            tws.fault("place", "swallow")
            tws.fault(query, "swallow", times=1_000)
            order_id = await engine.order(AAPL, Side.BUY, "10")
            await engine.until(lambda: "ORDER_UNDECIDED" in engine.codes())
            assert engine.state(order_id) == "SUBMITTED"
            assert engine.halts[0].startswith("ORDER_UNDECIDED")
            tws.sound()
            await engine.reaches(order_id, "CANCELED")

    asyncio.run(go())


def test_an_order_older_than_tws_lists_is_never_taken_for_absent(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws, timing=replace(QUICK, alarm_s=2.0, absent_age_s=0.1)) as engine:
            tws.fault("place", "swallow")
            order_id = await engine.order(AAPL, Side.BUY, "10")
            await engine.until(lambda: "ORDER_UNDECIDED" in engine.codes())
            assert engine.state(order_id) == "SUBMITTED"

    asyncio.run(go())


def test_while_an_order_is_unknown_nothing_else_of_its_symbol_leaves(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            tws.fault("place", "swallow")
            order_id = await engine.order(AAPL, Side.BUY, "10")
            await engine.until(lambda: of(engine, order_id, "unknown"))
            made = engine.assembly.strategy.order_factory.market
            apple, exxon = (engine.kernel.cache.instrument(InstrumentId.from_str(name)) for name in ("AAPL.IBKR", "XOM.IBKR"))
            same, other = (made(each.id, OrderSide.BUY, each.make_qty(1)) for each in (apple, exxon))
            assert engine.client.refusal(same) == "UNKNOWN_OUTCOME"
            assert engine.client.refusal(other) == "NO_APPROVAL"

    asyncio.run(go())


def test_error_110_which_nautilus_only_logs_ends_the_order(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            tws.fault("place", "error", code=110, text="The price does not conform to the minimum price variation.")
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.until(lambda: of(engine, order_id, "unknown"))
            assert "110" in of(engine, order_id, "unknown")[0]["message"]
            await engine.reaches(order_id, "CANCELED")
            assert tws.truth().by_client_order_id(order_id) == []

    asyncio.run(go())


def test_error_10148_leaves_nothing_pending_for_ever(tmp_path, tws):
    """Nautilus leaves such an order PENDING_CANCEL; here who asked is told that it still works."""

    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(order_id, "ACCEPTED")
            text = "OrderId 1 that needs to be cancelled can not be cancelled, state: PendingSubmit."
            tws.fault("cancel", "error", code=10148, text=text, times=3)
            await cancelled(engine, order_id)
            await engine.reaches(order_id, "PENDING_CANCEL")
            await engine.reaches(order_id, "ACCEPTED")
            await cancelled(engine, order_id)
            await engine.reaches(order_id, "CANCELED")

    asyncio.run(go())


def test_a_fill_whose_commission_does_not_come_halts_and_is_told_once_it_does(tmp_path, tws):
    """Nautilus tells no fill without its commission report, and nobody that one is missing."""

    async def go():
        async with engine_at(tmp_path / "e", tws=tws, timing=replace(QUICK, alarm_s=1.0)) as engine:
            tws.hold_commissions(True)
            order_id = await engine.order(AAPL, Side.BUY, "10")
            await engine.until(lambda: "ORDER_UNDECIDED" in engine.codes())
            assert of(engine, order_id, "fill") == []
            tws.hold_commissions(False)
            await engine.reaches(order_id, "FILLED")
            assert [f["fee"] for f in of(engine, order_id, "fill")] == ["1"]

    asyncio.run(go())
