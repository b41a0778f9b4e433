"""What an order is worth to an arming: price, unit value and quantity each count, exactly, and what was sent adds up exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orders.exact import exact_operators
from orders.plan import Outcome
from orders.values import Side
from sentinel.armed import Permit, Room, notional_verdict, worth_base
from sentinel.armed_lines import armed_notional, arming_expired
from tests.planner.world import NOW, D
from tests.sentinel.cases import BUY, SELL, changed, made_plan
from tests.sentinel.gate_stand import limited
from tests.sentinel.test_armed import BUYS, DAY, DAY_NS, NOON, SELLS, armed, asked, at, denied, order, passes

PERMIT = Permit(venue="US", day_notional_max_base=D("600"), not_before_ns=NOW, expires_ns=NOW + 1)
ROOM = {"US": Room(permit=PERMIT, sent_base=D("0"), expired="")}
SELLING, BUYING = made_plan().lines  # sells 20 of 40 at 10, buys 40 at 10


@pytest.mark.parametrize(
    ("quantity", "price", "unit", "worth"),
    [
        ("3", "2", "0.5", "3"),
        ("0.5", "0.25", "1", "0.125"),
        ("1", "0.0000000000001", "1", "0.000000000001"),
        ("1", "1.0000000000001", "1", "1.000000000001"),
        ("12345678901234567890", "1.000000000001", "1", "12345678901246913568.901234567890"),
        ("0", "1", "1", None), ("-1", "1", "1", None), ("1", "0", "1", None), ("1", "-1", "1", None), ("1", "1", "0", None),
        ("1", "1", "-1", None), ("-1", "-1", "1", None), ("NaN", "1", "1", None), ("1", "Infinity", "1", None),
        ("1", "1", "NaN", None), ("1", None, "1", None), ("1", "1", None, None),
    ],
)  # fmt: skip
def test_a_worth_is_quantity_by_price_by_unit_rounded_up_to_twelve_places(
    quantity: str, price: str | None, unit: str | None, worth: str | None
) -> None:
    found = worth_base(D(quantity), price=None if price is None else D(price), unit=None if unit is None else D(unit))
    assert found == (None if worth is None else D(worth))
    assert found is None or found.as_tuple().exponent >= -12  # type: ignore[operator]  # a finite number's


def test_a_worth_is_written_as_its_factors_have_it_where_nothing_is_rounded() -> None:
    assert str(worth_base(D("2"), price=D("1.5"), unit=D("1"))) == "3.0"


@pytest.mark.parametrize("sent", ["NaN", "Infinity"])
def test_a_sum_sent_that_is_no_number_denies(sent: str) -> None:
    assert notional_verdict(PERMIT, sent=D(sent), value=D("1")).outcome is Outcome.DENY


def test_what_was_sent_adds_up_to_the_last_digit_outside_of_any_context() -> None:
    most = D("100000000000000000000")  # 10^20 and 12 places: 33 digits
    permit = changed(PERMIT, day_notional_max_base=most)
    assert notional_verdict(permit, sent=most, value=D("0.000000000001")).outcome is Outcome.DENY
    known = armed(day_notional_max_base=most)
    known.restore("US", day=DAY, sent_base=most - 1)
    asked(known, order(units="0.0000000000001"), seen=at(BUY, "1"))
    known.passed(BUYS.client_order_id)
    assert known.rooms(NOON)["US"].sent_base == D("99999999999999999999.000000000001")
    rooms = {"US": Room(permit=permit, sent_base=most - 400, expired="")}
    more = changed(BUYING, line=9, quantity=D("0.000000000001"), bid=D("1"), ask=D("1"))
    assert [verdict.line for verdict in armed_notional([BUYING, more], rooms=rooms)] == [9]
    hair = D("0.000000000001")
    permit = changed(PERMIT, day_notional_max_base=D("100000000000000000000.000000000001"))
    rooms = {"US": Room(permit=permit, sent_base=hair, expired="")}
    whole = changed(BUYING, quantity=most / 10)
    assert [verdict.line for verdict in armed_notional([whole, more], rooms=rooms)] == [9]


@pytest.mark.parametrize(
    ("approval", "limit", "bid", "ask", "worth"),
    [
        (BUYS, None, "9", "11", "440"),
        (BUYS, "12", "9", "11", "480"),
        (SELLS, None, "9", "11", "180"),
        (SELLS, "8", "9", "11", "180"),
        (SELLS, "10", "9", "11", "200"),
        (SELLS, "Infinity", "9", "11", None),
    ],
    ids=["buy at market", "buy at its limit", "sell at market", "sell below the bid", "sell above the bid", "no number"],
)  # fmt: skip
def test_an_order_is_priced_at_the_far_touch_or_where_its_limit_may_trade(
    approval, limit: str | None, bid: str, ask: str, worth: str | None
) -> None:
    known = armed(day_notional_max_base=D("10000"))
    quote = changed(at(approval.symbol, bid), ask=D(ask))
    verdicts = asked(known, order(approval, name="one", limit=limit), approval=approval, seen=quote)
    assert denied(verdicts) == ([] if worth else ["ARMED_NOTIONAL"])
    if worth:
        known.passed("one")
        taken = known.sent("one")
        assert taken is not None
        assert taken.value_base == D(worth)


def test_a_plan_is_judged_with_what_is_left_of_today() -> None:
    known = armed()
    assert passes(known, order(name="one", units="15"))
    room = known.rooms(NOON)["US"]
    assert (room.permit.venue, room.sent_base, room.expired) == ("US", D("150"), "")
    assert known.rooms(NOON + DAY_NS)["US"].sent_base == 0
    assert known.rooms(NOON + DAY_NS)["US"].expired


@pytest.mark.parametrize("venue", [None, "BINANCE"], ids=["no venue", "another venue"])
def test_a_line_of_a_venue_that_nobody_armed_is_denied_and_the_next_is_judged(venue: str | None) -> None:
    lines = [changed(SELLING, venue=venue), changed(BUYING, quantity=D("61"))]
    assert [(one.line, one.outcome) for one in armed_notional(lines, rooms=ROOM)] == [
        (SELLING.line, Outcome.DENY), (BUYING.line, Outcome.DENY)
    ]  # fmt: skip
    (expired,) = arming_expired(lines, rooms=ROOM)
    assert (expired.line, expired.outcome) == (SELLING.line, Outcome.DENY)
    rooms = {"": ROOM["US"], "None": ROOM["US"]}  # a missing venue is none of them
    assert armed_notional([changed(SELLING, venue=None)], rooms=rooms)[0].outcome is Outcome.DENY


@pytest.mark.parametrize(
    ("side", "bid", "ask", "price", "most", "passes"),
    [
        (Side.BUY, "9", "11", None, "440", True), (Side.BUY, "9", "11", None, "439.99", False),
        (Side.SELL, "9", "11", None, "360", True), (Side.SELL, "9", "11", None, "359.99", False),
        (Side.BUY, "9", "11", "10", "400", True), (Side.BUY, "9", "11", "10", "399.99", False),
        (Side.SELL, "9", "11", "8", "360", True), (Side.SELL, "9", "11", "8", "359.99", False),
        (Side.SELL, "9", "11", "10", "400", True), (Side.SELL, "9", "11", "10", "399.99", False),
        (Side.SELL, None, "11", "10", "9999", False), (Side.BUY, "9", None, "10", "9999", False),
        (Side.BUY, "9", "11", "NaN", "9999", False),
    ],
)  # fmt: skip
def test_a_line_is_worth_what_its_order_will_be_worth(
    side: Side, bid: str | None, ask: str | None, price: str | None, most: str, passes: bool
) -> None:
    line = limited_line(side, bid=bid, ask=ask, price=price)
    rooms = {"US": Room(permit=changed(PERMIT, day_notional_max_base=Decimal(most)), sent_base=D("0"), expired="")}
    with exact_operators():
        (verdict,) = armed_notional([line], rooms=rooms)
    assert (verdict.outcome is Outcome.ALLOW) is passes


def limited_line(side: Side, *, bid: str | None, ask: str | None, price: str | None):
    line = changed(BUYING, side=side, bid=None if bid is None else D(bid), ask=None if ask is None else D(ask))
    return line if price is None else limited(line, price)


def test_a_plan_without_orders_passes_and_says_so() -> None:
    (notional,), (expired,) = armed_notional([], rooms=ROOM), arming_expired([], rooms=ROOM)
    assert (notional.outcome, notional.observed) == (Outcome.ALLOW, "no orders")
    assert expired.outcome is Outcome.ALLOW
    (within,) = armed_notional([SELLING, BUYING], rooms=ROOM)
    assert (within.outcome, within.observed, within.line) == (Outcome.ALLOW, "within", 0)
    assert within.limit == PERMIT.amount
    rooms = {"Z": ROOM["US"], "A": Room(permit=changed(PERMIT, venue="A"), sent_base=D("0"), expired="")}
    assert armed_notional([], rooms=rooms)[0].limit.index("at A") < armed_notional([], rooms=rooms)[0].limit.index("at US")
    assert armed_notional([], rooms={})[0].limit == "an arming"


def test_a_line_of_an_expired_arming_is_denied_by_its_number() -> None:
    expired = {"US": changed(ROOM["US"], expired="too late")}
    assert [(one.line, one.outcome) for one in arming_expired([SELLING, BUYING], rooms=expired)] == [
        (SELLING.line, Outcome.DENY), (BUYING.line, Outcome.DENY)
    ]  # fmt: skip


def test_each_line_takes_from_what_the_one_before_left() -> None:
    third = changed(SELLING, line=3, symbol=SELL)
    with exact_operators():
        found = armed_notional([SELLING, BUYING, third], rooms=ROOM)
    assert [(one.line, one.outcome) for one in found] == [(3, Outcome.DENY)]
    priceless = changed(SELLING, bid=None)
    assert [one.line for one in armed_notional([priceless, BUYING], rooms=ROOM)] == [priceless.line]
