"""Processes that tests start: whatever the test does, they are killed with all they started, and reaped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.no_egress import watched

FULL = os.environ.get("SLUICE_CAMPAIGN") == "full"  # every call, byte and seed; otherwise some of each
END_S = 90.0  # far more than any of these processes takes to end


def seeds(variable: str, *, full: int, short: int) -> range:
    """The seeds of a campaign: `first-last` of an environment variable, so that it can be run in pieces, or from 0 on."""
    first, _, last = os.environ.get(variable, f"0-{(full if FULL else short) - 1}").partition("-")
    return range(int(first), int(last or first) + 1)


@contextmanager
def child(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own, its output a pipe; none of the group is left, and no pipe open, where the block ends.

    It is kept on this machine as the tests are, and so is every Python process it starts: see `tests.no_egress`.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options
    pipes["env"] = watched(pipes.get("env", os.environ))
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """SIGKILL the process and what it started, unless it has ended by itself, and reap it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def kill(process: subprocess.Popen[str]) -> str:
    """As `end`; return what it had printed."""
    end(process)
    return process.communicate(timeout=END_S)[0]


def remove_from_under(directory: Path) -> None:
    """Remove a directory into which a running process writes: what it has made meanwhile is removed by the next try."""
    last = time.monotonic() + END_S
    while directory.exists():
        assert time.monotonic() < last, sorted(directory.rglob("*"))
        shutil.rmtree(directory, ignore_errors=True)
