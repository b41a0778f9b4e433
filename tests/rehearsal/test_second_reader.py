"""A second reader of the wire: every answer and message of the rehearsal exchange decodes by the typed schemas of Nautilus' own
Binance adapter, which nobody here wrote, and where it is at hand its exchangeInfo has every field of a real one."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from nautilus_trader.adapters.binance.common.schemas import account, market
from nautilus_trader.adapters.binance.spot.schemas import account as spot_account
from nautilus_trader.adapters.binance.spot.schemas import market as spot_market
from nautilus_trader.adapters.binance.spot.schemas import user

from sim.rehearsal.hand import Hand
from sim.rehearsal.listing import LISTINGS
from sim.rehearsal.local import LocalVenue, local_venue
from sim.rehearsal.signing import signature
from tests.rehearsal.world import FUNDS, running

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "binance_exchange_info_2021-10.json.gz"

PUBLIC = {
    "time": ("time", market.BinanceTime),
    "exchangeInfo": ("exchangeInfo", spot_market.BinanceSpotExchangeInfo),
    "depth": ("depth?symbol=BTCUSDT", market.BinanceDepth),
    "trades": ("trades?symbol=BTCUSDT", list[market.BinanceTrade]),
    "aggTrades": ("aggTrades?symbol=BTCUSDT", list[market.BinanceAggTrade]),
    "klines": ("klines?symbol=BTCUSDT&interval=1m", list[market.BinanceKline]),
    "24hr": ("ticker/24hr?symbol=BTCUSDT", market.BinanceTicker24hr),
    "price": ("ticker/price?symbol=BTCUSDT", market.BinanceTickerPrice),
    "bookTicker": ("ticker/bookTicker?symbol=BTCUSDT", market.BinanceTickerBook),
}
SIGNED = {
    "account": ("GET", "account", {}, spot_account.BinanceSpotAccountInfo),
    "my trades": ("GET", "myTrades", {"symbol": "BTCUSDT"}, list[account.BinanceUserTrade]),
    "open orders": ("GET", "openOrders", {"symbol": "BTCUSDT"}, list[account.BinanceOrder]),
    "all orders": ("GET", "allOrders", {"symbol": "BTCUSDT"}, list[account.BinanceOrder]),
    "one order": ("GET", "order", {"symbol": "BTCUSDT", "origClientOrderId": "resting"}, account.BinanceOrder),
    "a cancel": ("DELETE", "order", {"symbol": "BTCUSDT", "origClientOrderId": "resting"}, account.BinanceOrder),
    "a new order": (
        "POST",
        "order",
        {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001", "newOrderRespType": "FULL"},
        account.BinanceOrder,
    ),
}
STREAMS = {
    "btcusdt@bookTicker": market.BinanceQuoteData,
    "btcusdt@depth@100ms": market.BinanceOrderBookData,
    "btcusdt@trade": spot_market.BinanceSpotTradeData,
    "btcusdt@aggTrade": market.BinanceAggregatedTradeData,
}


@asynccontextmanager
async def busy() -> AsyncIterator[tuple[LocalVenue, aiohttp.ClientSession]]:
    """An exchange with a resting order that filled in part, and a filled one."""
    async with local_venue(balances=FUNDS) as venue, aiohttp.ClientSession() as session:
        venue.quote("BTCUSDT", "97000", "97000.01")
        act(venue)
        yield venue, session


def act(venue: Hand) -> None:
    venue.cancel_open()
    venue.place(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
    limit = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.5", "price": "98000"}
    venue.place(**limit, newClientOrderId="resting")
    venue.trade_at("BTCUSDT", "98000.01", "0.2", buyer_is_maker=False)


def signed(venue: LocalVenue, parameters: dict[str, str]) -> str:
    query = "&".join(f"{name}={value}" for name, value in {**parameters, "timestamp": now_ms()}.items())
    return f"{query}&signature={signature(venue.secret, query)}"


def now_ms() -> str:
    return str(time.time_ns() // 1_000_000)


@pytest.mark.parametrize(("path", "schema"), PUBLIC.values(), ids=PUBLIC)
def test_a_public_answer_decodes(path, schema):
    async def work() -> bytes:
        async with busy() as (venue, session), session.get(f"{venue.endpoint}/api/v3/{path}") as answer:
            return await answer.read()

    assert msgspec.json.decode(running(work()), type=schema)


@pytest.mark.parametrize(("method", "path", "parameters", "schema"), SIGNED.values(), ids=SIGNED)
def test_a_signed_answer_decodes(method, path, parameters, schema):
    async def work() -> bytes:
        async with busy() as (venue, session):
            url = f"{venue.endpoint}/api/v3/{path}?{signed(venue, parameters)}"
            async with session.request(method, url, headers={"X-MBX-APIKEY": venue.key}) as answer:
                return await answer.read()

    assert msgspec.json.decode(running(work()), type=schema)


def test_market_messages_decode():
    async def work() -> dict[str, Any]:
        heard: dict[str, Any] = {}
        async with busy() as (venue, session), session.ws_connect(f"{venue.endpoint}/ws/{next(iter(STREAMS))}") as socket:
            await socket.send_json({"method": "SUBSCRIBE", "params": list(STREAMS), "id": 1})
            while venue.server.venue.public.subscribed("@trade") == 0:
                await socket.receive_json()
            act(venue)
            while set(heard) != {"depthUpdate", "trade", "aggTrade", None}:
                text = (await socket.receive()).data
                heard[json.loads(text).get("e", "id" if "id" in json.loads(text) else None)] = text
                heard.pop("id", None)
        return heard

    heard = running(work())
    for kind, schema in zip((None, "depthUpdate", "trade", "aggTrade"), STREAMS.values(), strict=True):
        assert msgspec.json.decode(heard[kind], type=schema)


def test_messages_of_the_account_decode():
    async def work() -> list[dict[str, Any]]:
        async with busy() as (venue, session), session.ws_connect(f"{venue.endpoint}/ws-api/v3") as socket:
            stamp = now_ms()
            params = {"apiKey": venue.key, "timestamp": stamp}
            params["signature"] = signature(venue.secret, f"apiKey={venue.key}&timestamp={stamp}")
            await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
            await socket.receive_json()
            act(venue)
            venue.cancel("BTCUSDT", client_id="resting")
            heard: list[dict[str, Any]] = []
            while sum(message.get("X") == "CANCELED" for message in heard) < 2:
                heard.append((await socket.receive_json())["event"])
            return heard

    heard = running(work())
    reports = [message for message in heard if message["e"] == "executionReport"]
    positions = [message for message in heard if message["e"] == "outboundAccountPosition"]
    assert {report["x"] for report in reports} == {"NEW", "TRADE", "CANCELED"}
    for report in reports:
        assert msgspec.convert(report, user.BinanceSpotOrderUpdateData)
    for position in positions:
        assert msgspec.convert(position, user.BinanceSpotAccountUpdateMsg)
    assert len(reports) + len(positions) == len(heard)


@pytest.mark.skipif(not REAL.exists(), reason="needs the venue's real exchangeInfo of October 2021 beside the repository")
def test_exchange_info_has_every_field_of_a_real_one():
    with gzip.open(REAL) as file:
        real = next(each for each in json.load(file)["symbols"] if each["isSpotTradingAllowed"])
    mine = LISTINGS[0].exchange_info()
    renamed = {"PERCENT_PRICE": "PERCENT_PRICE_BY_SIDE", "MIN_NOTIONAL": "NOTIONAL"}  # since then, with other fields
    assert set(real) <= set(mine)
    assert {renamed.get(each["filterType"], each["filterType"]) for each in real["filters"]} == {
        each["filterType"] for each in mine["filters"]
    }
    fields = {each["filterType"]: set(each) for each in mine["filters"]}
    for each in real["filters"]:
        if each["filterType"] not in renamed:
            assert set(each) == fields[each["filterType"]]
