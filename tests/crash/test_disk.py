"""A lakehouse on disks that fail: read-only, full from the start, full in the middle of trading, removed, a failing sync."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.children import END_S, remove_from_under
from tests.crash.harness import (
    World,
    check,
    check_end,
    lines_of,
    make_world,
    run_to_end,
    sluice,
    started,
    targets_are_reached,
    wait_for_lines,
)

MANIFEST_INSTALLED = "portfolio_optimized_v3.json"


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], World]]:
    """Make a world whose lakehouse is a tmpfs with these mount options."""
    points: list[Path] = []

    def make(options: str) -> World:
        world = make_world(tmp_path / "w", end=date(2022, 4, 5), manifests=(date(2022, 4, 1),))
        world.lake.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(world.lake)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"a tmpfs may not be mounted here: {done.stderr.strip()[:80]}")
        points.append(world.lake)
        return world

    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield make
    for point in points:
        subprocess.run(["umount", "-l", str(point)], check=True)


def remount(world: World, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(world.lake)], check=True)


def refused(world: World) -> str:
    """Run the shadow where it cannot start; return its one line."""
    done = sluice("shadow", str(world.config))
    assert done.returncode == 1, done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "INTERNAL" not in done.stderr
    return done.stderr


def test_read_only_lakehouse_is_refused_in_one_line(mounted: Callable[[str], World]) -> None:
    world = mounted("size=1m")
    remount(world, "ro")
    assert "DISK_READ_ONLY" in refused(world)
    assert not list(world.lake.iterdir())


def test_full_lakehouse_is_refused_in_one_line(mounted: Callable[[str], World]) -> None:
    world = mounted("size=64k")
    (world.lake / "filler").write_bytes(bytes(65_536))
    assert "DISK_FULL" in refused(world)
    assert not world.layout.log.exists()


def failed_in_the_middle(world: World, *prefix: str) -> str:
    """Run the shadow on a disk that will fail; return what it printed."""
    with started(world, *prefix) as process:
        text = process.communicate(timeout=END_S)[0]
    assert process.returncode == 1, text
    assert text.count("HALTED  ") == 1, text
    assert "DISK_" in text, text
    assert "Traceback" not in text, text
    assert "INTERNAL" not in text, text
    assert not world.layout.permission.exists()
    return text


def goes_on_after_resume(world: World) -> None:
    check(world)
    assert sluice("resume", "--lakehouse", str(world.lake), "--by", "a person", "--reason", "mended").returncode == 0
    run_to_end(world)
    targets_are_reached(world, check_end(world))


@pytest.mark.parametrize("size", ["76k", "112k"], ids=["full when the next manifest comes", "full among the orders"])
def test_disk_that_fills_up_while_trading_stops_trading_and_loses_nothing(size: str, mounted: Callable[[str], World]) -> None:
    world = mounted(f"size={size}")
    text = failed_in_the_middle(world)
    assert "DISK_FULL" in text
    received = {line["client_order_id"] for line in lines_of(world) if line["type"] == "received"}
    durable = {line["client_order_id"] for line in lines_of(world) if line["type"] == "send"}
    assert received <= durable
    remount(world, "size=16m")
    goes_on_after_resume(world)


@pytest.mark.parametrize("number", [7, pytest.param(9, marks=pytest.mark.slow)], ids=["a sync before the sends", "a later sync"])
def test_failed_sync_while_trading_stops_trading(number: int, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    world = make_world(tmp_path, end=date(2022, 4, 5), manifests=(date(2022, 4, 1),))
    inject = f"inject=fdatasync:error=EIO:when={number}+"
    failed_in_the_middle(world, strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject)
    goes_on_after_resume(world)


def test_data_directory_removed_while_running_ends_the_run(tmp_path: Path) -> None:
    world = make_world(tmp_path, end=date(2022, 6, 2), manifests=(date(2022, 4, 8),))
    with started(world) as process:
        wait_for_lines(world, 60, process)
        assert process.poll() is None, process.communicate()[0]
        remove_from_under(world.lake)
        text = process.communicate(timeout=END_S)[0]
    assert process.returncode == 1, text
    assert "HALTED" in text
    assert "Traceback" not in text, text
    assert "INTERNAL" not in text, text
