"""Fees: one exact function, in base on spot buys where the venue does so."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.costs import Liquidity, fee_for
from orders.values import FeeSchedule, Side

D = Decimal
NUMBERS = st.decimals(min_value="0", max_value="1000000000", places=12)


@pytest.mark.parametrize(
    ("side", "base_on_buys", "has_base", "liquidity", "fee", "is_base"),
    [
        (Side.BUY, False, True, Liquidity.TAKER, "0.6", False),
        (Side.SELL, False, True, Liquidity.TAKER, "0.6", False),
        (Side.BUY, True, True, Liquidity.TAKER, "0.006", True),
        (Side.SELL, True, True, Liquidity.TAKER, "0.6", False),
        (Side.BUY, True, False, Liquidity.TAKER, "0.6", False),
        (Side.BUY, False, True, Liquidity.MAKER, "0.2", False),
    ],
    ids=["buy in quote", "sell in quote", "spot buy in base", "a sell is never in base", "shares have no base", "maker"],
)
def test_fee_and_its_currency(
    side: Side, base_on_buys: bool, has_base: bool, liquidity: Liquidity, fee: str, is_base: bool
) -> None:
    schedule = FeeSchedule(maker_fraction=D("0.001"), taker_fraction=D("0.003"), base_on_buys=base_on_buys)
    answer = fee_for(
        side,
        quantity=D("2"),
        price=D("10"),
        multiplier=D("10"),
        schedule=schedule,
        liquidity=liquidity,
        has_base_currency=has_base,
    )
    assert answer == (D(fee), is_base)


@given(quantity=NUMBERS, price=NUMBERS, multiplier=NUMBERS, fraction=st.decimals(min_value="0", max_value="1", places=12))
def test_fee_is_exact_in_any_context(quantity: Decimal, price: Decimal, multiplier: Decimal, fraction: Decimal) -> None:
    schedule = FeeSchedule(maker_fraction=D(0), taker_fraction=fraction, base_on_buys=False)
    with localcontext(Context(prec=6)):
        fee, _ = fee_for(
            Side.BUY,
            quantity=quantity,
            price=price,
            multiplier=multiplier,
            schedule=schedule,
            liquidity=Liquidity.TAKER,
            has_base_currency=False,
        )
    assert Fraction(fee) == Fraction(quantity) * Fraction(price) * Fraction(multiplier) * Fraction(fraction)
