"""What a plan is told of the arming before an order of it is made: in its order, line by line."""

from __future__ import annotations

from typing import Any

import pytest

from orders.plan import Decision
from sentinel.armed import ARMED_NOTIONAL, ARMING_EXPIRED, Permit, Room
from tests.planner.world import NOW, D
from tests.sentinel.cases import BUY, SELL, Broken, changed, denials, judged, made_plan, standing

PERMIT = Permit(venue="US", day_notional_max_base=D("600"), not_before_ns=NOW, expires_ns=NOW + 1)


def room(*, most: str = "600", sent: str | None = "0", expired: str = "") -> dict[str, Room]:
    permit = changed(PERMIT, day_notional_max_base=D(most))
    return {"US": Room(permit=permit, sent_base=None if sent is None else D(sent), expired=expired)}


def symbols(armed: Any) -> list[str]:
    return [approval.symbol for approval in judged(f={"standing": standing(armed=armed)}).approvals]


@pytest.mark.parametrize(
    ("armed", "approved"),
    [
        (None, [SELL, BUY]),
        (room(), [SELL, BUY]),
        (room(sent="0.01"), [SELL]),
        (room(most="599.99"), [SELL]),
        (room(most="199.99"), []),
        (room(most="400", sent="200"), [SELL]),
        (room(sent=None), []),
        (room(sent="NaN"), []),
        (room(expired="too late"), []),
        ({}, []),
    ],
    ids=[
        "nothing is armed: nobody asks", "both lines, at the limit", "a cent was sent before", "a cent too little",
        "too little for either", "what is left is the first line's", "what was sent today is not known",
        "what was sent is no number", "expired, what reduces too", "another venue's arming",
    ],
)  # fmt: skip
def test_lines_are_approved_as_far_as_the_armed_amount_reaches(armed: Any, approved: list[str]) -> None:
    assert symbols(armed) == approved


def test_a_smaller_line_after_one_that_is_too_large_still_fits() -> None:
    plan = made_plan(targets={BUY: "0.2", SELL: "0"}, prices={BUY: ("10", "10"), SELL: ("10", "10")})
    sizes = {line.symbol: line.quantity for line in plan.lines if line.trades}
    assert sizes == {SELL: D("40"), BUY: D("20")}
    found = judged(plan, f={"standing": standing(armed=room(most="399")), "weights": {BUY: D("0.2"), SELL: D("0")}})
    assert [approval.symbol for approval in found.approvals] == [BUY]
    assert [control for control, _ in denials(found)] == [ARMED_NOTIONAL]


def test_a_refusal_names_what_was_sent_and_the_limit() -> None:
    found = judged(f={"standing": standing(armed=room(most="500", sent="150"))})
    (verdict,) = [verdict for verdict in found.verdicts if verdict.control == ARMED_NOTIONAL]
    assert verdict.observed == f"{BUY}: 750, with 350 sent today"
    assert verdict.limit == "500 base currency a UTC day at US"


def test_an_expired_arming_refuses_the_plan_by_its_own_code() -> None:
    found = judged(f={"standing": standing(armed=room(expired="12, not before 11"))})
    assert (found.decision, found.code) == (Decision.REFUSED, ARMING_EXPIRED)
    assert "12, not before 11" in found.message


def test_an_exception_inside_refuses_the_plan_and_halts() -> None:
    found = judged(f={"standing": standing(armed=Broken())})
    assert (found.decision, found.code, found.must_halt) == (Decision.REFUSED, "CONTROL_FAILED", True)
