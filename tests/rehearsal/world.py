"""Unmodified ccxt.pro against a rehearsal exchange in its own process."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import ccxt.pro

from sim.rehearsal.handle import RehearsalVenue
from tests import canary
from venues.ccxt.egress import moved
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.profiles import BINANCE

ID = "0123456789abcdef0123456789abcdef"
FUNDS = {"USDT": "100000", "BTC": "1"}
WAIT_S_MAX = 10.0


@contextmanager
def exchange(state: Path | None = None, **settings: Any) -> Iterator[RehearsalVenue]:
    """A funded exchange whose BTCUSDT book stands at 97000.00 | 97000.01."""
    with RehearsalVenue.start(state=state, balances=FUNDS, key_file=canary.key_file(), **settings) as venue:
        venue.quote("BTCUSDT", "97000.00", "97000.01")
        yield venue


@asynccontextmanager
async def client(venue: RehearsalVenue, *, timeout_ms: int = 30_000, **settings: Any) -> AsyncIterator[Any]:
    """ccxt.pro's own Binance class with its URLs moved, markets loaded; then it waits `timeout_ms` for an answer."""
    options = {**BINANCE.options, **settings.pop("options", {})}
    made = ccxt.pro.binance({"apiKey": venue.key, "secret": venue.secret, "options": options, "timeout": 30_000, **settings})
    made.urls = moved(made.urls, parse_endpoint(venue.endpoint))
    try:
        await made.load_markets()
        made.timeout = timeout_ms
        yield made
    finally:
        await made.close()


def drive[T](venue: RehearsalVenue, work: Callable[[Any], Awaitable[T]], **settings: Any) -> T:
    """Run `work` with a client and return what it returns."""

    async def whole() -> T:
        async with client(venue, **settings) as made:
            return await work(made)

    return running(whole())


def running[T](work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    return asyncio.run(work)


class Listener:
    """Everything ccxt.pro says of the account's orders, trades and balances, in order of arrival."""

    def __init__(self, made: Any) -> None:
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.balances: list[dict[str, Any]] = []
        self.errors: list[Exception] = []
        self._made = made

    async def __aenter__(self) -> Listener:
        self._tasks = [
            asyncio.create_task(self._watch(self._made.watch_orders, self.orders.extend)),
            asyncio.create_task(self._watch(self._made.watch_my_trades, self.trades.extend)),
            asyncio.create_task(self._watch(self._made.watch_balance, self.balances.append)),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, watch: Callable[[], Awaitable[Any]], keep: Callable[[Any], None]) -> None:
        while True:
            try:
                keep(copy.deepcopy(await watch()))  # ccxt goes on changing what it returned
            except ccxt.pro.NetworkError as error:
                self.errors.append(error)
                await asyncio.sleep(0.1)


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so; it is an error of the test if it does not become so."""
    async with asyncio.timeout(WAIT_S_MAX):
        while not true():
            await asyncio.sleep(0.01)
