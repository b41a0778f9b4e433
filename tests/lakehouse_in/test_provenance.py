"""Grades of a research run: each check holds the grade down by itself and is named."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lakehouse.manifest import AuditedManifest, ManifestRefused
from lakehouse.provenance import Provenance, ProvenancePolicy, grade_run
from orders.errors import ConfigError
from orders.values import Grade

if TYPE_CHECKING:
    from conftest import Lake

BARBELL = ("custom", "barbell")
HEAD = "abbbb8f4d938cd35d6eae69ebb6456fb2a025a7ab5dace9ef6b96880d9382fd3"


def graded(lake: Lake, source_run: str | None = None, winners: tuple[tuple[str, str], ...] = (BARBELL,)) -> Provenance:
    return grade_run(source_run or lake.run, winners=winners, policy=lake.provenance())


def test_a_run_that_passes_every_check_is_verified(lake: Lake) -> None:
    proven = graded(lake, winners=(BARBELL, ("riskfolio", "hrp")))
    assert (proven.grade, proven.run_ledger_head, proven.failures) == (Grade.VERIFIED, HEAD, ())
    assert proven.ledger_sha256 == hashlib.sha256(lake.ledger.read_bytes()).hexdigest()
    assert [name for name, _, _ in proven.checks] == [
        "run_id_form",
        "run_exists",
        "run_contained",
        "ledger_exists",
        "ledger_chain",
        "genesis_run_id",
        "candidates_file",
        "candidate_pair",
        "candidate_flag",
        "candidate_pair",
        "candidate_flag",
        "success_outcome",
    ]


def chain(*records: dict[str, object]) -> str:
    prev, lines = "0" * 64, []
    for body in records:
        record = {**body, "prev_hash": prev}
        prev = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
        lines.append(json.dumps({**record, "hash": prev}) + "\n")
    return "".join(lines)


def outcome(step: str, status: str = "success") -> dict[str, object]:
    return {"type": "action", "status": status, "step": step, "outcome": {"output_hashes": {}, "metrics": {}}}


def genesis(run_id: str) -> dict[str, object]:
    return {"type": "genesis", "run_id": run_id}


def ledger_of(*records: dict[str, object]) -> Callable[[Lake], object]:
    return lambda lake: lake.ledger.write_text(chain(*records))


def candidates_of(text: str) -> Callable[[Lake], object]:
    return lambda lake: lake.candidates.write_text(text)


def run_elsewhere(lake: Lake) -> None:
    shutil.move(lake.runs / lake.run, lake.root / "elsewhere")
    (lake.runs / lake.run).symlink_to(lake.root / "elsewhere")


def run_is_a_neighbour(lake: Lake) -> None:
    shutil.move(lake.runs / lake.run, lake.runs / "other")
    (lake.runs / lake.run).symlink_to("other")


def run_is_a_loop(lake: Lake) -> None:
    shutil.rmtree(lake.runs / lake.run)
    (lake.runs / lake.run).symlink_to(lake.run)


def ledger_elsewhere(lake: Lake) -> None:
    shutil.move(lake.ledger, lake.root / "audit.jsonl")
    lake.ledger.symlink_to(lake.root / "audit.jsonl")


def candidates_elsewhere(lake: Lake) -> None:
    shutil.move(lake.candidates, lake.root / "candidates.csv")
    lake.candidates.symlink_to(lake.root / "candidates.csv")


def ledger_is_a_pipe(lake: Lake) -> None:
    lake.ledger.unlink()
    os.mkfifo(lake.ledger)


@pytest.mark.parametrize(
    ("spoil", "grade", "check"),
    [
        (lambda lake: shutil.rmtree(lake.runs), Grade.ABSENT, "run_exists"),
        (lambda lake: shutil.rmtree(lake.runs / lake.run), Grade.ABSENT, "run_exists"),
        (lambda lake: lake.ledger.unlink(), Grade.ABSENT, "ledger_exists"),
        (run_elsewhere, Grade.BROKEN, "run_contained"),
        (run_is_a_neighbour, Grade.BROKEN, "run_contained"),
        (run_is_a_loop, Grade.BROKEN, "run_exists"),
        (ledger_elsewhere, Grade.BROKEN, "ledger_exists"),
        (ledger_is_a_pipe, Grade.BROKEN, "ledger_exists"),
        (lambda lake: lake.ledger.write_bytes(b""), Grade.BROKEN, "ledger_chain"),
        (lambda lake: lake.ledger.write_bytes(lake.ledger.read_bytes().replace(b"0.25", b"0.26")), Grade.BROKEN, "ledger_chain"),
        (ledger_of(genesis("another"), outcome("optimize_hrp")), Grade.BROKEN, "genesis_run_id"),
        (ledger_of(genesis("20260106-prod-q1"), genesis("x"), outcome("validation")), Grade.BROKEN, "genesis_run_id"),
        (ledger_of(genesis("20260106-prod-q1")), Grade.LEDGER_ONLY, "success_outcome"),
        (ledger_of(outcome("optimize_hrp", "failure")), Grade.LEDGER_ONLY, "success_outcome"),
        (ledger_of(outcome("discovery_scan"), outcome("backtest_select")), Grade.LEDGER_ONLY, "success_outcome"),
        (lambda lake: lake.candidates.unlink(), Grade.LEDGER_ONLY, "candidates_file"),
        (candidates_elsewhere, Grade.LEDGER_ONLY, "candidates_file"),
        (lambda lake: lake.candidates.write_bytes(b"\xff"), Grade.LEDGER_ONLY, "candidates_file"),
        (candidates_of('engine,profile,is_candidate\n"custom"x,barbell,True\n'), Grade.LEDGER_ONLY, "candidates_file"),
        (candidates_of(""), Grade.LEDGER_ONLY, "candidate_pair"),
        (candidates_of("engine,profile,is_candidate\ncustom,hrp,1\nskfolio,barbell,1\n"), Grade.LEDGER_ONLY, "candidate_pair"),
        (candidates_of("engine,profile,is_candidate\ncustom,barbell,False\n"), Grade.LEDGER_ONLY, "candidate_flag"),
        (candidates_of("engine,profile,is_candidate\ncustom,barbell,\n"), Grade.LEDGER_ONLY, "candidate_flag"),
        (candidates_of("engine,profile,is_candidate\ncustom,barbell\n"), Grade.LEDGER_ONLY, "candidate_flag"),
        (candidates_of("engine,profile\ncustom,barbell\n"), Grade.LEDGER_ONLY, "candidate_flag"),
    ],
    ids=[
        "no runs",
        "no run",
        "no ledger",
        "run is a link out",
        "run is a link to its neighbour",
        "run is a loop",
        "ledger is a link out",
        "ledger is a pipe",
        "empty ledger",
        "edited ledger",
        "another run's genesis",
        "second genesis of another run",
        "no outcome",
        "optimisation failed",
        "other steps only",
        "no candidates",
        "candidates are a link out",
        "candidates are no text",
        "candidates are no CSV",
        "candidates are empty",
        "pair split over rows",
        "not a candidate",
        "flag empty",
        "row short",
        "no flag column",
    ],
)
def test_one_missing_sign_holds_the_grade_down_and_is_named(
    lake: Lake, spoil: Callable[[Lake], object], grade: Grade, check: str
) -> None:
    spoil(lake)
    proven = graded(lake)
    assert (proven.grade, proven.failures[0][0]) == (grade, check)
    refused = lake.outcome(grade_min=Grade.VERIFIED)
    assert isinstance(refused, ManifestRefused)
    assert (refused.code, refused.grade) == ("PROVENANCE_BELOW_MINIMUM", grade)
    assert check in refused.message
    accepted = lake.outcome(grade_min=grade)
    assert isinstance(accepted, AuditedManifest)
    assert accepted.grade is grade


@pytest.mark.parametrize("source_run", ["..", "../20260106-prod-q1", "a/b", "", "a b", "run\n", "x" * 129, "rün", "."])
def test_a_name_that_is_no_run_id_never_reaches_the_disk(lake: Lake, source_run: str) -> None:
    proven = grade_run(source_run, winners=(BARBELL,), policy=lake.provenance())
    assert (proven.grade, [name for name, _, _ in proven.checks]) == (Grade.ABSENT, ["run_id_form"])


@pytest.mark.parametrize("flag", ["True", "true", "1"])
def test_each_way_to_write_true_counts(lake: Lake, flag: str) -> None:
    lake.candidates.write_text(f"profile,is_candidate,engine\nbarbell,False,custom\nbarbell,{flag},custom\n")
    assert graded(lake).grade is Grade.VERIFIED


@pytest.mark.parametrize("step", ["optimize_hrp", "meta_optimize_x", "backtest_optimize", "validation", "optimization"])
def test_each_kind_of_deciding_step_counts_without_any_genesis(lake: Lake, step: str) -> None:
    lake.ledger.write_text(chain(outcome("data_prep"), outcome(step)))
    assert graded(lake).grade is Grade.VERIFIED


def test_two_geneses_of_the_run_are_no_fault(lake: Lake) -> None:
    lake.ledger.write_text(chain(genesis(lake.run), outcome("data_prep"), genesis(lake.run), outcome("optimize_hrp")))
    assert graded(lake).grade is Grade.VERIFIED


def test_every_winner_must_be_a_candidate(lake: Lake) -> None:
    proven = graded(lake, winners=(BARBELL, ("custom", "hrp")))
    assert proven.grade is Grade.LEDGER_ONLY
    assert proven.failures == (("candidate_pair", False, "custom/hrp in 0 rows"),)


@pytest.mark.parametrize(
    ("returns_hash", "found"), [("9eb1e9f6c2870b3c782b589f421b35cebe0472af1c5a300317cef1f061ef1ab9", True), ("0" * 64, False)]
)
def test_the_returns_hash_is_noted_and_does_not_count(lake: Lake, returns_hash: str, found: bool) -> None:
    proven = grade_run(lake.run, winners=(BARBELL,), policy=lake.provenance(), returns_hashes=[returns_hash])
    assert proven.checks[-1] == ("returns_hash_in_ledger", found, returns_hash)
    assert proven.grade is Grade.VERIFIED


@pytest.mark.parametrize("directory", ["", "a\0b"])
def test_a_policy_without_a_runs_directory_is_a_config_error(directory: str) -> None:
    with pytest.raises(ConfigError, match="RUNS_DIRECTORY"):
        ProvenancePolicy(runs_directory=directory, grade_min=Grade.VERIFIED)
