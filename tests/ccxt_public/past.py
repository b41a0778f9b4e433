"""A loopback venue with a past, in this process or beside it: seeded bars and trades, and a clock that stands."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse.price_kinds import Kind, bar_length
from sim.catalog.fetcher import Fetched, Fetcher
from sim.catalog.importer import ImportOrder
from sim.catalog.store import CatalogStore
from sim.rehearsal.binance_public import BinancePublic
from tests.catalog.made import order
from venues.ccxt.egress import VenueClient
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.history import History
from venues.ccxt.profiles import BINANCE

START_MS = 1_736_121_600_000  # 2025-01-06 00:00 UTC, on the grid of windows of no length: windows are cut there
MINUTE_MS = 60_000


def bars(count: int, *, without: range = range(0)) -> list[tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]]:
    draw, rows = random.Random(7), []
    for place in range(count):
        opened, closed = (Decimal(draw.randint(9_999_000, 10_001_000)).scaleb(-2) for _ in range(2))
        volume = Decimal(draw.randint(1, 10**6)).scaleb(-4)
        if place not in without:
            high, low = max(opened, closed) + 1, min(opened, closed) - 1
            rows.append((START_MS + place * MINUTE_MS, opened, high, low, closed, volume))
    return rows


@dataclass
class Past:
    """The server; `now_ms` is its clock."""

    now_ms: int = START_MS
    server: BinancePublic = field(init=False)

    def __post_init__(self) -> None:
        self.server = BinancePublic(now_ms=lambda: self.now_ms)

    def give_bars(self, count: int, *, without: range = range(0)) -> None:
        """A past of `count` minutes, of which the last one has not ended."""
        for market in self.server.markets.values():
            market.keep_bars(MINUTE_MS, bars(count, without=without))
        self.now_ms = START_MS + count * MINUTE_MS - 30_000

    def give_trades(self, count: int, *, each_ms: int = 1_000) -> None:
        draw = random.Random(8)
        for place in range(count):
            self.now_ms = START_MS + place * each_ms
            price = Decimal(draw.randint(9_999_000, 10_001_000)).scaleb(-2)
            self.server.trade("BTCUSDT", str(price), f"0.{draw.randint(1, 99_999):05d}", buyer_is_maker=draw.random() < 0.5)
        self.now_ms += each_ms


def series(kind: Kind = Kind.BARS, **changes: Any) -> ImportOrder:
    bar = {"bar": bar_length("1m"), "stamp_open": True} if kind is Kind.BARS else {}
    return order(kind, **{**bar, **changes})


def fetch(
    past: Past,
    catalog: Path,
    how: ImportOrder | None = None,
    *,
    told: list[str] | None = None,
    until_ms: int | None = None,
    timeout_ms: int = 2_000,
    before: Callable[[], Awaitable[None]] | None = None,
) -> Fetched:
    """Fetch BTCUSDT's past from `START_MS` through the real ccxt, in one go."""

    async def whole() -> Fetched:
        endpoint = await past.server.start()
        client = VenueClient(
            "binance", options=BINANCE.options, endpoint=parse_endpoint(endpoint), hosts=BINANCE.hosts, streaming=False
        )
        client.exchange.timeout = timeout_ms
        try:
            with CatalogStore(catalog) as store:
                history = History(client.exchange, BINANCE, backoff_s=0.01, report=(told if told is not None else []).append)
                await history.open({"BINANCE:BTCUSDT": "BTC/USDT"}, timeframe="1m")
                fetcher = Fetcher(store, history, BINANCE, say=lambda symbol, done, total, rows: None)
                until_ns = None if until_ms is None else until_ms * 10**6
                return await fetcher.fetch(how or series(), ccxt_symbol="BTC/USDT", since_ns=START_MS * 10**6, until_ns=until_ns)
        finally:
            await client.close()
            await past.server.stop()

    return asyncio.run(whole())


@contextmanager
def beside(past: Past) -> Iterator[str]:
    """Serve from a thread of its own, for fetches of other processes; yields the endpoint."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(past.server.start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(past.server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
