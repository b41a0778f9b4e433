"""What the lines of a live log mean for its twin, one order at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lakehouse import records
from sim.twin.live_orders import Happened, LiveOrders
from tests.report.made import SHA, START_NS, Log

KEY = "1" * 32
MS = 1_000_000


class Told:
    """A log of one order, and what was told of it."""

    def __init__(self) -> None:
        self.log, self.live = Log(kind="live"), LiveOrders()
        self.happened: list[Happened] = []
        self._read = 0

    def say(self, line: Any, **fields: Any) -> None:
        self.log.say(line, **fields)

    def read(self) -> list[Happened]:
        for line in self.log.lines[self._read :]:
            found = self.live.apply(line)
            if found is not None:
                self.happened.append(found[0])
        self._read = len(self.log.lines)
        return self.happened

    def send(self, action: str = "submit") -> None:
        self.say(records.Send, client_order_id=KEY, symbol="NYSE:GE", venue="US", account="US-1", action=action, quantity="10")

    def ack(self) -> None:
        self.say(records.Ack, client_order_id=KEY, venue_order_id="V", venue="US", account="US-1", event_ns=START_NS)

    def cancelled(self, cause: str = "cancelled", key: str = KEY) -> None:
        self.say(records.CancelLine, client_order_id=key, venue="US", cause=cause, filled_quantity="0")


def test_an_order_is_told_when_it_is_sent_and_when_it_is_filled() -> None:
    told = Told()
    told.log.intent(KEY)
    assert told.read() == [], "an intent alone was sent nowhere"
    told.send()
    told.log.fill(KEY, quantity="4", filled_quantity="4", price="101", stages_ms=(0, 0, 0, 0, 0, 0, 0, 30))
    assert told.read() == [Happened.SENT]
    told.log.fill(KEY, quantity="6", filled_quantity="10", price="102", stages_ms=(0, 0, 0, 0, 0, 0, 0, 50))
    assert told.read() == [Happened.SENT, Happened.ENDED]
    order = told.live.working[KEY]
    assert (order.end.outcome, order.end.filled, order.end.average_price) == ("filled", Decimal(10), Decimal("101.6"))
    assert (order.end.first_fill_ns, order.end.last_fill_ns) == (START_NS + 30 * MS, START_NS + 50 * MS)
    assert (order.code, order.ended_line) == ("", len(told.log.lines))


def test_a_cancel_that_was_asked_for_is_told_once() -> None:
    told = Told()
    told.log.intent(KEY)
    told.send()
    told.ack()
    told.send("cancel")
    told.send("cancel")
    told.cancelled()
    assert told.read() == [Happened.SENT, Happened.CANCEL, Happened.ENDED]
    assert (told.live.working[KEY].end.outcome, told.live.working[KEY].code) == ("cancelled", "")


@pytest.mark.parametrize(
    ("before", "what", "code", "outcome"),
    [
        (False, {"by": "venue", "code": "REJECTED"}, "LIVE_REJECTED", "rejected"),
        (False, {"by": "sentinel", "code": "REJECTED"}, "LIVE_NOT_SENT", "denied"),
    ],
    ids=["by the venue", "by the second lock after the send line"],
)
def test_a_refusal_after_the_send_line_says_by_whom(before: bool, what: dict[str, str], code: str, outcome: str) -> None:
    told = Told()
    told.log.intent(KEY)
    told.send()
    told.say(records.Reject, client_order_id=KEY, symbol="NYSE:GE", message="no", **what)
    assert told.read() == [Happened.SENT, Happened.ENDED]
    assert (told.live.working[KEY].code, told.live.working[KEY].end.outcome) == (code, outcome)


@pytest.mark.parametrize(
    "refusal",
    [
        lambda told: told.say(
            records.VerdictLine,
            client_order_id=KEY,
            symbol="NYSE:GE",
            outcome="DENY",
            code="HALT",
            verdicts=[],
            limits_sha256=SHA,
        ),
        lambda told: told.say(
            records.Reject, client_order_id=KEY, symbol="NYSE:GE", by="risk_engine", code="DENIED", message="no"
        ),
        lambda told: told.cancelled("never_sent"),
    ],
    ids=["denied at the gate", "denied by the risk engine", "given up before it was sent"],
)
def test_what_was_never_sent_is_told_to_nobody(refusal: Any) -> None:
    told = Told()
    told.log.intent(KEY)
    refusal(told)
    assert told.read() == []
    assert not told.live.working


@pytest.mark.parametrize(("answered", "code"), [(False, "LIVE_LOST"), (True, "")], ids=["never there", "found, then cancelled"])
def test_an_unknown_order_that_was_never_there_is_not_one_that_was_cancelled(answered: bool, code: str) -> None:
    told = Told()
    told.log.intent(KEY)
    told.send()
    told.say(records.UnknownOutcome, client_order_id=KEY, venue="US", message="no answer")
    if answered:
        told.ack()
    told.cancelled()
    assert told.read() == [Happened.SENT, Happened.ENDED]
    order = told.live.working[KEY]
    assert (order.unknown, order.code) == (True, code)


def test_a_fill_that_comes_after_the_cancel_counts_and_ends_nothing_twice() -> None:
    told = Told()
    told.log.intent(KEY)
    told.send()
    told.ack()
    told.cancelled()
    told.log.fill(KEY, quantity="4", filled_quantity="4")
    assert told.read() == [Happened.SENT, Happened.ENDED]
    assert (told.live.working[KEY].end.filled, told.live.working[KEY].end.outcome) == (Decimal(4), "cancelled")


def test_a_parent_is_no_order_its_children_are_and_its_end_is_told() -> None:
    told, child = Told(), "2" * 32
    told.log.intent(KEY, schedule="slow")
    told.log.intent(child, schedule="slow", parent_client_order_id=KEY, child=1)
    told.say(records.Send, client_order_id=child, symbol="NYSE:GE", venue="US", account="US-1", action="submit", quantity="10")
    told.cancelled("schedule_ended")
    assert told.read() == [Happened.SENT, Happened.PARENT_ENDED]
    assert list(told.live.working) == [child]
    parent = told.live.working[child].parent
    assert parent is not None
    assert parent.client_order_id == KEY


def test_a_run_that_stops_and_one_that_begins_are_known() -> None:
    told = Told()
    told.say(records.RunStop, cause="SIGTERM", open_orders=0)
    told.read()
    assert not told.live.running
    told.log.lines.append(told.log.lines[0].__class__(**{
        name: getattr(told.log.lines[0], name) for name in told.log.lines[0].__struct_fields__
    } | {"run_id": "run-2", "seq": 3}))  # fmt: skip
    told.read()
    assert told.live.running
    assert told.live.run is not None
    assert told.live.run.run_id == "run-2"
