"""A closed market's lines wait and fund nothing while others trade, and its next session tops them up; in both kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands.main import run as run_command
from lakehouse.verifier import verify
from tests.gate.world import BTC, DAY_NS, MS, Ran, World, manifest_text, run_backtest, run_shadow
from tests.hours.two_markets import OTHER, SHARE, hours_file, two_markets

BOTH = manifest_text({BTC.symbol: "0.2", SHARE.symbol: "0.2"})
AT_START = 50
KERNELS = pytest.mark.parametrize("run", [run_backtest, run_shadow], ids=["backtest", "shadow"])
type Run = Callable[[World, list[tuple[int, Path]]], Ran]


def played(world: World, run: Run, text: str = BOTH, at_ms: int = AT_START) -> Ran:
    return run(world, [(at_ms, world.save("m.json", text))])


def fills(ran: Ran) -> list[tuple[str, int]]:
    """(symbol, cycle) of each fill, in order."""
    return [(line["symbol"], line["cycle"]) for line in ran.of("fill")]


def skips(ran: Ran) -> list[tuple[int, str, str]]:
    there = ("ON_TARGET", "WITHIN_BAND")
    return [(line["cycle"], line["symbol"], line["reason"]) for line in ran.of("skip") if line["reason"] not in there]


def cycles(ran: Ran) -> list[tuple[str, str]]:
    return [(line["cause"], end["outcome"]) for line, end in zip(ran.of("cycle"), ran.of("cycle_end"), strict=True)]


def market_ms(line: dict[str, Any]) -> int:
    made: int = (line["market_ns"] - DAY_NS) // MS
    return made


@KERNELS
def test_a_closed_market_waits_while_another_trades_and_is_topped_up_at_its_open(tmp_path: Path, run: Run) -> None:
    ran = played(two_markets(tmp_path, [(1_500, 60_000)]), run)
    assert skips(ran) == [(1, SHARE.symbol, "MARKET_CLOSED")]
    assert fills(ran) == [(BTC.symbol, 1), (SHARE.symbol, 2)]
    assert cycles(ran) == [("new_manifest", "waiting"), ("top_up", "done")]
    assert market_ms(ran.of("cycle")[0]) < 1_000
    assert market_ms(ran.of("fill")[-1]) >= 1_500
    assert [line["code"] for line in ran.of("alarm") if not line["code"].startswith("MANIFEST_")] == []


@KERNELS
def test_an_open_market_trades_at_once(tmp_path: Path, run: Run) -> None:
    ran = played(two_markets(tmp_path, [(0, 60_000)], last_ms=1_200), run)
    assert {symbol for symbol, _ in fills(ran)} == {BTC.symbol, SHARE.symbol}
    assert cycles(ran) == [("new_manifest", "done")]
    verdicts = [row for line in ran.of("verdict") for row in line["verdicts"] if row[0] == "MARKET_CLOSED"]
    assert [row[1:3] for row in verdicts] == [["ALLOW", "XMAD is open until 2025-01-06 14:01 UTC"]]


@KERNELS
def test_past_the_end_of_the_known_hours_nothing_of_that_market_trades(tmp_path: Path, run: Run) -> None:
    ran = played(two_markets(tmp_path, [(0, 30)], until_ms=40, last_ms=1_200), run)
    assert skips(ran) == [(1, SHARE.symbol, "NO_HOURS")]
    assert [symbol for symbol, _ in fills(ran)] == [BTC.symbol]
    assert cycles(ran) == [("new_manifest", "done")]


def test_prices_of_a_closed_market_are_not_waited_for(tmp_path: Path) -> None:
    world = two_markets(tmp_path, [(1_500, 60_000)], quoted={SHARE.symbol: [0, *range(1_600, 3_000, 100)]})
    ran = played(world, run_backtest)
    assert fills(ran) == [(BTC.symbol, 1), (SHARE.symbol, 2)]
    assert market_ms(ran.of("fill")[0]) < 300


def test_the_top_up_waits_for_the_first_price_of_its_own_market(tmp_path: Path) -> None:
    world = two_markets(tmp_path, [(1_500, 60_000)], quoted={SHARE.symbol: [0, 2_000, 2_500]})
    ran = played(world, run_backtest)
    assert [market_ms(line) for line in ran.of("cycle")] == [100, 2_000]


def test_proceeds_that_wait_fund_nothing_until_they_are_there(tmp_path: Path) -> None:
    """The held share is to be sold and another bought with its proceeds; their market is shut, and BTC has cash of its own."""
    world = two_markets(tmp_path, [(0, 500), (1_500, 60_000)], shares=(SHARE, OTHER))
    first = world.save("first.json", manifest_text({SHARE.symbol: "0.29"}))
    later = manifest_text({BTC.symbol: "0.2", OTHER.symbol: "0.29"}, generated="2025-01-06T13:59:30")
    ran = run_backtest(world, [(AT_START, first), (700, world.save("later.json", later))])
    assert skips(ran) == [(2, SHARE.symbol, "MARKET_CLOSED"), (2, OTHER.symbol, "MARKET_CLOSED")]
    assert fills(ran) == [(SHARE.symbol, 1), (BTC.symbol, 2), (SHARE.symbol, 3), (OTHER.symbol, 3)]
    assert cycles(ran) == [("new_manifest", "done"), ("new_manifest", "waiting"), ("top_up", "done")]


def test_a_newer_manifest_takes_the_place_of_what_waits(tmp_path: Path) -> None:
    world = two_markets(tmp_path, [(1_500, 60_000)])
    later = world.save("later.json", manifest_text({BTC.symbol: "0.2"}, generated="2025-01-06T13:59:30"))
    ran = run_backtest(world, [(AT_START, world.save("m.json", BOTH)), (900, later)])
    assert SHARE.symbol not in [symbol for symbol, _ in fills(ran)]
    assert cycles(ran)[-1] == ("new_manifest", "done")


def test_a_manifest_that_is_too_old_by_the_open_is_not_topped_up_and_says_so(tmp_path: Path) -> None:
    next_week = 7 * 86_400_000
    world = two_markets(tmp_path, [(next_week, next_week + 1_000)], until_ms=next_week + 2_000)
    ran = played(world, run_backtest)
    assert [line["code"] for line in ran.of("alarm")] == ["MANIFEST_TOO_OLD_TO_WAIT"]
    assert [symbol for symbol, _ in fills(ran)] == [BTC.symbol]


def test_when_no_opening_is_known_that_is_an_alarm(tmp_path: Path) -> None:
    world = two_markets(tmp_path, [(0, 20)], until_ms=2_000)
    ran = played(world, run_backtest)
    assert skips(ran) == [(1, SHARE.symbol, "MARKET_CLOSED")]
    assert [line["code"] for line in ran.of("alarm")] == ["NO_HOURS"]


SLICES = '[schedules.slices]\nkind = "twap"\nduration_s = 2\nslices = 5\n'


@KERNELS
def test_an_order_that_comes_after_the_close_is_denied_and_its_rest_waits(tmp_path: Path, run: Run) -> None:
    """A schedule sends five slices over two seconds; the session ends in the middle of them."""
    policy = 'schedule_by_venue = { US = "slices" }'
    world = two_markets(tmp_path, [(0, 1_200), (2_500, 60_000)], last_ms=5_500, policy=policy, schedules=SLICES)
    ran = played(world, run)
    judged = [(line["outcome"], market_ms(line)) for line in ran.of("verdict") if line["symbol"] == SHARE.symbol]
    assert all((1_200 <= at_ms < 2_500) is (outcome == "DENY") for outcome, at_ms in judged)
    assert {line["code"] for line in ran.of("verdict") if line["outcome"] == "DENY"} == {"MARKET_CLOSED"}
    assert {cycle for symbol, cycle in fills(ran) if symbol == SHARE.symbol} == {1, 2}
    assert cycles(ran) == [("new_manifest", "waiting"), ("top_up", "done")]
    assert ran.assembly.recorder.keeper.positions[SHARE.symbol] == 399


def test_what_waited_when_a_run_ended_is_topped_up_by_the_next(tmp_path: Path) -> None:
    world = two_markets(tmp_path, [(2_500, 60_000)], last_ms=600)
    first = played(world, run_shadow)
    assert cycles(first) == [("new_manifest", "waiting")]
    again = two_markets(tmp_path, [(2_500, 60_000)], last_ms=4_000)
    second = run_shadow(again)
    assert cycles(second)[1:] == [("top_up", "waiting"), ("top_up", "done")]
    assert fills(second) == [(BTC.symbol, 1), (SHARE.symbol, 3)]
    assert verify(again.lakehouse).ok


def test_the_hours_a_run_used_are_named_by_their_hash(tmp_path: Path) -> None:
    world = two_markets(tmp_path, [(0, 60_000)], last_ms=300)
    ran = played(world, run_backtest)
    other = hours_file(tmp_path / "other.json", [(0, 2_801)])
    assert len(ran.of("run_start")[0]["hours_sha256"]) == 64
    assert other.read_bytes() != (tmp_path / "hours.json").read_bytes()


def test_a_book_that_cannot_be_valued_without_a_closed_market_waits_for_its_open(tmp_path: Path) -> None:
    """The first run bought the share; the second starts while its market is shut and has never seen a price of it."""
    sessions = [(0, 1_500), (3_500, 60_000)]
    first = two_markets(tmp_path, sessions, last_ms=1_600)
    assert cycles(played(first, run_shadow)) == [("new_manifest", "done")]
    second = two_markets(tmp_path, sessions, last_ms=5_000, quoted={SHARE.symbol: [0, 100, *range(3_600, 4_900, 100)]})
    newer = second.save("newer.json", manifest_text({BTC.symbol: "0.3"}, generated="2025-01-06T13:59:30"))
    ran = run_shadow(second, [(1_700, newer)])
    assert cycles(ran)[1:] == [("new_manifest", "held"), ("top_up", "done")]
    assert {symbol for symbol, cycle in fills(ran) if cycle == 3} == {BTC.symbol, SHARE.symbol}


def test_status_says_what_waits_and_until_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = two_markets(tmp_path, [(60_000, 120_000)], last_ms=900)
    played(world, run_shadow)
    capsys.readouterr()
    assert run_command(["status", "--lakehouse", str(world.lakehouse)]) == 0
    assert f"{SHARE.symbol} waits for the market: XMAD is closed, opens 2025-01-06 14:01 UTC" in capsys.readouterr().out
