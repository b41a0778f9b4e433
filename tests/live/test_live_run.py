"""A live run from the command line against both rehearsal venues: what it trades, and what a restart knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.children import kill
from tests.gate.world import BTC, ETH
from tests.live.ib_world import ib_desk
from tests.live.invariants import agreed, reached, reached_once, whole
from tests.live.world import desk, dice_of, fresh

at_both = pytest.mark.parametrize("at", [desk, ib_desk], ids=["ccxt", "ibkr"])


@at_both
def test_a_manifest_is_traded_at_the_venue_once_and_the_books_agree(at, tmp_path: Path) -> None:
    with at(tmp_path) as made:
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        said = made.end(process)
        assert process.returncode == 0, said
        assert len(made.of("send")) == len(made.ids()) == 2
        whole(made)
        reached_once(made)
        compared = [(line["outcome"], line["detail"]) for line in made.of("reconcile")]
        assert compared == [("clean", f"{made.called}: at the start"), ("clean", f"{made.called}: at the end")]


@at_both
def test_a_second_start_changes_nothing(at, tmp_path: Path) -> None:
    with at(tmp_path) as made:
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        made.end(process)
        before = made.lines
        process = made.start("--for", "3")
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 0, said
        added = [line["type"] for line in made.lines[len(before) :]]
        assert set(added) <= {"run_start", "manifest", "reconcile", "run_stop"}, added
        whole(made)


@at_both
def test_an_engine_killed_again_and_again_reaches_its_target_once(at, tmp_path: Path) -> None:
    dice = dice_of("killed again and again")
    with at(tmp_path) as made:
        for _ in range(4):
            process = made.start()
            wanted = len(made.lines) + dice.randint(1, 8)
            made.until(lambda wanted=wanted: len(made.lines) >= wanted or reached(made), process)  # type: ignore[misc]
            kill(process)
            agreed(made)
        started = len(made.of("run_start"))
        process = made.start()
        made.until(lambda: len(made.of("run_start")) > started and reached(made), process)
        said = made.end(process)
        assert process.returncode == 0, said
        whole(made)
        reached_once(made)


def test_a_balance_smaller_than_the_journal_says_halts_before_anything_is_traded(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        made.end(process)
        orders = len(made.venue.truth().orders)
        made.venue.set_balance("USDT", "100.00")
        made.install(fresh({BTC.symbol: "0.1", ETH.symbol: "0.1"}, seconds_ago=1))
        process = made.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 1, said
        assert "RECONCILIATION_BREAK" in said
        assert "USDT" in said
        assert "Traceback" not in said
        assert len(made.venue.truth().orders) == orders


GONE = [
    pytest.param(desk, lambda made: made.venue.down(), lambda made: made.venue.up(), id="ccxt"),
    pytest.param(ib_desk, lambda made: made.venue.lose_ib(), lambda made: made.venue.regain_ib(), id="ibkr"),
]


@pytest.mark.parametrize(("at", "lose", "regain"), GONE)
def test_a_venue_that_is_gone_at_the_end_is_told_and_compared_by_the_next_start(at, lose, regain, tmp_path: Path) -> None:
    with at(tmp_path) as made:
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        lose(made)
        said = made.end(process)
        assert process.returncode == 0, said
        assert [line["code"] for line in made.of("alarm")].count("NOT_COMPARED") == 1
        assert [line["detail"] for line in made.of("reconcile")] == [f"{made.called}: at the start"]
        regain(made)
        process = made.start("--for", "3")
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 0, said
        assert [line["outcome"] for line in made.of("reconcile")] == ["clean"] * 3
        whole(made)
