"""Who wanted it: a net weight, and what was traded for it, by winner (engine/profile, stable where ranks move)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from orders.exact import FRACTION_PLACES, ROUNDED, exact_arithmetic

ZERO: Final = Decimal(0)


def crossed_weight(shares: Mapping[str, Decimal]) -> Decimal:
    """Return what winners cancel out between themselves and nobody trades: (sum of |w| - |sum of w|) / 2, exact, >= 0.

    Runs inside `exact_arithmetic`.
    """
    if len(shares) < 2:
        return ZERO
    return (sum(map(abs, shares.values()), ZERO) - abs(sum(shares.values(), ZERO))) / 2


def split_amount(amount: Decimal, shares: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return winner -> its part of a fill's quantity, notional or fee; the parts sum to `amount` exactly.

    In proportion to signed weight over net weight: of winners at +0.5 and -0.2, 10 bought are 16.7 for the one and -6.7 for
    the other, whose sale was crossed inside. Parts are cut to 12 places, the last winner by name takes the rest. Empty where
    nobody wants it: no shares, or shares that sum to zero (a close of what winners cancel out).
    """
    with exact_arithmetic():
        net = sum(shares.values(), ZERO)
        if not net:
            return {}
        parts: dict[str, Decimal] = {}
        left = amount
        *first, last = sorted(shares)
        for winner in first:
            parts[winner] = ROUNDED.divide(amount * shares[winner], net).quantize(FRACTION_PLACES, context=ROUNDED)
            left -= parts[winner]
        parts[last] = left
        return parts
