"""The account's stream as unmodified ccxt.pro hears it, and everything that goes wrong with it on command."""

from __future__ import annotations

import json
import time
from typing import Any

import aiohttp
import ccxt.pro
import pytest

from sim.rehearsal.signing import signature
from tests.rehearsal.world import Listener, client, drive, exchange, running, until

PAIR = "BTC/USDT"
SUBSCRIBED = "userDataStream.subscribe.signature"


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


async def market_buys(made: Any, count: int) -> None:
    for _ in range(count):
        await made.create_order(PAIR, "market", "buy", "0.001")


def test_orders_trades_and_balances_are_told(venue):
    async def work(made: Any) -> Listener:
        async with Listener(made) as heard:
            await until(lambda: venue.counts()[SUBSCRIBED] == 1)
            await market_buys(made, 1)
            await until(lambda: bool(heard.trades and heard.balances) and heard.orders[-1]["status"] == "closed")
        return heard

    heard = drive(venue, work)
    assert heard.trades[0]["fee"] == {"cost": 0.000001, "currency": "BTC"}
    assert heard.balances[-1]["BTC"]["free"] == 1.000999


def test_a_deposit_by_hand_is_told(venue):
    async def work(made: Any) -> Listener:
        async with Listener(made) as heard:
            await until(lambda: venue.counts()[SUBSCRIBED] == 1)
            venue.set_balance("USDT", "150000")
            await until(lambda: bool(heard.balances))
        return heard

    assert drive(venue, work).balances[-1]["USDT"]["free"] == 150_000


def test_an_order_of_somebody_elses_hand_on_the_account_is_told_and_named_in_the_truth(venue):
    async def work(made: Any) -> Listener:
        async with Listener(made) as heard:
            await until(lambda: venue.counts()[SUBSCRIBED] == 1)
            venue.place(symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.5", newClientOrderId="by-hand")
            await until(lambda: bool(heard.trades))
        return heard

    heard = drive(venue, work)
    assert heard.trades[0]["amount"] == 0.5
    assert [(order["clientOrderId"], order["external"]) for order in venue.truth().orders] == [("by-hand", True)]


def test_another_account_is_not_told(venue):
    venue.set_balance("BTC", "5", account="other")

    async def work(made: Any) -> Listener:
        async with Listener(made) as heard:
            await until(lambda: venue.counts()[SUBSCRIBED] == 1)
            venue.place(account="other", symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.5")
            await market_buys(made, 1)
            await until(lambda: bool(heard.trades))
        return heard

    assert [trade["amount"] for trade in drive(venue, work).trades] == [0.001]


def test_fills_of_a_silent_or_cut_stream_do_not_come_later_but_are_in_a_query(venue):
    async def work(made: Any) -> tuple[Listener, list[dict[str, Any]]]:
        async with Listener(made) as heard:
            await until(lambda: venue.counts()[SUBSCRIBED] == 1)
            venue.silence("user")
            await market_buys(made, 1)
            venue.sound()
            venue.refuse_sockets(True)
            venue.drop("user")
            await until(lambda: bool(heard.errors))
            await market_buys(made, 1)
            venue.refuse_sockets(False)
            await until(lambda: venue.counts()[SUBSCRIBED] == 2)
            await market_buys(made, 1)
            await until(lambda: "3" in ids(heard.trades))
        return heard, await made.fetch_my_trades(PAIR)

    heard, fetched = drive(venue, work)
    assert ids(heard.trades) == ["3"]
    assert ids(fetched) == ["1", "2", "3"]


def test_events_come_twice_and_in_reverse_when_told(venue):
    async def work(made: Any) -> Listener:
        async with Listener(made) as heard:
            await until(lambda: venue.counts()[SUBSCRIBED] == 1)
            venue.duplicate("user")
            await market_buys(made, 1)
            await until(lambda: len(heard.trades) >= 1)
            venue.sound()
            venue.hold("user")
            await market_buys(made, 2)
            venue.release(reverse=True)
            await until(lambda: {"2", "3"} <= set(ids(heard.trades)))
        return heard

    order = ids(drive(venue, work).trades)
    assert order.index("3") < order.index("2")


async def disturbed(seed: int) -> list[tuple[Any, ...]]:
    """Return what a plain socket hears of ten orders while half of the messages are disturbed; a cut line ends it."""
    with exchange() as venue:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{venue.endpoint}/ws-api/v3") as socket:
            stamp = str(time.time_ns() // 1_000_000)
            signed = signature(venue.secret, f"apiKey={venue.key}&timestamp={stamp}")
            params = {"apiKey": venue.key, "timestamp": stamp, "signature": signed}
            await socket.send_json({"id": "1", "method": SUBSCRIBED, "params": params})
            assert (await socket.receive_json())["result"] == {"subscriptionId": 0}
            venue.disturb(seed=seed, fraction=0.5, stream="user")
            for _ in range(10):
                venue.place(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.001")
            venue.stop()
            frames = [json.loads(frame.data) async for frame in socket if frame.type is aiohttp.WSMsgType.TEXT]
    return [(frame["event"]["e"], frame["event"].get("x"), frame["event"].get("t")) for frame in frames]


def test_a_stream_disturbed_by_a_seed_is_disturbed_the_same_way_again():
    one, two, other = (running(disturbed(seed)) for seed in (4, 4, 5))
    assert one == two != other


@pytest.mark.parametrize("kind", ["unknown_fields", "huge"])
def test_an_odd_message_does_not_end_the_stream(venue, kind):
    async def work(made: Any) -> Listener:
        async with Listener(made) as heard:
            await until(lambda: venue.counts()[SUBSCRIBED] == 1)
            venue.twist(kind, "user")
            await market_buys(made, 1)
            await until(lambda: ids(heard.trades) == ["1"] or bool(heard.errors))
            venue.sound()
            await until(lambda: venue.counts()[SUBSCRIBED] == 1 + len(heard.errors[:1]))
            await market_buys(made, 1)
            await until(lambda: "2" in ids(heard.trades))
        return heard

    drive(venue, work)


def test_who_cannot_sign_hears_nothing_and_ccxt_says_so_by_a_key_error(venue):
    """The venue's refusal reaches ccxt.pro, which then stumbles over its own table: what a watch raises is not always ccxt's."""

    async def work() -> None:
        async with client(venue) as made:
            made.secret = "wrong"
            with pytest.raises(KeyError) as caught:
                await made.watch_orders()
            assert isinstance(caught.value.__context__, ccxt.pro.AuthenticationError)

    running(work())
