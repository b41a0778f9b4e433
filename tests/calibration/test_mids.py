"""Volatility is of the last mid of each UTC day; what has too few days, or never moved, is not known."""

import math
import statistics
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from analysis.foreign_store import open_foreign
from analysis.quotes import daily_mids
from analysis.volatility import NS_PER_DAY, RETURNS_MIN, daily_volatilities
from orders.errors import InputError
from tests.report.made import many, opened

D = Decimal
MIDS = [D(100 + (day * 7) % 5) for day in range(RETURNS_MIN + 1)]
CLOSES = [(day * NS_PER_DAY + 500, "X:A", mid) for day, mid in enumerate(MIDS)]


def test_it_is_the_sample_deviation_of_daily_log_returns() -> None:
    returns = [math.log(after / before) for before, after in pairwise(MIDS)]
    assert float(daily_volatilities(CLOSES)["X:A"]) == pytest.approx(statistics.stdev(returns), abs=1e-12)


def test_only_the_last_mid_of_a_day_counts_in_whatever_order_they_come() -> None:
    noise = [(day * NS_PER_DAY + 100, "X:A", D(1)) for day in range(len(MIDS))]
    assert daily_volatilities([*CLOSES, *noise]) == daily_volatilities([*noise, *reversed(CLOSES)]) == daily_volatilities(CLOSES)


@pytest.mark.parametrize(
    "prices",
    [CLOSES[:-1], [(at, symbol, D(5)) for at, symbol, _ in CLOSES], []],
    ids=["19 returns", "a price that never moved", "no price"],
)
def test_what_cannot_be_told_is_not_known(prices: list[tuple[int, str, Decimal]]) -> None:
    assert daily_volatilities(prices) == {}


def test_recorded_quotes_give_the_last_usable_mid_of_each_day(tmp_path: Path) -> None:
    day = NS_PER_DAY
    rows = [(5, "1.0", "1.2"), (9, "2.0", "2.1"), (day - 1, "3.0", "2.9"), (day, "4.00000001", "4.00000002"), (day + 1, "0", "1")]
    frame = pl.DataFrame(rows, schema=["market_ns", "bid", "ask"], orient="row")
    frame.with_columns(symbol=pl.lit("X:A"), ts_ns="market_ns").write_parquet(tmp_path / "one.parquet")
    with opened(many(1), tmp_path / "log") as store:
        found = daily_mids(store, tmp_path)
    assert found == [(9, "X:A", D("2.05")), (day, "X:A", D("4.000000015"))]  # crossed and zero are none


@pytest.mark.parametrize("name", ["", "nowhere"], ids=["no file", "no directory"])
def test_a_directory_without_quotes_is_one_error(tmp_path: Path, name: str) -> None:
    with opened(many(1), tmp_path / "log") as store, pytest.raises(InputError, match="NO_QUOTES"):
        daily_mids(store, tmp_path / name)


def test_a_file_that_is_no_parquet_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"not parquet")
    with opened(many(1), tmp_path / "log") as store, pytest.raises(InputError, match="QUOTES_UNREADABLE"):
        daily_mids(store, tmp_path)


def test_quotes_beside_foreign_fills_serve_too(tmp_path: Path) -> None:
    fills, quotes = tmp_path / "fills.csv", tmp_path / "quotes.csv"
    header = "time,venue,symbol,side,quantity,price,quote_currency,fee,fee_currency,trade_id,order_id"
    fills.write_text(f"{header}\n2026-01-05T10:00:00Z,X,X:A,BUY,10,100.02,USD,0.1,USD,t1,o1\n")
    quotes.write_text("time,symbol,bid,ask\n2026-01-05T09:00:00Z,X:A,1,2\n2026-01-05T10:00:00Z,X:A,99.98,100.02\n")
    with open_foreign(fills, quotes) as store:
        assert [(symbol, mid) for _, symbol, mid in daily_mids(store)] == [("X:A", D(100))]
