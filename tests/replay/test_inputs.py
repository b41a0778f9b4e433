"""What a run worked on is kept, proven by verify, and refused where it is not what it was, each by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lakehouse.layout import Layout
from lakehouse.manifest import ManifestHeld
from lakehouse.run_inputs import InputFile, InputsWriter, Published, judged_bytes, judged_of, read_input, read_list
from lakehouse.verifier import verify
from orders.canonical import sha256_hex
from orders.errors import InputError, SluiceError
from sim.recorded_run import read_run

HELD = ManifestHeld(code="MANIFEST_EMPTY", message="nothing", manifest_sha256=None, written_ns=5)


@pytest.fixture
def record(day: Any, tmp_path: Path) -> Layout:
    """A copy of the recorded day, to be spoilt."""
    shutil.copytree(day[0].lakehouse, tmp_path / "lakehouse")
    return Layout(tmp_path / "lakehouse")


def kept(layout: Layout) -> Any:
    run = read_run(layout, None)
    return read_list(layout, run_id=run.start.run_id, sha256=None)


def test_a_run_keeps_its_config_map_limits_and_every_manifest_it_read(day: Any) -> None:
    world, ran, run = day
    lines = kept(world.layout)
    files = {one.kind: read_input(world.layout, one.sha256) for one in lines if isinstance(one, InputFile)}
    assert files.keys() == {"config", "symbols", "market_limits"}
    assert files["config"] == world.config_path.read_bytes()
    assert sha256_hex(files["config"]) == run.start.config_sha256
    shas = [one.manifest_sha256 for one in lines if isinstance(one, Published)]
    assert shas == [line["manifest_sha256"] for line in ran.of("manifest")]
    assert [json.loads(read_input(world.layout, sha))["winners"][0]["rank"] for sha in shas if sha] == [1, 1]


def spoil(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2] + b"!!")


def listed(layout: Layout, kind: str) -> Path:
    return next(layout.inputs / one.sha256 for one in kept(layout) if isinstance(one, InputFile) and one.kind == kind)


def first_manifest(layout: Layout) -> Path:
    return next(layout.inputs / one.manifest_sha256 for one in kept(layout) if isinstance(one, Published) and one.manifest_sha256)


def judgement(layout: Layout) -> Path:
    return next(layout.inputs / one.judged_sha256 for one in kept(layout) if isinstance(one, Published))


def the_list(layout: Layout) -> Path:
    return next(layout.inputs.glob("*.jsonl"))


def quotes(layout: Layout) -> Path:
    return next(layout.top_of_book.glob("*.parquet"))


@pytest.mark.parametrize(
    ("which", "code"),
    [
        (lambda layout: listed(layout, "config"), "INPUT_ALTERED"),
        (lambda layout: listed(layout, "market_limits"), "INPUT_ALTERED"),
        (first_manifest, "INPUT_ALTERED"),
        (judgement, "INPUT_ALTERED"),
        (the_list, "INPUTS_ALTERED"),
        (quotes, "MARKET_ALTERED"),
    ],
    ids=["config", "limits", "manifest", "judgement", "the list", "quotes"],
)
def test_verify_finds_an_altered_input(which: Any, code: str, record: Layout) -> None:
    spoil(which(record))
    report = verify(record.directory)
    assert report.first_bad is not None
    assert report.first_bad.code == code


@pytest.mark.parametrize(
    ("which", "code"), [(first_manifest, "INPUT_MISSING"), (the_list, "INPUTS_MISSING")], ids=["a manifest", "the list"]
)
def test_verify_and_replay_say_which_input_is_gone(which: Any, code: str, record: Layout) -> None:
    which(record).unlink()
    report = verify(record.directory)
    assert report.first_bad is not None
    assert report.first_bad.code == code
    with pytest.raises(SluiceError, match=code):
        read_run(record, None)


def test_quotes_that_are_gone_are_noted_and_break_nothing(record: Layout) -> None:
    quotes(record).unlink()
    report = verify(record.directory)
    assert report.ok
    assert any("cannot be replayed" in note for note in report.notes)


def test_a_record_whose_inputs_are_whole_verifies(record: Layout) -> None:
    """The good twin."""
    assert verify(record.directory).ok


@pytest.mark.parametrize(
    ("run_id", "code"), [("another", "RUN_UNKNOWN"), (None, "VANISHED")], ids=["an id that is not there", "an empty record"]
)
def test_a_run_that_is_not_there_is_refused_by_name(run_id: Any, code: str, record: Layout, tmp_path: Path) -> None:
    layout = record if run_id else Layout(tmp_path / "empty")
    with pytest.raises(SluiceError, match=code):
        read_run(layout, run_id)


def test_a_backtest_and_a_run_from_before_inputs_were_kept_are_refused(tmp_path: Path) -> None:
    from tests.gate.world import run_backtest
    from tests.parity.test_made_day import made_day, manifests

    world = made_day(tmp_path / "world")
    run_backtest(world, manifests(world))
    layout = Layout(world.root / "backtest")
    with pytest.raises(InputError, match="RUN_NOT_SHADOW"):
        read_run(layout, None)
    text = layout.log.read_text().replace('"kind":"backtest"', '"kind":"shadow"')
    bare = Layout(tmp_path / "bare")
    bare.create()
    bare.log.write_text("".join(line + "\n" for line in text.splitlines()[:1]))
    shutil.copy(layout.ledger, bare.ledger)
    bare.ledger.write_bytes(layout.ledger.read_bytes().split(b"\n")[0] + b"\n")
    with pytest.raises(InputError, match=r"INPUTS_NOT_KEPT.*older one cannot be replayed"):
        read_run(bare, None)


def test_bytes_are_kept_once_and_a_judgement_reads_back(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    writer = InputsWriter(layout, run_id="run")
    assert writer.put(b"x") == writer.put(b"x") == sha256_hex(b"x")
    writer.published(HELD, ts_ns=7)
    _, line = read_list(layout, run_id="run", sha256=writer.sha256)
    assert isinstance(line, Published)
    assert (line.ts_ns, judged_of(read_input(layout, line.judged_sha256))) == (7, HELD)
    assert len(list(layout.inputs.iterdir())) == 3
    with pytest.raises(InputError, match="RUN_ID_USED"):
        InputsWriter(layout, run_id="run")


def test_a_judgement_of_every_field_reads_back_as_it_was(day: Any) -> None:
    _, _, run = day
    outcomes = [outcome for _, outcome in run.published]
    assert [type(outcome).__name__ for outcome in outcomes] == ["ManifestHeld", "AuditedManifest", "AuditedManifest"]
    assert [judged_of(judged_bytes(outcome)) for outcome in outcomes] == outcomes


def test_a_torn_last_line_of_a_run_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    writer = InputsWriter(layout, run_id="run")
    writer.market(name="a.parquet", sha256="0" * 64, rows=1)
    with (layout.inputs / "run.jsonl").open("ab") as file:
        file.write(b'{"type":"quo')
    assert len(read_list(layout, run_id="run", sha256=None)) == 2
    with pytest.raises(InputError, match="INPUTS_ALTERED"):
        read_list(layout, run_id="run", sha256=writer.sha256)


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b'{"decision":"ACCEPTED","outcome":{}}'], ids=["empty", "no fields", "a list", "no outcome"]
)
def test_a_judgement_that_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError, match="INPUT_MALFORMED"):
        judged_of(raw)


def test_no_name_from_a_list_leads_out_of_the_record(record: Layout) -> None:
    from lakehouse.run_inputs import MarketFile, missing_quotes

    with pytest.raises(InputError, match="UNSAFE_NAME"):
        missing_quotes(record, [MarketFile(name="../x", sha256="0" * 64, rows=1)])
