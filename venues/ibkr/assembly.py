"""What plugs Interactive Brokers into a node: one line to TWS, the data and the execution client on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from orders.values import Listing, MarketLimits
from venues.base import SecondLock, WireTap
from venues.ibkr.adapter import VENUE
from venues.ibkr.data_client import IbkrDataClient
from venues.ibkr.execution_client import IbkrExecutionClient
from venues.ibkr.gateway import IbkrGateway, IbkrTiming
from venues.ibkr.provider import ListedProvider
from venues.ibkr.session import IbkrSession
from venues.order_tracks import FillKey


class IbkrLine:
    """One line to TWS and its clients, each made once, by the factories of one node.

    `data` and `execution` are `engine.node.MakeClient`s; the execution client must be made, because it listens to the line.
    """

    def __init__(
        self,
        gateway: IbkrGateway,
        *,
        listings: Mapping[str, Listing],
        market_limits: Mapping[str, MarketLimits],
        timing: IbkrTiming,
        venue: str = VENUE,
    ) -> None:
        self._gateway = gateway
        self._timing = timing
        self._venue = venue
        self._listings = {symbol: listing for symbol, listing in listings.items() if listing.venue == venue}
        self._limits = {symbol: limits for symbol, limits in market_limits.items() if limits.venue == venue}
        self._line: tuple[IbkrSession, ListedProvider] | None = None
        self.client: IbkrExecutionClient | None = None

    def data(self, loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> IbkrDataClient:
        """Make the data client."""
        session, provider = self._opened(loop, msgbus, cache, clock)
        return IbkrDataClient(
            loop=loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            session=session,
            provider=provider,
            gateway=self._gateway,
            venue=self._venue,
            timing=self._timing,
        )

    def execution(
        self,
        *,
        lock: SecondLock,
        tap: WireTap,
        halt: Callable[[str], None],
        alarm: Callable[[str, str], None],
        jitter: Callable[[], float],
        known_fills: Iterable[FillKey] = (),
        before_trading: Callable[[], Awaitable[None]] | None = None,
        failed: Callable[[str], None] = lambda reason: None,
    ) -> Callable[[asyncio.AbstractEventLoop, Any, Any, Any], IbkrExecutionClient]:
        """Return the factory of the execution client; see `IbkrExecutionClient`."""

        def make(loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> IbkrExecutionClient:
            session, provider = self._opened(loop, msgbus, cache, clock)
            self.client = IbkrExecutionClient(
                loop=loop,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                session=session,
                provider=provider,
                gateway=self._gateway,
                venue=self._venue,
                listings=self._listings,
                market_limits=self._limits,
                lock=lock,
                tap=tap,
                halt=halt,
                alarm=alarm,
                jitter=jitter,
                timing=self._timing,
                known_fills=known_fills,
                before_trading=before_trading,
                failed=failed,
            )
            return self.client

        return make

    async def close(self) -> None:
        """End the line, where a client's end has not; nothing where it was never opened."""
        if self._line is not None:
            await self._line[0].close()

    def _opened(self, loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> tuple[IbkrSession, ListedProvider]:
        if self._line is None:
            session = IbkrSession(loop=loop, msgbus=msgbus, cache=cache, clock=clock, gateway=self._gateway, timing=self._timing)
            provider = ListedProvider(session, clock, cache=cache, listings=self._listings, market_limits=self._limits)
            self._line = (session, provider)
            session.start()  # a task, which begins once the node runs: both clients are made by then
        return self._line
