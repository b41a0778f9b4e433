"""Slices of a parent quantity: whole steps, none too small to send, the sum exactly the parent.

Arithmetic is over whole numbers of steps, so nothing is rounded but the slices themselves: cumulated and toward zero, the
residue on the last one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from orders.errors import InputError
from orders.exact import CEILING, exact_arithmetic
from orders.schedule import CHILD_ORDERS_MAX
from orders.values import MarketLimits, Record

DRAW_BITS: Final = 64


class Slice(Record, frozen=True, kw_only=True):
    """`quantity` > 0 units, due `offset_ns` >= 0 nanoseconds of market time after the parent began."""

    offset_ns: int
    quantity: Decimal


def smallest_quantity(limits: MarketLimits, *, price: Decimal) -> Decimal:
    """Return the smallest quantity the venue takes at `price` (quote currency, > 0): a multiple of the step, rounded up.

    Raises `InputError` PRICE_INVALID.
    """
    if not (price.is_finite() and price > 0):
        raise InputError(
            "PRICE_INVALID",
            expected=f"a finite price above 0 for {limits.symbol}",
            found=str(price),
            action="Wait for a price; there is no default.",
        )
    with exact_arithmetic():
        unit = price * limits.multiplier
        least = max(limits.min_quantity, CEILING.divide(limits.min_notional, unit))
        return max(_steps_up(least, limits.step_size), 1) * limits.step_size


def _steps_up(quantity: Decimal, step_size: Decimal) -> int:
    steps = int(quantity // step_size)
    return steps if steps * step_size == quantity else steps + 1


def even_fractions(slices: int) -> tuple[Fraction, ...]:
    """Return the cumulated fractions of `slices` even parts; the last is 1."""
    assert 1 <= slices <= CHILD_ORDERS_MAX
    return tuple(Fraction(number, slices) for number in range(1, slices + 1))


def even_offsets(slices: int, *, duration_ns: int, random_key: str | None) -> tuple[int, ...]:
    """Return the moment of each slice, strictly within its own of `slices` equal intervals; whole nanoseconds, toward zero.

    At the interval's start, or with `random_key` where sha256(key, number of the slice) puts it: the same key, the same moments.
    """
    assert duration_ns >= slices >= 1
    starts = [duration_ns * number // slices for number in range(slices + 1)]
    if random_key is None:
        return tuple(starts[:slices])
    return tuple(
        starts[number] + _draw(f"{random_key}\n{number}", below=starts[number + 1] - starts[number]) for number in range(slices)
    )


def _draw(text: str, *, below: int) -> int:
    digest = hashlib.sha256(text.encode()).digest()[: DRAW_BITS // 8]
    return int.from_bytes(digest) * below >> DRAW_BITS


def sliced(
    quantity: Decimal,
    *,
    step_size: Decimal,
    smallest: Decimal,
    fractions: Sequence[Fraction],
    offsets_ns: Sequence[int],
) -> tuple[Slice, ...]:
    """Return the slices of `quantity` > 0, a multiple of the step, by cumulated fractions (rising, the last one 1).

    Slice i ends at the whole step at or below `quantity` x fraction i. One below `smallest` waits for the next; what is too
    small at the end goes with the slice before it; when all of it is, it is one slice. Raises `InputError` QUANTITY_INVALID:
    not above zero, not finite, or off the step.
    """
    assert len(fractions) == len(offsets_ns) >= 1
    assert fractions[-1] == 1
    with exact_arithmetic():
        units = quantity / step_size if quantity.is_finite() and quantity > 0 and quantity % step_size == 0 else None
    if units is None:
        raise InputError(
            "QUANTITY_INVALID",
            expected=f"a quantity above 0 in whole steps of {step_size}",
            found=str(quantity),
            action="Size the parent with orders.sizing first.",
        )
    total, made, taken = int(units), [], 0
    with exact_arithmetic():
        floor = _steps_up(smallest, step_size)
        for fraction, offset_ns in zip(fractions, offsets_ns, strict=True):
            upto = total * fraction.numerator // fraction.denominator
            if upto - taken >= max(1, floor):
                made.append((offset_ns, upto - taken))
                taken = upto
        if taken < total:
            if made:
                offset_ns, last = made.pop()
                made.append((offset_ns, last + total - taken))
            else:
                made.append((offsets_ns[-1], total))
        return tuple(Slice(offset_ns=offset_ns, quantity=count * step_size) for offset_ns, count in made)


def participation_quantity(
    *, observed: Decimal, participation_max: Decimal, committed: Decimal, quantity: Decimal, step_size: Decimal
) -> Decimal:
    """Return what may be sent now so that open and filled children stay within the share of the observed volume.

    Whole steps toward zero, >= 0, never past `quantity` in all; units throughout. The observed volume is the market's since
    the parent began, with whatever of it is ours.
    """
    with exact_arithmetic():
        room = min(observed * participation_max, quantity) - committed
        return max(Decimal(0), room // step_size * step_size) if room > 0 else Decimal(0)
