"""What a twin's own log says of the orders an earlier process of it left: which side is whole, which was spoilt."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from lakehouse import records
from sim.twin.own_orders import INTERRUPTED, LIVE_ENDED, QUOTES_STALE, Before, OwnOrders
from tests.report.made import START_NS, Log
from tests.twin.made import twin_line

KEY = "1" * 32
DUE_NS = START_NS + 40_000_000
LATE_NS = 3_000_000


class Twin:
    """A twin's log of one order of ten units, line by line."""

    def __init__(self) -> None:
        self.log = Log(kind="twin")
        self.log.intent(KEY)

    def came(self) -> None:
        self.log.say(records.Received, client_order_id=KEY, venue="US", due_ns=DUE_NS)
        self.log.say(records.Ack, client_order_id=KEY, venue_order_id="S", venue="US", account="US-1", event_ns=DUE_NS + LATE_NS)

    def filled(self, quantity: str = "10") -> None:
        self.log.fill(KEY, quantity=quantity, order_quantity="10")

    def cancelled(self, cause: str) -> None:
        self.log.say(records.CancelLine, client_order_id=KEY, venue="US", cause=cause, filled_quantity="0")

    def alarm(self, code: str = QUOTES_STALE) -> None:
        self.log.say(records.Alarm, code=code, message="made")

    def begins(self) -> None:
        """Another process of the twin."""
        self.log.lines.append(msgspec.structs.replace(self.log.lines[0], seq=len(self.log.lines) + 1, run_id="run-2"))

    def read(self) -> OwnOrders:
        found = OwnOrders()
        for line in self.log.lines:
            found.apply(line)
        return found

    @property
    def before(self) -> Before:
        return self.read().before[KEY]


STORIES: dict[str, tuple[list[Callable[[Twin], Any]], bool]] = {
    "filled on good quotes": ([Twin.came, Twin.filled], True),
    "filled in two": ([Twin.came, lambda twin: twin.filled("4"), lambda twin: twin.filled("6")], True),
    "filled, and the twin was started anew": ([Twin.came, Twin.filled, Twin.begins], True),
    "filled, and quotes went stale later": ([Twin.came, Twin.filled, Twin.alarm], True),
    "cancelled as the live one was": ([Twin.came, lambda twin: twin.cancelled("canceled")], True),
    "expired": ([Twin.came, lambda twin: twin.cancelled("expired")], True),
    "another alarm meanwhile": ([Twin.came, lambda twin: twin.alarm("STREAM_STALE"), Twin.filled], True),
    "it never came to the simulated venue": ([], False),
    "it worked there": ([Twin.came], False),
    "it was filled in part": ([Twin.came, lambda twin: twin.filled("4")], False),
    "quotes were stale while it worked": ([Twin.came, Twin.alarm, Twin.filled], False),
    "the twin was started anew while it worked": ([Twin.came, Twin.begins], False),
    "and was withdrawn": ([Twin.came, Twin.begins, lambda twin: twin.cancelled(INTERRUPTED)], False),
    "it was asked to go because the live one had ended": ([Twin.came, lambda twin: twin.cancelled(LIVE_ENDED)], False),
    "nobody knows how late it came": ([Twin.filled], False),
}


@pytest.mark.parametrize(("story", "whole"), STORIES.values(), ids=STORIES)
def test_this_side_of_a_comparison_is_whole_where_nothing_is_missing_and_nothing_spoilt_it(
    story: list[Callable[[Twin], Any]], whole: bool
) -> None:
    twin = Twin()
    for step in story:
        step(twin)
    assert twin.before.whole is whole


@pytest.mark.parametrize("by", ["venue", "sentinel"])
def test_what_was_refused_here_is_no_side_of_a_comparison(by: str) -> None:
    twin = Twin()
    twin.came()
    twin.log.say(records.Reject, client_order_id=KEY, symbol="NYSE:GE", by=by, code="REJECTED", message="made")
    assert (twin.before.end.outcome, twin.before.whole) == ("rejected" if by == "venue" else "denied", False)


def test_how_late_it_came_is_known_again_and_never_below_nothing() -> None:
    twin = Twin()
    twin.came()
    assert twin.before.late_ns == LATE_NS
    twin.log.say(records.Received, client_order_id=KEY, venue="US", due_ns=DUE_NS + 2 * LATE_NS)
    twin.log.say(records.Ack, client_order_id=KEY, venue_order_id="S", venue="US", account="US-1", event_ns=DUE_NS + LATE_NS)
    assert twin.before.late_ns == 0


def test_how_far_each_order_came_and_which_were_told() -> None:
    twin = Twin()
    twin.came()
    assert twin.before.end.outcome == ""
    twin.filled()
    assert (twin.before.end.outcome, twin.before.end.filled) == ("filled", Decimal(10))
    assert (twin.read().told, twin.read().known) == (set(), {KEY})
    twin.log.lines.append(twin_line(KEY, seq=len(twin.log.lines) + 1))
    assert (twin.read().told, twin.read().before) == ({KEY}, {})
