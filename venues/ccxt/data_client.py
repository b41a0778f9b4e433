"""CcxtDataClient: a venue's public streams into a live node, through unmodified ccxt.pro, for the configured symbols.

Quotes are taken message by message from ccxt's own top-of-book cache: what `watch_bids_asks` returns is only the first message
of a burst. Trades come without gaps (`venues.ccxt.trades`), order books as their best ten levels. Instruments are those in the
node's cache, made from our own limits; a price off their tick is dropped, and says that the limits are outdated.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.data import BookOrder, OrderBookDepth10, QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide, OrderSide
from nautilus_trader.model.identifiers import ClientId, InstrumentId, TradeId, Venue
from nautilus_trader.model.objects import Price, Quantity

from venues.ccxt.egress import VenueClient
from venues.ccxt.profiles import CcxtProfile
from venues.ccxt.streams import Stream, StreamEvent
from venues.ccxt.ticks import DEPTH_LEVELS, Drop, QuoteOrder, VenueDepth, VenueTrade, parse_depth, parse_quote
from venues.ccxt.trades import TradeTape

NS_PER_MS: Final = 1_000_000
CLOSE_TIMEOUT_S: Final = 2.0


class TopOfBookTap(dict[str, Any]):
    """Stands in for ccxt's `bidsasks` cache, which ccxt.pro writes once a message; tells of each write."""

    def __init__(self, written: Callable[[str, Any], None]) -> None:
        super().__init__()
        self._written = written

    def __setitem__(self, symbol: str, ticker: Any) -> None:
        super().__setitem__(symbol, ticker)
        self._written(symbol, ticker)


class _Instrument:
    """A Nautilus instrument and what is needed of it at every message."""

    def __init__(self, instrument: Any) -> None:
        self.id = instrument.id
        self.tick_size: Decimal = instrument.price_increment.as_decimal()
        self.step_size: Decimal = instrument.size_increment.as_decimal()
        self._price_precision: int = instrument.price_precision
        self._size_precision: int = instrument.size_precision

    def price(self, value: Decimal) -> Any:
        """By text: Nautilus' other constructors go through a binary float."""
        return Price.from_str(f"{value:.{self._price_precision}f}")

    def size(self, value: Decimal) -> Any:
        return Quantity.from_str(f"{value:.{self._size_precision}f}")


class CcxtDataClient(LiveMarketDataClient):
    """Streams start with the connection and end with it. `instrument_ids`: ccxt symbol -> instrument id.

    `client` has loaded its markets. `on_event` is told what an operator should know; `halt` stops trading when a stream of ours
    fails by a mistake of ours. `dropped` counts by (stream, reason).
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        msgbus: Any,
        cache: Any,
        clock: Any,
        venue: str,
        client: VenueClient,
        profile: CcxtProfile,
        instrument_ids: Mapping[str, str],
        stale_ms: int,
        jitter: Callable[[], float],
        on_event: Callable[[StreamEvent], None],
        halt: Callable[[str], None],
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(venue),
            venue=Venue(venue),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=InstrumentProvider(),
        )
        self._client = client
        self._exchange = client.exchange
        self._profile = profile
        self._ids = dict(instrument_ids)
        self._stale_ms = stale_ms
        self._jitter = jitter
        self._on_event = on_event
        self._halt = halt
        self._instruments: dict[str, _Instrument] = {}
        self._orders: dict[str, QuoteOrder] = {}
        self._quote_streams: dict[str, Stream] = {}
        self._stamps: dict[tuple[str, str], int] = {}
        self._refused_told = 0
        self._running: list[asyncio.Task[None]] = []
        self.tapes: dict[str, TradeTape] = {}
        self.dropped: Counter[tuple[str, str]] = Counter()

    async def _connect(self) -> None:
        for symbol, text in self._ids.items():
            instrument = self._cache.instrument(InstrumentId.from_str(text))
            assert instrument is not None, f"{text} is not in the node's cache"
            self._instruments[symbol] = _Instrument(instrument)
            self._orders[symbol] = QuoteOrder(restart_after_ns=self._stale_ms * NS_PER_MS)
        self._exchange.bidsasks = TopOfBookTap(self._on_top_of_book)
        for symbol in self._ids:
            for stream in (self._quotes(symbol), self._trades(symbol), self._books(symbol)):
                self._running.append(asyncio.create_task(self._guarded(stream), name=stream.name))

    async def _disconnect(self) -> None:
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        try:
            await asyncio.wait_for(self._client.close(), CLOSE_TIMEOUT_S)
        except TimeoutError:
            self._log.warning("the venue's sockets did not close in time")

    async def _subscribe_quote_ticks(self, command: Any) -> None:
        """Every configured symbol is streamed in any case."""

    async def _unsubscribe_quote_ticks(self, command: Any) -> None:
        """See `_subscribe_quote_ticks`."""

    async def _subscribe_trade_ticks(self, command: Any) -> None:
        """See `_subscribe_quote_ticks`."""

    async def _unsubscribe_trade_ticks(self, command: Any) -> None:
        """See `_subscribe_quote_ticks`."""

    async def _subscribe_order_book_depth(self, command: Any) -> None:
        """See `_subscribe_quote_ticks`."""

    async def _unsubscribe_order_book_depth(self, command: Any) -> None:
        """See `_subscribe_quote_ticks`."""

    async def _guarded(self, stream: Stream) -> None:
        """The outermost edge of a stream: a mistake of ours in it halts, it is not left in a task nobody awaits."""
        try:
            await stream.run()
        except Exception as error:
            self._log.exception(f"stream {stream.name} failed", error)
            self._halt(f"STREAM_FAILED: {stream.name}: {type(error).__name__}: {error}")

    def _stream(self, kind: str, symbol: str, message_hash: str, **parts: Any) -> Stream:
        wanted = message_hash.format(symbol=symbol)
        return Stream(
            name=f"{kind} {self._ids[symbol]}",
            reset=lambda why: self._drop_subscription(wanted, why),
            stale_ms=self._stale_ms,
            now_ns=self._clock.timestamp_ns,
            jitter=self._jitter,
            report=self._report,
            **parts,
        )

    def _quotes(self, symbol: str) -> Stream:
        stream = self._stream(
            "quotes",
            symbol,
            self._profile.quote_hash,
            watch=lambda: self._exchange.watch_bids_asks([symbol]),
            handle=_nothing_more,
            recover=None,
            quiet=None,
        )
        self._quote_streams[symbol] = stream
        return stream

    def _trades(self, symbol: str) -> Stream:
        instrument = self._instruments[symbol]
        tape = self.tapes[symbol] = TradeTape(
            name=f"trades {self._ids[symbol]}",
            fields=self._profile.trade,
            tick_size=instrument.tick_size,
            step_size=instrument.step_size,
            fetch_page=lambda first: self._trade_page(symbol, first),
            publish=lambda trade: self._publish_trade(instrument, trade),
            dropped=lambda why: self._drop("trades", instrument, why),
            report=self._report,
        )

        async def handle(trades: Any) -> None:
            await tape.take(trade.get("info") for trade in trades)

        async def recover() -> None:
            await tape.fill()

        async def quiet() -> bool | None:
            found = await tape.fill()
            return None if found is None else not found

        return self._stream(
            "trades",
            symbol,
            self._profile.trade_hash,
            watch=lambda: self._exchange.watch_trades(symbol, params=dict(self._profile.trades_watch)),
            handle=handle,
            recover=recover,
            quiet=quiet,
        )

    def _books(self, symbol: str) -> Stream:
        instrument = self._instruments[symbol]

        async def handle(book: Any) -> None:
            depth = parse_depth(book, tick_size=instrument.tick_size, step_size=instrument.step_size)
            if isinstance(depth, Drop):
                self._drop("book", instrument, depth)
            else:
                self._publish_depth(instrument, depth)

        return self._stream(
            "book",
            symbol,
            self._profile.book_hash,
            watch=lambda: self._exchange.watch_order_book(symbol, self._profile.book_snapshot_levels),
            handle=handle,
            recover=None,
            quiet=None,
        )

    async def _trade_page(self, symbol: str, first_id: int) -> list[Any] | None:
        """Raw trades from an id on; None when the venue did not answer, whatever ccxt calls that."""
        params = {**self._profile.trades_fetch, self._profile.trades_from: first_id}
        try:
            trades = await self._exchange.fetch_trades(symbol, None, self._profile.trades_page, params)
        except Exception as error:  # the venue client's edge, as in `Stream.run`
            self._log.warning(f"back-fill of {symbol} from {first_id}: {type(error).__name__}: {error}")
            return None
        return [trade.get("info") for trade in trades]

    def _drop_subscription(self, message_hash: str, why: str) -> None:
        """Close the socket that carries a subscription: ccxt dials and subscribes anew at the next watch."""
        from ccxt.base.errors import NetworkError

        for socket in list(self._exchange.clients.values()):
            if message_hash in socket.subscriptions or message_hash in socket.futures:
                socket.on_error(NetworkError(why))

    def _on_top_of_book(self, symbol: str, ticker: Any) -> None:
        """Every top-of-book message passes here, in the order it came."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return
        self._quote_streams[symbol].heard()
        info = ticker.get("info") if isinstance(ticker, dict) else None
        quote = parse_quote(info, self._profile.quote, tick_size=instrument.tick_size, step_size=instrument.step_size)
        now = self._clock.timestamp_ns()
        why = quote if isinstance(quote, Drop) else self._orders[symbol].admit(quote, now_ns=now)
        if isinstance(quote, Drop) or why is not None:
            assert why is not None
            self._drop("quotes", instrument, why)
            return
        self._handle_data(
            QuoteTick(
                instrument_id=instrument.id,
                bid_price=instrument.price(quote.bid),
                ask_price=instrument.price(quote.ask),
                bid_size=instrument.size(quote.bid_size),
                ask_size=instrument.size(quote.ask_size),
                ts_event=self._stamp("quotes", symbol, quote.venue_ns, now),
                ts_init=now,
            )
        )

    def _publish_trade(self, instrument: _Instrument, trade: VenueTrade) -> None:
        now = self._clock.timestamp_ns()
        self._handle_data(
            TradeTick(
                instrument_id=instrument.id,
                price=instrument.price(trade.price),
                size=instrument.size(trade.quantity),
                aggressor_side=AggressorSide.SELLER if trade.buyer_is_maker else AggressorSide.BUYER,
                trade_id=TradeId(str(trade.trade_id)),
                ts_event=self._stamp("trades", instrument.id.value, trade.venue_ns, now),
                ts_init=now,
            )
        )

    def _publish_depth(self, instrument: _Instrument, depth: VenueDepth) -> None:
        now = self._clock.timestamp_ns()
        bids = [BookOrder(OrderSide.BUY, instrument.price(price), instrument.size(size), 0) for price, size in depth.bids]
        asks = [BookOrder(OrderSide.SELL, instrument.price(price), instrument.size(size), 0) for price, size in depth.asks]
        count = min(DEPTH_LEVELS, len(bids), len(asks))
        self._handle_data(
            OrderBookDepth10(
                instrument_id=instrument.id,
                bids=bids[:count],
                asks=asks[:count],
                bid_counts=[0] * count,
                ask_counts=[0] * count,
                flags=0,
                sequence=depth.update_id,
                ts_event=self._stamp("book", instrument.id.value, depth.venue_ns, now),
                ts_init=now,
            )
        )

    def _stamp(self, kind: str, name: str, venue_ns: int | None, now_ns: int) -> int:
        """Venue time where the venue says it, else now; never later than now, never earlier than the one before."""
        stamp = max(self._stamps.get((kind, name), 0), min(venue_ns if venue_ns is not None else now_ns, now_ns))
        self._stamps[kind, name] = stamp
        return stamp

    def _drop(self, kind: str, instrument: _Instrument, why: Drop) -> None:
        name = f"{kind} {instrument.id.value}"
        self.dropped[name, why.value] += 1
        if why is Drop.OFF_TICK and self.dropped[name, why.value] == 1:
            message = f"{name}: a price is off the tick {instrument.tick_size}; fetch the venue's limits again"
            self._report(StreamEvent(code="LIMITS_OUTDATED", stream=name, message=message))

    def _report(self, event: StreamEvent) -> None:
        refused = self._client.egress.refused
        if refused.total() > self._refused_told:
            self._refused_told = refused.total()
            message = f"connections were refused to {', '.join(sorted(refused))}: {self._client.exchange.id} wanted another host"
            self._on_event(StreamEvent(code="EGRESS_REFUSED", stream=event.stream, message=message))
        self._on_event(event)


async def _nothing_more(result: Any) -> None:
    """Quotes were taken as they came, see `_on_top_of_book`."""
