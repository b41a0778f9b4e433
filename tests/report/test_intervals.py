"""Intervals are seeded, hold the truth about as often as they say, and refuse what is too small to judge."""

from __future__ import annotations

import random
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.intervals import (
    GROUP_MIN,
    UNITS_MAX,
    median_difference,
    quantile_known,
    ratio_difference,
    ratio_interval,
    too_small,
)


def sample(seed: int, *, size: int, mean: float) -> tuple[list[float], list[float]]:
    draw = random.Random(seed)
    return [draw.gauss(mean, 2.0) for _ in range(size)], [10_000.0] * size


@pytest.mark.parametrize(("count", "small"), [(0, True), (GROUP_MIN - 1, True), (GROUP_MIN, False)])
def test_a_group_below_the_minimum_is_too_small(count: int, small: bool) -> None:
    assert too_small(count) is small
    costs, bases = sample(1, size=count, mean=1)
    assert (ratio_interval(costs, bases, seed=1, name="g") is None) is small


@pytest.mark.parametrize(
    ("count", "fraction", "known"),
    [(1, 0.5, False), (2, 0.5, True), (19, 0.95, False), (20, 0.95, True), (99, 0.99, False), (100, 0.99, True)],
)
def test_a_quantile_needs_as_many_orders_that_one_lies_beyond_it(count: int, fraction: float, known: bool) -> None:
    assert quantile_known(count, fraction=fraction) is known


def test_the_same_seed_and_name_give_the_same_interval_whatever_was_asked_before() -> None:
    costs, bases = sample(2, size=50, mean=1)
    first = ratio_interval(costs, bases, seed=7, name="one")
    ratio_interval(costs, bases, seed=7, name="between")
    assert ratio_interval(costs, bases, seed=7, name="one") == first
    assert ratio_interval(costs, bases, seed=8, name="one") != first
    assert ratio_interval(costs, bases, seed=7, name="two") != first


def test_nineteen_of_twenty_intervals_hold_the_true_mean() -> None:
    held = 0
    for number in range(200):
        made = ratio_interval(*sample(number, size=80, mean=1.5), seed=1, name="g")
        assert made is not None
        held += made.low <= Decimal("1.5") <= made.high
    assert 180 <= held <= 198


@given(st.lists(st.floats(-1e6, 1e6), min_size=GROUP_MIN, max_size=60))
def test_an_interval_of_one_value_is_a_point_and_never_upside_down(costs: list[float]) -> None:
    made = ratio_interval(costs, [1e4] * len(costs), seed=1, name="g")
    assert made is not None
    assert made.low <= made.high
    assert Decimal(f"{min(costs):.6f}") - Decimal("1e-5") <= made.low
    assert made.high <= Decimal(f"{max(costs):.6f}") + Decimal("1e-5")


def test_more_orders_than_units_give_nearly_the_same_interval() -> None:
    costs, bases = sample(3, size=UNITS_MAX * 5, mean=2)
    made = ratio_interval(costs, bases, seed=1, name="g")
    assert made is not None
    width = float(made.high - made.low)
    assert width == pytest.approx(2 * 1.96 * np.std(costs) / np.sqrt(len(costs)), rel=0.15)


def test_runs_that_differ_are_told_apart_and_equal_ones_are_not() -> None:
    apart = ratio_difference(sample(1, size=60, mean=1), sample(2, size=60, mean=4), seed=1, name="g")
    assert apart is not None
    assert apart.told_apart
    assert apart.interval.low > 0
    same = ratio_difference(sample(1, size=60, mean=1), sample(1, size=60, mean=1), seed=1, name="g")
    assert same is not None
    assert not same.told_apart
    assert ratio_difference(sample(1, size=60, mean=1), sample(2, size=GROUP_MIN - 1, mean=4), seed=1, name="g") is None


def test_bases_that_sum_to_nothing_have_no_interval() -> None:
    assert ratio_interval([1.0] * 30, [0.0] * 30, seed=1, name="g") is None


def test_medians_that_differ_are_told_apart_and_equal_ones_are_not() -> None:
    first, second = (sample(number, size=101, mean=mean)[0] for number, mean in ((1, 10.0), (2, 12.0)))
    apart = median_difference(first, second, seed=1, name="g")
    assert apart is not None
    assert apart.told_apart
    assert float(apart.interval.low) <= float(np.median(second) - np.median(first)) <= float(apart.interval.high)
    same = median_difference(first, first, seed=1, name="g")
    assert same is not None
    assert not same.told_apart
    assert median_difference(first, second[: GROUP_MIN - 1], seed=1, name="g") is None


def test_a_median_drawn_by_its_order_statistic_spreads_like_a_resampled_one() -> None:
    values = np.asarray(sample(5, size=41, mean=3.0)[0])
    drawn = np.random.default_rng(1).integers(0, 41, size=(4_000, 41))
    resampled = np.sort(values[drawn], axis=1)[:, 20]
    constant = [0.0] * 41
    made = median_difference(constant, list(values), seed=1, name="g")
    assert made is not None
    low, high = np.quantile(resampled, [0.025, 0.975])
    assert float(made.interval.low) == pytest.approx(low, abs=0.25)
    assert float(made.interval.high) == pytest.approx(high, abs=0.25)


def test_nineteen_of_twenty_intervals_hold_the_true_difference_of_medians() -> None:
    held = 0
    for number in range(200):
        pair = (sample(2 * number + side, size=80, mean=1.0 + side)[0] for side in (0, 1))
        made = median_difference(*pair, seed=1, name="g")
        assert made is not None
        held += made.interval.low <= 1 <= made.interval.high
    assert 180 <= held <= 199
