"""Capacity: P&L grows with capital, impact faster; no curve where anything traded has no known volume."""

from decimal import Decimal
from typing import Any

import pytest

from analysis.capacity import Capacity, Coefficient, TradedParent, capacity, capacity_lines
from orders.values import AverageVolume

D = Decimal
VOLUME = AverageVolume(units_per_day=D(10_000), days=20, as_of_ns=0, valid_until_ns=1000)
PARENT = TradedParent(symbol="NYSE:GE", quantity=D(100), notional_base=D(50_000), market_ns=10)


def curve(multiples: str = "1,4,100", **given: Any) -> Capacity:
    terms: dict[str, Any] = {
        "coefficient": Coefficient(value=D(1), high=None, source="a test"), "capital": D(100_000), "pnl": D(1_000),
        "volumes": {"NYSE:GE": VOLUME}, "volatilities": {"NYSE:GE": D("0.02")},
    }  # fmt: skip
    parents = given.pop("parents", (PARENT, PARENT))
    return capacity(parents, multiples=[D(text) for text in multiples.split(",")], **(terms | given))


def test_four_times_the_capital_pays_eight_times_the_impact() -> None:
    one, four, _ = curve().rows
    assert (one.impact, one.impact_bps, one.pnl) == (D(200), D(20), D(800))  # 100 of 10,000 units a day at 2 %: 20 bp
    assert (four.impact, four.impact_bps, four.pnl) == (D(1600), D(40), D(2400))
    assert four.return_fraction == D("0.006")


def test_profit_is_largest_at_four_ninths_of_where_it_is_gone() -> None:
    found = curve()
    assert found.break_even_capital == D(2_500_000)  # (1000 / 200) squared is 25 times
    assert found.best_capital == D("1111111.11")
    gone = curve("25").rows[0]
    assert gone.pnl == 0
    around = [curve(text).rows[0].pnl for text in ("10", "11.1111111111", "12")]
    assert around[1] is not None
    assert max(around, key=lambda pnl: pnl or D(0)) == around[1]


def test_an_order_of_more_than_a_days_volume_has_no_figure() -> None:
    row = curve("101").rows[0]
    assert row.participation_max == D("1.01")
    assert (row.impact, row.pnl, row.return_fraction) == (None, None, None)


def test_where_volume_ends_before_profit_no_capital_is_named() -> None:
    found = curve(pnl=D(100_000))
    assert (found.best_capital, found.break_even_capital) == (None, None)
    assert "P&L still grows where an order would be more than a day's volume" in capacity_lines(found, base_currency="USD")


def test_the_upper_end_of_a_fitted_coefficient_is_told_beside_it() -> None:
    assert curve("4", coefficient=Coefficient(value=D(1), high=D(2), source="fitted")).rows[0].pnl_high == D(800)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"volumes": {}}, "1 of 1 orders: NYSE:GE"), ({"volatilities": {}}, "1 of 1 orders: NYSE:GE"),
        ({"parents": (PARENT, TradedParent(symbol="X:Y", quantity=D(1), notional_base=D(1), market_ns=5))}, "1 of 2 orders: X:Y"),
        ({"volumes": {"NYSE:GE": AverageVolume(units_per_day=D(1), days=1, as_of_ns=11, valid_until_ns=20)}}, "1 of 1 orders"),
        ({"parents": ()}, "nothing was traded"),
    ],
    ids=["no volume", "no volatility", "one symbol of two", "a volume that did not hold yet", "no order"],
)  # fmt: skip
def test_what_is_not_known_is_said_and_there_is_no_curve(given: dict[str, Any], words: str) -> None:
    found = curve(**({"parents": (PARENT,)} | given))
    assert found.rows == ()
    assert words in found.unknown
    assert capacity_lines(found, base_currency="USD") == [f"capacity       not known: {found.unknown}"]


def test_a_loss_has_neither_a_best_nor_a_last_capital() -> None:
    found = curve(pnl=D(-5))
    assert (found.best_capital, found.break_even_capital) == (None, None)
    assert found.rows[0].pnl == D(-205)
