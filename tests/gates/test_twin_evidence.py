"""A twin as evidence: its own gates, and the baseline of what a canary paid at the same time in the same market."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from analysis.evidence import gather
from orders.gates import DAY_NS, Gate, GateResult, GatesFile, Verdict
from orders.promotion import STEPS
from tests.gates.made import BEGIN_NS, BUNDLE, CODE, Made, made_record, made_twin

D = Decimal
LIVE = Made(kind="live", runs=1, plans=5, days=D(5), worse_bps=D(40), late_ms=80)  # a bad market for everybody


def judged(
    tmp_path: Path, gate: Gate, *, twin: tuple[Decimal, int, str] | None, made: Made = LIVE, other: bool = False, plans: int = 999
) -> GateResult:
    """The gate, before a move, where a twin followed the run (`other`: another one) for so many plans."""
    live = made_record(tmp_path / "live", replace(made))
    sources = {"canary": live.directory}
    if twin is not None:
        price_bps, late_ms, filled = twin
        layout = made_twin(
            tmp_path / "twin", replace(made), price_bps=price_bps, late_ms=late_ms, filled=filled, live=None if other else live,
            plans=plans,
        )  # fmt: skip
        sources["twin"] = layout.directory
    file = GatesFile(sha256="9" * 64, gates=(gate,), sources=sources, steps=STEPS, dwell_s=(0, 0, 0))
    now = BEGIN_NS + 9 * DAY_NS
    return gather(file, bundle_sha256=BUNDLE, code_sha256=CODE, sources={}, move="canary", now_ns=now).results[0]


def gate(metric: str, *, source: str = "twin", **bound: Decimal) -> Gate:
    return Gate(name=metric, metric=metric, source=source, moves=("canary",), **bound)  # type: ignore[arg-type]


CASES = {
    "prices like the twin's": (gate("twin_price_bps", at_most=D(3)), (D(2), 1, "1"), "PASS"),
    "worse prices than the twin's": (gate("twin_price_bps", at_most=D(3)), (D(5), 1, "1"), "FAIL"),
    "filled as the twin": (gate("twin_fill_ratio", at_least=D("0.95")), (D(2), 1, "1"), "PASS"),
    "filled less than the twin": (gate("twin_fill_ratio", at_least=D("0.95")), (D(2), 1, "0.8"), "FAIL"),
    "as fast as the twin": (gate("twin_time_ms", at_most=D(100)), (D(2), 50, "1"), "PASS"),
    "later than the twin": (gate("twin_time_ms", at_most=D(100)), (D(2), 500, "1"), "FAIL"),
}


@pytest.mark.parametrize(("asked", "twin", "verdict"), CASES.values(), ids=CASES)
def test_a_twin_s_gate(tmp_path: Path, asked: Gate, twin: tuple[Decimal, int, str], verdict: str) -> None:
    result = judged(tmp_path, asked, twin=twin)
    assert (result.verdict, result.measured.orders) == (verdict, 100)
    assert result.measured.words == "100 of 100 orders compared"


def test_the_twin_is_the_baseline_where_there_is_one_and_the_forecast_where_there_is_none(tmp_path: Path) -> None:
    """In a market in which everybody paid 40 bp more than forecast the canary did no worse than its twin."""
    asked = gate("shortfall_over_forecast_bps", source="canary", at_most=D(5))
    alone = judged(tmp_path / "a", asked, twin=None)
    assert (alone.verdict, alone.measured.words) == (Verdict.FAIL, "against the forecast")
    beside = judged(tmp_path / "b", asked, twin=(D(1), 1, "1"))
    assert (beside.verdict, beside.measured.words) == (Verdict.PASS, "against the same-time twin")
    assert beside.measured.value is not None
    assert abs(beside.measured.value - 1) < D("0.1")


def test_a_canary_that_does_worse_than_its_twin_fails_whatever_was_forecast(tmp_path: Path) -> None:
    asked = gate("shortfall_over_forecast_bps", source="canary", at_most=D(5))
    good = replace(LIVE, worse_bps=D(-30))
    assert judged(tmp_path / "a", asked, twin=None, made=good).verdict is Verdict.PASS
    assert judged(tmp_path / "b", asked, twin=(D(20), 1, "1"), made=good).verdict is Verdict.FAIL


def test_latency_is_against_the_twin_too(tmp_path: Path) -> None:
    asked = gate("latency_over_forecast_ms", source="canary", at_most=D(50))
    assert judged(tmp_path / "a", asked, twin=None).verdict is Verdict.FAIL
    assert judged(tmp_path / "b", asked, twin=(D(1), 10, "1")).verdict is Verdict.PASS


def test_a_twin_of_too_few_orders_is_no_baseline(tmp_path: Path) -> None:
    asked = gate("shortfall_over_forecast_bps", source="canary", at_most=D(5))
    few = replace(LIVE, plans=1, orders=19, days=D(1))
    result = judged(tmp_path, asked, twin=(D(1), 1, "1"), made=few)
    assert result.measured.words == "against the forecast: 19 orders compared by the twin, at least 20 are needed"
    assert result.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("metric", "source"),
    [("twin_price_bps", "twin"), ("shortfall_over_forecast_bps", "canary"), ("latency_over_forecast_ms", "canary")],
)
def test_a_twin_of_another_log_is_no_evidence_and_no_baseline(tmp_path: Path, metric: str, source: str) -> None:
    result = judged(tmp_path, gate(metric, source=source, at_most=D(1)), twin=(D(0), 0, "1"), other=True)
    assert result.verdict is not Verdict.PASS
    assert "followed another log" in result.measured.words
    assert ("followed another log" in result.never) == (source == "twin")


@pytest.mark.parametrize(("worse_bps", "verdict"), [(D(0), "PASS"), (D(40), "FAIL")], ids=["all is well", "dearer meanwhile"])
def test_what_a_twin_missed_is_held_against_the_forecast_so_that_its_absence_hides_nothing(
    tmp_path: Path, worse_bps: Decimal, verdict: str
) -> None:
    """Its forty orders cost as the twin's did; the sixty after it was gone what they cost."""
    asked = gate("shortfall_over_forecast_bps", source="canary", at_most=D(5))
    result = judged(tmp_path, asked, twin=(D(1), 1, "1"), made=replace(LIVE, worse_bps=worse_bps), plans=2)
    assert result.measured.words == "40 orders against the same-time twin, 60 that it missed against the forecast"
    assert (result.verdict, result.measured.orders) == (verdict, 100)


@pytest.mark.parametrize(("plans", "verdict"), [(999, "PASS"), (2, "FAIL")], ids=["there all along", "gone after forty"])
def test_how_much_of_what_was_sent_a_twin_compared_is_a_gate(tmp_path: Path, plans: int, verdict: str) -> None:
    result = judged(tmp_path, gate("twin_compared", source="canary", at_least=D("0.8")), twin=(D(1), 1, "1"), plans=plans)
    assert (result.verdict, result.measured.orders) == (verdict, 100)
    assert result.measured.words == f"{min(plans, 5) * 20} compared by its twin"


def test_without_a_twin_nothing_was_compared_and_nothing_passes(tmp_path: Path) -> None:
    result = judged(tmp_path, gate("twin_compared", source="canary", at_least=D("0.8")), twin=None)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.measured.words == "no directory of source twin"
