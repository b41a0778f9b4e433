"""`sluice report` asked oddly, or of data that say little: a plain refusal or an honest page, never a mistake of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from commands.main import run
from tests.report.made import Log, many

HEADER = "time,trade_id,order_id,venue,symbol,side,quantity,price,quote_currency,fee,fee_currency,order_time,order_quantity"
FILL = "2026-01-06T14:00:05Z,1,a,BINANCE,BTCUSDT,BUY,0.1,100.1,USDT,0.01,USDT,2026-01-06T14:00:01Z,0.3"
EARLY_QUOTES = "time,symbol,bid,ask\n2020-01-06T14:00:00Z,BTCUSDT,99.9,100\n"
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--from", "2024-01-01", "--to", "2020-01-01"], "TIME"),
        (["--from", "2024-01-01", "--to", "2024-01-01"], "TIME"),
        (["--from", "9" * 26], "TIME"),
        (["--from", "9" * 5_000], "TIME"),
        (["--from", "20220501"], "TIME"),
        (["--to", "1651363200"], "TIME"),
        (["--by", ""], "BY_UNKNOWN"),
        (["--by", " , "], "BY_UNKNOWN"),
        (["--compare", "run-1", ""], "USAGE"),
        (["--compare", "run-1", "run-1", "--run", "run-1"], "USAGE"),
    ],
)
def test_an_odd_question_is_refused_in_one_line(
    tmp_path: Path, words: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    many(3).write(tmp_path)
    page = tmp_path / "x.html"
    assert run(["report", "--lakehouse", str(tmp_path), "--html", str(page), *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error    {code}  ")
    assert not page.exists()


def test_a_key_named_twice_groups_once(tmp_path: Path) -> None:
    many(3).write(tmp_path)
    made = ["--html", str(tmp_path / "x.html"), "--csv", str(tmp_path / "c")]
    assert run(["report", "--lakehouse", str(tmp_path), *made, "--by", "side,side"]) == 0
    assert (tmp_path / "c" / "costs_by_side.csv").exists()


@pytest.mark.parametrize("quotes", [None, EARLY_QUOTES], ids=["no quotes", "quotes that miss the window"])
def test_foreign_fills_without_a_price_to_judge_by_give_an_honest_page(
    tmp_path: Path, quotes: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    fills, file = tmp_path / "f.csv", tmp_path / "q.csv"
    fills.write_text(f"{HEADER}\n{FILL}\n")
    given = ["--fills", str(fills)]
    if quotes is not None:
        file.write_text(quotes)
        given += ["--quotes", str(file)]
    assert run(["report", *given, "--html", str(tmp_path / "x.html")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "10.01 traded, fees 0.01; the cost is not known" in said
    assert "0.00 bp" not in said
    assert "no book known on arrival" in (tmp_path / "x.html").read_text()


def test_orders_whose_currency_has_no_rate_did_not_cost_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    log.order("a", fee_currency="EUR")
    log.write(tmp_path)
    assert run(["report", "--lakehouse", str(tmp_path), "--html", str(tmp_path / "x.html")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the cost is not known" in said
    assert "without a rate to the base currency: not in the sums" in said
    assert "paid" not in said
    assert "no cost to explain" not in said


@pytest.mark.parametrize(
    ("log", "words", "expected"),
    [
        (many(3), ["--to", "1990-01-01"], "Nothing lies within the time asked for"),
        (many(3), ["--from", "2190-01-01"], "Nothing lies within the time asked for"),
        (Log(), [], "A run has started"),
    ],
    ids=["before the log", "after the log", "a run that read nothing"],
)
def test_a_log_that_is_not_empty_is_not_called_empty(
    tmp_path: Path, log: Log, words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write(tmp_path)
    assert run(["report", "--lakehouse", str(tmp_path), "--html", str(tmp_path / "x.html"), *words]) == 0
    said = capsys.readouterr().out
    assert expected in said
    assert "The log is empty" not in said


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [("/dev/full", 1, "error    OUTPUT  "), (None, 0, "")],
    ids=["a full disk", "closed"],
)
def test_an_output_that_takes_nothing_is_no_mistake_of_ours(tmp_path: Path, output: str | None, code: int, words: str) -> None:
    many(3).write(tmp_path)
    redirect = ">&-" if output is None else f"> {output}"
    command = f'"$0" -m commands.main report --json --no-copy --lakehouse "$1" {redirect}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert done.stderr.startswith(words)
    assert "INTERNAL" not in done.stderr
    assert "Traceback" not in done.stderr


def test_runs_of_two_base_currencies_are_compared_without_a_common_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    euros = Log(base="EUR")
    euros.order("a", quote_currency="EUR", fee_currency="EUR")
    euros.write(tmp_path / "a")
    many(1).write(tmp_path / "b")
    page = tmp_path / "x.html"
    assert run(["report", "--compare", str(tmp_path / "a"), str(tmp_path / "b"), "--html", str(page)]) == 0
    assert "A counts in EUR, B in USD" in capsys.readouterr().out
    assert "EUR, USD" not in page.read_text()
