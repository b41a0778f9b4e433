"""A twin's part of a report: its figures, its pictures in a real browser, what it says of nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from analysis.report_page import page
from lakehouse import records
from orders.twin import Uncompared
from tests.browser import needs_browser
from tests.report.made import Log, many, reported
from tests.report.test_browser import looked_at
from tests.twin.made import spoilt_line, twin_line
from tests.twin.test_metrics import sample

EVIL = "<script>alert(1)</script>"


def twin_log(lines: list[records.TwinLine]) -> Log:
    """A twin's run of 29 orders, and these lines."""
    log = Log(kind="twin")
    for number in range(1, 30):
        log.order(f"{number:032x}")
    for line in lines:
        log.lines.append(msgspec.structs.replace(line, seq=len(log.lines) + 1))
    return log


def test_the_tables_have_each_metric_of_all_orders_and_of_each_instrument(tmp_path: Path) -> None:
    report = reported(twin_log(sample(80)), tmp_path)
    rows = report.table("twin_divergence")
    assert [(row["by"], row["group"]) for row in rows[::3]] == [
        ("all", "all"), ("symbol", "BINANCE:BTCUSDT"), ("symbol", "BINANCE:ETHUSDT"),
    ]  # fmt: skip
    assert {row["metric"] for row in rows} == {"twin_price_bps", "twin_time_ms", "twin_fill_ratio"}
    assert len(report.table("twin_orders")) == 80
    assert sum(row["orders"] for row in report.table("twin_uncompared")) == 7


def test_the_first_sentence_says_how_far_apart_they_are(tmp_path: Path) -> None:
    report = reported(twin_log([twin_line("1" * 32), spoilt_line("2" * 32, "TWIN_AWAY")]), tmp_path)
    assert report.sentences[0] == (
        "Against its twin, over 1 order, live paid 1.00 bp more and began to fill 10 ms later (median); 1 order could not be"
        " compared."
    )


def test_prices_that_are_the_same_are_called_so(tmp_path: Path) -> None:
    report = reported(twin_log([twin_line("1" * 32, price_bps="0", first_fill_ms="-4")]), tmp_path)
    assert report.sentences == (
        "Against its twin, over 1 order, live paid the same and began to fill 4 ms earlier (median).",
        "29 of 29 orders filled in full.",
    )


def test_where_nothing_was_compared_it_says_so_and_draws_nothing(tmp_path: Path) -> None:
    report = reported(twin_log([spoilt_line("1" * 32, "QUOTES_STALE")]), tmp_path)
    assert report.sentences[0] == "No order of the live run was compared with its twin yet; 1 order could not be compared."
    shown = page(report)
    section = shown.partition("<h2 id='twin'>")[2].partition("<h2")[0]
    assert "QUOTES_STALE" in section
    assert "<svg" not in section


def test_a_run_that_is_no_twin_has_no_such_part(tmp_path: Path) -> None:
    report = reported(many(5), tmp_path)
    assert "twin_divergence" not in report.tables
    assert "twin" not in page(report).partition("<main>")[2].partition("<script>")[0].lower()


def test_text_from_outside_is_escaped(tmp_path: Path) -> None:
    shown = page(reported(twin_log([twin_line("1" * 32, symbol=EVIL), spoilt_line("2" * 32, EVIL, symbol=EVIL)]), tmp_path))
    assert EVIL not in shown


@pytest.mark.parametrize("code", Uncompared)
def test_the_page_explains_every_reason(code: Uncompared, tmp_path: Path) -> None:
    from analysis.report_twin_page import WHY

    assert WHY[code]


def test_the_readme_explains_every_reason() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text().partition("## A twin beside")[2].partition("\n## ")[0]
    assert [code for code in Uncompared if f"`{code}`" not in text] == []


@needs_browser
@pytest.mark.parametrize("width", [1440, 390], ids=["wide", "narrow"])
def test_its_pictures_are_drawn_and_fit_the_screen(width: int, tmp_path: Path) -> None:
    seen, asked = looked_at(tmp_path, width=width, log=twin_log(sample(80)))
    assert (seen["wide"], seen["scroll"]) == ([], width)
    assert all(box[0] > 250 and box[1] > 20 for box in seen["boxes"])
    means, course = seen["boxes"][:2]
    assert (means[2], course[2]) == (3, 67), "a mark with its figures for each group, and for each order with both prices"
    assert (asked, seen["fetched"], seen["blocked"]) == (set(), 0, 0)
