"""Cancels: by TWS' id of the order, never refused, repeated until the order has ended or TWS has said that it has not.

The answer to a cancel proves nothing by itself: TWS' error 10148 leaves Nautilus' order PENDING_CANCEL for ever, so after it the
order is looked up, and who asked is told that it still works. Without a line to TWS a cancel waits, and goes out with the line.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from venues.base import WireTap
from venues.ibkr.gateway import IbkrTiming
from venues.ibkr.lookups import Lookups
from venues.ibkr.news import News
from venues.ibkr.order_errors import Says
from venues.ibkr.session import IbkrSession
from venues.order_tracks import OrderTracks, Track

LINE_LOOK_S: Final = 0.05


class Cancels:
    """Cancels of one client. `rejected(order, reason)` tells Nautilus that an order is where it was."""

    def __init__(
        self,
        session: IbkrSession,
        tracks: OrderTracks,
        news: News,
        lookups: Callable[[], Lookups],
        *,
        tap: WireTap,
        timing: IbkrTiming,
        spawn: Callable[[str, Callable[[], Awaitable[None]]], None],
        rejected: Callable[[Any, str], None],
    ) -> None:
        self._session = session
        self._tracks = tracks
        self._news = news
        self._lookups = lookups
        self._tap = tap
        self._timing = timing
        self._spawn = spawn
        self._rejected = rejected
        self._asking: dict[str, asyncio.Event] = {}
        self._words: dict[str, str] = {}

    def one(self, command: Any) -> None:
        """Cancel one order of ours."""
        track = self._tracks.get(command.client_order_id.value)
        if track is None:
            self._rejected(command, "ORDER_UNKNOWN: no order of this account has that id")
        elif track.ended:
            self._rejected(track.order, "ENDED: it works no more")
        else:
            self.track(track)

    def all(self, command: Any) -> None:
        """Cancel every order of ours of an instrument that may still fill, of one side where the command names it."""
        side = command.order_side.name
        for track in self._tracks.living():
            if track.order.instrument_id == command.instrument_id and side in ("NO_ORDER_SIDE", track.order.side.name):
                self.track(track)

    def track(self, track: Track) -> None:
        """Cancel an order, whatever is believed of it."""
        track.asked_cancel = True
        if track.client_order_id in self._asking:
            return
        self._asking[track.client_order_id] = asyncio.Event()
        with contextlib.suppress(Exception):  # a full disk stops orders, never a cancel
            self._tap.sending(track.order, action="cancel")
        self._spawn(f"cancel {track.client_order_id}", lambda: self._work(track))

    def fence(self, track: Track) -> None:
        """Send one cancel of an order that is believed absent; nothing where TWS' id of it is not known."""
        order_id = self._news.order_id(track.client_order_id)
        if order_id is not None and self._session.in_touch:
            with contextlib.suppress(OSError):
                self._session.cancel_order(order_id)

    def answered(self, track: Track, answer: Says, words: str) -> None:
        """TWS' error about a cancel has come."""
        self._words[track.client_order_id] = words
        waiting = self._asking.get(track.client_order_id)
        if waiting is not None:
            waiting.set()

    async def _work(self, track: Track) -> None:
        try:
            await self._cancel(track)
        finally:
            self._asking.pop(track.client_order_id, None)
            self._words.pop(track.client_order_id, None)

    async def _cancel(self, track: Track) -> None:
        for attempt in range(self._timing.cancel_tries):
            if attempt:
                await asyncio.sleep(self._timing.look_first_s * attempt)
            while not self._session.in_touch and not track.ended:
                await asyncio.sleep(LINE_LOOK_S)
            self.fence(track)
            if await self._over(track):
                return
            await self._lookups().look()
            if track.ended or track.gap:  # gone, or gone but for fills that are being fetched
                return
        if not track.unknown:
            words = self._words.get(track.client_order_id, "no answer")
            self._rejected(track.order, f"CANCEL_UNCONFIRMED: {words}; it works by every list that was asked")
            track.asked_cancel = False

    async def _over(self, track: Track) -> bool:
        """Wait for the end of the order, TWS' error, or the time of one try."""
        waiting = self._asking[track.client_order_id]
        waiting.clear()
        for _ in range(int(self._timing.cancel_s / LINE_LOOK_S)):
            if track.ended or waiting.is_set():
                break
            await asyncio.sleep(LINE_LOOK_S)
        return track.ended
