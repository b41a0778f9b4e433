"""A loopback server that speaks Binance spot's public REST and websocket protocol, driven by a script, faults included.

REST: ping, time, exchangeInfo, depth, trades, historicalTrades, aggTrades, klines, ticker/bookTicker. Websocket: `/ws`,
`/ws/NAME` and combined `/stream`, with SUBSCRIBE and UNSUBSCRIBE; streams bookTicker, depth@100ms, aggTrade, trade.
The market is ours, the protocol's reader is not: unmodified ccxt.pro.

    python -m sim.rehearsal.binance_public --port 18080            a seeded random walk
    python -m sim.rehearsal.binance_public --port 18080 --script FILE
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from orders.errors import InputError
from sim.rehearsal.hub import Hub
from sim.rehearsal.listing import LISTINGS, Listing
from sim.rehearsal.public_market import PublicMarket
from sim.rehearsal.rest_faults import RestFaults
from sim.rehearsal.values import Printed

LOOPBACK: Final = "127.0.0.1"
BOOK_LEVELS: Final = 20
LIMIT_MAX: Final = 1_000
INTERVALS_MS: Final = {"1s": 1_000, "1m": 60_000, "5m": 300_000, "1h": 3_600_000, "1d": 86_400_000}
SIZE: Final = Decimal(50)
WALK_PAUSE_S: Final = 0.25


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class BinancePublic(Hub):
    """The server. Commands may be given at any time on its loop; `connections` and `requests` count what came in."""

    def __init__(self, *, symbols: Sequence[Listing] = LISTINGS, now_ms: Callable[[], int] = _wall_ms) -> None:
        super().__init__()
        self.markets = {symbol.name: PublicMarket(symbol) for symbol in symbols}
        self.rest_status: int | None = None  # every REST answer is this error while set
        self.faults = RestFaults()
        self._now_ms = now_ms
        self._runner: web.AppRunner | None = None

    async def start(self, *, port: int = 0, extend: Callable[[web.Application], None] | None = None) -> str:
        """Listen on 127.0.0.1 and return the endpoint, such as http://127.0.0.1:18080. `extend` adds paths that go first."""
        app = web.Application()
        if extend is not None:
            extend(app)
        app.router.add_get("/api/v3/{name:.+}", self._answer)
        for path in ("/ws", "/ws/{name}", "/stream", "/stream/{name}"):
            app.router.add_get(path, self.market_socket)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, port)
        await site.start()
        host, bound = self._runner.addresses[0][:2]
        return f"http://{host}:{bound}"

    async def stop(self) -> None:
        """Cut every connection and stop listening."""
        self.drop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def quote(self, name: str, bid: str, ask: str, *, size: Decimal = SIZE) -> None:
        """Move a symbol's touch, `size` on every level; book and ticker streams tell it."""
        market = self.markets[name]
        for stream, message in market.set_touch(Decimal(bid), Decimal(ask), size=size, levels=BOOK_LEVELS, now_ms=self._now_ms()):
            self.send(stream, message)

    def trade(self, name: str, price: str, quantity: str, *, buyer_is_maker: bool = False) -> None:
        """Trade once; both trade streams tell it, and REST remembers it whether or not they could."""
        market = self.markets[name]
        for stream, message in market.add_trade(
            Decimal(price), Decimal(quantity), buyer_is_maker=buyer_is_maker, now_ms=self._now_ms()
        ):
            self.send(stream, message)

    def print_trade(self, printed: Printed) -> None:
        """Tell a trade that an exchange matched, under its own id."""
        for stream, message in self.markets[printed.symbol].add_trade(
            printed.price,
            printed.quantity,
            buyer_is_maker=printed.buyer_is_maker,
            now_ms=self._now_ms(),
            trade_id=printed.trade_id,
        ):
            self.send(stream, message)

    def show_book(self, name: str, *, bids: dict[Decimal, Decimal], asks: dict[Decimal, Decimal]) -> None:
        """Tell a book that an exchange has."""
        for stream, message in self.markets[name].show(bids, asks, now_ms=self._now_ms()):
            self.send(stream, message)

    async def _answer(self, request: web.Request) -> web.Response:
        return await self.faults.spoil(request.match_info["name"], await self._rest(request))

    async def _rest(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.connections += 1
        self.requests[name] += 1
        if self.rest_status is not None:
            return web.json_response({"code": -1001, "msg": "Internal error"}, status=self.rest_status)
        if name == "ping":
            return web.json_response({})
        if name == "time":
            return web.json_response({"serverTime": self._now_ms()})
        if name == "exchangeInfo":
            listed = [market.symbol.exchange_info() for market in self.markets.values()]
            body = {"timezone": "UTC", "serverTime": self._now_ms(), "rateLimits": [], "exchangeFilters": [], "symbols": listed}
            return web.json_response(body)
        market = self.markets.get(request.query.get("symbol", ""))
        if name == "ticker/bookTicker" and "symbol" not in request.query:
            return web.json_response([each.touch() for each in self.markets.values()])
        if market is None:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        try:
            return self._of_market(
                name, market, {key: int(value) for key, value in request.query.items() if value.isdigit()}, request
            )
        except KeyError:
            return web.json_response({"code": -1120, "msg": "Invalid interval."}, status=400)

    def _of_market(self, name: str, market: PublicMarket, numbers: dict[str, int], request: web.Request) -> web.Response:
        limit = min(numbers.get("limit", 500), LIMIT_MAX)
        start, end = numbers.get("startTime", 0), numbers.get("endTime", 2**53)
        if name == "depth":
            return web.json_response(market.depth(limit))
        if name == "ticker/bookTicker":
            return web.json_response(market.touch())
        if name == "aggTrades":
            from_id = numbers.get("fromId")
            if from_id is not None:
                return web.json_response([trade for trade in market.trades if trade["a"] >= from_id][:limit])
            inside = [trade for trade in market.trades if start <= trade["T"] <= end]
            return web.json_response(inside[:limit] if "startTime" in numbers else inside[-limit:])
        if name in ("trades", "historicalTrades"):
            first = numbers.get("fromId", 0)
            wanted = [trade for trade in market.trades if trade["a"] >= first]
            shown = wanted[:limit] if "fromId" in numbers else wanted[-limit:]
            return web.json_response([_single(trade) for trade in shown])
        if name == "klines":
            interval_ms = INTERVALS_MS[request.query.get("interval", "")]
            return web.json_response(market.klines(interval_ms=interval_ms, start_ms=start, end_ms=end, limit=limit))
        return web.json_response({"code": -1, "msg": "not spoken here"}, status=404)


def _single(trade: dict[str, Any]) -> dict[str, Any]:
    turnover = Decimal(trade["p"]) * Decimal(trade["q"])
    return {
        "id": trade["a"],
        "price": trade["p"],
        "qty": trade["q"],
        "quoteQty": str(turnover),
        "time": trade["T"],
        "isBuyerMaker": trade["m"],
        "isBestMatch": True,
    }


def act(server: BinancePublic, step: dict[str, Any]) -> None:
    """Do one step of a script. Raises `InputError` SCRIPT_MALFORMED."""
    try:
        match step["do"]:
            case "quote":
                server.quote(step["symbol"], step["bid"], step["ask"])
            case "trade":
                server.trade(step["symbol"], step["price"], step["quantity"], buyer_is_maker=step.get("buyer_is_maker", False))
            case "drop":
                server.drop()
            case "silence":
                server.silence(step.get("stream", ""))
            case "speak":
                server.speak()
            case "duplicate":
                server.duplicate(bool(step["on"]))
            case "hold":
                server.hold()
            case "release":
                server.release(reverse=bool(step["reverse"]))
            case "rest":
                server.rest_status = step["status"]
            case "fault":
                server.faults.add(step["resource"], step["fault"])
            case "sockets":
                server.refuse_sockets = not step["accepted"]
            case other:
                raise KeyError(other)
    except (KeyError, TypeError, ArithmeticError) as error:
        raise InputError(
            "SCRIPT_MALFORMED",
            expected="a step such as {'after_ms': 100, 'do': 'quote', 'symbol': 'BTCUSDT', 'bid': '97000', 'ask': '97000.01'}",
            found=f"{step!r}: {type(error).__name__} {error}",
            action="Mend the script; `act` in this module has all steps.",
        ) from error


def read_script(path: Path) -> list[dict[str, Any]]:
    """Return the steps of a script, one JSON object a line with `after_ms` and `do`. Raises `InputError` SCRIPT_MALFORMED."""
    steps = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            step = json.loads(line)
            assert isinstance(step, dict)
            assert isinstance(step["after_ms"], int)
        except (ValueError, KeyError, AssertionError) as error:
            raise InputError(
                "SCRIPT_MALFORMED",
                expected=f"an object with after_ms and do in line {number} of {path}",
                found=line[:200],
                action="Mend the script.",
            ) from error
        steps.append(step)
    return steps


async def play(server: BinancePublic, steps: Sequence[dict[str, Any]]) -> None:
    """Do the steps, each `after_ms` real milliseconds after the one before."""
    for step in steps:
        await asyncio.sleep(step["after_ms"] / 1_000)
        act(server, step)


def random_walk(seed: int) -> Iterator[dict[str, Any]]:
    """Yield steps of a made market for ever: quotes and a trade now and then, equal for equal seeds."""
    draw = random.Random(seed)
    mids = {"BTCUSDT": 9_700_000, "ETHUSDT": 340_000}  # in ticks of 0.01
    while True:
        for name in mids:
            mids[name] += draw.randint(-50, 50)
            bid, ask = Decimal(mids[name] - 1) / 100, Decimal(mids[name] + 1) / 100
            yield {"after_ms": 0, "do": "quote", "symbol": name, "bid": str(bid), "ask": str(ask)}
            if draw.random() < 0.5:
                maker = draw.random() < 0.5
                yield {
                    "after_ms": 0,
                    "do": "trade",
                    "symbol": name,
                    "price": str(bid if maker else ask),
                    "quantity": "0.01",
                    "buyer_is_maker": maker,
                }
        yield {"after_ms": int(WALK_PAUSE_S * 1_000), "do": "speak"}


async def serve(*, port: int, script: Path | None, seed: int) -> None:
    """Serve until cancelled; a script that ends leaves the server up."""
    server = BinancePublic()
    endpoint = await server.start(port=port)
    sys.stdout.write(f'{endpoint}   in a run config: [data] kind = "ccxt", exchange = "binance", endpoint = "{endpoint}"\n')
    sys.stdout.flush()
    try:
        if script is not None:
            await play(server, read_script(script))
        else:
            for step in random_walk(seed):
                await asyncio.sleep(step["after_ms"] / 1_000)
                act(server, step)
        await asyncio.Event().wait()
    finally:
        await server.stop()


def main() -> int:
    """Run the server from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sim.rehearsal.binance_public", description="Binance's public side on loopback."
    )
    parser.add_argument("--port", type=int, default=18_080, help="on 127.0.0.1 (%(default)s)")
    parser.add_argument("--script", type=Path, help="steps, one JSON object a line; default: a seeded random walk")
    parser.add_argument("--seed", type=int, default=1, help="of the random walk (%(default)s)")
    given = parser.parse_args()
    try:
        asyncio.run(serve(port=given.port, script=given.script, seed=given.seed))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
