"""Sizing: toward zero to the step, floors and maximum inclusive, exact whatever the decimal context."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.errors import InputError
from orders.sizing import Dust, Sized, TooLarge, check_limits, fit_quantity
from orders.values import MarketLimits

D = Decimal


def limits(**changes: Any) -> MarketLimits:
    values: dict[str, Any] = {
        "step_size": D("1"),
        "tick_size": D("0.01"),
        "min_quantity": D("0"),
        "min_notional": D("0"),
        "max_quantity": None,
        "multiplier": D("1"),
    }
    return MarketLimits(symbol="X:Y", venue="X", **(values | changes))


def decimals(*, low: str, high: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=low, max_value=high, places=18, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("wanted", "step", "sent"),
    [
        ("0.3", "0.1", "0.3"),
        ("13", "5", "10"),
        ("1.4", "0.5", "1.0"),
        ("0.7999999", "0.1", "0.7"),
        ("1E+20", "1E-18", "1E+20"),
        ("123456789012345678901234567890.5", "0.000000001", "123456789012345678901234567890.5"),
        ("1000", "1E+2", "1000"),
    ],
    ids=[
        "no float loss",
        "step is not a power of ten",
        "half steps",
        "never rounds up",
        "38 digits of quotient",
        "39 digits of quantity",
        "step with an exponent",
    ],
)
def test_quantity_is_floored_to_the_step(wanted: str, step: str, sent: str) -> None:
    fit = fit_quantity(D(wanted), price=D("100"), limits=limits(step_size=D(step)))
    assert isinstance(fit, Sized)
    assert fit.quantity == D(sent)
    assert fit.residual == D(wanted) - D(sent)


@pytest.mark.parametrize(
    ("wanted", "changes", "kind", "floor"),
    [
        ("0.9", {}, Dust, "step_size"),
        ("0", {}, Dust, "step_size"),
        ("4", {"min_quantity": D("5")}, Dust, "min_quantity"),
        ("5", {"min_quantity": D("5")}, Sized, None),
        ("9", {"min_notional": D("100")}, Dust, "min_notional"),
        ("10", {"min_notional": D("100")}, Sized, None),
        ("9", {"min_notional": D("100"), "multiplier": D("2")}, Sized, None),
        ("7", {"max_quantity": D("7")}, Sized, None),
        ("8", {"max_quantity": D("7")}, TooLarge, None),
    ],
    ids=[
        "under one step",
        "zero",
        "one unit under min quantity",
        "at min quantity",
        "under min notional",
        "at min notional",
        "multiplier counts in notional",
        "at the maximum",
        "one unit above the maximum",
    ],
)
def test_floors_and_maximum_are_inclusive(wanted: str, changes: dict[str, Any], kind: type, floor: str | None) -> None:
    fit = fit_quantity(D(wanted), price=D("10"), limits=limits(**changes))
    assert type(fit) is kind
    assert getattr(fit, "floor", None) == floor


@pytest.mark.parametrize("field", ["step_size", "tick_size", "multiplier"])
@pytest.mark.parametrize("value", ["0", "-1", "NaN", "sNaN", "Infinity"])
def test_a_limit_that_cannot_be_used_is_refused(field: str, value: str) -> None:
    with pytest.raises(InputError, match=f"{field} above 0") as caught:
        fit_quantity(D("1"), price=D("1"), limits=limits(**{field: D(value)}))
    assert caught.value.code == "MARKET_LIMITS_INVALID"


@pytest.mark.parametrize(
    "changes",
    [{"min_quantity": D("-1")}, {"min_notional": D("NaN")}, {"max_quantity": D("0")}, {"max_quantity": D("Infinity")}],
    ids=["negative minimum", "NaN minimum", "zero maximum", "infinite maximum"],
)
def test_floors_that_cannot_be_used_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        check_limits(limits(**changes))


@pytest.mark.parametrize(
    ("wanted", "code"), [("-1", "QUANTITY_INVALID"), ("NaN", "QUANTITY_INVALID"), ("Infinity", "QUANTITY_INVALID")]
)
def test_a_wanted_quantity_carries_no_sign_and_is_finite(wanted: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        fit_quantity(D(wanted), price=D("1"), limits=limits())
    assert caught.value.code == code


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_a_price_is_finite_and_above_zero(price: str) -> None:
    with pytest.raises(InputError) as caught:
        fit_quantity(D("1"), price=D(price), limits=limits())
    assert caught.value.code == "PRICE_INVALID"


def test_a_quotient_beyond_the_digits_raises_and_never_rounds() -> None:
    with pytest.raises(InputError) as caught:
        fit_quantity(D("1E+500"), price=D("1"), limits=limits(step_size=D("1E-18")))
    assert caught.value.code == "NUMBER_RANGE"


@given(
    wanted=decimals(low="0", high="1000000000000000"),
    step=decimals(low="0.000000000000000001", high="100000"),
    price=decimals(low="0.000000000000000001", high="1000000000"),
    multiplier=decimals(low="0.000001", high="1000"),
)
def test_floored_exactly_as_fractions_say(wanted: Decimal, step: Decimal, price: Decimal, multiplier: Decimal) -> None:
    with localcontext(Context(prec=6)):  # the caller's context must not matter
        fit = fit_quantity(wanted, price=price, limits=limits(step_size=step, multiplier=multiplier))
    assert not isinstance(fit, TooLarge)
    steps = Fraction(wanted) // Fraction(step)
    assert Fraction(fit.quantity) == steps * Fraction(step)
    assert Fraction(fit.notional) == Fraction(fit.quantity) * Fraction(price) * Fraction(multiplier)
    if isinstance(fit, Sized):
        assert Fraction(fit.residual) == Fraction(wanted) - Fraction(fit.quantity)
        assert 0 <= fit.residual < step
