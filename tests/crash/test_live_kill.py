"""`sluice live`, killed by SIGKILL at random instants and at its writes, syncs, renames and sends; the exchange outlives it."""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.children import FULL, kill, seeds
from tests.crash.harness import Fills
from tests.live.invariants import agreed, reached, reached_once, whole
from tests.live.world import Desk, desk
from tests.traced import Calls, death

ROUNDS = seeds("SLUICE_ROUNDS", full=200, short=1)  # each a directory, an exchange and a target of its own
KILLS = 5 if FULL else 2  # in a round; then the engine is left alone
LOG, LEDGER, CHECKPOINTS = ("execution_logs.jsonl",), ("audit.jsonl",), ("audit.checkpoints",)


CALLS = {
    "log-write": Calls("write", 16, (7,), LOG),
    "log-sync": Calls("fdatasync", 14, (6,), LOG),
    "ledger-write": Calls("write", 6, (), LEDGER),
    "ledger-sync": Calls("fdatasync", 6, (), LEDGER),
    "checkpoint-write": Calls("write", 4, (), CHECKPOINTS),
    "checkpoint-sync": Calls("fdatasync", 4, (), CHECKPOINTS),
    "fdatasync": Calls("fdatasync", 17),
    "fsync": Calls("fsync", 30),
    "rename": Calls("rename", 14),
    "write": Calls("write", 120, (88,)),  # uvloop sends by write too: both orders are sent at about 105 of the engine's thread
}
POINTS = [pytest.param(calls, number, id=f"{name}-{number}") for name, calls in CALLS.items() for number in calls.numbers()]
SPAN_S = 4.5  # an instant of a life is drawn from this; a start to its target takes about three


def goes_on(made: Desk, fills: Fills) -> None:
    """A further start brings the target about, once; a further start than that changes nothing."""
    started = len(made.of("run_start"))
    process = made.start()
    made.until(lambda: len(made.of("run_start")) > started and reached(made), process)
    said = made.end(process)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    whole(made)
    reached_once(made)
    fills.still_there(made.lines)


def examined(made: Desk, fills: Fills) -> None:
    """What must hold while it is dead."""
    if made.world.layout.log.exists() and made.world.layout.log.stat().st_size:
        agreed(made)
        fills.still_there(made.lines)
    else:
        assert made.venue.truth().orders == []


@pytest.mark.parametrize("number", ROUNDS)
def test_live_killed_at_random_instants_reaches_its_target_once(
    number: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(number)  # the instants differ from run to run in any case
    with desk(tmp_path) as made:
        kills, fills = 0, Fills()
        for _ in range(KILLS):
            process = made.start()
            if dice.random() < 0.5:
                wanted = len(made.lines) + dice.randint(1, 12)
                made.until(lambda wanted=wanted: len(made.lines) >= wanted or reached(made), process)  # type: ignore[misc]
                time.sleep(dice.random() * dice.choice((0, 0.01, 0.1)))
            else:
                time.sleep(dice.random() * SPAN_S)
            kills += process.poll() is None
            said = kill(process)
            assert "Traceback" not in said, said
            examined(made, fills)
        assert kills
        goes_on(made, fills)
        record_property("kills", kills)
        record_property("fills", len(fills.keys))


@pytest.mark.parametrize(("calls", "number"), POINTS)
def test_live_killed_at_a_call_that_changes_a_file_or_sends_goes_on_and_reaches_its_target_once(
    calls: Calls, number: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    with desk(tmp_path) as made:
        only = [word for name in calls.files for word in ("-P", str(made.world.lakehouse / name), "-P", sys.executable)]
        inject = ("-e", f"trace=execve,{calls.call}", "-e", f"inject={calls.call}:signal=SIGKILL:when={number}")
        trace = tmp_path / "trace.txt"
        process = made.start("--for", "12", prefix=(strace, "-I2", "-f", "-q", "-o", str(trace), *only, *inject))
        killed, said = death(process, trace)
        assert "Traceback" not in said, said
        if not killed and FULL:
            pytest.skip("the run ended before it")
        assert killed, said
        fills = Fills()
        examined(made, fills)
        goes_on(made, fills)
        record_property("fills", len(fills.keys))
