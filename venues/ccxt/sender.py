"""One order, one request: what is done with its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from venues.base import WireTap
from venues.ccxt.outcomes import Outcome
from venues.ccxt.private_api import Posted, PrivateApi
from venues.ccxt.resolver import Look, Resolver
from venues.ccxt.terms import Terms, Unsendable
from venues.ccxt.timing import CcxtTiming
from venues.ccxt.wire import RATE_LIMITED, Kept
from venues.order_tracks import OrderTracks, Track

ENDED: Final = "ENDED"  # nothing is left to refuse
AGED: Final = "AGED"  # the request waited so long for the disk that the venue might not take its stamp: it is made anew
REQUEST_AGE_MAX_S: Final = 1.0  # a venue takes a request within 5 s of its stamp


class Sender:
    """Sends for one execution client, whose lock it asks before the wire, and once more with a line to the venue in hand."""

    def __init__(
        self,
        client: Any,
        api: PrivateApi,
        tracks: OrderTracks,
        resolver: Resolver,
        *,
        tap: WireTap,
        timing: CcxtTiming,
        resync: Callable[[], Awaitable[None]],
    ) -> None:
        self._client = client
        self._api = api
        self._tracks = tracks
        self._resolver = resolver
        self._tap = tap
        self._timing = timing
        self._resync = resync

    async def send(self, track: Track, terms: Terms, durable: asyncio.Event) -> None:
        """Make the request while the disk works; once the send line is `durable` and the lock permits it, post; take the answer.

        Once more only where the first cannot have arrived and nobody has it.
        """
        try:
            await self._send(track, terms, durable)
        finally:
            track.held = False

    async def _send(self, track: Track, terms: Terms, durable: asyncio.Event) -> None:
        posted = await self._posted(track, terms, durable)
        track.held = posted is not None
        if posted is None or not await self._turned_away(track, posted):
            return
        if self._locked(track):
            return
        self._tap.sending(track.order, action="submit")
        durable = asyncio.Event()
        self._tap.when_durable(durable.set)
        again = await self._posted(track, terms, durable)
        if again is not None:
            self._reject(track, f"NOT_SENT: twice; {again.message}")

    def unknown(self, track: Track, message: str) -> None:
        """Nobody knows what became of it: the record is told, Nautilus is not, and the resolver asks until it is known."""
        if track.unknown or track.ended or track.accepted:
            return
        track.unknown = True
        self._tap.unknown(track.order, message=message)
        self._client.spawn(f"resolve {track.client_order_id}", lambda: self._resolve(track))

    async def _resolve(self, track: Track) -> None:
        await self._resolver.resolve(track)
        if track.asked_cancel and not track.ended:
            self._client.cancels.track(track)

    def _locked(self, track: Track) -> bool:
        """Refuse what may not leave any more; a cancel that came first is a reason too."""
        code = self._refusal(track)
        if code:
            self._refuse(track, code)
        return bool(code)

    def _refusal(self, track: Track) -> str:
        """A halt is named before the cancel that came of it."""
        if track.ended:
            return ENDED
        return str(self._client.refusal(track.order)) or ("CANCELLED_BEFORE" if track.asked_cancel else "")

    def _refuse(self, track: Track, code: str, message: str = "") -> None:
        if code != ENDED:
            self._client.refuse(track.order, Unsendable(code=code, message=message or "the second lock"), submitted=True)

    async def _posted(self, track: Track, terms: Terms, durable: asyncio.Event) -> Posted | None:
        """Post once and take what the answer says; return it where the order was NOT_SENT, else None.

        What it waits for, the disk or a pause that another request was asked for, is waited out where it is short: an order that
        left after that would meet another market.
        """
        until_s = time.monotonic() + self._timing.late_s
        try:
            posted = await self._api.create(terms, hold=lambda: _held(durable), refusal=lambda: self._last_look(track))
            while posted.kept in (AGED, RATE_LIMITED) and time.monotonic() + self._api.pause.left_s <= until_s:
                await asyncio.sleep(self._api.pause.left_s)
                posted = await self._api.create(terms, hold=lambda: _held(durable), refusal=lambda: self._last_look(track))
        except asyncio.CancelledError:
            if track.posting:
                self.unknown(track, "given up while the venue had not answered")
            raise
        finally:
            track.posting = False
        if posted.kept:
            self._refuse(track, posted.kept, posted.message)
            return None
        try:
            return self._answered(track, posted)
        except Exception:  # whatever fails once it was posted: the order is UNKNOWN before the client halts on it
            self.unknown(track, "its answer could not be told")
            raise

    def _last_look(self, track: Track) -> str:
        """With the line to the venue in hand: why the request must not be written to it. "": from here on it is on the wire."""
        code = self._refusal(track)
        if not code:
            track.held, track.posting = False, True
        return code

    def _answered(self, track: Track, posted: Posted) -> Posted | None:
        if track.accepted or track.ended:  # a stream was faster, and what it says is certain
            posted = msgspec.structs.replace(posted, outcome=Outcome.ACCEPTED)
        match posted.outcome:
            case Outcome.ACCEPTED:
                self._accepted(track, posted)
            case Outcome.REJECTED:
                self._reject(track, posted.message)
            case Outcome.UNKNOWN:
                self.unknown(track, posted.message)
            case Outcome.NOT_SENT:
                return posted
        return None

    def _accepted(self, track: Track, posted: Posted) -> None:
        order = posted.order
        if order is None:
            return
        self._tracks.take_order(order)
        for fill in posted.fills:
            stamped = fill if fill.venue_ns is not None else msgspec.structs.replace(fill, venue_ns=order.updated_ns)
            self._tracks.take_fill(stamped, of=track)

    async def _turned_away(self, track: Track, posted: Posted) -> bool:
        """After NOT_SENT: mend the clock, wait, and look. True: the venue says it has no such order, so it may go once more.

        Where it is to wait long it goes no more: it would meet another market. The resolver asks for it when it may.
        """
        if posted.inexact_clock:
            await self._resync()
        wait_s = max(self._timing.not_sent_pause_s, self._api.pause.left_s)
        if wait_s > self._timing.late_s:
            self.unknown(track, f"{posted.message}; the venue asks for {wait_s:.0f} s of silence")
            return False
        await asyncio.sleep(wait_s)
        look = await self._resolver.look(track)
        if track.accepted or track.ended or look is Look.FOUND:
            return False
        if look is Look.NOT_FOUND:
            return True
        if posted.never_left:
            self._reject(track, f"NOT_SENT: {posted.message}")
        else:  # it was turned away, and nobody confirms that: the resolver asks on
            self.unknown(track, posted.message)
        return False

    def _reject(self, track: Track, reason: str) -> None:
        if track.accepted or track.ended:
            return
        order = track.order
        self._tracks.close(track)
        self._client.generate_order_rejected(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            reason=reason,
            ts_event=self._client.now_ns(),
        )


async def _held(durable: asyncio.Event) -> None:
    """Return when the request may leave. Raises `Kept` AGED."""
    made_s = time.monotonic()
    await durable.wait()
    if time.monotonic() - made_s > REQUEST_AGE_MAX_S:
        raise Kept(AGED, "its send line was not on disk in time")
