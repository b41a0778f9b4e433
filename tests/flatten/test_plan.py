"""The plan of a flatten: only reductions, to zero and not past it, each line that cannot trade with its reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.flatten import Scope
from orders.plan import Decision, Outcome, Reason
from orders.values import AccountKind, MarketHours, Side
from sentinel.controls import reductions_only
from sentinel.facts import Reference, SentinelFacts
from sentinel.guard import judge_plan
from strategies.flatten_plan import plan_flatten, stays
from tests.planner.world import NOW, inputs, line_of, open_order, planned, quote
from tests.sentinel.cases import limits, standing

ALL = Scope()
PRICES = {"A:X": ("10", "11"), "A:Y": ("20", "21")}
LONG_SHORT = {"A:X": "5", "A:Y": "-3"}


def book(**more: Any) -> Any:
    return inputs({}, prices=PRICES, held=LONG_SHORT, account=AccountKind.MARGIN, **more)


def test_longs_are_sold_and_shorts_bought_back_in_full():
    made = plan_flatten(book(), ALL)
    assert [(line.symbol, line.side, line.quantity) for line in made.lines] == [
        ("A:X", Side.SELL, Decimal(5)),
        ("A:Y", Side.BUY, Decimal(3)),
    ]
    assert (made.gross_after, made.net_after) == (0, 0)


def test_what_is_not_meant_is_kept():
    made = plan_flatten(book(), Scope(symbols=("A:X",)))
    assert line_of(made, "A:X").trades
    assert line_of(made, "A:Y").reason is Reason.KEPT


def test_another_venue_is_kept():
    made = plan_flatten(book(), Scope(venue="MOON"))
    assert {line.reason for line in made.lines} == {Reason.KEPT}


STOPS = {
    "no price": ({"quotes": {"A:X": quote("A:X", "10", "11")}}, Reason.NO_PRICE),
    "a stale price": (
        {"quotes": {"A:X": quote("A:X", "10", "11"), "A:Y": quote("A:Y", "20", "21", ts_ns=NOW - 2_000_000_000)}},
        Reason.PRICE_STALE,
    ),
    "a closed market": (
        {
            "hours": {
                "A:X": MarketHours(state="open", detail=""),
                "A:Y": MarketHours(state="closed", detail="opens on Monday", closed_ns=NOW),
            }
        },
        Reason.MARKET_CLOSED,
    ),
    "dust": ({"symbol_limits": {"A:Y": {"min_quantity": Decimal(4)}}}, Reason.DUST_STAYS),
}


@pytest.mark.parametrize(("more", "reason"), STOPS.values(), ids=STOPS)
def test_a_line_that_cannot_trade_has_its_reason_and_keeps_no_other_from_trading(more, reason):
    made = plan_flatten(book(**more), ALL)
    assert line_of(made, "A:Y").reason is reason
    assert line_of(made, "A:X").quantity == 5
    assert [line.symbol for line in stays(made)] == ([] if reason is Reason.DUST_STAYS else ["A:Y"])


def test_a_manifest_plan_of_the_same_book_would_hold_for_the_stale_price():
    """Why a flatten has a planner of its own."""
    with pytest.raises(AssertionError):
        planned(book(**STOPS["a stale price"][0]))


def test_an_account_that_owes_more_than_it_holds_can_be_flattened():
    assert all(line.trades for line in plan_flatten(book(cash="-1000000"), ALL).lines)


@pytest.mark.parametrize(
    ("more", "value_max", "quantity"),
    [({"symbol_limits": {"A:X": {"max_quantity": Decimal(2)}}}, None, 2), ({}, Decimal(35), 3)],
    ids=["the venue's maximum", "the limit on an order's value"],
)
def test_an_order_is_cut_to_a_limit_and_the_rest_is_the_next_cycles(more, value_max, quantity):
    line = line_of(plan_flatten(book(**more), ALL, order_value_max=value_max), "A:X")
    assert (line.reason, line.quantity) == (Reason.TRADE, quantity)
    assert "next cycle" in line.detail


def test_open_orders_of_what_is_meant_are_to_be_cancelled():
    orders = (open_order("A:X", Side.BUY, "7", order_id="1" * 32), open_order("A:Y", Side.BUY, "1", order_id="2" * 32))
    assert plan_flatten(book(open_orders=orders), Scope(symbols=("A:X",))).cancels == ("1" * 32,)


def test_an_empty_book_has_an_empty_plan():
    assert plan_flatten(inputs({}, prices={}, cash="0"), ALL).lines == ()


held = st.dictionaries(st.sampled_from([f"A:{name}" for name in "PQRST"]), st.integers(-50, 50).map(str), max_size=5)


@settings(deadline=None)
@given(held=held, cash=st.integers(-10_000, 10_000).map(str), data=st.data())
def test_nothing_is_ever_opened_added_to_or_turned_round(held, cash, data):
    priced = data.draw(st.sets(st.sampled_from(sorted(held)))) if held else set()
    meant = data.draw(st.sets(st.sampled_from(sorted(held)))) if held else set()
    made = plan_flatten(
        inputs({}, prices=dict.fromkeys(priced, ("9", "10")), held=held, cash=cash, account=AccountKind.MARGIN),
        Scope(symbols=tuple(sorted(meant))),
        order_value_max=data.draw(st.sampled_from([None, Decimal(25)])),
    )
    for line in made.lines:
        if line.trades:
            assert not meant or line.symbol in meant
            assert line.held_quantity * line.side.sign < 0
            assert line.quantity <= abs(line.held_quantity)
    assert reductions_only([line for line in made.lines if line.trades])[0].outcome is Outcome.ALLOW


def facts(made: Any, **more: Any) -> SentinelFacts:
    fields: dict[str, Any] = {
        "halted": False, "grade": None, "regime_name": None, "regime_quadrant": None, "weights": {}, "quotes": made.quotes,
        "references": {s: Reference(price=q.mid, ts_ns=q.ts_ns) for s, q in made.quotes.items()}, "recent": (),
        "open_exposure": {}, "now_ns": NOW, "reductions_only": True,
        "standing": standing(automatic=False, market_limits=made.limits, baseline=None),
    }  # fmt: skip
    return SentinelFacts(**(fields | more))


def judged(**more: Any) -> Any:
    made = book()
    allow = limits(allow={"US": ("A:X", "A:Y")}, max_order_value_base=Decimal(1_000), max_leverage=Decimal("0.01"))
    return judge_plan(plan_flatten(made, ALL), facts=facts(made, **more), limits=allow)


def test_a_flatten_is_approved_without_a_manifest_whatever_the_book_looks_like():
    judgement = judged()
    assert (judgement.decision, len(judgement.approvals)) == (Decision.PLAN, 2)
    assert "REDUCTIONS_ONLY" in {verdict.control for verdict in judgement.verdicts}
    assert all(approval.reduces for approval in judgement.approvals)


@pytest.mark.parametrize(
    ("more", "code"),
    [({"halted": True}, "HALT"), ({"quotes": {}}, "PRICE_AGE"), ({"reductions_only": False}, "PROVENANCE")],
    ids=["halted", "no price at the guard", "the same plan as if a manifest had asked for it"],
)
def test_the_controls_that_are_left_still_refuse(more, code):
    judgement = judged(**more)
    assert (judgement.decision, judgement.code, judgement.approvals) == (Decision.REFUSED, code, ())


@pytest.mark.parametrize(
    ("symbol", "quantity", "side"),
    [("A:X", "6", Side.SELL), ("A:X", "1", Side.BUY), ("A:Y", "1", Side.SELL), ("A:X", "NaN", Side.SELL)],
    ids=["one more than is held", "more of a long", "more of a short", "not a number"],
)
def test_one_order_that_does_not_reduce_refuses_the_whole_flatten(symbol, quantity, side):
    from msgspec.structs import replace

    made = book()
    plan = plan_flatten(made, ALL)
    spoilt = tuple(replace(line, quantity=Decimal(quantity), side=side) if line.symbol == symbol else line for line in plan.lines)
    allow = limits(allow={"US": ("A:X", "A:Y")}, max_order_value_base=Decimal(1_000))
    judgement = judge_plan(replace(plan, lines=spoilt), facts=facts(made), limits=allow, sha256="a" * 64)
    assert judgement.decision is Decision.REFUSED
    assert judgement.approvals == ()
