"""A second process over the same record: what was sent before is taken up, asked about, and told once."""

from __future__ import annotations

import asyncio

import pytest

from orders.values import Side
from tests.ibkr.world import AAPL, engine_at


def test_a_resting_order_is_taken_up_and_fills_in_the_next_process(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(order_id, "ACCEPTED")
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            assert engine.state(order_id) == "ACCEPTED"
            tws.quote("AAPL", "224.00", "224.50")
            await engine.reaches(order_id, "FILLED")
            assert [(f["quantity"], f["price"]) for f in engine.lines("fill")] == [("10", "225")]
            assert tws.places(order_id) == 1

    asyncio.run(go())


def test_what_filled_between_two_processes_is_told_once_and_a_third_changes_nothing(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(order_id, "ACCEPTED")
        tws.quote("AAPL", "224.00", "224.50")
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            await engine.reaches(order_id, "FILLED")
            (fill,) = engine.lines("fill")
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            assert engine.lines("fill") == [fill]
            assert engine.halts == []

    asyncio.run(go())


@pytest.mark.parametrize(("fault", "state"), [("mute", "FILLED"), ("swallow", "CANCELED")], ids=["it had arrived", "it had not"])
def test_an_order_without_an_answer_is_found_out_about_by_the_next_process(tmp_path, tws, fault, state):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            tws.fault("place", fault)
            order_id = await engine.order(AAPL, Side.BUY, "10")
            await engine.until(lambda: tws.places(order_id) == 1)
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            if fault == "swallow":
                await engine.reaches(order_id, state)
            else:
                assert len(engine.lines("fill")) == 1
            assert tws.places(order_id) == 1
            assert engine.halts == []

    asyncio.run(go())


def test_a_cancel_finds_an_order_that_the_process_before_sent(tmp_path, tws):
    async def go():
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(order_id, "ACCEPTED")
        async with engine_at(tmp_path / "e", tws=tws) as engine:
            engine.client.cancels.track(engine.client.tracks.get(order_id))
            await engine.reaches(order_id, "CANCELED")

    asyncio.run(go())
