"""`sluice report`: the page, tables in three forms, filters, foreign fills, two runs beside each other, and plain refusals."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from commands.main import run
from tests.report.made import Log, many


@pytest.fixture
def lakehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    many(25).write(tmp_path / "lake")
    return tmp_path / "lake"


def test_the_page_is_named_after_the_day_and_the_environment(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--lakehouse", str(lakehouse)]) == 0
    said = capsys.readouterr().out
    assert "look at        data/reports/2023-11-14-made.html" in said
    assert "25 of 25 orders filled in full" in said
    assert Path("data/reports/2023-11-14-made.html").read_text().startswith("<!doctype html>")


def test_the_same_log_and_arguments_give_the_same_bytes(lakehouse: Path, tmp_path: Path) -> None:
    made = []
    for name in ("a.html", "b.html"):
        assert run(["report", "--lakehouse", str(lakehouse), "--html", str(tmp_path / name), "--by", "venue,symbol"]) == 0
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


def test_json_is_one_document_and_writes_no_page(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--lakehouse", str(lakehouse), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["report"]["version"] == 1
    assert len(told["report"]["sentences"]) == 5
    assert told["files"] == []
    assert not Path("data/reports").exists()


def test_csv_and_parquet_hold_the_same_tables(lakehouse: Path, tmp_path: Path) -> None:
    out = ["--csv", str(tmp_path / "c"), "--parquet", str(tmp_path / "p"), "--html", str(tmp_path / "x.html")]
    assert run(["report", "--lakehouse", str(lakehouse), *out]) == 0
    names = {path.stem for path in (tmp_path / "c").iterdir()}
    assert names == {path.stem for path in (tmp_path / "p").iterdir()}
    assert {"cost_tree", "costs_by_venue", "latency_stages", "worst_orders", "stories", "refusals"} <= names
    with (tmp_path / "c" / "cost_tree.csv").open(newline="") as file:
        rows = {row["node"]: Decimal(row["amount_base"]) for row in csv.DictReader(file)}
    stored = dict(duckdb.sql(f"SELECT node, amount_base FROM '{tmp_path / 'p' / 'cost_tree.parquet'}'").fetchall())
    assert rows == stored
    assert rows["total"] == rows["delay"] + rows["trading"] + rows["opportunity"] + rows["fees"] == 300


def test_from_and_to_cut_by_market_time(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    span = ["--from", "2023-11-14T22:13:30+00:00", "--to", "2023-11-14T22:13:40+00:00"]
    assert run(["report", "--lakehouse", str(lakehouse), "--json", *span]) == 0
    told = json.loads(capsys.readouterr().out)["report"]
    assert told["filters"] == {"from": "2023-11-14T22:13:30+00:00", "to": "2023-11-14T22:13:40+00:00"}
    orders = next(row for row in told["tables"]["costs_by_venue"]["rows"])
    assert 0 < orders[1] < 25


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--run", "nobody"], "RUN_UNKNOWN"),
        (["--by", "colour"], "BY_UNKNOWN"),
        (["--from", "yesterday"], "TIME"),
        (["--from", "2023-11-14T22:13:30"], "TIME"),
        (["--quotes", "q.csv"], "USAGE"),
        (["--fills", "f.csv", "--run", "run-1"], "USAGE"),
        (["--lakehouse", "nowhere"], "VANISHED"),
        (["--compare", "run-1", "run-2"], "RUN_UNKNOWN"),
    ],
)
def test_a_wrong_question_is_one_line_and_writes_nothing(
    lakehouse: Path, words: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = [] if "--lakehouse" in words else ["--lakehouse", str(lakehouse)]
    assert run(["report", *place, *words]) in (1, 2)
    told = capsys.readouterr()
    assert code in told.err
    assert "Traceback" not in told.err
    assert not Path("data/reports").exists()


def test_an_empty_log_gives_a_page_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "execution_logs.jsonl").touch()
    assert run(["report", "--lakehouse", str(tmp_path), "--html", str(tmp_path / "x.html")]) == 0
    assert "The log is empty" in capsys.readouterr().out
    assert "The log is empty" in (tmp_path / "x.html").read_text()


def test_a_torn_last_line_is_left_out_and_said(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (lakehouse / "execution_logs.jsonl").open("ab") as file:
        file.write(b'{"type":"fill","v":1,"se')
    assert run(["report", "--lakehouse", str(lakehouse)]) == 0
    assert "torn" in capsys.readouterr().out


def test_a_broken_line_before_the_end_is_named(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = lakehouse / "execution_logs.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:4], b'{"v":9,"type":"fill"}\n', *lines[5:]]))
    assert run(["report", "--lakehouse", str(lakehouse)]) == 1
    assert "line 5" in capsys.readouterr().err


def test_two_runs_of_a_log_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = many(25)
    other = Log(run="run-2")
    for number in range(25):
        other.order(f"f{number:031x}", price="101.9", notional_quote="1019")
    first = len(log.lines)
    log.lines += [
        type(line)(**({name: getattr(line, name) for name in line.__struct_fields__} | {"seq": first + line.seq}))
        for line in other.lines
    ]
    log.write(tmp_path)
    page = tmp_path / "x.html"
    assert (
        run(
            [
                "report",
                "--lakehouse",
                str(tmp_path),
                "--compare",
                "run-1",
                "run-2",
                "--html",
                str(page),
                "--csv",
                str(tmp_path / "c"),
            ]
        )
        == 0
    )
    said = " ".join(capsys.readouterr().out.split())
    assert "B cost 80.0 bp more than A" in said
    assert "beyond chance" in said
    with (tmp_path / "c" / "compared.csv").open(newline="") as file:
        rows = {row["figure"]: row for row in csv.DictReader(file)}
    assert (Decimal(rows["cost total"]["difference"]), rows["cost total"]["told_apart"]) == (80, "True")
    assert rows["cost delay"]["told_apart"] == "False"
    median = rows["median planned to first fill"]
    assert (Decimal(median["low"]), Decimal(median["high"]), median["told_apart"]) == (0, 0, "False")
    assert "How do they differ?" in page.read_text()


def test_two_directories_too_small_to_judge_are_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many(3).write(tmp_path / "a")
    many(3).write(tmp_path / "b")
    assert run(["report", "--compare", str(tmp_path / "a"), str(tmp_path / "b"), "--html", str(tmp_path / "x.html")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Too small to judge" in said
    assert "beyond chance differ" not in said.lower()


def test_fills_of_another_system_give_the_same_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fills = tmp_path / "fills.csv"
    fills.write_text(
        "time,trade_id,order_id,venue,symbol,side,quantity,price,quote_currency,fee,fee_currency,decision_price,arrival_bid,arrival_ask\n"
        "2024-01-02T10:00:01Z,t1,o1,X,X:ABC,BUY,10,101.1,USD,1,USD,100,100.9,101.1\n"
    )
    assert run(["report", "--fills", str(fills), "--html", str(tmp_path / "x.html"), "--no-copy"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "1 order of 1 instrument" in said
    assert "1 of 1 order filled in full" in said
    assert "No order was filled" not in said
