"""The conformance suite, broken venues: an order is at the venue once at most, and told as it is there.

Each fault strikes before the venue does what was asked, or after.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.conformance.outside_harness import FAULTS, OutsideHarness

D = Decimal
EACH = pytest.mark.parametrize("fault", [pytest.param(fault, id=fault, marks=pytest.mark.needs(fault)) for fault in FAULTS])


def broken(harness: OutsideHarness, request: str, fault: str, *, after: bool) -> None:
    harness.expect_faults()
    harness.break_next(request, fault, after=after)


# a new order


@pytest.mark.needs("faults")
@EACH
def test_c30_an_order_whose_answer_is_lost_after_the_venue_took_it_is_found_and_told_as_filled(
    harness: OutsideHarness, fault: str
) -> None:
    broken(harness, "create", fault, after=True)
    order_id = str(harness.submit(harness.made.request("BUY")).client_order_id)
    response = harness.ask_until(order_id, "FILLED", "CANCELLED", "REJECTED")
    assert (response.status, response.filled_quantity) == ("FILLED", D(harness.first.quantity))
    assert harness.struck() == 1
    assert harness.posts(order_id) == 1
    assert bool(harness.lines("unknown")) or fault != "no answer"


@pytest.mark.needs("faults")
@EACH
def test_c31_an_order_that_the_venue_never_took_ends_cancelled_and_is_sent_again_only_where_it_said_so(
    harness: OutsideHarness, fault: str
) -> None:
    again = harness.may_resend = fault in harness.turned_away
    broken(harness, "create", fault, after=False)
    order_id = str(harness.submit(harness.made.request("BUY")).client_order_id)
    response = harness.ask_until(order_id, "FILLED", "CANCELLED", "REJECTED")
    assert response.status == ("FILLED" if again else "CANCELLED")
    assert harness.struck() == 1
    assert harness.posts(order_id) == 1 + again
    assert bool(harness.lines("unknown")) is not again
    assert len(harness.venue_ids()) == again


# a cancel


@pytest.mark.needs("faults", "limit", "cancel")
@EACH
def test_c32_a_cancel_whose_answer_is_lost_ends_as_the_venue_says(harness: OutsideHarness, fault: str) -> None:
    for number, after in enumerate((False, True), start=1):
        harness.mend()
        harness.advance(1_100 * (number - 1) * (fault == "too many requests"))  # the pause that the venue asks for
        order_id = harness.rest()
        broken(harness, "cancel", fault, after=after)
        assert harness.cancel(order_id).status == "CANCELLED"
        assert harness.struck() == len(harness.lines("cancel")) == number
        assert harness.venue_orders(harness.first.venue) == []


# what the venue tells


@pytest.mark.needs("faults", "limit")
def test_c33_fills_made_while_the_line_is_cut_are_told_once_when_it_is_back(harness: OutsideHarness) -> None:
    first, order_id = harness.first, harness.rest()
    harness.expect_faults()
    harness.cut_line()
    harness.move(first, *first.crossed, size=first.thin)
    harness.move(first, *first.crossed)
    harness.mend()
    response = harness.ask_until(order_id, "FILLED")
    assert (response.status, response.average_price) == ("FILLED", D(first.rests))
    assert {D(fill["quantity"]) for fill in harness.lines("fill")} == {D(first.thin), D(first.quantity) - D(first.thin)}


@pytest.mark.needs("faults", "limit")
def test_c34_what_the_venue_tells_twice_is_told_once(harness: OutsideHarness) -> None:
    first = harness.first
    harness.repeat_all()
    order_id = harness.rest()
    harness.move(first, *first.crossed, size=first.thin)
    harness.move(first, *first.crossed)
    assert harness.ask_until(order_id, "FILLED").status == "FILLED"
    assert len(harness.lines("fill")) == 2


@pytest.mark.needs("faults", "reordering", "limit")
def test_c35_what_the_venue_tells_last_first_is_told_whole(harness: OutsideHarness) -> None:
    first, order_id = harness.first, harness.rest()
    harness.hold_back()
    harness.move(first, *first.crossed, size=first.thin)
    harness.move(first, *first.crossed)
    harness.tell_last_first()
    assert harness.ask_until(order_id, "FILLED").status == "FILLED"
    assert len(harness.lines("fill")) == 2


@pytest.mark.needs("faults", "silence", "limit")
def test_c36_a_fill_that_a_silent_stream_does_not_tell_is_found(harness: OutsideHarness) -> None:
    first, order_id = harness.first, harness.rest()
    harness.expect_faults()
    harness.fall_silent()
    harness.move(first, *first.crossed)
    assert harness.ask_until(order_id, "FILLED").status == "FILLED"


@pytest.mark.needs("faults", "limit")
def test_c37_a_venue_that_restarts_has_the_order_still_and_it_is_not_sent_again(harness: OutsideHarness) -> None:
    first, order_id = harness.first, harness.rest()
    harness.expect_faults()
    harness.restart_venue()
    harness.until_told(harness.line_lost)
    assert harness.adapter().ask(order_id).status == "OPEN"
    harness.move(first, *first.crossed)
    assert harness.ask_until(order_id, "FILLED").status == "FILLED"
    assert harness.posts(order_id) == 1
