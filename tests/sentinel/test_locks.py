"""What nothing may be sent of: a locked instrument, and one of which an order is unknown; others go on."""

from __future__ import annotations

import pytest

from orders.plan import Outcome
from sentinel.locks import RECONCILIATION_BREAK, UNKNOWN_OUTCOME, Locks

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
