"""Numbers and sides as the arithmetic of costs takes them: exact, finite, of the right sign; anything else is one typed error."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NoReturn

from orders.errors import InputError
from orders.exact import ROUNDED
from orders.values import Side

ZERO: Final = Decimal(0)
BPS: Final = Decimal(10_000)
ROUND_PLACES: Final = Decimal("1e-12")


def side_of(side: Side | str) -> Side:
    """Return `side` as our enum. Raises `InputError` SIDE_INVALID for anything but BUY and SELL."""
    try:
        return Side(side)
    except ValueError:
        _refuse("SIDE_INVALID", "side BUY or SELL", repr(side), "Say which way it was traded; nothing is assumed.")


def finite(value: Decimal | int, *, name: str) -> Decimal:
    """Return a finite `value`, exact. Raises `InputError` NUMBER_INVALID for floats, text, None, NaN and infinities."""
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        _refuse("NUMBER_INVALID", f"{name} as a Decimal", repr(value), "Make it from text: Decimal('1.23').")
    number = Decimal(value)
    if not number.is_finite():
        _refuse("NUMBER_INVALID", f"a finite {name}", str(number), "Leave out what is not known; it is never a number.")
    return number


def positive(value: Decimal | int, *, name: str) -> Decimal:
    """Return `value` above 0. Raises `InputError`: NUMBER_INVALID, NOT_POSITIVE."""
    number = finite(value, name=name)
    if number <= 0:
        _refuse("NOT_POSITIVE", f"{name} above 0", str(number), "Look at where it comes from.")
    return number


def not_negative(value: Decimal | int, *, name: str) -> Decimal:
    """Return `value` of at least 0. Raises `InputError`: NUMBER_INVALID, NEGATIVE."""
    number = finite(value, name=name)
    if number < 0:
        _refuse("NEGATIVE", f"{name} of at least 0", str(number), "Quantities are not negative and have a side.")
    return number


def checked_quote(*, bid: Decimal | int, ask: Decimal | int) -> tuple[Decimal, Decimal]:
    """Return both, above 0 and not crossed. Raises `InputError`: NUMBER_INVALID, NOT_POSITIVE, PRICE_CROSSED."""
    low, high = positive(bid, name="bid"), positive(ask, name="ask")
    if low > high:
        _refuse("PRICE_CROSSED", "a bid not above the ask", f"bid {low}, ask {high}", "Leave out the quote; it is wrong.")
    return low, high


def ratio_bps(part: Decimal, whole: Decimal) -> Decimal:
    """Return part / whole in basis points, rounded half-even to 12 places; `whole` is not zero."""
    found = ROUNDED.divide(ROUNDED.multiply(part, BPS), whole).quantize(ROUND_PLACES, context=ROUNDED)
    return ROUNDED.add(found, ZERO)  # never -0


def _refuse(code: str, expected: str, found: str, action: str) -> NoReturn:
    raise InputError(code, expected=expected, found=found, action=action)
