"""The last cancel at TWS, by whatever process is alive: what it may cancel, what it leaves, and when it says that none works."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from orders.values import Side
from tests.ibkr.world import AAPL, engine_at
from venues.ibkr.gateway import HOST, IbkrGateway, gateway
from venues.ibkr.plain_line import plain_line
from venues.ibkr.sweep import sweep
from venues.swept import Swept


def at(tws, client_id: int = 7, account: str = "") -> IbkrGateway:
    return gateway(host=HOST, port=tws.port, client_id=client_id, account=account or tws.account)


def rest(tmp_path, tws, *, client_id: int = 7) -> str:
    """An order of ours that rests when its engine has ended."""

    async def go() -> str:
        async with engine_at(tmp_path / f"e{client_id}", tws=tws, client_id=client_id) as engine:
            order_id = await engine.order(AAPL, Side.BUY, "10", limit="225.00")
            await engine.reaches(order_id, "ACCEPTED")
            return order_id

    return asyncio.run(go())


def swept(address: IbkrGateway, *, give_up_s: float = 15.0) -> Swept:
    async def go() -> Swept:
        return await sweep(address, give_up_s=give_up_s)

    return asyncio.run(go())


def working(tws) -> int:
    return sum(order.works for order in tws.truth().orders)


def test_an_order_of_a_dead_engine_is_cancelled_under_its_client_id_and_a_stranger_s_is_left(tmp_path, tws):
    order_id = rest(tmp_path, tws)
    tws.place("AAPL", "BUY", "1", limit="150.00")
    seen = swept(at(tws))
    assert (seen.asked, seen.strangers, seen.confirmed) == ((order_id,), 1, True)
    assert working(tws) == 1


def test_an_order_of_ours_under_another_client_id_is_cancelled_under_that(tmp_path, tws):
    order_id = rest(tmp_path, tws, client_id=8)
    seen = swept(at(tws, 7))
    assert (seen.asked, seen.confirmed) == ((order_id,), True)
    assert working(tws) == 0


def test_while_another_program_has_the_client_id_it_looks_and_does_not_confirm(tmp_path, tws):
    rest(tmp_path, tws)

    async def go() -> Swept:
        async with AsyncExitStack() as closing:
            line = await closing.enter_async_context(plain_line(tws.port, connect_s=5.0))
            await line.open(7)
            return await sweep(at(tws), give_up_s=4.0)

    seen = asyncio.run(go())
    assert not seen.confirmed
    assert seen.asked == ()
    assert "client id 7 is in use" in seen.words
    assert working(tws) == 1


def test_what_tws_says_while_it_does_not_reach_ib_confirms_nothing(tws):
    tws.lose_ib()
    seen = swept(at(tws), give_up_s=4.0)
    assert not seen.confirmed
    assert "1100" in seen.words


def test_another_account_is_not_touched(tmp_path, tws):
    rest(tmp_path, tws)
    seen = swept(at(tws, account="DU1234567"), give_up_s=2.0)
    assert not seen.confirmed
    assert "these orders are of DU1234567" in seen.words
    assert working(tws) == 1


def test_a_tws_that_restarts_meanwhile_is_waited_for(tmp_path, tws):
    rest(tmp_path, tws)
    tws.outage(2_000)
    assert swept(at(tws)).confirmed
    assert working(tws) == 0


def test_no_tws_at_all_is_not_confirmed(tws):
    tws.stop()
    seen = swept(at(tws), give_up_s=2.0)
    assert not seen.confirmed
    assert f"TWS at port {tws.port}" in seen.words
