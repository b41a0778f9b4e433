"""Disks of a test's own: small enough to be filled, or one that the kernel can be told is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


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


@pytest.fixture
def brittle(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A directory whose data directory is an ext4 of its own, and the file by which the kernel is told that it has an error."""
    tools = ("mount", "mkfs.ext4", "findmnt")
    if any(shutil.which(tool) is None for tool in tools) or os.geteuid() != 0:
        pytest.skip("mounting a file system of its own needs root and mkfs.ext4")
    image, lake = tmp_path / "image", tmp_path / "lakehouse"
    image.write_bytes(bytes(32 << 20))
    lake.mkdir()
    for command in (["mkfs.ext4", "-q", "-F", str(image)], ["mount", "-o", "loop,errors=remount-ro", str(image), str(lake)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no loop device may be mounted here: {done.stderr.strip()[:80]}")
    try:
        device = subprocess.run(
            ["findmnt", "-no", "SOURCE", str(lake)], capture_output=True, text=True, check=True
        ).stdout.strip()
        yield tmp_path, Path("/sys/fs/ext4") / Path(device).name / "trigger_fs_error"
    finally:
        subprocess.run(["umount", "-l", str(lake)], check=True)
