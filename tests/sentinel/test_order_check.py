"""The gate's judgement: an unused approval for exactly this order, and a price that is still sane."""

from __future__ import annotations

from typing import Any

import pytest

from orders.plan import Outcome
from orders.values import OrderKind, Quote, Side
from sentinel.order_check import OrderFacts, OrderVerdict, judge_order
from tests.planner.world import AGE_MAX, NOW, D, quote
from tests.sentinel.cases import BUY, SELL, changed, judged, limits

SELL_APPROVAL, BUY_APPROVAL = judged().approvals
Change = dict[str, Any]


def check(
    *,
    side: Side = Side.BUY,
    order: Change | None = None,
    approval: Change | None = None,
    seen: Quote | None = None,
    no_quote: bool = False,
    used: bool = False,
    halted: bool = False,
    lim: Change | None = None,
) -> OrderVerdict:
    approved = BUY_APPROVAL if side is Side.BUY else SELL_APPROVAL
    facts = OrderFacts(
        client_order_id=approved.client_order_id,
        instrument_id=approved.instrument_id,
        side=approved.side,
        quantity=approved.quantity,
        order_kind=OrderKind.MARKET,
        limit_price=None,
        reduce_only=approved.reduce_only,
    )
    return judge_order(
        changed(facts, **(order or {})),
        changed(approved, **(approval or {})),
        used=used,
        halted=halted,
        quote=None if no_quote else seen or quote(approved.symbol, "10"),
        now_ns=NOW,
        limits=limits(**(lim or {})),
    )


def limit_order(price: str | None, side: Side = Side.BUY) -> Change:
    return {
        "side": side,
        "order": {"order_kind": OrderKind.LIMIT, "limit_price": None if price is None else D(price)},
        "approval": {"order_kind": OrderKind.LIMIT, "limit_price": D("10")},
    }


CASES: list[tuple[str, Change, str]] = [
    ("exactly as approved", {}, ""),
    ("a sell as approved", {"side": Side.SELL}, ""),
    ("less than approved", {"order": {"quantity": D("39")}}, ""),
    ("one unit more than approved", {"order": {"quantity": D("40.001")}}, "MISMATCH"),
    ("no quantity", {"order": {"quantity": D("0")}}, "MISMATCH"),
    ("negative quantity", {"order": {"quantity": D("-1")}}, "MISMATCH"),
    ("NaN quantity", {"order": {"quantity": D("NaN")}}, "MISMATCH"),
    ("another instrument", {"order": {"instrument_id": "OTHER.US"}}, "MISMATCH"),
    ("the other side", {"order": {"side": Side.SELL}}, "MISMATCH"),
    ("another kind", {"order": {"order_kind": OrderKind.LIMIT}}, "MISMATCH"),
    ("an unknown kind", {"order": {"order_kind": None}}, "MISMATCH"),
    ("a limit price on a market order", {"order": {"limit_price": D("10")}}, "MISMATCH"),
    ("another id", {"order": {"client_order_id": "1" * 32}}, "MISMATCH"),
    ("reduce-only dropped", {"approval": {"reduce_only": True}}, "MISMATCH"),
    ("a closing leg that may pass zero", {"side": Side.SELL, "order": {"reduce_only": False}}, "MISMATCH"),
    ("reduce-only added", {"order": {"reduce_only": True}}, ""),
    ("limit buy at the approved price", limit_order("10"), ""),
    ("limit buy better", limit_order("9.99"), ""),
    ("limit buy worse by a tick", limit_order("10.01"), "MISMATCH"),
    ("limit sell better", limit_order("10.01", Side.SELL), ""),
    ("limit sell at the approved price", limit_order("10", Side.SELL), ""),
    ("limit sell worse by a tick", limit_order("9.99", Side.SELL), "MISMATCH"),
    ("limit order without a price", limit_order(None), "MISMATCH"),
    ("limit price NaN", limit_order("NaN"), "MISMATCH"),
    ("used", {"used": True}, "APPROVAL_USED"),
    ("halted", {"halted": True}, "HALT"),
    ("halt not known", {"halted": None}, "HALT"),
    ("halted comes before used", {"halted": True, "used": True}, "HALT"),
    ("quote at its age limit", {"seen": quote(BUY, "10", ts_ns=NOW - AGE_MAX)}, ""),
    ("quote stale by 1 ns", {"seen": quote(BUY, "10", ts_ns=NOW - AGE_MAX - 1)}, "PRICE_AGE"),
    ("quote from the future", {"seen": quote(BUY, "10", ts_ns=NOW + 1)}, "PRICE_AGE"),
    ("no quote", {"no_quote": True}, "PRICE_AGE"),
    ("crossed quote", {"seen": quote(BUY, "10", "9.99")}, "PRICE_AGE"),
    ("zero bid", {"seen": quote(BUY, "0", "10")}, "PRICE_AGE"),
    ("NaN ask", {"seen": quote(BUY, "10", "NaN")}, "PRICE_AGE"),
    ("buy at the upper collar", {"seen": quote(BUY, "10", "10.5")}, ""),
    ("buy one tick above the collar", {"seen": quote(BUY, "10", "10.51")}, "PRICE_COLLAR"),
    ("buy one tick below the collar", {"seen": quote(BUY, "9.4", "9.49")}, "PRICE_COLLAR"),
    ("a far bid does not matter to a buy", {"seen": quote(BUY, "1", "10")}, ""),
    ("sell at the lower collar", {"side": Side.SELL, "seen": quote(SELL, "9.5", "10")}, ""),
    ("sell one tick below the collar", {"side": Side.SELL, "seen": quote(SELL, "9.49", "10")}, "PRICE_COLLAR"),
    ("sell one tick above the collar", {"side": Side.SELL, "seen": quote(SELL, "10.51", "11")}, "PRICE_COLLAR"),
    ("reference NaN", {"approval": {"reference_price": D("NaN")}}, "PRICE_COLLAR"),
    ("reference zero", {"approval": {"reference_price": D("0")}}, "PRICE_COLLAR"),
    ("value one unit inside", {"lim": {"max_order_value_base": D("400.01")}}, ""),
    ("value at the limit", {"lim": {"max_order_value_base": D("400")}}, ""),
    ("value one unit above", {"lim": {"max_order_value_base": D("399.99")}}, "MAX_ORDER_VALUE"),
    ("value counts multiplier and rate", {"approval": {"unit_value_base": D("3")}}, "MAX_ORDER_VALUE"),
    ("unit value NaN", {"approval": {"unit_value_base": D("NaN")}}, "MAX_ORDER_VALUE"),
    ("unit value zero", {"approval": {"unit_value_base": D("0")}}, "MAX_ORDER_VALUE"),
]


@pytest.mark.parametrize(("change", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_order_is_held_against_its_approval(change: Change, code: str) -> None:
    verdict = check(**change)
    assert verdict.code == code
    assert verdict.outcome is (Outcome.DENY if code else Outcome.ALLOW)
    assert [v.control for v in verdict.verdicts] == [
        "HALT", "NO_APPROVAL", "APPROVAL_USED", "MISMATCH", "PRICE_AGE", "PRICE_COLLAR", "MAX_ORDER_VALUE",
    ]  # fmt: skip


@pytest.mark.parametrize(("halted", "code"), [(False, "NO_APPROVAL"), (True, "HALT")])
def test_an_order_without_approval_is_denied_inside_the_limits_or_not(halted: bool, code: str) -> None:
    order = OrderFacts(
        client_order_id="x",
        instrument_id="BUY.US",
        side=Side.BUY,
        quantity=D("0.000001"),
        order_kind=OrderKind.MARKET,
        limit_price=None,
        reduce_only=True,
    )
    verdict = judge_order(order, None, used=False, halted=halted, quote=quote(BUY, "10"), now_ns=NOW, limits=limits())
    assert (verdict.outcome, verdict.code) == (Outcome.DENY, code)
    assert "NO_APPROVAL" in [v.control for v in verdict.verdicts if v.outcome is Outcome.DENY]


@pytest.mark.parametrize(
    ("change", "control", "observed"),
    [
        (limit_order("0"), "PRICE_COLLAR", "0 against 10"),
        (limit_order("-1"), "PRICE_COLLAR", "-1 against 10"),
        ({"no_quote": True}, "PRICE_COLLAR", "missing against 10"),
        ({"approval": {"reference_price": D("0")}}, "PRICE_COLLAR", "10 against 0"),
        ({"approval": {"reference_price": D("-10")}, "seen": quote(BUY, "10")}, "PRICE_COLLAR", "10 against -10"),
        ({"approval": {"reference_price": D("Infinity")}}, "PRICE_COLLAR", "10 against Infinity"),
        ({"seen": quote(BUY, "10", "Infinity")}, "PRICE_COLLAR", "Infinity against 10"),
        ({"no_quote": True}, "MAX_ORDER_VALUE", "missing price"),
        ({"order": {"quantity": D("0")}}, "MAX_ORDER_VALUE", "missing: quantity 0, unit value 1"),
        ({"order": {"quantity": D("-1")}}, "MAX_ORDER_VALUE", "missing: quantity -1, unit value 1"),
        ({"order": {"quantity": D("NaN")}}, "MAX_ORDER_VALUE", "missing: quantity NaN, unit value 1"),
        ({"approval": {"unit_value_base": D("-1")}}, "MAX_ORDER_VALUE", "missing: quantity 40, unit value -1"),
        ({"approval": {"unit_value_base": D("Infinity")}}, "MAX_ORDER_VALUE", "missing: quantity 40, unit value Infinity"),
        ({"no_quote": True}, "PRICE_AGE", "missing"),
        ({"seen": quote(BUY, "10", ts_ns=NOW - AGE_MAX - 1)}, "PRICE_AGE", f"PRICE_STALE, {AGE_MAX + 1} ns, bid 10, ask 10"),
    ],
)  # fmt: skip
def test_each_control_of_the_price_denies_by_itself_what_it_cannot_judge(change: Change, control: str, observed: str) -> None:
    (verdict,) = [one for one in check(**change).verdicts if one.control == control]
    assert (verdict.outcome, verdict.observed) == (Outcome.DENY, observed)


def test_what_passes_says_what_was_seen() -> None:
    seen = quote(BUY, "9.9", "10.1", ts_ns=NOW - 7)
    assert [one.observed for one in check(seen=seen).verdicts] == [
        "not halted", "approved", "unused", "as approved", "7 ns", "10.1 against 10", "404.0 base currency"
    ]  # fmt: skip
    assert [one.limit for one in check().verdicts[4:]] == [f"{AGE_MAX} ns", "0.05 of the reference", "1000 base currency"]


def test_a_limit_order_approved_without_a_price_is_none_of_ours() -> None:
    made = {"order": {"order_kind": OrderKind.LIMIT, "limit_price": D("10")}, "approval": {"order_kind": OrderKind.LIMIT}}
    assert check(**made).code == "MISMATCH"


def test_a_cheap_thing_may_be_traded_in_small_pieces() -> None:
    approval = {"reference_price": D("0.5"), "unit_value_base": D("0.5"), "quantity": D("0.5")}
    assert check(order={"quantity": D("0.5")}, approval=approval, seen=quote(BUY, "0.5")).code == ""


@pytest.mark.parametrize(
    "change",
    [
        limit_order("0"), limit_order("-1"), limit_order("NaN"), {"approval": {"reference_price": D("0")}},
        {"approval": {"reference_price": D("-10")}}, {"approval": {"reference_price": D("NaN")}},
    ],
)  # fmt: skip
def test_a_value_at_a_price_that_is_none_is_missing(change: Change) -> None:
    (verdict,) = [one for one in check(**change).verdicts if one.control == "MAX_ORDER_VALUE"]
    assert (verdict.outcome, verdict.observed) == (Outcome.DENY, "missing price")
