"""What moves the rehearsal exchange's market: random walks, recordings and scripts."""

from __future__ import annotations

import gzip
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from orders.errors import InputError
from sim.rehearsal.control import Control
from sim.rehearsal.feeds import random_walk
from sim.rehearsal.listing import LISTINGS
from sim.rehearsal.recording import recorded
from sim.rehearsal.settlement import FeeRates
from sim.rehearsal.store import Store
from sim.rehearsal.venue import Venue

ROOT = Path(__file__).resolve().parents[2]
LISTED = {each.name: each for each in LISTINGS}
HEAD = "symbol,bid,ask,bid_size,ask_size,ts_ns\n"


async def nothing() -> None:
    """It has no port."""


@pytest.fixture
def control():
    venue = Venue(listings=LISTINGS, fees=FeeRates(maker=Decimal(0), taker=Decimal(0)), store=Store(None))
    yield Control(venue, down=nothing, up=nothing)
    venue.close()


def steps(path: Path, speed: str = "1") -> list[dict[str, Any]]:
    return list(recorded(path, listings=LISTED, speed=Decimal(speed)))


def test_a_random_walk_moves_every_pair_on_its_tick_and_is_taken_by_the_exchange(control):
    for step in islice(random_walk(3), 400):
        control.do(step)
    for name, market in control._venue.public.markets.items():
        touch = market.touch()
        bid, ask = Decimal(touch["bidPrice"]), Decimal(touch["askPrice"])
        assert 0 < bid < ask, name
        assert bid % LISTED[name].tick_size == ask % LISTED[name].tick_size == 0
        assert all(Decimal(trade["q"]) % LISTED[name].step_size == 0 for trade in market.trades)
    assert sum(bool(market.trades) for market in control._venue.public.markets.values()) == 12


def test_the_bundled_recording_is_played_at_its_own_pace(control):
    path = ROOT / "data/samples/crypto/quotes.csv.gz"
    with gzip.open(path, "rt") as lines:
        rows = [line.strip().split(",") for line in lines][1:]
    mine = [row for row in rows if row[0].partition(":")[2] in LISTED]
    played = steps(path)
    assert len(played) == len(mine)
    assert sum(step["after_ms"] for step in played) == (int(mine[-1][5]) - int(mine[0][5])) // 10**6
    assert sum(step["after_ms"] for step in steps(path, "10")) == (int(mine[-1][5]) - int(mine[0][5])) // 10**7
    for step in played[:50]:
        control.do(step)


def test_what_a_run_recorded_is_a_recording(tmp_path):
    rows = {
        "symbol": ["BINANCE:BTCUSDT", "NYSE:XOM", "BINANCE:BTCUSDT"],
        "bid": ["100.00", "1", "100.01"],
        "ask": ["100.02", "2", "100.03"],
        "bid_size": ["1", "1", "0"],
        "ask_size": ["2", "1", "3"],
        "ts_ns": [5, 5, 5],
        "received_ns": [10**9, 10**9 + 1, 10**9 + 250_000_000],
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "run-1.parquet")
    assert steps(tmp_path) == [
        {"after_ms": 0, "do": "set_book", "symbol": "BTCUSDT", "bids": [["100.00", "1"]], "asks": [["100.02", "2"]]},
        {"after_ms": 250, "do": "set_book", "symbol": "BTCUSDT", "bids": [], "asks": [["100.03", "3"]]},
    ]


BAD = {
    "nothing of these pairs": "NYSE:XOM,1,2,1,1,5\n",
    "crossed": "X:BTCUSDT,100.02,100.01,1,1,5\n",
    "off the tick": "X:BTCUSDT,100.001,100.01,1,1,5\n",
    "no number": "X:BTCUSDT,abc,100.01,1,1,5\n",
    "not finite": "X:BTCUSDT,NaN,100.01,1,1,5\n",
    "no time": "X:BTCUSDT,100.00,100.01,1,1,\n",
    "cut short": "X:BTCUSDT,100.00\n",
}


@pytest.mark.parametrize("rows", BAD.values(), ids=BAD)
def test_a_bad_recording_is_refused(tmp_path, rows):
    path = tmp_path / "quotes.csv"
    path.write_text(HEAD + rows)
    with pytest.raises(InputError, match="RECORDING_MALFORMED"):
        steps(path)


@pytest.mark.parametrize("content", [None, b"\x1f\x8b not gzip", b"PAR1 no"], ids=["missing", "a torn gzip", "a torn Parquet"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, content):
    path = tmp_path / ("quotes.parquet" if content == b"PAR1 no" else "quotes.csv.gz")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="RECORDING_MALFORMED"):
        steps(path)


WRONG = {
    "an unknown step": {"do": "jump"},
    "a pair nobody lists": {"do": "quote", "symbol": "X", "bid": "1", "ask": "2"},
    "a crossed book": {"do": "set_book", "symbol": "BTCUSDT", "bids": [["2", "1"]], "asks": [["1", "1"]]},
    "an order the venue refuses": {"do": "order", "account": "main", "parameters": {"symbol": "BTCUSDT"}},
    "a cancel of nothing": {"do": "cancel", "account": "main", "symbol": "BTCUSDT", "client_id": "x"},
    "a negative balance": {"do": "balance", "account": "main", "asset": "USDT", "free": "-1"},
    "a twist nobody knows": {"do": "twist", "kind": "upside down"},
    "no step at all": {},
    "a balance without end": {"do": "balance", "account": "main", "asset": "USDT", "free": "Infinity"},
    "nine decimals": {"do": "trade", "symbol": "BTCUSDT", "price": "1", "quantity": "0.000000001"},
    "a price that is none": {"do": "set_book", "symbol": "BTCUSDT", "bids": [["NaN", "1"]], "asks": []},
    "a level of three": {"do": "set_book", "symbol": "BTCUSDT", "bids": [["1", "1", "1"]], "asks": []},
    "a skew in words": {"do": "skew", "ms": "much"},
    "a tick of nothing": {"do": "relist", "symbol": "BTCUSDT", "changes": {"tick_size": "0"}},
    "fees of all": {"do": "fees", "maker": "0", "taker": "1"},
    "fees below nothing": {"do": "fees", "maker": "-0.001", "taker": "0"},
    "a fee that is not said": {"do": "fees", "maker": "0.001"},
    "a slip of all": {"do": "slip", "fraction": "1"},
    "changes that are a list": {"do": "relist", "symbol": "BTCUSDT", "changes": ["tick_size"]},
    "a list": [],
    "a number": 5,
}


@pytest.mark.parametrize("step", WRONG.values(), ids=WRONG)
def test_a_step_that_cannot_be_done_is_refused_and_changes_nothing(control, step):
    before = dict(control._venue.exchange.state.balances.holdings)
    with pytest.raises(InputError):
        control.do(step)
    assert control._venue.exchange.state.balances.holdings == before
