"""`sluice ledger rotate` killed at each call that changes a file, and told of an error there: no line is lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse.layout import Layout
from lakehouse.segments import closed_segments
from lakehouse.verifier import verify
from tests.children import FULL, child
from tests.cut_records import whole
from tests.lakehouse_out.rotated import judged, rotate, write_rotated

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "commands.main", "ledger", "rotate", "--lakehouse"]
CALLS = ("rename", "fsync", "fdatasync", "write")
LAST = 40  # no rotation has so many calls of a kind
SAMPLE = {"rename": (2, 3), "fsync": (4, 5, 6), "fdatasync": (1, 2, 4, 5), "write": (4, 6, 8, 9)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, lines: Any, save_state: Any) -> Layout:
    """One closed segment, and one to be closed, of runs that ended well: nothing but the rotation excuses what is not whole."""
    layout = write_rotated(Layout(tmp_path_factory.mktemp("made") / "lake"), lines, save_state, runs=2)
    size = json.loads(layout.ledger.read_bytes().splitlines()[-1])["seq"]
    assert (size, len(closed_segments(layout.log))) == (19, 1)
    return layout


def traced(layout: Layout, *inject: str) -> subprocess.CompletedProcess[str]:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    words = [strace, "-f", "-qq", "-o", "/dev/null", *inject] if inject else []
    done = subprocess.run([*words, *COMMAND, str(layout.directory)], cwd=ROOT, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr.lower():
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[:80]}")
    assert "Traceback" not in done.stderr, done.stderr
    return done


def went_on(layout: Layout, before: tuple[bytes, bytes], where: object) -> None:
    """Nothing is lost and the record holds, now and after the next rotation, which finds at most one thing to close."""
    for _ in range(2):
        assert verify(layout.directory).first_bad is None, (where, verify(layout.directory).first_bad)
        assert whole(layout.log).startswith(before[0]), where
        assert whole(layout.ledger).startswith(before[1]), where
        done = traced(layout)
        assert done.returncode == 0, (where, done.stderr)
    assert judged(layout.directory) is None, where
    assert len(closed_segments(layout.log)) == len(closed_segments(layout.ledger)) == 2, where
    numbers = [json.loads(raw)["seq"] for raw in whole(layout.log).splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("call", CALLS)
def test_rotation_killed_at_a_call_loses_nothing_and_is_gone_on_with(
    call: str, made: Layout, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    before = whole(made.log), whole(made.ledger)
    kills = 0
    for number in range(1, LAST) if FULL else SAMPLE[call]:
        layout = Layout(tmp_path / f"{call}-{number}")
        shutil.copytree(made.directory, layout.directory)
        done = traced(layout, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}")
        if "closed" in done.stdout:
            break
        kills += 1
        went_on(layout, before, (call, number))
    record_property("kills", kills)
    assert kills >= 2


@pytest.mark.parametrize(("call", "number"), [("rename", 2), ("rename", 3), ("fsync", 4), ("fdatasync", 4)])
def test_an_error_of_the_disk_ends_the_rotation_and_the_next_goes_on(
    call: str, number: int, made: Layout, tmp_path: Path
) -> None:
    layout = Layout(tmp_path / "lake")
    shutil.copytree(made.directory, layout.directory)
    done = traced(layout, "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={number}")
    assert done.returncode == 1
    assert "DISK_ERROR" in done.stderr
    went_on(layout, (whole(made.log), whole(made.ledger)), (call, number))


ROTATOR = """
import sys, pathlib
sys.path.insert(0, sys.argv[2])
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.opening import open_journal
from lakehouse.records import Alarm
layout = Layout(pathlib.Path(sys.argv[1]))
for number in range(1, 10_000):
    with DataDirectoryLock(layout, run_id="r"):
        journal = open_journal(layout, now_ns=number, run_id="r", durable=False, rotate_above=0)
        journal.append(Alarm(ts_ns=number, market_ns=number, run_id="r", code="A", message="b" * 200))
        journal.close()
    print(number, flush=True)
"""


def test_verify_is_not_disturbed_by_rotations_meanwhile(made: Layout, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "lake")
    shutil.copytree(made.directory, layout.directory)
    with child([sys.executable, "-c", ROTATOR, str(layout.directory), str(ROOT)], stderr=None) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = [judged(layout.directory) for _ in range(60)]
        assert process.poll() is None
    assert found == [None] * 60
    assert len(closed_segments(layout.log)) > 3
    rotate(layout)
    assert judged(layout.directory) is None
