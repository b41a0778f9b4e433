"""Feeds are read in time order, stamped in market time, or refused with the line's number."""

import gzip
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from orders.errors import InputError
from orders.values import MarketLimits
from sim.feed import close_ns, read_closes, read_manifest_times, read_quotes

LIMITS = {
    "NYSE:A": MarketLimits(
        symbol="NYSE:A",
        venue="US",
        step_size=Decimal(1),
        tick_size=Decimal("0.01"),
        min_quantity=Decimal(1),
        min_notional=Decimal(1),
        max_quantity=None,
        multiplier=Decimal(1),
    )
}


def closes(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "closes.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def read(path: Path, spread: str = "2") -> list[tuple[str, Decimal, Decimal]]:
    quotes = read_closes(path, start=date(2022, 1, 1), end=date(2022, 12, 31), spread_bps=Decimal(spread), limits=LIMITS)
    return [(quote.symbol, quote.bid, quote.ask) for quote in quotes]


def test_spread_opens_around_the_close_away_from_it(tmp_path: Path) -> None:
    path = closes(tmp_path, "date,NYSE:A\n2022-03-01,100.005\n")
    assert read(path) == [("NYSE:A", Decimal("99.99"), Decimal("100.02"))]


@pytest.mark.parametrize(("day", "hour"), [(date(2022, 1, 3), 21), (date(2022, 7, 1), 20)], ids=["winter time", "summer time"])
def test_a_close_is_stamped_at_sixteen_hours_new_york(day: date, hour: int) -> None:
    assert close_ns(day) // 10**9 % 86_400 == hour * 3_600


def test_days_outside_the_span_empty_cells_and_unknown_symbols_are_left_out(tmp_path: Path) -> None:
    path = closes(tmp_path, "date,NYSE:A,NYSE:B\n2021-12-31,1,1\n2022-03-01,,5\n2022-03-02,7,5\n")
    assert [symbol for symbol, _, _ in read(path)] == ["NYSE:A"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("day,NYSE:A\n2022-03-01,1\n", "line 1"),
        ("date,NYSE:A\n2022-03-01,x\n", "line 2"),
        ("date,NYSE:A\n2022-03-01,0\n", "line 2"),
        ("date,NYSE:A\n2022-03-01,nan\n", "line 2"),
        ("date,NYSE:A\n2022-03-02,1\n2022-03-01,1\n", "line 3"),
        ("date,NYSE:A\n2022-03-01,1,2\n", "line 2"),
    ],
    ids=["no date column", "no number", "zero", "not a number", "a day before the last", "a column too many"],
)
def test_a_bad_row_is_refused_by_its_number(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        read(closes(tmp_path, text))
    assert caught.value.code == "FEED_MALFORMED"


def test_quotes_that_go_back_in_time_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv.gz"
    path.write_bytes(gzip.compress(b"symbol,bid,ask,bid_size,ask_size,ts_ns\nNYSE:A,1,2,1,1,5\nNYSE:A,1,2,1,1,4\n"))
    with pytest.raises(InputError, match="line 3"):
        list(read_quotes(path, limits=LIMITS))


def test_dated_manifests_appear_five_minutes_after_their_close_in_order(tmp_path: Path) -> None:
    for name in ("2022-03-31.json", "2022-02-28.json"):
        (tmp_path / name).write_text("{}")
    found = read_manifest_times(tmp_path, start_ns=0, end_ns=close_ns(date(2023, 1, 1)))
    assert [path.stem for _, path in found] == ["2022-02-28", "2022-03-31"]
    assert found[0][0] == close_ns(date(2022, 2, 28)) + 300 * 10**9


def test_a_manifest_without_a_date_for_a_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latest.json").write_text("{}")
    with pytest.raises(InputError, match=r"latest\.json"):
        read_manifest_times(tmp_path, start_ns=0, end_ns=1)


HEAD = b"symbol,bid,ask,bid_size,ask_size,ts_ns\n"
BROKEN: dict[str, bytes | None] = {
    "no file": None,
    "not compressed": HEAD,
    "cut": gzip.compress(HEAD * 1_000)[:40],
    "another sum at its end": gzip.compress(HEAD)[:-8] + bytes(8),
    "another byte in its middle": gzip.compress(bytes(range(256)) * 20)[:60] + b"\xff" * 400,
    "no UTF-8": gzip.compress(b"\xff\xfe" * 10),
    "a field without end": gzip.compress(HEAD + b"a" * 200_000 + b",1,1,1,1,1\n"),
    "a stamp of five thousand digits": gzip.compress(HEAD + b"NYSE:A,1,1,1,1," + b"9" * 5_000 + b"\n"),
    "a price of 1e999999999": gzip.compress(HEAD + b"NYSE:A,NaN,1e999999999,1,1,1\n"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=list(BROKEN))
def test_a_file_that_is_no_file_of_prices_is_refused_in_words(data: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv.gz"
    if data is not None:
        path.write_bytes(data)
    days = {"start": date(2020, 1, 1), "end": date(2030, 1, 1), "spread_bps": Decimal(1)}
    for read in (lambda: read_quotes(path, limits=LIMITS), lambda: read_closes(path, limits=LIMITS, **days)):
        with pytest.raises(InputError) as refused:
            list(read())
        assert refused.value.code == "FEED_MALFORMED"
        assert len(str(refused.value)) < 3_000
