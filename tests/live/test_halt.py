"""`sluice halt` on a live directory: the engine answers or is killed, and the venue confirms that nothing of ours works."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from lakehouse.lock import current_holder
from lakehouse.verifier import verify
from tests.live.ib_world import ib_desk
from tests.live.world import WORKING, Desk, desk

at_both = pytest.mark.parametrize("at", [desk, ib_desk], ids=["ccxt", "ibkr"])


def resting(made: Desk) -> bool:
    return len(made.working()) == 2


@at_both
def test_a_run_that_answers_is_halted_and_the_venue_confirms_that_nothing_works(at, tmp_path: Path) -> None:
    with at(tmp_path, resting=True) as made:
        process = made.start()
        made.until(lambda: resting(made), process)
        code, said = made.halt()
        assert code == 0, said
        assert "the engine has seen the halt" in said
        assert f"{made.called}: no order of ours works" in said
        assert made.working() == []
        assert process.poll() is None, "a run that answers goes on living"
        made.until(lambda: any(line["code"] == "HALT_CONFIRMED" for line in made.of("alarm")), process)
        made.until(lambda: bool(made.of("halt")), process)
        assert [line["by"] for line in made.of("halt")] == ["alice"], "the record says who halted"
        made.end(process)
        assert verify(made.world.lakehouse).ok


@at_both
def test_an_engine_that_hangs_is_killed_and_its_orders_are_cancelled_for_it(at, tmp_path: Path) -> None:
    with at(tmp_path, resting=True) as made:
        process = made.start()
        made.until(lambda: resting(made), process)
        process.send_signal(signal.SIGSTOP)
        code, said = made.halt("--json")
        assert code == 0, said
        found = json.loads(said)["live"]
        assert (found["engine"], found["confirmed"]) == ("killed", True)
        assert process.wait(timeout=10) == -signal.SIGKILL
        assert made.working() == []
        assert verify(made.world.lakehouse).ok
        orders = len(made.ids())
        again = made.start("--for", "8")
        said = again.communicate(timeout=90)[0]
        assert "halted (alice: enough)" in said, said
        assert len(made.ids()) == orders, "a restart stays halted"


@at_both
def test_orders_of_an_engine_that_is_dead_are_cancelled(at, tmp_path: Path) -> None:
    with at(tmp_path, resting=True) as made:
        process = made.start()
        made.until(lambda: resting(made), process)
        made.end_watchdog()
        made.end(process, signal.SIGKILL)
        assert resting(made)
        code, said = made.halt()
        assert code == 0, said
        assert "no engine runs" in said
        assert made.working() == []


def test_a_venue_that_does_not_answer_is_not_confirmed(tmp_path: Path) -> None:
    with desk(tmp_path, resting=True) as made:
        process = made.start()
        made.until(lambda: resting(made), process)
        made.end(process, signal.SIGKILL)
        made.end_watchdog()
        made.secret(mode=0o644)
        code, said = made.halt()
        assert code == 1
        assert "NOT confirmed" in said
        assert "SECRET_FILE" in said
        assert not made.world.layout.permission.exists()
        assert len([order for order in made.venue.truth().orders if order["status"] in WORKING]) == 2


def test_where_the_permission_cannot_be_removed_the_engine_is_killed(tmp_path: Path) -> None:
    with desk(tmp_path, resting=True) as made:
        process = made.start()
        made.until(lambda: resting(made), process)
        permission = made.world.layout.permission
        permission.unlink()
        (permission / "kept").mkdir(parents=True)  # a directory cannot be unlinked
        code, said = made.halt()
        assert code == 1, said  # a restart would find the permission still there
        assert process.wait(timeout=10) == -signal.SIGKILL
        assert made.working() == []
        assert current_holder(made.world.layout) is None
        assert os.path.isdir(permission)
