"""The shadow's replay data client: plays a feed into a live node, prices re-stamped to now, manifests on their day."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.data import Bar, QuoteTick
from nautilus_trader.model.identifiers import ClientId, InstrumentId, Venue
from nautilus_trader.model.objects import Price, Quantity

from engine.market_time import MarketTime
from lakehouse.layout import storage_error
from orders.exact import at_places
from sim.feed import FeedQuote

NS = 1_000_000_000


class ReplayDataClient(LiveMarketDataClient):
    """Serves quotes of one venue; `publish` sends a tick into the node. The player below drives all venues' clients."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any, venue: str) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(venue),
            venue=Venue(venue),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=InstrumentProvider(),
        )

    async def _connect(self) -> None:
        """Nothing to connect to: the feed is a file."""

    async def _disconnect(self) -> None:
        """Nothing to disconnect from."""

    async def _subscribe_quote_ticks(self, command: Any) -> None:
        """Every quote of the feed is published in any case."""

    async def _unsubscribe_quote_ticks(self, command: Any) -> None:
        """See `_subscribe_quote_ticks`."""

    def publish(self, tick: Any) -> None:
        """Hand one tick to the node's data engine."""
        self._handle_data(tick)


def tick_of(quote: FeedQuote, instrument: Any, *, ts_ns: int, received_ns: int | None = None) -> Any:
    """Return the Nautilus tick of a feed quote, on the instrument's own precisions; sizes are floored.

    `received_ns` None: at `ts_ns`.
    """
    return QuoteTick(
        instrument_id=instrument.id,
        bid_price=_price(quote.bid, instrument),
        ask_price=_price(quote.ask, instrument),
        bid_size=_floored(quote.bid_size, instrument),
        ask_size=_floored(quote.ask_size, instrument),
        ts_event=ts_ns,
        ts_init=ts_ns if received_ns is None else received_ns,
    )


def bar_of(quote: FeedQuote, instrument: Any, bar_type: Any) -> Any:
    """Return the feed's bar, or one that opens, trades and closes at the mid: all a close says. Its volume is the feed's size."""
    mid = (quote.bid + quote.ask) / 2
    prices = [_price(value, instrument) for value in quote.bar or (mid, mid, mid, mid)]
    return Bar(bar_type, *prices, _floored(quote.bid_size, instrument), quote.market_ns, quote.market_ns)


def _price(value: Decimal, instrument: Any) -> Any:
    return Price.from_decimal(at_places(value, instrument.price_precision))


def _floored(size: Decimal, instrument: Any) -> Any:
    step = instrument.size_increment.as_decimal()
    return Quantity.from_decimal(at_places(size // step * step, instrument.size_precision))


def install_manifest(source: Path, target: Path) -> None:
    """Put a manifest where the engine polls, whole or not at all, as a careful platform would. Raises `StorageError`."""
    temporary = target.with_name(target.name + ".installing")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(source.read_bytes())
        os.replace(temporary, target)
    except OSError as error:
        raise storage_error(error, target) from error


class Player:
    """Plays quotes and manifests in market time: an event whose market instant has come is emitted, with the stamp of now.

    `on_instant(market_ns)` is called after each group of events with one market instant.
    """

    def __init__(
        self,
        *,
        quotes: Iterator[FeedQuote],
        manifests: Sequence[tuple[int, Path]],
        manifest_path: Path,
        market_time: MarketTime,
        clients: Mapping[str, ReplayDataClient],
        instrument_ids: Mapping[str, str],
        cache: Any,
        clock: Any,
        on_instant: Callable[[int], None],
    ) -> None:
        self._quotes = quotes
        self._manifests = list(manifests)
        self._manifest_path = manifest_path
        self._market_time = market_time
        self._clients = clients
        self._ids = {symbol: InstrumentId.from_str(text) for symbol, text in instrument_ids.items()}
        self._cache = cache
        self._clock = clock
        self._on_instant = on_instant

    async def play(self) -> None:
        """Return when the feed is at its end. An event is never early; a late loop emits it late, with its real stamp."""
        for market_ns, group in groupby(self._quotes, key=lambda quote: quote.market_ns):
            await self._install_until(market_ns)
            await self._wait_for(market_ns)
            now = self._clock.timestamp_ns()
            for quote in group:
                instrument_id = self._ids[quote.symbol]
                instrument = self._cache.instrument(instrument_id)
                self._clients[instrument_id.venue.value].publish(tick_of(quote, instrument, ts_ns=now))
            self._on_instant(market_ns)
        if self._manifests:
            await self._install_until(self._manifests[-1][0])

    async def _install_until(self, market_ns: int) -> None:
        while self._manifests and self._manifests[0][0] <= market_ns:
            instant, path = self._manifests.pop(0)
            await self._wait_for(instant)
            install_manifest(path, self._manifest_path)

    async def _wait_for(self, market_ns: int) -> None:
        due_ns = self._market_time.real_of(market_ns)
        while (left_ns := due_ns - self._clock.timestamp_ns()) > 0:
            await asyncio.sleep(left_ns / NS)
        await asyncio.sleep(0)
