"""IbkrExecutionClient: one IBKR account through Nautilus' own client, our second lock before the wire, our watchdog behind it.

The life of an order: second lock, SUBMITTED, send line; durable; second lock again; one placeOrder. Whatever TWS says of it goes
through `OrderTracks` and is told once; silence is told nobody but the record, blocks its symbol and is `Lookups`' to end. Nothing
here raises into Nautilus: it refuses and halts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from nautilus_trader.adapters.interactive_brokers.config import InteractiveBrokersExecClientConfig
from nautilus_trader.adapters.interactive_brokers.execution import InteractiveBrokersExecutionClient
from nautilus_trader.model.identifiers import AccountId, InstrumentId

from orders.errors import VenueUnavailable
from orders.values import Listing, MarketLimits
from venues.base import SecondLock, WireTap
from venues.ibkr.cancels import Cancels
from venues.ibkr.gateway import IbkrGateway, IbkrTiming
from venues.ibkr.lookups import Look, Lookups
from venues.ibkr.news import News
from venues.ibkr.noticing import Noticing
from venues.ibkr.order_events import OrderEvents
from venues.ibkr.provider import ListedProvider
from venues.ibkr.sending import Sending
from venues.ibkr.session import IbkrSession
from venues.order_tracks import FillKey, OrderTracks, Track


class IbkrExecutionClient(Sending, Noticing, InteractiveBrokersExecutionClient):
    """`known_fills`: every fill key of the journal. `alarm(code, message)` tells an operator; `halt(reason)` stops trading.

    `before_trading()` returns when a strategy may start, None: at once; `failed(reason)` is told when it could not connect.
    Orders in the cache that may still fill are taken up when it connects; those TWS never answered are looked up first. It is
    connected only once TWS has answered what works, what has ended and what was filled today; after a lost line, again.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        msgbus: Any,
        cache: Any,
        clock: Any,
        session: IbkrSession,
        provider: ListedProvider,
        gateway: IbkrGateway,
        venue: str,
        listings: Mapping[str, Listing],
        market_limits: Mapping[str, MarketLimits],
        lock: SecondLock,
        tap: WireTap,
        halt: Callable[[str], None],
        alarm: Callable[[str, str], None],
        jitter: Callable[[], float],
        timing: IbkrTiming,
        known_fills: Iterable[FillKey] = (),
        before_trading: Callable[[], Awaitable[None]] | None = None,
        failed: Callable[[str], None] = lambda reason: None,
    ) -> None:
        super().__init__(
            loop=loop,
            client=session,
            account_id=AccountId(f"{venue}-001"),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=provider,
            config=InteractiveBrokersExecClientConfig(),
            name=venue,
        )
        self._session = session
        self._provider = provider
        self._gateway = gateway
        self._lock = lock
        self._tap = tap
        self._halt = halt
        self._alarm = alarm
        self._timing = timing
        self._before_trading = before_trading
        self._failed = failed
        self._symbols = {
            listing.instrument_id: symbol
            for symbol, listing in listings.items()
            if listing.venue == venue and symbol in market_limits
        }
        self._taken: set[str] = set()
        self._in_step = False  # everything that happened while there was no line is known
        self._settling: set[str] = set()
        self.problem = ""  # why it is not connected, for who waits for the node
        fills = tuple(known_fills)
        self.events = OrderEvents(self, cache=cache, now_ns=self.now_ns, trouble=self._trouble, gap=self._settle_gap)
        self.tracks = OrderTracks(self.events, venue=venue, account=f"{venue}-001", symbol_of={}, known_fills=fills)
        self.news = session.news = News(
            self.tracks,
            known_fills=fills,
            own_client_id=lambda: session.own_client_id,
            rejected=self._rejected,
            doubt=lambda track, words: self.lookups.unknown(track, words) if not track.accepted else self._look_soon(track),
            cancel_answer=self._cancel_answer,
            inactive=lambda track: self.cancels.fence(track),
            note=alarm,
            correction=lambda words, track: self._trouble("EXECUTION_CORRECTED", words, track),
            on_connection=self._on_connection,
        )
        self.cancels = Cancels(
            session,
            self.tracks,
            self.news,
            lambda: self.lookups,
            tap=tap,
            timing=timing,
            spawn=self.spawn,
            rejected=self.events.cancel_rejected,
        )
        self.lookups = Lookups(
            session,
            self.tracks,
            self.news,
            account=gateway.account,
            tap=tap,
            timing=timing,
            now_ns=self.now_ns,
            jitter=jitter,
            cancel=self.cancels.fence,
            undecided=self._undecided,
            spawn=self.spawn,
            on_told=self._told,
        )

    # start and stop

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self._timing.connect_s):
                await self._open()
        except Exception as error:  # Nautilus would only log it, and idle
            self.problem = self._no_line() if isinstance(error, TimeoutError) else f"{error}" or type(error).__name__
            self._alarm("NOT_CONNECTED", self.problem)
            self._halt(f"NOT_CONNECTED: {self.problem}")
            self._failed(f"NOT_CONNECTED: {self.problem}")
            raise VenueUnavailable(
                "NOT_CONNECTED",
                expected=f"TWS at port {self._gateway.port} with account {self._gateway.account} to answer",
                found=self.problem,
                action="Start TWS or IB Gateway, log in, allow API clients on this port, and start again.",
            ) from error
        self.spawn("watch", self._watch)
        if self._before_trading is not None:
            await self._before_trading()
        self._set_connected(True)

    async def _open(self) -> None:
        """Line, account, contracts, balances; then what works, what has ended, what was filled, each of them answered."""
        session, account = self._session, self._gateway.account
        await session.wait_until_ready(self._timing.connect_s)
        if session.accounts() != {account}:
            raise VenueUnavailable(
                "ACCOUNT_MISMATCH",
                expected=f"TWS to hold account {account} and no other",
                found=", ".join(sorted(session.accounts())) or "none",
                action="Log in to that account, or mend the config; an order must not choose between accounts.",
            )
        await self._provider.initialize()
        session._instrument_provider = self._provider
        self.news.symbols.update(self._provider.symbols())
        session.registered_nautilus_clients.add(self.id)
        session.subscribe_event(f"accountSummary-{account}", self._on_account_summary)
        session.subscribe_account_summary()
        await self._account_summary_loaded.wait()
        for order in self._cache.orders():
            if (order.is_open or order.is_inflight) and order.instrument_id.value in self._symbols:
                self._take_up(order)
        if not await self._catch_up():
            raise VenueUnavailable(
                "RECORD_UNANSWERED",
                expected="TWS to answer what works, what has ended and what was filled today",
                found="at least one of the three queries was not answered",
                action="Look at TWS: it may be restarting, or has lost IB. Nothing was sent.",
            )
        for track in self.tracks.living():
            if not track.accepted:
                self.lookups.unknown(track, "sent before a restart, and TWS has no answer of it")

    async def _disconnect(self) -> None:
        self._in_step = False
        await self._session.close()

    def _no_line(self) -> str:
        if self._session.client_id_taken:
            return f"326: client id {self._gateway.client_id} is in use at TWS by another program"
        return f"no answer within {self._timing.connect_s:g} s"

    async def _catch_up(self) -> bool:
        """Learn everything that happened without us. Orders are refused until this was answered."""
        _, look = await self.lookups.look()
        self._in_step = look is Look.ANSWERED
        return self._in_step

    def _take_up(self, order: Any) -> None:
        order_id = order.client_order_id.value
        if order_id not in self._taken:
            self._taken.add(order_id)
            self.tracks.add(
                Track(order, symbol=self._symbols[order.instrument_id.value], sent_ns=order.ts_submitted or order.ts_init)
            )

    async def _watch(self) -> None:
        """Notice silence: of orders, and of the line. Nautilus connects again by itself; what was missed is fetched by us."""
        while True:
            await asyncio.sleep(self._timing.watch_s)
            if not self._session.in_touch:
                if self._in_step:
                    self._in_step = False
                    self._alarm("VENUE_LINE_LOST", "no line to TWS, or TWS has none to IB; no order leaves until it is back")
            elif not self._in_step and await self._catch_up():
                self._alarm("VENUE_LINE_BACK", "line to IB is back; what works and what was filled meanwhile is known")
            for track in self.tracks.living():  # without a line too: an order on its way when it broke is UNKNOWN
                self.lookups.watch(track)

    # orders

    def submit_order(self, command: Any) -> None:
        """Refuse, or write the send attempt and send the order once that is durable."""
        self._submit([command.order])

    def submit_order_list(self, command: Any) -> None:
        """All orders of a list or none; each goes by a request of its own."""
        self._submit(command.order_list.orders)

    def modify_order(self, command: Any) -> None:
        """Refuse: no approval covers a changed order; the gate has already said so to whoever came by the bus."""
        self.generate_order_modify_rejected(
            strategy_id=command.strategy_id,
            instrument_id=command.instrument_id,
            client_order_id=command.client_order_id,
            venue_order_id=command.venue_order_id,
            reason="NO_APPROVAL: a changed order needs its own approved plan line",
            ts_event=self.now_ns(),
        )

    def cancel_order(self, command: Any) -> None:
        """Cancels always pass, even halted."""
        self.cancels.one(command)

    def cancel_all_orders(self, command: Any) -> None:
        """See `cancel_order`."""
        self.cancels.all(command)

    def batch_cancel_orders(self, command: Any) -> None:
        """See `cancel_order`."""
        for cancel in command.cancels:
            self.cancels.one(cancel)

    async def _query_order(self, command: Any) -> None:
        await self.lookups.look()

    # the account

    async def positions(self) -> dict[str, Decimal]:
        """Return signed units by platform symbol, `IB:<contract id>` for what is none of this run's.

        Raises `VenueUnavailable` POSITIONS_UNREAD: a read that failed is not a flat book.
        """
        held = await self._session.get_positions(self._gateway.account) if self._session.in_touch else None
        if held is None:
            raise VenueUnavailable(
                "POSITIONS_UNREAD",
                expected="TWS to answer which positions it holds",
                found="no answer",
                action="Look at TWS; it is asked again.",
            )
        return {
            self.news.symbols.get(each.contract.conId, f"IB:{each.contract.conId}"): Decimal(str(each.quantity)) for each in held
        }

    def touch(self, symbol: str) -> tuple[Decimal, Decimal] | None:
        """Return the last bid and ask that this line told of a platform symbol; None: none yet, or TWS is out of touch."""
        instrument_id = next(each for each, name in self._symbols.items() if name == symbol)
        quote = self._cache.quote_tick(InstrumentId.from_str(instrument_id))
        if quote is None or not self._session.in_touch:
            return None
        return quote.bid_price.as_decimal(), quote.ask_price.as_decimal()

    async def cash(self) -> tuple[str, Decimal]:
        """Return the account's base currency and all its cash in it. Raises `VenueUnavailable` CASH_UNREAD."""
        told = await self._session.cash(self._gateway.account) if self._session.in_touch else None
        if told is None:
            raise VenueUnavailable(
                "CASH_UNREAD",
                expected="TWS to answer how much cash the account has",
                found="no answer, or not exactly one",
                action="Look at TWS; it is asked again.",
            )
        return told
