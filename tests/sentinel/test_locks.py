"""What nothing may be sent of: a locked instrument, and one of which an order is unknown; others go on."""

from __future__ import annotations

import pytest

from orders.plan import Outcome
from orders.reconcile import Difference
from sentinel.locks import RECONCILIATION_BREAK, UNKNOWN_OUTCOME, Locks, locked_instruments
from tests.planner.world import D, listing

HERE, THERE, ELSEWHERE = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "AAPL.IBKR"


def codes(locks: Locks, instrument_id: str) -> list[str]:
    """The controls that deny; both of them always answer."""
    verdicts = locks.ask(instrument_id)
    assert [verdict.control for verdict in verdicts] == [RECONCILIATION_BREAK, UNKNOWN_OUTCOME]
    return [verdict.control for verdict in verdicts if verdict.outcome is Outcome.DENY]


def test_a_lock_holds_its_instrument_until_the_next_comparison_of_its_venue() -> None:
    locks = Locks()
    locks.lock("BINANCE", {HERE: "parted"})
    locks.lock("IBKR", {ELSEWHERE: "parted too"})
    assert [codes(locks, each) for each in (HERE, THERE, ELSEWHERE)] == [[RECONCILIATION_BREAK], [], [RECONCILIATION_BREAK]]
    locks.lock("BINANCE", {THERE: "parted"})
    assert [codes(locks, each) for each in (HERE, THERE, ELSEWHERE)] == [[], [RECONCILIATION_BREAK], [RECONCILIATION_BREAK]]
    locks.lock("BINANCE", {})
    assert [codes(locks, each) for each in (HERE, THERE, ELSEWHERE)] == [[], [], [RECONCILIATION_BREAK]]


def test_an_unknown_order_keeps_its_symbol_until_the_last_one_is_known() -> None:
    locks = Locks()
    locks.unknown("one", HERE)
    locks.unknown("two", HERE)
    locks.known("one")
    locks.known("a stranger")
    assert (codes(locks, HERE), codes(locks, THERE)) == ([UNKNOWN_OUTCOME], [])
    locks.known("two")
    assert codes(locks, HERE) == []


def test_five_unknown_orders_are_told_as_three_and_two_more() -> None:
    locks = Locks()
    for name in "edcba":
        locks.unknown(name, HERE)
    _, verdict = locks.ask(HERE)
    assert verdict.observed == "a, b, c and 2 more unanswered"


@pytest.mark.parametrize(
    ("order_id", "where", "code"),
    [("own", HERE, ""), ("other", HERE, UNKNOWN_OUTCOME), ("other", THERE, RECONCILIATION_BREAK), ("other", ELSEWHERE, "")],
    ids=["the unknown order itself", "another of its symbol", "of a locked symbol", "of a third symbol"],
)
def test_what_waits_to_be_sent_is_kept_back_like_what_comes_to_the_gate(order_id: str, where: str, code: str) -> None:
    locks = Locks()
    locks.unknown("own", HERE)
    locks.lock("BINANCE", {THERE: "parted"})
    assert locks.refusal(order_id, where) == code


def difference(code: str) -> Difference:
    return Difference(code=code, expected=D("1"), found=D("2"), tolerance=D("0"))


LISTED = {
    "A": listing("X:A", base="AAA"), "B": listing("X:B", base="BBB"), "A2": listing("X:A2", base="AAA"),
    "S": listing("X:S"), "E": listing("X:E", venue="EU", base="AAA"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("parted", "locked"),
    [
        ([], []),
        (["AAA"], ["A.US", "A2.US"]),
        (["BBB"], ["B.US"]),
        (["X:S"], ["S.US"]),
        (["USD"], ["A.US", "A2.US", "B.US", "S.US"]),
        (["AAA", "BBB"], ["A.US", "A2.US", "B.US", "S.US"]),
        (["BBB", "USD"], ["A.US", "A2.US", "B.US", "S.US"]),
    ],
    ids=["nothing", "an asset locks what holds it", "another", "a share", "cash locks the venue", "two assets too", "and cash"],
)
def test_what_parts_locks_its_instrument_and_more_of_it_the_venue(parted: list[str], locked: list[str]) -> None:
    found = locked_instruments([difference(code) for code in parted], venue="US", listings=LISTED)
    assert sorted(found) == locked
    assert all(code in why for why in found.values() for code in (parted if len(locked) == 4 else parted[:1]))


def test_one_asset_locks_what_is_traded_in_it_where_nothing_else_is_traded() -> None:
    found = locked_instruments([difference("AAA")], venue="EU", listings=LISTED)
    assert found == {"E.EU": difference("AAA").words}


def test_three_unknown_orders_are_named_and_a_fourth_is_counted() -> None:
    locks = Locks()
    for name in "cba":
        locks.unknown(name, HERE)
    assert locks.ask(HERE)[1].observed == "a, b, c unanswered"
    locks.unknown("d", HERE)
    assert locks.ask(HERE)[1].observed == "a, b, c and 1 more unanswered"


def test_an_unknown_order_of_the_symbol_keeps_others_back_though_another_symbol_has_one_too() -> None:
    locks = Locks()
    assert locks.refusal("own", HERE) == ""
    locks.unknown("else", ELSEWHERE)
    assert locks.refusal("own", HERE) == ""
    locks.unknown("other", HERE)
    assert locks.refusal("own", HERE) == UNKNOWN_OUTCOME
