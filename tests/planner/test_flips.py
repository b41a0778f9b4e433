"""Flips as two lines of one plan: closing first, opening behind it; dust is never flipped; a cash account takes two cycles."""

from __future__ import annotations

from typing import Any

import pytest

from orders.canonical import plain
from orders.plan import Flips, Plan, Reason, plan_document
from orders.values import AccountKind, MarketHours, Side
from tests.planner.world import D, inputs, planned, policy

A = "NYSE:AAA"
TEN = {A: ("10", "10")}
TWO = policy(flips=Flips.SAME_PLAN)


def flipped(target: str, held: str, **changes: Any) -> Plan:
    values: dict[str, Any] = {"prices": TEN, "held": {A: held}, "account": AccountKind.MARGIN, "policy": TWO} | changes
    return planned(inputs({A: target}, **values))


@pytest.mark.parametrize(
    ("target", "held", "side", "quantities"),
    [("-0.5", "20", Side.SELL, ("20", "60")), ("0.5", "-20", Side.BUY, ("20", "40"))],
    ids=["long to short", "short to long"],
)
def test_a_flip_on_margin_is_a_closing_line_and_an_opening_line_behind_it(
    target: str, held: str, side: Side, quantities: tuple[str, str]
) -> None:
    made = flipped(target, held)
    first, second = made.lines
    assert [(line.side, line.reason) for line in made.lines] == [(side, Reason.TRADE)] * 2
    assert (first.quantity, second.quantity) == tuple(map(D, quantities))
    assert (first.after_line, second.after_line) == (None, first.line)
    assert (first.reduce_only, second.reduce_only) == (True, False)
    assert (first.held_quantity, second.held_quantity) == (D(held), D("0"))
    assert (first.target_weight, second.target_weight) == (D("0"), D(target))
    assert made.tracking_error_bps == 0
    assert made.net_after == D(target)


def test_the_two_lines_are_written_as_they_are() -> None:
    made = flipped("-0.5", "20")
    assert plan_document(made) | {"capital_fraction": None} == plain(made)
    assert plan_document(made)["lines"][1]["after_line"] == 1


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"policy": policy()}, [Reason.TRADE]),
        ({"account": AccountKind.CASH, "held": {A: "-5"}}, [Reason.TRADE]),
        ({"symbol_limits": {A: {"min_quantity": D("21")}}}, [Reason.DUST_STAYS]),
        ({"symbol_limits": {A: {"min_notional": D("201")}}}, [Reason.DUST_STAYS]),
        ({"symbol_limits": {A: {"max_quantity": D("19")}}}, [Reason.ABOVE_MAX_QUANTITY]),
        ({"symbol_limits": {A: {"max_quantity": D("39")}}}, [Reason.TRADE, Reason.ABOVE_MAX_QUANTITY]),
        ({"hours": {A: MarketHours(state="closed", detail="")}}, [Reason.MARKET_CLOSED]),
        ({"held": {A: "-60"}, "targets": {A: "0.001"}}, [Reason.TRADE, Reason.BELOW_FLOOR]),
    ],
    ids=[
        "two cycles by policy",
        "a cash account takes two cycles",
        "dust by quantity is not flipped",
        "dust by notional is not flipped",
        "a close that is too large opens nothing",
        "only the opening is too large",
        "a closed market flips nothing",
        "an opening below the floor is only a close",
    ],
)
def test_nothing_opens_that_does_not_close_first(changes: dict[str, Any], reasons: list[Reason]) -> None:
    values: dict[str, Any] = {"prices": TEN, "held": {A: "-20"}, "account": AccountKind.MARGIN, "policy": TWO} | changes
    made = planned(inputs(values.pop("targets", {A: "0.5"}), **values))
    assert [line.reason for line in made.lines] == reasons
    assert all(line.after_line is None for line in made.lines)


def test_what_flooring_leaves_of_the_old_side_is_not_traded_through() -> None:
    """Held 20.5 in whole steps: half a piece stays long, and the short is its target alone."""
    first, second = flipped("-0.5", "20.5", cash="795").lines
    assert (first.quantity, second.quantity) == (D("20"), D("50"))


def test_a_plain_reduction_on_margin_is_reduce_only_and_an_addition_is_not() -> None:
    assert flipped("0.5", "100").lines[0].reduce_only is False  # on target
    assert flipped("0.25", "100").lines[0].reduce_only is True
    assert flipped("0.75", "100").lines[0].reduce_only is False
    assert planned(inputs({A: "0"}, prices=TEN, held={A: "9"})).lines[0].reduce_only is False  # spot is no margin position


def test_margin_lines_still_reduce_when_cash_would_not_pay() -> None:
    made = flipped("0.5", "-20", cash="210")
    assert [line.reason for line in made.lines] == [Reason.TRADE, Reason.BELOW_FLOOR]
