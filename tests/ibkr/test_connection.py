"""The line to TWS: what keeps a run from starting is named in seconds; what happened without a line is known before orders."""

from __future__ import annotations

import asyncio
import time

import pytest
from msgspec.structs import replace

from orders.values import Side
from sim.rehearsal.tws.handle import FakeTws
from tests.ibkr.world import AAPL, QUICK, engine_at

SHORT = replace(QUICK, connect_s=3)


def test_a_tws_that_is_not_there_is_a_named_error_within_seconds(tmp_path, tws):
    async def go():
        tws.stop()
        begun = time.monotonic()
        async with engine_at(tmp_path / "e", tws=tws, timing=replace(SHORT, connect_s=2)) as engine:
            assert time.monotonic() - begun < 8
            assert "NOT_CONNECTED" in engine.codes()
            assert "no answer within 2 s" in engine.client.problem

    asyncio.run(go())


def test_another_account_is_refused_by_name(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws, timing=SHORT, account="DU7654321") as engine:
            assert "ACCOUNT_MISMATCH" in engine.client.problem
            assert tws.account in engine.client.problem
            assert not engine.kernel.trader.is_running

    asyncio.run(go())


def test_a_client_id_in_use_is_refused_by_name_and_no_other_one_is_taken(tmp_path, tws):
    async def go():
        tws.clash(100)
        async with engine_at(tmp_path / "e", tws=tws, timing=SHORT) as engine:
            assert engine.client.problem.startswith("326: client id 7")

    asyncio.run(go())


@pytest.mark.parametrize("query", ["open_orders", "completed_orders", "executions"])
def test_a_start_query_without_an_answer_keeps_the_run_from_starting(tmp_path, tws, query):
    """Nautilus begins to trade with the executions unanswered."""

    async def go():
        tws.fault(query, "swallow", times=100)
        async with engine_at(tmp_path / "e", tws=tws, timing=SHORT) as engine:
            assert "RECORD_UNANSWERED" in engine.client.problem
            assert not engine.kernel.trader.is_running

    asyncio.run(go())


def test_a_contract_that_is_not_what_was_approved_keeps_the_run_from_starting(tmp_path, tws):
    async def go():
        tws.change_contract("AAPL", rule=[["0", "0.0001"], ["1", "0.05"]], rule_id=27)
        async with engine_at(tmp_path / "e", tws=tws, timing=SHORT) as engine:
            assert "NASDAQ:AAPL: tick 0.05" in engine.client.problem

    asyncio.run(go())


def test_fills_without_a_line_are_told_once_it_is_back_and_meanwhile_nothing_leaves(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(order_id, "ACCEPTED")
            order = engine.client.tracks.get(order_id).order
            tws.cut()
            await engine.until(lambda: "VENUE_LINE_LOST" in engine.codes())
            assert engine.client.refusal(order) == "NOT_CONNECTED"
            tws.quote("AAPL", "224.00", "224.50")
            await engine.until(lambda: "VENUE_LINE_BACK" in engine.codes(), wait_s=30)
            await engine.reaches(order_id, "FILLED")
            fills = engine.lines("fill")
            assert [(f["quantity"], f["price"]) for f in fills] == [("10", "225")]
            assert engine.client.refusal(order) != "NOT_CONNECTED"
            assert engine.halts == []

    asyncio.run(go())


@pytest.mark.parametrize("seconds", [0.0, 8.0], ids=["a moment", "long enough for a new line to TWS"])
def test_1100_stops_orders_at_once_and_1102_lets_them_go_after_everything_is_known(tmp_path, tws, seconds):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(order_id, "ACCEPTED")
            order = engine.client.tracks.get(order_id).order
            tws.lose_ib()
            await engine.until(lambda: engine.client.refusal(order) == "NOT_CONNECTED")
            await asyncio.sleep(seconds)
            assert engine.client.refusal(order) == "NOT_CONNECTED"
            tws.regain_ib()
            await engine.until(lambda: "VENUE_LINE_BACK" in engine.codes(), wait_s=40)
            assert engine.client.refusal(order) == ""
            assert engine.halts == []
            assert "CLIENT_ID_TAKEN" not in engine.codes()

    asyncio.run(go())


def test_a_tws_that_is_killed_comes_back_with_every_order_and_nothing_is_sent_again(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(order_id, "ACCEPTED")
            tws.kill()
            await engine.until(lambda: "VENUE_LINE_LOST" in engine.codes())
            tws.restart()
            tws.quote("AAPL", "224.00", "224.50")
            await engine.until(lambda: engine.state(order_id) == "FILLED", wait_s=40)
            assert tws.places(order_id) == 0  # since its restart
            assert len(engine.lines("fill")) == 1
            assert engine.halts == []

    asyncio.run(go())


def test_a_cancel_asked_for_without_a_line_goes_out_with_it(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(order_id, "ACCEPTED")
            tws.cut()
            await engine.until(lambda: "VENUE_LINE_LOST" in engine.codes())
            engine.assembly.strategy.cancel_order(engine.client.tracks.get(order_id).order)
            await engine.until(lambda: engine.state(order_id) == "CANCELED", wait_s=40)

    asyncio.run(go())


def test_a_fake_tws_that_outlives_its_death_has_the_same_orders(tmp_path):
    with FakeTws.start(state=tmp_path / "tws.json") as tws:
        perm_id = tws.place("AAPL", "BUY", "5", limit="200.00")
        tws.kill()
        tws.restart()
        assert [order.perm_id for order in tws.truth().orders] == [perm_id]
        assert tws.place("AAPL", "BUY", "5", limit="200.00") == perm_id + 1
