"""Controls that judge with what was counted: at the limit, above, missing, stale by 1 ns, NaN or zero, broken inside."""

from __future__ import annotations

from typing import Any

import pytest

from orders.plan import Decision, Outcome
from orders.valuation import OpenExposure
from orders.values import AccountKind
from sentinel.loss import DAY_NS, Baseline
from sentinel.standing import Reference, Standing
from tests.planner.world import AGE_MAX, NOW, D, quote
from tests.sentinel.cases import BUY, SELL, Broken, changed, denials, judged, made_plan, standing

Change = dict[str, Any]
SELL_LINE, BUY_LINE = 1, 2
BOTH = {SELL_LINE, BUY_LINE}


def lost(equity: str, *, start: str = "1000", peak: str = "1000") -> Change:
    return {
        "baseline": Baseline(day=NOW // DAY_NS, day_start_base=D(start), peak_base=D(peak), equity_base=D(equity)),
    }


def earlier(price: str, *, age_ns: int = 0) -> Change:
    ten = Reference(price=D("10"), ts_ns=NOW)
    return {"earlier": {SELL: ten, BUY: Reference(price=D(price), ts_ns=NOW - age_ns)}}


def own_fill(price: str, *, age_ns: int = 0) -> Change:
    return {"own_fills": {BUY: Reference(price=D(price), ts_ns=NOW - age_ns)}}


def counted(buys: int) -> Change:
    return {"repeats": {BUY: buys, SELL: 0}}


# The plan buys 40 BUY at 10 and sells 20 of 40 SELL at 10; equity 1000. A case: control, what, standing, limits, denied lines.
LINE_CASES: list[tuple[str, str, Change, Change, set[int]]] = [
    ("MESSAGE_LIMIT", "the last messages of the day", {"messages_left": {"US": 2}}, {}, set()),
    ("MESSAGE_LIMIT", "one too few", {"messages_left": {"US": 1}}, {}, {BUY_LINE}),
    ("MESSAGE_LIMIT", "none left", {"messages_left": {"US": 0}}, {}, BOTH),
    ("MESSAGE_LIMIT", "venue not known", {"messages_left": {}}, {}, BOTH),
    ("MESSAGE_LIMIT", "broken", {"messages_left": Broken()}, {}, BOTH),
    ("REPEATED_EXECUTION", "the last one", counted(2), {}, set()),
    ("REPEATED_EXECUTION", "one more", counted(3), {}, {BUY_LINE}),
    ("REPEATED_EXECUTION", "not known", {"repeats": {SELL: 0}}, {}, {BUY_LINE}),
    ("REPEATED_EXECUTION", "disabled", {"disabled": frozenset({BUY})}, {}, {BUY_LINE}),
    ("REPEATED_EXECUTION", "an operator is not counted", counted(9) | {"automatic": False}, {}, set()),
    ("REPEATED_EXECUTION", "an operator may trade what is disabled", {"disabled": {BUY}, "automatic": False}, {}, set()),
    ("REPEATED_EXECUTION", "broken", {"repeats": Broken()}, {}, BOTH),
    ("LOSS_LIMIT", "day loss at the limit", lost("900"), {}, set()),
    ("LOSS_LIMIT", "day loss above", lost("899.999999"), {}, {BUY_LINE}),
    ("LOSS_LIMIT", "drawdown at the limit", lost("950", peak="1187.5"), {}, set()),
    ("LOSS_LIMIT", "drawdown above", lost("949.999999", peak="1187.5"), {}, {BUY_LINE}),
    ("LOSS_LIMIT", "missing", {"baseline": None}, {}, {BUY_LINE}),
    ("LOSS_LIMIT", "start NaN", lost("1000", start="NaN"), {}, {BUY_LINE}),
    ("LOSS_LIMIT", "peak zero", lost("1000", peak="0"), {}, {BUY_LINE}),
    ("LOSS_LIMIT", "equity below zero", lost("-1"), {}, {BUY_LINE}),
    ("LOSS_LIMIT", "broken", {"baseline": "no baseline"}, {}, BOTH),
    ("MARKET_SANITY", "jump at the limit", earlier("6.25"), {}, set()),
    ("MARKET_SANITY", "jump above", earlier("6.249"), {}, {BUY_LINE}),
    ("MARKET_SANITY", "ten times the price before", earlier("1"), {}, {BUY_LINE}),
    ("MARKET_SANITY", "a tenth of the price before", earlier("100"), {}, {BUY_LINE}),
    ("MARKET_SANITY", "before at its age limit", earlier("10", age_ns=AGE_MAX), {}, set()),
    ("MARKET_SANITY", "before stale by 1 ns", earlier("10", age_ns=AGE_MAX + 1), {}, {BUY_LINE}),
    ("MARKET_SANITY", "before from the future", earlier("10", age_ns=-1), {}, {BUY_LINE}),
    ("MARKET_SANITY", "before missing", {"earlier": {}}, {}, {BUY_LINE}),
    ("MARKET_SANITY", "before NaN", earlier("NaN"), {}, {BUY_LINE}),
    ("MARKET_SANITY", "before zero", earlier("0"), {}, {BUY_LINE}),
    ("MARKET_SANITY", "broken", {"earlier": Broken()}, {}, BOTH),
    ("FILL_DRIFT", "no own fill", {}, {}, set()),
    ("FILL_DRIFT", "at the limit", own_fill("9.0909090909090909090909090909091"), {}, set()),
    ("FILL_DRIFT", "above", own_fill("9.09"), {}, {BUY_LINE}),
    ("FILL_DRIFT", "below by as much", own_fill("11.2"), {}, {BUY_LINE}),
    ("FILL_DRIFT", "NaN", own_fill("NaN"), {}, {BUY_LINE}),
    ("FILL_DRIFT", "zero", own_fill("0"), {}, {BUY_LINE}),
    ("FILL_DRIFT", "at the window's end", own_fill("10", age_ns=AGE_MAX), {}, set()),
    ("FILL_DRIFT", "stale by 1 ns", own_fill("10", age_ns=AGE_MAX + 1), {}, {BUY_LINE}),
    ("FILL_DRIFT", "broken", {"own_fills": Broken()}, {}, BOTH),
]  # fmt: skip


ALSO = {("LOSS_LIMIT", "broken"): {"REDUCE_ONLY"}}  # which asks for the loss mode too


@pytest.mark.parametrize(
    ("control", "case", "known", "lim", "lines"), LINE_CASES, ids=[f"{control}: {case}" for control, case, *_ in LINE_CASES]
)
def test_a_counting_control_denies_its_lines_only(control: str, case: str, known: Change, lim: Change, lines: set[int]) -> None:
    judgement = judged(f={"standing": standing(**known)}, lim=lim)
    assert {approval.line for approval in judgement.approvals} == BOTH - lines
    assert judgement.must_halt is (case == "broken")
    assert {name for name, _ in denials(judgement)} - ALSO.get((control, case), set()) == ({control} if lines else set())


@pytest.mark.parametrize(("bid", "ask", "denied"), [("10", "18", False), ("10", "18.59", True), ("10", "18.58", True)])
def test_a_wide_spread_lets_no_new_risk_in(bid: str, ask: str, denied: bool) -> None:
    """The spread is 0.571..., 0.600..., 0.600... of the mid; the limit is 0.6."""
    quotes = {SELL: quote(SELL, "10"), BUY: quote(BUY, bid, ask)}
    judgement = judged(f={"quotes": quotes}, lim={"price_collar_fraction": D("1")})
    assert (("MARKET_SANITY", BUY_LINE) in denials(judgement)) is denied


def test_what_reduces_may_go_on_a_wide_spread_and_after_a_jump() -> None:
    ten = Reference(price=D("1"), ts_ns=NOW)
    quotes = {SELL: quote(SELL, "1", "19"), BUY: quote(BUY, "10")}
    judgement = judged(f={"quotes": quotes, "standing": standing(earlier={SELL: ten, BUY: ten})})
    assert {number for name, number in denials(judgement) if name == "MARKET_SANITY"} == {BUY_LINE}


def test_without_anything_counted_every_line_is_denied() -> None:
    judgement = judged(f={"standing": None})
    assert (judgement.decision, judgement.approvals, judgement.must_halt) == (Decision.REFUSED, (), False)
    assert {name for name, _ in denials(judgement)} >= {
        "REDUCE_ONLY", "MAX_ORDER_VOLUME", "MESSAGE_LIMIT", "REPEATED_EXECUTION", "LOSS_LIMIT", "FILL_DRIFT", "MARKET_SANITY",
        "MAX_LEVERAGE", "MANIFEST_BOUNDS",
    }  # fmt: skip


# A case: control, what, standing, limits, refused.
PLAN_CASES: list[tuple[str, str, Change, Change, bool]] = [
    ("MAX_LEVERAGE", "net at the limit", {}, {"max_leverage_net": D("0.6")}, False),
    ("MAX_LEVERAGE", "net above", {}, {"max_leverage_net": D("0.599999")}, True),
    ("MAX_LEVERAGE", "equity at its age limit", {"equity_ns": NOW - AGE_MAX}, {}, False),
    ("MAX_LEVERAGE", "equity stale by 1 ns", {"equity_ns": NOW - AGE_MAX - 1}, {}, True),
    ("MAX_LEVERAGE", "equity from the future", {"equity_ns": NOW + 1}, {}, True),
    ("MANIFEST_BOUNDS", "gross after rounding at the limit", {}, {"gross_weight_max": D("0.6")}, False),
    ("MANIFEST_BOUNDS", "turnover of the day at the limit", {"turnover_today_base": D("1400")}, {}, False),
    ("MANIFEST_BOUNDS", "turnover of the day above", {"turnover_today_base": D("1400.01")}, {}, True),
    ("MANIFEST_BOUNDS", "turnover of the day missing", {"turnover_today_base": None}, {}, True),
    ("MANIFEST_BOUNDS", "turnover of the day NaN", {"turnover_today_base": D("NaN")}, {}, True),
    ("MANIFEST_BOUNDS", "manifest at its age limit", {"generated_ns": NOW - AGE_MAX, "newest_generated_ns": 0}, {}, False),
    ("MANIFEST_BOUNDS", "manifest stale by 1 ns", {"generated_ns": NOW - AGE_MAX - 1, "newest_generated_ns": 0}, {}, True),
    ("MANIFEST_BOUNDS", "manifest age missing", {"generated_ns": None}, {}, True),
    ("MANIFEST_BOUNDS", "the newest manifest", {"newest_generated_ns": NOW}, {}, False),
    ("MANIFEST_BOUNDS", "rolled back by 1 ns", {"newest_generated_ns": NOW + 1}, {}, True),
    ("MANIFEST_BOUNDS", "sequence missing", {"newest_generated_ns": None}, {}, True),
    ("MANIFEST_BOUNDS", "an operator's order has no age", {"generated_ns": None, "automatic": False}, {}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("control", "case", "known", "lim", "refused"), PLAN_CASES, ids=[f"{control}: {case}" for control, case, *_ in PLAN_CASES]
)
def test_a_counting_control_refuses_the_whole_plan(control: str, case: str, known: Change, lim: Change, refused: bool) -> None:
    judgement = judged(f={"standing": standing(**known)}, lim=lim)
    expected = (Decision.REFUSED, control) if refused else (Decision.PLAN, "")
    assert (judgement.decision, judgement.code) == expected
    assert not judgement.must_halt


def test_a_plan_that_only_reduces_passes_whatever_was_turned_over_today() -> None:
    plan = made_plan()
    judgement = judged(changed(plan, lines=plan.lines[:1]), f={"standing": standing(turnover_today_base=D("999999"))})
    assert [approval.symbol for approval in judgement.approvals] == [SELL]


def test_a_gross_after_rounding_that_does_not_grow_passes_above_its_limit() -> None:
    plan = made_plan()
    opens = {"NYSE:X": OpenExposure(buy_base=D("900"), sell_base=D("0"))}
    judgement = judged(
        changed(plan, lines=plan.lines[:1]), f={"open_exposure": opens}, lim={"max_leverage": D("9"), "max_leverage_net": D("9")}
    )
    assert judgement.decision is Decision.PLAN


def test_net_counts_both_venues_and_both_directions() -> None:
    """A short of 0.5 and a long of 0.4 are gross 0.9 and net -0.1."""
    plan = made_plan(targets={BUY: "0.4", SELL: "-0.5"}, held={}, cash="1000", account=AccountKind.MARGIN)
    known = {"weights": {BUY: D("0.4"), SELL: D("-0.5")}}
    assert judged(plan, f=known, lim={"max_leverage_net": D("0.1")}).decision is Decision.PLAN
    assert judged(plan, f=known, lim={"max_leverage_net": D("0.099")}).code == "MAX_LEVERAGE"


def test_every_count_is_explicit() -> None:
    fields = set(Standing.__struct_fields__) - {"quoted"}
    for name in sorted(fields):
        with pytest.raises(TypeError):
            Standing(**{other: getattr(standing(), other) for other in fields - {name}})


def test_a_control_that_passes_says_within_what() -> None:
    verdicts = {verdict.control: verdict for verdict in judged().verdicts}
    assert verdicts["MESSAGE_LIMIT"].limit == "1000 messages a day and venue"
    assert all(verdict.outcome is Outcome.ALLOW and verdict.observed and verdict.limit for verdict in verdicts.values())
