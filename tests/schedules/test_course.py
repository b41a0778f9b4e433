"""What each kind of schedule sends when, and what ends it; driven by hand, no engine."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.errors import InputError
from orders.schedule import CHILD_ORDERS_MAX, Schedule, ScheduleKind
from orders.values import Side
from strategies.schedules.course import CancelChildren, Over, Send, Wait
from strategies.schedules.courses import course_of
from strategies.schedules.profile import profile_of
from tests.schedules.made import limits_of, parent_of, quote_at

S = 10**9
HOUR = 3_600 * S
FIELDS: dict[str, dict[str, Any]] = {
    "twap": {"duration_ns": 10 * S, "slices": 5},
    "vwap": {"duration_ns": 2 * HOUR, "slices": 2},
    "pov": {"duration_ns": 10 * S, "participation_max": Decimal("0.1")},
    "passive_then_cross": {"timeout_ns": 10 * S},
}


def no_profile(schedule: str, symbol: str) -> Any:
    raise InputError("NO_PROFILE", expected="a profile", found="none", action="Import one.")


class Drive:
    """A course and what it did. `at(seconds)` steps it until it waits or is over."""

    def __init__(self, kind: str, quantity: str = "1", *, profile: Any = no_profile, limits: Any = None, **parent: Any) -> None:
        schedule = Schedule(name="made", kind=ScheduleKind(kind), **FIELDS[kind])
        self.course: Any = course_of(
            schedule, parent_of(quantity, **parent), limits=limits or limits_of(), market_now_ns=0, profile_of=profile
        )
        self.done: list[str] = []

    def at(self, seconds: int, *, quote: Any = "made") -> str:
        """Return what it did and how it ended, in words."""
        self.done.clear()
        while True:
            step = self.course.step(seconds * S, quote=quote_at() if quote == "made" else quote)
            match step:
                case Send(quantity=quantity, limit_price=price):
                    self.course.sent(f"c{self.course.children + 1}", quantity)
                    self.done.append(f"send {quantity}" + ("" if price is None else f" at {price}"))
                case CancelChildren():
                    self.done.append(f"cancel {' '.join(self.course.open_children)}")
                case Wait(until_ns=until):
                    self.done.append("wait" if until is None else f"wait {until // S}")
                    return "; ".join(self.done)
                case Over(cause=cause):
                    self.done.append(cause)
                    return "; ".join(self.done)

    def fill(self, number: int, quantity: str) -> None:
        self.course.child_filled(f"c{number}", Decimal(quantity))

    def end(self, number: int, *, refused: bool = False) -> None:
        self.course.child_ended(f"c{number}", refused=refused)


def test_twap_sends_even_slices_at_their_moments_and_ends_filled():
    drive = Drive("twap")
    for number in range(5):
        assert drive.at(2 * number) == "send 0.200; " + (f"wait {2 * number + 2}" if number < 4 else "wait")
        drive.fill(number + 1, "0.2")
    assert drive.at(9) == "schedule_done"


def test_twap_sends_what_fell_due_meanwhile_as_one():
    assert Drive("twap").at(5) == "send 0.600; wait 6"


def test_a_price_that_fell_makes_a_slice_wait_for_the_next():
    drive = Drive("twap", "0.25")
    assert drive.at(0, quote=quote_at("90", "91")) == "wait 2"
    assert drive.at(2, quote=quote_at("90", "91")) == "send 0.100; wait 4"


def test_what_is_too_small_at_the_end_is_left_as_dust():
    drive = Drive("twap", "0.05")
    assert drive.at(9, quote=quote_at("50", "51")) == "schedule_dust"
    assert drive.course.unfilled == Decimal("0.05")


def test_a_cancelled_slice_is_left_and_the_others_go_on():
    drive = Drive("twap")
    drive.at(0)
    drive.end(1)
    assert drive.at(2) == "send 0.200; wait 4"


@pytest.mark.parametrize("kind", ["twap", "passive_then_cross", "pov"])
def test_a_refused_child_stops_the_schedule_and_nothing_is_tried_again(kind):
    drive = Drive(kind)
    if kind == "pov":
        drive.course.traded(Decimal(10))
    drive.at(0)
    drive.end(1, refused=True)
    assert drive.at(5) == "schedule_stopped"
    assert drive.course.stopped == "a child was refused"


def test_limit_slices_that_rest_are_cancelled_when_the_time_is_over():
    drive = Drive("twap", limit="100")
    assert drive.at(8) == "send 1.000 at 100; wait 10"
    assert drive.at(10) == "cancel c1; wait"
    drive.end(1)
    assert drive.at(10) == "schedule_ended"


@pytest.mark.parametrize(
    ("side", "limit", "rests", "crosses"),
    [
        (Side.BUY, None, "send 1 at 99; wait 10", "send 1; wait"), (Side.SELL, None, "send 1 at 101; wait 10", "send 1; wait"),
        (Side.BUY, "98", "send 1 at 98; wait 10", "send 1 at 98; wait"),
        (Side.BUY, "100", "send 1 at 99; wait 10", "send 1 at 100; wait"),
        (Side.SELL, "102", "send 1 at 102; wait 10", "send 1 at 102; wait"),
    ],
    ids=["buy at the bid", "sell at the ask", "never above a buy's limit", "below it at the touch", "never below a sell's limit"],
)  # fmt: skip
def test_passive_rests_at_the_near_touch_and_crosses_at_the_timeout(side, limit, rests, crosses):
    drive = Drive("passive_then_cross", side=side, limit=limit)
    assert drive.at(0) == rests
    assert drive.at(9) == "wait 10"
    assert drive.at(10) == "cancel c1; wait"
    drive.end(1)
    assert drive.at(10) == crosses


def test_only_the_rest_crosses_also_when_it_fills_while_the_cancel_is_on_its_way():
    drive = Drive("passive_then_cross")
    drive.at(0)
    drive.fill(1, "0.3")
    drive.at(10)
    drive.fill(1, "0.2")
    drive.end(1)
    assert drive.at(11) == "send 0.5; wait"
    drive.fill(2, "0.5")
    assert drive.at(12) == "schedule_done"


def test_a_passive_order_that_fills_before_the_timeout_crosses_nothing():
    drive = Drive("passive_then_cross")
    drive.at(0)
    drive.fill(1, "1")
    assert drive.at(3) == "schedule_done"


def test_a_passive_order_somebody_else_cancelled_is_not_crossed():
    drive = Drive("passive_then_cross")
    drive.at(0)
    drive.end(1)
    assert drive.at(1) == "schedule_stopped"


def test_a_rest_below_the_floor_is_not_crossed():
    drive = Drive("passive_then_cross")
    drive.at(0)
    drive.fill(1, "0.96")
    drive.at(10)
    drive.end(1)
    assert drive.at(10) == "schedule_dust"


def test_passive_without_a_price_sends_nothing():
    assert Drive("passive_then_cross").at(0, quote=None) == "schedule_stopped"


def test_share_follows_the_volume_and_leaves_the_rest_when_the_time_is_over():
    drive = Drive("pov")
    assert drive.at(0) == "wait 10"
    drive.course.traded(Decimal("4"))
    assert drive.at(1) == "send 0.400; wait 10"
    drive.course.traded(Decimal("0.3"))
    assert drive.at(2) == "wait 10"
    drive.course.traded(Decimal("100"))
    assert drive.at(3) == "send 0.600; wait 10"
    drive.fill(1, "0.4")
    assert drive.at(10) == "cancel c2; wait"
    drive.end(2)
    assert drive.at(11) == "schedule_ended"
    assert drive.course.unfilled == Decimal("0.6")


def test_without_volume_nothing_is_sent():
    drive = Drive("pov")
    assert [drive.at(second) for second in (0, 5, 10)] == ["wait 10", "wait 10", "schedule_ended"]


def test_vwap_cuts_by_the_usual_volume_of_the_hours():
    rows = [(HOUR, Decimal(3)), (2 * HOUR, Decimal(1))]
    drive = Drive("vwap", profile=lambda schedule, symbol: profile_of(symbol, rows, bucket_ns=HOUR, before_ns=10 * HOUR))
    assert drive.at(0) == "send 0.750; wait 3600"
    assert drive.at(3600) == "send 0.250; wait"


def test_vwap_without_a_profile_is_refused():
    with pytest.raises(InputError, match="NO_PROFILE"):
        Drive("vwap")


@pytest.mark.parametrize("kind", ["twap", "passive_then_cross", "pov"])
def test_a_cancelled_parent_cancels_what_is_open_and_sends_no_more(kind):
    drive = Drive(kind)
    if kind == "pov":
        drive.course.traded(Decimal(10))
    drive.at(0)
    drive.course.stop("the parent was cancelled")
    assert drive.at(5) == "cancel c1; wait"
    drive.end(1)
    assert drive.at(6) == "schedule_stopped"


def test_the_number_of_children_has_a_bound():
    drive = Drive("pov", "100000")
    for number in range(CHILD_ORDERS_MAX):
        drive.course.traded(Decimal(1))
        assert drive.at(1) == "send 0.100; wait 10"
        drive.fill(number + 1, "0.1")
    drive.course.traded(Decimal(1))
    assert drive.at(1) == "schedule_stopped"


@given(
    kind=st.sampled_from(["twap", "passive_then_cross", "pov"]), units=st.integers(60, 3000),
    answers=st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(["fill", "part", "end", "refuse", "trade", "late"])), max_size=40
    ),
)  # fmt: skip
def test_open_and_filled_never_exceed_the_parent_whatever_the_venue_answers(kind, units, answers):
    quantity = units * Decimal("0.001")
    drive = Drive(kind, str(quantity))
    seconds, late = 0, Decimal(0)
    for passed, answer in answers:
        seconds += passed
        drive.at(seconds)
        assert drive.course.committed <= quantity + late
        open_children = drive.course.open_children
        if answer == "trade" and kind == "pov":
            drive.course.traded(Decimal(1))
        elif answer == "late":
            late += Decimal("0.001")
            drive.course.child_filled("c1" if not open_children else "gone", Decimal("0.001"))
        elif open_children and answer in {"fill", "part"}:
            left = drive.course._open[open_children[0]]
            drive.course.child_filled(open_children[0], left if answer == "fill" else min(left, Decimal("0.001")))
        elif open_children and answer != "trade":
            drive.course.child_ended(open_children[0], refused=answer == "refuse")
