"""The hard cap of a promoted run: limits in equity are of its fraction, at the plan and at the gate; what only reduces passes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.capital import WHOLE, Capital, tighter
from orders.exact import exact_operators
from orders.plan import Decision, Judgement, Outcome
from sentinel import controls
from sentinel.capital import SCALED, limits_at
from sentinel.regime_now import regime_parity_now
from tests.planner.world import D
from tests.sentinel.cases import BUY, SELL, denials, facts, judged, limits, made_plan, standing

HAIR = D("1E-24")
ONLY_SELLS = {"targets": {SELL: "0.2"}, "prices": {SELL: ("10", "10")}}


def at(fraction: str | Decimal | None, *, paused: str = "", lim: dict[str, Any] | None = None, **made: Any) -> Judgement:
    """Judge the plan of a sell and a buy (equity 1000, buys 400) at a fraction; limits are wide unless one is given."""
    wide: dict[str, Any] = {
        "max_leverage": D(100), "max_leverage_net": D(100), "max_asset_exposure": D(100), "max_order_value_base": D(100_000),
        "gross_weight_max": D(100), "hhi_max": D(10_000), "turnover_max": D(100), "day_turnover_max": D(100),
    }  # fmt: skip
    capital = Capital(fraction=None if fraction is None else D(fraction), paused=paused)
    f = {key: made.pop(key) for key in ("regime_name",) if key in made}
    st_changes = {"capital": capital} | made.pop("st", {})
    return judged(made_plan(**made), f={"standing": standing(**st_changes)} | f, lim=wide | (lim or {}))


def test_every_limit_in_equity_is_scaled_and_no_other() -> None:
    whole, half = limits(), limits_at(limits(), Capital(fraction=D("0.5")))
    differ = {name for name in whole.__struct_fields__ if getattr(whole, name) != getattr(half, name)}
    assert differ == {*SCALED, "hhi_max"}
    assert [getattr(half, name) for name in SCALED] == [getattr(whole, name) / 2 for name in SCALED]
    assert half.hhi_max == whole.hhi_max / 4
    assert set(SCALED) == {
        "max_leverage", "max_leverage_net", "max_asset_exposure", "max_order_value_base", "gross_weight_max", "turnover_max",
        "day_turnover_max", "crisis_net_long_max",
    }  # fmt: skip


def test_a_run_that_nothing_governs_and_one_at_the_whole_have_the_limits_as_they_are() -> None:
    assert limits_at(limits(), None) == limits_at(limits(), WHOLE) == limits()


FAULTS = [None, "0", "-0.1", "1.0000000001", "NaN", "-NaN", "sNaN", "Infinity", "-Infinity"]


@pytest.mark.parametrize("fraction", FAULTS)
def test_a_fraction_that_is_none_refuses_what_opens_and_lets_reductions_go(fraction: str | None) -> None:
    known = Capital(fraction=None if fraction is None else D(fraction))
    assert known.fault
    assert known.usable == 0
    mixed = at(fraction)
    assert ("CAPITAL_FRACTION", 2) in denials(mixed)
    assert [one.symbol for one in mixed.approvals] == [SELL]
    sells = at(fraction, **ONLY_SELLS)
    assert (sells.decision, len(sells.approvals), sells.must_halt) == (Decision.PLAN, 1, False)


@pytest.mark.parametrize("fraction", ["0.0000000001", "0.01", "0.999999999999", "1"])
def test_a_fraction_above_zero_and_up_to_one_is_one(fraction: str) -> None:
    assert (Capital(fraction=D(fraction)).fault, Capital(fraction=D(fraction)).usable) == ("", D(fraction))


def test_a_paused_promotion_opens_nothing_and_still_reduces() -> None:
    judgement = at("1", paused="LOSS_LIMIT: lost too much")
    assert denials(judgement) == [("CAPITAL_FRACTION", 2)]
    (told,) = [one for one in judgement.verdicts if one.control == "CAPITAL_FRACTION"]
    assert (told.observed, told.limit) == (f"LOSS_LIMIT: lost too much; {BUY} would open or add", "only reducing orders")
    assert [one.symbol for one in judgement.approvals] == [SELL]


def test_every_verdict_of_a_governed_plan_names_the_fraction_and_approvals_carry_it() -> None:
    judgement = judged(f={"standing": standing(capital=Capital(fraction=D("0.9"), standing="canary, step 1"))})
    (told,) = [one for one in judgement.verdicts if one.control == "CAPITAL_FRACTION"]
    assert (told.outcome, told.observed) == (Outcome.ALLOW, "0.9 of equity (canary, step 1)")
    assert {one.capital_fraction for one in judgement.approvals} == {D("0.9")}
    assert {one.capital_fraction for one in judged().approvals} == {None}
    assert [one for one in judged().verdicts if one.control == "CAPITAL_FRACTION"] == []


# at half of equity, equity 1000: gross 600 after, net 600, BUY 400, squares 200000, traded 600, opened 400
AT_THE_LIMIT: list[tuple[str, str, str, dict[str, Any]]] = [
    ("MAX_LEVERAGE", "max_leverage", "1.2", {}),
    ("MAX_LEVERAGE", "max_leverage_net", "1.2", {}),
    ("MAX_ASSET_EXPOSURE", "max_asset_exposure", "0.8", {}),
    ("MAX_ORDER_VALUE", "max_order_value_base", "800", {}),
    ("MANIFEST_BOUNDS", "gross_weight_max", "1.2", {}),
    ("MANIFEST_BOUNDS", "hhi_max", "0.8", {}),
    ("MANIFEST_BOUNDS", "turnover_max", "0.8", {}),
    ("MANIFEST_BOUNDS", "day_turnover_max", "1.2", {}),
    ("REGIME_PARITY", "max_leverage", "2.4", {"regime_name": "TURBULENT"}),
]


@pytest.mark.parametrize(("control", "name", "limit", "more"), AT_THE_LIMIT, ids=[f"{c} {n}" for c, n, _, _ in AT_THE_LIMIT])
def test_at_the_limit_of_the_fraction_a_plan_passes_and_a_hair_above_it_does_not(
    control: str, name: str, limit: str, more: dict[str, Any]
) -> None:
    exact = at("0.5", lim={name: D(limit)}, **more)
    assert denials(exact) == []
    assert len(exact.approvals) == 2
    less = at("0.5", lim={name: D(limit) - HAIR}, **more)
    assert control in {code for code, _ in denials(less)}
    shade = at(D("0.5") - HAIR, lim={name: D(limit)}, **more)
    assert control in {code for code, _ in denials(shade)}
    assert denials(at("1", lim={name: D(limit)}, **more)) == []


@pytest.mark.parametrize(("fraction", "passes"), [("1", True), ("0.5", False)])
def test_what_grows_in_a_crisis_is_none_within_a_hundredth_of_the_capital(fraction: str, passes: bool) -> None:
    """1 unit at 10 of equity 1000 is a hundredth of it, and a fiftieth of half of it."""
    made = {"targets": {BUY: "0.01"}, "prices": {BUY: ("10", "10")}, "cash": "1000", "held": {}}
    judgement = at(fraction, regime_name="CRISIS", **made)
    assert bool(judgement.approvals) is passes


@pytest.mark.parametrize("name", ["max_leverage", "max_asset_exposure", "max_order_value_base", "hhi_max", "turnover_max"])
@pytest.mark.parametrize("fraction", ["1", "0.25", "0.000001"])
def test_what_only_reduces_passes_at_every_fraction_and_limit_of_it(name: str, fraction: str) -> None:
    """Way down from the whole: sells 360 of 400 at once, at limits that hold the whole of it exactly."""
    made = {"targets": {SELL: "0.04"}, "prices": {SELL: ("10", "10")}}
    at_whole = {"max_order_value_base": D("360"), "turnover_max": D("0.36")}.get(name, D("0.4"))
    judgement = at(fraction, lim={name: at_whole}, **made)
    assert denials(judgement) == []
    assert judgement.approvals[0].quantity == 36


def test_a_reduction_is_still_held_to_the_value_cap_of_the_whole() -> None:
    assert denials(at("0.5", lim={"max_order_value_base": D("199")}, **ONLY_SELLS)) == [("MAX_ORDER_VALUE", 1)]
    assert denials(at("0.5", lim={"max_order_value_base": D("200")}, **ONLY_SELLS)) == []


def test_the_way_down_may_trade_more_than_a_turnover_and_at_the_whole_it_may_not() -> None:
    made = {"targets": {SELL: "0"}, "prices": {SELL: ("10", "10")}}
    assert denials(at("0.99", lim={"turnover_max": D("0.1")}, **made)) == []
    assert denials(at("1", lim={"turnover_max": D("0.1")}, **made)) == [("MANIFEST_BOUNDS", 0)]


def test_what_a_plan_reduces_counts_in_the_turnover_of_the_whole_beside_what_it_opens() -> None:
    assert denials(at("0.5", lim={"turnover_max": D("0.8")})) == []  # 0.4 opened of 0.4, 0.6 traded of 0.8
    assert denials(at("0.9", lim={"turnover_max": D("0.599")})) == [("MANIFEST_BOUNDS", 0)]  # 0.6 traded


def test_the_weights_of_a_manifest_are_held_against_the_whole_of_their_limits() -> None:
    """0.6 of weights at a gross of 0.6; at a tenth the book's 0.06 is the bound, and the manifest is no worse for it."""
    judgement = judged(
        made_plan(targets={SELL: "0.2"}, prices={SELL: ("10", "10")}),
        f={"standing": standing(capital=Capital(fraction=D("0.1")))},
        lim={"gross_weight_max": D("0.6"), "gross_weight_min": D("0.6")},
    )
    assert denials(judgement) == []


FRACTIONS = st.one_of(st.none(), st.sampled_from([D(text) for text in ("0", "NaN", "2", "-1", "0.01", "0.05", "0.25", "1")]))
CAPITALS = st.builds(Capital, fraction=FRACTIONS, paused=st.sampled_from(["", "by a person"]))


@given(one=st.one_of(st.none(), CAPITALS), other=CAPITALS)
def test_the_tighter_of_two_lets_no_more_be_done_than_either(one: Capital | None, other: Capital) -> None:
    both = tighter(one, other)
    known = WHOLE if one is None else one
    assert both.usable == min(known.usable, other.usable)
    assert bool(both.paused) is bool(known.paused or other.paused)


def test_a_plan_without_counts_denies_whatever_its_fraction_is() -> None:
    judgement = judged(f={"standing": None})
    assert judgement.approvals == ()
    assert facts().standing is not None


def test_a_paused_plan_of_reductions_alone_still_says_that_it_is_paused() -> None:
    (told,) = [one for one in at("1", paused="by ann", **ONLY_SELLS).verdicts if one.control == "CAPITAL_FRACTION"]
    assert (told.outcome, told.observed) == (Outcome.ALLOW, "by ann; only reducing lines")


@pytest.mark.parametrize(
    ("whole", "seen", "limit"),
    [("0.6", "opened 0.4 of equity", "turnover 0.3 of equity"), ("0.599", "turnover 0.6 of equity", "turnover 0.599 of equity")],
    ids=["the whole is enough, the part is not", "neither is"],
)
def test_a_turnover_names_the_limit_that_it_is_above(whole: str, seen: str, limit: str) -> None:
    """0.4 opened, 0.6 traded."""
    judgement = at("0.5", lim={"turnover_max": D(whole)})
    (told,) = [one for one in judgement.verdicts if one.outcome is Outcome.DENY]
    assert (told.control, told.observed, told.limit) == ("MANIFEST_BOUNDS", seen, limit)


@pytest.mark.parametrize(
    ("whole", "most", "passes"), [(None, "200", True), (None, "199", False), ("200", "1", True), ("199", "1", False)]
)
def test_a_reduction_is_valued_by_the_limits_of_the_whole_where_there_are_such(
    whole: str | None, most: str, passes: bool
) -> None:
    line = next(one for one in made_plan().lines if one.symbol == SELL)
    other = None if whole is None else limits(max_order_value_base=D(whole))
    with exact_operators():
        told = controls.max_order_value([line], base_currency="USD", limits=limits(max_order_value_base=D(most)), whole=other)
    assert [one.outcome for one in told] == [Outcome.ALLOW if passes else Outcome.DENY]


@pytest.mark.parametrize(("most", "outcome"), [("2.4", Outcome.ALLOW), ("2.399", Outcome.NEEDS_OVERRIDE)])
def test_the_regime_of_now_is_asked_at_the_fraction_the_plan_was_judged_at(most: str, outcome: Outcome) -> None:
    """Gross 600 of 1000, at half of half of the leverage."""
    known = facts(regime_name="TURBULENT", standing=standing(capital=Capital(fraction=D("0.5"))))
    made = made_plan()
    told = regime_parity_now(made, at("1").approvals, facts=known, limits=limits(max_leverage=D(most)))
    assert told.outcome is outcome
