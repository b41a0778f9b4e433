"""What came to an account and what left it by no order of ours: confirmed deposits and withdrawals, told from breaks.

Asked of the venue at a start, with every comparison that parts, and every so often. Each is booked once, by the venue's own id,
over restarts too. One that is pending, was done before the record began, or that the venue did not tell explains nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from engine.assemble import Assembly
from engine.transfers import Transfers
from lakehouse.rebuild import LogFold, TransferKey
from live.venue_link import LiveAccount
from orders.canonical import decimal_text
from orders.errors import StorageError
from orders.values import Listing
from venues.answers import ToldTransfers, VenueTransfer

EVERY_S: Final = 60.0  # Binance weighs the list of withdrawals at a tenth of what an account may ask in a minute
LEAST_S: Final = 6.5  # between two requests, whatever parts


class TransferWatch:
    """One venue of a live run. `ask(since_ns)`: what its account tells; `since_ns`: when the record began; `known`: what was
    booked before, added to here. `why_not` says why one cannot be booked; `symbol_of` whose position its coins are, None for
    cash, and `mid` what a unit of that is worth now, or why nobody says; `book` books one at that, by a person's statement or the
    venue's word (None), `halt` stops trading where that cannot be written.
    """

    def __init__(
        self,
        *,
        venue: str,
        ask: Callable[[int], Awaitable[ToldTransfers]],
        since_ns: int,
        known: Iterable[TransferKey],
        why_not: Callable[[str, VenueTransfer], str],
        symbol_of: Callable[[str, str], str | None],
        mid: Callable[[str], Awaitable[Decimal | str]],
        book: Callable[[str, VenueTransfer, Decimal | None, str | None], None],
        halt: Callable[[str], None],
    ) -> None:
        self._venue = venue
        self._ask = ask
        self._since_ns = since_ns
        self._known = set(known)
        self._why_not = why_not
        self._symbol_of = symbol_of
        self._mid = mid
        self._book = book
        self._halt = halt
        self._asked_s: float | None = None
        self._words = ""

    @property
    def words(self) -> str:
        """Why deposits and withdrawals do not explain what still parts."""
        return self._words or "no confirmed deposit or withdrawal explains it"

    async def take(self, *, parted: bool) -> None:
        """Ask the venue where it is time to, and book what is new and confirmed. Never raises."""
        now_s = asyncio.get_running_loop().time()
        if self._asked_s is not None and now_s < self._asked_s + (LEAST_S if parted else EVERY_S):
            return
        self._asked_s = now_s
        told = await self._ask(self._since_ns)
        notes = [told.problem] if told.problem else []
        notes += [note for one in sorted(told.items, key=lambda one: one.done_ns or 0) if (note := await self._take(one))]
        self._words = "; ".join(notes)

    async def hand_over(self, items: Iterable[VenueTransfer], *, statement_sha256: str) -> str:
        """Book what a person has handed over by a statement; return why one was not, "" where all were."""
        return "; ".join([note for one in items if (note := await self._take(one, statement_sha256))])

    async def _take(self, one: VenueTransfer, statement_sha256: str | None = None) -> str:
        """Book one where it is to be booked; return why not, "" for what needs no word."""
        key = (self._venue, one.kind, one.transfer_id)
        if key in self._known or (one.done_ns is not None and one.done_ns < self._since_ns):
            return ""
        name = f"{one.kind} {one.transfer_id} of {_signed(one)}"
        if one.done_ns is None:
            return f"{name} is pending" if one.state == "pending" else ""
        symbol = self._symbol_of(self._venue, one.currency)
        price = None if symbol is None else await self._mid(symbol)
        if why := (price if isinstance(price, str) else "") or self._why_not(self._venue, one):
            return f"{name} is confirmed and not booked: {why}"
        assert not isinstance(price, str)
        try:
            self._book(self._venue, one, price, statement_sha256)
        except StorageError as error:
            self._halt(str(error))
            return f"{name} could not be written"
        self._known.add(key)
        return ""


def _signed(one: VenueTransfer) -> str:
    return f"{'+' if one.amount > 0 else ''}{decimal_text(one.amount)} {one.currency}"


def transfer_watch(
    venue: str,
    account: LiveAccount,
    assembly: Assembly,
    *,
    fold: LogFold,
    traded: Mapping[str, Listing],
    tell: Callable[..., None],
) -> TransferWatch:
    """Return the watch of a venue of a run that began on `fold`; `traded`: by symbol. `tell(text, **facts)` puts what is
    booked on the screen.
    """
    transfers = Transfers(recorder=assembly.recorder, state=assembly.sentinel, listings=traded, on_cash=assembly.accruals.on_cash)

    def book(where: str, one: VenueTransfer, price: Decimal | None, statement_sha256: str | None) -> None:
        transfers.book(where, one, price=price, statement_sha256=statement_sha256)
        facts = {"venue": where, "currency": one.currency, "amount": str(one.amount), "transfer_id": one.transfer_id}
        tell(f"{one.kind}  {where}  {_signed(one)}, {one.transfer_id}", type=one.kind, **facts)

    return TransferWatch(
        venue=venue,
        ask=account.transfers,
        since_ns=time.time_ns() if fold.first_ns is None else fold.first_ns,
        known=fold.transfer_keys,
        why_not=transfers.why_not,
        symbol_of=transfers.symbol_of,
        mid=account.mid,
        book=book,
        halt=assembly.halt,
    )
