"""A loopback venue that answers exchangeInfo, spot and linear, as Binance shapes it; what it says is the test's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web


def filters(
    *,
    tick: str = "0.01000000",
    step: str = "0.00001000",
    least: str = "0.00001000",
    most: str = "9000.00000000",
    market_least: str = "0.00000000",
    market_most: str = "120.50000000",
    market_step: str = "0.00000000",
    notional: str = "5.00000000",
) -> list[dict[str, Any]]:
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": least, "maxQty": most, "stepSize": step},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", "minQty": market_least, "maxQty": market_most, "stepSize": market_step},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2", "avgPriceMins": 5},
        {"filterType": "NOTIONAL", "minNotional": notional, "applyMinToMarket": True, "maxNotional": "9000000.00000000"},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ]


def spot(name: str, base: str, *, quote: str = "USDT", status: str = "TRADING", **changes: str) -> dict[str, Any]:
    return {
        "symbol": name,
        "status": status,
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(**changes),
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def perpetual(name: str, base: str, *, notional: str = "100") -> dict[str, Any]:
    """A USDT-margined perpetual as /fapi/v1/exchangeInfo has it; its numbers differ from the spot pair of the same id."""
    return {
        "symbol": name,
        "pair": name,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "underlyingType": "COIN",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": notional},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC"],
    }


SPOT = (spot("BTCUSDT", "BTC"), spot("ETHUSDT", "ETH", step="0.00010000", least="0.00010000"), spot("SOLUSDT", "SOL"))
LINEAR = (perpetual("BTCUSDT", "BTC"),)


def info(symbols: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {"timezone": "UTC", "serverTime": 1633000000000, "rateLimits": [], "exchangeFilters": [], "symbols": list(symbols)}


@contextmanager
def venue(
    symbols: tuple[dict[str, Any], ...] = SPOT,
    linear: tuple[dict[str, Any], ...] = LINEAR,
    *,
    status: int = 200,
    asked: list[str] | None = None,
) -> Iterator[str]:
    """Answer as Binance with these markets until the block ends."""

    def say(path: str, query: dict[str, str]) -> dict[str, Any]:
        return info(linear if path.startswith("/fapi") else symbols)

    with serving(say, status=status, asked=asked) as endpoint:
        yield endpoint


@contextmanager
def serving(
    say: Callable[[str, dict[str, str]], dict[str, Any]], *, status: int = 200, asked: list[str] | None = None
) -> Iterator[str]:
    """Answer `say(path, query)` on 127.0.0.1 from a thread of its own until the block ends."""
    loop = asyncio.new_event_loop()
    bound: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        if asked is not None:
            asked.append(request.path)
        return web.json_response(say(request.path, dict(request.query)), status=status)

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        bound.append(f"http://{host}:{port}")
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield bound[0]
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
