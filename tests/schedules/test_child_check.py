"""The gate's judgement of a child, one difference at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orders.plan import Outcome, Verdict
from orders.schedule import AT_ONCE, ScheduleKind, child_kinds
from orders.values import OrderKind, Side
from sentinel.order_check import ChildLeave, OrderFacts, judge_order
from tests.schedules.made import parent_of, quote_at
from tests.sentinel.cases import limits

ROOM = Verdict(control="CONSERVATION", outcome=Outcome.ALLOW, observed="0", limit="1")
FULL = Verdict(control="CONSERVATION", outcome=Outcome.DENY, observed="1 and more", limit="1")


def judge(
    *, limit: str | None = None, kind: str = "twap", conservation: Verdict | None = ROOM, used: bool = False, **change: Any
):
    parent = parent_of("1", limit=limit, schedule=change.pop("schedule", "made"), reduce_only=change.pop("parent_reduces", False))
    number = change.pop("number", 3)
    facts = {
        "client_order_id": parent.child_id(3), "instrument_id": parent.instrument_id, "side": Side.BUY,
        "quantity": Decimal("0.2"), "order_kind": parent.order_kind, "limit_price": parent.limit_price, "reduce_only": False,
        "spawned_from": parent.client_order_id,
    } | change  # fmt: skip
    kinds = child_kinds(ScheduleKind(kind), parent=parent.order_kind)
    return judge_order(
        OrderFacts(**facts), parent, used=used, halted=False, quote=quote_at("99", "101"), now_ns=1, limits=limits(),
        child=ChildLeave(number=number, kinds=kinds, conservation=conservation),
    )  # fmt: skip


def test_a_child_as_its_parent_was_approved_passes():
    verdict = judge()
    assert verdict.outcome is Outcome.ALLOW
    assert [v.control for v in verdict.verdicts][4] == "CONSERVATION"


@pytest.mark.parametrize(
    "change",
    [
        {"client_order_id": "e" * 32}, {"number": 4}, {"spawned_from": "f" * 32}, {"spawned_from": None},
        {"instrument_id": "ETHUSDT.BINANCE"}, {"side": Side.SELL}, {"quantity": Decimal("1.001")}, {"quantity": Decimal(0)},
        {"quantity": Decimal("NaN")}, {"order_kind": None}, {"order_kind": OrderKind.LIMIT, "limit_price": Decimal(99)},
        {"schedule": AT_ONCE}, {"parent_reduces": True}, {"limit": "100", "limit_price": Decimal("100.01")},
        {"limit": "100", "order_kind": OrderKind.MARKET, "limit_price": None},
        {"kind": "passive_then_cross", "order_kind": OrderKind.LIMIT, "limit_price": Decimal("NaN")},
        {"kind": "passive_then_cross", "order_kind": OrderKind.LIMIT, "limit_price": None},
    ],
    ids=[
        "a made-up id", "the id of another number", "another parent", "no parent", "another instrument", "the other side",
        "more than the parent", "nothing", "not a number", "an unknown kind", "a limit order of a schedule that makes none",
        "a parent that goes itself", "reduce-only dropped", "a price worse than the parent's", "a market order of a limit parent",
        "a price that is none", "a limit order without price",
    ],
)  # fmt: skip
def test_a_child_that_differs_is_denied(change):
    verdict = judge(**change)
    assert (verdict.outcome, verdict.code) == (Outcome.DENY, "MISMATCH")


@pytest.mark.parametrize(("price", "code"), [("99", ""), ("1", "PRICE_COLLAR")], ids=["at the touch", "far from it"])
def test_a_limit_child_of_a_market_parent_is_held_to_the_collar(price, code):
    assert judge(kind="passive_then_cross", order_kind=OrderKind.LIMIT, limit_price=Decimal(price)).code == code


@pytest.mark.parametrize("kind", ScheduleKind)
@pytest.mark.parametrize("parent", OrderKind)
def test_no_schedule_makes_a_market_order_of_a_limit_order(kind, parent):
    assert OrderKind.MARKET not in child_kinds(kind, parent=OrderKind.LIMIT)
    assert parent in child_kinds(kind, parent=parent)


def test_a_child_without_room_is_denied():
    assert judge(conservation=FULL).code == "CONSERVATION"


def test_a_child_that_was_counted_before_is_used_up():
    assert judge(conservation=None, used=True).code == "APPROVAL_USED"


@pytest.mark.parametrize(
    ("schedule", "spawned_from", "code"),
    [(AT_ONCE, None, ""), ("made", None, "MISMATCH"), (AT_ONCE, "f" * 32, "MISMATCH")],
    ids=["itself at once", "itself where children are meant", "a child where itself is meant"],
)
def test_the_parent_itself_goes_only_at_once(schedule, spawned_from, code):
    parent = parent_of("1", schedule=schedule)
    facts = OrderFacts(
        client_order_id=parent.client_order_id, instrument_id=parent.instrument_id, side=Side.BUY, quantity=Decimal(1),
        order_kind=OrderKind.MARKET, limit_price=None, reduce_only=False, spawned_from=spawned_from,
    )  # fmt: skip
    verdict = judge_order(facts, parent, used=False, halted=False, quote=quote_at("99", "101"), now_ns=1, limits=limits())
    assert verdict.code == code


@pytest.mark.parametrize("price", ["0", "-1"])
def test_a_price_of_nothing_is_no_price_of_a_child(price):
    verdict = judge(kind="passive_then_cross", order_kind=OrderKind.LIMIT, limit_price=Decimal(price))
    assert verdict.verdicts[3].observed == f"limit price {price} of a child"
    assert verdict.code == "MISMATCH"


def test_a_child_that_was_counted_before_has_no_verdict_of_the_counter():
    verdict = judge(conservation=None, used=True)
    assert "CONSERVATION" not in [v.control for v in verdict.verdicts]
    assert verdict.code == "APPROVAL_USED"
