"""What is armed, order by order: at the limit, above, missing, stale, NaN or zero; over midnight, restarts, a clock set back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.exact import exact_operators
from orders.plan import Approval, Outcome, Verdict
from orders.values import OrderKind, Quote
from sentinel.armed import ARMED_NOTIONAL, ARMING_EXPIRED, Armed, Permit
from sentinel.order_check import OrderFacts
from sentinel.rates import DAY_NS
from tests.planner.world import AGE_MAX, D, quote
from tests.sentinel.cases import BUY, SELL, changed, judged, limits

SELLS, BUYS = judged().approvals  # sells 20, buys 40, each unit worth 10 in base currency at bid and ask
DAY = 20_000
NOON = DAY * DAY_NS + DAY_NS // 2
PERMIT = Permit(venue="US", day_notional_max_base=D("400"), not_before_ns=NOON - DAY_NS // 4, expires_ns=NOON + DAY_NS // 4)


def at(name: str, price: str, now_ns: int = NOON) -> Quote:
    return changed(quote(name, price), ts_ns=now_ns)


def order(approval: Approval = BUYS, *, name: str = "", units: str | None = None, limit: str | None = None) -> OrderFacts:
    return OrderFacts(
        client_order_id=name or approval.client_order_id, instrument_id=approval.instrument_id, side=approval.side,
        quantity=approval.quantity if units is None else D(units), order_kind=OrderKind.LIMIT if limit else OrderKind.MARKET,
        limit_price=None if limit is None else D(limit), reduce_only=False,
    )  # fmt: skip


def armed(**change: Any) -> Armed:
    return Armed([changed(PERMIT, **change)], limits=limits())


def asked(known: Armed, wanted: OrderFacts | None = None, *, now_ns: int = NOON, **given: Any) -> tuple[Verdict, ...]:
    approval = changed(given.get("approval", BUYS), **({"unit_value_base": given["unit"]} if "unit" in given else {}))
    seen = given.get("seen", at(approval.symbol, "10", now_ns))
    with exact_operators():
        return known.ask(wanted or order(approval), approval, quote=seen, now_ns=now_ns)


def denied(verdicts: tuple[Verdict, ...]) -> list[str]:
    assert [verdict.control for verdict in verdicts] == [ARMED_NOTIONAL, ARMING_EXPIRED]
    return [verdict.control for verdict in verdicts if verdict.outcome is not Outcome.ALLOW]


def passes(known: Armed, wanted: OrderFacts, *, now_ns: int = NOON) -> bool:
    if denied(asked(known, wanted, now_ns=now_ns)):
        return False
    with exact_operators():
        known.passed(wanted.client_order_id)
    return True


CASES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    # what, how the arming differs, what is asked, denials
    ("at the limit", {}, {}, []),
    ("a unit of price above the limit", {}, {"seen": at(BUY, "10.01")}, [ARMED_NOTIONAL]),
    ("the least amount above the limit", {"day_notional_max_base": D("399.99999999")}, {}, [ARMED_NOTIONAL]),
    ("no price", {}, {"seen": None}, [ARMED_NOTIONAL]),
    ("a price of its greatest age", {}, {"seen": at(BUY, "10", NOON - AGE_MAX)}, []),
    ("a price stale by 1 ns", {}, {"seen": at(BUY, "10", NOON - AGE_MAX - 1)}, [ARMED_NOTIONAL]),
    ("a price from the future", {}, {"seen": at(BUY, "10", NOON + 1)}, [ARMED_NOTIONAL]),
    ("a price of zero", {}, {"seen": at(BUY, "0")}, [ARMED_NOTIONAL]),
    ("a price that is no number", {}, {"seen": at(BUY, "NaN")}, [ARMED_NOTIONAL]),
    ("a crossed book", {}, {"seen": changed(at(BUY, "10"), bid=D("11"))}, [ARMED_NOTIONAL]),
    ("a unit value that is no number", {}, {"unit": D("NaN")}, [ARMED_NOTIONAL]),
    ("a unit value of zero", {}, {"unit": D("0")}, [ARMED_NOTIONAL]),
    ("a quantity that is no number", {}, {"wanted": order(units="NaN")}, [ARMED_NOTIONAL]),
    ("an infinite quantity", {}, {"wanted": order(units="Infinity")}, [ARMED_NOTIONAL]),
    ("an amount that is no number", {"day_notional_max_base": D("NaN")}, {}, [ARMED_NOTIONAL]),
    ("a buy at its limit price, whatever the touch", {}, {"wanted": order(limit="10"), "seen": None}, []),
    ("a buy whose limit price is too much", {}, {"wanted": order(limit="10.01")}, [ARMED_NOTIONAL]),
    ("a buy whose limit price is no number", {}, {"wanted": order(limit="NaN")}, [ARMED_NOTIONAL]),
    ("a sell is worth the bid above its price", {"day_notional_max_base": D("199")},
     {"wanted": order(SELLS, limit="9"), "approval": SELLS}, [ARMED_NOTIONAL]),
    ("a sell is worth its price above the bid", {"day_notional_max_base": D("219")},
     {"wanted": order(SELLS, limit="11"), "approval": SELLS}, [ARMED_NOTIONAL]),
    ("a sell without a bid", {}, {"wanted": order(SELLS, limit="9"), "approval": SELLS, "seen": None}, [ARMED_NOTIONAL]),
    ("the last instant", {"expires_ns": NOON + 1}, {}, []),
    ("the instant it expires", {"expires_ns": NOON}, {}, [ARMING_EXPIRED]),
    ("a sell that reduces, expired", {"expires_ns": NOON}, {"approval": SELLS, "wanted": order(SELLS)}, [ARMING_EXPIRED]),
    ("the first instant", {"not_before_ns": NOON}, {}, []),
    ("too early by 1 ns", {"not_before_ns": NOON + 1}, {}, [ARMING_EXPIRED]),
    ("another venue's arming", {"venue": "BINANCE"}, {}, [ARMED_NOTIONAL, ARMING_EXPIRED]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "question", "denials"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_order_is_held_against_what_is_armed(change: dict[str, Any], question: dict[str, Any], denials: list[str]) -> None:
    verdicts = asked(armed(**change), **question)
    assert denied(verdicts) == denials
    assert all(verdict.observed and verdict.limit and verdict.line == 0 for verdict in verdicts)


def test_a_denial_says_what_it_would_come_to_and_what_was_sent() -> None:
    known = armed()
    assert passes(known, order(name="one", units="10"))
    assert asked(known, order(name="two", units="31"))[0].observed == "410, with 100 sent today"
    assert asked(known, order(name="two"), seen=None)[0].observed == "missing price, quantity or amount"
    known.restore("US", day=DAY, sent_base=None)
    assert asked(known, order(name="two"))[0].observed == "not known how much was sent today"


def test_what_passed_counts_whatever_becomes_of_it_and_the_day_after_begins_anew() -> None:
    known = armed(expires_ns=NOON + DAY_NS)
    assert passes(known, order(name="first", units="25"))
    assert not passes(known, order(name="second", units="15.1"))
    assert passes(known, order(name="third", units="15"))
    assert not passes(known, order(name="fourth", units="0.1"), now_ns=(DAY + 1) * DAY_NS - 1)
    assert passes(known, order(name="fifth"), now_ns=(DAY + 1) * DAY_NS)


def test_a_clock_set_back_gives_no_day_back_and_revives_nothing() -> None:
    known = armed(expires_ns=NOON + DAY_NS)
    assert passes(known, order(), now_ns=(DAY + 1) * DAY_NS)
    assert denied(asked(known, order(units="0.1"), now_ns=NOON)) == [ARMED_NOTIONAL]
    expired = armed(expires_ns=NOON)
    assert denied(asked(expired, now_ns=NOON)) == [ARMING_EXPIRED]
    assert denied(asked(expired, now_ns=NOON - 1)) == [ARMING_EXPIRED]
    assert expired.refusal("US", NOON - 1) == ARMING_EXPIRED


def test_an_order_that_waited_until_the_arming_expired_is_kept_back() -> None:
    known = armed()
    assert [known.refusal("US", PERMIT.expires_ns - 1), known.refusal("US", PERMIT.expires_ns)] == ["", ARMING_EXPIRED]
    assert known.refusal("BINANCE", NOON) == ARMING_EXPIRED


def test_an_order_of_a_refused_list_gives_back_what_it_took() -> None:
    known = armed()
    assert passes(known, order(name="one"))
    known.undo("one")
    known.undo("a stranger")
    assert passes(known, order(name="two"))


def test_a_send_line_is_told_its_amount_and_day_once() -> None:
    known = armed()
    assert passes(known, order(name="one", units="20"))
    taken = known.sent("one")
    assert taken is not None
    assert (taken.venue, taken.day, taken.value_base) == ("US", DAY, D("200"))
    assert known.sent("one") is None


def test_what_cannot_be_known_of_today_denies_until_tomorrow() -> None:
    known = armed(expires_ns=NOON + DAY_NS)
    known.restore("US", day=DAY, sent_base=None)
    assert denied(asked(known)) == [ARMED_NOTIONAL]
    assert denied(asked(known, now_ns=(DAY + 1) * DAY_NS)) == []


def test_an_order_that_was_not_asked_for_cannot_be_counted() -> None:
    known = armed()
    with pytest.raises(AssertionError):
        known.passed("never asked")
    asked(known)
    with pytest.raises(AssertionError):
        known.passed("another")
    assert passes(known, order(name="one", units="1"))
    with pytest.raises(AssertionError):
        known.passed("one")
    asked(known, order(name="two", units="1"))
    asked(known, order(name="three"), seen=None)
    with pytest.raises(AssertionError):
        known.passed("two")


def test_what_passed_before_midnight_is_not_given_back_after_it() -> None:
    known = armed(expires_ns=NOON + DAY_NS)
    assert passes(known, order(name="one", units="30"))
    assert passes(known, order(name="two", units="30"), now_ns=(DAY + 1) * DAY_NS)
    known.undo("one")
    assert known.rooms((DAY + 1) * DAY_NS)["US"].sent_base == D("300")


Step = tuple[str, int, str]
STEPS = st.lists(
    st.tuples(st.sampled_from(("send", "list", "restart", "wait", "back")), st.integers(1, 40), st.sampled_from((BUY, SELL))),
    max_size=60,
)


@given(steps=STEPS)
def test_no_sequence_of_orders_restarts_and_clocks_sends_more_than_was_armed(steps: list[Step]) -> None:
    """The truth is a list of what was let go, by the day it was let go on; a restart knows what was sent and nothing else."""
    now, known = NOON, armed(expires_ns=NOON + 40 * DAY_NS)
    by_day: dict[int, Decimal] = {}
    day = DAY
    for number, (what, units, symbol) in enumerate(steps):
        approval = BUYS if symbol == BUY else SELLS
        wanted = order(approval, name=str(number), units=str(units))
        if what == "wait":
            now += units * DAY_NS // 10
        elif what == "back":
            now -= units * DAY_NS // 20
        elif what == "restart":
            known = armed(expires_ns=NOON + 40 * DAY_NS)
            known.restore("US", day=day, sent_base=by_day.get(day, D("0")))
        elif not denied(asked(known, wanted, approval=approval, now_ns=now)):
            with exact_operators():
                known.passed(wanted.client_order_id)
            if what == "list":
                known.undo(wanted.client_order_id)
            else:
                taken = known.sent(wanted.client_order_id)
                assert taken is not None
                day = max(day, taken.day)
                by_day[taken.day] = by_day.get(taken.day, D("0")) + 10 * D(units)
    assert all(total <= PERMIT.day_notional_max_base for total in by_day.values())
