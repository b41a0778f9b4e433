"""Our decimals as Nautilus' money and texts; by text, exactly, but for money beyond a currency's decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_trader.model.objects import Currency, Money

EXACT_FEE = "fee"  # key of a fill event's `info`: what the venue took, where Nautilus' currency has fewer decimals


def money(amount: Decimal, code: str) -> Any:
    """Return an amount as Nautilus' money; more decimals than the currency has are cut toward zero."""
    currency = Currency.from_str(code)
    step = Decimal(1).scaleb(-currency.precision)
    return Money.from_decimal(amount.quantize(step, rounding="ROUND_DOWN"), currency)


def at_least_places(value: Decimal, places: int) -> str:
    """Return a number as text with the instrument's decimals, or more where it has more: nothing is rounded."""
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return f"{value:.{max(places, -exponent, 0)}f}"
