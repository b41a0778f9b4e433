"""Orders against what the market did from arrival to last fill: figures by hand, and what is not known counted."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import pytest

from analysis.quotes import load_quotes
from analysis.report_document import Report, build_report
from analysis.report_page import page
from commands.report_files import kind_of
from orders.values import Side
from tests.report.made import START_NS, Log, opened

S = 10**9
FROM_NS, TO_NS = START_NS + 2 * S, START_NS + 3 * S  # of the first order: its intent is line 2, its fill line 3
OTHERS = [(FROM_NS - S, "1", "100"), (FROM_NS + S // 4, "20", "100"), (TO_NS, "10", "100"), (TO_NS + S // 2, "7", "999")]


def lay(directory: Path, *, trades: bool) -> None:
    """Mids of 100 for the first half of the first order's interval and 102 for the rest; trades at 100 in it, others outside."""
    quotes = [(FROM_NS - S, "99", "101"), (FROM_NS + S // 2, "101", "103"), (TO_NS + S // 2, "101", "103")]
    columns = {"market_ns": [at for at, _, _ in quotes], "symbol": ["NYSE:GE"] * len(quotes)}
    prices = {"bid": [bid for _, bid, _ in quotes], "ask": [ask for _, _, ask in quotes]}
    for name in ("top_of_book", "trades"):
        (directory / name).mkdir(parents=True)
    sizes = {name: ["1"] * len(quotes) for name in ("bid_size", "ask_size")}
    polars.DataFrame(columns | {"ts_ns": columns["market_ns"]} | prices | sizes).write_parquet(
        directory / "top_of_book" / "q.parquet"
    )
    if trades:
        polars.DataFrame(
            {
                "market_ns": [at for at, _, _ in OTHERS],
                "symbol": ["NYSE:GE"] * len(OTHERS),
                "quantity": [units for _, units, _ in OTHERS],
                "price": [price for _, _, price in OTHERS],
            }
        ).write_parquet(directory / "trades" / "t.parquet")


def benchmarked(log: Log, directory: Path, *, trades: bool = True) -> Report:
    lay(directory, trades=trades)
    with opened(log, directory) as store:
        load_quotes(store, directory / "top_of_book")
        return build_report(store, title="Made", source="log", quotes=True, trades=directory / "trades")


def one_order(*, side: Side = Side.BUY) -> Log:
    log = Log()
    log.order("1", side=side)  # 10 at 101.1
    return log


def whole(report: Report) -> dict[str, Any]:
    return dict(next(row for row in report.table("benchmarks") if row["group"] == "all"))


def near(value: Decimal, expected: str) -> bool:
    return abs(value - Decimal(expected)) < Decimal("0.0001")


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, 1), (Side.SELL, -1)])
def test_figures_are_those_of_a_hand(side: Side, sign: int, tmp_path: Path) -> None:
    row = whole(benchmarked(one_order(side=side), tmp_path))
    assert near(row["twap_bps"] * sign, "9.9010")  # 0.1 over 101
    assert near(row["vwap_bps"] * sign, "82.2738")  # own 10 at 101.1 and 30 at 100: 100.275
    assert near(row["vwap_others_bps"] * sign, "110")
    assert row["participation_median_fraction"] == row["participation_max_fraction"] == Decimal("0.25")
    assert (row["without_twap"], row["without_vwap"], row["without_vwap_others"]) == (0, 0, 0)


def test_what_is_not_known_is_counted_and_in_no_figure(tmp_path: Path) -> None:
    log = one_order()
    alone = whole(benchmarked(log, tmp_path / "alone"))
    log.order("2")  # after the last quote and trade
    both = whole(benchmarked(log, tmp_path / "both"))
    assert (both["orders"], both["without_twap"], both["without_vwap"], both["without_vwap_others"]) == (2, 1, 1, 1)
    for name in ("twap_bps", "vwap_bps", "vwap_others_bps", "participation_max_fraction"):
        assert both[name] == alone[name]


def test_without_trades_there_is_no_vwap_and_the_page_counts_it(tmp_path: Path) -> None:
    report = benchmarked(one_order(), tmp_path, trades=False)
    row = whole(report)
    assert row["twap_bps"] is not None
    assert (row["vwap_bps"], row["participation_median_fraction"], row["without_vwap"]) == (None, None, 1)
    assert "Against the market meanwhile" in page(report)
    assert "(1 without)" in page(report)


def test_venues_and_quote_currencies_stand_apart(tmp_path: Path) -> None:
    log = one_order()
    log.order("2", venue="X", quote_currency="EUR")
    report = benchmarked(log, tmp_path)
    found = [(row["group"], row["quote_currency"], row["orders"]) for row in report.table("benchmarks")]
    assert found == [("all", "EUR", 1), ("all", "USD", 1), ("US", "USD", 1), ("X", "EUR", 1)]


def test_without_recorded_quotes_there_is_no_such_table(tmp_path: Path) -> None:
    with opened(one_order(), tmp_path) as store:
        report = build_report(store, title="Made", source="log")
    assert "benchmarks" not in report.tables
    assert "Against the market meanwhile" not in page(report)


def test_every_column_has_the_type_its_name_says(tmp_path: Path) -> None:
    kinds: dict[str, type] = {"integer": int, "decimal": Decimal, "flag": bool, "text": str}
    for column, value in whole(benchmarked(one_order(), tmp_path)).items():
        assert type(value) is kinds[kind_of(column)], column
