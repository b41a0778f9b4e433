"""A venue's past into a catalog through the real ccxt: exact, complete over page borders and faults, and again after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from lakehouse.catalog_view import problems
from lakehouse.import_manifest import read_manifests
from lakehouse.price_kinds import Kind
from sim.catalog.fetcher import BARS_A_WINDOW
from sim.rehearsal.faults import Fault
from tests.catalog.made import files_of, refused, stored
from tests.ccxt_public.past import MINUTE_MS, START_MS, Past, bars, beside, fetch, series
from tests.children import child
from venues.ccxt.history import TRIES

KLINES = "GET klines"
PAGES = 2_500  # minutes: three pages


def expected(count: int) -> list[tuple[int, Decimal, Decimal]]:
    """Return (end in ns, open, volume) of the bars that have ended when `count` are told, the last one unfinished."""
    return [((row[0] + MINUTE_MS) * 10**6, row[1], row[5]) for row in bars(count)[:-1]]


def got(catalog: Path) -> list[tuple[int, Decimal, Decimal]]:
    return [(bar.ts_event, bar.open.as_decimal(), bar.volume.as_decimal()) for bar in stored(catalog, series())]


def test_bars_come_without_hole_or_double_at_page_borders_and_without_the_unfinished_one(tmp_path: Path) -> None:
    past = Past()
    past.give_bars(PAGES)
    done = fetch(past, tmp_path / "c")
    assert got(tmp_path / "c") == expected(PAGES)
    assert (done.rows, done.gaps) == (PAGES - 1, 0)
    assert past.server.requests[KLINES] == 3
    assert problems(tmp_path / "c") == []


def fault(kind: str, request: str = KLINES, **details: Any) -> Fault:
    return Fault(request=request, kind=kind, **details)


FAULTS = [
    ("429", fault("status", status=429)),
    ("429 that says how long", fault("status", status=429, retry_after_s=0)),
    ("418", fault("status", status=418)),
    ("500", fault("status", status=500)),
    ("503", fault("status", status=503)),
    ("half an answer", fault("cut")),
    ("a proxy's page", fault("html")),
    ("the page before again", fault("again")),
    ("no answer in time", fault("delay", ms=700)),
]


@pytest.mark.parametrize("given", [case[1] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_a_fault_in_the_middle_changes_nothing_of_what_is_written(tmp_path: Path, given: Fault) -> None:
    past, told = Past(), list[str]()
    past.give_bars(PAGES)
    fetch(past, tmp_path / "sound")
    first = past.server.requests[KLINES]
    server = past.server
    server.faults.add(fault("delay"), given)
    fetch(past, tmp_path / "c", told=told, timeout_ms=400)
    assert server.requests[KLINES] == first + 4
    assert files_of(tmp_path / "c") == files_of(tmp_path / "sound")
    assert len(told) == 1
    assert "asking again in" in told[0]


def test_a_venue_that_never_answers_is_given_up_and_what_was_fetched_stays(tmp_path: Path) -> None:
    past = Past()
    past.give_bars(BARS_A_WINDOW * 2)
    first = START_MS // MINUTE_MS % BARS_A_WINDOW
    pages = -(-(BARS_A_WINDOW - first) // 1_000)
    past.server.faults.add(fault("delay", times=pages), fault("status", status=503, times=TRIES))
    error = refused(lambda: fetch(past, tmp_path / "c"))
    assert error.code == "FETCH_FAILED"
    assert got(tmp_path / "c") == expected(BARS_A_WINDOW * 2)[: BARS_A_WINDOW - first]
    done = fetch(past, tmp_path / "c")
    assert done.windows_before == 1
    assert got(tmp_path / "c") == expected(BARS_A_WINDOW * 2)


def test_a_ban_longer_than_two_minutes_is_not_waited_for(tmp_path: Path) -> None:
    past = Past()
    past.give_bars(10)
    past.server.faults.add(fault("status", status=418, retry_after_s=7_200))
    assert refused(lambda: fetch(past, tmp_path / "c")).code == "FETCH_BANNED"


def test_a_later_page_in_place_of_the_next_one_is_not_taken_for_a_gap(tmp_path: Path) -> None:
    past = Past()
    past.give_bars(PAGES)
    fetch(past, tmp_path / "sound")  # its last page is what comes again
    past.server.faults.add(fault("again"))
    fetch(past, tmp_path / "c")
    assert files_of(tmp_path / "c") == files_of(tmp_path / "sound")


def test_a_second_fetch_goes_on_where_the_first_one_ended(tmp_path: Path) -> None:
    past = Past()
    past.give_bars(100)
    fetch(past, tmp_path / "c")
    past.give_bars(250)
    done = fetch(past, tmp_path / "c")
    assert (done.rows, got(tmp_path / "c")) == (150, expected(250))
    before = files_of(tmp_path / "c")
    assert fetch(past, tmp_path / "c").rows == 0
    assert files_of(tmp_path / "c") == before


def test_minutes_the_venue_does_not_have_are_gaps_that_are_counted(tmp_path: Path) -> None:
    past = Past()
    past.give_bars(100, without=range(40, 45))
    done = fetch(past, tmp_path / "c")
    manifest = read_manifests(tmp_path / "c")[0]
    assert (done.gaps, manifest.missing_bars, done.rows) == (1, 5, 94)


def test_a_venue_that_begins_later_leaves_a_gap_and_not_an_error(tmp_path: Path) -> None:
    past = Past()
    past.give_bars(60, without=range(60))
    done = fetch(past, tmp_path / "c")
    assert (done.rows, done.gaps) == (0, 1)


def test_a_catalog_of_empty_windows_holds_no_prices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    past = Past()
    past.give_bars(60, without=range(60))
    fetch(past, tmp_path / "c")
    assert run(["data", "show", str(tmp_path / "c")]) == 0
    assert "holds no prices" in capsys.readouterr().out
    assert run(["data", "check", str(tmp_path / "c")]) == 0


def test_prices_off_our_tick_are_refused(tmp_path: Path) -> None:
    past = Past()
    past.give_bars(10)
    assert refused(lambda: fetch(past, tmp_path / "c", series(tick_size=Decimal(1)))).code == "ROW_OFF_TICK"
    assert files_of(tmp_path / "c") == {}


def test_trades_come_once_each_over_pages_and_hours(tmp_path: Path) -> None:
    past = Past()
    past.give_trades(5_000)
    how = series(Kind.TRADES)
    done = fetch(past, tmp_path / "c", how)
    trades = stored(tmp_path / "c", how)
    sent = past.server.markets["BTCUSDT"].trades
    assert done.windows == 2
    assert [int(trade.trade_id.value) for trade in trades] == list(range(1, 5_001))
    assert [(trade.price.as_decimal(), trade.size.as_decimal()) for trade in trades] == [
        (Decimal(each["p"]), Decimal(each["q"])) for each in sent
    ]


@pytest.mark.parametrize("kind", ["limited", "cut", "again"], ids=["429", "half an answer", "again"])
def test_a_fault_between_pages_of_trades_loses_and_doubles_none(tmp_path: Path, kind: str) -> None:
    past = Past()
    past.give_trades(2_500)
    past.server.faults.add(fault("delay", "GET aggTrades"), fault(kind, "GET aggTrades"))
    how = series(Kind.TRADES)
    fetch(past, tmp_path / "c", how)
    assert [int(trade.trade_id.value) for trade in stored(tmp_path / "c", how)] == list(range(1, 2_501))


def test_a_trade_the_venue_leaves_out_is_not_passed_over(tmp_path: Path) -> None:
    past = Past()
    past.give_trades(50)
    del past.server.markets["BTCUSDT"].trades[20]
    error = refused(lambda: fetch(past, tmp_path / "c", series(Kind.TRADES)))
    assert error.code == "FETCH_FAILED"
    assert "trade 22 where 21 comes next" in error.found


def test_a_range_that_has_not_begun_is_refused(tmp_path: Path) -> None:
    past = Past()
    past.give_bars(10)
    assert refused(lambda: fetch(past, tmp_path / "c", until_ms=START_MS)).code == "NOTHING_TO_FETCH"


def test_the_command_fetches_two_symbols_and_then_has_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[2])
    past = Past()
    past.give_bars(50)
    words = "data fetch binance BINANCE:BTCUSDT BINANCE:ETHUSDT --kind ohlcv --timeframe 1m --since 2025-01-06 --json"
    more = f"--limits data/samples/bars/limits.json --catalog {tmp_path / 'c'}"
    with beside(past) as endpoint:
        told = []
        for _ in range(2):
            assert run([*words.split(), *more.split(), "--endpoint", endpoint]) == 0
            told.append([(each["symbol"], each["windows"], each["rows"]) for each in json.loads(capsys.readouterr().out)])
    assert told == [
        [("BINANCE:BTCUSDT", 1, 49), ("BINANCE:ETHUSDT", 1, 49)],
        [("BINANCE:BTCUSDT", 0, 0), ("BINANCE:ETHUSDT", 0, 0)],
    ]


@pytest.mark.slow
def test_a_fetch_killed_again_and_again_makes_the_catalog_of_one_that_was_not(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    past = Past()
    past.give_bars(BARS_A_WINDOW - START_MS // MINUTE_MS % BARS_A_WINDOW + 3_000)  # two windows
    since = "2025-01-06"
    with beside(past) as endpoint:

        def command(catalog: str) -> list[str]:
            words = f"data fetch binance BINANCE:BTCUSDT --kind ohlcv --timeframe 1m --since {since} --endpoint {endpoint}"
            more = f"--limits data/samples/bars/limits.json --catalog {tmp_path / catalog}"
            return [str(Path(sys.executable).parent / "sluice"), *words.split(), *more.split()]

        subprocess.run(command("whole"), cwd=pytestconfig.rootpath, check=True, stdout=subprocess.DEVNULL)
        imports = tmp_path / "c" / "imports"
        for done in range(2):
            asked = past.server.requests[KLINES]
            with child(command("c"), cwd=pytestconfig.rootpath, stdout=subprocess.DEVNULL) as process:
                while process.poll() is None and (
                    len(list(imports.glob("*.json"))) < done or past.server.requests[KLINES] < asked + 2
                ):
                    time.sleep(0.001)  # until so many windows are done and the next one has begun
            assert process.returncode == -signal.SIGKILL
        subprocess.run(command("c"), cwd=pytestconfig.rootpath, check=True, stdout=subprocess.DEVNULL)
    assert files_of(tmp_path / "c") == files_of(tmp_path / "whole")
    assert problems(tmp_path / "c") == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("binance BINANCE:BTCUSDT --kind ohlcv --since 2025-01-06", "USAGE"),
        ("binance BINANCE:BTCUSDT --kind trades --timeframe 1m --since 2025-01-06", "USAGE"),
        ("binance BINANCE:BTCUSDT BINANCE:BTCUSDT --kind trades --since 2025-01-06", "USAGE"),
        ("binance BINANCE:BTCUSDT --kind trades --since 2025-01-06T14:00", "USAGE"),
        ("binance NYSE:XOM --kind trades --since 2025-01-06", "NO_CCXT_SYMBOL"),
        ("kraken BINANCE:BTCUSDT --kind trades --since 2025-01-06", "NO_PROFILE"),
        ("binance BINANCE:BTCUSDT --kind trades --since 2025-01-06 --endpoint http://10.0.0.1:80", "ENDPOINT_NOT_LOOPBACK"),
    ],
    ids=[
        "no length of bars",
        "a length of trades",
        "a symbol twice",
        "a time without zone",
        "no ccxt symbol",
        "no profile",
        "not loopback",
    ],
)
def test_what_cannot_be_fetched_is_refused_before_anything_connects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str, code: str
) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[2])
    more = f"--tick 0.01 --step 0.00001 --catalog {tmp_path / 'c'} --json"
    assert run(["data", "fetch", *words.split(), *more.split()]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
    assert not (tmp_path / "c" / "data").exists()
