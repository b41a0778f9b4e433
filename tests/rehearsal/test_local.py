"""The rehearsal exchange on the caller's own loop, and what its public side keeps over a restart."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import ccxt.pro
import pytest

from sim.rehearsal.local import local_venue
from tests.rehearsal.world import FUNDS, ID, client, exchange, running

PAIR = "BTC/USDT"


def test_a_local_exchange_takes_orders_goes_down_and_comes_back_with_them():
    async def work() -> Any:
        async with local_venue(balances=FUNDS) as venue:
            venue.quote("BTCUSDT", "97000", "97000.01")
            async with client(venue) as made:
                venue.fault("POST order", "unknown", when="after")
                with pytest.raises(ccxt.pro.RequestTimeout):
                    await made.create_order(PAIR, "limit", "buy", "0.001", "90000", {"clientOrderId": ID})
                venue.down()
                await asyncio.sleep(0.1)
                with pytest.raises(ccxt.pro.ExchangeNotAvailable):
                    await made.fetch_open_orders(PAIR)
                venue.up()
                await asyncio.sleep(0.1)
                return await made.fetch_order(None, PAIR, {"origClientOrderId": ID}), venue.posts(ID)

    order, posts = running(work())
    assert (order["status"], posts) == ("open", 1)


async def _public(endpoint: str, path: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"{endpoint}/api/v3/{path}") as answer:
        return await answer.json()


def test_public_trades_and_the_count_of_books_go_on_after_a_kill(tmp_path):
    with exchange(tmp_path / "state") as venue:
        venue.trade_at("BTCUSDT", "97000", "0.5", buyer_is_maker=True)
        first = running(_public(venue.endpoint, "depth?symbol=BTCUSDT"))["lastUpdateId"]
        trades = running(_public(venue.endpoint, "aggTrades?symbol=BTCUSDT"))
        venue.kill()
        venue.restart()
        venue.trade_at("BTCUSDT", "97001", "0.5", buyer_is_maker=True)
        again = running(_public(venue.endpoint, "aggTrades?symbol=BTCUSDT"))
        assert running(_public(venue.endpoint, "depth?symbol=BTCUSDT"))["lastUpdateId"] > first
    assert again[0] == trades[0]
    assert [trade["a"] for trade in again] == [1, 2]


def test_a_reset_exchange_knows_nothing_of_before(venue):
    venue.place(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1", newClientOrderId=ID)
    venue.skew(5_000)
    venue.fault("GET account", "hang")
    venue.reset({"USDT": "5"})
    truth = venue.truth()
    assert (truth.orders, truth.trades, truth.balances) == ([], [], {"main": {"USDT": {"free": "5", "locked": "0"}}})
    assert venue.counts() == {}

    async def work() -> Any:
        async with client(venue) as made:
            return await made.fetch_balance()

    assert running(work())["USDT"]["free"] == 5
