"""Each control: inside, at the limit, one unit above; missing, stale by 1 ns, zero, NaN; broken inside; both sides."""

from __future__ import annotations

from typing import Any

import pytest

from orders.plan import Decision, Flips, Outcome, Reason
from orders.valuation import OpenExposure
from orders.values import AccountKind, Grade, OrderKind, Side
from sentinel.facts import RecentApproval, Reference
from sentinel.guard import judge_plan
from tests.planner.world import AGE_MAX, NOW, D, inputs, planned, policy, quote
from tests.sentinel.cases import BUY, SELL, WEIGHTS, Broken, changed, denials, facts, judged, limits, made_plan

Change = dict[str, Any]
SELL_LINE, BUY_LINE = 1, 2
OPEN_SELL = {"NYSE:X": OpenExposure(buy_base=D("1"), sell_base=D("401"))}


def quotes(symbol: str, *args: str, **kwargs: Any) -> Change:
    both = {BUY: quote(BUY, "10"), SELL: quote(SELL, "10")}
    return {"quotes": both | {symbol: quote(symbol, *args, **kwargs)}}


def references(symbol: str, price: str, *, ts_ns: int = NOW) -> Change:
    both = {name: Reference(price=D("10"), ts_ns=NOW) for name in (BUY, SELL)}
    return {"references": both | {symbol: Reference(price=D(price), ts_ns=ts_ns)}}


def recent(**changes: Any) -> Change:
    values: dict[str, Any] = {
        "client_order_id": "0" * 32,
        "cycle": 1,
        "symbol": BUY,
        "side": Side.BUY,
        "quantity": D("40"),
        "price": D("10"),
        "approved_ns": NOW,
    }
    return {"recent": (RecentApproval(**(values | changes)),)}


def test_a_clean_plan_is_approved_line_by_line() -> None:
    judgement = judged()
    assert (judgement.decision, judgement.code, judgement.must_halt) == (Decision.PLAN, "", False)
    assert [(approval.symbol, approval.side, approval.quantity) for approval in judgement.approvals] == [
        (SELL, Side.SELL, D("20")),
        (BUY, Side.BUY, D("40")),
    ]
    assert denials(judgement) == []
    assert {verdict.control for verdict in judgement.verdicts} == {
        "HALT", "PROVENANCE", "MANIFEST_BOUNDS", "REGIME_PARITY", "MAX_LEVERAGE", "MAX_ASSET_EXPOSURE", "MAX_ORDER_VALUE",
        "ALLOW_LIST", "PRICE_AGE", "PRICE_COLLAR", "DUPLICATE", "REDUCE_ONLY", "MAX_ORDER_VOLUME", "MARKET_SANITY", "FILL_DRIFT",
        "LOSS_LIMIT", "REPEATED_EXECUTION", "MESSAGE_LIMIT",
    }  # fmt: skip


LINE_CASES: list[tuple[str, str, Change, Change, int | None]] = [
    # control, case, facts, limits, denied line
    ("MAX_ORDER_VALUE", "one unit inside", {}, {"max_order_value_base": D("401")}, None),
    ("MAX_ORDER_VALUE", "at the limit", {}, {"max_order_value_base": D("400")}, None),
    ("MAX_ORDER_VALUE", "one unit above", {}, {"max_order_value_base": D("399.99")}, BUY_LINE),
    ("ALLOW_LIST", "not named", {}, {"allow": {"US": (SELL,)}}, BUY_LINE),
    ("ALLOW_LIST", "other case", {}, {"allow": {"US": (SELL, "NYSE:Buy")}}, BUY_LINE),
    ("ALLOW_LIST", "look-alike letter", {}, {"allow": {"US": (SELL, "NYSE:ΒUY")}}, BUY_LINE),
    ("ALLOW_LIST", "named for another venue", {}, {"allow": {"US": (SELL,), "EU": (BUY,)}}, BUY_LINE),
    ("ALLOW_LIST", "the sell not named", {}, {"allow": {"US": (BUY,)}}, SELL_LINE),
    ("PRICE_AGE", "one unit inside", quotes(BUY, "10", ts_ns=NOW - AGE_MAX + 1), {}, None),
    ("PRICE_AGE", "at the limit", quotes(BUY, "10", ts_ns=NOW - AGE_MAX), {}, None),
    ("PRICE_AGE", "stale by 1 ns, buy", quotes(BUY, "10", ts_ns=NOW - AGE_MAX - 1), {}, BUY_LINE),
    ("PRICE_AGE", "stale by 1 ns, sell", quotes(SELL, "10", ts_ns=NOW - AGE_MAX - 1), {}, SELL_LINE),
    ("PRICE_AGE", "from the future", quotes(BUY, "10", ts_ns=NOW + 1), {}, BUY_LINE),
    ("PRICE_AGE", "missing", {"quotes": {SELL: quote(SELL, "10")}}, {}, BUY_LINE),
    ("PRICE_AGE", "zero", quotes(BUY, "0", "1"), {}, BUY_LINE),
    ("PRICE_AGE", "NaN", quotes(BUY, "NaN"), {}, BUY_LINE),
    ("PRICE_AGE", "crossed", quotes(SELL, "10", "9.99"), {}, SELL_LINE),
    ("PRICE_COLLAR", "one tick inside, above", references(BUY, "9.53"), {}, None),
    ("PRICE_COLLAR", "at the limit, above", references(BUY, "8"), {"price_collar_fraction": D("0.25")}, None),
    ("PRICE_COLLAR", "one unit outside, above", references(BUY, "7.99"), {"price_collar_fraction": D("0.25")}, BUY_LINE),
    ("PRICE_COLLAR", "at the limit, below", references(SELL, "12.5"), {"price_collar_fraction": D("0.2")}, None),
    ("PRICE_COLLAR", "one unit outside, below", references(SELL, "12.51"), {"price_collar_fraction": D("0.2")}, SELL_LINE),
    ("PRICE_COLLAR", "missing", {"references": {SELL: Reference(price=D("10"), ts_ns=NOW)}}, {}, BUY_LINE),
    ("PRICE_COLLAR", "reference at its age limit", references(BUY, "10", ts_ns=NOW - AGE_MAX), {}, None),
    ("PRICE_COLLAR", "reference stale by 1 ns", references(BUY, "10", ts_ns=NOW - AGE_MAX - 1), {}, BUY_LINE),
    ("PRICE_COLLAR", "reference from the future", references(SELL, "10", ts_ns=NOW + 1), {}, SELL_LINE),
    ("PRICE_COLLAR", "zero reference", references(BUY, "0"), {}, BUY_LINE),
    ("PRICE_COLLAR", "NaN reference", references(BUY, "NaN"), {}, BUY_LINE),
    ("DUPLICATE", "another cycle", recent(cycle=2), {}, None),
    ("DUPLICATE", "another quantity", recent(quantity=D("39")), {}, None),
    ("DUPLICATE", "another price", recent(price=D("10.01")), {}, None),
    ("DUPLICATE", "the other side", recent(side=Side.SELL), {}, None),
    ("DUPLICATE", "1 ns after the window", recent(approved_ns=NOW - 61), {}, None),
    ("DUPLICATE", "at the window's end", recent(approved_ns=NOW - 60), {}, BUY_LINE),
    ("DUPLICATE", "stamped in the future", recent(approved_ns=NOW + 1), {}, BUY_LINE),
    ("DUPLICATE", "a sell again", recent(symbol=SELL, side=Side.SELL, quantity=D("20")), {}, SELL_LINE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("control", "case", "f", "lim", "line"), LINE_CASES, ids=[f"{control}: {case}" for control, case, *_ in LINE_CASES]
)
def test_a_line_control_denies_its_line_only(control: str, case: str, f: Change, lim: Change, line: int | None) -> None:
    judgement = judged(f=f, lim=lim)
    assert judgement.decision is Decision.PLAN
    assert not judgement.must_halt
    assert {number for _, number in denials(judgement)} == (set() if line is None else {line})
    assert line is None or (control, line) in denials(judgement)
    assert {approval.line for approval in judgement.approvals} == {SELL_LINE, BUY_LINE} - {line}


PLAN_CASES: list[tuple[str, str, Change, Change, bool]] = [
    # control, case, facts, limits, refused
    ("HALT", "halted", {"halted": True}, {}, True),
    ("HALT", "not known", {"halted": None}, {}, True),
    ("PROVENANCE", "one grade above", {"grade": Grade.VERIFIED}, {"provenance_min": Grade.LEDGER_ONLY}, False),
    ("PROVENANCE", "at the limit", {"grade": Grade.LEDGER_ONLY}, {"provenance_min": Grade.LEDGER_ONLY}, False),
    ("PROVENANCE", "one grade below", {"grade": Grade.LEDGER_ONLY}, {}, True),
    ("PROVENANCE", "missing", {"grade": None}, {"provenance_min": Grade.ABSENT}, True),
    ("MANIFEST_BOUNDS", "weight of 1", {"weights": {BUY: D("1")}}, {}, False),
    ("MANIFEST_BOUNDS", "weight above 1", {"weights": {BUY: D("1.000001")}}, {"gross_weight_max": D("9")}, True),
    ("MANIFEST_BOUNDS", "weight below -1", {"weights": {BUY: D("-1.000001")}}, {"gross_weight_max": D("9")}, True),
    ("MANIFEST_BOUNDS", "gross at its least", {}, {"gross_weight_min": D("0.6")}, False),
    ("MANIFEST_BOUNDS", "gross below its least", {}, {"gross_weight_min": D("0.600001")}, True),
    ("MANIFEST_BOUNDS", "gross at the limit", {}, {"gross_weight_max": D("0.6")}, False),
    ("MANIFEST_BOUNDS", "gross above", {}, {"gross_weight_max": D("0.599999")}, True),
    ("MANIFEST_BOUNDS", "gross of long and short", {"weights": {BUY: D("0.6"), SELL: D("-0.5")}}, {}, True),
    ("MANIFEST_BOUNDS", "HHI at the limit", {}, {"hhi_max": D("0.2")}, False),
    ("MANIFEST_BOUNDS", "HHI above", {}, {"hhi_max": D("0.199999")}, True),
    ("MANIFEST_BOUNDS", "turnover at the limit", {}, {"turnover_max": D("0.6")}, False),
    ("MANIFEST_BOUNDS", "turnover above", {}, {"turnover_max": D("0.599999")}, True),
    ("MANIFEST_BOUNDS", "NaN weight", {"weights": {BUY: D("NaN")}}, {}, True),
    ("MANIFEST_BOUNDS", "no weights", {"weights": {}}, {}, True),
    ("REGIME_PARITY", "CRISIS and growth", {"regime_name": "CRISIS"}, {}, True),
    ("REGIME_PARITY", "missing name", {"regime_name": None}, {}, True),
    ("REGIME_PARITY", "unknown name", {"regime_name": "EXPANSION"}, {}, True),
    ("REGIME_PARITY", "name in other case", {"regime_name": "normal"}, {}, True),
    ("REGIME_PARITY", "quadrant CRISIS", {"regime_quadrant": "CRISIS"}, {}, True),
    ("REGIME_PARITY", "TURBULENT at its gross", {"regime_name": "TURBULENT"}, {"turbulent_gross_fraction": D("0.6")}, False),
    ("REGIME_PARITY", "TURBULENT above its gross", {"regime_name": "TURBULENT"}, {"turbulent_gross_fraction": D("0.599")}, True),
    ("REGIME_PARITY", "QUIET", {"regime_name": "QUIET"}, {}, False),
    ("MAX_LEVERAGE", "at the limit", {}, {"max_leverage": D("0.6")}, False),
    ("MAX_LEVERAGE", "above", {}, {"max_leverage": D("0.599999")}, True),
    ("MAX_LEVERAGE", "open orders count", {"open_exposure": OPEN_SELL}, {"gross_weight_max": D("2")}, True),
    ("MAX_ASSET_EXPOSURE", "at the limit", {}, {"max_asset_exposure": D("0.4")}, False),
    ("MAX_ASSET_EXPOSURE", "above", {}, {"max_asset_exposure": D("0.399999")}, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("control", "case", "f", "lim", "refused"), PLAN_CASES, ids=[f"{control}: {case}" for control, case, *_ in PLAN_CASES]
)
def test_a_plan_control_refuses_the_whole_plan(control: str, case: str, f: Change, lim: Change, refused: bool) -> None:
    judgement = judged(f=f, lim=lim)
    assert not judgement.must_halt
    if refused:
        assert (judgement.decision, judgement.code, judgement.approvals) == (Decision.REFUSED, control, ())
        assert {name for name, _ in denials(judgement)} == {control}
    else:
        assert (judgement.decision, len(judgement.approvals)) == (Decision.PLAN, 2)


@pytest.mark.parametrize(
    ("opens", "equity"),
    [
        ({BUY: OpenExposure(buy_base=D("NaN"), sell_base=D("0"))}, "1000"),
        ({"NYSE:X": OpenExposure(buy_base=D("0"), sell_base=D("-1"))}, "1000"),
        ({}, "NaN"),
        ({}, "0"),
        ({}, "Infinity"),
    ],
    ids=["open exposure NaN", "open exposure negative", "equity NaN", "equity zero", "equity infinite"],
)
def test_a_book_that_cannot_be_valued_is_denied_as_missing(opens: dict[str, OpenExposure], equity: str) -> None:
    plan = changed(made_plan(), equity_base=D(equity))
    judgement = judge_plan(plan, facts=facts(open_exposure=opens), limits=limits(), sha256="0" * 64)
    assert (judgement.decision, judgement.approvals, judgement.must_halt) == (Decision.REFUSED, (), False)
    assert {control for control, _ in denials(judgement)} == {
        "MANIFEST_BOUNDS",
        "REGIME_PARITY",
        "MAX_LEVERAGE",
        "MAX_ASSET_EXPOSURE",
    }


def test_a_plan_whose_hash_cannot_be_made_is_denied_and_halts() -> None:
    judgement = judged(changed(made_plan(), equity_base=D("NaN")))
    assert (judgement.code, judgement.must_halt, judgement.approvals) == ("CONTROL_FAILED", True, ())


def test_a_held_line_without_a_price_is_denied_as_missing() -> None:
    plan = made_plan()
    sell, buy = plan.lines
    kept = changed(sell, side=None, quantity=D("0"), reason=Reason.KEPT, bid=None, ask=None)
    judgement = judged(changed(plan, lines=(kept, buy)))
    assert judgement.decision is Decision.REFUSED
    assert ("MAX_LEVERAGE", 0) in denials(judgement)


@pytest.mark.parametrize(
    "change",
    [{"bid": None, "ask": None}, {"ask": D("0")}, {"unit_value_base": None}, {"unit_value_base": D("-1")}, {"quantity": D("-3")}],
    ids=["no price", "zero ask", "no rate", "negative multiplier", "negative quantity"],
)
def test_order_value_denies_what_it_cannot_compute(change: Change) -> None:
    plan = made_plan()
    sell, buy = plan.lines
    judgement = judged(changed(plan, lines=(sell, changed(buy, **change))))
    assert ("MAX_ORDER_VALUE", BUY_LINE) in denials(judgement)
    assert BUY not in {approval.symbol for approval in judgement.approvals}


@pytest.mark.parametrize("change", [{"venue": None}, {"instrument_id": None}], ids=["no venue", "no instrument"])
def test_the_allow_list_denies_a_line_that_leads_nowhere(change: Change) -> None:
    plan = made_plan()
    sell, buy = plan.lines
    assert ("ALLOW_LIST", BUY_LINE) in denials(judged(changed(plan, lines=(sell, changed(buy, **change)))))


def test_a_second_line_of_a_symbol_is_a_duplicate() -> None:
    plan = made_plan()
    sell, buy = plan.lines
    judgement = judged(changed(plan, lines=(sell, buy, changed(buy, line=3))))
    assert denials(judgement) == [("DUPLICATE", 3)]


FLIP = inputs(
    {SELL: "-0.3"}, prices={SELL: ("10", "10")}, cash="600", held={SELL: "40"}, account=AccountKind.MARGIN,
    policy=policy(flips=Flips.SAME_PLAN),
)  # fmt: skip


def test_a_flips_opening_leg_is_no_duplicate_of_its_closing_leg() -> None:
    judgement = judged(planned(FLIP), f={"weights": {SELL: D("-0.3")}})
    assert denials(judgement) == []
    assert [approval.reduce_only for approval in judgement.approvals] == [True, False]


@pytest.mark.parametrize(
    "change",
    [{"after_line": None}, {"after_line": 7}, {"after_line": 2}, {"side": Side.BUY}],
    ids=["waits for nothing", "waits for another line", "waits for itself", "goes the other way"],
)
def test_a_second_line_that_is_no_opening_leg_is_a_duplicate(change: Change) -> None:
    plan = planned(FLIP)
    closing, opening = plan.lines
    judgement = judged(changed(plan, lines=(closing, changed(opening, **change))), f={"weights": {SELL: D("-0.3")}})
    assert ("DUPLICATE", 2) in denials(judgement)


def test_a_third_line_of_a_symbol_is_a_duplicate() -> None:
    plan = planned(FLIP)
    closing, opening = plan.lines
    third = changed(opening, line=3, after_line=2)
    judgement = judged(changed(plan, lines=(closing, opening, third)), f={"weights": {SELL: D("-0.3")}})
    assert ("DUPLICATE", 3) in denials(judgement)


def test_the_same_manifest_and_cycle_is_approved_once() -> None:
    first = judged()
    memory = tuple(RecentApproval.of(approval, approved_ns=NOW - 10**15) for approval in first.approvals)
    again = judged(f={"recent": memory})
    assert (again.decision, again.code, again.approvals) == (Decision.REFUSED, "DUPLICATE", ())
    assert judged(changed(made_plan(), cycle=2), f={"recent": memory}).decision is Decision.PLAN


BROKEN: list[tuple[str, Change, Change]] = [
    ("PROVENANCE", {"grade": "VERIFIED"}, {}),
    ("MANIFEST_BOUNDS", {"weights": Broken()}, {}),
    ("MANIFEST_BOUNDS", {}, {"hhi_max": "1"}),
    ("REGIME_PARITY", {}, {"turbulent_gross_fraction": "1"}),
    ("MAX_LEVERAGE", {}, {"max_leverage": "1"}),
    ("MAX_ASSET_EXPOSURE", {}, {"max_asset_exposure": "1"}),
    ("MAX_ORDER_VALUE", {}, {"max_order_value_base": "1"}),
    ("ALLOW_LIST", {}, {"allow": {"US": 5}}),
    ("PRICE_AGE", {"quotes": Broken()}, {}),
    ("PRICE_COLLAR", {"references": Broken()}, {}),
    ("DUPLICATE", {"recent": None}, {}),
    ("CONTROL_FAILED", {"open_exposure": Broken()}, {}),
    ("MAX_LEVERAGE", {}, {"max_leverage": D("NaN")}),
]


@pytest.mark.parametrize(("control", "f", "lim"), BROKEN, ids=[f"{n} {control}" for n, (control, *_) in enumerate(BROKEN)])
def test_an_exception_inside_a_control_denies_all_and_halts(control: str, f: Change, lim: Change) -> None:
    judgement = judged(f=f, lim=lim)
    assert (judgement.decision, judgement.code, judgement.approvals) == (Decision.REFUSED, "CONTROL_FAILED", ())
    assert judgement.must_halt
    assert control in {verdict.control for verdict in judgement.verdicts if verdict.outcome is Outcome.DENY}


@pytest.mark.parametrize(
    ("lim", "f"),
    [
        ({"max_leverage": D("0.1")}, {}),
        ({"max_asset_exposure": D("0.1")}, {}),
        ({"hhi_max": D("0.01")}, {}),
        ({}, {"regime_name": "CRISIS"}),
        ({}, {"open_exposure": {SELL: OpenExposure(buy_base=D("900"), sell_base=D("0"))}}),
    ],
    ids=["leverage", "asset exposure", "concentration", "crisis", "open orders"],
)
def test_a_book_beyond_its_limits_can_still_be_reduced(lim: Change, f: Change) -> None:
    plan = made_plan(targets={SELL: "0.3"})
    judgement = judged(plan, f={"weights": {SELL: D("0.3")}} | f, lim=lim)
    assert judgement.decision is Decision.PLAN
    assert [approval.side for approval in judgement.approvals] == [Side.SELL]


def test_a_short_beyond_its_limit_is_denied_too() -> None:
    plan = made_plan(targets={BUY: "-0.4", SELL: "0.4"})
    judgement = judged(plan, f={"weights": {BUY: D("-0.4"), SELL: D("0.4")}}, lim={"max_asset_exposure": D("0.39")})
    assert judgement.code == "MAX_ASSET_EXPOSURE"


def test_the_book_is_judged_without_the_lines_that_were_denied() -> None:
    """The denied sell was to make room: without it the buy breaks the leverage limit."""
    judgement = judged(f=quotes(SELL, "10", ts_ns=NOW - AGE_MAX - 1), lim={"max_leverage": D("0.7")})
    assert (judgement.decision, judgement.code, judgement.approvals) == (Decision.REFUSED, "MAX_LEVERAGE", ())
    assert judged(lim={"max_leverage": D("0.7")}).decision is Decision.PLAN


def test_a_plan_whose_every_line_is_denied_is_refused() -> None:
    judgement = judged(lim={"allow": {}})
    assert (judgement.decision, judgement.code, judgement.approvals) == (Decision.REFUSED, "ALLOW_LIST", ())


def test_a_plan_without_orders_passes_without_approvals() -> None:
    plan = made_plan(targets={SELL: "0.4"}, account=AccountKind.CASH)
    judgement = judged(plan, f={"weights": {SELL: D("0.4")}})
    assert (judgement.decision, judgement.approvals) == (Decision.PLAN, ())
    assert judged(plan, f={"halted": True}).code == "HALT"


def test_verdicts_name_what_was_seen_and_the_limit_with_units() -> None:
    judgement = judged(lim={"max_asset_exposure": D("0.3")})
    (verdict,) = [verdict for verdict in judgement.verdicts if verdict.outcome is Outcome.DENY]
    assert (verdict.observed, verdict.limit, verdict.line) == (f"0.4 of equity ({BUY})", "0.3 of equity", BUY_LINE)
    assert judgement.message.startswith("MAX_ASSET_EXPOSURE: 0.4 of equity")
    assert WEIGHTS[BUY] == D("0.4")


@pytest.mark.parametrize(
    ("limit_price", "lim", "control"),
    [
        ("10.5", {}, None),
        ("10.51", {}, "PRICE_COLLAR"),
        ("9.49", {}, "PRICE_COLLAR"),
        ("10.5", {"max_order_value_base": D("420")}, None),
        ("10.5", {"max_order_value_base": D("419.99")}, "MAX_ORDER_VALUE"),
        ("NaN", {}, "MAX_ORDER_VALUE"),
        (None, {}, "MAX_ORDER_VALUE"),
    ],
    ids=["at the collar", "above the collar", "below the collar", "at the value", "above the value", "NaN price", "no price"],
)
def test_a_limit_order_is_judged_at_its_limit_price(limit_price: str | None, lim: Change, control: str | None) -> None:
    plan = made_plan()
    sell, buy = plan.lines
    price = None if limit_price is None else D(limit_price)
    limit_line = changed(buy, order_kind=OrderKind.LIMIT, limit_price=price)
    made = changed(plan, lines=(sell, limit_line))
    judgement = judge_plan(made, facts=facts(), limits=limits(**lim), sha256="0" * 64)
    assert (control, BUY_LINE) in denials(judgement) if control else denials(judgement) == []
    assert (BUY in {approval.symbol for approval in judgement.approvals}) is (control is None)


def test_a_market_order_with_a_limit_price_is_denied() -> None:
    plan = made_plan()
    sell, buy = plan.lines
    judgement = judged(changed(plan, lines=(sell, changed(buy, limit_price=D("10")))))
    assert ("MAX_ORDER_VALUE", BUY_LINE) in denials(judgement)
