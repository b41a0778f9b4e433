"""The real shadow, killed by SIGKILL at random lines and instants and at its writes, and started again until it ends."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.children import END_S, FULL, kill
from tests.crash.harness import (
    Fills,
    World,
    check,
    check_end,
    line_count,
    lines_of,
    make_world,
    run_to_end,
    sluice,
    started,
    targets_are_reached,
    wait_for_lines,
)

KILLS = 60 if FULL else 7
PARTS = 4 if FULL else 1  # so that a campaign may use several processes (--dist load)
CALLS = ("write", "fdatasync", "rename")
# Of a run's several thousand writes most go to the log; these are spread from opening to the first fills.
SAMPLE = {"write": (41,), "fdatasync": (10,), "rename": (3,)}
EVERY = {call: tuple(range(1, {"write": 168, "fdatasync": 68, "rename": 24}[call])) for call in CALLS}


def nothing_changes(world: World) -> None:
    """A further start on an ended record leaves log, ledger and state byte for byte."""
    files = (world.layout.log, world.layout.ledger, world.layout.checkpoints, world.layout.state)
    before = [file.read_bytes() for file in files]
    run_to_end(world)
    assert [file.read_bytes() for file in files] == before


def test_shadow_killed_again_and_again_ends_with_the_book_of_its_last_manifest(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    days = (date(2022, 4, 8), date(2022, 4, 20), date(2022, 5, 4), date(2022, 5, 16))
    world = make_world(tmp_path, end=date(2022, 6, 2), manifests=days, interest="0.02")
    dice = random.Random(20221123)  # the instants differ from run to run in any case
    kills, fills = 0, Fills()
    for _ in range(KILLS):
        with started(world) as process:
            wait_for_lines(world, line_count(world) + dice.randint(1, 140), process)
            time.sleep(dice.random() * dice.choice((0, 0, 0.05)))
            running = process.poll() is None
            text = kill(process)
        assert "Traceback" not in text, text
        kills += running
        assert sluice("verify", str(world.lake)).returncode == 0
        check(world)
        fills.still_there(lines_of(world))
    assert kills >= KILLS // 2
    run_to_end(world)
    targets_are_reached(world, check_end(world))
    fills.still_there(lines_of(world))
    nothing_changes(world)
    record_property("kills", kills)
    record_property("fills", len(fills.keys))


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("call", CALLS)
def test_shadow_killed_at_a_call_that_changes_a_file_goes_on_and_ends_well(
    call: str, part: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    numbers = (EVERY if FULL else SAMPLE)[call][part::PARTS]
    killed = filled = 0
    for number in numbers:
        world = make_world(tmp_path / f"{call}-{number}", end=date(2022, 4, 8), manifests=(date(2022, 4, 1),), interest="0.02")
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        with started(world, strace, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject) as process:
            text = process.communicate(timeout=END_S)[0]
        if "ptrace" in text.lower():
            pytest.skip(f"strace may not trace here: {text.strip()[:80]}")
        killed += process.returncode != 0
        fills = Fills()
        if world.layout.log.exists() and line_count(world):
            check(world)
            fills.still_there(lines_of(world))
        run_to_end(world)
        targets_are_reached(world, check_end(world))
        fills.still_there(lines_of(world))
        filled += len(fills.keys)
        shutil.rmtree(world.lake.parent)
    assert killed
    record_property("kills", killed)
    record_property("fills", filled)
