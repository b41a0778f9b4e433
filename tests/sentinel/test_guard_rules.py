"""The guard around its controls: what breaks is named and halts, what refuses first is told, nothing is rounded on the way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orders.plan import Decision, Outcome
from sentinel.market_sanity import market_fault, spread_fault
from sentinel.regime_now import regime_parity_now
from sentinel.standing import Reference
from tests.planner.world import NOW, D, quote
from tests.sentinel.cases import BUY, SELL, Broken, changed, facts, judged, limits, made_plan, standing

BROKEN: Any = Broken()


@pytest.mark.parametrize(
    ("control", "f", "lim"),
    [
        ("REDUCE_ONLY", {"standing": standing(baseline=5)}, {}),
        ("MAX_ORDER_VOLUME", {"standing": standing(volumes=BROKEN)}, {"adv_fraction_max": D("0.1")}),
        ("MAX_ORDER_VALUE", {}, {"max_order_value_base": "x"}),
        ("ALLOW_LIST", {}, {"allow": {"US": 5}}),
        ("MARKET_CLOSED", {"hours": BROKEN}, {}),
        ("PRICE_AGE", {"quotes": BROKEN}, {}),
        ("PRICE_COLLAR", {"references": BROKEN}, {}),
        ("DUPLICATE", {"recent": None}, {}),
        ("MARKET_SANITY", {"standing": standing(earlier=BROKEN)}, {}),
        ("FILL_DRIFT", {"standing": standing(own_fills=BROKEN)}, {}),
        ("LOSS_LIMIT", {}, {"day_loss_max_fraction": "x"}),
        ("REPEATED_EXECUTION", {"standing": standing(repeats=BROKEN)}, {}),
        ("MESSAGE_LIMIT", {"standing": standing(messages_left=BROKEN)}, {}),
        ("PROVENANCE", {"grade": "VERIFIED"}, {}),
        ("MANIFEST_BOUNDS", {"weights": BROKEN}, {}),
        ("REGIME_PARITY", {}, {"turbulent_gross_fraction": "x"}),
        ("MAX_LEVERAGE", {}, {"max_leverage_net": None}),
        ("MAX_ASSET_EXPOSURE", {}, {"max_asset_exposure": "x"}),
    ],
)  # fmt: skip
def test_a_control_that_breaks_is_named_and_told_and_halts(control: str, f: dict[str, Any], lim: dict[str, Any]) -> None:
    judgement = judged(f=f, lim=lim)
    assert (judgement.decision, judgement.code, judgement.must_halt) == (Decision.REFUSED, "CONTROL_FAILED", True)
    assert (judgement.approvals, judgement.override) == ((), "")
    broken = [one for one in judgement.verdicts if one.limit == "no exception"]
    assert control in {one.control for one in broken}
    assert {one.outcome for one in broken} == {Outcome.DENY}
    assert "limit no exception. Nothing of the plan is sent." in judgement.message


def test_an_override_that_cannot_be_read_is_a_break() -> None:
    judgement = judged(f={"regime_name": "CRISIS", "override": SimpleNamespace(token=5)})
    assert (judgement.code, judgement.must_halt, judgement.approvals, judgement.override) == ("CONTROL_FAILED", True, (), "")
    assert judgement.verdicts[-1].control != "CONTROL_FAILED"  # verdicts of the whole plan come first
    assert [one.control for one in judgement.verdicts if one.limit == "no exception"] == ["CONTROL_FAILED"]


def test_what_broke_is_shown_cut() -> None:
    class Loud(Broken):
        def get(self, key: str, default: Any = None) -> Any:
            raise RuntimeError("x" * 500)

    judgement = judged(f={"quotes": Loud()})
    (verdict,) = [one for one in judgement.verdicts if one.control == "PRICE_AGE"]
    assert verdict.observed == "RuntimeError: " + "x" * 186


def test_what_refuses_the_whole_plan_is_told_before_what_denies_its_lines() -> None:
    nothing: dict[str, Any] = {"allow": {}}
    assert judged(lim=nothing).code == "ALLOW_LIST"
    assert judged(f={"halted": True}, lim=nothing).code == "HALT"


def test_approved_orders_are_counted_in_words_with_those_made_smaller() -> None:
    assert judged().message == "2 of 2 orders approved"
    assert judged(lim={"allow": {"US": (BUY,)}}).message == "1 of 2 orders approved"
    plan = made_plan()
    line = changed(plan.lines[0], quantity=D("30"), held_quantity=D("25"), reduce_only=True)
    assert judged(changed(plan, lines=(line, plan.lines[1]))).message == "2 of 2 orders approved, 1 made smaller by a cap"


HAIR = D("10.00000000000000000000000000001")  # more digits than a thread's own context keeps


def hairy() -> Any:
    plan = made_plan()
    return changed(plan, lines=(plan.lines[0], changed(plan.lines[1], bid=HAIR, ask=HAIR)))


def test_a_plan_above_a_limit_by_less_than_28_digits_is_refused() -> None:
    above = {"max_leverage": D("0.6"), "gross_weight_max": D("9")}
    assert judged(lim=above).decision is Decision.PLAN
    assert judged(hairy(), lim=above).code == "MAX_LEVERAGE"


def test_a_regime_of_now_is_judged_as_exactly_as_that_of_the_plan() -> None:
    lim = limits(turbulent_gross_fraction=D("0.6"))
    for plan, outcome in ((made_plan(), Outcome.ALLOW), (hairy(), Outcome.NEEDS_OVERRIDE)):
        verdict = regime_parity_now(plan, judged().approvals, facts=facts(regime_name="TURBULENT"), limits=lim)
        assert (verdict.control, verdict.outcome) == ("REGIME_PARITY", outcome)


# market sanity, one quote at a time


@pytest.mark.parametrize(
    ("bid", "ask", "fault"),
    [
        ("9", "11", ""), ("0.1", "0.12", ""), ("7", "13", ""), ("7", "13.01", "spread of 0.600699650175"),
        ("0", "1", "bid 0, ask 1"), ("-1", "1", "bid -1, ask 1"), ("1", "0", "bid 1, ask 0"), ("1", "-1", "bid 1, ask -1"),
        ("NaN", "1", "bid NaN, ask 1"), ("1", "NaN", "bid 1, ask NaN"), ("1", "Infinity", "bid 1, ask Infinity"),
        ("-Infinity", "1", "bid -Infinity, ask 1"),
    ],
)  # fmt: skip
def test_a_top_of_book_is_too_wide_or_none_at_all(bid: str, ask: str, fault: str) -> None:
    assert spread_fault(quote(BUY, bid, ask), limits=limits()) == fault
    assert spread_fault(None, limits=limits()) == "missing quote"


@pytest.mark.parametrize(
    ("price", "age_ns", "fault"),
    [
        ("10", 0, ""), ("6.25", 0, ""), ("6.2", 0, "jump of 0.612903225806: 6.2 -> 10"), ("25", 0, ""),
        ("25.1", 0, "jump of 0.601593625498: 25.1 -> 10"), ("0", 0, "mid before this one 0"), ("-1", 0, "mid before this one -1"),
        ("NaN", 0, "mid before this one NaN"), ("10", 1_000_000_000, ""),
        ("10", 1_000_000_001, "mid before this one is 1000000001 ns old"), ("10", -1, "mid before this one is -1 ns old"),
    ],
)  # fmt: skip
def test_a_mid_is_held_against_the_one_before_it(price: str, age_ns: int, fault: str) -> None:
    earlier = Reference(price=D(price), ts_ns=NOW - age_ns)
    assert market_fault(quote(BUY, "10"), earlier, now_ns=NOW, limits=limits()) == fault


def test_a_mid_of_half_a_unit_may_double_by_its_limit() -> None:
    earlier = Reference(price=D("0.5"), ts_ns=NOW)
    assert market_fault(quote(SELL, "0.75"), earlier, now_ns=NOW, limits=limits()) == ""
    assert market_fault(quote(SELL, "10"), None, now_ns=NOW, limits=limits()) == "missing mid before this one"
    assert market_fault(None, earlier, now_ns=NOW, limits=limits()) == "missing quote"
