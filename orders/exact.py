"""Decimal contexts of the pure rooms: sums and products are exact or raise, divisions say which way they round.

The default context of a thread rounds silently at 28 digits; nothing here depends on it.
"""

from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Subnormal,
    Underflow,
    getcontext,
    setcontext,
)
from types import TracebackType
from typing import Final

from orders.errors import InputError

EXACT_DIGITS: Final = 400  # a product of three 34-digit inputs and a 60-digit quotient has 162; more is no market number
QUOTIENT_DIGITS: Final = 60
FRACTION_PLACES: Final = Decimal("1e-12")
RAW_PLACES: Final = 16  # of Nautilus' fixed-point numbers; a test holds it against `FIXED_PRECISION`
RAW_MAX: Final = 10**29  # below all its maxima: money ends at 1.7 x 10^13

_FAULTS: Final = [InvalidOperation, DivisionByZero, Overflow, FloatOperation]
EXACT: Final = Context(prec=EXACT_DIGITS, traps=[*_FAULTS, Inexact, Subnormal, Underflow, Clamped])
FLOOR: Final = Context(prec=QUOTIENT_DIGITS, rounding=ROUND_FLOOR, traps=_FAULTS)
CEILING: Final = Context(prec=QUOTIENT_DIGITS, rounding=ROUND_CEILING, traps=_FAULTS)
ROUNDED: Final = Context(prec=EXACT_DIGITS, rounding=ROUND_HALF_EVEN, traps=_FAULTS)
SHORT: Final = Context(prec=6, rounding=ROUND_HALF_EVEN, traps=_FAULTS)


_BEYOND: Final = (Inexact, InvalidOperation, Overflow, Subnormal, Underflow, Clamped)


class exact_operators:  # reads as the function it stands for; cheaper to enter than a generator
    """Make operators exact within the block, or let them raise what `decimal` raises; serves one block at a time.

    EXACT itself is the thread's context meanwhile, not the copy `localcontext` makes (0.4 us a block instead of 1.1, several
    blocks an order): nothing may change it. Blocks nest. No `await` within one, and no task or callback made for later: these
    would take the context with them, and a quotient there would raise.
    """

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = getcontext()
        setcontext(EXACT)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        setcontext(self._before)


class exact_arithmetic(exact_operators):
    """The same for numbers from outside: raises `InputError` NUMBER_RANGE when a sum, a product or a whole quotient needs more
    than 400 digits.
    """

    __slots__ = ()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        setcontext(self._before)
        if kind is not None and isinstance(error, _BEYOND):
            raise InputError(
                "NUMBER_RANGE",
                expected=f"numbers whose exact results fit {EXACT_DIGITS} digits",
                found=type(error).__name__,
                action="Look for an absurd price, quantity, step, multiplier or rate in the inputs.",
            ) from error


_UNITS: Final = tuple(Decimal(1).scaleb(-places) for places in range(29))
_TENS: Final = tuple(10**places for places in range(RAW_PLACES + 1))


def at_places(value: Decimal, places: int) -> Decimal:
    """Return `value` at exactly that many decimals, 0 to 28, rounded half-even where it has more.

    What is handed to Nautilus goes by this and `from_decimal`: its plain constructors round through a binary float
    (123456789.123456789 becomes 123456789.123456784).
    """
    return value.quantize(_UNITS[places], context=ROUNDED)


def raw_units(value: Decimal, *, places: int) -> int | None:
    """Return `value`, which has no more than `places` <= 16 decimals, as a whole number of its 16th decimals; None beyond 10^13.

    Nautilus' fixed-point numbers are made from it (`from_raw`) at a quarter of what `from_decimal` takes; but `from_raw` kills
    the process where a number is too large, and `from_decimal` raises.
    """
    scaled = EXACT.scaleb(value, RAW_PLACES)
    raw = int(scaled)
    assert raw == scaled
    assert raw % _TENS[RAW_PLACES - places] == 0
    return raw if -RAW_MAX < raw < RAW_MAX else None


def fraction(part: Decimal, whole: Decimal) -> Decimal:
    """Return part / whole rounded half-even to 12 places, for records; `whole` is not zero."""
    return FLOOR.divide(part, whole).quantize(FRACTION_PLACES, context=ROUNDED)
