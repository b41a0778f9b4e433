"""Slices sum to the parent exactly, are whole steps above the floors, and come at rising moments, the same each time."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.errors import InputError
from strategies.schedules.slicing import (
    even_fractions,
    even_offsets,
    participation_quantity,
    sliced,
    smallest_quantity,
)
from tests.schedules.made import limits_of


def cut(quantity: str, step: str, smallest: str, slices: int) -> list[str]:
    made = sliced(
        Decimal(quantity),
        step_size=Decimal(step),
        smallest=Decimal(smallest),
        fractions=even_fractions(slices),
        offsets_ns=even_offsets(slices, duration_ns=slices, random_key=None),
    )
    return [str(part.quantity) for part in made]


@pytest.mark.parametrize(
    ("quantity", "step", "smallest", "slices", "expected"),
    [
        ("0.3", "0.1", "0.1", 3, ["0.1", "0.1", "0.1"]),
        ("1.0", "0.1", "0.1", 3, ["0.3", "0.3", "0.4"]),
        ("13", "5", "5", 2, None),
        ("10", "5", "5", 4, ["5", "5"]),
        ("7", "1", "1", 1, ["7"]),
        ("3", "1", "5", 3, ["3"]),
        ("11", "1", "4", 4, ["5", "6"]),
        ("2", "1", "1", 5, ["1", "1"]),
    ],
    ids=[
        "even", "residue on the last", "off the step is refused", "fewer steps than slices", "one slice",
        "all below the floor is one slice", "too small waits for the next", "empty slices are left out",
    ],
)  # fmt: skip
def test_slices_are_merged_until_the_venue_takes_them(quantity, step, smallest, slices, expected):
    if expected is None:
        with pytest.raises(InputError, match="QUANTITY_INVALID"):
            cut(quantity, step, smallest, slices)
    else:
        assert cut(quantity, step, smallest, slices) == expected


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "Infinity"])
def test_a_quantity_that_is_none_is_refused(quantity):
    with pytest.raises(InputError, match="QUANTITY_INVALID"):
        cut(quantity, "1", "1", 2)


STEPS = st.sampled_from([Decimal(text) for text in ("0.00001", "0.003", "0.1", "1", "5", "100")])


@given(
    units=st.integers(1, 10**9), step=STEPS, floor=st.integers(0, 500),
    weights=st.lists(st.integers(0, 1000), min_size=1, max_size=60),
)  # fmt: skip
def test_any_fractions_sum_to_the_parent_in_steps_above_the_floor_at_rising_moments(units, step, floor, weights):
    weights[-1] += 1
    total = sum(weights)
    fractions = [Fraction(sum(weights[: number + 1]), total) for number in range(len(weights))]
    offsets = even_offsets(len(weights), duration_ns=10**9, random_key="parent")
    quantity, smallest = units * step, floor * step
    made = sliced(quantity, step_size=step, smallest=smallest, fractions=fractions, offsets_ns=offsets)
    assert sum(part.quantity for part in made) == quantity
    assert all(part.quantity > 0 and part.quantity % step == 0 for part in made)
    assert len(made) == 1 or all(part.quantity >= smallest for part in made)
    moments = [part.offset_ns for part in made]
    assert moments == sorted(set(moments))
    assert made == sliced(quantity, step_size=step, smallest=smallest, fractions=fractions, offsets_ns=offsets)


@given(slices=st.integers(1, 500), duration=st.integers(500, 86_400 * 10**9), key=st.text(max_size=40))
def test_a_drawn_moment_lies_in_its_own_interval(slices, duration, key):
    plain = even_offsets(slices, duration_ns=duration, random_key=None)
    drawn = even_offsets(slices, duration_ns=duration, random_key=key)
    ends = (*plain[1:], duration)
    assert all(start <= moment < end for start, moment, end in zip(plain, drawn, ends, strict=True))
    assert drawn == even_offsets(slices, duration_ns=duration, random_key=key)


def test_two_parents_draw_different_moments():
    drawn = {even_offsets(10, duration_ns=10**9, random_key=key) for key in ("a" * 32, "b" * 32)}
    assert len(drawn) == 2


@pytest.mark.parametrize(
    ("step", "least", "notional", "price", "expected"),
    [
        ("0.001", "0.001", "5", "100", "0.050"), ("0.001", "0.001", "5", "99", "0.051"), ("5", "1", "0", "1", "5"),
        ("0.1", "0.25", "0", "1", "0.3"), ("1", "0", "0", "7", "1"),
    ],
    ids=["exactly the notional", "rounded up to the step", "at least a step", "minimum off the step", "no floor is a step"],
)  # fmt: skip
def test_the_smallest_quantity_is_never_below_a_floor(step, least, notional, price, expected):
    assert smallest_quantity(limits_of(step=step, least=least, notional=notional), price=Decimal(price)) == Decimal(expected)


@pytest.mark.parametrize("price", ["0", "-1", "NaN"])
def test_no_price_is_no_floor(price):
    with pytest.raises(InputError, match="PRICE_INVALID"):
        smallest_quantity(limits_of(), price=Decimal(price))


@given(
    observed=st.decimals(0, 10**6, places=4), share=st.decimals("0.001", 1, places=3), quantity=st.integers(1, 10**6), step=STEPS,
    rounds=st.integers(1, 5),
)  # fmt: skip
def test_a_share_of_the_volume_is_never_exceeded(observed, share, quantity, step, rounds):
    committed, parent = Decimal(0), quantity * step
    for number in range(1, rounds + 1):
        seen = observed * number
        part = participation_quantity(
            observed=seen, participation_max=share, committed=committed, quantity=parent, step_size=step
        )
        assert part >= 0
        assert part % step == 0
        committed += part
        assert committed <= parent
        assert committed <= seen * share
        assert min(parent, seen * share) - committed < step
