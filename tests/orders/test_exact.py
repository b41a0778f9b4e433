"""Exact blocks: operators inside keep every digit or raise, and what was in force before comes back however they end."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, getcontext, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.errors import InputError
from orders.exact import EXACT, EXACT_DIGITS, exact_arithmetic, exact_operators

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
