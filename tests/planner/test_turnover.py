"""Turnover caps: what reduces goes whole, what opens or adds shares the rest of the lower cap."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.plan import Plan, Reason, UnnamedPositions
from orders.values import AccountKind, Side
from strategies.planner import plan
from tests.planner.world import D, inputs, line_of, planned, policy

A, B, C = "NYSE:AAA", "NYSE:BBB", "NYSE:CCC"
TENS = dict.fromkeys((A, B, C), ("10", "10"))


@pytest.mark.parametrize(
    ("caps", "today", "quantities", "factor"),
    [
        ({}, None, ("40", "20"), "1"),
        ({"turnover_cycle_max": D("0.6")}, None, ("40", "20"), "1"),
        ({"turnover_cycle_max": D("0.599")}, None, ("39", "19"), "0.998333333333"),
        ({"turnover_cycle_max": D("0.3")}, None, ("20", "10"), "0.5"),
        ({"turnover_day_max": D("0.6")}, D("0"), ("40", "20"), "1"),
        ({"turnover_day_max": D("0.6")}, D("0.3"), ("20", "10"), "0.5"),
        ({"turnover_day_max": D("0.9"), "turnover_cycle_max": D("0.3")}, D("0.3"), ("20", "10"), "0.5"),
        ({"turnover_day_max": D("0.6"), "turnover_cycle_max": D("0.5")}, D("0.3"), ("20", "10"), "0.5"),
        ({"turnover_day_max": D("0.6")}, D("0.6"), ("0", "0"), "0"),
        ({"turnover_day_max": D("0.6")}, D("0.7"), ("0", "0"), "0"),
        ({"turnover_day_max": D("0.6")}, None, ("0", "0"), "0"),
        ({"turnover_cycle_max": D("0")}, None, ("0", "0"), "0"),
    ],
    ids=[
        "no cap",
        "at the cap",
        "a shade above it",
        "one factor for all",
        "the day begins",
        "the rest of the day",
        "the cycle's is the lower",
        "the day's is the lower",
        "the day is used up",
        "the day is overdone",
        "today is not known",
        "nothing may turn over",
    ],
)
def test_what_opens_is_scaled_to_the_lower_cap(caps: Any, today: Any, quantities: tuple[str, str], factor: str) -> None:
    made = planned(inputs({A: "0.4", B: "0.2"}, prices=TENS, policy=policy(**caps), turnover_today=today))
    assert [line.quantity for line in made.lines] == list(map(D, quantities))
    assert made.turnover_factor == D(factor)
    scaled = Reason.TRADE if factor == "1" else Reason.SCALED_TO_TURNOVER if quantities[0] != "0" else Reason.TURNOVER_CAP
    assert {line.reason for line in made.lines} == {scaled}
    assert all(line.trades is (line.quantity > 0) for line in made.lines)


def test_a_line_held_back_says_why() -> None:
    made = planned(inputs({A: "0.4"}, prices=TENS, policy=policy(turnover_day_max=D("0.1"))))
    assert made.lines[0].detail == "today's turnover is not known"
    made = planned(inputs({A: "0.4"}, prices=TENS, policy=policy(turnover_cycle_max=D("0.1"))))
    assert made.lines[0].detail == "10 % of equity left to open or add"


def test_closes_and_reductions_go_whole_and_first() -> None:
    """Equity 2000: sells of 0.25 + 0.1 leave 0.05 of the cap to the buy of 0.25."""
    made = planned(
        inputs({A: "0.15", C: "0.25"}, prices=TENS, held={A: "50", B: "50"}, policy=policy(turnover_cycle_max=D("0.4")))
    )
    assert (line_of(made, A).side, line_of(made, A).quantity) == (Side.SELL, D("20"))
    assert (line_of(made, B).reason, line_of(made, B).quantity) == (Reason.TRADE, D("50"))
    assert (line_of(made, C).reason, line_of(made, C).quantity) == (Reason.SCALED_TO_TURNOVER, D("10"))
    assert made.turnover == D("0.4")


def test_a_book_can_be_reduced_beyond_the_cap() -> None:
    made = planned(inputs({A: "0.1", C: "0.3"}, prices=TENS, held={B: "100"}, policy=policy(turnover_cycle_max=D("0.1"))))
    assert line_of(made, B).quantity == D("100")
    assert {line_of(made, A).reason, line_of(made, C).reason} == {Reason.TURNOVER_CAP}


def test_a_cover_of_a_short_is_a_reduction() -> None:
    made = planned(
        inputs(
            {A: "0", B: "-0.2"},
            prices=TENS,
            held={A: "-20"},
            account=AccountKind.MARGIN,
            policy=policy(turnover_cycle_max=D("0.25")),
        )
    )
    assert (line_of(made, A).side, line_of(made, A).quantity) == (Side.BUY, D("20"))
    assert line_of(made, B).reason is Reason.TURNOVER_CAP


def test_what_scaling_leaves_below_a_floor_is_held_back() -> None:
    made = planned(
        inputs(
            {A: "0.4", B: "0.2"},
            prices=TENS,
            policy=policy(turnover_cycle_max=D("0.3")),
            symbol_limits={B: {"min_quantity": D("11")}},
        )
    )
    assert (line_of(made, A).quantity, line_of(made, B).reason) == (D("20"), Reason.TURNOVER_CAP)
    assert line_of(made, B).detail.startswith("Below Floor after scaling to the turnover cap: 10 < min quantity 11")


def test_residue_of_cash_does_not_undo_the_cap() -> None:
    made = planned(
        inputs(
            {A: "0.4", B: "0.4"},
            prices=TENS,
            cash="300",
            held={C: "70"},
            policy=policy(turnover_cycle_max=D("0.5"), spend_residue=True, unnamed_positions=UnnamedPositions.KEEP),
        )
    )
    assert made.turnover <= D("0.5")
    assert {line_of(made, A).reason, line_of(made, B).reason} == {Reason.SCALED_TO_CASH}


@settings(max_examples=120, deadline=None)
@given(
    held=st.tuples(*[st.integers(0, 40)] * 3),
    wanted=st.tuples(*[st.decimals("0", "0.33", places=3)] * 3),
    cap=st.decimals("0", "0.8", places=3),
    step=st.sampled_from(["1", "0.01", "3"]),
)
def test_turnover_is_at_most_the_cap_or_what_reduces(held: Any, wanted: Any, cap: Any, step: str) -> None:
    symbols = (A, B, C)
    made = plan(
        inputs(
            {symbol: str(weight) for symbol, weight in zip(symbols, wanted, strict=True)},
            prices=TENS,
            held={symbol: str(units) for symbol, units in zip(symbols, held, strict=True)},
            symbol_limits={symbol: {"step_size": D(step), "min_quantity": D(0)} for symbol in symbols},
            policy=policy(turnover_cycle_max=cap),
        )
    )
    assert isinstance(made, Plan)
    reduced = sum((line.quantity for line in made.lines if line.side is Side.SELL), D(0)) * 10
    assert made.turnover * made.equity_base <= max(cap * made.equity_base, reduced) + D("1e-6")
    assert all(
        line.reason not in (Reason.TURNOVER_CAP, Reason.SCALED_TO_TURNOVER) for line in made.lines if line.side is Side.SELL
    )
