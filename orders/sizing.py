"""Sizing: from the quantity one wants to the quantity a venue takes. Toward zero to the step, never to decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from orders.errors import InputError
from orders.exact import exact_arithmetic
from orders.values import MarketLimits, Record

ZERO: Final = Decimal(0)


class Sized(Record, frozen=True, kw_only=True, gc=False):
    """A quantity the venue takes: a multiple of the step, at most what was wanted. 0 <= `residual` < one step."""

    quantity: Decimal
    residual: Decimal
    notional: Decimal


class Dust(Record, frozen=True, kw_only=True, gc=False):
    """What falls below a floor; not sent. `floor` names the first one missed: step_size, min_quantity or min_notional."""

    quantity: Decimal
    notional: Decimal
    floor: str


class TooLarge(Record, frozen=True, kw_only=True, gc=False):
    """More than the venue takes in one order; not sent and not silently clipped."""

    quantity: Decimal
    notional: Decimal
    max_quantity: Decimal


def check_limits(limits: MarketLimits) -> None:
    """Raise `InputError` MARKET_LIMITS_INVALID unless step, tick and multiplier are finite and above zero, both minima
    finite and not negative, and the maximum absent or finite and above zero.
    """
    for name, value in (("step_size", limits.step_size), ("tick_size", limits.tick_size), ("multiplier", limits.multiplier)):
        if not (value.is_finite() and value > 0):
            _refuse(limits, f"{name} above 0", str(value))
    for name, value in (("min_quantity", limits.min_quantity), ("min_notional", limits.min_notional)):
        if not (value.is_finite() and value >= 0):
            _refuse(limits, f"{name} of 0 or more", str(value))
    most = limits.max_quantity
    if most is not None and not (most.is_finite() and most > 0):
        _refuse(limits, "max_quantity above 0, or none", str(most))


def _refuse(limits: MarketLimits, expected: str, found: str) -> None:
    raise InputError(
        "MARKET_LIMITS_INVALID",
        expected=f"{expected} for {limits.symbol} at {limits.venue}",
        found=found,
        action="Refetch the venue's limits.",
    )


def fit_quantity(wanted: Decimal, *, price: Decimal, limits: MarketLimits) -> Sized | Dust | TooLarge:
    """Floor `wanted` >= 0 to the step and hold it against the venue's floors and maximum.

    Notional is quantity x `price` x multiplier in quote currency; a quantity or notional equal to its floor passes, one
    equal to the maximum too. Exact for any number of digits up to 400, whatever the thread's decimal context.
    Raises `InputError`: limits that cannot be used, a wanted quantity or price that is negative or not finite, NUMBER_RANGE.
    """
    check_limits(limits)
    if not (wanted.is_finite() and wanted >= 0):
        raise InputError(
            "QUANTITY_INVALID",
            expected=f"a finite quantity of 0 or more for {limits.symbol}",
            found=str(wanted),
            action="Give the side separately; quantities carry no sign.",
        )
    if not (price.is_finite() and price > 0):
        raise InputError(
            "PRICE_INVALID",
            expected=f"a finite price above 0 for {limits.symbol}",
            found=str(price),
            action="Wait for a price; there is no default.",
        )
    with exact_arithmetic():
        return fit_exact(wanted, price=price, limits=limits)


def fit_exact(wanted: Decimal, *, price: Decimal, limits: MarketLimits) -> Sized | Dust | TooLarge:
    """Do what `fit_quantity` does for checked arguments, inside `exact_arithmetic`: the planner's inner loop."""
    quantity = wanted // limits.step_size * limits.step_size
    assert quantity <= wanted
    notional = quantity * price * limits.multiplier
    if not quantity:
        return Dust(quantity=ZERO, notional=ZERO, floor="step_size")
    if quantity < limits.min_quantity:
        return Dust(quantity=quantity, notional=notional, floor="min_quantity")
    if notional < limits.min_notional:
        return Dust(quantity=quantity, notional=notional, floor="min_notional")
    if limits.max_quantity is not None and quantity > limits.max_quantity:
        return TooLarge(quantity=quantity, notional=notional, max_quantity=limits.max_quantity)
    return Sized(quantity=quantity, residual=wanted - quantity, notional=notional)
