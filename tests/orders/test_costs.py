"""Fees: one exact function, in base on spot buys where the venue does so."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.costs import ImpactFacts, ImpactTerms, Liquidity, TakerTerms, fee_for, market_price
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


def paid(side: Side, *, bid: str = "99.99", ask: str = "100.01", **said: object) -> Decimal:
    facts: dict[str, object] = {"perfect": False, "slippage_bps": D(0), "half_spread_bps": D(0), "impact": None, **said}
    terms = TakerTerms(**facts)  # type: ignore[arg-type]
    return market_price(side, symbol="X:A", quantity=D(400), bid=D(bid), ask=D(ask), tick_size=D("0.01"), terms=terms)


IMPACT = ImpactTerms(coefficient=D("0.5"), by_symbol={"X:A": ImpactFacts(volatility_fraction=D("0.02"), daily_volume=D(10_000))})


@pytest.mark.parametrize(
    ("said", "buy", "sell"),
    [
        ({}, "100.01", "99.99"),
        ({"slippage_bps": D(10)}, "100.12", "99.89"),  # 100.11001 up, 99.89001 down
        ({"perfect": True}, "100", "100"),
        ({"half_spread_bps": D(50)}, "100.01", "99.99"),
        ({"impact": IMPACT}, "100.22", "99.79"),  # 0.5 x 2 % x sqrt(0.04) = 20 bp
        ({"impact": IMPACT, "slippage_bps": D(10)}, "100.32", "99.69"),
    ],
    ids=["the touch", "slippage, against the order to the tick", "the mid", "a book has its own spread", "impact", "both"],
)
def test_the_price_of_a_market_order(said: dict[str, object], buy: str, sell: str) -> None:
    assert (paid(Side.BUY, **said), paid(Side.SELL, **said)) == (D(buy), D(sell))


def test_a_bar_is_opened_by_the_half_spread_before_slippage() -> None:
    bar = {"bid": "100", "ask": "100", "half_spread_bps": D(50), "slippage_bps": D(100)}
    assert paid(Side.BUY, **bar) == D("101.51")  # 100.5 x 1.01 = 101.505
    assert paid(Side.SELL, **bar) == D("98.5")  # 99.5 x 0.99 = 98.505


def test_a_price_never_falls_to_zero() -> None:
    assert paid(Side.SELL, bid="0.01", ask="0.01", slippage_bps=D(9_999)) == D("0.01")


@given(st.decimals("0.01", "1000", places=2), st.decimals("0", "500", places=2), st.sampled_from(Side))
def test_a_price_is_a_tick_at_most_one_beyond_what_is_asked(touch: Decimal, slippage: Decimal, side: Side) -> None:
    price = paid(side, bid=str(touch), ask=str(touch), slippage_bps=slippage)
    exact = touch * (1 + side.sign * slippage / 10_000)
    assert price % D("0.01") == 0
    assert 0 <= side.sign * (price - exact) < D("0.01") or price == D("0.01")
