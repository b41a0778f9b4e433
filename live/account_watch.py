"""Does the venue agree with us? Orders, fills, holdings and cash, at the start, every so often and at the end (control 14).

At a start nothing is traded before everything that was sent is known and the account holds what the book says. Afterwards a
difference that stays locks what it touches, and the lock goes with it. Every comparison is a line of the log. What was deposited
or withdrawn is booked first (`live.transfer_watch`): only what is left is a difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from engine.config_live import ExternalOrders
from live.handoff import HandedOver, booking
from live.transfer_watch import TransferWatch
from live.venue_link import LiveAccount
from orders.reconcile import Difference, differences
from orders.values import Listing
from sentinel.locks import locked_instruments

POLL_S: Final = 0.05
SETTLE_S: Final = 5.0  # for what the venue has told to reach the book: fills and balances come by two messages


class AccountWatch:
    """One venue of a live run. `account`: as its client knows it; `book()`: what it should hold; `tolerance`: how far each may
    be off; `transfers`: what came and went by no order. `written(outcome, detail)` writes a line, `lock(why)` locks instruments
    by id, `halt(reason)` stops trading. `handed`: what a person handed over to a record that begins.
    """

    def __init__(
        self,
        *,
        venue: str,
        account: LiveAccount,
        book: Callable[[], Mapping[str, Decimal]],
        tolerance: Mapping[str, Decimal],
        listings: Mapping[str, Listing],
        transfers: TransferWatch,
        external: ExternalOrders,
        written: Callable[[str, str], None],
        lock: Callable[[str, Mapping[str, str]], None],
        halt: Callable[[str], None],
        handed: HandedOver | None = None,
    ) -> None:
        self.venue = venue
        self._handed = handed
        self._account = account
        self._book = book
        self._tolerance = tolerance
        self._listings = listings
        self._transfers = transfers
        self._external = external
        self._written = written
        self._lock = lock
        self._halt = halt
        self._locked = False
        self._cancelled: set[str] = set()

    async def at_start(self) -> tuple[str, ...]:
        """Return what parts before anything is traded, in words; empty when all is known and agrees."""
        while any(track.unknown for track in self._account.tracks.living()):  # the resolver halts where it takes too long
            await asyncio.sleep(POLL_S)
        foreign = (*await self._strangers(), *await self._account.objections())
        while (parted := await self._settled()) is None:
            pass  # the run's own time to start bounds this
        booked = 0
        if parted and not foreign and self._handed is not None:
            booked = len(parted)
            parted, foreign = await self._take_over(parted, self._handed)
        words = (*foreign, *self._told(parted))
        if self._handed is not None and not words:  # also of one whose amounts a start before this one has booked
            self._written("handoff", f"{booked} amounts booked on the word of {self._handed.words}")
        self._written("break" if words else "clean", "; ".join(words) or "at the start")
        if not words:
            await self._account.conclude()
        return words

    async def _take_over(
        self, parted: tuple[Difference, ...], handed: HandedOver
    ) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
        """Book what an account holds beyond the book of a record that begins; return what parts then, and what forbids it."""
        items = [booking(handed, one) for one in parted]
        if against := tuple(one for one in items if isinstance(one, str)):
            return parted, against
        booked = [one for one in items if not isinstance(one, str)]
        problem = await self._transfers.hand_over(booked, statement_sha256=handed.sha256)
        while (left := await self._settled()) is None:
            pass
        return left, (problem,) if problem else ()

    async def run(self, every_s: float) -> None:
        """Compare every so many seconds until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await self.compare("every so often")

    async def compare(self, when: str) -> tuple[Difference, ...] | None:
        """Ask the venue, compare, lock or free what is touched; return what parts. None: no answer, which frees nothing."""
        if not await self._account.catch_up():
            return None
        for words in await self._strangers():
            self._halt(words)
        parted = await self._settled()
        if parted is None:
            return None
        if parted or self._locked:
            self._lock(self.venue, locked_instruments(parted, venue=self.venue, listings=self._listings))
        if bool(parted) is not self._locked or not parted:
            self._written("break" if parted else "clean", "; ".join(self._told(parted)) or when)
        self._locked = bool(parted)
        if not parted:
            await self._account.conclude()
        return parted

    def parted(self) -> tuple[Difference, ...]:
        """Return what parts now, by the amounts that were told last."""
        return differences(expected=self._book(), found=self._account.holdings(), tolerance=self._tolerance)

    def _told(self, parted: tuple[Difference, ...]) -> tuple[str, ...]:
        """What parts, and why deposits and withdrawals do not explain it, in words."""
        return (*(one.words for one in parted), self._transfers.words) if parted else ()

    async def _settled(self) -> tuple[Difference, ...] | None:
        """Book what came and went; return what still parts after a while: what agrees for a moment, agrees. None: the venue did
        not say what it holds.
        """
        clock = asyncio.get_running_loop().time
        deadline, parted, asked = clock() + SETTLE_S, None, False
        while clock() < deadline:
            if not await self._account.read():
                continue
            if not asked:
                asked = True
                await self._transfers.take(parted=bool(self.parted()))
                deadline = clock() + SETTLE_S
            if not (parted := self.parted()):
                break
        return parted

    async def _strangers(self) -> tuple[str, ...]:
        """Deal with working orders that nobody here sent; return those that forbid trading, in words."""
        found = dict(self._account.tracks.strangers)
        if self._external is ExternalOrders.CANCEL:
            for venue_order_id, order in found.items():
                if venue_order_id not in self._cancelled:
                    self._cancelled.add(venue_order_id)
                    problem = await self._account.cancel_stranger(venue_order_id, order.symbol)
                    self._written("external", f"order {venue_order_id} of {order.symbol} cancelled{problem and f': {problem}'}")
            return ()
        return tuple(
            f"EXTERNAL_ORDER: order {venue_order_id} of {order.symbol} works at the venue and nobody here sent it"
            for venue_order_id, order in sorted(found.items())
        )
