"""Finds out what became of an order whose request went unanswered, by asking until the venue has answered enough.

Look-up by our id where the venue has it, then working orders, ended orders, trades. A look that fails counts for nothing. Found:
it is told as it is. Absent by every list, often and long enough: a last cancel by our id, one more look, and only then CANCELED,
on which a late fill could still land. Undecided for too long: halt and alarm, and go on asking. Nothing is ever sent again here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from venues.absence import AbsenceEvidence
from venues.answers import VenueFill, VenueOrder, VenueStatus
from venues.ccxt.private_api import Listed, NoAnswer, NotThere, PrivateApi
from venues.ccxt.ticks import NS_PER_MS
from venues.ccxt.timing import NS, CcxtTiming
from venues.order_tracks import OrderTracks, Track

LISTS: Final = ("open", "closed", "trades")


class Look(StrEnum):
    """What one look for an order gave."""

    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"  # every list answered, and none has it
    NO_ANSWER = "NO_ANSWER"  # at least one did not


class Resolver:
    """One per client. `venue_now_ms()` is the venue's clock by our reckoning; `resync()` looks at the clock anew."""

    def __init__(
        self,
        api: PrivateApi,
        tracks: OrderTracks,
        *,
        timing: CcxtTiming,
        now_ns: Callable[[], int],
        venue_now_ms: Callable[[], int],
        jitter: Callable[[], float],
        resync: Callable[[], Awaitable[None]],
        undecided: Callable[[Track, str], None],
    ) -> None:
        self._api = api
        self._tracks = tracks
        self._timing = timing
        self._now_ns = now_ns
        self._venue_now_ms = venue_now_ms
        self._jitter = jitter
        self._resync = resync
        self._undecided = undecided

    async def resolve(self, track: Track) -> None:
        """Return when the order is told: accepted, filled or ended."""
        evidence = AbsenceEvidence(LISTS, absent_ns=int(self._timing.absent_s * NS))
        begun, told, attempt = self._now_ns(), False, 0
        while not (track.accepted or track.ended):
            look = await self.look(track, evidence=evidence)
            if look is Look.NOT_FOUND and evidence.proven and await self._fenced(track):
                return
            if track.accepted or track.ended:
                return
            if not told and self._now_ns() - begun >= self._timing.alarm_s * NS:
                told = True
                self._undecided(track, f"undecided for {(self._now_ns() - begun) // NS} s; answers so far: {evidence.words()}")
            attempt += 1
            await asyncio.sleep(self._pause_s(attempt))

    async def look(self, track: Track, *, evidence: AbsenceEvidence | None = None, first: bool = False) -> Look:
        """Ask along the chain until the order is found; what is found is told. `first`: around the queue, for cancels."""
        if self._api.profile.native_lookup:
            found = await self._api.find(track.client_order_id, track.symbol, first=True)
            if isinstance(found, VenueOrder):
                self._tracks.take_order(found)
                return Look.FOUND
            if isinstance(found, NoAnswer) and found.inexact_clock:
                await self._resync()
            if first and isinstance(found, NotThere):
                return Look.NOT_FOUND
        answers = [await self._in_open(track, first=first), await self._in_closed(track), await self._in_trades(track)]
        if Look.FOUND in answers:
            return Look.FOUND
        for kind, answer in zip(LISTS, answers, strict=True):
            if evidence is not None and answer is Look.NOT_FOUND:
                evidence.not_found(kind, at_ns=self._now_ns())
        return Look.NO_ANSWER if Look.NO_ANSWER in answers else Look.NOT_FOUND

    async def settle(self, track: Track) -> None:
        """Fetch the fills the venue counts in an order and nobody has told, until none is missing."""
        begun, told, attempt = self._now_ns(), False, 0
        while track.gap:
            await asyncio.sleep(self._timing.settle_first_s if not attempt else self._pause_s(attempt))
            attempt += 1
            if not track.gap:
                return
            listed = await self._trades(track)
            if isinstance(listed, Listed):
                for fill in listed.items:
                    self._tracks.take_fill(fill)
            if track.gap and not told and self._now_ns() - begun >= self._timing.alarm_s * NS:
                told = True
                self._undecided(track, f"{track.gap} units are filled by the venue's count and in none of its trades")

    async def _fenced(self, track: Track) -> bool:
        """Cancel by our id whatever may still come, look once more, and end it. False: the venue did not say enough."""
        await self._api.cancel(track.client_order_id, track.symbol)
        if await self.look(track) is not Look.NOT_FOUND or track.accepted or track.ended:
            return track.accepted or track.ended
        self._tracks.end(track, VenueStatus.CANCELED, venue_ns=None)
        return True

    async def _in_open(self, track: Track, *, first: bool) -> Look:
        return self._among(track, await self._api.open_orders(track.symbol, first=first))

    async def _in_closed(self, track: Track) -> Look:
        return self._among(track, await self._api.closed_orders(track.symbol, since_ms=self._since_ms(track)))

    def _among(self, track: Track, listed: Listed[VenueOrder] | NoAnswer) -> Look:
        if isinstance(listed, NoAnswer):
            return Look.NO_ANSWER
        for order in listed.items:
            self._tracks.take_order(order)
        if track.accepted or track.ended or track.truth is not None:
            return Look.FOUND
        return Look.NO_ANSWER if listed.malformed else Look.NOT_FOUND

    async def _in_trades(self, track: Track) -> Look:
        """A trade of an order that nobody knows may be this one's: ask whose it is."""
        listed = await self._trades(track)
        if isinstance(listed, NoAnswer) or listed.malformed:
            return Look.NO_ANSWER
        answer = Look.NOT_FOUND
        for venue_order_id in self._unexplained(track, listed.items):
            owner = await self._api.find_by_venue_id(venue_order_id, track.symbol)
            if isinstance(owner, VenueOrder):
                if self._tracks.take_order(owner) is track:
                    answer = Look.FOUND
            elif answer is not Look.FOUND:
                answer = Look.NO_ANSWER
        if answer is Look.FOUND:
            for fill in listed.items:
                self._tracks.take_fill(fill)
        return answer

    def _unexplained(self, track: Track, fills: tuple[VenueFill, ...]) -> set[str]:
        known = self._tracks
        return {
            fill.venue_order_id
            for fill in fills
            if fill.venue_order_id is not None
            and not known.has_fill(fill.symbol, fill.trade_id)
            and known.by_venue_id(track.symbol, fill.venue_order_id) is None
        }

    async def _trades(self, track: Track) -> Listed[VenueFill] | NoAnswer:
        return await self._api.trades(track.symbol, since_ms=self._since_ms(track), until_ms=self._venue_now_ms())

    def _since_ms(self, track: Track) -> int:
        return int(track.sent_ns // NS_PER_MS - self._timing.overlap_s * 1_000)

    def _pause_s(self, attempt: int) -> float:
        full = min(self._timing.look_max_s, self._timing.look_first_s * 2.0 ** min(attempt - 1, 16))
        return full * (0.5 + self._jitter() / 2)
