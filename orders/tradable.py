"""Which listings the simulated venue and our book can carry: the one place that says so, asked by config check and assembly."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from orders.errors import InputError
from orders.values import Listing, MarketLimits

PRECISION_MAX: Final = 9  # decimals of price and size we hand to Nautilus
PAIRS: Final = frozenset({"spot", "fx", "perpetual"})
ONE: Final = Decimal(1)


def decimals(step: Decimal) -> int:
    """Return how many decimals `step` > 0 needs: 0.25 -> 2, 5 -> 0, 0.00001 -> 5. Raises `InputError` STEP_TOO_FINE above 9."""
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    needed = max(0, -exponent)
    if needed > PRECISION_MAX:
        raise InputError(
            "STEP_TOO_FINE",
            expected=f"a step of at most {PRECISION_MAX} decimals",
            found=str(step),
            action="This symbol cannot be simulated; take it off the manifest's allow list.",
        )
    return needed


def check_tradable(listing: Listing, limits: MarketLimits) -> None:
    """Raise `InputError` unless this is a share in whole steps, or a pair or a linear perpetual with a base currency.

    ASSET_CLASS_UNSUPPORTED: others, and pairs and perpetuals without a base currency. MULTIPLIER_UNSUPPORTED: other than 1 on
    what is no contract: our book moves cash by quantity x price x multiplier, the venue's account of shares and pairs knows no
    multiplier. STEP_NOT_WHOLE, STEP_TOO_FINE. A lot of 1000 is no multiplier: it is a step of 1000 units.
    """
    symbol = listing.symbol
    if listing.asset_class != "equity" and not (listing.asset_class in PAIRS and listing.base_currency is not None):
        raise InputError(
            "ASSET_CLASS_UNSUPPORTED",
            expected="an equity, or a spot or fx pair or a perpetual, with a base currency",
            found=f"{listing.asset_class} for {symbol}",
            action="Take the symbol off the allow list, or add its base currency to the symbol map.",
        )
    if listing.asset_class != "perpetual" and limits.multiplier != ONE:
        raise InputError(
            "MULTIPLIER_UNSUPPORTED",
            expected=f"multiplier 1 for {symbol}, which is {listing.asset_class}",
            found=str(limits.multiplier),
            action="A lot is a step_size; only perpetuals are counted in contracts.",
        )
    if listing.asset_class == "equity" and limits.step_size != limits.step_size.to_integral_value():
        raise InputError(
            "STEP_NOT_WHOLE",
            expected="whole shares",
            found=f"step {limits.step_size} for {symbol}",
            action="Refetch the venue's limits.",
        )
    for number in (limits.tick_size, limits.step_size, limits.multiplier):
        decimals(number)
