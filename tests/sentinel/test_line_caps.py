"""REDUCE_ONLY and MAX_ORDER_VOLUME: what they let pass, make smaller, and deny; a flip is two legs."""

from __future__ import annotations

from typing import Any

import pytest

from orders.plan import Judgement, Outcome, Plan
from orders.values import AccountKind, AverageVolume, Side
from sentinel.loss import DAY_NS, Baseline
from tests.planner.world import NOW, D
from tests.planner.world import limits as market_limits
from tests.sentinel.cases import BUY, SELL, Broken, changed, denials, judged, made_plan, standing

Change = dict[str, Any]
SELL_LINE, BUY_LINE = 1, 2
CLOSE_ONLY = {
    "baseline": Baseline(day=NOW // DAY_NS, day_start_base=D("2000"), peak_base=D("2000"), equity_base=D("1000")),
}


def sizes(judgement: Judgement) -> dict[str, str]:
    return {approval.symbol: str(approval.quantity) for approval in judgement.approvals}


def volume(units: str = "400", *, age_ns: int = 0, left_ns: int = 0) -> AverageVolume:
    return AverageVolume(units_per_day=D(units), days=20, as_of_ns=NOW - age_ns, valid_until_ns=NOW + left_ns)


def volumes(**changes: Any) -> Change:
    return {"volumes": {SELL: volume(), BUY: volume(**changes)}}


# The plan buys 40 BUY and sells 20 SELL. A case: what, standing, limits, units of BUY that are approved.
VOLUME_CASES: list[tuple[str, Change, Change, str | None]] = [
    ("at the cap", {}, {"max_order_units": D("40")}, "40"),
    ("one unit above the cap", {}, {"max_order_units": D("39.999")}, None),
    ("at the share", volumes(), {"adv_fraction_max": D("0.1")}, "40"),
    ("above the share is made smaller", volumes(units="399"), {"adv_fraction_max": D("0.1")}, "39"),
    ("a share below one step", volumes(units="9.9"), {"adv_fraction_max": D("0.1")}, None),
    ("unknown volume", {"volumes": {SELL: volume()}}, {"adv_fraction_max": D("0.1")}, None),
    ("unknown volume, no share configured", {}, {"adv_fraction_max": None}, "40"),
    ("volume of zero", volumes(units="0"), {"adv_fraction_max": D("0.1")}, None),
    ("volume NaN", volumes(units="NaN"), {"adv_fraction_max": D("0.1")}, None),
    ("stale by 1 ns", volumes(left_ns=-1), {"adv_fraction_max": D("0.1")}, None),
    ("from the future", volumes(age_ns=-1, left_ns=9), {"adv_fraction_max": D("0.1")}, None),
]


@pytest.mark.parametrize(("case", "known", "lim", "units"), VOLUME_CASES, ids=[case[0] for case in VOLUME_CASES])
def test_volume_is_capped(case: str, known: Change, lim: Change, units: str | None) -> None:
    judgement = judged(f={"standing": standing(**known)}, lim=lim)
    assert sizes(judgement).get(BUY) == units
    assert sizes(judgement)[SELL] == "20"
    assert not judgement.must_halt


def test_a_line_made_smaller_says_so_and_its_approval_carries_the_smaller_quantity() -> None:
    judgement = judged(f={"standing": standing(**volumes(units="250.5"))}, lim={"adv_fraction_max": D("0.1")})
    (verdict,) = [verdict for verdict in judgement.verdicts if verdict.outcome is Outcome.RESIZE]
    assert (verdict.control, verdict.line, verdict.observed) == ("MAX_ORDER_VOLUME", BUY_LINE, "40 -> 25 (NYSE:BUY)")
    assert judgement.message == "2 of 2 orders approved, 1 made smaller by a cap"


@pytest.mark.parametrize("floor", [{"min_quantity": D("26")}, {"min_notional": D("251")}], ids=["quantity", "notional"])
def test_what_is_left_below_a_floor_is_denied(floor: Change) -> None:
    known = volumes(units="250") | {"market_limits": {SELL: market_limits(SELL), BUY: market_limits(BUY, **floor)}}
    judgement = judged(f={"standing": standing(**known)}, lim={"adv_fraction_max": D("0.1")})
    assert denials(judgement)[-1] == ("MAX_ORDER_VOLUME", BUY_LINE) or ("MAX_ORDER_VOLUME", BUY_LINE) in denials(judgement)
    assert BUY not in sizes(judgement)


def test_the_book_is_judged_with_the_smaller_quantity() -> None:
    """40 BUY would be gross 0.6 above the limit of 0.55; 25 are not."""
    lim = {"max_leverage": D("0.55"), "gross_weight_max": D("0.6")}
    assert judged(lim=lim).code == "MAX_LEVERAGE"
    smaller = judged(f={"standing": standing(**volumes(units="250"))}, lim=lim | {"adv_fraction_max": D("0.1")})
    assert sizes(smaller)[BUY] == "25"


def test_a_broken_volume_denies_and_halts() -> None:
    judgement = judged(f={"standing": standing(volumes=Broken())}, lim={"adv_fraction_max": D("0.1")})
    assert (judgement.code, judgement.must_halt, judgement.approvals) == ("CONTROL_FAILED", True, ())


def selling(quantity: str, *, held: str, reduce_only: bool = True, side: Side = Side.SELL) -> Plan:
    """The made plan with its sell line of another size, marked reduce-only."""
    plan = made_plan()
    line = changed(plan.lines[0], quantity=D(quantity), held_quantity=D(held), reduce_only=reduce_only, side=side)
    return changed(plan, lines=(line, plan.lines[1]))


@pytest.mark.parametrize(
    ("quantity", "held", "pending", "units"),
    [
        ("1", "1", "0", "1"),
        ("3", "1", "0", "1"),
        ("3", "2", "1", "1"),
        ("3", "1", "1", None),
        ("3", "0", "0", None),
        ("3", "-1", "0", None),
        ("3", "1.9", "0", "1"),
        ("3", "NaN", "0", None),
        ("3", "1", "NaN", None),
    ],
    ids=[
        "all of it", "long 1, sell 3: at most 1 goes", "less what is pending", "pending takes all", "nothing held",
        "a short is not reduced by selling", "floored to the step", "position NaN", "pending NaN",
    ],
)  # fmt: skip
def test_reduce_only_is_capped_at_the_position(quantity: str, held: str, pending: str, units: str | None) -> None:
    judgement = judged(selling(quantity, held=held), f={"standing": standing(reducing_units={SELL: D(pending)})})
    assert sizes(judgement).get(SELL) == units


def test_close_only_long_1_sell_3_at_most_1_goes_and_nothing_opens() -> None:
    judgement = judged(selling("3", held="1", reduce_only=False), f={"standing": standing(**CLOSE_ONLY)})
    assert sizes(judgement) == {SELL: "1"}
    assert ("LOSS_LIMIT", BUY_LINE) in denials(judgement)


def test_open_for_business_the_same_line_goes_whole() -> None:
    judgement = judged(selling("3", held="1", reduce_only=False))
    assert sizes(judgement)[SELL] == "3"


def test_a_short_is_bought_back_and_no_further_while_close_only() -> None:
    plan = made_plan(targets={BUY: "0.4", SELL: "0.2"}, held={SELL: "40", BUY: "-10"}, account=AccountKind.MARGIN, cash="700")
    buy = next(line for line in plan.lines if line.symbol == BUY)
    judgement = judged(plan, f={"standing": standing(**CLOSE_ONLY)})
    assert D(sizes(judgement).get(BUY, "0")) <= 10
    assert buy.quantity >= 10


def test_a_second_leg_goes_only_with_a_first_leg_that_is_approved_whole() -> None:
    plan = made_plan()
    sell, buy = plan.lines
    legs = (changed(sell, quantity=D("40"), reduce_only=True), changed(buy, after_line=sell.line))
    whole = judged(changed(plan, lines=legs))
    assert set(sizes(whole)) == {SELL, BUY}
    part = judged(changed(plan, lines=legs), f={"standing": standing(reducing_units={SELL: D("1")})})
    assert sizes(part) == {SELL: "39"}
    assert ("REDUCE_ONLY", BUY_LINE) in denials(part)


@pytest.mark.parametrize(
    ("multiplier", "most", "approved"),
    [("10", "400", True), ("10", "399.99", False), ("10.01", "400", False), ("NaN", "400", False), ("0", "400", False)],
    ids=["at the cap", "one unit above", "a larger contract", "no rate", "zero"],
)
def test_an_inverse_contract_is_worth_its_amount_of_quote_currency_at_any_price(
    multiplier: str, most: str, approved: bool
) -> None:
    """40 contracts of 10 dollars are worth 400, whether the price is 10 or 10,000."""
    plan = made_plan()
    buy = changed(plan.lines[1], unit_value_base=D(multiplier))
    lim = {"max_order_value_base": D(most), "max_leverage": D("99"), "max_leverage_net": D("99"), "max_asset_exposure": D("99")}
    lim |= {"gross_weight_max": D("99"), "hhi_max": D("9999"), "turnover_max": D("99"), "day_turnover_max": D("99")}
    judgement = judged(changed(plan, lines=(plan.lines[0], buy)), f={"standing": standing(quoted=frozenset({BUY}))}, lim=lim)
    assert (BUY in sizes(judgement)) is approved
