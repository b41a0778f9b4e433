"""A lock on what may be traded: an instrument, or a whole venue, whose account does not hold what our book says (control 14).

One instrument that parts locks itself; a second one, or cash, locks the venue: the book is then not known to be right anywhere
there. A lock goes when a later comparison agrees; reducing orders do not pass either, because what there is to reduce is what is
not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from orders.plan import Outcome, Verdict
from orders.reconcile import Difference
from orders.values import Listing

RECONCILIATION_BREAK: Final = "RECONCILIATION_BREAK"


def locked_instruments(found: Iterable[Difference], *, venue: str, listings: Mapping[str, Listing]) -> dict[str, str]:
    """Return instrument id -> why, of every instrument of `venue` that the differences lock; empty when there are none.

    `listings`: what may be traded, by platform symbol.
    """
    parted = {one.code: one.words for one in found}
    ours = [listing for listing in listings.values() if listing.venue == venue]
    mine = {listing.instrument_id: parted[listing.base_currency] for listing in ours if listing.base_currency in parted}
    bases = {listing.base_currency for listing in ours}
    if len(parted) <= 1 and parted.keys() <= bases:
        return mine
    why = "; ".join(parted.values())
    return {listing.instrument_id: why for listing in ours}


def lock_verdict(why: str) -> Verdict:
    """Return the denial of an order of a locked instrument."""
    return Verdict(control=RECONCILIATION_BREAK, outcome=Outcome.DENY, observed=why, limit="the venue holds what the book says")
