"""Fills of other systems: the same views; a file that is not right is one error with its line."""

import gzip
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.foreign_rows import FILL_COLUMNS
from analysis.foreign_store import open_foreign
from analysis.log_columns import TABLES
from analysis.log_sql import sql_columns
from analysis.log_store import open_log
from orders.errors import InputError
from orders.exact import exact_arithmetic
from tests.log_store.made import fill, start, write

ROOT = Path(__file__).resolve().parents[2]
HEADER = "time,trade_id,order_id,venue,symbol,side,quantity,price,quote_currency,fee,fee_currency,order_time,order_quantity"
ROWS = (
    "2026-01-06T14:00:05Z,1,a,BINANCE,BTCUSDT,BUY,0.1,100.1,USDT,0.01,USDT,2026-01-06T14:00:01Z,0.3",
    "2026-01-06T14:00:06.5Z,2,a,BINANCE,BTCUSDT,BUY,0.2,100.2,USDT,-0.01,USDT,2026-01-06T14:00:01Z,0.3",
    "2026-01-06T16:00:07+02:00,3,b,KRAKEN,ETHUSDT,SELL,5,10,USDT,0,USDT,,",
)
QUOTES = (
    "time,symbol,bid,ask",
    "2026-01-06T14:00:00Z,BTCUSDT,99.9,100",
    "2026-01-06T14:00:00Z,BTCUSDT,99.9,100.1",
    "2026-01-06T14:00:06Z,BTCUSDT,100,100.1",
    "2026-01-06T14:00:07.1Z,ETHUSDT,9,11",
)


def put(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines))
    return path


def fills_file(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    return put(tmp_path / "fills.csv", header, *(rows or ROWS))


def test_fills_are_the_views_of_a_log(tmp_path: Path) -> None:
    with open_foreign(fills_file(tmp_path), put(tmp_path / "quotes.csv", *QUOTES)) as store:
        told = store.rows(
            "SELECT client_order_id, venue, side, quantity, price, notional_quote, fee, filled_quantity, order_quantity "
            "FROM fills"
        )
    assert [tuple(str(cell.normalize()) if isinstance(cell, Decimal) else cell for cell in row) for row in told] == [
        ("a", "BINANCE", "BUY", "0.1", "100.1", "10.01", "0.01", "0.1", "0.3"),
        ("a", "BINANCE", "BUY", "0.2", "100.2", "20.04", "-0.01", "0.3", "0.3"),
        ("b", "KRAKEN", "SELL", "5", "1E+1", "5E+1", "0", "5", "5"),
    ]


def test_each_order_is_an_intent(tmp_path: Path) -> None:
    with open_foreign(fills_file(tmp_path), put(tmp_path / "quotes.csv", *QUOTES)) as store:
        told = store.rows("SELECT client_order_id, symbol, side, quantity, arrival_bid, arrival_ask, arrival_mid FROM intents")
    assert told == [
        ("a", "BTCUSDT", "BUY", Decimal("0.3"), Decimal("99.9"), Decimal("100.1"), Decimal(100)),
        ("b", "ETHUSDT", "SELL", Decimal(5), None, None, None),
    ]


def test_the_book_at_a_fill_is_the_newest_quote_before_it(tmp_path: Path) -> None:
    with open_foreign(fills_file(tmp_path), put(tmp_path / "quotes.csv", *QUOTES)) as store:
        assert store.rows("SELECT trade_id, fill_bid, fill_ask FROM fills ORDER BY seq") == [
            ("1", Decimal("99.9"), Decimal("100.1")),
            ("2", Decimal(100), Decimal("100.1")),
            ("3", None, None),
        ]


def test_a_quote_older_than_a_minute_is_none(tmp_path: Path) -> None:
    quotes = put(tmp_path / "quotes.csv", QUOTES[0], "2026-01-06T13:59:05Z,BTCUSDT,99.9,100")
    with open_foreign(fills_file(tmp_path, ROWS[0]), quotes) as store:
        assert store.rows("SELECT arrival_mid, fill_bid FROM fills") == [(Decimal("99.95"), Decimal("99.9"))]
    with open_foreign(fills_file(tmp_path, ROWS[0].replace("14:00", "14:01")), quotes) as store:
        assert store.rows("SELECT arrival_mid, fill_bid FROM fills") == [(None, None)]


def test_what_cannot_be_measured_is_counted(tmp_path: Path) -> None:
    with open_foreign(fills_file(tmp_path), put(tmp_path / "quotes.csv", *QUOTES)) as store:
        assert store.notes[1:] == (
            "1 of 2 orders have no arrival price (no order_time, or no quote in the 60 s before it).",
            "1 of 3 fills have no quote in the 60 s before them.",
        )


def test_the_views_have_the_columns_of_a_log(tmp_path: Path) -> None:
    with open_foreign(fills_file(tmp_path)) as ours, open_log(write(tmp_path / "log", start(), fill(2)), copy=False) as log:
        for name in [*(table.name for table in TABLES), "plan_lines"]:
            described = [row[:2] for row in ours.rows(f"DESCRIBE {name}")]
            assert described == [row[:2] for row in log.rows(f"DESCRIBE {name}")]
            assert [column for column, _ in described] == [column for column, _ in sql_columns(name)]
            assert ours.rows(f"SELECT count(*) > 0 FROM {name}") == [(name in ("fills", "intents"),)]


def test_the_recorded_sample_of_quotes_is_read_as_it_is(tmp_path: Path) -> None:
    row = ROWS[0].replace("2026", "2025").replace("BTCUSDT", "BINANCE:BTCUSDT")
    with open_foreign(fills_file(tmp_path, row), ROOT / "data/samples/crypto/quotes.csv.gz") as store:
        assert store.rows("SELECT count(*), min(bid) > 0, typeof(any_value(ask_size)) FROM quotes") == [
            (4800, True, "DECIMAL(38,10)")
        ]
        assert store.rows("SELECT fill_bid FROM fills") == [(Decimal("99590.61"),)]


def test_given_prices_of_arrival_win_over_quotes(tmp_path: Path) -> None:
    row = f"{ROWS[0]},50,52,49"
    path = fills_file(tmp_path, row, header=f"{HEADER},arrival_bid,arrival_ask,decision_price")
    with open_foreign(path, put(tmp_path / "quotes.csv", *QUOTES)) as store:
        assert store.rows("SELECT arrival_mid, decision_price FROM intents") == [(Decimal(51), Decimal(49))]


def test_a_gzipped_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "fills.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *ROWS]).encode()))
    with open_foreign(path) as store:
        assert store.rows("SELECT count(*) FROM fills") == [(3,)]


def changed(number: int, old: str, new: str) -> tuple[str, ...]:
    assert old in ROWS[number]
    return tuple(row.replace(old, new, 1) if place == number else row for place, row in enumerate(ROWS))


@pytest.mark.parametrize(
    ("code", "line", "rows"),
    [
        ("FOREIGN_NUMBER", 3, changed(1, ",0.2,", ",NaN,")),
        ("FOREIGN_NUMBER", 3, changed(1, ",0.2,", ",,")),
        ("FOREIGN_NUMBER", 3, changed(1, ",0.2,", ",-0.2,")),
        ("FOREIGN_NUMBER", 3, changed(1, ",0.2,", ",0.0,")),
        ("FOREIGN_NUMBER", 4, changed(2, ",10,", ",1e1,")),
        ("FOREIGN_NUMBER", 4, changed(2, ",10,", ",inf,")),
        ("FOREIGN_NUMBER", 4, changed(2, ",10,", ',"1,000",')),
        ("FOREIGN_NUMBER", 4, changed(2, ",10,", f",0.{'1' * 15},")),
        ("FOREIGN_NUMBER", 4, changed(2, ",5,10,", f",{'9' * 20},{'9' * 20},")),
        ("FOREIGN_CHOICE", 2, changed(0, ",BUY,", ",buy,")),
        ("FOREIGN_CHOICE", 2, changed(0, ",BUY,", ",LONG,")),
        ("FOREIGN_TEXT", 2, changed(0, ",USDT,", ",,")),
        ("FOREIGN_TEXT", 2, changed(0, ",BINANCE,", ", BINANCE,")),
        ("FOREIGN_TWICE", 4, (*ROWS[:2], ROWS[1])),
        ("FOREIGN_UNSORTED", 3, (ROWS[1], ROWS[0])),
        ("FOREIGN_ORDER", 3, changed(1, ",BUY,", ",SELL,")),
        ("FOREIGN_ORDER", 3, changed(1, "14:00:01Z", "14:00:02Z")),
        ("FOREIGN_ORDER", 3, changed(1, ",0.2,", ",0.21,")),
        ("FOREIGN_ORDER", 2, changed(0, "14:00:01Z", "14:00:09Z")),
        ("ZONE_MISSING", 2, changed(0, "14:00:05Z", "14:00:05")),
        ("TIMES_MIXED", 4, changed(2, "2026-01-06T16:00:07+02:00", "1767708007000")),
        ("TIME_MALFORMED", 2, changed(0, "2026-01-06T14:00:05Z", "06.01.2026 14:00")),
        ("ROW_WIDTH", 4, (*ROWS[:2], ROWS[2][:-1])),
        ("CSV_MALFORMED", 4, (*ROWS[:2], '"open')),
        ("TEXT_BINARY", 3, changed(1, "BINANCE", "BIN\0NCE")),
    ],
    ids=[
        "NaN", "no quantity", "a signed quantity", "a quantity of zero", "an exponent", "an infinite price",
        "a comma for thousands", "a price too fine", "an absurd notional", "a side in small letters",
        "a side of a position", "no currency", "blanks around",
        "a fill twice", "not sorted", "an order with two sides", "an order with two times", "more than the order",
        "an order after its fill", "a time without a zone", "two kinds of time", "a time of no form", "a row cut short",
        "a quote left open", "a NUL byte",
    ],
)  # fmt: skip
def test_a_row_that_is_not_right_is_refused_with_its_line(tmp_path: Path, code: str, line: int, rows: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=rf"^{code}: .*line {line} of .*fills\.csv"):
        open_foreign(fills_file(tmp_path, *rows))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (HEADER.replace("fee,", "", 1), "without fee"),
        (HEADER.replace("order_quantity", "orderQty"), "besides orderQty"),
        (HEADER.replace("order_quantity", "price"), "twice price"),
    ],
    ids=["a missing column", "an unknown column", "a column twice"],
)
def test_columns_that_are_not_those_of_the_page_are_refused(tmp_path: Path, header: str, found: str) -> None:
    with pytest.raises(InputError, match=f"FOREIGN_COLUMNS: .*line 1 of .*{found}"):
        open_foreign(fills_file(tmp_path, header=header))


@pytest.mark.parametrize(
    ("code", "text"),
    [("FILE_EMPTY", ""), ("FILE_EMPTY", HEADER + "\n"), ("FILE_MISSING", None)],
    ids=["no byte", "no row", "no file"],
)
def test_a_file_without_fills_is_refused(tmp_path: Path, code: str, text: str | None) -> None:
    if text is not None:
        (tmp_path / "fills.csv").write_text(text)
    with pytest.raises(InputError, match=code):
        open_foreign(tmp_path / "fills.csv")


@pytest.mark.parametrize(
    ("code", "row"),
    [
        ("FOREIGN_CROSSED", "2026-01-06T14:00:08Z,ETHUSDT,11,10"),
        ("FOREIGN_UNSORTED", "2026-01-06T14:00:05Z,ETHUSDT,9,11"),
        ("FOREIGN_NUMBER", "2026-01-06T14:00:08Z,ETHUSDT,nan,11"),
        ("FOREIGN_NUMBER", "2026-01-06T14:00:08Z,ETHUSDT,0,11"),
    ],
    ids=["crossed", "not sorted", "NaN", "a bid of zero"],
)
def test_a_quote_that_is_not_right_is_refused_with_its_line(tmp_path: Path, code: str, row: str) -> None:
    with pytest.raises(InputError, match=rf"^{code}: .*line 6 of .*quotes\.csv"):
        open_foreign(fills_file(tmp_path), put(tmp_path / "quotes.csv", *QUOTES, row))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(
        st.tuples(st.decimals("0.0000000001", "99999999", places=10), st.decimals("0.00000001", "99999", places=14)),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_quantity_and_price_are_read_to_their_last_digit_and_the_notional_is_exact(
    tmp_path: Path, numbers: list[tuple[Decimal, Decimal]]
) -> None:
    rows = [
        f"2026-01-06T14:00:05Z,{place},o{place},X,Y,BUY,{quantity:f},{price:f},USD,0,USD,,"
        for place, (quantity, price) in enumerate(numbers)
    ]
    with open_foreign(fills_file(tmp_path, *rows)) as store:
        told = store.rows("SELECT quantity, price, notional_quote FROM fills ORDER BY seq")
    with exact_arithmetic():
        assert told == [(quantity, price, quantity * price) for quantity, price in numbers]


def test_the_columns_are_those_of_the_page() -> None:
    page = (ROOT / "data/README.md").read_text()
    section = page[page.index("### Fills of other systems") :].split("\n## ")[0]
    fills, quotes = section.split("| column of a quote |")

    def told(text: str) -> set[str]:
        first_cells = (row.split("|")[1] for row in text.splitlines() if row.startswith("| `"))
        return {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}

    assert told(fills) == set(FILL_COLUMNS)
    assert told(quotes) == {"time", "ts_ns", "symbol", "bid", "ask", "bid_size", "ask_size"}
