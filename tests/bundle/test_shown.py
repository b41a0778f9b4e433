"""Where a bundle is said: every line of a log is of the run whose first line names it, and all that is told of a run tells it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from lakehouse.rebuild import LogFold, check_passed, decode_line
from lakehouse.records import RunStart
from lakehouse.verifier import verify
from orders.errors import RecordCorrupt
from tests.bundle.made import ROOT, shipped

DAYS = {"start": "2022-03-29", "end": "2022-04-08"}  # with the manifest of 31 March


class Record:
    """A backtest under its bundle, and what a command says of it."""

    def __init__(self, directory: Path, sha256: str) -> None:
        self.directory = directory
        self.sha256 = sha256
        self.lines = [json.loads(raw) for raw in (directory / "execution_logs.jsonl").read_text().splitlines()]

    def first(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = next(line for line in self.lines if line["type"] == kind)
        return found


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    root = tmp_path_factory.mktemp("bundled")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        config = shipped(root, "backtest.toml", **DAYS)
        assert run(["bundle", "create", str(config), "--json"]) == 0
        (made,) = (root / "lake/bundles").iterdir()
        words = [
            "backtest",
            str(config),
            "--output",
            str(root / "record"),
            "--no-stress",
            "--no-tearsheet",
            "--bundle",
            made.name,
        ]
        assert run(words) == 0
    return Record(root / "record", made.name)


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def told(capfd: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> str:
    capfd.readouterr()
    assert run([str(word) for word in words]) == code
    return capfd.readouterr().out


def test_a_record_keeps_the_bundle_it_was_held_to(record: Record, capfd: pytest.CaptureFixture[str]) -> None:
    assert [path.name for path in (record.directory / "bundles").iterdir()] == [record.sha256]
    assert "parts are as their hashes say" in told(capfd, "bundle", "verify", record.sha256[:8], "--lakehouse", record.directory)


def test_every_line_leads_to_one_bundle_by_its_run(record: Record) -> None:
    bundles = {line["run_id"]: line["bundle_sha256"] for line in record.lines if line["type"] == "run_start"}
    assert set(bundles.values()) == {record.sha256}
    assert {line["type"] for line in record.lines} >= {"plan", "verdict", "intent", "send", "fill"}
    assert {bundles[line["run_id"]] for line in record.lines} == {record.sha256}
    assert {line["limits_sha256"] for line in record.lines if line["type"] in ("verdict", "fill")} == {
        json.loads((record.directory / "bundles" / record.sha256 / "bundle.json").read_text())["parts"]["limits"]["sha256"]
    }


def test_status_says_it(record: Record, capfd: pytest.CaptureFixture[str]) -> None:
    assert f"bundle {record.sha256}" in told(capfd, "status", "--lakehouse", record.directory)
    assert json.loads(told(capfd, "status", "--lakehouse", record.directory, "--json"))["run"]["bundle_sha256"] == record.sha256


def test_explain_says_it(record: Record, capfd: pytest.CaptureFixture[str]) -> None:
    order = record.first("intent")["client_order_id"]
    assert f"bundle {record.sha256}" in told(capfd, "sentinel", "explain", order, "--lakehouse", record.directory)
    document = json.loads(told(capfd, "sentinel", "explain", order, "--lakehouse", record.directory, "--json"))
    assert document["bundle_sha256"] == record.sha256


def steps(step: dict[str, Any]) -> list[dict[str, Any]]:
    return [step, *(one for below in step["below"] for one in steps(below))]


def test_trace_holds_the_bundle_of_an_order_against_its_parts(record: Record, capfd: pytest.CaptureFixture[str]) -> None:
    order = record.first("fill")["client_order_id"]
    document = json.loads(told(capfd, "trace", order, "--lakehouse", record.directory, "--json"))
    found = [step for root in document["chain"] for step in steps(root)]
    (plan,) = (step for step in found if step["kind"] == "plan")
    (link,) = (link for link in plan["links"] if link["what"] == "bundle")
    assert (link["stated"], link["state"]) == (record.sha256, "holds")
    assert {step["bundle_sha256"] for step in found if step["kind"] in ("order", "fill")} == {record.sha256}


def test_trace_says_that_a_part_differs_and_that_a_bundle_is_not_here(record: Record, capfd: pytest.CaptureFixture[str]) -> None:
    order = record.first("fill")["client_order_id"]
    bundles = record.directory / "bundles"
    part = next(path for path in (bundles / record.sha256).iterdir() if path.name != "bundle.json")
    kept = part.read_bytes()
    part.chmod(0o644)
    try:
        part.write_bytes(kept + b" ")
        assert re.search(
            r"differs  bundle .*BUNDLE_PART_ALTERED", told(capfd, "trace", order, "--lakehouse", record.directory, code=1)
        )
    finally:
        part.write_bytes(kept)
    bundles.rename(bundles.with_name("aside"))
    try:
        assert re.search(rf"not here bundle  {record.sha256}", told(capfd, "trace", order, "--lakehouse", record.directory))
    finally:
        bundles.with_name("aside").rename(bundles)


def test_a_report_says_it_in_every_form(record: Record, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = told(
        capfd, "report", "--lakehouse", record.directory, "--html", tmp_path / "a.html", "--csv", tmp_path / "csv", "--no-copy"
    )
    assert f"bundle  {record.sha256}" in out
    assert record.sha256 in (tmp_path / "a.html").read_text()
    with (tmp_path / "csv/runs.csv").open() as file:
        assert [row["bundle_sha256"] for row in csv.DictReader(file)] == [record.sha256]
    document = json.loads(told(capfd, "report", "--lakehouse", record.directory, "--json", "--no-copy"))
    assert record.sha256 in json.dumps(document["report"]["runs"])


def test_the_runs_of_a_bundle_are_listed_and_those_of_another_are_not(record: Record, capfd: pytest.CaptureFixture[str]) -> None:
    where = ("--lakehouse", record.directory)
    (one,) = json.loads(told(capfd, "bundle", "runs", record.sha256[:6], *where, "--json"))["runs"]
    assert (one["bundle_sha256"], one["kind"], one["log_line"], one["cause"]) == (record.sha256, "backtest", 1, "finished")
    assert one["last_line"] == len(record.lines)
    assert record.sha256 in told(capfd, "bundle", "runs", *where)
    other = "0000" if not record.sha256.startswith("0000") else "1111"
    assert "no run of this log" in told(capfd, "bundle", "runs", other, *where)
    told(capfd, "bundle", "runs", "nonsense", *where, code=2)


def folded(lines: list[dict[str, Any]]) -> LogFold:
    fold = LogFold()
    for line in lines:
        fold.apply(decode_line(json.dumps(line).encode()))
    return fold


@pytest.mark.parametrize("kind", ["cycle", "plan", "intent", "verdict", "send", "fill"])
def test_a_line_under_another_runs_name_is_a_contradiction(record: Record, kind: str) -> None:
    """It would be of another bundle, or of none."""
    lines = [line | ({"run_id": "another"} if line["type"] == kind else {}) for line in record.lines]
    with pytest.raises(RecordCorrupt) as refused:
        folded(lines)
    assert refused.value.code == "RUN_MIXED"
    assert verify(record.directory).ok


@pytest.mark.parametrize("kind", ["plan", "intent", "verdict", "fill"])
def test_a_line_names_its_runs_bundle_and_one_of_another_is_a_contradiction(record: Record, kind: str) -> None:
    assert {line["bundle_sha256"] for line in record.lines if line["type"] == kind} == {record.sha256}
    folded([line | ({"bundle_sha256": None} if line["type"] == kind else {}) for line in record.lines])  # an older log
    with pytest.raises(RecordCorrupt) as refused:
        folded([line | ({"bundle_sha256": "0" * 64} if line["type"] == kind else {}) for line in record.lines])
    assert refused.value.code == "BUNDLE_MIXED"


@pytest.mark.parametrize("kind", ["plan", "verdict"])
def test_of_two_that_verify_together_one_sees_a_line_of_another_bundle(record: Record, kind: str) -> None:
    run = decode_line(json.dumps(record.first("run_start")).encode())
    line = record.first(kind) | {"bundle_sha256": "0" * 64}
    raw = json.dumps(line).encode()
    assert isinstance(run, RunStart)
    with pytest.raises(RecordCorrupt) as refused:
        check_passed(decode_line(raw), raw, number=line["seq"], run=run)
    assert refused.value.code == "BUNDLE_MIXED"
    with pytest.raises(RecordCorrupt, match="no run"):
        check_passed(decode_line(raw), raw, number=line["seq"], run=None)


def test_a_run_of_two_bundles_is_a_contradiction(record: Record) -> None:
    start = record.first("run_start")
    again = start | {"seq": 2, "starting_cash": None}
    assert folded([start, again]).bundles == {start["run_id"]: record.sha256}
    with pytest.raises(RecordCorrupt) as refused:
        folded([start, again | {"bundle_sha256": "0" * 64}])
    assert refused.value.code == "BUNDLE_TWICE"


def test_a_log_of_before_there_were_bundles_is_read_as_ever(record: Record) -> None:
    old = [{name: value for name, value in line.items() if name != "bundle_sha256"} for line in record.lines]
    fold = folded([line | ({"run_id": "another"} if line["type"] == "fill" else {}) for line in old])
    assert fold.run is not None
    assert fold.run.bundle_sha256 is None
    assert fold.fill_count == sum(line["type"] == "fill" for line in record.lines) > 0
