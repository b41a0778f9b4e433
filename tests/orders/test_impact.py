"""Impact: the square-root law, and Almgren's model against the table of its paper."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.costs import almgren_2005, square_root_impact_bps
from orders.errors import InputError

D = Decimal
IBM = {"volatility_fraction": D("0.0157"), "daily_volume": D(6_561_000), "shares_outstanding": D(1_728_000_000)}
DRI = {"volatility_fraction": D("0.0226"), "daily_volume": D(1_929_000), "shares_outstanding": D(168_000_000)}


@pytest.mark.parametrize(
    ("share", "duration", "permanent", "temporary", "cost"),
    [
        (IBM, "0.1", 20, 22, 32), (IBM, "0.2", 20, 15, 25), (IBM, "0.5", 20, 8, 18),
        (DRI, "0.1", 22, 32, 43), (DRI, "0.2", 22, 21, 32), (DRI, "0.5", 22, 12, 23),
    ],
    ids=["IBM in a tenth", "IBM in a fifth", "IBM in a half", "DRI in a tenth", "DRI in a fifth", "DRI in a half"],
)  # fmt: skip
def test_a_tenth_of_a_days_volume_costs_what_the_paper_says(
    share: dict[str, Decimal], duration: str, permanent: int, temporary: int, cost: int
) -> None:
    found = almgren_2005(**share, quantity=share["daily_volume"] / 10, duration_days=D(duration))
    assert [round(found.permanent), round(found.temporary), round(found.cost)] == [permanent, temporary, cost]


def test_a_hundredth_of_a_days_volume_at_two_percent_costs_twenty_basis_points() -> None:
    bps = square_root_impact_bps(coefficient=D(1), volatility_fraction=D("0.02"), quantity=D(10), daily_volume=D(1000))
    assert bps == 20


@given(st.decimals("0.01", "1000000", places=2), st.decimals("0.01", "1000000000", places=2))
def test_four_times_the_quantity_costs_twice_as_many_basis_points(quantity: Decimal, volume: Decimal) -> None:
    terms = {"coefficient": D("0.9"), "volatility_fraction": D("0.015"), "daily_volume": volume}
    once = square_root_impact_bps(**terms, quantity=quantity)
    assert abs(square_root_impact_bps(**terms, quantity=4 * quantity) - 2 * once) <= D("2e-12")


@pytest.mark.parametrize(
    "wrong",
    [{"quantity": D(0)}, {"daily_volume": D(0)}, {"coefficient": D(-1)}, {"volatility_fraction": D("NaN")}],
    ids=["nothing traded", "no volume", "impact below zero", "unknown volatility"],
)
def test_what_is_not_known_has_no_impact(wrong: dict[str, Decimal]) -> None:
    terms = {"coefficient": D(1), "volatility_fraction": D("0.02"), "quantity": D(10), "daily_volume": D(1000)}
    with pytest.raises(InputError, match="IMPACT_INPUT"):
        square_root_impact_bps(**(terms | wrong))
