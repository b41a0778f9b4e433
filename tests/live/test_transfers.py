"""Deposits and withdrawals of a live run: booked once and no break; what they do not explain is one."""

from __future__ import annotations

import re
import subprocess
from decimal import Decimal
from pathlib import Path

from lakehouse.layout import Layout
from lakehouse.state import own_states
from lakehouse.verifier import verify
from tests.gate.world import BTC, ETH
from tests.live.world import Desk, desk, fresh


def traded(made: Desk) -> subprocess.Popen[str]:
    """Start, and return the run once its first cycle is over."""
    process = made.start()
    made.until(lambda: bool(made.of("cycle_end")), process)
    return process


def again(made: Desk) -> tuple[int, str]:
    """A start of three seconds: its exit code and what it said."""
    process = made.start("--for", "3")
    said = process.communicate(timeout=90)[0]
    return process.returncode, said


def cash(made: Desk) -> Decimal:
    """USDT in the state file, after the record was verified."""
    report = verify(made.world.layout.directory)
    assert report.ok, report.first_bad
    return own_states(Layout(made.world.lakehouse).state)["live-shadow"].cash["BINANCE"]["USDT"]


def booked(made: Desk) -> list[tuple[str, str, str, str]]:
    return [(line["kind"], line["transfer_id"], line["amount"], line["fee"]) for line in made.of("transfer")]


def test_what_came_and_went_while_it_was_down_is_booked_once_and_no_break(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        made.end(traded(made))
        before = cash(made)
        made.venue.deposit("USDT", "500", transfer_id="in1")
        made.venue.withdraw("USDT", "1200", fee="1.5")
        code, said = again(made)
        assert code == 0, said
        assert sorted((kind, *amounts) for kind, _, *amounts in booked(made)) == [
            ("deposit", "500", "0"), ("withdrawal", "-1201.5", "1.5"),
        ]  # fmt: skip
        assert "deposit  BINANCE  +500 USDT, in1" in said
        assert cash(made) == before + 500 - Decimal("1201.5")
        assert made.of("reconcile")[-1]["outcome"] == "clean"
        lines = len(made.lines)
        code, said = again(made)
        assert code == 0, said
        assert {line["type"] for line in made.lines[lines:]} <= {"run_start", "manifest", "reconcile", "run_stop", "equity"}
        assert len(booked(made)) == 2


def test_a_deposit_beside_a_lost_coin_is_booked_and_the_rest_is_a_break(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        made.end(traded(made))
        before = cash(made)
        made.venue.deposit("USDT", "500")
        free = Decimal(made.venue.truth().balances["main"]["USDT"]["free"])
        made.venue.set_balance("USDT", str(free - 40))
        code, said = again(made)
        assert code == 1, said
        assert "RECONCILIATION_BREAK" in said
        assert re.search(rf"USDT {before + 500}0* in the book, .*: -40\.0* \(tolerance", said)
        assert "no confirmed deposit or withdrawal explains it" in said
        assert cash(made) == before + 500


def test_a_deposit_while_it_runs_moves_the_book_and_trips_no_loss_limit(tmp_path: Path) -> None:
    """Then most of it is withdrawn: the loss of the day stays what it was, and the next manifest trades on what is left."""
    with desk(tmp_path) as made:
        made.change("reconcile_s = 60", "reconcile_s = 1")
        process = traded(made)
        made.venue.deposit("USDT", "10000")
        made.until(lambda: len(booked(made)) == 1, process)
        made.venue.withdraw("USDT", "60000", fee="2")
        made.until(lambda: len(booked(made)) == 2, process)
        made.until(lambda: made.of("reconcile")[-1]["outcome"] == "clean", process)
        made.install(fresh({BTC.symbol: "0.3", ETH.symbol: "0.3"}, seconds_ago=1))
        made.until(lambda: len(made.of("cycle_end")) == 2, process)
        said = made.end(process)
        assert process.returncode == 0, said
        (plan,) = [line for line in made.of("plan") if line["cycle"] == 2]
        assert plan["decision"] == "PLAN", plan["message"]
        equity = [line for line in made.of("equity") if line["seq"] > made.of("transfer")[-1]["seq"]][-1]
        assert equity["mode"] == "OPEN"
        assert Decimal("49000") < Decimal(equity["equity_base"]) < Decimal(equity["peak_base"]) < Decimal("51000")
        assert cash(made) == Decimal(made.venue.truth().balances["main"]["USDT"]["free"])


def held(made: Desk) -> dict[str, Decimal]:
    """Positions in the state file, after the record was verified."""
    assert verify(made.world.layout.directory).ok
    return dict(own_states(Layout(made.world.lakehouse).state)["live-shadow"].positions)


def test_a_traded_coin_that_came_while_it_was_down_is_a_position_and_one_that_went_too(tmp_path: Path) -> None:
    """Twice: what was booked is known to a third start, which carries the positions over."""
    with desk(tmp_path) as made:
        made.end(traded(made))
        before, money = held(made), cash(made)
        made.venue.deposit("BTC", "0.5", transfer_id="coin")
        made.venue.withdraw("ETH", "0.1", fee="0.01")
        for _ in range(2):
            code, said = again(made)
            assert code == 0, said
            assert held(made) == before | {
                BTC.symbol: before[BTC.symbol] + Decimal("0.5"),
                ETH.symbol: before[ETH.symbol] - Decimal("0.11"),
            }
            assert cash(made) == money
            assert made.of("reconcile")[-1]["outcome"] == "clean"
        (came, _) = sorted(made.of("transfer"), key=lambda line: line["kind"])
        assert (came["symbol"], came["currency"], came["amount"]) == (BTC.symbol, "BTC", "0.5")
        assert Decimal(came["amount_base"]) == Decimal(came["price"]) / 2


def test_a_withdrawal_of_more_coins_than_the_book_holds_is_a_break_and_not_booked(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        made.end(traded(made))
        before = held(made)
        made.venue.set_balance("BTC", "3")
        made.venue.withdraw("BTC", "2.5")
        code, said = again(made)
        assert code == 1, said
        assert "is confirmed and not booked: the book holds" in said
        assert (held(made), made.of("transfer")) == (before, [])


def test_a_traded_coin_that_comes_while_it_runs_is_sold_down_to_its_target(tmp_path: Path) -> None:
    """It is no gain: neither equity's peak nor the start of the day takes it for one."""
    with desk(tmp_path) as made:
        made.change("reconcile_s = 60", "reconcile_s = 1")
        process = traded(made)
        made.venue.deposit("BTC", "0.2", transfer_id="coin")
        made.until(lambda: len(booked(made)) == 1, process)
        made.until(lambda: made.of("reconcile")[-1]["outcome"] == "clean", process)
        made.install(fresh({BTC.symbol: "0.3", ETH.symbol: "0.3"}, seconds_ago=1))
        made.until(lambda: len(made.of("cycle_end")) == 2, process)
        said = made.end(process)
        assert process.returncode == 0, said
        came = made.of("transfer")[-1]
        sold = [line for line in made.of("fill") if line["seq"] > came["seq"] and line["symbol"] == BTC.symbol]
        assert {line["side"] for line in sold} == {"SELL"}
        before, after = (next(line for line in lines if lines) for lines in (
            [line for line in made.of("equity") if line["seq"] < came["seq"]][-1:],
            [line for line in made.of("equity") if line["seq"] > came["seq"]][-1:],
        ))  # fmt: skip
        worth = Decimal(came["amount_base"])
        for name in ("day_start_base", "peak_base"):
            assert abs(Decimal(after[name]) - Decimal(before[name]) - worth) < worth / 100
        assert held(made)[BTC.symbol] == Decimal(made.venue.truth().balances["main"]["BTC"]["free"])
