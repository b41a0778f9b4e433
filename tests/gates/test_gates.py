"""What a gate says of what was measured: a table for the rules, properties for how evidence may move a verdict."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.gates import DAY_NS, Gate, Measured, Verdict, bound_text, bound_words, judge, short
from orders.metrics import METRICS

D = Decimal
NOW = 100 * DAY_NS


def gate(metric: str = "reject_rate", source: str = "shadow", **fields: object) -> Gate:
    bounds = {} if {"at_most", "at_least"} & fields.keys() else {"at_most": D("0.02")}
    return Gate(name="g", metric=metric, source=source, moves=("canary",), **{**bounds, **fields})  # type: ignore[arg-type]


def seen(value: str | None = "0", low: str | None = None, high: str | None = None, **fields: object) -> Measured:
    known: dict[str, object] = {"days": D(40), "orders": 500, "notional_base": D(1_000_000), "first_ns": 60 * DAY_NS}
    ends = {"low": None if low is None else D(low), "high": None if high is None else D(high)}
    return Measured(value=None if value is None else D(value), **{**known, **ends, **fields})  # type: ignore[arg-type]


ENOUGH = {"min_days": D(30), "min_orders": 200, "min_notional_base": D(100_000)}

VERDICTS = {
    "the whole interval is within the bound": (gate(**ENOUGH), seen("0.004", "0.001", "0.015"), "PASS"),
    "an end of the interval at the bound is within it": (gate(**ENOUGH), seen("0.004", "0.001", "0.02"), "PASS"),
    "the whole interval is beyond the bound": (gate(**ENOUGH), seen("0.05", "0.03", "0.08"), "FAIL"),
    "the interval holds the bound": (gate(**ENOUGH), seen("0.01", "0.005", "0.03"), "INCONCLUSIVE"),
    "a good value without an interval shows nothing": (gate(**ENOUGH), seen("0"), "INCONCLUSIVE"),
    "a day too few": (gate(**ENOUGH), seen("0", "0", "0.01", days=D("29.999")), "INCONCLUSIVE"),
    "an order too few": (gate(**ENOUGH), seen("0", "0", "0.01", orders=199), "INCONCLUSIVE"),
    "a unit of notional too few": (gate(**ENOUGH), seen("0", "0", "0.01", notional_base=D("99999.99")), "INCONCLUSIVE"),
    "bad, and too little of it": (gate(**ENOUGH), seen("0.5", "0.4", "0.6", orders=199), "INCONCLUSIVE"),
    "nothing measured": (gate(**ENOUGH), seen(None), "INCONCLUSIVE"),
    "a value at its bound": (gate("tracking_error", at_most=D(150)), seen("150"), "PASS"),
    "a value over its bound": (gate("tracking_error", at_most=D(150)), seen("150.1"), "FAIL"),
    "a value below its lower bound": (gate("halt_drill_passed", "rehearsal", at_least=D(1)), seen("0"), "FAIL"),
    "a drill that passed": (gate("halt_drill_passed", "rehearsal", at_least=D(1)), seen("1"), "PASS"),
    "time that still has to pass is too little, not wrong": (gate("burn_in", at_least=D(30)), seen("3"), "INCONCLUSIVE"),
    "time that has passed": (gate("burn_in", at_least=D(30)), seen("30"), "PASS"),
    "within a range": (gate("twin_fill_ratio", "twin", at_least=D("0.9"), at_most=D("1.1")), seen("1", "0.95", "1.05"), "PASS"),
    "above a range": (gate("twin_fill_ratio", "twin", at_least=D("0.9"), at_most=D("1.1")), seen("2", "1.2", "3"), "FAIL"),
    "a break is not mended by more evidence, and told at once": (
        gate("reconciliation_breaks", at_most=D(0), **ENOUGH), seen("1", days=D(1)), "FAIL"),
    "a manifest of an unproven run likewise": (
        gate("source_run_verified", at_least=D(1), **ENOUGH), seen("0.99", days=D(1)), "FAIL"),
    "a wrong source": (gate("halt_drill_passed", "shadow", at_least=D(1)), seen("1"), "INCONCLUSIVE"),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "measured", "verdict"), VERDICTS.values(), ids=VERDICTS)
def test_a_verdict(asked: Gate, measured: Measured, verdict: str) -> None:
    result = judge(asked, measured, now_ns=NOW)
    assert result.verdict == verdict
    assert (result.missing == ()) is (verdict == "PASS")


NEVER = {
    "the source cannot show it": (gate("halt_drill_passed", "shadow", at_least=D(1)), seen(None), "cannot be measured in shadow"),
    "more than there can be": (gate("source_run_verified", at_least=D(2)), seen("1"), "is at most 1"),
    "less than there can be": (gate("reconciliation_breaks", at_most=D(-1)), seen("0"), "is at least 0"),
    "a sample that is wholly at the end of its range": (gate(at_most=D(0)), seen("0", "0", "0.01"), "never lies wholly at 0"),
    "over for good": (gate("reconciliation_breaks", at_most=D(0)), seen("2"), "does not go down again"),
    "below for good": (gate("source_run_verified", at_least=D(1)), seen("0.5"), "stays so for this bundle"),
    "what was measured says so": (gate(), seen(None, never="the record does not verify"), "the record does not verify"),
    "no order comes": (gate(min_orders=10), seen("0", "0", "0.01", orders=0), "no order in 40 days: at this rate never"),
    "nothing is traded": (
        gate(min_notional_base=D(1)), seen("0", "0", "0.01", notional_base=D(0)), "no notional in 40 days: at this rate never"),
    "in a lifetime": (gate(min_orders=10**9), seen("0", "0", "0.01", orders=1), "not within 10 years"),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "measured", "why"), NEVER.values(), ids=NEVER)
def test_what_can_never_be_met_says_why_and_names_no_day(asked: Gate, measured: Measured, why: str) -> None:
    result = judge(asked, measured, now_ns=NOW)
    assert why in result.never
    assert result.ready_ns is None
    assert result.verdict is not Verdict.PASS


READY = {
    "as many days again": (gate(min_days=D(80)), {"days": D(40)}, D(40)),
    "orders at their rate": (gate(min_orders=750), {"orders": 500}, D(20)),
    "what takes longest counts": (gate(min_days=D(50), min_orders=1000), {"days": D(40), "orders": 500}, D(40)),
    "a source that pauses takes longer": (gate(min_days=D(30)), {"days": D(20)}, D(20)),
}


@pytest.mark.parametrize(("asked", "fields", "days"), READY.values(), ids=READY)
def test_when_there_is_enough_at_the_present_rate(asked: Gate, fields: dict[str, object], days: Decimal) -> None:
    result = judge(asked, seen("0.001", "0", "0.01", **fields), now_ns=NOW)  # first seen 40 days ago
    assert (result.ready_ns, result.never) == (NOW + int(days * DAY_NS), "")


def test_an_interval_that_holds_the_bound_is_told_when_it_is_narrow_enough() -> None:
    """Room 0.01 to the bound, half-width 0.02: four times the orders, so three times the 40 days more."""
    result = judge(gate(), seen("0.01", "0", "0.03"), now_ns=NOW)
    assert (result.verdict, result.ready_ns) == (Verdict.INCONCLUSIVE, NOW + 120 * DAY_NS)


def test_a_burn_in_is_over_when_its_time_has_passed() -> None:
    result = judge(gate("burn_in", at_least=D(30)), seen("10"), now_ns=NOW)
    assert (result.missing, result.ready_ns) == (("20 more days",), NOW + 20 * DAY_NS)


def test_a_source_that_has_only_begun_has_no_rate_yet() -> None:
    result = judge(gate(min_orders=10, min_days=D(30)), seen("0", "0", "0.1", orders=0, first_ns=NOW - 10**9), now_ns=NOW)
    assert (result.ready_ns, result.never) == (None, "")


def test_a_dry_run_is_judged_and_stands_in_nobody_s_way() -> None:
    result = judge(gate(dry_run=True), seen("1", "0.9", "1"), now_ns=NOW)
    assert (result.verdict, result.allows) == (Verdict.FAIL, True)
    assert not judge(gate(), seen("1", "0.9", "1"), now_ns=NOW).allows


def test_every_metric_has_a_source_and_a_range_that_is_one() -> None:
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.sources
        assert metric.lowest is None or metric.highest is None or metric.lowest < metric.highest


amounts = st.decimals(min_value=0, max_value=1000, places=3)
fractions = st.decimals(min_value=0, max_value=1, places=4)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Gate, Measured]:
    low, value, high = sorted(draw(st.tuples(fractions, fractions, fractions)))
    whole = draw(st.booleans())
    asked = gate(
        draw(st.sampled_from(["reject_rate", "tracking_error", "reconciliation_breaks", "source_run_verified", "burn_in"])),
        at_least=draw(st.none() | fractions),
        at_most=draw(fractions),
        min_days=draw(amounts),
        min_orders=draw(st.integers(0, 1000)),
        min_notional_base=draw(amounts),
    )
    measured = Measured(
        value=draw(st.sampled_from([None, value, value, value])),
        low=low if whole else None,
        high=high if whole else None,
        days=draw(amounts),
        orders=draw(st.integers(0, 1000)),
        notional_base=draw(amounts),
        first_ns=draw(st.integers(0, NOW)),
    )
    return asked, measured


@given(case=cases())
def test_it_never_passes_on_too_little(case: tuple[Gate, Measured]) -> None:
    asked, measured = case
    result = judge(asked, measured, now_ns=NOW)
    enough = (
        measured.value is not None
        and measured.days >= asked.min_days
        and measured.orders >= asked.min_orders
        and measured.notional_base >= asked.min_notional_base
    )
    assert enough or result.verdict is not Verdict.PASS


@given(case=cases(), days=amounts, orders=st.integers(0, 1000), notional=amounts)
def test_more_of_the_same_takes_no_pass_and_no_fail_away(
    case: tuple[Gate, Measured], days: Decimal, orders: int, notional: Decimal
) -> None:
    asked, measured = case
    before = judge(asked, measured, now_ns=NOW).verdict
    more = Measured(
        **{name: getattr(measured, name) for name in Measured.__struct_fields__}
        | {
            "days": measured.days + days,
            "orders": measured.orders + orders,
            "notional_base": measured.notional_base + notional,
        }
    )
    after = judge(asked, more, now_ns=NOW).verdict
    assert before is Verdict.INCONCLUSIVE or after is before


@given(case=cases())
def test_what_passes_is_within_its_bounds_and_what_never_comes_has_no_day(case: tuple[Gate, Measured]) -> None:
    asked, measured = case
    result = judge(asked, measured, now_ns=NOW)
    assert not (result.never and result.ready_ns)
    if result.verdict is Verdict.PASS:
        assert measured.value is not None
        assert asked.at_most is None or measured.value <= asked.at_most
        assert asked.at_least is None or measured.value >= asked.at_least
    assert result.ready_ns is None or result.ready_ns > NOW


def test_bounds_and_numbers_are_told_short() -> None:
    assert bound_words(gate(at_least=D("0.90"), at_most=D("1E+1"))) == ">= 0.9 <= 10"
    assert [short(D(text)) for text in ("0", "30.000", "0.0001234567", "-2.3456", "1200")] == [
        "0",
        "30",
        "0.000123",
        "-2.346",
        "1200",
    ]


@pytest.mark.parametrize(
    ("bound", "words"),
    [("0.02", "0.02"), ("3650", "3650"), ("0.0000000001", "0.0000000001"), ("0.00011574074074074", "0.000116"), ("0", "0")],
)
def test_a_bound_stands_as_it_was_given_and_a_reckoned_one_is_cut(bound: str, words: str) -> None:
    assert bound_text(D(bound)) == words
