"""Interactive Brokers as a live run's price source: the quotes of the line its orders take; market time is real time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from engine.assemble import Assembly
from engine.market_time import IDENTITY
from engine.node import MakeClient
from engine.price_source import play_seconds
from venues.ibkr.adapter import VENUE


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

    def headline(self) -> str:
        stands_in = ", which stands in for Interactive Brokers" if self._rehearses else ""
        return f"{self._place}{stands_in}, {self._names} names"

    def maker(self, venue: str) -> MakeClient:
        assert venue == VENUE
        return self._data

    def bind(self, *, kernel: Any, assembly: Assembly, on_instant: Callable[[int], None]) -> None:
        self._on_instant, self._clock = on_instant, kernel.clock

    async def play(self) -> None:
        """Return after `for_s` seconds; without it only cancellation ends this."""
        await play_seconds(self._for_s, each=lambda: self._on_instant(self._clock.timestamp_ns()))

    def summary(self) -> str:
        """Return "": what TWS' line lost is told by alarms."""
        return ""

    async def close(self) -> None:
        await self._close()
