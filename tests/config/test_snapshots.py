"""Snapshots come back as they were written; a bad one is refused with its line or its symbol."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.snapshots import read_book, read_market_limits, read_quotes, write_book, write_market_limits, write_quotes
from orders.book import Book
from orders.errors import InputError, NotYet, StorageError
from orders.plan import OpenOrder
from orders.values import MarketLimits, Quote, Side

amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=9, allow_nan=False)
prices = st.decimals(min_value="0.00000001", max_value=10**9, places=8, allow_nan=False)
symbols = st.from_regex(r"[A-Z]{1,6}:[A-Z0-9.!]{1,8}", fullmatch=True)
LIMITS = MarketLimits(
    symbol="NASDAQ:AAPL",
    venue="US",
    step_size=Decimal(1),
    tick_size=Decimal("0.01"),
    min_quantity=Decimal(1),
    min_notional=Decimal(100),
    max_quantity=None,
    multiplier=Decimal(1),
)


@settings(deadline=None)  # a disk
@given(rows=st.dictionaries(symbols, st.tuples(prices, prices, st.integers(0, 2**62)), max_size=5))
def test_quotes_come_back_exact(rows: dict[str, tuple[Decimal, Decimal, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("quotes") / "quotes.csv"
    quotes = {symbol: Quote(symbol=symbol, bid=bid, ask=ask, ts_ns=ts_ns) for symbol, (bid, ask, ts_ns) in rows.items()}
    write_quotes(path, quotes.values())
    assert read_quotes(path) == quotes


@given(positions=st.dictionaries(symbols, amounts.filter(bool), max_size=4), cash=amounts, cycle=st.integers(0, 10**6))
def test_book_comes_back_exact(
    positions: dict[str, Decimal], cash: Decimal, cycle: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("book") / "book.json"
    book = Book(cash={"US": {"USD": cash}}, positions=positions)
    order = OpenOrder(client_order_id="a" * 32, symbol="NYSE:XOM", side=Side.SELL, leaves_quantity=Decimal("0.5"))
    write_book(path, book, as_of_ns=2**62, cycle=cycle, open_orders=(order,))
    found = read_book(path)
    assert (found.book, found.as_of_ns, found.cycle, found.open_orders) == (book, 2**62, cycle, (order,))


def test_limits_come_back_exact_with_the_hash_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    write_market_limits(path, [LIMITS], as_of_ns=7, source="a test")
    found = read_market_limits(path)
    assert (dict(found.limits), found.refused, found.as_of_ns, found.source) == ({"NASDAQ:AAPL": LIMITS}, (), 7, "a test")
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["sp500", "crypto"])
def test_shipped_limits_are_all_usable(name: str, pytestconfig: pytest.Config) -> None:
    found = read_market_limits(pytestconfig.rootpath / f"data/samples/{name}/limits.json")
    assert found.limits
    assert not found.refused


QUOTES = "symbol,bid,ask,ts_ns\nNYSE:XOM,80,81,5\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bid,ask\n", "line 1"),
        (QUOTES + "NYSE:GE,1,2\n", "line 3"),
        (QUOTES + "NYSE:XOM,80,81,5\n", "line 3"),
        (QUOTES + "NYSE:GE,0,2,5\n", "bid on line 3 above 0"),
        (QUOTES + "NYSE:GE,1,-2,5\n", "ask on line 3 above 0"),
        (QUOTES + "NYSE:GE,NaN,2,5\n", "bid on line 3"),
        (QUOTES + "NYSE:GE,1,1e5,5\n", "ask on line 3"),
        (QUOTES + "NYSE:GE,1,2,soon\n", "ts_ns on line 3"),
        (QUOTES + "NYSE:GE,1,2,-5\n", "ts_ns on line 3"),
        (QUOTES + "NYSE:GE,1,2,\n", "ts_ns on line 3"),
    ],
    ids=[
        "another head",
        "three fields",
        "a symbol twice",
        "zero",
        "negative",
        "NaN",
        "an exponent",
        "words",
        "before 1970",
        "none",
    ],
)
def test_bad_quote_is_refused_by_its_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_quotes(path)
    assert caught.value.code == "QUOTES_INVALID"
    assert words in str(caught.value)


def test_crossed_quote_is_left_to_the_planner(tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text("symbol,bid,ask,ts_ns\nNYSE:XOM,82,81,5\n")
    assert read_quotes(path)["NYSE:XOM"].bid == 82


def limits_file(path: Path, **changes: Any) -> Path:
    good = {"symbol": "NYSE:XOM", "venue": "US", "step_size": "1", "tick_size": "0.01", "min_quantity": "1",
            "min_notional": "100", "max_quantity": None, "multiplier": "1"}  # fmt: skip
    bad = {key: value for key, value in ({**good, "symbol": "NYSE:GE"} | changes).items() if value != "gone"}
    path.write_text(json.dumps({"version": 1, "as_of_ns": "5", "source": "a test", "limits": [good, bad]}))
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"step_size": "0"},
        {"tick_size": "0"},
        {"multiplier": "0"},
        {"step_size": "NaN"},
        {"step_size": None},
        {"step_size": "gone"},
        {"min_notional": "-1"},
        {"max_quantity": "0"},
        {"lot_size": "1"},
    ],
    ids=["zero step", "zero tick", "zero multiplier", "NaN", "null", "missing", "negative", "max of zero", "another name"],
)
def test_unusable_limits_leave_their_symbol_without_any(changes: dict[str, Any], tmp_path: Path) -> None:
    found = read_market_limits(limits_file(tmp_path / "limits.json", **changes))
    assert list(found.limits) == ["NYSE:XOM"]
    assert [(entry.symbol, entry.code) for entry in found.refused] == [("NYSE:GE", "LIMITS_REFUSED")]


def test_symbol_twice_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NYSE:XOM twice"):
        read_market_limits(limits_file(tmp_path / "limits.json", symbol="NYSE:XOM"))


@pytest.mark.parametrize(
    "text",
    ["[1]", "{", "{}", '{"version":2}', '{"version":1,"version":1}', "[" * 100_000, '{"a":NaN}', '{"a":1.5}', "\x00"],
    ids=["a list", "cut", "empty object", "another version", "a key twice", "brackets", "NaN", "a float", "a zero byte"],
)
@pytest.mark.parametrize("reader", [read_book, read_market_limits], ids=["book", "limits"])
def test_document_of_another_shape_is_refused(text: str, reader: Any, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        reader(path)
    assert caught.value.code in {"BOOK_INVALID", "MARKET_LIMITS_INVALID"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cycle": -1}, "cycle"),
        ({"cycle": True}, "cycle"),
        ({"cycle": "1"}, "cycle"),
        ({"cash": {"US": {"USD": 5}}}, "cash.US.USD"),
        ({"cash": {"US": "5"}}, "cash.US"),
        ({"positions": {"NYSE:XOM": "Infinity"}}, "positions.NYSE:XOM"),
        ({"as_of_ns": "now"}, "as_of_ns"),
        ({"open_orders": [{}]}, "open order 1"),
        ({"extra": 1}, "version 1 with"),
    ],
)
def test_bad_book_is_refused_by_its_key(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = tmp_path / "book.json"
    good = {"version": 1, "as_of_ns": "5", "cash": {"US": {"USD": "5"}}, "positions": {}, "cycle": 0}
    path.write_text(json.dumps(good))
    assert read_book(path).book.cash == {"US": {"USD": Decimal(5)}}
    path.write_text(json.dumps(good | changes))
    with pytest.raises(InputError, match="BOOK_INVALID") as caught:
        read_book(path)
    assert words in str(caught.value)


@pytest.mark.parametrize("reader", [read_quotes, read_book, read_market_limits])
def test_absent_or_empty_snapshot_is_not_yet(reader: Any, tmp_path: Path) -> None:
    with pytest.raises(NotYet):
        reader(tmp_path / "none")
    (tmp_path / "empty").touch()
    with pytest.raises(NotYet):
        reader(tmp_path / "empty")


def test_directory_in_place_of_a_snapshot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_quotes(tmp_path)
    assert caught.value.code == "SNAPSHOT_UNREADABLE"


def test_write_into_a_file_as_directory_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        write_quotes(tmp_path / "file" / "quotes.csv", [])


def test_replaced_snapshot_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "snapshots" / "quotes.csv"
    for price in (1, 2):
        write_quotes(path, [Quote(symbol="NYSE:GE", bid=Decimal(price), ask=Decimal(price), ts_ns=1)])
    assert [entry.name for entry in path.parent.iterdir()] == ["quotes.csv"]
