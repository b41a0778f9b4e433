"""The replay of a recorded or made feed as a shadow's price source, in market time that may run faster than real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from engine.assemble import Assembly
from engine.market_time import MarketTime
from engine.narrator import day_of
from engine.node import MakeClient
from engine.run_config import RunConfig
from lakehouse.rebuild import LogFold
from orders.canonical import sha256_hex
from sim.feed import FeedQuote
from sim.replay_client import Player, ReplayDataClient

NS: Final = 1_000_000_000
LEAD_NS: Final = NS  # real time between the start of the node and the feed's first instant
LEAD_NS_MIN: Final = NS // 4  # after a restart, which goes on where market time had come to if the node can start in time


def lead_ns(first_market_ns: int, *, resume_ns: int, speed: int) -> int:
    """Return the real time from now until the feed's first instant: market time does not run back over a restart.

    `resume_ns` is the market time the log had come to, 0 for a new log; at least `LEAD_NS_MIN`, at most `LEAD_NS`.
    """
    return min(LEAD_NS, max(LEAD_NS_MIN, (first_market_ns - resume_ns) // speed))


def manifests_left(dated: Sequence[tuple[int, Path]], fold: LogFold) -> list[tuple[int, Path]]:
    """Return the dated manifests still to be installed: those to come, and one whose day had come that was never accepted.

    A kill may come between a manifest's day and its reading. The accepted one and those before it are not installed again.
    """
    known = fold.manifest
    if known is None:
        return list(dated)
    return [
        (instant, path)
        for instant, path in dated
        if instant > fold.market_ns
        or (instant > (known.generated_ns or 0) and sha256_hex(path.read_bytes()) != known.manifest_sha256)
    ]


class ReplaySource:
    """A feed and dated manifests, in market time that runs `market_speed` times as fast as real time from `now_ns` on."""

    def __init__(
        self,
        *,
        config: RunConfig,
        feed: Sequence[FeedQuote],
        manifests: Sequence[tuple[int, Path]],
        fold: LogFold,
        now_ns: int,
    ) -> None:
        self._config = config
        self._feed = feed
        self._manifests = manifests
        self._clients: dict[str, ReplayDataClient] = {}
        self._player: Player
        self.description = f"{config.data.kind} {config.data.path}"
        self.instants = len({quote.market_ns for quote in feed})
        first_ns, speed = feed[0].market_ns if feed else fold.market_ns, config.data.market_speed
        lead = lead_ns(first_ns, resume_ns=fold.market_ns, speed=speed)
        self.market_time = MarketTime(real_epoch_ns=now_ns + lead, market_epoch_ns=first_ns, speed=speed)

    def headline(self) -> str:
        data = self._config.data
        if not self._feed:
            return f"the replay of {data.path} is at its end, but the last run was cut off: its record is closed now"
        names = len({quote.symbol for quote in self._feed})
        pace = f"{data.market_speed} times real time" if data.market_speed != 1 else "real time"
        first, last = day_of(self._feed[0].market_ns), day_of(self._feed[-1].market_ns)
        return f"{data.path.name}, {names} names, {first} … {last}, {pace}"

    def maker(self, venue: str) -> MakeClient:
        def make(loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> Any:
            self._clients[venue] = ReplayDataClient(loop=loop, msgbus=msgbus, cache=cache, clock=clock, venue=venue)
            return self._clients[venue]

        return make

    def bind(self, *, kernel: Any, assembly: Assembly, on_instant: Callable[[int], None]) -> None:
        self._player = Player(
            quotes=iter(self._feed),
            manifests=self._manifests,
            manifest_path=self._config.lakehouse.manifest,
            market_time=self.market_time,
            clients=self._clients,
            instrument_ids=assembly.instrument_ids,
            cache=kernel.cache,
            clock=kernel.clock,
            on_instant=on_instant,
        )

    async def play(self) -> None:
        await self._player.play()

    def summary(self) -> str:
        return ""

    async def close(self) -> None:
        """A file: nothing is held."""
