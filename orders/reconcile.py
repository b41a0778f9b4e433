"""Does the account at the venue hold what our book says? Pure comparison; what a difference means is for the caller to decide.

A venue rounds fees to its own places, so amounts may part by less than a step without anybody being wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from orders.values import Listing, MarketLimits, Record

ZERO = Decimal(0)


class Difference(Record, frozen=True, kw_only=True):
    """A currency, or a share by its symbol, whose amounts part by more than `tolerance` >= 0 units.

    `found` is the venue's, `expected` ours.
    """

    code: str
    expected: Decimal
    found: Decimal
    tolerance: Decimal

    @property
    def words(self) -> str:
        """In one breath."""
        gap = self.found - self.expected
        return f"{self.code} {self.expected} in the book, {self.found} at the venue: {gap:+} (tolerance {self.tolerance})"


def asset_code(listing: Listing) -> str:
    """Return under which name an account holds what is bought of a listing: its base currency, or a share's own symbol."""
    return listing.symbol if listing.base_currency is None else listing.base_currency


def tolerances(venue: str, *, listings: Mapping[str, Listing], limits: Mapping[str, MarketLimits]) -> dict[str, Decimal]:
    """Return how far each holding of a venue's spot symbols and shares may be off: an asset by its step, a quote currency by its
    tick, a share not at all: nothing rounds it.

    Of several symbols the largest step or tick counts. Everything that could be traded in is among them.
    """
    allowed: dict[str, Decimal] = {}
    for symbol, limit in limits.items():
        listing = listings[symbol]
        if limit.venue != venue:
            continue
        rounded = ZERO if listing.base_currency is None else limit.step_size
        for code, step in ((asset_code(listing), rounded), (listing.quote_currency, limit.tick_size)):
            allowed[code] = max(allowed.get(code, ZERO), step)
    return allowed


def differences(
    *, expected: Mapping[str, Decimal], found: Mapping[str, Decimal], tolerance: Mapping[str, Decimal]
) -> tuple[Difference, ...]:
    """Return the currencies that part, by name. Without tolerance they must be equal; what one side does not name is zero there,
    and an amount that is not finite parts from every other.

    Currencies that neither the book nor `tolerance` names are a stranger's at this account and not compared (`strangers`).
    """
    codes = sorted(expected.keys() | tolerance.keys())
    return tuple(
        Difference(code=code, expected=ours, found=theirs, tolerance=allowed)
        for code in codes
        if _parts(theirs := found.get(code, ZERO), ours := expected.get(code, ZERO), allowed := tolerance.get(code, ZERO))
    )


def _parts(theirs: Decimal, ours: Decimal, allowed: Decimal) -> bool:
    return not (theirs.is_finite() and ours.is_finite()) or abs(theirs - ours) > allowed


def strangers(
    *, expected: Mapping[str, Decimal], found: Mapping[str, Decimal], tolerance: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Return what the account holds that is none of ours: told, never traded, and in no sum."""
    return {code: amount for code, amount in sorted(found.items()) if amount and code not in expected and code not in tolerance}
