"""Importing price files: exact, once, overlaps only where they agree, everything or nothing; refusals leave no trace."""

from __future__ import annotations

import gzip
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.catalog_view import problems
from lakehouse.price_kinds import Kind, Row
from lakehouse.price_policy import BadRows
from sim.catalog.append import Appender
from sim.catalog.pairs import import_pair
from sim.catalog.store import CatalogStore
from tests.catalog.made import (
    BARS_HEADER,
    QUOTES_HEADER,
    START_NS,
    TRADES_HEADER,
    bar_lines,
    files_of,
    order,
    put,
    quiet,
    refused,
    stored,
    write_csv,
)


def test_numbers_arrive_as_they_were_written(tmp_path: Path) -> None:
    lines = bar_lines(50)
    done = put(tmp_path / "c", write_csv(tmp_path / "bars.csv", lines), order())
    bars = stored(tmp_path / "c", order())
    assert done.manifest.rows_written == 50
    for line, bar in zip(lines, bars, strict=True):
        stamp, *numbers = line.split(",")
        assert bar.ts_event == bar.ts_init == int(stamp) * 1_000_000
        got = [
            bar.open.as_decimal(),
            bar.high.as_decimal(),
            bar.low.as_decimal(),
            bar.close.as_decimal(),
            bar.volume.as_decimal(),
        ]
        assert got == [Decimal(number) for number in numbers]


@pytest.mark.parametrize(
    ("kind", "header", "rows"),
    [
        (Kind.QUOTES, QUOTES_HEADER, ["1736172000000,100.01,100.02,1.5,0", "1736172000000,100.01,100.02,1.4,0"]),
        (Kind.TRADES, TRADES_HEADER, ["1736172000000,100.01,0.00001,sell,a", "1736172000001,100.02,2,buy,b"]),
    ],
    ids=["quotes of one instant", "trades"],
)
def test_other_kinds_arrive_too(tmp_path: Path, kind: Kind, header: str, rows: list[str]) -> None:
    put(tmp_path / "c", write_csv(tmp_path / "f.csv", rows, header=header), order(kind))
    assert len(stored(tmp_path / "c", order(kind))) == 2


def test_gzip_and_parquet_of_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    text = write_csv(tmp_path / "bars.csv", bar_lines(20))
    (tmp_path / "bars.csv.gz").write_bytes(gzip.compress(text.read_bytes()))
    cells = [line.split(",") for line in bar_lines(20)]
    columns: dict[str, list[int] | list[float]] = {"time": [int(row[0]) for row in cells]}
    columns |= {name: [float(row[place]) for row in cells] for place, name in enumerate(BARS_HEADER.split(",")[1:], start=1)}
    pq.write_table(pa.table(columns), tmp_path / "bars.parquet")
    made = []
    for number, name in enumerate(("bars.csv", "bars.csv.gz", "bars.parquet")):
        put(tmp_path / str(number), tmp_path / name, order())
        made.append(files_of(tmp_path / str(number)))
    assert made[0] == made[1] == made[2]


def test_a_file_of_a_nautilus_catalog_gives_the_same_bytes_again(tmp_path: Path) -> None:
    put(tmp_path / "c", write_csv(tmp_path / "bars.csv", bar_lines(20)), order())
    (file,) = (tmp_path / "c" / order().dataset().directory).glob("*.parquet")
    put(tmp_path / "d", file, order(stamp_open=None))
    assert files_of(tmp_path / "c") == files_of(tmp_path / "d")


def test_a_nautilus_file_of_another_series_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "c", write_csv(tmp_path / "bars.csv", bar_lines(20)), order())
    (file,) = (tmp_path / "c" / order().dataset().directory).glob("*.parquet")
    assert refused(lambda: put(tmp_path / "d", file, order(price_type="BID"))).code == "NAUTILUS_IDENTITY"


def test_the_same_file_twice_adds_nothing(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "bars.csv", bar_lines(30))
    first = put(tmp_path / "c", file, order())
    before = files_of(tmp_path / "c")
    second = put(tmp_path / "c", file.rename(tmp_path / "renamed.csv"), order())
    assert (first.new, second.new) == (True, False)
    assert files_of(tmp_path / "c") == before


@pytest.mark.parametrize(
    ("first", "count", "present", "written"),
    [(0, 30, 30, 0), (10, 40, 20, 20), (0, 60, 30, 30), (30, 10, 0, 10)],
    ids=["all of it is there", "its begin is there", "it reaches beyond both ends", "it follows"],
)
def test_an_overlap_that_agrees_adds_only_what_is_new(tmp_path: Path, first: int, count: int, present: int, written: int) -> None:
    shift = 10 if count == 60 else 0
    put(tmp_path / "c", write_csv(tmp_path / "a.csv", bar_lines(30, first=shift)), order())
    done = put(tmp_path / "c", write_csv(tmp_path / "b.csv", [*bar_lines(count, first=first), ""]), order())
    assert (done.manifest.rows_present, done.manifest.rows_written) == (present, written)
    stamps = [bar.ts_init for bar in stored(tmp_path / "c", order())]
    assert stamps == sorted(set(stamps))
    assert problems(tmp_path / "c") == []


@pytest.mark.parametrize("spoil", ["another price", "a bar is missing", "a bar that was not there"])
def test_an_overlap_that_differs_is_refused_and_nothing_changes(tmp_path: Path, spoil: str) -> None:
    lines = bar_lines(30)
    kept = [*lines[:9], *lines[10:]] if spoil == "a bar that was not there" else lines
    put(tmp_path / "c", write_csv(tmp_path / "a.csv", kept), order())
    other = {
        "another price": [*lines[:9], bar_lines(10, seed=2)[9], *lines[10:]],
        "a bar is missing": [*lines[:9], *lines[10:]],
        "a bar that was not there": lines,
    }[spoil]
    before = files_of(tmp_path / "c")
    error = refused(lambda: put(tmp_path / "c", write_csv(tmp_path / "b.csv", [*other, *bar_lines(5, first=30)]), order()))
    assert error.code == "OVERLAP_DIFFERS"
    assert files_of(tmp_path / "c") == before
    assert problems(tmp_path / "c") == []


def test_more_rows_than_a_file_takes_are_cut_between_instants(tmp_path: Path) -> None:
    dataset = order(Kind.QUOTES).dataset()
    sizes = Decimal(1), Decimal(1)
    with CatalogStore(tmp_path / "c") as store:
        stage = store.stage("0123456789abcdef")
        appender = Appender(store, stage, dataset, chunk_rows=3)
        for place in range(9):
            appender.add(Row(START_NS + place // 2, (Decimal(100), Decimal(101), *sizes)))
        appender.close()
        assert [(written.rows, written.first_ns - START_NS, written.last_ns - START_NS) for written in stage.written] == [
            (4, 0, 1),
            (4, 2, 3),
            (1, 4, 4),
        ]


def test_a_series_whose_files_overlap_takes_no_more(tmp_path: Path) -> None:
    put(tmp_path / "c", write_csv(tmp_path / "a.csv", bar_lines(5)), order())
    (file,) = (tmp_path / "c" / order().dataset().directory).glob("*.parquet")
    shutil.copy(file, file.with_name(file.name.replace("_2025", "_2026")))
    assert refused(lambda: put(tmp_path / "c", write_csv(tmp_path / "b.csv", bar_lines(9)), order())).code == "SERIES_OVERLAPS"


def test_other_decimals_than_the_catalog_has_are_refused(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "bars.csv", bar_lines(5))
    put(tmp_path / "c", file, order())
    assert refused(lambda: put(tmp_path / "c", file, order(tick_size=Decimal("0.001")))).code == "PRECISION_DIFFERS"


GOOD = "\n".join([BARS_HEADER, *bar_lines(5)]) + "\n"
SPOILT: list[tuple[str, bytes, str, str]] = [
    ("an empty file", b"", "FILE_EMPTY", ""),
    ("a header alone", BARS_HEADER.encode() + b"\n", "NOTHING_TO_IMPORT", ""),
    ("a byte order mark", b"\xef\xbb\xbf" + GOOD.encode(), "TEXT_BOM", "line 1"),
    ("UTF-16", GOOD.encode("utf-16"), "TEXT_BOM", "line 1"),
    ("NUL bytes", GOOD.encode() + b"\0\0\0", "TEXT_BINARY", "line 7"),
    ("another encoding", GOOD.encode() + b"caf\xe9,1,1,1,1,1\n", "TEXT_BINARY", "line 7"),
    ("a torn gzip", gzip.compress(GOOD.encode())[:-12], "GZIP_TORN", ""),
    ("a torn Parquet", b"PAR1" + b"\1" * 40, "PARQUET_MALFORMED", ""),
    ("a torn last line", GOOD.encode()[:-20].rsplit(b",", 2)[0], "ROW_WIDTH", "line 6"),
    ("a quote that never ends", GOOD.encode() + b'"17', "CSV_MALFORMED", ""),
    ("other columns", GOOD.replace("volume", "amount").encode(), "COLUMNS_WRONG", "line 1"),
    ("NaN", GOOD.encode() + b"1736172300000,nan,1,1,1,1\n", "ROW_NOT_A_NUMBER", "line 7"),
    ("a negative price", GOOD.encode() + b"1736172300000,-1,1,1,1,1\n", "ROW_NEGATIVE", "line 7"),
    ("a bar twice, different", GOOD.encode() + b"1736172240000,1,1,1,1,1\n", "ROW_DUPLICATE_KEY", "line 7"),
    ("ms, then ns", GOOD.encode() + b"1736172300000000000,1,1,1,1,1\n", "TIMES_MIXED", "line 7"),
    ("a number between ms and us", GOOD.replace("17361720", "173617200").encode(), "TIME_UNIT", "line 2"),
]


@pytest.mark.parametrize(("data", "code", "where"), [case[1:] for case in SPOILT], ids=[case[0] for case in SPOILT])
def test_bad_input_is_one_typed_refusal_with_its_line_and_leaves_the_catalog_alone(
    tmp_path: Path, data: bytes, code: str, where: str
) -> None:
    put(tmp_path / "c", write_csv(tmp_path / "a.csv", bar_lines(3, first=-100)), order())
    before = files_of(tmp_path / "c")
    (tmp_path / "bad").write_bytes(data)
    error = refused(lambda: put(tmp_path / "c", tmp_path / "bad", order()))
    assert error.code == code
    assert where in error.expected
    assert files_of(tmp_path / "c") == before
    assert problems(tmp_path / "c") == []


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refused(lambda: put(tmp_path / "c", tmp_path / "none.csv", order())).code == "FILE_MISSING"


def test_a_file_of_several_symbols_gives_the_rows_of_the_one_that_is_named(tmp_path: Path) -> None:
    file = Path(__file__).resolve().parents[2] / "data/samples/crypto/quotes.csv.gz"
    how = order(Kind.QUOTES, only="BINANCE:BTCUSDT")
    done = put(tmp_path / "c", file, how).manifest
    rows = [line.split(",") for line in gzip.decompress(file.read_bytes()).decode().splitlines()[1:]]
    mine = [(int(row[5]), Decimal(row[1])) for row in rows if row[0] == "BINANCE:BTCUSDT"]
    assert [(quote.ts_event, quote.bid_price.as_decimal()) for quote in stored(tmp_path / "c", how)] == mine
    assert done.dropped == {"OTHER_SYMBOL": len(rows) - len(mine)}


@pytest.mark.parametrize(
    ("header", "only", "code"),
    [(f"symbol,{BARS_HEADER}", None, "SYMBOLS_MIXED"), (BARS_HEADER, "AB", "ONLY_WITHOUT_COLUMN")],
    ids=["two symbols and none named", "one named and no column"],
)
def test_rows_of_two_symbols_are_never_one_series(tmp_path: Path, header: str, only: str | None, code: str) -> None:
    lines = bar_lines(2)
    rows = [f"A,{lines[0]}", f"B,{lines[1]}"] if code == "SYMBOLS_MIXED" else lines
    file = write_csv(tmp_path / "f.csv", rows, header=header)
    assert refused(lambda: put(tmp_path / "c", file, order(only=only))).code == code
    assert files_of(tmp_path / "c") == {}


def test_whether_a_stamp_is_a_begin_or_an_end_must_be_said(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "bars.csv", bar_lines(3))
    assert refused(lambda: put(tmp_path / "c", file, order(stamp_open=None))).code == "STAMP_UNKNOWN"


def test_a_catalog_somebody_imports_into_is_refused(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "bars.csv", bar_lines(3))
    with CatalogStore(tmp_path / "c"):
        assert refused(lambda: put(tmp_path / "c", file, order())).code == "CATALOG_IN_USE"


def pair(tmp_path: Path) -> tuple[Path, Path]:
    header = "time,open,high,low,close"
    bids = [f"{1736172000 + 60 * place},1.1,1.2,1.0,1.1{place}" for place in range(4)]
    asks = [f"{1736172000 + 60 * place},1.1,1.3,1.0,1.1{5 - place}" for place in (0, 1, 3)]
    return write_csv(tmp_path / "bid.csv", bids, header=header), write_csv(tmp_path / "ask.csv", asks, header=header)


def test_a_pair_of_bid_and_ask_bars_gives_both_and_quotes_that_say_they_are_made(tmp_path: Path) -> None:
    bid, ask = pair(tmp_path)
    how = order(columns={"volume": "-"}, bad_rows=BadRows.DROP)
    with CatalogStore(tmp_path / "c") as store:
        done = import_pair(store, bid=bid, ask=ask, order=how, quote_size=Decimal(5), say=quiet)
    assert [each.manifest.dataset.rpartition("-LAST")[0] or each.manifest.dataset for each in done] == [
        "BTCUSDT.BINANCE",
        "BTCUSDT.BINANCE-1-MINUTE-BID-EXTERNAL",
        "BTCUSDT.BINANCE-1-MINUTE-ASK-EXTERNAL",
    ]
    quotes = done[0].manifest
    assert (quotes.rows_written, quotes.dropped) == (2, {"ONE_SIDED": 1, "CROSSED": 1})
    assert quotes.synthetic is not None
    assert [str(quote.bid_price) for quote in stored(tmp_path / "c", order(Kind.QUOTES))] == ["1.10", "1.11"]


def test_a_crossed_pair_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    bid, ask = pair(tmp_path)
    with CatalogStore(tmp_path / "c") as store:
        how = order(columns={"volume": "-"})
        error = refused(lambda: import_pair(store, bid=bid, ask=ask, order=how, quote_size=Decimal(5), say=quiet))
    assert error.code == "ROW_CROSSED"
    assert files_of(tmp_path / "c") == {}


def test_a_manifest_says_what_was_found(tmp_path: Path) -> None:
    lines = bar_lines(10)
    file = write_csv(tmp_path / "bars.csv", [*lines[:3], lines[2], *lines[5:], "1736172600000,0,1,1,1,1"])
    done = put(tmp_path / "c", file, order(bad_rows=BadRows.DROP)).manifest
    facts = json.loads((tmp_path / "c" / "imports" / f"{done.import_id}.json").read_text())
    wanted = {"rows_read": 10, "rows_written": 8, "duplicates": 1, "dropped": {"ZERO": 1}, "gaps": 1, "missing_bars": 2}
    assert {name: facts[name] for name in wanted} == wanted
    assert facts["dropped_lines"] == {"ZERO": [11]}
