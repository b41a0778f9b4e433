"""A recorded day closed into segments answers every question as it did before: report, replay, trace, controls, status."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from analysis.log_copy import copy_directory
from commands.main import run
from lakehouse.examine import examine
from lakehouse.layout import Layout, segment_path
from lakehouse.segments import closed_segments

Asked = tuple[Layout, Layout]


@pytest.fixture(scope="module")
def both(day: Any, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Two copies of the record: as it is, and closed into a segment."""
    root = tmp_path_factory.mktemp("rotated")
    one, rotated = Layout(root / "one"), Layout(root / "rotated")
    for layout in (one, rotated):
        shutil.copytree(day[0].lakehouse, layout.directory)
    assert run(["ledger", "rotate", "--lakehouse", str(rotated.directory)]) == 0
    return one, rotated


def answer(layout: Layout, words: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert run([*words, "--lakehouse", str(layout.directory), "--json"]) == 0, capsys.readouterr()
    return json.loads(capsys.readouterr().out.replace(str(layout.directory), "DIR"))


@pytest.mark.parametrize("words", [
    ["report"], ["report", "--no-copy"], ["replay"], ["sentinel", "explain", "ORDER"], ["trace", "ORDER"],
], ids=" ".join)  # fmt: skip
def test_the_same_is_answered_over_segments(words: list[str], both: Asked, day: Any, capsys: pytest.CaptureFixture[str]) -> None:
    order = next(line["client_order_id"] for line in day[0].lines() if line["type"] == "intent")
    asked = [order if word == "ORDER" else word for word in words]
    assert answer(both[1], asked, capsys) == answer(both[0], asked, capsys)


def test_status_and_coverage_count_one_line_more_and_say_the_same(both: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    one, rotated = (answer(layout, ["sentinel", "coverage"], capsys) for layout in both)
    assert rotated | {"lines": one["lines"]} == one
    assert rotated["lines"] == one["lines"] + 1
    one, rotated = (answer(layout, ["status"], capsys) for layout in both)
    for name in ("book", "plan", "halt", "sentinel", "flatten"):
        assert rotated[name] == one[name]
    assert (rotated["alarm"]["code"], rotated["run"]["run_id"]) == (one["alarm"]["code"], one["run"]["run_id"])


def test_verify_says_how_many_segments_there_are_and_names_the_line_in_one_and_in_all(
    both: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, rotated = (examine(layout).fold for layout in both)
    assert rotated.keeper.snapshot() == one.keeper.snapshot()
    assert run(["verify", str(both[1].directory)]) == 0
    assert "  segments             2  of log and ledger, each the one that follows" in capsys.readouterr().out
    layout = Layout(tmp_path / "lake")
    shutil.copytree(both[1].directory, layout.directory)
    layout.log.write_bytes(layout.log.read_bytes().replace(b'"number":2', b'"number":3'))
    assert run(["verify", str(layout.directory)]) == 1
    assert "execution_logs.000002.jsonl   SEGMENT_MISSING" in capsys.readouterr().out
    layout.log.write_bytes(layout.log.read_bytes().replace(b'"number":3', b'"number":2').replace(b'"v":1', b'"v":2'))
    assert run(["verify", str(layout.directory)]) == 1
    lines = one.log_line + 1
    assert f"{layout.log} line 1 ({lines} of all segments)   LOG_VERSION" in capsys.readouterr().out


def test_the_copy_of_a_log_made_before_it_was_closed_is_still_right(
    day: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(tmp_path / "lake")
    shutil.copytree(day[0].lakehouse, layout.directory)
    before = answer(layout, ["report"], capsys)
    made = {path: path.stat().st_ino for path in copy_directory(layout.log).glob("*.parquet")}
    assert run(["ledger", "rotate", "--lakehouse", str(layout.directory)]) == 0
    capsys.readouterr()
    assert answer(layout, ["report"], capsys) == before
    assert made.items() <= {path: path.stat().st_ino for path in copy_directory(layout.log).glob("*.parquet")}.items()


def test_a_rotation_leaves_nothing_to_a_record_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ledger", "rotate", "--lakehouse", str(tmp_path)]) == 1
    assert "VANISHED" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_closed_and_that_there_is_nothing(
    day: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(tmp_path / "lake")
    shutil.copytree(day[0].lakehouse, layout.directory)
    where = ["--lakehouse", str(layout.directory)]
    assert run(["ledger", "rotate", *where, "--json"]) == 0
    closed = {"log": "execution_logs.000001.jsonl", "ledger": "audit.000001.jsonl"}
    assert json.loads(capsys.readouterr().out) == {"closed": [closed]}
    assert run(["ledger", "rotate", *where]) == 0
    assert capsys.readouterr().out == f"nothing  {layout.log} has no line that is not closed yet\n"
    assert closed_segments(layout.ledger) == (segment_path(layout.ledger, 1),)
