"""CcxtExecutionClient: one account at one venue through unmodified ccxt.pro, as a Nautilus execution client.

The life of an order: second lock, SUBMITTED, send line; its request is made, and held until that is durable; second lock again;
the request. What the answer means is `outcomes`' to say; what is not known is told nobody but the record, blocks its symbol and
is the resolver's. Everything that is known, from whatever side, goes through `OrderTracks` and is told once. Nothing here raises
into Nautilus: it refuses and halts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, OrderType
from nautilus_trader.model.identifiers import AccountId, ClientId, InstrumentId, Venue

from orders.values import Listing, MarketLimits, OrderKind, Side
from venues.base import SecondLock, WireTap
from venues.ccxt.account_checks import VenueClock
from venues.ccxt.balances import Balances
from venues.ccxt.cancels import Cancels
from venues.ccxt.client_ids import to_venue
from venues.ccxt.client_watch import Watch
from venues.ccxt.egress import VenueClient
from venues.ccxt.order_events import OrderEvents
from venues.ccxt.private_api import PrivateApi
from venues.ccxt.reports import Reports
from venues.ccxt.resolver import Resolver
from venues.ccxt.sender import Sender
from venues.ccxt.terms import Terms, Unsendable, terms_of
from venues.ccxt.timing import CcxtTiming
from venues.ccxt.trading_profiles import TradingProfile
from venues.ccxt.user_streams import UserStreams
from venues.ccxt.wire import RATE_LIMITED
from venues.order_tracks import FillKey, OrderTracks, Track

SOON_S: Final = 0.05
KINDS: Final = {OrderType.MARKET: OrderKind.MARKET, OrderType.LIMIT: OrderKind.LIMIT}


class CcxtExecutionClient(Reports, Watch, LiveExecutionClient):
    """`client` carries the secret and has loaded its markets. `listings`, `market_limits`: by platform symbol; those of this
    venue are traded. `known_fills`: every fill key of the journal. `since_ns`: from when on the account's trades are looked at.

    Orders in the cache that may still fill are taken up when it connects; those the venue never answered are resolved first.
    `alarm(code, message)` is told what an operator must know; `halt(reason)` stops trading.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        msgbus: Any,
        cache: Any,
        clock: Any,
        client: VenueClient,
        profile: TradingProfile,
        account: str,
        listings: Mapping[str, Listing],
        market_limits: Mapping[str, MarketLimits],
        lock: SecondLock,
        tap: WireTap,
        halt: Callable[[str], None],
        alarm: Callable[[str, str], None],
        redact: Callable[[str], str],
        jitter: Callable[[], float],
        timing: CcxtTiming,
        known_fills: Iterable[FillKey] = (),
        since_ns: int | None = None,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(profile.venue),
            venue=Venue(profile.venue),
            oms_type=OmsType.NETTING,
            account_type=AccountType.CASH,
            base_currency=None,
            instrument_provider=InstrumentProvider(),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
        )
        self._set_account_id(AccountId(account))
        self._venue_client = client
        self._profile = profile
        self._lock = lock
        self._tap = tap
        self._halt = halt
        self._alarm = alarm
        self._timing = timing
        self._since_ns = clock.timestamp_ns() if since_ns is None else since_ns
        self._listings = {
            str(listing.ccxt_symbol): listing
            for symbol, listing in listings.items()
            if listing.venue == profile.venue and listing.ccxt_symbol is not None and symbol in market_limits
        }
        self._symbols = {listing.instrument_id: symbol for symbol, listing in self._listings.items()}
        self._limits = market_limits
        self._taken: set[str] = set()
        self._begun: set[asyncio.Task[None]] = set()  # what Nautilus' own set of tasks holds weakly, and a dead disk would lose
        self.malformed: Counter[str] = Counter()  # elements that were not understood, by what they were to be
        self._exchange = client.exchange
        self.api = PrivateApi(
            client,
            profile=profile,
            quotes={symbol: listing.quote_currency for symbol, listing in self._listings.items()},
            redact=redact,
            quarantine=self._quarantine,
        )
        self.balances = Balances()
        self.venue_clock = VenueClock(self.api, now_ns=clock.timestamp_ns, skew_max_ms=timing.skew_max_ms)
        instruments = {symbol: cache.instrument(InstrumentId.from_str(text)) for text, symbol in self._symbols.items()}
        self.events = OrderEvents(
            self,
            instruments=instruments,
            balances=self.balances,
            now_ns=clock.timestamp_ns,
            later=lambda work: loop.call_later(SOON_S, work),
            gap=self._settle_gap,
            trouble=self._trouble,
        )
        self.tracks = OrderTracks(
            self.events,
            venue=profile.venue,
            account=account,
            symbol_of={symbol: listing.symbol for symbol, listing in self._listings.items()},
            known_fills=known_fills,
        )
        self.resolver = Resolver(
            self.api,
            self.tracks,
            timing=timing,
            now_ns=clock.timestamp_ns,
            venue_now_ms=self.venue_clock.now_ms,
            jitter=jitter,
            resync=self._resync,
            undecided=self._undecided,
        )
        self.sender = Sender(self, self.api, self.tracks, self.resolver, tap=tap, timing=timing, resync=self._resync)
        self.cancels = Cancels(self, self.api, self.tracks, self.resolver, tap=tap, timing=timing)
        self.streams = UserStreams(
            self.api,
            self.tracks,
            self.balances,
            symbols=dict.fromkeys(self._listings, self._since_ns),
            timing=timing,
            now_ns=clock.timestamp_ns,
            venue_now_ms=self.venue_clock.now_ms,
            jitter=jitter,
            report=self._report,
            guarded=self._guarded,
            failed=self._failed,
            on_balances=self.events.account,
        )

    async def _connect(self) -> None:
        """Nautilus would only log that this failed, and idle."""
        try:
            await self._come_up()
        except Exception as error:
            self._alarm("NOT_CONNECTED", self.api.words(error))
            self._halt(f"NOT_CONNECTED: {self.api.words(error)}")
            raise

    async def _come_up(self) -> None:
        await self.venue_clock.require()
        for order in self._cache.orders(venue=self.venue):
            if order.is_open or order.is_inflight:
                self._take_up(order)
        await self.streams.open()
        for track in self.tracks.living():
            if not track.accepted and track.client_order_id in self._taken:
                self.sender.unknown(track, "sent before a restart, and no answer is in the record")
        self.spawn("venue clock", self._watch_clock)

    async def _disconnect(self) -> None:
        await self.streams.close()
        await self._venue_client.close()

    def _take_up(self, order: Any) -> None:
        symbol = self._symbols.get(order.instrument_id.value)
        if symbol is not None:
            self._taken.add(order.client_order_id.value)
            self.tracks.add(Track(order, symbol=symbol, sent_ns=order.ts_submitted or order.ts_init))

    def submit_order(self, command: Any) -> None:
        """Refuse, or write the send attempt and send the order once that is durable."""
        self._submit([command.order])

    def submit_order_list(self, command: Any) -> None:
        self._submit(command.order_list.orders)

    def _submit(self, orders: list[Any]) -> None:
        submitted: list[Any] = []
        try:
            answers = [self._judged(order) for order in orders]
            if any(isinstance(answer, Unsendable) for answer in answers):
                for order, answer in zip(orders, answers, strict=True):
                    no = answer if isinstance(answer, Unsendable) else Unsendable(code="LIST_REFUSED", message="")
                    self.refuse(order, no, submitted=False)
                return
            self._taken.update(order.client_order_id.value for order in orders)
            for order, terms in zip(orders, answers, strict=True):
                assert isinstance(terms, Terms)
                track = Track(order, symbol=terms.symbol, sent_ns=self._clock.timestamp_ns())
                track.held = True
                self.tracks.add(track)
                self.generate_order_submitted(
                    strategy_id=order.strategy_id,
                    instrument_id=order.instrument_id,
                    client_order_id=order.client_order_id,
                    ts_event=track.sent_ns,
                )
                submitted.append(order)
                self._tap.sending(order, action="submit")
                self._when_durable(track, terms)
        except Exception as error:
            self._fail(error, orders, submitted)

    def _when_durable(self, track: Track, terms: Terms) -> None:
        durable = asyncio.Event()
        name = f"send {track.client_order_id}"
        self._tap.when_durable(durable.set, meanwhile=lambda: self.begin(name, lambda: self.sender.send(track, terms, durable)))

    def _judged(self, order: Any) -> Terms | Unsendable:
        order_id, symbol = order.client_order_id.value, self._symbols.get(order.instrument_id.value)
        if order_id in self._taken:
            return Unsendable(code="APPROVAL_USED", message="sent before")
        if symbol is None:
            return Unsendable(code="WRONG_VENUE", message=f"{order.instrument_id} is none of this venue's")
        code = self.refusal(order)
        if code:
            return Unsendable(code=code, message="the second lock")
        return terms_of(
            symbol=symbol,
            client_id=to_venue(order_id, self._profile.client_id),
            kind=KINDS.get(order.order_type),
            side=Side.BUY if order.side == OrderSide.BUY else Side.SELL,
            quantity=order.quantity.as_decimal(),
            price=order.price.as_decimal() if order.has_price else None,
            time_in_force=order.time_in_force.name,
            post_only=bool(order.is_post_only),
            limits=self._limits[self._listings[symbol].symbol],
            profile=self._profile,
        )

    def venue_symbol(self, symbol: str) -> str:
        """Return ccxt's name of a platform symbol of this run."""
        return next(name for name, listing in self._listings.items() if listing.symbol == symbol)

    def refusal(self, order: Any) -> str:
        """Return why an order may not leave now, "" when it may: the second lock, a pause."""
        return self._lock.refusal(order) or (RATE_LIMITED if self.api.pause.left_s else "")

    def refuse(self, order: Any, no: Unsendable, *, submitted: bool) -> None:
        """Before SUBMITTED the order is denied; after it it is rejected: it never left. A second submit gets its line alone."""
        self._tap.refused(order, code=no.code)
        track = self.tracks.get(order.client_order_id.value)
        if no.code == "APPROVAL_USED" or self._cache.order(order.client_order_id) is not order:
            return
        if track is not None and submitted:
            self.tracks.close(track)
        maker = self.generate_order_rejected if submitted else self.generate_order_denied
        maker(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            reason=f"{no.code}: {no.message}, the second lock"
            if no.message != "the second lock"
            else f"{no.code}: the second lock",
            ts_event=self._clock.timestamp_ns(),
        )

    def modify_order(self, command: Any) -> None:
        """Refuse: no approval covers a changed order; the gate has already said so to whoever came by the bus."""
        self.generate_order_modify_rejected(
            strategy_id=command.strategy_id,
            instrument_id=command.instrument_id,
            client_order_id=command.client_order_id,
            venue_order_id=command.venue_order_id,
            reason="NO_APPROVAL: a changed order needs its own approved plan line",
            ts_event=self._clock.timestamp_ns(),
        )

    def cancel_order(self, command: Any) -> None:
        self.cancels.one(command)

    def cancel_all_orders(self, command: Any) -> None:
        self.cancels.all(command)

    def batch_cancel_orders(self, command: Any) -> None:
        for cancel in command.cancels:
            self.cancels.one(cancel)

    async def _query_order(self, command: Any) -> None:
        track = self.tracks.get(command.client_order_id.value)
        if track is not None and not track.ended:
            await self.resolver.look(track)

    async def _query_account(self, command: Any) -> None:
        await self.streams.backfill(whole=False)
