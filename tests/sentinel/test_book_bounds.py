"""Controls that judge the book a plan would make: each bound alone, at its limit and a hair above, in amounts of any size.

Equity is 2000 here, not 1, so that a limit in fractions that is held against an amount would be seen.
"""

from __future__ import annotations

from typing import Any

import pytest

from orders.exact import exact_operators
from orders.plan import Outcome, Verdict
from sentinel import controls
from sentinel.facts import Projection
from sentinel.manifest_bounds import MANIFEST_FUTURE_NS
from tests.planner.world import AGE_MAX, NOW, D
from tests.sentinel.cases import BUY, SELL, changed, facts, limits, standing

ALLOW, DENY, OVERRIDE = Outcome.ALLOW, Outcome.DENY, Outcome.NEEDS_OVERRIDE
A, B = "NYSE:A", "NYSE:B"
BOOK = Projection(
    equity=D("2000"), gross_before=D("0"), gross_after=D("1000"), net_before=D("0"), net_after=D("1000"),
    squares_before=D("0"), squares_after=D("500000"), traded=D("1000"), net_worst_before=D("0"), net_worst_after=D("1000"),
    opens=True, opened=D("1000"), assets=((1, A, D("0"), D("400")), (2, B, D("0"), D("600"))),
)  # fmt: skip
Change = dict[str, Any]


def book(**changes: Any) -> Projection:
    return changed(BOOK, **{name: D(value) if isinstance(value, str) else value for name, value in changes.items()})


def bounds(projection: Projection | None = BOOK, *, lim: Change | None = None, orders: bool = True, **f: Any) -> list[Verdict]:
    with exact_operators():
        return list(controls.manifest_bounds(projection, facts=facts(**f), orders=orders, limits=limits(**(lim or {}))))


def denied(verdicts: list[Verdict]) -> list[str]:
    return [one.observed for one in verdicts if one.outcome is not ALLOW]


WHOLE = [
    "|weight| 0.4 (NYSE:BUY)", "sum of |weight| 0.6", "HHI 0.125", "turnover 0.5 of equity", "gross after rounding 0.5 of equity",
    "turnover of the day 0.5", "manifest 0 ns old", f"generated at {NOW}, newest {NOW}",
]  # fmt: skip


def test_every_bound_of_a_manifest_is_told_though_it_passes() -> None:
    verdicts = bounds()
    assert [(one.control, one.outcome, one.observed) for one in verdicts] == [("MANIFEST_BOUNDS", ALLOW, text) for text in WHOLE]
    assert [one.observed for one in bounds(orders=False)] == WHOLE[:-2]


CASES: list[tuple[str, Change, Change, Change, list[str]]] = [
    # what, the book, limits, facts, what is denied
    ("hhi at its limit", {}, {"hhi_max": D("0.125")}, {}, []),
    ("hhi a hair above", {"squares_after": "500000.0000000001"}, {"hhi_max": D("0.125")}, {}, ["HHI 0.125"]),
    ("hhi above that does not grow", {"squares_before": "500000"}, {"hhi_max": D("0.1")}, {}, []),
    ("hhi above that grows by a hair", {"squares_before": "499999.9"}, {"hhi_max": D("0.1")}, {}, ["HHI 0.125"]),
    ("turnover at its limit", {}, {"turnover_max": D("0.5")}, {}, []),
    ("turnover a hair above", {"traded": "1000.0000000001"}, {"turnover_max": D("0.5")}, {}, ["turnover 0.5 of equity"]),
    ("gross at its limit", {"gross_after": "2000"}, {}, {}, []),
    ("gross a hair above", {"gross_after": "2000.0000000001"}, {}, {}, ["gross after rounding 1 of equity"]),
    ("gross above that does not grow", {"gross_after": "3000", "gross_before": "3000"}, {}, {}, []),
    ("gross above that grows", {"gross_after": "3000", "gross_before": "2999"}, {}, {}, ["gross after rounding 1.5 of equity"]),
    ("the day's turnover at its limit", {}, {"day_turnover_max": D("0.75")}, {"st": {"turnover_today_base": D("500")}}, []),
    ("the day's turnover above", {}, {"day_turnover_max": D("0.75")}, {"st": {"turnover_today_base": D("500.1")}},
     ["turnover of the day 0.75005"]),
    ("the day's turnover of what only reduces", {"opens": False}, {"day_turnover_max": D("0.1")}, {}, []),
    ("the day's turnover below zero", {}, {}, {"st": {"turnover_today_base": D("-1")}}, ["turnover of the day -1"]),
    ("the day's turnover of zero", {}, {}, {"st": {"turnover_today_base": D("0")}}, []),
    ("the day's turnover missing", {}, {}, {"st": {"turnover_today_base": None}}, ["turnover of the day missing"]),
    ("a manifest of its greatest age", {}, {}, {"st": {"generated_ns": NOW - AGE_MAX, "newest_generated_ns": NOW - AGE_MAX}}, []),
    ("a manifest a nanosecond older", {}, {},
     {"st": {"generated_ns": NOW - AGE_MAX - 1, "newest_generated_ns": NOW - AGE_MAX - 1}}, [f"manifest {AGE_MAX + 1} ns old"]),
    ("a manifest of the greatest skew", {}, {}, {"st": {"generated_ns": NOW + MANIFEST_FUTURE_NS}}, []),
    ("a manifest a nanosecond further ahead", {}, {}, {"st": {"generated_ns": NOW + MANIFEST_FUTURE_NS + 1}},
     [f"manifest {-MANIFEST_FUTURE_NS - 1} ns old"]),
    ("a manifest without a date", {}, {}, {"st": {"generated_ns": None}}, ["manifest age missing", "sequence missing"]),
    ("a manifest where none was accepted", {}, {}, {"st": {"newest_generated_ns": None}}, ["sequence missing"]),
    ("a manifest rolled back", {}, {}, {"st": {"newest_generated_ns": NOW + 1}}, [f"generated at {NOW}, newest {NOW + 1}"]),
    ("an operator's order, without a manifest", {}, {},
     {"st": {"automatic": False, "generated_ns": None, "newest_generated_ns": None}}, []),
    ("one weight at its limit", {}, {}, {"weights": {BUY: D("-1"), SELL: D("0")}}, []),
    ("one short above", {}, {"gross_weight_max": D("9")}, {"weights": {BUY: D("0.5"), SELL: D("-1.1")}},
     [f"|weight| 1.1 ({SELL})"]),
    ("one long above", {}, {"gross_weight_max": D("9")}, {"weights": {SELL: D("-0.5"), BUY: D("1.1")}},
     [f"|weight| 1.1 ({BUY})"]),
    ("weights at their gross", {}, {}, {"weights": {BUY: D("0.5"), SELL: D("-0.5")}}, []),
    ("weights above their gross", {}, {}, {"weights": {BUY: D("0.5"), SELL: D("-0.51")}}, ["sum of |weight| 1.01"]),
    ("weights at their least", {}, {"gross_weight_min": D("0.6")}, {}, []),
    ("weights below their least", {}, {"gross_weight_min": D("0.61")}, {}, ["sum of |weight| 0.6"]),
    ("no weights", {}, {}, {"weights": {}}, ["missing weights"]),
    ("a weight that is no number", {}, {}, {"weights": {SELL: D("NaN"), BUY: D("Infinity")}}, [f"{BUY}: weight not finite"]),
]  # fmt: skip


@pytest.mark.parametrize(("book_change", "lim", "f", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_bound_of_a_manifest_holds_alone(book_change: Change, lim: Change, f: Change, expected: list[str]) -> None:
    known = dict(f)
    counted = {"standing": standing(**known.pop("st"))} if "st" in known else {}
    assert denied(bounds(book(**book_change), lim=lim, **counted, **known)) == expected


def test_a_plan_without_orders_may_have_no_weights_and_little_gross() -> None:
    assert denied(bounds(orders=False, weights={})) == []
    assert bounds(orders=False, weights={})[0].observed == "|weight| 0 (None)"
    assert denied(bounds(orders=False, lim={"gross_weight_min": D("0.61")})) == []


def test_without_a_book_the_weights_are_told_and_the_rest_denies() -> None:
    assert [(one.outcome, one.observed) for one in bounds(None)] == [
        (ALLOW, WHOLE[0]), (ALLOW, WHOLE[1]), (DENY, "missing: the book cannot be valued")
    ]  # fmt: skip


def test_without_what_was_counted_age_sequence_and_turnover_deny() -> None:
    assert denied(bounds(standing=None)) == ["turnover of the day missing", "manifest age missing", "sequence missing"]


def regime(name: str | None, projection: Projection | None = BOOK, **f: Any) -> Verdict:
    lim = limits(max_leverage=D("2"), turbulent_gross_fraction=D("0.25"), crisis_net_long_max=D("0.4"))
    with exact_operators():
        (verdict,) = controls.regime_parity(projection, facts=facts(regime_name=name, **f), limits=lim)
    assert verdict.control == "REGIME_PARITY"
    return verdict


@pytest.mark.parametrize(
    ("name", "changes", "outcome"),
    [
        ("NORMAL", {"gross_after": "9999"}, ALLOW),
        ("TURBULENT", {}, ALLOW),
        ("TURBULENT", {"gross_after": "1000.000000000001"}, OVERRIDE),
        ("TURBULENT", {"gross_before": "1100", "gross_after": "1100", "net_before": "1000"}, ALLOW),
        ("CRISIS", {"gross_before": "980", "net_before": "1000"}, ALLOW),
        ("CRISIS", {"gross_before": "979.999999", "net_before": "1000"}, OVERRIDE),
        ("CRISIS", {"gross_before": "1000", "net_before": "780", "net_after": "800"}, ALLOW),
        ("CRISIS", {"gross_before": "1000", "net_before": "799.999", "net_after": "800.001"}, OVERRIDE),
        ("CRISIS", {"gross_before": "1000", "net_before": "779.9", "net_after": "800"}, OVERRIDE),
        (None, {"gross_before": "0"}, OVERRIDE),
    ],
    ids=[
        "normal", "turbulent at its gross", "turbulent a hair above", "turbulent above and flat", "crisis up by the band",
        "crisis up by more", "crisis net up by the band, to its limit", "crisis net above its limit by a hair",
        "crisis net up by more than the band", "no regime is a crisis",
    ],
)  # fmt: skip
def test_a_regime_is_held_against_amounts_not_fractions(name: str | None, changes: Change, outcome: Outcome) -> None:
    assert regime(name, book(**changes)).outcome is outcome


def test_a_regime_says_who_named_it_the_limit_and_the_change() -> None:
    words = "gross 0 -> 0.5, net 0 -> 0.5 of equity"
    assert regime("NORMAL").observed == f"NORMAL, {words}"
    assert regime("NORMAL").limit == "none in this regime"
    assert regime("TURBULENT", regime_source="regime log").observed == f"TURBULENT by the regime log, {words}"
    assert regime("TURBULENT").limit == "gross 0.5 of equity while growing"
    assert regime("calm", regime_quadrant="CRISIS").observed == f"CRISIS (name calm, quadrant CRISIS), {words}"
    assert regime("CRISIS").limit == "no growth; net long 0.4 of equity"
    assert (regime("QUIET", None).outcome, regime("QUIET", None).observed) == (DENY, "missing: the book cannot be valued")


def leverage(projection: Projection | None = BOOK, *, f: Change | None = None, **lim: Any) -> list[tuple[Outcome, str]]:
    with exact_operators():
        verdicts = controls.max_leverage(projection, facts=facts(**(f or {})), limits=limits(**lim))
    assert [one.control for one in verdicts] == ["MAX_LEVERAGE"] * 2
    assert [one.limit.split()[0] for one in verdicts] == ["gross", "net"]
    return [(one.outcome, one.observed) for one in verdicts]


@pytest.mark.parametrize(
    ("changes", "gross", "net"),
    [
        ({"gross_after": "2000", "net_worst_after": "2000"}, ALLOW, ALLOW),
        ({"gross_after": "2000.0000000001", "net_worst_after": "1"}, DENY, ALLOW),
        ({"gross_after": "1", "net_worst_after": "2000.0000000001"}, ALLOW, DENY),
        ({"gross_after": "3000", "gross_before": "3000", "net_worst_after": "3000", "net_worst_before": "3000"}, ALLOW, ALLOW),
        ({"gross_after": "3000", "gross_before": "2999", "net_worst_after": "3000", "net_worst_before": "2999"}, DENY, DENY),
    ],
    ids=["at both limits", "gross a hair above", "net a hair above", "above and flat", "above and growing"],
)
def test_gross_and_net_are_each_held_to_their_limit(changes: Change, gross: Outcome, net: Outcome) -> None:
    assert [outcome for outcome, _ in leverage(book(**changes))] == [gross, net]


@pytest.mark.parametrize(
    ("equity_ns", "observed"),
    [
        (NOW, None), (NOW - AGE_MAX, None), (NOW - AGE_MAX - 1, f"stale equity, {AGE_MAX + 1} ns old, limit {AGE_MAX} ns"),
        (NOW + 1, f"stale equity, -1 ns old, limit {AGE_MAX} ns"),
    ],
)  # fmt: skip
def test_equity_has_an_age(equity_ns: int, observed: str | None) -> None:
    found = leverage(f={"standing": standing(equity_ns=equity_ns)})
    assert found == (
        [(ALLOW, "gross 0.5 of equity"), (ALLOW, "net 0.5 of equity")] if observed is None else [(DENY, observed)] * 2
    )


def test_leverage_without_equity_or_its_age_denies_twice() -> None:
    assert leverage(f={"standing": None}) == [(DENY, "missing age of equity")] * 2
    assert leverage(None) == [(DENY, "missing: the book cannot be valued")] * 2


def assets(projection: Projection | None = BOOK, *, most: str = "0.5") -> list[tuple[Outcome, int, str]]:
    with exact_operators():
        verdicts = controls.max_asset_exposure(projection, limits=limits(max_asset_exposure=D(most)))
    return [(one.outcome, one.line, one.observed) for one in verdicts]


def test_each_position_is_held_to_its_share_of_equity() -> None:
    assert assets(most="0.3") == [(ALLOW, 0, f"0.3 of equity ({B})")]
    assert assets(most="0.29") == [(DENY, 2, f"0.3 of equity ({B})")]
    assert assets(most="0.1") == [(DENY, 1, f"0.2 of equity ({A})"), (DENY, 2, f"0.3 of equity ({B})")]
    assert assets(changed(BOOK, assets=tuple(reversed(BOOK.assets)))) == [(ALLOW, 0, f"0.3 of equity ({B})")]
    assert assets(book(assets=((1, A, D("600"), D("600")), (2, B, D("599"), D("600")))), most="0.1") == [
        (DENY, 2, f"0.3 of equity ({B})")
    ]
    assert assets(book(assets=((1, A, D("9"), D("0")), (2, B, D("9"), D("0"))))) == [(ALLOW, 0, f"0 of equity ({A})")]
    assert assets(book(assets=())) == [(ALLOW, 0, "no orders")]
    assert assets(None) == [(DENY, 0, "missing: the book cannot be valued")]
