"""Every way to halt a live run: it blocks, cancels through a slow venue until that confirms, survives restarts, and is taken
back by a name and a reason alone. `docs/halt.md` says which test holds which cell of the table."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from commands.main import run
from lakehouse.lock import current_holder
from lakehouse.permission import read_halt
from lakehouse.verifier import verify
from tests.children import kill
from tests.live.test_dead_man import DEAD_MAN_S, confirmed, wait
from tests.live.triggers import BY, TRIPS, halt_signal
from tests.live.world import ROOT, Desk, desk

SLOW_MS = 1_500  # of each answer to a cancel and to a look at what works; the client waits 2 s


def slow_down(made: Desk) -> None:
    for request in ("DELETE order", "GET openOrders"):
        made.venue.fault(request, "delay", times=0, ms=SLOW_MS)


def refused_without_name_or_reason(made: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("--by", "alice"), ("--reason", "it was mended"), ("--by", " ", "--reason", "x")):
        assert run(["resume", *words, "--lakehouse", str(made.world.lakehouse)]) == 2
        assert capsys.readouterr().err.startswith("error    USAGE")
    assert not made.world.layout.permission.exists()


@pytest.mark.parametrize("trigger", TRIPS)
def test_a_halt_is_confirmed_by_a_slow_venue_survives_a_restart_and_needs_a_person_to_resume(
    trigger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with desk(tmp_path, resting=True) as made:
        process = made.start()
        made.until(lambda: len(made.working()) == 2, process)
        orders = len(made.ids())
        slow_down(made)
        TRIPS[trigger](made, process)
        made.until(lambda: any(line["code"] == "HALT_CONFIRMED" for line in made.of("alarm")), process)
        assert made.working() == []
        assert not made.world.layout.permission.exists()
        assert [line["by"] for line in made.of("halt")] == [BY[trigger]]
        made.venue.sound()
        made.end_watchdog()
        kill(process)

        process = made.start()
        made.until(lambda: "HALT" in [line["code"] for line in made.of("plan")], process)
        assert f"halted ({BY[trigger]}: " in kill(process)
        assert len(made.ids()) == orders, "a restart stays halted"

        refused_without_name_or_reason(made, capsys)
        words = ["--by", "carol", "--reason", "it was mended", "--lakehouse", str(made.world.lakehouse)]
        assert run(["resume", *words]) == 0, "a name and a reason"
        last = made.of("halt")[-1]
        assert (last["action"], last["by"], last["reason"]) == ("resume", "carol", "it was mended")
        assert made.world.layout.permission.exists()
        assert verify(made.world.lakehouse).ok


def test_a_signal_blocks_a_loop_that_hangs_and_the_watchdog_cancels_for_it(tmp_path: Path) -> None:
    with desk(tmp_path, resting=True) as made:
        made.change("dead_man_s = 60", f"dead_man_s = {DEAD_MAN_S}")
        process = made.start(prefix=(sys.executable, str(ROOT / "tests/live/hanging.py")))
        made.until(lambda: len(made.working()) == 2, process)
        process.send_signal(signal.SIGUSR2)
        halt_signal(made, process)
        made.until(lambda: read_halt(made.world.layout) is not None, process)
        assert not made.world.layout.permission.exists()
        note = read_halt(made.world.layout)
        assert note is not None
        assert (note.by, note.reason) == ("signal", "SIGUSR1 was sent to this process")
        wait(made, 60, lambda: confirmed(made))
        assert process.wait(timeout=10) == -signal.SIGKILL
        assert made.of("halt") == [], "its loop, which would have written the halt down, hung all the while"
        assert made.working() == []
        assert current_holder(made.world.layout) is None
        assert verify(made.world.lakehouse).ok
