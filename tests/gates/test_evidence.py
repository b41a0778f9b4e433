"""Evidence from real records: what the journal wrote is measured, verified first, of one bundle only. Rules have bad twins."""

import json
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from analysis import gate_verified
from analysis.evidence import Evidence, gather
from analysis.gate_source import FRESH, KEPT, NONE, covered_ns
from lakehouse.layout import Layout
from orders.canonical import sha256_hex
from orders.gates import DAY_NS, Gate, GateResult, GatesFile, Verdict
from orders.promotion import STEPS
from tests.gates.made import BEGIN_NS, BUNDLE, CODE, Made, made_record

D = Decimal
NOW = BEGIN_NS + 20 * DAY_NS
GOOD = Made(worse_bps=D(1), late_ms=5)


def gate(metric: str, *, source: str = "shadow", **fields: object) -> Gate:
    bounds = {} if {"at_most", "at_least"} & fields.keys() else {"at_most": D(1_000)}
    return Gate(name=metric, metric=metric, source=source, moves=("canary",), **{**bounds, **fields})  # type: ignore[arg-type]


def asked(*gates: Gate, sources: dict[str, Path], proof: str = FRESH, bundle: str = BUNDLE, now_ns: int = NOW) -> Evidence:
    file = GatesFile(sha256="9a" * 32, gates=gates, sources=sources, steps=STEPS, dwell_s=(60, 60, 60))
    return gather(file, bundle_sha256=bundle, code_sha256=CODE, sources={}, move="canary", now_ns=now_ns, proof=proof)


def one(metric: str, made: Made, tmp_path: Path, **fields: object) -> GateResult:
    record = made_record(tmp_path / "record", replace(made))
    (result,) = asked(gate(metric, **fields), sources={"shadow": record.directory}).results
    return result


VALUES = {
    "each manifest of a verified run": ("source_run_verified", GOOD, "1", {"at_least": D(1)}, "PASS"),
    "one that is not": ("source_run_verified", replace(GOOD, unproven=True), "0.5", {"at_least": D(1)}, "FAIL"),
    "plans near their targets": ("tracking_error", GOOD, "12.5", {"at_most": D(13)}, "PASS"),
    "plans far from them": ("tracking_error", GOOD, "12.5", {"at_most": D(12)}, "FAIL"),
    "a cost as forecast and a little": ("shortfall_over_forecast_bps", GOOD, "1", {"at_most": D(2)}, "PASS"),
    "a cost regression": ("shortfall_over_forecast_bps", replace(GOOD, worse_bps=D(30)), "30", {"at_most": D(2)}, "FAIL"),
    "answers in time": ("latency_over_forecast_ms", GOOD, "5", {"at_most": D(10)}, "PASS"),
    "answers late": ("latency_over_forecast_ms", replace(GOOD, late_ms=90), "90", {"at_most": D(10)}, "FAIL"),
    "nothing rejected": ("reject_rate", GOOD, "0", {"at_most": D("0.02")}, "PASS"),
    "a third rejected": ("reject_rate", replace(GOOD, rejected=67), "0.335", {"at_most": D("0.02")}, "FAIL"),
    "nothing denied": ("denial_rate", GOOD, "0", {"at_most": D("0.02")}, "PASS"),
    "a fifth denied": ("denial_rate", replace(GOOD, denied=40), "0.2", {"at_most": D("0.02")}, "FAIL"),
    "every order answered": ("unknown_rate", GOOD, "0", {"at_most": D("0.02")}, "PASS"),
    "a tenth unknown": ("unknown_rate", replace(GOOD, unknown=20), "0.1", {"at_most": D("0.02")}, "FAIL"),
    "books that agree": ("reconciliation_breaks", GOOD, "0", {"at_most": D(0)}, "PASS"),
    "a break": ("reconciliation_breaks", replace(GOOD, breaks=1), "1", {"at_most": D(0)}, "FAIL"),
    "ten days of running": ("burn_in", GOOD, "10", {"at_least": D(10)}, "PASS"),
    "not the eleventh": ("burn_in", GOOD, "10", {"at_least": D(11)}, "INCONCLUSIVE"),
    "a fifth of equity a day": ("turnover", GOOD, "0.0222", {"at_most": D("0.03")}, "PASS"),
    "more than a hundredth": ("turnover", GOOD, "0.0222", {"at_most": D("0.01")}, "FAIL"),
}


@pytest.mark.parametrize(("metric", "made", "value", "bounds", "verdict"), VALUES.values(), ids=VALUES)
def test_a_metric_is_what_the_lines_say(
    tmp_path: Path, metric: str, made: Made, value: str, bounds: dict[str, object], verdict: str
) -> None:
    result = one(metric, made, tmp_path, **bounds)
    assert result.verdict == verdict, result
    assert result.measured.value is not None
    assert round(result.measured.value, 4) == D(value)
    assert result.measured.orders == 200
    assert result.measured.first_ns == BEGIN_NS


def test_approvals_are_counted_of_the_live_record(tmp_path: Path) -> None:
    record = made_record(tmp_path / "good", replace(GOOD, kind="live"))
    bad = made_record(tmp_path / "bad", replace(GOOD, kind="live", approved=False))
    asks = gate("manifest_approved", source="canary", at_least=D(1))
    assert asked(asks, sources={"canary": record.directory}).results[0].verdict is Verdict.PASS
    assert asked(asks, sources={"canary": bad.directory}).results[0].verdict is Verdict.FAIL


def test_only_lines_of_the_bundle_count(tmp_path: Path) -> None:
    """A regression under another bundle, in the same log, is not this one's; and evidence begins anew with a bundle."""
    record = made_record(tmp_path / "record", replace(GOOD, runs=1, plans=5))
    other = replace(GOOD, bundle="b2" * 32, runs=1, plans=5, worse_bps=D(50), begin_ns=BEGIN_NS + 11 * DAY_NS)
    made_record(record.directory, other, first_run=1)
    asks = gate("shortfall_over_forecast_bps", at_most=D(2), min_orders=100)
    own = asked(asks, sources={"shadow": record.directory}).results[0]
    assert (own.verdict, own.measured.orders, own.measured.notional_base) == (Verdict.PASS, 100, D("10010.2"))
    theirs = asked(asks, sources={"shadow": record.directory}, bundle="b2" * 32).results[0]
    assert (theirs.verdict, theirs.measured.orders) == (Verdict.FAIL, 100)
    nobody = asked(asks, sources={"shadow": record.directory}, bundle="b3" * 32).results[0]
    assert (nobody.verdict, nobody.missing) == (Verdict.INCONCLUSIVE, ("shadow has no line of this bundle yet",))


def test_a_record_that_does_not_verify_is_no_evidence_and_never_will_be(tmp_path: Path) -> None:
    record = made_record(tmp_path / "record", replace(GOOD))
    sources = {"shadow": record.directory}
    asks = gate("reject_rate", at_most=D("0.02"))
    assert asked(asks, sources=sources).results[0].verdict is Verdict.PASS
    log = record.log.read_bytes()
    record.log.write_bytes(log.replace(b'"price":"100.5', b'"price":"100.4', 1))
    for proof in (FRESH, KEPT):
        evidence = asked(asks, sources=sources, proof=proof)
        assert evidence.results[0].verdict is Verdict.INCONCLUSIVE
        assert "does not verify" in evidence.results[0].never
        assert "does not verify" in evidence.sources[0].problem
    assert not evidence.allows


@pytest.mark.parametrize("made", ["nothing", "a directory", "an empty log"])
def test_a_source_that_is_not_there_is_told(tmp_path: Path, made: str) -> None:
    directory = tmp_path / "record"
    if made != "nothing":
        directory.mkdir()
    if made == "an empty log":
        (directory / "execution_logs.jsonl").touch()
    (result,) = asked(gate("reject_rate"), sources={"shadow": directory}).results
    assert (result.verdict, result.never) == (Verdict.INCONCLUSIVE, "")
    assert "no evidence in shadow" in result.missing[0]


def test_a_source_nobody_named_is_never() -> None:
    (result,) = (evidence := asked(gate("reject_rate"), sources={})).results
    assert "--source shadow=DIR" in result.never
    assert not evidence.allows


def test_evidence_says_what_it_is_of(tmp_path: Path) -> None:
    record = made_record(tmp_path / "record", replace(GOOD))
    evidence = asked(gate("reject_rate", at_most=D("0.02")), sources={"shadow": record.directory})
    (facts,) = evidence.sources
    assert evidence.allows
    assert (facts.name, facts.directory, facts.runs, facts.problem) == ("shadow", str(record.directory), 2, "")
    assert facts.ledger_lines == len(record.ledger.read_bytes().splitlines())
    assert facts.log_lines == facts.proven_line == len(record.log.read_bytes().splitlines())
    assert len(facts.ledger_root) == 64
    assert sha256_hex(evidence.data()) == evidence.sha256
    document = json.loads(evidence.data())
    assert document["results"][0]["verdict"] == "PASS"
    assert document["sources"][0]["ledger_root"] == facts.ledger_root


def test_the_same_record_is_the_same_evidence(tmp_path: Path) -> None:
    record = made_record(tmp_path / "record", replace(GOOD))
    asks = [gate("shortfall_over_forecast_bps"), gate("latency_over_forecast_ms"), gate("reject_rate")]
    first, second = (asked(*asks, sources={"shadow": record.directory}) for _ in range(2))
    assert first.sha256 == second.sha256


def test_no_gate_at_all_allows_nothing(tmp_path: Path) -> None:
    assert not asked(sources={}).allows
    assert not asked(gate("reject_rate", dry_run=True), sources={}).allows


def test_a_pause_of_more_than_a_day_is_no_evidence(tmp_path: Path) -> None:
    day = DAY_NS
    assert covered_ns([(0, day), (day + 5, 3 * day)]) == 3 * day
    assert covered_ns([(0, day), (3 * day, 4 * day)]) == 2 * day
    assert covered_ns([(0, day), (3 * day, 4 * day)], from_ns=3 * day + day // 2) == day // 2
    record = made_record(tmp_path / "record", replace(GOOD, runs=1, plans=5, days=D(5)))
    made_record(record.directory, replace(GOOD, runs=1, plans=5, days=D(5), begin_ns=BEGIN_NS + 12 * DAY_NS), first_run=1)
    (result,) = asked(gate("burn_in", at_least=D(1)), sources={"shadow": record.directory}).results
    assert round(result.measured.days, 3) == 10


# --- proofs that are kept ---


def test_a_kept_proof_stands_while_nothing_changed(tmp_path: Path) -> None:
    """Seen by what it says of a directory whose record was altered without a trace in inode, size and times: FRESH sees it."""
    record = made_record(tmp_path / "record", replace(GOOD))
    proof = gate_verified.proof_of(record)
    assert proof == gate_verified.proof_of(record, fresh=True)
    kept = record.log.with_name(record.log.name + ".parquet") / gate_verified.KEPT
    told = json.loads(kept.read_bytes())
    told["proof"]["log_lines"] = 7
    kept.write_text(json.dumps(told))
    assert gate_verified.proof_of(record).log_lines == 7
    assert gate_verified.proof_of(record, fresh=True).log_lines == proof.log_lines
    os.utime(record.ledger)
    told["proof"]["log_lines"] = 8
    kept.write_text(json.dumps(told))
    assert gate_verified.proof_of(record).log_lines == proof.log_lines


def test_a_long_record_that_only_grew_is_proven_as_far_as_it_was(tmp_path: Path) -> None:
    record = made_record(tmp_path / "record", replace(GOOD, plans=40, runs=1))
    proof = gate_verified.proof_of(record, long_bytes=100_000)
    made_record(record.directory, replace(GOOD, plans=1, runs=1, begin_ns=BEGIN_NS + 10 * DAY_NS), first_run=1)
    assert gate_verified.proof_of(record, long_bytes=100_000) == proof
    assert gate_verified.proof_of(record, fresh=True).log_lines > proof.log_lines
    made_record(record.directory, replace(GOOD, plans=20, runs=1, begin_ns=BEGIN_NS + 11 * DAY_NS), first_run=2)
    assert gate_verified.proof_of(record, long_bytes=100_000).log_lines > proof.log_lines  # by more than a tenth


def test_a_long_record_whose_end_was_another_is_verified_anew(tmp_path: Path) -> None:
    record = made_record(tmp_path / "record", replace(GOOD, plans=40, runs=1))
    assert not gate_verified.proof_of(record, long_bytes=100_000).problem
    log = record.log.read_bytes()
    at = log.rindex(b'"price":"') + len(b'"price":"')
    with record.log.open("r+b") as file:
        file.seek(at)
        file.write(b"2")
    made_tail(record)
    assert gate_verified.proof_of(record, long_bytes=100_000).problem


def made_tail(record: Layout) -> None:
    """Let the log grow by a torn line, so that its size is another."""
    with record.log.open("ab") as file:
        file.write(b"{")


def test_a_run_asks_of_itself_without_a_proof(tmp_path: Path) -> None:
    record = made_record(tmp_path / "record", replace(GOOD), ends=False)
    evidence = asked(gate("reject_rate", at_most=D("0.02")), sources={"shadow": record.directory}, proof=NONE)
    assert evidence.results[0].verdict is Verdict.PASS
    assert evidence.sources[0].proven_line == 0


def test_of_a_step_only_what_came_since_counts(tmp_path: Path) -> None:
    """A regression before the last move was that step's; the manifest that was accepted before still counts."""
    record = made_record(tmp_path / "record", replace(GOOD, kind="live", runs=1, plans=5, worse_bps=D(50), days=D(5)))
    later = replace(GOOD, kind="live", runs=1, plans=5, days=D(5), begin_ns=BEGIN_NS + 5 * DAY_NS)
    made_record(record.directory, later, first_run=1)
    asks = gate("shortfall_over_forecast_bps", source="canary", at_most=D(2))
    approved = gate("manifest_approved", source="canary", at_least=D(1))
    file = GatesFile(
        sha256="9a" * 32, gates=(asks, approved), sources={"canary": record.directory}, steps=STEPS, dwell_s=(0, 0, 0)
    )

    def found(since_ns: int | None) -> Evidence:
        said = {"bundle_sha256": BUNDLE, "code_sha256": CODE, "move": "canary", "now_ns": NOW}
        return gather(file, sources={}, since_ns=since_ns, **said)  # type: ignore[arg-type]

    assert [result.verdict.value for result in found(None).results] == ["FAIL", "PASS"]
    cost, seen = found(BEGIN_NS + 5 * DAY_NS).results
    assert (cost.verdict, cost.measured.orders, seen.verdict) == (Verdict.PASS, 100, Verdict.PASS)
    assert cost.measured.first_ns == BEGIN_NS + 5 * DAY_NS
    (nothing, _) = found(NOW).results
    assert nothing.missing == ("canary has no line of this bundle since its last move yet",)
