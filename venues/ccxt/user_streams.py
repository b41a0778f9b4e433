"""The account's streams, supervised, and what mends them: a back-fill by REST after every loss, and a look every heartbeat.

ccxt.pro replays nothing: fills made while a socket was down never come by it. Orders and trades are taken message by message from
ccxt's own caches, because what `watch_*` returns is only what was there when its task ran.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ccxt.async_support.base.ws.cache import ArrayCacheBySymbolById

from venues.answers import Malformed, VenueOrder
from venues.ccxt.balances import Balances
from venues.ccxt.private_api import NoAnswer, PrivateApi
from venues.ccxt.private_parse import parse_balances
from venues.ccxt.streams import Stream, StreamEvent, backoff_s
from venues.ccxt.ticks import NS_PER_MS
from venues.ccxt.timing import NS, CcxtTiming
from venues.order_tracks import OrderTracks

CACHE_MAX: Final = 1_000
ACTIVE_NS: Final = 600 * NS  # for so long after its last order a symbol is looked at by every heartbeat
WHOLE_BEATS: Final = (
    20  # every so many heartbeats all symbols are: 26 weights a symbol would else be the account's whole allowance
)
STREAM_GRACE_NS: Final = 5 * NS  # what REST tells before a stream had this long is not held against the stream


class TappedCache(ArrayCacheBySymbolById):
    """Stands in for one of ccxt's caches of orders or trades and tells of each write."""

    def __init__(self, written: Callable[[Any], None]) -> None:
        super().__init__(CACHE_MAX)
        self._written = written

    def append(self, item: Any) -> None:
        super().append(item)
        self._written(item)


class UserStreams:
    """`symbols`: ccxt symbols that may be traded. `since_ns`: by symbol, from when on trades are looked for at first; venue time.

    `on_balances()` is called when the account has changed.
    """

    def __init__(
        self,
        api: PrivateApi,
        tracks: OrderTracks,
        balances: Balances,
        *,
        symbols: Mapping[str, int],
        timing: CcxtTiming,
        now_ns: Callable[[], int],
        venue_now_ms: Callable[[], int],
        jitter: Callable[[], float],
        report: Callable[[StreamEvent], None],
        guarded: Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]],
        failed: Callable[[str, Exception], None],
        on_balances: Callable[[], None],
    ) -> None:
        self._api = api
        self._tracks = tracks
        self._balances = balances
        self._since_ns = dict(symbols)
        self._timing = timing
        self._now_ns = now_ns
        self._venue_now_ms = venue_now_ms
        self._jitter = jitter
        self._report = report
        self._guarded = guarded
        self._failed = failed
        self._on_balances = on_balances
        self._running: list[asyncio.Task[None]] = []
        self._filling = asyncio.Lock()
        self._filled_ns = 0  # when the last whole back-fill began
        self._streams: dict[str, Stream] = {}
        self._active_ns: dict[str, int] = {}
        self._told_lost = False
        self.missed = 0  # orders and fills that REST told and a stream should have

    async def open(self) -> None:
        """Subscribe, back-fill, and only then return; tries until it is cancelled."""
        exchange = self._api.exchange
        expect_account_messages(exchange)
        exchange.orders = TappedCache(self._on_order)
        exchange.myTrades = TappedCache(self._on_trade)
        for name, watch in (("orders", exchange.watch_orders), ("trades", exchange.watch_my_trades)):
            self._streams[name] = self._stream(name, watch, _nothing_more)
        self._streams["balance"] = self._stream("balance", exchange.watch_balance, self._on_balance)
        attempt = 0
        while not await self._recovered():
            attempt += 1
            await asyncio.sleep(backoff_s(attempt, jitter=self._jitter()))
        for stream in self._streams.values():
            self._start(f"user {stream.name}", stream.run)
        self._start("heartbeat", self._beat)

    async def close(self) -> None:
        """End every task."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def backfill(self, *, whole: bool) -> bool | None:
        """Look at orders, trades and balances by REST; return whether a stream had missed something, None without an answer.

        `whole`: every symbol; else those with an order that may still fill, or that was sent a moment ago.
        """
        async with self._filling:
            begun, missed, answered = self._now_ns(), self.missed, True
            if not self._balances.told and not await self._held():  # a fill alone would open the account with what it moved
                return None
            for symbol in self._since_ns:
                if whole or self._tracks.living(symbol) or begun - self._active_ns.get(symbol, 0) < ACTIVE_NS:
                    answered = await self._one(symbol) and answered
            answered = await self._held() and answered
            if answered and whole:
                self._filled_ns = begun
            return None if not answered else self.missed > missed

    async def _held(self) -> bool:
        """Take the account's balances; return whether the venue told them."""
        held = await self._api.balances()
        if isinstance(held, NoAnswer):
            return False
        if self._balances.report(held, whole=True):
            self._on_balances()
        return True

    async def _one(self, symbol: str) -> bool:
        """Working orders, the truth of ours that are not among them, and trades since the last look less the overlap."""
        if self._tracks.living(symbol):
            self._active_ns[symbol] = self._now_ns()
        until_ms = self._venue_now_ms()
        before = {track.client_order_id for track in self._tracks.living(symbol) if track.accepted}
        working = await self._api.open_orders(symbol)
        if isinstance(working, NoAnswer):
            return False
        for order in working.items:
            self._tracks.take_order(order)
        named = {order.client_order_id for order in working.items}
        answered = await self._trades(symbol, until_ms=until_ms)
        for track in self._tracks.living(symbol):
            if track.client_order_id in before and track.client_order_id not in named:
                answered = await self._gone(track.client_order_id, symbol) and answered
        return answered

    async def _gone(self, client_order_id: str, symbol: str) -> bool:
        """An order of ours that works no more: ask what became of it."""
        track = self._tracks.get(client_order_id)
        assert track is not None
        assert track.venue_order_id is not None
        found = await self._api.find_by_venue_id(track.venue_order_id, symbol)
        if not isinstance(found, VenueOrder):  # no answer, or it does not know an order it had: nothing is concluded
            return False
        ended_before = track.ended
        self._tracks.take_order(found)
        if track.ended and not ended_before and (found.updated_ns or 0) < self._now_ns() - STREAM_GRACE_NS:
            self.missed += 1
        return True

    async def _trades(self, symbol: str, *, until_ms: int) -> bool:
        since_ms = int(self._since_ns[symbol] // NS_PER_MS - self._timing.overlap_s * 1_000)
        listed = await self._api.trades(symbol, since_ms=since_ms, until_ms=until_ms)
        if isinstance(listed, NoAnswer):
            return False
        for fill in listed.items:
            new = self._tracks.take_fill(fill)
            if new and fill.venue_ns is not None and fill.venue_ns < self._now_ns() - STREAM_GRACE_NS:
                self.missed += 1
        newest = max((fill.venue_ns or 0 for fill in listed.items), default=0)
        self._since_ns[symbol] = max(self._since_ns[symbol], newest)
        return True

    def _start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        async def work() -> None:
            await self._guarded(name, run)

        self._running.append(asyncio.create_task(work(), name=name))

    def _stream(self, name: str, watch: Callable[[], Awaitable[Any]], handle: Callable[[Any], Awaitable[None]]) -> Stream:
        return Stream(
            name=f"user {name}",
            watch=watch,
            handle=handle,
            reset=self._drop,
            recover=self._recover,
            quiet=self._quiet,
            stale_ms=int(self._timing.heartbeat_s * 1_000),
            now_ns=self._now_ns,
            jitter=self._jitter,
            report=self._report,
        )

    async def _recover(self) -> None:
        """Before a lost stream is watched again. What fails here is tried again with the next loss: watching will fail too."""
        await self._recovered()

    async def _recovered(self) -> bool:
        lost_ns = self._now_ns()
        try:
            await asyncio.wait_for(
                self._api.exchange.authenticate(dict(self._api.profile.user_stream)), self._timing.order_timeout_ms / 1_000
            )
        except Exception as error:  # the venue client's edge, as in `Stream.run`
            if not self._told_lost:
                self._told_lost = True
                message = f"user stream: no subscription: {self._api.words(error)}"
                self._report(StreamEvent(code="STREAM_LOST", stream="user", message=message))
            return False
        self._told_lost = False
        if self._filled_ns >= lost_ns:
            return True  # another stream of the same socket was here first
        return await self.backfill(whole=True) is not None

    async def _quiet(self) -> bool | None:
        """After a heartbeat's silence: was there nothing to say?"""
        missed = await self.backfill(whole=False)
        return None if missed is None else not missed

    async def _beat(self) -> None:
        """Look by REST even while streams talk: one of them may have fallen silent alone."""
        beat = 0
        while True:
            await asyncio.sleep(self._timing.heartbeat_s)
            beat += 1
            if await self.backfill(whole=not beat % WHOLE_BEATS):
                self._drop("the stream had missed something")

    def _drop(self, why: str) -> None:
        """Close the sockets that carry the account: ccxt dials and subscribes anew."""
        from ccxt.base.errors import NetworkError

        for socket in list(self._api.exchange.clients.values()):
            socket.on_error(NetworkError(why))

    def _on_order(self, raw: Any) -> None:
        self._take("orders", lambda: self._api.order(raw), self._tracks.take_order)

    def _on_trade(self, raw: Any) -> None:
        self._take("trades", lambda: self._api.fill(raw), self._tracks.take_fill)

    def _take[Item](self, name: str, parse: Callable[[], Item | None], take: Callable[[Item], Any]) -> None:
        """Called inside ccxt's message handler, where an exception would lose the message: a mistake of ours halts instead."""
        try:
            self._streams[name].heard()
            item = parse()
            if item is not None:
                take(item)
        except Exception as error:
            self._failed(f"user {name}", error)

    async def _on_balance(self, raw: Any) -> None:
        parsed = parse_balances(raw)
        if not isinstance(parsed, Malformed) and self._balances.report(parsed, whole=False):
            self._on_balances()


async def _nothing_more(result: Any) -> None:
    """Taken as it was written, see `TappedCache`."""


def expect_account_messages(exchange: Any) -> None:
    """Let ccxt take what the venue says of the account before `watch_balance` was called.

    All streams share one subscription, so a fill may come first; ccxt 4.5 then fails in its own task (`handle_balance`: KeyError
    'spot'), which nobody awaits, and the run halts.
    """
    exchange.balance.setdefault("spot", {})
