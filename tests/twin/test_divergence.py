"""How far one order's two ends lie apart: signs, what is missing, and that it is exact."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.twin import Missing, OrderEnd, divergence, milliseconds
from orders.values import Side

MS = 1_000_000


def end(*fills: tuple[str, str, int], outcome: str = "filled") -> OrderEnd:
    made = OrderEnd(outcome="")
    for quantity, price, at_ms in fills:
        made = made.with_fill(quantity=Decimal(quantity), price=Decimal(price), event_ns=at_ms * MS)
    return made.ended(outcome)


@pytest.mark.parametrize(
    ("side", "live", "twin", "bps"),
    [
        (Side.BUY, "100.1", "100", "10"),
        (Side.BUY, "99.9", "100", "-10"),
        (Side.SELL, "99.9", "100", "10"),
        (Side.SELL, "100.1", "100", "-10"),
        (Side.BUY, "100", "100", "0"),
        (Side.BUY, "3", "7", "-5714.285714"),
    ],
    ids=["bought dearer", "bought cheaper", "sold for less", "sold for more", "alike", "rounded at the sixth place"],
)
def test_above_zero_live_paid_more(side: Side, live: str, twin: str, bps: str) -> None:
    apart = divergence(side, wanted=Decimal(1), live=end(("1", live, 0)), twin=end(("1", twin, 0)))
    assert apart.price_bps == Decimal(bps)


def test_the_price_is_the_average_of_all_fills_and_the_times_are_of_the_first_and_the_last() -> None:
    live = end(("1", "100", 10), ("3", "104", 40))
    twin = end(("2", "102", 25), ("2", "104", 30))
    apart = divergence(Side.BUY, wanted=Decimal(4), live=live, twin=twin)
    assert live.average_price == twin.average_price == Decimal(103)
    assert (apart.price_bps, apart.first_fill_ms, apart.last_fill_ms) == (Decimal(0), Decimal(-15), Decimal(10))
    assert (apart.fill_ratio, apart.missing) == (Decimal(0), ())


@pytest.mark.parametrize(
    ("live", "twin", "ratio", "missing"),
    [
        ([], [("4", "100", 1)], "-1", (Missing.NO_LIVE_FILL,)),
        ([("1", "100", 1)], [], "0.25", (Missing.NO_TWIN_FILL,)),
        ([], [], "0", (Missing.NO_LIVE_FILL, Missing.NO_TWIN_FILL)),
    ],
    ids=["live filled nothing", "the twin filled nothing", "neither did"],
)
def test_without_fills_of_both_only_the_fill_ratio_is_compared(live, twin, ratio: str, missing: tuple[Missing, ...]) -> None:
    apart = divergence(Side.BUY, wanted=Decimal(4), live=end(*live, outcome="cancelled"), twin=end(*twin))
    assert (apart.price_bps, apart.first_fill_ms, apart.last_fill_ms) == (None, None, None)
    assert (apart.fill_ratio, apart.missing) == (Decimal(ratio), missing)


amounts = st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal("1000000000"), places=8)
fills = st.lists(st.tuples(amounts, amounts, st.integers(min_value=0, max_value=2**62)), min_size=1, max_size=8)


@given(live=fills, twin=fills, side=st.sampled_from(Side))
def test_who_is_live_and_who_is_twin_only_turns_the_sign_of_times_and_ratio(live, twin, side: Side) -> None:
    sides = []
    for one in (live, twin):
        made = OrderEnd(outcome="")
        for quantity, price, at_ns in one:
            made = made.with_fill(quantity=quantity, price=price, event_ns=at_ns)
        assert made.filled == sum(quantity for quantity, _, _ in one)
        assert made.average_price is not None
        assert min(price for _, price, _ in one) - Decimal("1e-15") <= made.average_price
        assert made.average_price <= max(price for _, price, _ in one) + Decimal("1e-15")
        sides.append(made)
    wanted = max(one.filled for one in sides)
    there = divergence(side, wanted=wanted, live=sides[0], twin=sides[1])
    back = divergence(side, wanted=wanted, live=sides[1], twin=sides[0])
    assert there.fill_ratio == -back.fill_ratio
    assert (there.first_fill_ms, there.last_fill_ms) == (
        None if back.first_fill_ms is None else -back.first_fill_ms,
        None if back.last_fill_ms is None else -back.last_fill_ms,
    )
    assert there.price_bps is not None
    assert back.price_bps is not None
    assert (there.price_bps > 0) is not (back.price_bps > 0) or there.price_bps == back.price_bps == 0


def test_a_twin_that_was_late_is_compared_as_if_it_had_been_in_time() -> None:
    live, twin = end(("1", "100", 10)), end(("1", "100", 25), ("1", "100", 30))
    apart = divergence(Side.BUY, wanted=Decimal(2), live=live, twin=twin.earlier(20 * MS))
    assert (apart.first_fill_ms, apart.last_fill_ms) == (Decimal(5), Decimal(0))
    assert OrderEnd(outcome="cancelled").earlier(MS) == OrderEnd(outcome="cancelled")


def test_nanoseconds_are_milliseconds_without_loss() -> None:
    assert milliseconds(1_234_567_891) == Decimal("1234.567891")
