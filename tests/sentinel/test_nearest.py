"""What a control says: of lines that pass, the one nearest its limit; of lines that do not, each; without orders, that.

`sluice plan`, `explain` and `what-if` show it, and a person judges by it how much room is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from orders.exact import exact_operators
from orders.plan import Outcome, PlanLine, Verdict
from orders.values import Grade, MarketHours, OrderKind, Side
from sentinel import controls
from sentinel.facts import Reference
from sentinel.market_hours import line_hours
from sentinel.market_sanity import market_sanity
from sentinel.running_controls import fill_drift, message_limit, repeated_execution
from tests.planner.world import NOW, D, quote
from tests.sentinel.cases import changed, facts, limits, made_plan, standing

ALLOW, DENY = Outcome.ALLOW, Outcome.DENY
_, BUYING = made_plan().lines
A, B, C = "NYSE:A", "NYSE:B", "NYSE:C"
Lines = Sequence[PlanLine]
Control = Callable[[Lines], Sequence[Verdict]]


def line(number: int, symbol: str, units: str = "10", **changes: Any) -> PlanLine:
    """A buy of units at 10 of what is not held."""
    return changed(BUYING, **({"line": number, "symbol": symbol, "quantity": D(units), "held_quantity": D("0")} | changes))


THREE = (line(1, A, "10"), line(2, B, "30"), line(3, C, "20"))
REVERSED = tuple(reversed(THREE))
LIMITS = limits(allow={"US": (A, B, C)})
AGED = {"quotes": {A: quote(A, "10", ts_ns=NOW - 5), B: quote(B, "10", ts_ns=NOW - 9), C: quote(C, "10", ts_ns=NOW - 7)}}
FRESH = {"quotes": {name: quote(name, "10") for name in (A, B, C)}}


def references(a: str, b: str, c: str) -> dict[str, Any]:
    return {"references": {name: Reference(price=D(price), ts_ns=NOW) for name, price in ((A, a), (B, b), (C, c))}}


def value(lines: Lines, **given: Any) -> Sequence[Verdict]:
    return controls.max_order_value(lines, base_currency="USD", limits=LIMITS, **given)


def age(**given: Any) -> Control:
    return lambda lines: controls.price_age(lines, facts=facts(**given), limits=LIMITS)


def collar(**given: Any) -> Control:
    return lambda lines: controls.price_collar(lines, facts=facts(**given), limits=LIMITS)


def named(lines: Lines) -> Sequence[Verdict]:
    return controls.allow_list(lines, limits=LIMITS)


def new(lines: Lines) -> Sequence[Verdict]:
    ids = {one.line: str(one.line) for one in lines}
    return controls.duplicate(lines, plan=made_plan(), ids=ids, facts=facts(), limits=LIMITS)


def sane(lines: Lines) -> Sequence[Verdict]:
    earlier = {name: Reference(price=D("10"), ts_ns=NOW) for name in (A, B, C)}
    return market_sanity(lines, facts=facts(**FRESH, standing=standing(earlier=earlier)), limits=LIMITS)


def reductions(lines: Lines) -> Sequence[Verdict]:
    return controls.reductions_only(lines)


def repeats(lines: Lines) -> Sequence[Verdict]:
    return repeated_execution(lines, standing=standing(repeats={A: 0, B: 2, C: 1}), limits=LIMITS)


def drift(lines: Lines) -> Sequence[Verdict]:
    return fill_drift(lines, standing=standing(), limits=LIMITS)


def messages(lines: Lines) -> Sequence[Verdict]:
    return message_limit(lines, standing=standing(), limits=LIMITS)


def open_hours(lines: Lines) -> Sequence[Verdict]:
    known = MarketHours(state="open", detail="")
    return line_hours(lines, hours=dict.fromkeys((A, B, C), known))


def repeated(**counted: Any) -> Control:
    return lambda lines: repeated_execution(lines, standing=standing(**counted), limits=LIMITS)


def drifted(a: str, b: str, *, ts_ns: int = NOW) -> Control:
    """Own fills of A, at this instant, and of B."""
    fills = {A: Reference(price=D(a), ts_ns=ts_ns), B: Reference(price=D(b), ts_ns=NOW)}
    return lambda lines: fill_drift(lines, standing=standing(own_fills=fills), limits=LIMITS)


CROSSED = {A: quote(A, "11", "10"), B: quote(B, "0"), C: quote(C, "10")}

CASES: list[tuple[str, Control, Lines, str]] = [
    ("ALLOW_LIST", named, THREE, "3 symbols named"),
    ("ALLOW_LIST", named, (), "no orders"),
    ("MAX_ORDER_VALUE", value, THREE, f"300 USD ({B})"),
    ("MAX_ORDER_VALUE", value, REVERSED, f"300 USD ({B})"),
    ("MAX_ORDER_VALUE", value, (line(1, A), line(2, B)), f"100 USD ({A})"),
    ("MAX_ORDER_VALUE", value, (), "no orders"),
    ("PRICE_AGE", age(**AGED), THREE, f"9 ns ({B})"),
    ("PRICE_AGE", age(**AGED), REVERSED, f"9 ns ({B})"),
    ("PRICE_AGE", age(**FRESH), THREE, f"0 ns ({A})"),
    ("PRICE_AGE", age(**FRESH), (), "no orders"),
    ("PRICE_COLLAR", collar(**references("10", "10.4", "10.2")), THREE, f"0.038461538462 of the reference ({B})"),
    ("PRICE_COLLAR", collar(**references("10", "9.6", "9.8")), REVERSED, f"0.041666666667 of the reference ({B})"),
    ("PRICE_COLLAR", collar(**references("10", "10", "10")), THREE, f"0 of the reference ({A})"),
    ("PRICE_COLLAR", collar(**references("10", "10", "10")), (), "no orders"),
    ("PRICE_COLLAR", collar(**references("0.5", "10", "10")), (line(1, A, ask=D("0.5")),), f"0 of the reference ({A})"),
    ("DUPLICATE", new, THREE, "3 new orders"),
    ("DUPLICATE", new, (), "no orders"),
    ("MARKET_SANITY", sane, THREE, "3 lines that open or add within"),
    ("MARKET_SANITY", sane, (line(1, A), changed(line(2, B), held_quantity=D("-10"))), "1 lines that open or add within"),
    ("MARKET_SANITY", sane, (), "no orders"),
    ("REPEATED_EXECUTION", repeats, THREE, "at most 3"),
    ("REPEATED_EXECUTION", repeats, REVERSED, "at most 3"),
    ("REPEATED_EXECUTION", repeats, (), "at most 0"),
    ("FILL_DRIFT", drift, THREE, "within"),
    ("FILL_DRIFT", drift, (), "no orders"),
    ("MESSAGE_LIMIT", messages, THREE, "3 orders within"),
    ("MARKET_CLOSED", open_hours, THREE, "3 lines, all open"),
    ("REDUCTIONS_ONLY", reductions, (line(1, A, side=Side.SELL, held_quantity=D("10")),), "1 reductions"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "control", "lines", "said"), CASES, ids=[f"{case[0]}: {case[3]}" for case in CASES])
def test_a_control_that_passes_says_one_thing_of_the_line_nearest_its_limit(
    code: str, control: Control, lines: Lines, said: str
) -> None:
    with exact_operators():
        (verdict,) = control(lines)
    assert (verdict.control, verdict.outcome, verdict.observed, verdict.line) == (code, ALLOW, said, 0)


BAD: list[tuple[str, Control, dict[str, Any], dict[str, Any], str]] = [
    # control, asked by, two ways a line is wrong, what is said of the first
    ("ALLOW_LIST", named, {"venue": None}, {"symbol": "NYSE:D"}, f"{A}: missing venue or instrument"),
    ("ALLOW_LIST", named, {"instrument_id": None}, {"venue": "us"}, f"{A}: missing venue or instrument"),
    ("ALLOW_LIST", named, {"symbol": "NYSE:a"}, {"symbol": ""}, "'NYSE:a' at 'US'"),
    ("MAX_ORDER_VALUE", value, {"ask": None}, {"quantity": D("101")}, f"{A}: missing price, rate or quantity"),
    ("MAX_ORDER_VALUE", value, {"unit_value_base": None}, {"quantity": D("0")}, f"{A}: missing price, rate or quantity"),
    ("MAX_ORDER_VALUE", value, {"unit_value_base": D("NaN")}, {"unit_value_base": D("-1")},
     f"{A}: missing price, rate or quantity"),
    ("MAX_ORDER_VALUE", value, {"quantity": D("NaN")}, {"quantity": D("-1")}, f"{A}: missing price, rate or quantity"),
    ("MAX_ORDER_VALUE", value, {"quantity": D("101")}, {"unit_value_base": D("0")}, f"1010 USD ({A})"),
    ("PRICE_AGE", age(quotes={C: quote(C, "10")}), {}, {}, f"{A}: missing"),
    ("PRICE_AGE", age(quotes=CROSSED), {}, {}, f"{A}: PRICE_CROSSED, 0 ns old, bid 11, ask 10"),
    ("PRICE_COLLAR", collar(references={C: Reference(price=D("10"), ts_ns=NOW)}), {}, {}, f"{A}: missing reference"),
    ("PRICE_COLLAR", collar(**references("10", "10", "10")), {"ask": None}, {"ask": D("10.51")}, f"{A}: missing price"),
    ("PRICE_COLLAR", collar(**references("0", "-10", "10")), {}, {}, f"{A}: reference 0"),
    ("PRICE_COLLAR", collar(**references("NaN", "Infinity", "10")), {}, {}, f"{A}: reference NaN"),
    ("PRICE_COLLAR", collar(**references("9.5", "11", "10")), {}, {}, f"0.052631578947 ({A}: 10 against 9.5)"),
    ("REPEATED_EXECUTION", repeats, {"symbol": "NYSE:D"}, {"symbol": "NYSE:E"}, "NYSE:D: count not known"),
    ("REPEATED_EXECUTION", repeated(repeats={A: 3, B: 4, C: 0}), {}, {}, f"{A}: 3 already"),
    ("REPEATED_EXECUTION", repeated(repeats={A: 0, B: 0, C: 0}, disabled={A, B}), {}, {},
     f"{A} is disabled; `sluice enable {A}` takes a name and a reason"),
    ("MESSAGE_LIMIT", messages, {"venue": None}, {"venue": "XX"}, f"{A}: messages of None not known"),
    ("FILL_DRIFT", drifted("10", "9"), {"ask": None}, {}, f"{A}: no price"),
    ("FILL_DRIFT", drifted("0", "NaN"), {}, {}, f"{A}: own fill at 0"),
    ("FILL_DRIFT", drifted("10", "12", ts_ns=NOW + 1), {}, {}, f"{A}: own fill of {NOW + 1}, now {NOW}"),
    ("FILL_DRIFT", drifted("8", "12"), {}, {}, f"0.25 ({A}: 10 against 8)"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "control", "first", "second", "said"), BAD, ids=[f"{case[0]}: {case[4]}" for case in BAD])
def test_a_control_denies_each_line_that_is_wrong_and_no_other(
    code: str, control: Control, first: dict[str, Any], second: dict[str, Any], said: str
) -> None:
    lines = (changed(THREE[0], **first), changed(THREE[1], **second), THREE[2])
    with exact_operators():
        verdicts = control(lines)
    assert [(one.control, one.outcome, one.line) for one in verdicts] == [(code, DENY, 1), (code, DENY, 2)]
    assert verdicts[0].observed == said


def test_a_quantity_of_quote_currency_is_worth_the_same_at_any_price_but_must_have_one() -> None:
    lines = (line(1, A, "500", ask=D("123")), line(2, B, "1000"), line(3, C, "1001"))
    with exact_operators():
        verdicts = value(lines, quoted=frozenset({A, B, C}))
    assert [(one.line, one.observed) for one in verdicts] == [(3, f"1001 USD ({C})")]
    with exact_operators():
        assert [one.observed for one in value(lines[:2], quoted=frozenset({A, B}))] == [f"1000 USD ({B})"]


def test_a_limit_order_is_judged_at_its_limit() -> None:
    limited = {"order_kind": OrderKind.LIMIT, "limit_price": D("9")}
    with exact_operators():
        assert [one.observed for one in value((line(1, A, "10", **limited),))] == [f"90 USD ({A})"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"side": Side.BUY}, f"BUY 10 {A}, 10 held"),
        ({"quantity": D("10.1")}, f"SELL 10.1 {A}, 10 held"),
        ({"quantity": D("0")}, f"SELL 0 {A}, 10 held"),
        ({"side": Side.BUY, "quantity": D("0.2"), "held_quantity": D("0.5")}, f"BUY 0.2 {A}, 0.5 held"),
        ({"quantity": D("-1")}, f"SELL -1 {A}, 10 held"),
        ({"quantity": D("NaN")}, f"SELL NaN {A}, 10 held"),
        ({"held_quantity": D("NaN")}, f"SELL 10 {A}, NaN held"),
        ({"held_quantity": D("0")}, f"SELL 10 {A}, 0 held"),
        ({"held_quantity": D("-10")}, f"SELL 10 {A}, -10 held"),
        ({"side": None}, f"None 10 {A}, 10 held"),
    ],
)
def test_a_flatten_is_refused_by_one_line_that_is_no_reduction(wrong: dict[str, Any], said: str) -> None:
    reduces = line(2, B, side=Side.SELL, held_quantity=D("10"))
    (verdict,) = reductions((reduces, changed(line(1, A, side=Side.SELL, held_quantity=D("10")), **wrong)))
    assert (verdict.outcome, verdict.observed, verdict.line) == (DENY, said, 0)


def test_a_flatten_covers_shorts_too() -> None:
    (verdict,) = reductions((line(1, A, "1", held_quantity=D("-1")),))
    assert (verdict.outcome, verdict.observed) == (ALLOW, "1 reductions")


@pytest.mark.parametrize(
    ("grade", "least", "passes"),
    [
        (Grade.VERIFIED, Grade.VERIFIED, True), (Grade.LEDGER_ONLY, Grade.VERIFIED, False), (Grade.VERIFIED, Grade.ABSENT, True),
        (None, Grade.ABSENT, False),
    ],
)  # fmt: skip
def test_a_source_run_is_held_against_the_least_grade(grade: Grade | None, least: Grade, passes: bool) -> None:
    (verdict,) = controls.provenance(facts(grade=grade), limits=limits(provenance_min=least))
    assert (verdict.control, verdict.outcome is ALLOW) == ("PROVENANCE", passes)
    assert verdict.observed == ("missing" if grade is None else grade.value)


@pytest.mark.parametrize(("by", "said"), [("a.key", (ALLOW, "by a.key")), ("", (DENY, "missing"))])
def test_an_approval_of_the_manifest_is_told_by_its_signer(by: str, said: tuple[Outcome, str]) -> None:
    (verdict,) = controls.manifest_approval(facts(approved_by=by))
    assert (verdict.control, verdict.outcome, verdict.observed) == ("MANIFEST_APPROVAL", *said)
    assert controls.manifest_approval(facts(approved_by=None)) == ()


@pytest.mark.parametrize(("halted", "said"), [(False, (ALLOW, "not halted")), (True, (DENY, "halted")), (None, (DENY, "halted"))])
def test_what_is_not_known_of_a_halt_is_one(halted: bool | None, said: tuple[Outcome, str]) -> None:
    (verdict,) = controls.halt(facts(halted=halted))
    assert (verdict.control, verdict.outcome, verdict.observed) == ("HALT", *said)
