"""The watching half of `CcxtExecutionClient`: its tasks, its clock, and what an operator must know. Mistakes of ours halt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from venues.ccxt.streams import StreamEvent
from venues.ccxt.terms import Unsendable
from venues.order_tracks import Track


class Watch:
    """Mixed into the client, whose parts it uses."""

    def spawn(self: Any, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run beside everything else; a mistake of ours in it halts."""
        self.create_task(self._guarded(name, run), log_msg=name)

    def begin(self: Any, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """As `spawn`, but its first steps are done before this returns: nothing else of the loop comes between. On the loop."""
        task = asyncio.Task(self._guarded(name, run), loop=self._loop, name=name, eager_start=True)
        if not task.done():
            self._tasks.add(task)  # cancelled with the others at the end
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)

    async def _guarded(self: Any, name: str, run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except Exception as error:
            self._failed(name, error)

    def _failed(self: Any, name: str, error: Exception) -> None:
        self._log.error(f"{name}: {self.api.words(error)}")
        self._halt(f"CLIENT_FAILED: {name}: {self.api.words(error)}")

    def _fail(self: Any, error: Exception, orders: list[Any], submitted: list[Any]) -> None:
        """Halt, then say of orders that are not on the wire that they will never be."""
        try:
            self._halt(f"CLIENT_FAILED: {self.api.words(error)}")
            for order in orders:
                self.refuse(order, Unsendable(code="CLIENT_FAILED", message="the second lock"), submitted=order in submitted)
        except Exception as second:
            self._log.error(f"{type(second).__name__} while refusing after it: {second}")

    def _trouble(self: Any, code: str, message: str, track: Track | None) -> None:
        self._alarm(code, message)
        self._halt(f"{code}: {message}")
        if track is not None and code == "ORDER_CONTRADICTED":
            self.cancels.track(track)

    def _undecided(self: Any, track: Track, why: str) -> None:
        message = f"order {track.client_order_id} of {track.symbol} is {why}"
        self._alarm("ORDER_UNDECIDED", message)
        self._halt(f"ORDER_UNDECIDED: {message}")

    def now_ns(self: Any) -> int:
        """The engine's clock."""
        return int(self._clock.timestamp_ns())

    def _settle_gap(self: Any, track: Track) -> None:
        if not track.settling:
            track.settling = True
            self.spawn(f"settle {track.client_order_id}", partial(self._settle, track))

    async def _settle(self: Any, track: Track) -> None:
        try:
            await self.resolver.settle(track)
        finally:
            track.settling = False

    async def _watch_clock(self: Any) -> None:
        while True:
            await asyncio.sleep(self._timing.clock_s)
            await self._resync()

    async def _resync(self: Any) -> None:
        if await self.venue_clock.measure() and self.venue_clock.too_far:
            self._alarm("CLOCK_SKEW", self.venue_clock.words())
            self._halt(f"CLOCK_SKEW: {self.venue_clock.words()}")

    def _quarantine(self: Any, what: str, reason: str) -> None:
        """Tell the first, the tenth, the hundredth: a venue that garbles everything must not fill the log."""
        self.malformed[what] += 1
        count = self.malformed[what]
        if str(count).strip("0") == "1":
            self._alarm("VENUE_DATA", f"{what} number {count} that was not understood and not used: {reason}")

    def _report(self: Any, event: StreamEvent) -> None:
        self._alarm(event.code, event.message)
