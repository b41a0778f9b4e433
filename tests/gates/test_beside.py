"""Evidence that is not in a run's own lines: drills of this code, replays of the bundle's runs, the age of its market limits."""

import json
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.evidence import gather
from analysis.replay_cause import Cause
from analysis.replay_diff import Difference
from analysis.replay_result import Budget, ReplayResult, result_bytes
from commands.append_line import append_line
from lakehouse.layout import Layout
from lakehouse.records import DrillLine
from orders.gates import DAY_NS, Gate, GateResult, GatesFile, Verdict
from orders.promotion import STEPS
from tests.gates.made import BEGIN_NS, BUNDLE, CODE, Made, made_record

D = Decimal
NOW = BEGIN_NS + 12 * DAY_NS


def judged(metric: str, source: str, directory: Path, **bound: Decimal) -> GateResult:
    gate = Gate(name="g", metric=metric, source=source, moves=("canary",), **bound)  # type: ignore[arg-type]
    file = GatesFile(sha256="9" * 64, gates=(gate,), sources={source: directory}, steps=STEPS, dwell_s=(0, 0, 0))
    said: dict[str, Any] = {"bundle_sha256": BUNDLE, "code_sha256": CODE, "move": "canary", "now_ns": NOW}
    return gather(file, sources={}, **said).results[0]


# --- drills ---


def drill(directory: Path, *, kind: str = "halt", passed: bool = True, code: str = CODE) -> Layout:
    now = time.time_ns()
    line = DrillLine(
        ts_ns=now, market_ns=now, run_id=f"drill-{now}", kind=kind, outcome="passed" if passed else "failed",
        problems=() if passed else ("an order was late",), venue="BINANCE", address="127.0.0.1:1", config_sha256="0" * 64,
        sluice_version="0", source_sha256=code, lock_sha256=None, hung=False, engine="answered", worked=1, left=0, late=0,
        blocked_ms=1, cancel_ms=1, flat_ms=1, confirmed_ms=1, bound_ms=None,
    )  # fmt: skip
    append_line(Layout(directory), line)
    return Layout(directory)


def test_a_drill_of_this_code_in_any_rehearsal_below_counts(tmp_path: Path) -> None:
    drill(tmp_path / "20261127-halt-drill" / "lakehouse")
    drill(tmp_path / "20261127-crash-drill" / "lakehouse", kind="crash")
    for metric in ("halt_drill_passed", "crash_drill_passed"):
        assert judged(metric, "rehearsal", tmp_path, at_least=D(1)).verdict is Verdict.PASS


def test_a_drill_of_other_code_or_of_another_kind_does_not(tmp_path: Path) -> None:
    drill(tmp_path / "one" / "lakehouse", code="d" * 64)
    drill(tmp_path / "two" / "lakehouse", kind="crash")
    result = judged("halt_drill_passed", "rehearsal", tmp_path, at_least=D(1))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.missing == ("no halt drill of this code; 1 of other code: `sluice halt --drill`",)


def test_the_last_drill_decides(tmp_path: Path) -> None:
    drill(tmp_path / "one" / "lakehouse")
    drill(tmp_path / "two" / "lakehouse", passed=False)
    failed = judged("halt_drill_passed", "rehearsal", tmp_path, at_least=D(1))
    assert (failed.verdict, failed.measured.words) == (Verdict.FAIL, "failed: an order was late")
    drill(tmp_path / "a-third" / "lakehouse")
    assert judged("halt_drill_passed", "rehearsal", tmp_path, at_least=D(1)).verdict is Verdict.PASS


def test_a_drill_whose_record_was_altered_is_none(tmp_path: Path) -> None:
    layout = drill(tmp_path / "one" / "lakehouse", passed=False)
    layout.log.write_bytes(layout.log.read_bytes().replace(b'"outcome":"failed"', b'"outcome":"passed"'))
    result = judged("halt_drill_passed", "rehearsal", tmp_path, at_least=D(1))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "does not verify" in result.missing[0]


# --- replays ---


def replayed(layout: Layout, run_id: str, **given: Any) -> None:
    """The result of a replay of a run, as `sluice replay` leaves it."""
    fields: dict[str, Any] = {
        "run_id": run_id, "environment": "made", "sluice_version": "0.1.0", "from_ns": BEGIN_NS, "to_ns": BEGIN_NS + 5 * DAY_NS,
        "market_speed": 1, "finished": True, "manifests": 1, "plans": 5, "plans_same": 5, "lines": 100, "lines_differing": 0,
        "orders": 100, "orders_differing": 0, "fills": 100, "orders_share": D(0), "lines_share": D(0), "price_max_bps": D(0),
        "planned_skew_us": None, "filled_skew_us": None, "causes": {cause.value: 0 for cause in Cause}, "differences": (),
        "left_out": 0, "manual": (), "remarks": (), "changed": {}, "budget": Budget(), "over": (), "bundle_sha256": BUNDLE,
    }  # fmt: skip
    layout.reports.mkdir(exist_ok=True)
    (layout.reports / f"replay-{run_id}.json").write_bytes(result_bytes(ReplayResult(**fields | given)))


@pytest.fixture
def shadow(tmp_path: Path) -> Layout:
    return made_record(tmp_path / "shadow", Made())


def test_replays_that_are_the_same_pass(shadow: Layout) -> None:
    replayed(shadow, "run-0")
    replayed(shadow, "run-1")
    same = judged("replay_differences", "replay", shadow.directory, at_most=D(0))
    assert (same.verdict, same.measured.orders, same.measured.days) == (Verdict.PASS, 200, 10)
    assert judged("parity", "replay", shadow.directory, at_most=D("0.01")).verdict is Verdict.PASS


def test_one_unexplained_difference_fails_and_an_explained_one_counts_for_parity(shadow: Layout) -> None:
    replayed(shadow, "run-0", orders_share=D("0.02"), causes={Cause.LATENCY.value: 2})
    assert judged("replay_differences", "replay", shadow.directory, at_most=D(0)).verdict is Verdict.PASS
    assert judged("parity", "replay", shadow.directory, at_most=D("0.01")).verdict is Verdict.FAIL
    replayed(shadow, "run-1", causes={Cause.UNEXPLAINED.value: 1})
    assert judged("replay_differences", "replay", shadow.directory, at_most=D(0)).verdict is Verdict.FAIL


def test_a_manifest_that_was_judged_otherwise_fails(shadow: Layout) -> None:
    words = {"symbol": "", "cycle": 1, "line": 0, "follows": "", "recorded": "ACCEPTED", "replayed": "REFUSED"}
    difference = Difference(key="m", stage="manifest", cause=Cause.DATA, **words)  # type: ignore[arg-type]
    replayed(shadow, "run-0", differences=(difference,))
    assert judged("replay_differences", "replay", shadow.directory, at_most=D(0)).verdict is Verdict.FAIL


def test_a_replay_of_a_run_the_log_does_not_know_or_of_another_bundle_is_none(shadow: Layout) -> None:
    replayed(shadow, "run-7")
    replayed(shadow, "run-0", bundle_sha256="b2" * 32)
    (shadow.reports / "replay-run-1.json").write_text("{}")
    result = judged("replay_differences", "replay", shadow.directory, at_most=D(0))
    assert (result.verdict, result.missing) == (
        Verdict.INCONCLUSIVE, ("no replay of a run of this bundle: `sluice replay`",),
    )  # fmt: skip


# --- market limits ---


def limits(as_of_ns: int) -> bytes:
    document = json.loads(Path("data/configs/rehearsal_limits.json").read_text())
    return json.dumps(document | {"as_of_ns": str(as_of_ns)}).encode()


def test_the_age_of_the_limits_is_that_of_the_last_run_s(tmp_path: Path) -> None:
    layout = made_record(tmp_path / "shadow", Made(runs=1, plans=5, limits=limits(NOW - 30 * DAY_NS)))
    old = judged("limits_age_days", "shadow", layout.directory, at_most=D(7))
    assert (old.verdict, old.measured.value) == (Verdict.FAIL, 30)
    newer = Made(runs=1, plans=1, limits=limits(NOW - 2 * DAY_NS), begin_ns=BEGIN_NS + 11 * DAY_NS, days=D("0.5"))
    made_record(layout.directory, newer, first_run=1)
    fresh = judged("limits_age_days", "shadow", layout.directory, at_most=D(7))
    assert (fresh.verdict, fresh.measured.value) == (Verdict.PASS, 2)


def test_limits_that_were_altered_or_not_kept_have_no_age(tmp_path: Path) -> None:
    bare = made_record(tmp_path / "bare", Made(runs=1))
    assert judged("limits_age_days", "shadow", bare.directory, at_most=D(7)).missing == ("run run-0 kept no inputs",)
    layout = made_record(tmp_path / "kept", Made(runs=1, limits=limits(NOW)))
    (kept,) = [path for path in layout.inputs.iterdir() if path.suffix != ".jsonl"]
    kept.write_bytes(limits(NOW + 1))
    assert "does not verify" in judged("limits_age_days", "shadow", layout.directory, at_most=D(7)).missing[0]


def test_what_cannot_be_reckoned_is_told_and_stops_nothing_else(tmp_path: Path) -> None:
    """Runs of two base currencies in one log: their costs have no sum."""
    layout = made_record(tmp_path / "shadow", replace(Made(), runs=1, plans=5))
    made_record(layout.directory, Made(runs=1, plans=1, base_currency="EUR", begin_ns=BEGIN_NS + 11 * DAY_NS), first_run=1)
    result = judged("shortfall_over_forecast_bps", "shadow", layout.directory, at_most=D(7))
    assert (result.verdict, result.missing) == (
        Verdict.INCONCLUSIVE, ("shortfall_over_forecast_bps of shadow: BASE_CURRENCIES, found EUR, USDT",),
    )  # fmt: skip
