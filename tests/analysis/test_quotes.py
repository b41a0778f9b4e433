"""Quotes around fills: every as-of join against plain loops, and what misses the window is NULL and counted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import polars
import pytest

from analysis.benchmarks import interval_vwap, twap_of_mids
from analysis.cost_tree import order_costs
from analysis.log_store import LogStore, open_log
from analysis.order_benchmarks import order_benchmarks
from analysis.paper_check import check_paper
from analysis.quotes import load_quotes, mark_fills, markouts
from analysis.spreads import MARKOUT_NS
from lakehouse import records
from orders.errors import InputError
from orders.exact import exact_arithmetic
from orders.values import Side
from tests.analysis.made_costs import MARKETS, MadeLog

D = Decimal
AGE_NS = 60 * 10**9
Quote = tuple[int, str, Decimal, Decimal]


def made_quotes(made: MadeLog, folder: Path) -> list[Quote]:
    """A book that stays away for minutes at times and ends before the log does, in two files."""
    draw = random.Random(5)
    first, last = made.lines[0].market_ns, made.lines[-1].market_ns
    quotes: list[Quote] = []
    for symbol in MARKETS:
        at, mid = first, D(100)
        while at < last - 30 * 10**9:
            mid += D(draw.randint(-50, 50)).scaleb(-2)
            half = D(draw.randint(0, 9)).scaleb(-3)
            quotes.append((at, symbol, mid - half, mid + half))
            at += draw.choice((10**8, 10**9, 10**10, 2 * 10**11))
    quotes.sort()
    folder.mkdir()
    bad = [(first, symbol, D(9), D(8)) for symbol in MARKETS]  # crossed: left out
    for number, part in enumerate((quotes[::2] + bad, quotes[1::2])):
        polars.DataFrame(
            {
                "ts_ns": [row[0] for row in part],
                "market_ns": [row[0] for row in part],
                "symbol": [row[1] for row in part],
                "bid": [str(row[2]) for row in part],
                "ask": [str(row[3]) for row in part],
            }
        ).write_parquet(folder / f"r-{number}.parquet")
    return quotes


def mid_at(quotes: Sequence[Quote], symbol: str, at_ns: int) -> Decimal | None:
    seen = [row for row in quotes if row[1] == symbol and row[0] <= at_ns]
    if not seen or at_ns - seen[-1][0] > AGE_NS or at_ns > quotes[-1][0]:
        return None
    return (seen[-1][2] + seen[-1][3]) / 2


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[MadeLog, LogStore, list[Quote]]:
    folder = tmp_path_factory.mktemp("quotes")
    made = MadeLog(folder / "execution_logs.jsonl", seed=11, cycles=40)
    quotes = made_quotes(made, folder / "top_of_book")
    store = open_log(folder / "execution_logs.jsonl")
    assert load_quotes(store, folder / "top_of_book") == len(quotes)
    mark_fills(store)
    return made, store, quotes


def test_a_mid_is_the_newest_within_the_window_or_null(case: tuple[MadeLog, LogStore, list[Quote]]) -> None:
    made, store, quotes = case
    fills = [line for line in made.lines if isinstance(line, records.Fill)]
    for name, later in {"at": 0, **MARKOUT_NS}.items():
        found = dict(store.rows(f"SELECT seq, mid FROM mids_{name}"))
        expected = {fill.seq: mid_at(quotes, fill.symbol, fill.market_ns + later) for fill in fills}
        assert found == expected
        assert None in expected.values()


def test_markouts_sum_over_fills_and_count_what_is_missing(case: tuple[MadeLog, LogStore, list[Quote]]) -> None:
    made, store, quotes = case
    groups = {(*found.key, found.horizon): found for found in markouts(store, by=["symbol"])}
    assert len(groups) == len(MARKETS) * len(MARKOUT_NS)
    for (_, symbol, horizon), found in groups.items():
        gained = worth = D(0)
        fills = [line for line in made.lines if isinstance(line, records.Fill) and line.symbol == symbol]
        known = 0
        with exact_arithmetic():
            for fill in fills:
                mid = mid_at(quotes, symbol, fill.market_ns + MARKOUT_NS[horizon])
                if mid is not None:
                    known += 1
                    gained += Side(fill.side).sign * D(fill.quantity) * (mid - D(fill.price))
                    worth += D(fill.quantity) * D(fill.price)
        assert (found.fills, found.known, found.missing) == (len(fills), known, len(fills) - known)
        if known:
            assert found.markout_bps is not None
            assert abs(found.markout_bps - gained / worth * 10_000) < D("1e-9")
            assert found.realised_bps == pytest.approx(-2 * found.markout_bps)
        else:
            assert found.markout_bps is None


def test_effective_is_realised_plus_impact(case: tuple[MadeLog, LogStore, list[Quote]]) -> None:
    _, store, _ = case
    store.rows("CREATE OR REPLACE TEMP TABLE known_fills AS SELECT * FROM fills WHERE fill_bid IS NOT NULL")
    mark_fills(store, fills="known_fills")
    for found in markouts(store, fills="known_fills"):
        if found.known:
            assert found.effective_bps is not None
            assert found.realised_bps is not None
            assert found.impact_bps is not None
            assert abs(found.effective_bps - found.realised_bps - found.impact_bps) < D("1e-11")
    mark_fills(store)


def test_interval_benchmarks_are_those_of_plain_loops(case: tuple[MadeLog, LogStore, list[Quote]], tmp_path: Path) -> None:
    made, store, quotes = case
    draw = random.Random(3)
    span = made.lines[0].market_ns, made.lines[-1].market_ns
    trades = sorted(
        (draw.randint(*span), draw.choice(list(MARKETS)), D(draw.randint(1, 90)), D(draw.randint(900, 1100))) for _ in range(900)
    )
    trades = [(span[0], "NYSE:TWO", D(1), D(1)), *trades, (span[1], "NYSE:TWO", D(1), D(1))]
    polars.DataFrame(
        {
            "market_ns": [row[0] for row in trades],
            "symbol": [row[1] for row in trades],
            "quantity": [str(row[2]) for row in trades],
            "price": [str(row[3]) for row in trades],
        }
    ).write_parquet(tmp_path / "t.parquet")
    order_costs(store)
    made_of = order_benchmarks(store, trades=tmp_path, own_are_public=False)
    rows = store.rows(
        """SELECT b.symbol, from_ns, to_ns, b.filled, r.traded, twap, vwap_all, vwap_others, volume_all, participation
        FROM order_benchmarks b JOIN cost_rows r USING (seq)"""
    )
    assert made_of.orders == len(rows)
    assert made_of.without_twap == sum(1 for row in rows if row[5] is None) > 0
    assert made_of.without_vwap == 0
    for symbol, from_ns, to_ns, filled, traded, twap, with_own, others, volume, participation in rows:
        public = [(units, price) for at, name, units, price in trades if name == symbol and from_ns <= at <= to_ns]
        own = [(filled, traded / filled)]
        mids = [(at, (bid + ask) / 2) for at, name, bid, ask in quotes if name == symbol]
        if twap is not None:
            start = max(number for number, (at, _) in enumerate(mids) if at <= from_ns)
            assert twap == pytest.approx(float(twap_of_mids(mids[start:], from_ns=from_ns, to_ns=to_ns) or 0), rel=1e-9)
        assert with_own == pytest.approx(float(interval_vwap([*public, *own], own_fills=own, without_own=False) or 0), rel=1e-9)
        alone = interval_vwap([*public, *own], own_fills=own, without_own=True)
        assert (others is None) == (alone is None)
        assert volume == sum((units for units, _ in public), D(0)) + filled
        assert participation == pytest.approx(float(filled / volume))


def test_without_trades_there_is_no_vwap(case: tuple[MadeLog, LogStore, list[Quote]]) -> None:
    _, store, _ = case
    order_costs(store)
    made_of = order_benchmarks(store, own_are_public=True)
    assert made_of.without_vwap == made_of.orders > 0


def test_fills_better_than_the_book_are_found(case: tuple[MadeLog, LogStore, list[Quote]]) -> None:
    made, store, _ = case
    expected, worth, easy = {}, D(0), D(0)
    for line in made.lines:
        if not isinstance(line, records.Fill) or line.fill_bid is None or line.fill_ask is None:
            continue
        far = (line.side is Side.BUY) == (line.liquidity == "taker")
        touch, price = D(line.fill_ask if far else line.fill_bid), D(line.price)
        worth += D(line.quantity) * touch
        if Side(line.side).sign * (touch - price) > 0:
            expected[line.seq] = touch
            easy += D(line.quantity) * touch
    found = check_paper(store)
    assert found.better == len(expected) > 5
    assert {fill.seq for fill in found.worst} == set(expected) or len(expected) > len(found.worst)
    assert [fill.better_bps for fill in found.worst] == sorted((fill.better_bps for fill in found.worst), reverse=True)
    assert found.score is not None
    assert abs(found.score - (1 - easy / worth)) < D("1e-6")
    assert found.fills == found.judged + found.unknown
    assert found.unknown > 0


def test_against_recorded_quotes_what_misses_the_window_is_not_judged(case: tuple[MadeLog, LogStore, list[Quote]]) -> None:
    made, store, quotes = case
    ages = [
        line.market_ns - max((row[0] for row in quotes if row[1] == line.symbol and row[0] <= line.market_ns), default=0)
        for line in made.lines
        if isinstance(line, records.Fill)
    ]
    found = check_paper(store, recorded=True)
    assert found.judged == sum(1 for age in ages if age <= AGE_NS) < found.fills


def test_no_quotes_and_broken_ones_are_one_error(case: tuple[MadeLog, LogStore, list[Quote]], tmp_path: Path) -> None:
    _, store, _ = case
    with pytest.raises(InputError, match="NO_QUOTES"):
        load_quotes(store, tmp_path / "nowhere")
    (tmp_path / "bad.parquet").write_bytes(b"not parquet")
    with pytest.raises(InputError, match="QUOTES_UNREADABLE"):
        load_quotes(store, tmp_path)
    with pytest.raises(InputError, match="TRADES_UNREADABLE"):
        order_benchmarks(store, trades=tmp_path, own_are_public=True)
    with pytest.raises(InputError, match="BY_UNKNOWN"):
        markouts(store, by=["colour"])
