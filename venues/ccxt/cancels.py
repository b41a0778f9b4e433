"""Cancels: by our own id, around every queue, and then what is true is looked up, because the answer to a cancel proves nothing.

aiohttp itself repeats a DELETE whose line broke, so a cancel that worked may come back as "no such order"; and what is not there
may have been filled.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from venues.base import WireTap
from venues.ccxt.private_api import PrivateApi
from venues.ccxt.resolver import Resolver
from venues.ccxt.timing import CcxtTiming
from venues.order_tracks import OrderTracks, Track

POSTING_LOOK_S: Final = 0.05


class Cancels:
    """Cancels for one execution client. Never refused, also when halted, or when the record cannot be written any more."""

    def __init__(
        self, client: Any, api: PrivateApi, tracks: OrderTracks, resolver: Resolver, *, tap: WireTap, timing: CcxtTiming
    ) -> None:
        self._client = client
        self._api = api
        self._tracks = tracks
        self._resolver = resolver
        self._tap = tap
        self._timing = timing
        self._asking: set[str] = set()

    def one(self, command: Any) -> None:
        """Cancel one order of ours."""
        track = self._tracks.get(command.client_order_id.value)
        if track is None:
            self._rejected(command, command.venue_order_id, "ORDER_UNKNOWN: no order of this account has that id")
        elif track.ended:
            self._rejected(track.order, track.order.venue_order_id, "ENDED: it works no more")
        else:
            self.track(track)

    def all(self, command: Any) -> None:
        """Cancel every order of ours of an instrument that may still fill, of one side where the command names it."""
        for track in self._tracks.living():
            side = command.order_side.name
            if track.order.instrument_id == command.instrument_id and side in ("NO_ORDER_SIDE", track.order.side.name):
                self.track(track)

    def track(self, track: Track) -> None:
        """Cancel an order, whatever is believed of it."""
        track.asked_cancel = True
        if track.client_order_id in self._asking:
            return
        self._asking.add(track.client_order_id)
        with contextlib.suppress(Exception):  # a full disk stops orders, never a cancel
            self._tap.sending(track.order, action="cancel")
        self._client.spawn(f"cancel {track.client_order_id}", lambda: self._work(track))

    async def _work(self, track: Track) -> None:
        try:
            await self._cancel(track)
        finally:
            self._asking.discard(track.client_order_id)

    async def _cancel(self, track: Track) -> None:
        while track.held and not track.ended:  # it is not on the wire, and the sender sees that it must not come there
            await asyncio.sleep(POSTING_LOOK_S)
        if track.ended:
            return
        words = ""
        for attempt in range(self._timing.cancel_tries):
            if attempt:
                await asyncio.sleep(self._timing.look_first_s * attempt)
            words = await self._api.cancel(track.client_order_id, track.symbol)
            await self._resolver.look(track, first=True)
            if track.ended or track.gap:  # gone, or gone but for fills that are being fetched
                return
            while track.posting:  # the cancel has overtaken its order
                await asyncio.sleep(POSTING_LOOK_S)
        if not track.unknown:
            truth = "no answer" if track.truth is None else f"it is {track.truth.status}"
            self._rejected(track.order, track.order.venue_order_id, f"CANCEL_UNCONFIRMED: {words or 'accepted'}; {truth}")
            track.asked_cancel = False

    def _rejected(self, order: Any, venue_order_id: Any, reason: str) -> None:
        self._client.generate_order_cancel_rejected(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=venue_order_id,
            reason=reason,
            ts_event=self._client.now_ns(),
        )
