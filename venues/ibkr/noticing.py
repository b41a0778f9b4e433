"""The noticing half of `IbkrExecutionClient`: what TWS says against what was hoped, and mistakes of ours. Both may halt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from venues.answers import VenueStatus
from venues.ibkr.order_errors import CLIENT_ID_TAKEN, LOST, Says
from venues.order_tracks import Track


class Noticing:
    """Mixed into the client, whose parts it uses."""

    def _rejected(self: Any, track: Track, words: str) -> None:
        self.tracks.close(track)
        self.events.rejected(track, words)

    def _cancel_answer(self: Any, track: Track, answer: Says, words: str) -> None:
        self.cancels.answered(track, answer, words)
        if not track.ended:
            self._look_soon(track)

    def _look_soon(self: Any, track: Track) -> None:
        self.spawn(f"look for {track.client_order_id}", self._look)

    async def _look(self: Any) -> None:
        await self.lookups.look()

    def _told(self: Any, track: Track) -> None:
        """An UNKNOWN was resolved: cancel it where somebody had asked for that."""
        if track.asked_cancel and not track.ended:
            self.cancels.track(track)

    def _settle_gap(self: Any, track: Track) -> None:
        """Fetch what is filled by IB's count and was told by nobody, unless it comes."""
        if track.client_order_id not in self._settling:
            self._settling.add(track.client_order_id)
            self.spawn(f"settle {track.client_order_id}", partial(self._settle, track))

    async def _settle(self: Any, track: Track) -> None:
        try:
            await self.lookups.settle(track)
        finally:
            self._settling.discard(track.client_order_id)

    def _on_connection(self: Any, code: int, text: str) -> None:
        if code in LOST:
            lost, self._in_step = self._in_step, False
            if lost:
                self._alarm("VENUE_LINE_LOST", f"{code}: {text}; no order leaves until it is back")
        elif code == CLIENT_ID_TAKEN:
            self._alarm("CLIENT_ID_TAKEN", f"{code}: {text}; client id {self._gateway.client_id}")
        else:
            self._alarm("VENUE_MESSAGE", f"{code}: {text}")

    def _trouble(self: Any, code: str, message: str, track: Track | None) -> None:
        self._alarm(code, message)
        self._halt(f"{code}: {message}")
        if track is not None and code == "ORDER_CONTRADICTED":
            self.cancels.track(track)

    def _undecided(self: Any, track: Track, why: str) -> None:
        self._trouble("ORDER_UNDECIDED", f"order {track.client_order_id} of {track.symbol} is {why}", None)

    def forgotten(self: Any, track: Track, words: str) -> None:
        """An order is in no list of TWS and the account holds what the book says: it ended, and nobody was told."""
        self._alarm("ORDER_FORGOTTEN", words)
        self.tracks.end(track, VenueStatus.CANCELED, venue_ns=None)

    def spawn(self: Any, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run beside everything else; a mistake of ours in it halts."""
        self.create_task(self._guarded(name, run), log_msg=name)

    async def _guarded(self: Any, name: str, run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except Exception as error:
            self._log.error(f"{type(error).__name__} in {name}: {error}")
            self._halt(f"CLIENT_FAILED: {name}: {type(error).__name__}: {error}")

    def now_ns(self: Any) -> int:
        """The engine's clock."""
        return int(self._clock.timestamp_ns())
