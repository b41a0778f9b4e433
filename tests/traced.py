"""A process killed by strace at one of its calls: which calls of a kind there are to hit, and how it ended."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.children import END_S, FULL, kill


@dataclass(frozen=True)
class Calls:
    """Calls of one kind that a standard run makes; each thread's are counted apart, so the thread that makes most is hit.

    `files`: only calls on these are counted, which finds those of the journal's thread. `last`: one past what
    a run makes; the full form skips a number that is not reached.
    """

    call: str
    last: int
    sample: tuple[int, ...] = ()
    files: tuple[str, ...] = ()

    def numbers(self) -> Sequence[int]:
        return range(1, self.last + 1) if FULL else self.sample


def death(process: subprocess.Popen[str], trace: Path) -> tuple[bool, str]:
    """Wait for the end of the engine that strace runs, then let go of its watchdog; return if it was killed, and what it said."""
    end, last = time.monotonic() + END_S, ""
    while process.poll() is None and not last:
        assert time.monotonic() < end, kill(process)
        last = last_words(trace)
        time.sleep(0.02)
    process.terminate()  # strace lets go of what it still traces, which is the watchdog
    said = process.communicate(timeout=END_S)[0]
    if "ptrace" in said.lower():
        pytest.skip(f"strace may not trace here: {said.strip()[:80]}")
    return last_words(trace).startswith("killed by SIGKILL"), said


def last_words(trace: Path) -> str:
    """What strace says of the engine's end, whose first call was that it became Python; "" while it lives."""
    traced = trace.read_text(errors="replace") if trace.exists() else ""
    found = re.search(rf"^{traced.partition(' ')[0]} +\+\+\+ (.*)", traced, re.MULTILINE)
    return "" if found is None else found[1]
