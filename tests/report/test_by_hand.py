"""Five orders, every figure worked out by hand, and where each of them is shown: the document, the page, the terminal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import polars
import pytest

from analysis.quotes import load_quotes
from analysis.report_document import Report, build_report
from analysis.report_page import page
from analysis.report_terminal import summary_lines
from lakehouse import records
from orders.values import Side
from tests.report.made import START_NS, Log, opened

S = 10**9
D = Decimal
MIDS = [("3.5", "101.2"), ("5.5", "101.0"), ("12.5", "101.3"), ("30", "101.3")]  # seconds, price


def five_orders() -> Log:
    """A line a second. 25 of 50 units fill at 101.1 on a book of 100.9 / 101.1, 10 of them as a maker; decided at 100."""
    log = Log()
    log.intent("1", attribution={"a/one": "0.06", "b/two": "0.02"})
    log.fill("1", attribution={"a/one": "7.5", "b/two": "2.5"})  # at 3 s
    log.order("2", side=Side.SELL, liquidity="maker", fee="0")  # at 5 s
    log.intent("3")
    log.say(records.Reject, client_order_id="3", symbol="NYSE:GE", by="venue", code="REJECTED", message="no")
    log.intent("4")
    log.say(records.Reject, client_order_id="4", symbol="NYSE:GE", by="sentinel", code="MAX_ORDER_VALUE", message="too large")
    log.intent("5")
    log.say(records.UnknownOutcome, client_order_id="5", venue="US", message="no answer")
    log.fill("5", quantity="5", notional_quote="505.5", filled_quantity="5")  # at 12 s
    log.say(records.CancelLine, client_order_id="5", venue="US", cause="cancelled", filled_quantity="5")
    return log


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    directory = tmp_path_factory.mktemp("hand")
    (directory / "top_of_book").mkdir()
    at = [START_NS + int(Decimal(seconds) * S) for seconds, _ in MIDS]
    polars.DataFrame(
        {
            "ts_ns": at,
            "market_ns": at,
            "symbol": ["NYSE:GE"] * len(at),
            "bid": [str(D(mid) - D("0.1")) for _, mid in MIDS],
            "ask": [str(D(mid) + D("0.1")) for _, mid in MIDS],
        }
    ).write_parquet(directory / "top_of_book" / "q.parquet")
    with opened(five_orders(), directory) as store:
        load_quotes(store, directory / "top_of_book")
        return build_report(store, title="Made", source="log", quotes=True, by=[("winner",)])


def row_of(report: Report, table: str, **key: Any) -> dict[str, Any]:
    return dict(next(row for row in report.table(table) if all(row[name] == value for name, value in key.items())))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean_bps", "11.8694"),  # 0.1 x 10 + 0.1 x 10 + 0.2 x 5 = 3 of 2,527.5
        ("effective_bps", "3.9565"),  # 2 x (0.1 x 10 - 0.1 x 10 + 0.1 x 5) = 1
        ("realised_bps", "-23.7389"),  # 2 x -3
        ("impact_bps", "27.6954"),  # what lies between them
        ("reversion_bps", "-13.8477"),  # -0.2 x 10 - 0 x 10 - 0.3 x 5 = -3.5
    ],
)
def test_markouts_after_a_second(name: str, expected: str, report: Report) -> None:
    found = row_of(report, "markouts", group="all", horizon="1s")
    assert abs(found[name] - D(expected)) < D("0.0001")
    assert (found["fills"], found["missing"], found["too_small"]) == (3, 0, True)
    assert found["low_bps"] is None


def test_ratios(report: Report) -> None:
    found = row_of(report, "order_ratios", venue="US")
    assert [found[name] for name in ("planned", "orders", "filled", "denied", "rejected", "unknown")] == [5, 5, 2, 1, 1, 1]
    assert [found[f"{name}_fraction"] for name in ("filled", "denied", "rejected", "unknown", "maker")] == [
        D("0.5"), D("0.2"), D("0.2"), D("0.2"), D("0.4"),
    ]  # fmt: skip
    assert found["too_small"] is True


def test_the_tree(report: Report) -> None:
    tree = {row["node"]: row["amount_base"] for row in report.table("cost_tree")}
    assert tree["delay"] == 10 - 10 + 5  # a mark of 101 against 100, bought, sold, bought
    assert tree["spread"] == 1 - 1 + D("0.5")
    assert (tree["impact"], tree["timing"], tree["fees"]) == (0, 0, 2)


def test_winners_pay_in_proportion(report: Report) -> None:
    paid = {row["winner"]: row["total_base"] for row in report.table("costs_by_winner")}
    assert (paid["a/one"], paid["b/two"]) == (9, 3)  # of 10 delay, 1 spread, 1 fee


def test_the_terminal_says_them(report: Report) -> None:
    said = " ".join(" ".join(summary_lines(report)).split())
    assert "markout in bp of USD: 1s +11.9" in said
    assert "reversion" in said
    assert "orders US: 5 of 5 planned; filled 50.0 %, denied 20.0 %, rejected 20.0 %, unknown 20.0 %, maker 40.0 %" in said
    assert "(too small to judge)" in said
    assert "time planned to first fill: p50" in said


def test_the_page_shows_them(report: Report) -> None:
    shown = page(report)
    for words in ("a/one", "20.0 %", "40.0 %", "too small to judge", "reversion", "effective", "p95", "one process"):
        assert words in shown


def test_currencies_are_not_drawn_as_one_curve(report: Report) -> None:
    table = report.tables["markouts"]
    place = table.columns.index("quote_currency")
    other = [(*row[:place], "USDT", *row[place + 1 :]) for row in table.rows]
    both = msgspec.structs.replace(table, rows=(*table.rows, *other))
    shown = page(msgspec.structs.replace(report, tables={**report.tables, "markouts": both}))
    one = page(report)
    words = 'aria-label="Mean markout after the fills in basis points"'
    assert shown.count(words) == 2 * one.count(words) > 0
    assert "<h3>In USDT</h3>" in shown
    assert "<h3>In USD" not in one
