"""Does the account at the venue hold what our book says? Pure comparison; what a difference means is for the caller to decide.

A venue rounds fees to its own places, so amounts may part by less than a step without anybody being wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from orders.values import Listing, MarketLimits, Record

ZERO = Decimal(0)


class Difference(Record, frozen=True, kw_only=True):
    """A currency whose amounts part by more than `tolerance` >= 0 units: `found` is the venue's, `expected` ours."""

    code: str
    expected: Decimal
    found: Decimal
    tolerance: Decimal

    @property
    def words(self) -> str:
        """In one breath."""
        gap = self.found - self.expected
        return f"{self.code} {self.expected} in the book, {self.found} at the venue: {gap:+} (tolerance {self.tolerance})"


def tolerances(venue: str, *, listings: Mapping[str, Listing], limits: Mapping[str, MarketLimits]) -> dict[str, Decimal]:
    """Return how far each currency of a venue's spot symbols may be off: an asset by its step, a quote currency by its tick.

    Of several symbols the largest step or tick counts. Every currency that could be traded in is among them.
    """
    allowed: dict[str, Decimal] = {}
    for symbol, limit in limits.items():
        listing = listings[symbol]
        if limit.venue != venue:
            continue
        for code, step in ((listing.base_currency, limit.step_size), (listing.quote_currency, limit.tick_size)):
            if code is not None:
                allowed[code] = max(allowed.get(code, ZERO), step)
    return allowed


def differences(
    *, expected: Mapping[str, Decimal], found: Mapping[str, Decimal], tolerance: Mapping[str, Decimal]
) -> tuple[Difference, ...]:
    """Return the currencies that part, by name. Without tolerance they must be equal; what one side does not name is zero there.

    Currencies that neither the book nor `tolerance` names are a stranger's at this account and not compared (`strangers`).
    """
    codes = sorted(expected.keys() | tolerance.keys())
    return tuple(
        Difference(code=code, expected=ours, found=theirs, tolerance=allowed)
        for code in codes
        if abs((theirs := found.get(code, ZERO)) - (ours := expected.get(code, ZERO))) > (allowed := tolerance.get(code, ZERO))
    )


def strangers(
    *, expected: Mapping[str, Decimal], found: Mapping[str, Decimal], tolerance: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Return what the account holds that is none of ours: told, never traded, and in no sum."""
    return {code: amount for code, amount in sorted(found.items()) if amount and code not in expected and code not in tolerance}
