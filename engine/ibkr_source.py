"""Interactive Brokers as a live run's price source: the quotes of the line its orders take; market time is real time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from engine.assemble import Wired
from engine.inputs import Inputs
from engine.market_time import IDENTITY
from engine.node import MakeClient
from engine.price_source import play_seconds
from engine.run_config import RunConfig
from lakehouse import records
from venues.ibkr.adapter import VENUE
from venues.ibkr.gateway import HOST, gateway


class IbkrSource:
    """Ends after `for_s` seconds or never. `data`: the factory of the line's data client, `close` ends the line; `place`: where
    TWS is and whose account, in words; `rehearses`: it is a fake one. `names`: how many are quoted.
    """

    def __init__(
        self,
        *,
        data: MakeClient,
        close: Callable[[], Awaitable[None]],
        place: str,
        rehearses: bool,
        names: int,
        for_s: int | None,
    ) -> None:
        self.market_time = IDENTITY
        self.instants = 0
        self.description = f"ibkr {place}"
        self._data = data
        self._close = close
        self._place = place
        self._rehearses = rehearses
        self._names = names
        self._for_s = for_s
        self._on_instant: Callable[[int], None]
        self._clock: Any = None
        self._assembly: Wired | None = None

    def headline(self) -> str:
        stands_in = ", which stands in for Interactive Brokers" if self._rehearses else ""
        return f"{self._place}{stands_in}, {self._names} names"

    def maker(self, venue: str) -> MakeClient:
        assert venue == VENUE
        return self._data

    def bind(self, *, kernel: Any, assembly: Wired, on_instant: Callable[[int], None]) -> None:
        self._on_instant, self._clock, self._assembly = on_instant, kernel.clock, assembly

    def tell(self, code: str, message: str) -> None:
        """Write what a line of quotes alone lost or has back; a live run's execution client tells it of its own."""
        if self._assembly is not None:
            self._assembly.recorder.write_quietly(records.Alarm, code=code, message=message)

    async def play(self) -> None:
        """Return after `for_s` seconds; without it only cancellation ends this."""
        await play_seconds(self._for_s, each=lambda: self._on_instant(self._clock.timestamp_ns()))

    def summary(self) -> str:
        """Return "": what TWS' line lost is told by alarms."""
        return ""

    async def close(self) -> None:
        await self._close()


async def open_ibkr_quotes(*, config: RunConfig, inputs: Inputs, for_s: int | None, of_shadow: bool = False) -> IbkrSource:
    """Return the quotes of the TWS of a live config, on a line of their own that can only read, and has been tried.

    `of_shadow`: for a shadow and not for a twin, which may run at the same time. Raises what `IbkrQuotes.check` raises.
    """
    from venues.ibkr.quotes import (  # here: IB's library is loaded by whoever needs it
        QUOTES_IDS_FROM,
        SHADOW_IDS_FROM,
        IbkrQuotes,
    )

    assert config.live is not None, "the config's check has seen to it"
    section = config.live.venues[VENUE]
    live = gateway(host=HOST, port=section.tws_port or 0, client_id=section.client_id or 0, account=section.account_id)
    ids_from = SHADOW_IDS_FROM if of_shadow else QUOTES_IDS_FROM
    quotes = IbkrQuotes(live, listings=inputs.listings, market_limits=inputs.market_limits, ids_from=ids_from)
    await quotes.check()
    source = IbkrSource(
        data=quotes.data,
        close=quotes.close,
        place=f"TWS at {HOST}:{live.port}, account {live.account}, client id {quotes.gateway.client_id}, reading only",
        rehearses=live.rehearses,
        names=len(inputs.market_limits),
        for_s=for_s,
    )
    quotes.told = source.tell
    return source
