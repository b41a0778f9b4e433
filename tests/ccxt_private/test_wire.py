"""What stands around ccxt's calls: which hosts, how long a pause, how large an answer."""

from __future__ import annotations

import asyncio

import pytest

from tests.ccxt_private.test_starts import at_venue
from tests.ccxt_private.venue import Fault
from tests.ccxt_private.world import engine_at
from venues.ccxt.egress import VenueClient
from venues.ccxt.private_api import NoAnswer
from venues.ccxt.trading_profiles import BINANCE
from venues.ccxt.wire import BODY_MAX, PAUSE_S, PAUSE_S_MAX, Pause, tame


def test_an_account_s_client_reaches_its_venue_s_rest_and_user_stream_and_no_other_host():
    async def work():
        client = VenueClient("binance", options=BINANCE.options, endpoint=None, hosts=BINANCE.hosts)
        try:
            return client.egress.hosts
        finally:
            await client.close()

    assert asyncio.run(work()) == {"api.binance.com", "ws-api.binance.com"}


def test_a_run_with_orders_tries_no_other_address(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            order_id = await engine.order()
            await engine.until(lambda: engine.state(order_id) == "FILLED")
            assert set(engine.ccxt.egress.attempts) == {engine.endpoint.removeprefix("http://")}
            assert not engine.ccxt.egress.refused

    asyncio.run(work())


@pytest.mark.parametrize(
    ("asked", "left"),
    [("3", 3.0), (None, PAUSE_S), ("soon", PAUSE_S), ("-1", PAUSE_S), ("999999999", PAUSE_S_MAX), (7, PAUSE_S)],
    ids=str,
)
def test_a_pause_is_what_the_venue_asks_bounded_and_never_shortened(asked, left):
    now = [100.0]
    pause = Pause(clock_s=lambda: now[0])
    pause.asked(asked)
    assert pause.left_s == left
    pause.asked("0")
    assert pause.left_s == left
    now[0] += left
    assert pause.left_s == 0


def test_hooks_go_around_an_exchange_once():
    async def work(api, venue, endpoint):
        assert tame(api.exchange) is tame(api.exchange) is api.pause

    at_venue(work)


def test_an_answer_larger_than_the_bound_is_none_and_of_a_create_it_is_unknown(tmp_path):
    async def work(api, venue, endpoint):
        venue.padding = "x" * BODY_MAX
        venue.fault("GET openOrders", Fault("huge"))
        answer = await api.open_orders("BTC/USDT")
        assert isinstance(answer, NoAnswer)
        assert "BadResponse" in answer.why

    at_venue(work)


def test_elements_that_are_not_understood_are_told_ever_more_rarely(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            event = {
                "e": "executionReport",
                "s": "BTCUSDT",
                "x": "NEW",
                "X": "NEW",
                "i": 1,
                "S": "BUY",
                "q": "0",
                "z": "0",
                "c": "x",
            }
            for number in range(120):
                engine.venue.tell(event | {"i": number})
            await engine.until(lambda: engine.client.malformed["order"] == 120)
            assert len([code for code, _ in engine.alarms if code == "VENUE_DATA"]) == 3

    asyncio.run(work())


def test_a_trade_of_a_symbol_that_is_not_this_run_s_is_no_fault(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.tell({
                "e": "executionReport", "s": "XRPUSDT", "x": "TRADE", "X": "FILLED", "i": 9, "t": 3, "S": "BUY", "q": "5",
                "z": "5", "l": "5", "L": "2", "n": "0.01", "N": "USDT", "m": False, "c": "by_hand", "O": 1, "T": 1, "o": "MARKET",
                "f": "GTC",
            })  # fmt: skip
            order_id = await engine.order()
            await engine.until(lambda: engine.state(order_id) == "FILLED")
            assert engine.alarms == []
            assert [line["trade_id"] for line in engine.lines("fill")] == ["1"]

    asyncio.run(work())
