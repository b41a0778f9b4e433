"""Control 13: whatever befalls the engine, its resting orders are gone within the timeout; after a clean stop they stay."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from lakehouse.live_note import read_dead_man, read_live_note
from lakehouse.verifier import verify
from tests.live.ib_world import ib_desk
from tests.live.world import Desk, desk

DEAD_MAN_S = 4
at_both = pytest.mark.parametrize("at", [desk, ib_desk], ids=["ccxt", "ibkr"])


def started(made: Desk):  # type: ignore[no-untyped-def]
    made.change("dead_man_s = 60", f"dead_man_s = {DEAD_MAN_S}")
    process = made.start()
    made.until(lambda: len(made.working()) == 2, process)
    return process


def wait(made: Desk, seconds: float, true) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, read_dead_man(made.world.layout)
        time.sleep(0.05)


def confirmed(made: Desk) -> bool:
    note = read_dead_man(made.world.layout)
    return note is not None and note.confirmed is True


@at_both
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_resting_orders_of_an_engine_that_is_gone_are_cancelled(at, number: signal.Signals, tmp_path: Path) -> None:
    with at(tmp_path, resting=True) as made:
        process = started(made)
        process.send_signal(number)
        wait(made, 60, lambda: confirmed(made))
        assert made.working() == []
        note = read_dead_man(made.world.layout)
        assert note is not None
        assert "no order of ours works, 2 cancelled" in note.detail
        assert verify(made.world.lakehouse).ok
        hung = number == signal.SIGSTOP
        assert made.world.layout.permission.exists() is not hung, "a hung engine is blocked and killed, a dead one is not halted"
        assert process.wait(timeout=10) == -signal.SIGKILL


@at_both
def test_a_clean_stop_leaves_what_rests_and_ends_the_watchdog(at, tmp_path: Path) -> None:
    with at(tmp_path, resting=True) as made:
        process = started(made)
        note = read_live_note(made.world.layout)
        assert note is not None
        assert note.watchdog is not None
        said = made.end(process)
        assert process.returncode == 0, said
        assert len(made.working()) == 2
        assert read_dead_man(made.world.layout) is None
        with pytest.raises(ProcessLookupError):
            os.kill(note.watchdog, 0)


@at_both
def test_an_engine_without_its_watchdog_halts_and_cancels_itself(at, tmp_path: Path) -> None:
    with at(tmp_path, resting=True) as made:
        process = started(made)
        made.end_watchdog()
        made.until(lambda: not made.working() and not made.world.layout.permission.exists(), process)
        said = made.end(process)
        assert process.returncode == 1, said
        assert "DEAD_MAN_GONE" in said


def test_a_newer_run_is_left_alone_by_the_watchdog_of_the_dead_one(tmp_path: Path) -> None:
    with desk(tmp_path, resting=True) as made:
        made.change("dead_man_s = 60", "dead_man_s = 30")
        process = made.start()
        made.until(lambda: len(made.working()) == 2, process)
        first = read_live_note(made.world.layout)
        assert first is not None
        made.end(process, signal.SIGKILL)
        process = made.start()
        made.until(lambda: read_live_note(made.world.layout) != first, process)
        wait(made, 10, lambda: not Path(f"/proc/{first.watchdog}").exists())
        assert len(made.working()) == 2
        made.end(process)
