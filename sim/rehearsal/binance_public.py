"""Binance spot's public side on loopback: REST and market streams, for unmodified ccxt.pro, driven by commands, faults included.

REST: ping, time, exchangeInfo, depth, trades, historicalTrades, aggTrades, klines, ticker/bookTicker, ticker/24hr, ticker/price.
Websocket: `/ws`, `/ws/NAME` and combined `/stream`, with SUBSCRIBE and UNSUBSCRIBE; streams bookTicker, depth@100ms,
aggTrade, trade. The market is ours, the protocol's reader is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from aiohttp import web

from sim.rehearsal.fault_gate import FaultGate
from sim.rehearsal.hub import Hub
from sim.rehearsal.listing import LISTINGS, Listing
from sim.rehearsal.public_market import PublicMarket
from sim.rehearsal.public_rest import answer
from sim.rehearsal.values import Printed, Refusal

LOOPBACK: Final = "127.0.0.1"
BOOK_LEVELS: Final = 20
SIZE: Final = Decimal(50)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class BinancePublic(Hub):
    """The server. Commands may be given at any time on its loop; `connections` and `requests` count what came in."""

    def __init__(self, *, symbols: Sequence[Listing] = LISTINGS, now_ms: Callable[[], int] = _wall_ms) -> None:
        super().__init__()
        self.markets = {symbol.name: PublicMarket(symbol) for symbol in symbols}
        self.gate = FaultGate(self.requests)
        self.faults = self.gate.faults
        self._now_ms = now_ms
        self._runner: web.AppRunner | None = None

    async def start(self, *, port: int = 0, extend: Callable[[web.Application], None] | None = None) -> str:
        """Listen on 127.0.0.1 and return the endpoint, such as http://127.0.0.1:18080. `extend` adds paths that go first."""
        app = web.Application(middlewares=[self.gate.middleware])
        if extend is not None:
            extend(app)
        app.router.add_get("/api/v3/{name:.+}", self._rest)
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

    @property
    def listening(self) -> bool:
        """Whether it is on its port."""
        return self._runner is not None

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
        for stream, message in self.markets[printed.symbol].add_printed(printed):
            self.send(stream, message)

    def show_book(self, name: str, *, bids: dict[Decimal, Decimal], asks: dict[Decimal, Decimal]) -> None:
        """Tell a book that an exchange has."""
        for stream, message in self.markets[name].show(bids, asks, now_ms=self._now_ms()):
            self.send(stream, message)

    async def _rest(self, request: web.Request) -> web.Response:
        self.connections += 1
        done = answer(self.markets, request.match_info["name"], dict(request.query), now_ms=self._now_ms())
        if isinstance(done, Refusal):
            return web.json_response({"code": done.code, "msg": done.message}, status=done.status)
        return web.json_response(done)
