"""Where a node's prices come from: the interface of all sources."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from engine.assemble import Assembly
from engine.market_time import MarketTime
from engine.node import MakeClient

SECOND_S: Final = 1.0


class PriceSource(Protocol):
    """Made before the node, which takes its data clients from `maker`; bound once assembled; played while the node runs."""

    market_time: MarketTime
    description: str  # in the run's first line
    instants: int  # of the whole source; 0 when it has no end

    def headline(self) -> str:
        """Return what a person is told of the source at the start."""
        ...

    def maker(self, venue: str) -> MakeClient:
        """Return the factory of a venue's data client."""
        ...

    def bind(self, *, kernel: Any, assembly: Assembly, on_instant: Callable[[int], None]) -> None:
        """Take what `play` needs; `on_instant(market_ns)` is called after each group of prices."""
        ...

    async def play(self) -> None:
        """Return when the source is at its end. Raises `StorageError` when a manifest cannot be installed."""
        ...

    def summary(self) -> str:
        """Return what was wrong with the prices, for the end of the run; "" when nothing was."""
        ...

    async def close(self) -> None:
        """Give back what the source holds; called at the end, however the run ended."""
        ...


async def play_seconds(for_s: int | None, *, each: Callable[[], None]) -> None:
    """Play a live market: `each()` once a second, for so many seconds; None: until cancelled."""
    seconds = 0
    while for_s is None or seconds < for_s:
        await asyncio.sleep(SECOND_S)
        seconds += 1
        each()
