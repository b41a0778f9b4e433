"""Quotes through Nautilus' own IB data client, for our own instruments."""

from __future__ import annotations

import asyncio
from typing import Any

from nautilus_trader.adapters.interactive_brokers.config import InteractiveBrokersDataClientConfig
from nautilus_trader.adapters.interactive_brokers.data import InteractiveBrokersDataClient

from venues.ibkr.gateway import IbkrGateway, IbkrTiming
from venues.ibkr.provider import ListedProvider
from venues.ibkr.session import IbkrSession


class IbkrDataClient(InteractiveBrokersDataClient):
    """One line's quotes, of every symbol of the run from the start.

    The instruments in the cache stay ours: Nautilus would put its own, with other ticks, over them.
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
        timing: IbkrTiming,
    ) -> None:
        super().__init__(
            loop=loop,
            client=session,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=provider,
            ibg_client_id=gateway.client_id,
            config=InteractiveBrokersDataClientConfig(),
            name=venue,
            connection_timeout=timing.connect_s,
        )
        self._session = session
        self._timing = timing

    async def _connect(self) -> None:
        async with asyncio.timeout(self._timing.connect_s):
            await self._session.wait_until_ready(self._timing.connect_s)
            self._session._instrument_provider = self._instrument_provider
            await self._session.set_market_data_type(self._market_data_type)
            await self.instrument_provider.initialize()
            for instrument_id, contract in self.instrument_provider.contract.items():
                await self._session.subscribe_market_data(instrument_id=instrument_id, contract=contract, generic_tick_list="")
        self._session.registered_nautilus_clients.add(self.id)
