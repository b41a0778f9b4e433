"""A log that contradicts itself is reported with a word on what cannot be, and every fill of it counts once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.contradictions import LINES_NAMED, MEANINGS, Contradiction
from analysis.log_store import open_log
from analysis.report_document import Report, build_report
from analysis.report_page import page
from analysis.report_terminal import summary_lines
from commands import main
from lakehouse import records
from tests.report.made import Log, many, reported


def intended_twice() -> Log:
    log = many(2)
    log.intent(f"{1:032x}")
    return log


def line_intended_twice() -> Log:
    log = many(2)
    log.intent("x", line=1)
    log.fill("x", line=1)
    return log


def fill_without_intent() -> Log:
    log = many(2)
    log.fill("x")
    return log


def fill_before_send() -> Log:
    log = many(2)
    for order, lines in (("a", ("send", "fill")), ("b", ("fill", "send"))):
        log.intent(order)
        for line in lines:
            if line == "fill":
                log.fill(order)
            else:
                log.say(
                    records.Send, client_order_id=order, symbol="NYSE:GE", venue="US", account="a", action="submit", quantity="10"
                )
    return log


def filled_too_much() -> Log:
    log = many(2)
    log.intent("x")
    for _ in range(2):
        log.fill("x", quantity="6")
    return log


def children_filled_too_much() -> Log:
    log = many(2)
    log.intent("p", schedule="twap")
    for number in (1, 2):
        log.intent(f"c{number}", quantity="6", parent_client_order_id="p", child=number)
        log.fill(f"c{number}", quantity="6")
    return log


def another_side() -> Log:
    log = many(2)
    log.intent("x")
    log.fill("x", side="SELL")
    return log


def told_twice() -> Log:
    log = many(2)
    log.intent("x", quantity="20")
    for _ in range(2):
        log.fill("x", trade_id="once", order_quantity="20")
    return log


CASES: dict[str, tuple[Callable[[], Log], Contradiction]] = {
    "one order id intended twice": (intended_twice, Contradiction.INTENDED_TWICE),
    "one plan line intended twice": (line_intended_twice, Contradiction.LINE_INTENDED_TWICE),
    "a fill without an intent": (fill_without_intent, Contradiction.FILL_WITHOUT_INTENT),
    "a fill before its send": (fill_before_send, Contradiction.FILL_BEFORE_SEND),
    "fills beyond the order's quantity": (filled_too_much, Contradiction.FILLED_TOO_MUCH),
    "children filled beyond their parent": (children_filled_too_much, Contradiction.FILLED_TOO_MUCH),
    "a fill of another side than its order": (another_side, Contradiction.FILL_OF_ANOTHER_ORDER),
    "a trade told twice": (told_twice, Contradiction.FILL_TOLD_TWICE),
}


def fees(report: Report) -> Decimal:
    return next(row["amount_base"] for row in report.table("cost_tree") if row["node"] == "fees")


@pytest.mark.parametrize(("make", "kind"), CASES.values(), ids=CASES.keys())
def test_what_cannot_be_is_named_and_every_fill_counts_once(make: Callable[[], Log], kind: Contradiction, tmp_path: Path) -> None:
    log = make()
    report = reported(log, tmp_path)
    assert [(row["code"], row["count"]) for row in report.table("contradictions")] == [(kind.value, 1)]
    paid = [line for line in log.lines if isinstance(line, records.Fill)]
    assert fees(report) == len(paid)  # each pays 1
    assert sum(row["fees_base"] for row in report.table("costs_by_symbol")) == len(paid)
    said = [caveat for caveat in report.caveats if caveat.part == "all" and kind.value in caveat.words]
    assert len(said) == 1
    assert MEANINGS[kind] in " ".join(" ".join(summary_lines(report)).split())
    assert "Does the log contradict itself?" in page(report)


def test_an_honest_log_has_none_and_no_word_of_it(tmp_path: Path) -> None:
    report = reported(many(30), tmp_path)
    assert report.table("contradictions") == []
    assert "contradict" not in page(report)


def test_the_first_lines_of_many_are_named_and_all_are_counted(tmp_path: Path) -> None:
    log = Log()
    for number in range(LINES_NAMED + 3):
        log.fill(f"{number}")
    (row,) = reported(log, tmp_path).table("contradictions")
    first = row["first_line"]
    assert row["count"] == LINES_NAMED + 3
    assert row["log_lines"] == ", ".join(str(first + number) for number in range(LINES_NAMED)) + ", …"


def test_a_part_of_a_log_is_not_blamed_for_what_lies_outside_it(tmp_path: Path) -> None:
    path = fill_without_intent().write(tmp_path)
    with open_log(path, copy=False, run="run-1") as store:
        assert build_report(store, title="", source="").table("contradictions") == []


def test_the_command_names_them_in_its_summary_and_its_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill_without_intent().write(tmp_path)
    arguments: list[Any] = ["report", "--lakehouse", str(tmp_path), "--html", str(tmp_path / "r.html")]
    assert main.run(arguments) == 0
    assert "FILL_WITHOUT_INTENT" in capsys.readouterr().out
    assert main.run([*arguments, "--json"]) == 0
    assert '"FILL_WITHOUT_INTENT"' in capsys.readouterr().out
