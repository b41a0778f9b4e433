"""What a replay found stands in the report: counts, causes, log lines; a run that was not replayed is told as that."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.replay_cause import Cause
from analysis.replay_result import ReplayResult, result_bytes
from analysis.report_page import page
from analysis.report_terminal import summary_lines
from commands.main import run
from commands.report_files import kind_of, read_replays
from tests.report.made import difference, many, replayed, reported

TITLE = "Does the backtest say the same?"
FIRST, SECOND = f"{1:032x}", f"{2:032x}"
EVIL = "<script>alert(1)</script>"


def leave(lakehouse: Path, result: ReplayResult, *, name: str = "run-1") -> Path:
    """Write a result where `sluice replay` leaves it."""
    path = lakehouse / "reports" / f"replay-{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(result_bytes(result))
    return path


@pytest.fixture
def lakehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    many(25).write(tmp_path / "lake")
    return tmp_path / "lake"


def told(lakehouse: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, list[dict[str, Any]]]:
    """The tables of `report --json`, rows by column."""
    assert run(["report", "--lakehouse", str(lakehouse), "--json", *words]) == 0
    tables = json.loads(capsys.readouterr().out)["report"]["tables"]
    return {name: [dict(zip(one["columns"], row, strict=True)) for row in one["rows"]] for name, one in tables.items()}


def test_a_run_without_a_replay_is_told_as_that(tmp_path: Path) -> None:
    report = reported(many(3), tmp_path, replays={})
    assert [row["state"] for row in report.table("replays")] == ["no replay"]
    said = "There is no replay of this run: `sluice replay run-1` makes one."
    assert TITLE in page(report)
    assert said in page(report)
    assert f"replay  {said}" in summary_lines(report)


def test_a_result_that_agrees_says_how_much_was_compared(tmp_path: Path) -> None:
    report = reported(many(25), tmp_path, replays={"run-1": replayed()})
    (row,) = report.table("replays")
    assert (row["state"], row["orders"], row["orders_differing"], row["same_fraction"]) == ("within the budget", 25, 0, 1)
    assert (row["allowed_fraction"], row["differ_max_bps"], row["over"]) == (Decimal("0.02"), Decimal("1.5"), "")
    assert report.table("replay_causes") == report.table("replay_differences") == []
    assert "replay  25 of 25 orders are the same in the backtest, within the budget." in summary_lines(report)
    assert "Why they differ" not in page(report)


def test_a_run_replayed_before_its_end_is_told_as_that(tmp_path: Path) -> None:
    report = reported(many(25), tmp_path, replays={"run-1": replayed(finished=False)})
    said = "within the budget. Cut off, or still running, when it was replayed: run-1."
    assert said in page(report)
    assert said not in page(reported(many(25), tmp_path, replays={"run-1": replayed()}))


def test_differences_stand_by_cause_with_the_log_line_of_their_order(tmp_path: Path) -> None:
    log = many(25)
    found = (
        difference(FIRST),
        difference(SECOND, cause=Cause.FEE),
        difference("f" * 32, cycle=9),
        difference("manifest 1", cycle=0),
    )
    report = reported(log, tmp_path, replays={"run-1": replayed("run-1", *found)})
    rows = report.table("replay_differences")
    assert [row["log_line"] for row in rows] == [2, 4, None, None]
    assert [log.lines[number - 1].client_order_id for number in (2, 4)] == [FIRST, SECOND]
    assert {row["cause"]: row["count"] for row in report.table("replay_causes")} == {"latency": 3, "fee": 1}
    (row,) = report.table("replays")
    assert (row["state"], row["same_fraction"], row["over"]) == ("over the budget", Decimal("0.84"), "4 orders differ")
    shown = page(report)
    assert "21 of 25 orders are the same in the backtest, over the budget: run-1." in shown
    assert "run-1: 4 orders differ." in shown
    assert "10 at 101.1 | 10 at 101.2" in shown


def test_a_page_shows_the_first_differences_and_the_table_all(tmp_path: Path) -> None:
    found = [difference(f"{number:032x}", recorded=f"was {number}.") for number in range(1, 13)]
    report = reported(many(25), tmp_path, replays={"run-1": replayed("run-1", *found)})
    shown = page(report)
    assert "The first 8 of 12" in shown
    assert len(report.table("replay_differences")) == 12
    assert ("was 8. | " in shown, "was 9. | " in shown) == (True, False)


def test_words_of_a_result_are_escaped(tmp_path: Path) -> None:
    result = replayed("run-1", difference(FIRST, recorded=EVIL, symbol=EVIL), over=(EVIL,))
    shown = page(reported(many(25), tmp_path, replays={"run-1": result}))
    assert "alert(1)" in shown
    assert EVIL not in shown


@pytest.mark.parametrize("kind", ["backtest", "replay"])
def test_what_cannot_be_replayed_has_no_such_part(kind: str, tmp_path: Path) -> None:
    report = reported(many(3, kind=kind), tmp_path, replays={})
    assert report.table("replays") == []
    assert TITLE not in page(report)
    assert not [line for line in summary_lines(report) if line.startswith("replay")]


def test_every_column_has_the_type_its_name_says(tmp_path: Path) -> None:
    report = reported(many(25), tmp_path, replays={"run-1": replayed("run-1", difference(FIRST, price_bps=Decimal(3)))})
    kinds: dict[str, type] = {"integer": int, "decimal": Decimal, "flag": bool, "text": str}
    for name in ("replays", "replay_causes", "replay_differences"):
        for row in report.table(name):
            for column, value in row.items():
                assert value is None or type(value) is kinds[kind_of(column)], (name, column)


def test_the_command_finds_what_a_replay_left(lakehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(lakehouse, capsys)["replays"][0]["state"] == "no replay"
    leave(lakehouse, replayed("run-1", difference(FIRST)))
    tables = told(lakehouse, capsys, "--csv", str(tmp_path / "c"), "--parquet", str(tmp_path / "p"))
    assert (tables["replays"][0]["orders"], tables["replays"][0]["same_fraction"]) == (25, "0.96")
    assert tables["replay_differences"][0]["log_line"] == 2
    assert (tmp_path / "p" / "replay_differences.parquet").exists()
    with (tmp_path / "c" / "replay_causes.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{"run_id": "run-1", "cause": "latency", "count": "1"}]


def test_a_damaged_result_is_told_and_shows_nothing(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = leave(lakehouse, replayed())
    path.write_bytes(path.read_bytes()[:-9])
    assert run(["report", "--lakehouse", str(lakehouse)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "The result of run-1 cannot be read: replay it again." in said
    assert "are the same" not in said


def test_a_result_of_another_run_is_not_taken_for_this_one(lakehouse: Path) -> None:
    leave(lakehouse, replayed("run-2"))
    assert read_replays(lakehouse / "reports", ["run-1"]) == {"run-1": None}
    assert read_replays(lakehouse / "reports", ["run-3", "../run-1"]) == {}


def test_a_cut_report_says_that_the_replay_is_not_cut(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(lakehouse, replayed())
    assert run(["report", "--lakehouse", str(lakehouse), "--from", "2023-11-14T22:13:20+00:00", "--html", "x.html"]) == 0
    assert "A replay is of the whole run" in Path("x.html").read_text()
    assert run(["report", "--lakehouse", str(lakehouse), "--html", "y.html"]) == 0
    assert "A replay is of the whole run" not in Path("y.html").read_text()
    capsys.readouterr()
