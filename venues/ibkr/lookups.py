"""Asks TWS where orders stand, until it has said enough: the acting half of `watch`, whose decisions it carries out.

Working orders of every client, today's ended orders, today's executions; each is one query, and only its answer counts. What is
asked while TWS does not reach IB counts for nothing: it would tell what it knew before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from venues.absence import AbsenceEvidence
from venues.answers import VenueStatus
from venues.base import WireTap
from venues.ibkr.gateway import IbkrTiming
from venues.ibkr.news import News
from venues.ibkr.session import IbkrSession
from venues.ibkr.watch import LISTS, Move, Silence, next_move
from venues.order_tracks import OrderTracks, Track

NS: Final = 1_000_000_000


class Look(StrEnum):
    """What one look gave."""

    ANSWERED = "ANSWERED"
    NO_ANSWER = "NO_ANSWER"


type Looked = tuple[dict[str, set[str]], Look]


class _Case:
    """One order that is looked for."""

    def __init__(self, track: Track, *, absent_ns: int, begun_ns: int) -> None:
        self.track = track
        self.evidence = AbsenceEvidence(LISTS, absent_ns=absent_ns)
        self.begun_ns = begun_ns
        self.fenced = False
        self.gone = False
        self.alarmed = False
        self.attempt = 0


class Lookups:
    """One per client. `cancel(track)` sends a last cancel, or does nothing where TWS' id of the order is not known."""

    def __init__(
        self,
        session: IbkrSession,
        tracks: OrderTracks,
        news: News,
        *,
        account: str,
        tap: WireTap,
        timing: IbkrTiming,
        now_ns: Callable[[], int],
        jitter: Callable[[], float],
        cancel: Callable[[Track], None],
        undecided: Callable[[Track, str], None],
        spawn: Callable[[str, Callable[[], Awaitable[None]]], None],
        on_told: Callable[[Track], None],
    ) -> None:
        self._session = session
        self._tracks = tracks
        self._news = news
        self._account = account
        self._tap = tap
        self._timing = timing
        self._now_ns = now_ns
        self._jitter = jitter
        self._cancel = cancel
        self._undecided = undecided
        self._spawn = spawn
        self._on_told = on_told
        self._cases: dict[str, _Case] = {}
        self._one = asyncio.Lock()
        self._next: asyncio.Task[Looked] | None = None

    async def look(self) -> Looked:
        """Ask for everything once. Return, of each list that was answered while IB was reached, the orders of ours it holds.

        All who ask while a look goes on share the next one, which begins after they have asked: cancelling 500 orders would
        else be 500 readings of 500 orders, one after another.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._look_next(), name="look at TWS")
        return await asyncio.shield(self._next)

    async def _look_next(self) -> Looked:
        async with self._one:
            self._next = None
            held: dict[str, set[str]] = {}
            queries: dict[str, Callable[[], Awaitable[bool]]] = {
                "open": lambda: self._session.open_orders(self._account),
                "completed": self._session.completed_orders,
                "executions": lambda: self._session.executions(self._account),
            }
            for name, ask in queries.items():
                self._news.seen.clear()
                before = self._session.in_touch
                answered = before and await ask() and self._session.in_touch
                if answered:
                    held[name] = set(self._news.seen)
            return held, Look.ANSWERED if len(held) == len(LISTS) else Look.NO_ANSWER

    def watch(self, track: Track) -> None:
        """Say UNKNOWN of what has had no answer for too long; called every moment."""
        if self._move(track, None) is Move.UNKNOWN:
            self.unknown(track, f"no answer in {self._timing.order_s:g} s")

    def unknown(self, track: Track, message: str) -> None:
        """Nobody knows what became of it: the record is told, Nautilus is not, and TWS is asked until it is known."""
        if track.unknown or track.ended or track.client_order_id in self._cases:
            return
        track.unknown = True
        self._tap.unknown(track.order, message=message)
        case = _Case(track, absent_ns=int(self._timing.absent_s * NS), begun_ns=self._now_ns())
        self._cases[track.client_order_id] = case
        self._spawn(f"resolve {track.client_order_id}", lambda: self._resolve(case))

    async def settle(self, track: Track) -> None:
        """Fetch the fills that IB counts in an order and nobody has told, until none is missing."""
        begun, told, attempt = self._now_ns(), False, 0
        while track.gap:
            await asyncio.sleep(self._pause_s(attempt := attempt + 1))
            if track.gap and self._session.in_touch:
                await self._session.executions(self._account)
            if track.gap and not told and self._now_ns() - begun >= self._timing.alarm_s * NS:
                told = True
                self._undecided(track, f"{track.gap} units are filled by IB's count and in none of its executions")

    async def _resolve(self, case: _Case) -> None:
        track = case.track
        try:
            while (move := self._move(track, case)) is not Move.NOTHING:
                match move:
                    case Move.END:
                        self._tracks.end(track, VenueStatus.CANCELED, venue_ns=None)
                    case Move.FENCE:
                        case.fenced = True
                        self._cancel(track)
                        await asyncio.sleep(self._timing.look_first_s)
                        held, look = await self.look()
                        case.gone = look is Look.ANSWERED and not any(track.client_order_id in ids for ids in held.values())
                        case.fenced = look is Look.ANSWERED
                    case Move.ALARM:
                        case.alarmed = True
                        self._undecided(track, f"undecided for {self._age_s(case.begun_ns):.0f} s; {case.evidence.words()}")
                    case _:
                        await self._look_for(case)
        finally:
            self._cases.pop(track.client_order_id, None)
        self._on_told(track)

    async def _look_for(self, case: _Case) -> None:
        held, _ = await self.look()
        if any(case.track.client_order_id in ids for ids in held.values()):
            case.evidence.found_trace()
            case.fenced = case.gone = False
        else:
            for name in held:
                case.evidence.not_found(name, at_ns=self._now_ns())
        if not (case.track.accepted or case.track.ended):
            case.attempt += 1
            await asyncio.sleep(self._pause_s(case.attempt))

    def _move(self, track: Track, case: _Case | None) -> Move:
        known = Silence(
            answered=track.accepted or track.ended,
            age_s=self._age_s(track.sent_ns),
            unknown_s=None if case is None else self._age_s(case.begun_ns),
            absent=case is not None and case.evidence.proven,
            fenced=case is not None and case.fenced,
            gone=case is not None and case.gone,
            alarmed=case is not None and case.alarmed,
        )
        timing = self._timing
        return next_move(known, order_s=timing.order_s, alarm_s=timing.alarm_s, absent_age_s=timing.absent_age_s)

    def _age_s(self, since_ns: int) -> float:
        return (self._now_ns() - since_ns) / NS

    def _pause_s(self, attempt: int) -> float:
        full = min(self._timing.look_max_s, self._timing.look_first_s * 2.0 ** min(attempt - 1, 16))
        return full * (0.5 + self._jitter() / 2)
