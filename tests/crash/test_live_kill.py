"""`sluice live`, killed by SIGKILL at random instants and at its writes, syncs, renames and sends; the exchange outlives it."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.children import END_S, FULL, kill
from tests.crash.harness import Fills
from tests.live.invariants import agreed, reached, reached_once, whole
from tests.live.world import Desk, desk

ROUNDS = 25 if FULL else 1  # each a directory, an exchange and a target of its own
KILLS = 5 if FULL else 2  # in a round; then the engine is left alone
PARTS = 4 if FULL else 1  # so that a campaign may be run in pieces
CALLS = ("write", "fdatasync", "rename")  # uvloop sends by write too
# Of the engine's thread and the journal's, counted apart. A run to its target writes about 110 times, 12 of them to the log.
SAMPLE = {"write": (87,), "fdatasync": (6,), "rename": ()}
EVERY = {"write": range(1, 116), "fdatasync": range(1, 13), "rename": range(1, 13)}
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


@pytest.mark.parametrize("number", range(ROUNDS))
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


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("call", CALLS)
def test_live_killed_at_a_call_that_changes_a_file_or_sends_goes_on_and_reaches_its_target_once(
    call: str, part: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    numbers = (EVERY if FULL else SAMPLE)[call][part::PARTS]
    if not numbers:
        pytest.skip(f"{call}: in the full form only (SLUICE_CAMPAIGN=full)")
    killed = filled = 0
    for number in numbers:
        root = tmp_path / f"{call}-{number}"
        root.mkdir()
        with desk(root) as made:
            inject = f"inject={call}:signal=SIGKILL:when={number}"
            prefix = (strace, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
            process = made.start("--for", "12", prefix=prefix)
            said = process.communicate(timeout=END_S)[0]
            if "ptrace" in said.lower():
                pytest.skip(f"strace may not trace here: {said.strip()[:80]}")
            assert "Traceback" not in said, said
            killed += process.returncode != 0
            fills = Fills()
            examined(made, fills)
            goes_on(made, fills)
            filled += len(fills.keys)
        shutil.rmtree(root)
    assert killed
    record_property("kills", killed)
    record_property("fills", filled)
