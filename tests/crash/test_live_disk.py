"""`sluice live` on a disk that fails: nothing is sent after the first write that is not durable, and cancels still go out."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.children import END_S
from tests.crash.harness import sluice
from tests.live.invariants import agreed, reached, reached_once, whole
from tests.live.world import Desk, desk

RESTING = 'schedule = "patient"\n[schedules.patient]\nkind = "passive_then_cross"\ntimeout_s = 600\n[sentinel]'


def mended(made: Desk) -> None:
    """After a resume on a sound disk the target is reached, once."""
    done = sluice("resume", "--lakehouse", str(made.world.lakehouse), "--by", "a person", "--reason", "mended")
    assert done.returncode == 0, done.stderr
    started = len(made.of("run_start"))
    process = made.start()
    made.until(lambda: len(made.of("run_start")) > started and reached(made), process)
    said = made.end(process)
    assert process.returncode == 0, said
    whole(made)
    reached_once(made)


@pytest.mark.parametrize("number", [6, pytest.param(7, marks=pytest.mark.slow)], ids=["a sync before the sends", "a later sync"])
def test_a_sync_that_fails_stops_trading_before_the_next_order(number: int, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    with desk(tmp_path) as made:
        inject = f"inject=fdatasync:error=EIO:when={number}+"
        process = made.start(prefix=(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject))
        said = process.communicate(timeout=END_S)[0]
        if "ptrace" in said.lower():
            pytest.skip(f"strace may not trace here: {said.strip()[:80]}")
        assert process.returncode == 1, said
        assert "DISK_" in said
        assert "Traceback" not in said
        assert not made.world.layout.permission.exists()
        agreed(made)
        posted = [order["clientOrderId"] for order in made.venue.truth().orders]
        assert set(posted) <= {line["client_order_id"] for line in made.of("send")}
        mended(made)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A directory whose data directory is a tmpfs of its own."""
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    lake = tmp_path / "lakehouse"
    lake.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(lake)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a tmpfs may not be mounted here: {done.stderr.strip()[:80]}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(lake)], check=True)


def test_a_full_disk_stops_trading_and_what_works_at_the_venue_is_cancelled(small: Path) -> None:
    with desk(small) as made:
        made.change("[sentinel]", RESTING)
        made.change("reconcile_s = 60", "reconcile_s = 1")
        process = made.start()
        made.until(lambda: len(made.venue.truth().open_orders()) == 2, process)
        (made.world.lakehouse / "filler").write_bytes(bytes(free_of(made.world.lakehouse)))
        said = process.communicate(timeout=END_S)[0]
        assert process.returncode == 1, said
        assert "DISK_FULL" in said
        assert "Traceback" not in said
        assert made.venue.truth().open_orders() == [], "an order was left working"
        (made.world.lakehouse / "filler").unlink()
        agreed(made)


def free_of(directory: Path) -> int:
    """Bytes that are left."""
    state = os.statvfs(directory)
    return state.f_bavail * state.f_frsize
