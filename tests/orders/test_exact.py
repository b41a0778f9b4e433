"""Exact blocks: operators inside keep every digit or raise, and what was in force before comes back however they end."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, getcontext, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.errors import InputError
from orders.exact import EXACT, EXACT_DIGITS, RAW_MAX, RAW_PLACES, exact_arithmetic, exact_operators, raw_units

LONG = Decimal("1234567890123456789012345678901234567890.123456789")
BLOCKS = [exact_operators, exact_arithmetic]


@pytest.mark.parametrize("block", BLOCKS)
@given(places=st.integers(1, 40))
def test_operators_are_exact_inside_and_what_they_were_outside(block: Any, places: int) -> None:
    with localcontext(Context(prec=places)):
        before = getcontext()
        rounded = LONG * LONG
        with block():
            product = LONG * LONG
            with block():
                assert product == LONG * LONG
            assert product == LONG * LONG
        assert product == EXACT.multiply(LONG, LONG)
        assert LONG * LONG == rounded != product
        assert getcontext() is before


@pytest.mark.parametrize(("block", "raised"), [(exact_operators, Inexact), (exact_arithmetic, InputError)])
def test_what_has_no_exact_result_raises_and_the_context_comes_back(block: Any, raised: type[Exception]) -> None:
    before = getcontext()
    with pytest.raises(raised), block():
        Decimal(1) / Decimal(3)
    assert getcontext() is before
    with pytest.raises(raised), block():
        Decimal(1).scaleb(EXACT_DIGITS) + 1
    with pytest.raises(KeyError), block():
        raise KeyError("not of numbers")
    assert getcontext() is before
    assert EXACT.prec == EXACT_DIGITS


@given(raw=st.integers(-(10**40), 10**40), places=st.integers(0, RAW_PLACES))
def test_raw_units_are_the_number_or_none_where_it_is_too_large(raw: int, places: int) -> None:
    value = EXACT.scaleb(Decimal(raw), -places)
    units = raw * 10 ** (RAW_PLACES - places)
    assert raw_units(value, places=places) == (units if abs(units) < RAW_MAX else None)


@pytest.mark.parametrize(("value", "places"), [("0.1", 0), ("1.234", 2), ("1e-17", 16), ("12345678901234567890.5", 0)])
def test_more_decimals_than_there_may_be_are_our_mistake(value: str, places: int) -> None:
    with pytest.raises(AssertionError):
        raw_units(Decimal(value), places=places)
