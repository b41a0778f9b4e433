"""Rows of price files: what is taken, what is refused or counted, and the rule for spikes."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.price_kinds import COLUMNS, Kind, Row, chosen_columns, places_of
from lakehouse.price_policy import BadRows, RowPolicy, Spikes
from lakehouse.price_rows import RowChecker
from lakehouse.price_spikes import SPIKE_WINDOW
from lakehouse.price_times import Stamps
from orders.errors import ConfigError, InputError

MINUTE_NS = 60_000_000_000
FIRST_S = 1_736_172_000
GOOD = {Kind.BARS: "100,101,99,100.5,3", Kind.QUOTES: "100,100.01,1,2", Kind.TRADES: "100,2,buy,7"}


def checker(kind: Kind, *, floats: Sequence[int] = (), **changes: Any) -> RowChecker:
    policy = RowPolicy(
        kind=kind,
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.001"),
        interval_ns=MINUTE_NS if kind is Kind.BARS else 0,
        stamp_open=False,
        bad_rows=BadRows.DROP,
        spikes=Spikes.KEEP,
        quiet_ns=3600 * 10**9,
    )
    header = list(COLUMNS[kind])
    return RowChecker(
        msgspec.structs.replace(policy, **changes),
        path="prices.csv",
        stamps=Stamps("prices.csv", zone=None),
        places=places_of(header, kind, {}, path="prices.csv"),
        header=header,
        floats=frozenset(floats),
    )


def take(check: RowChecker, rows: Sequence[str]) -> list[Row]:
    """Give rows `minute values`, lines from 2."""
    taken = []
    for line, row in enumerate(rows, start=2):
        minute, _, rest = row.partition(" ")
        found = check.take(line, [str(FIRST_S + int(minute) * 60), *rest.split(",")])
        if found is not None:
            taken.append(found)
    return taken


BAD = [
    (Kind.BARS, "nan,101,99,100,3", "NOT_A_NUMBER"),
    (Kind.BARS, "100,inf,99,100,3", "NOT_A_NUMBER"),
    (Kind.BARS, "100,101,,100,3", "NOT_A_NUMBER"),
    (Kind.BARS, "100,101,99,1_00,3", "NOT_A_NUMBER"),
    (Kind.BARS, "100,101,99,100,-3", "NEGATIVE"),
    (Kind.BARS, "-100,101,99,100,3", "NEGATIVE"),
    (Kind.BARS, "0,101,0,100,3", "ZERO"),
    (Kind.BARS, "100,99.5,99,100,3", "OHLC"),
    (Kind.BARS, "100,101,100.25,100,3", "OHLC"),
    (Kind.BARS, "100.005,101,99,100,3", "OFF_TICK"),
    (Kind.BARS, "100,101,99,100,3.0005", "OFF_STEP"),
    (Kind.BARS, "100,1e17,99,100,3", "TOO_LARGE"),
    (Kind.QUOTES, "100.02,100.01,1,1", "CROSSED"),
    (Kind.QUOTES, "100,0,1,1", "ZERO"),
    (Kind.TRADES, "100,0,buy,1", "ZERO"),
    (Kind.TRADES, "100,1,held,1", "SIDE"),
    (Kind.TRADES, "100,1,buy,", "TRADE_ID"),
]


@pytest.mark.parametrize(("kind", "values", "reason"), BAD, ids=[f"{kind} {values}" for kind, values, _ in BAD])
def test_a_wrong_row_is_dropped_and_counted_with_its_line(kind: Kind, values: str, reason: str) -> None:
    check = checker(kind)
    assert len(take(check, [f"0 {GOOD[kind]}", f"1 {values}", f"2 {GOOD[kind]}8"])) == 2
    assert check.tally.dropped == {reason: 1}
    assert check.tally.dropped_lines == {reason: [3]}


@pytest.mark.parametrize(("kind", "values", "reason"), BAD, ids=[f"{kind} {values}" for kind, values, _ in BAD])
def test_a_wrong_row_refuses_the_file_where_it_is_asked_to(kind: Kind, values: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        take(checker(kind, bad_rows=BadRows.REFUSE), [f"0 {GOOD[kind]}", f"1 {values}"])
    assert caught.value.code == f"ROW_{reason}"
    assert "line 3 of prices.csv" in caught.value.expected


@pytest.mark.parametrize(
    ("kind", "rows", "kept", "duplicates", "dropped"),
    [
        (Kind.BARS, ["0 100,101,99,100,3", "0 100,101,99,100,3"], 1, 1, {}),
        (Kind.BARS, ["0 100,101,99,100,3", "0 100,101,99,100,4"], 1, 0, {"DUPLICATE_KEY": 1}),
        (Kind.BARS, ["1 100,101,99,100,3", "0 100,101,99,100,3"], 1, 0, {"OUT_OF_ORDER": 1}),
        (Kind.QUOTES, ["0 100,101,1,1", "0 100,101,1,2", "0 100,101,1,1"], 2, 1, {}),
        (Kind.TRADES, ["0 100,1,buy,1", "0 100,1,buy,1"], 1, 1, {}),
        (Kind.TRADES, ["0 100,1,buy,1", "1 101,1,buy,1"], 1, 0, {"DUPLICATE_KEY": 1}),
    ],
    ids=["bar twice", "two bars of one minute", "older bar", "quote twice, another between", "trade twice", "trade id again"],
)
def test_what_comes_twice_or_late_is_not_taken(
    kind: Kind, rows: list[str], kept: int, duplicates: int, dropped: dict[str, int]
) -> None:
    check = checker(kind)
    assert len(take(check, rows)) == kept
    assert (check.tally.duplicates, check.tally.dropped) == (duplicates, dropped)


def test_a_bar_off_its_grid_is_not_taken() -> None:
    check = checker(Kind.BARS)
    assert check.take(2, [str(FIRST_S + 1), "100", "101", "99", "100", "3"]) is None
    assert check.tally.dropped == {"OFF_GRID": 1}


def test_a_bar_stamped_with_its_begin_gets_its_end() -> None:
    (row,) = take(checker(Kind.BARS, stamp_open=True), ["0 100,101,99,100,3"])
    assert row.ts_ns == FIRST_S * 10**9 + MINUTE_NS


def test_missing_bars_are_counted_and_named() -> None:
    check = checker(Kind.BARS)
    take(check, ["0 100,101,99,100,3", "1 100,101,99,100,3", "5 100,101,99,100,3"])
    assert (check.tally.gaps, check.tally.missing_bars) == (1, 3)
    assert check.tally.gap_list == [((FIRST_S + 60) * 10**9, (FIRST_S + 300) * 10**9, 3)]


def test_a_binary_float_next_to_a_multiple_of_the_step_is_that_multiple_and_is_counted() -> None:
    check = checker(Kind.TRADES, floats=[1, 2])
    assert check.take(2, [str(FIRST_S), repr(100.01), repr(0.1 + 0.2), "buy", "1"]) is not None
    assert check.tally.from_floats == 1


def test_text_next_to_a_multiple_of_the_step_is_off_the_step() -> None:
    check = checker(Kind.TRADES)
    assert check.take(2, [str(FIRST_S), "100.01", repr(0.1 + 0.2), "buy", "1"]) is None
    assert check.tally.dropped == {"OFF_STEP": 1}


def steady(count: int) -> list[str]:
    return [f"{place} 100,100.{place % 3}1,99.9{place % 3},100.0{place % 3},1" for place in range(count)]


@pytest.mark.parametrize(
    ("high", "spikes"), [("101.9", 0), ("102.1", 1), ("1000", 1)], ids=["within 2 %", "beyond 2 %", "a digit too many"]
)
def test_a_spike_is_counted_and_kept(high: str, spikes: int) -> None:
    check = checker(Kind.BARS)
    rows = [*steady(SPIKE_WINDOW), f"{SPIKE_WINDOW} 100,{high},99.9,100,1"]
    assert len(take(check, rows)) == len(rows)
    assert check.tally.spikes == spikes


@pytest.mark.parametrize(("policy", "kept"), [(Spikes.KEEP, 32), (Spikes.DROP, 31)], ids=["kept", "dropped"])
def test_a_spike_is_dropped_only_where_it_is_asked_to(policy: Spikes, kept: int) -> None:
    check = checker(Kind.BARS, spikes=policy)
    assert len(take(check, [*steady(SPIKE_WINDOW), f"{SPIKE_WINDOW} 1000,1000,1000,1000,1"])) == kept


def test_a_new_level_is_believed_after_half_the_window() -> None:
    check = checker(Kind.BARS, spikes=Spikes.DROP)
    level = [f"{SPIKE_WINDOW + place} 200,200,200,200,1" for place in range(40)]
    taken = take(check, [*steady(SPIKE_WINDOW), *level])
    assert check.tally.spikes == SPIKE_WINDOW // 2 + 1
    assert taken[-1].numbers[0] == 200


@given(st.lists(st.integers(min_value=1, max_value=10**9), min_size=1, max_size=40))
def test_prices_on_the_tick_are_taken_exactly(ticks: list[int]) -> None:
    check = checker(Kind.QUOTES)
    prices = [Decimal(tick).scaleb(-2) for tick in ticks]
    rows = take(check, [f"{place} {price},{price},0,0.001" for place, price in enumerate(prices)])
    assert [row.numbers[0] for row in rows] == prices


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("time,open,high,low,close", "volume (0 of volume)"),
        ("time,open,high,low,close,volume,date", "time (2 of"),
        ("a,b,c", "time (0 of"),
    ],
    ids=["one is missing", "two may be the time", "none is known"],
)
def test_columns_that_are_not_clear_are_named(header: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        places_of(header.split(","), Kind.BARS, {}, path="prices.csv")
    assert caught.value.code == "COLUMNS_WRONG"
    assert code in caught.value.found


@pytest.mark.parametrize("text", ["open", "price=x", "open=-", "open=a,open=b", "open="])
def test_a_column_mapping_that_says_nothing_clear_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        chosen_columns(text, Kind.BARS)
    assert caught.value.code == "COLUMNS_OPTION"
