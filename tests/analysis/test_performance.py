"""Figures of an equity curve: each by hand, and against the standard library."""

from __future__ import annotations

import statistics
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import isclose, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.performance import RETURNS_MIN, CurvePoint, drawdown_max, performance

D = Decimal
MONDAY = datetime(2022, 1, 31, 21, 0, tzinfo=UTC)


def curve(*equities: str, step: timedelta = timedelta(days=1), start: datetime = MONDAY) -> list[CurvePoint]:
    return [
        CurvePoint(
            market_ns=int((start + number * step).timestamp()) * 10**9, equity=D(equity), traded=D(10 * number), costs=D(number)
        )
        for number, equity in enumerate(equities)
    ]


def test_a_day_has_its_last_equity_and_what_was_traded_on_it() -> None:
    days = performance(curve("100", "110", "99", "120", step=timedelta(hours=12))).days
    assert [(day.day, day.equity, day.traded, day.costs) for day in days] == [
        (date(2022, 1, 31), D(100), D(0), D(0)),
        (date(2022, 2, 1), D(99), D(20), D(2)),
        (date(2022, 2, 2), D(120), D(10), D(1)),
    ]
    assert [day.return_fraction for day in days] == [None, D("-0.01"), D(120) / D(99) - 1]


def test_months_compound_to_the_whole_return() -> None:
    shown = performance(curve("100", "105", "110", "121", step=timedelta(days=20)))
    assert [month.month for month in shown.months] == ["2022-01", "2022-02", "2022-03", "2022-04"][: len(shown.months)]
    whole = D(1)
    for month in shown.months:
        whole *= 1 + month.return_fraction
    assert isclose(whole, 1.21, rel_tol=1e-20)


@pytest.mark.parametrize(
    ("equities", "worst"),
    [(["100", "120", "90", "130"], "0.25"), (["100", "100"], "0"), (["100", "50", "25"], "0.75"), ([], "0")],
    ids=["from its peak", "flat", "without end", "nothing"],
)
def test_drawdown_is_the_largest_fall_from_a_running_peak(equities: list[str], worst: str) -> None:
    assert drawdown_max([D(equity) for equity in equities]) == D(worst)


@pytest.mark.parametrize(
    ("equities", "days"),
    [
        (["100", "120", "90", "119", "120", "130"], (1, 2, 4)),
        (["100", "120", "90", "119"], (1, 2, None)),
        (["100", "101", "102"], (None, None, None)),
        (["100", "90", "100", "80", "100"], (2, 3, 4)),
    ],
    ids=["recovered", "still below", "never fell", "the deepest of two"],
)
def test_the_days_of_a_drawdown(equities: list[str], days: tuple[int | None, ...]) -> None:
    shown = performance(curve(*equities))
    expected = tuple(None if n is None else date(2022, 1, 31) + timedelta(days=n) for n in days)
    assert (shown.drawdown_peak_day, shown.drawdown_low_day, shown.drawdown_recovered_day) == expected


def test_too_few_returns_give_no_ratio() -> None:
    few = performance(curve(*["100", "101"] * (RETURNS_MIN // 2)))
    enough = performance(curve(*["100", "101"] * (RETURNS_MIN // 2), "100"))
    assert (few.sharpe, few.volatility_fraction, few.annual_return_fraction) == (None, None, None)
    assert None not in (enough.sharpe, enough.volatility_fraction, enough.annual_return_fraction)


@pytest.mark.parametrize(
    ("step", "periods"), [(timedelta(days=1), 365), (timedelta(days=7), 252)], ids=["trades on weekends", "week days only"]
)
def test_the_year_is_that_of_the_market(step: timedelta, periods: int) -> None:
    shown = performance(curve("100", "101", "102", "103", "104", "105", "106", step=step))
    assert shown.periods_a_year == periods
    assert f"{periods} days" in shown.definition


@given(st.lists(st.decimals("1", "1000000", places=4), min_size=RETURNS_MIN + 1, max_size=60))
def test_ratios_agree_with_the_standard_library(values: list[Decimal]) -> None:
    shown = performance(curve(*map(str, values)))
    returns = [float(after) / float(before) - 1 for before, after in pairwise(values)]
    deviation = statistics.stdev(returns)
    assert shown.volatility_fraction is not None
    assert isclose(shown.volatility_fraction, deviation * sqrt(365), rel_tol=1e-6, abs_tol=1e-9)
    if deviation > 1e-6:
        assert shown.sharpe is not None
        assert isclose(shown.sharpe, statistics.mean(returns) / deviation * sqrt(365), rel_tol=1e-6, abs_tol=1e-6)


def test_a_curve_that_never_moves_has_no_sharpe() -> None:
    assert performance(curve(*["100"] * 30)).sharpe is None


def test_an_empty_curve_has_no_figures() -> None:
    shown = performance([])
    assert (shown.days, shown.months, shown.sharpe) == ((), (), None)
