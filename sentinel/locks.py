"""What nothing may be sent of until more is known of it: locked instruments, and those of an order nobody knows the outcome of.

A lock is on an instrument, or on a whole venue, whose account does not hold what our book says (control 14). One instrument that
parts locks itself; a second one, or cash, locks the venue: the book is then not known to be right anywhere there. A lock goes
when a later comparison agrees; reducing orders do not pass either, because what there is to reduce is what is not known.

While nobody knows what became of an order that was sent, no other one of its symbol may go: it might be the second one. The
unknown order keeps what it holds of limits and exposure, at full size, because nothing has ended it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from orders.plan import Outcome, Verdict
from orders.reconcile import Difference, asset_code
from orders.values import Listing
from sentinel.verdicts import deny

RECONCILIATION_BREAK: Final = "RECONCILIATION_BREAK"
UNKNOWN_OUTCOME: Final = "UNKNOWN_OUTCOME"
SHOWN_MAX: Final = 3  # unknown orders named in a verdict
BREAK_WORDS: Final = "the venue holds what the book says"
UNKNOWN_WORDS: Final = "no unanswered order of the symbol"
_AGREES: Final = Verdict(control=RECONCILIATION_BREAK, outcome=Outcome.ALLOW, observed="no break", limit=BREAK_WORDS)
_ANSWERED: Final = Verdict(control=UNKNOWN_OUTCOME, outcome=Outcome.ALLOW, observed="none unanswered", limit=UNKNOWN_WORDS)
_PASSED: Final = (_AGREES, _ANSWERED)


def locked_instruments(found: Iterable[Difference], *, venue: str, listings: Mapping[str, Listing]) -> dict[str, str]:
    """Return instrument id -> why, of every instrument of `venue` that the differences lock; empty when there are none.

    `listings`: what may be traded, by platform symbol.
    """
    parted = {one.code: one.words for one in found}
    ours = [listing for listing in listings.values() if listing.venue == venue]
    mine = {listing.instrument_id: parted[asset_code(listing)] for listing in ours if asset_code(listing) in parted}
    assets = {asset_code(listing) for listing in ours}
    if len(parted) <= 1 and parted.keys() <= assets:
        return mine
    why = "; ".join(parted.values())
    return {listing.instrument_id: why for listing in ours}


class Locks:
    """One per gate; pure but for its memory."""

    def __init__(self) -> None:
        self._why: dict[str, str] = {}  # by instrument id: book and venue part
        self._unknown: dict[str, str] = {}  # order id -> instrument id

    def lock(self, venue: str, why: Mapping[str, str]) -> None:
        """Lock these instruments of a venue (instrument id -> why), and no other of it, until the next call for it."""
        self._why = {where: text for where, text in self._why.items() if not where.endswith(f".{venue}")} | dict(why)

    def unknown(self, order_id: str, instrument_id: str) -> None:
        """An order was sent and nobody knows what became of it."""
        self._unknown[order_id] = instrument_id

    def known(self, order_id: str) -> None:
        """The venue has said something of an order."""
        self._unknown.pop(order_id, None)

    def refusal(self, order_id: str, instrument_id: str) -> str:
        """Return the code that keeps back an order that had passed before, and waits to be sent; "" where nothing does.

        What is unknown of the order itself keeps it back from nobody: whether it is sent twice is for its client to know.
        """
        if instrument_id in self._why:
            return RECONCILIATION_BREAK
        others = any(where == instrument_id and order != order_id for order, where in self._unknown.items())
        return UNKNOWN_OUTCOME if others else ""

    def ask(self, instrument_id: str) -> tuple[Verdict, ...]:
        """Return the verdicts RECONCILIATION_BREAK and UNKNOWN_OUTCOME on an order of this instrument."""
        if not (self._why or self._unknown):
            return _PASSED
        agrees, answered = _PASSED
        if (why := self._why.get(instrument_id)) is not None:
            agrees = deny(RECONCILIATION_BREAK, why, BREAK_WORDS)
        if ids := sorted(order_id for order_id, where in self._unknown.items() if where == instrument_id):
            more = f" and {len(ids) - SHOWN_MAX} more" if len(ids) > SHOWN_MAX else ""
            seen = f"{', '.join(ids[:SHOWN_MAX])}{more} unanswered"
            answered = deny(UNKNOWN_OUTCOME, seen, UNKNOWN_WORDS)
        return agrees, answered
