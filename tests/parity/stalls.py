"""Whether the machine held a run in real time up: the one reason for which such a run may be tried again.

A node has a real clock, which nothing can stop: where the machine lets it run later than a made day keeps distance for, a quote
overtakes an order, rightly, and the run says nothing about the engine. Being late by its own work is no excuse: what the
process has computed meanwhile is taken off.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

TRIES_MAX = 6
DISTANCE_MS = 50.0  # a third of what made days keep between prices and what is decided on them: several stalls may add up
STEP_S = 0.002


class Stalls:
    """How long, at most, a loop was late though its process did not compute, in milliseconds. `watch` runs beside a node."""

    def __init__(self) -> None:
        self.worst_ms = 0.0

    async def watch(self, assembly: Any) -> None:
        while True:
            began_ns, used_ns = time.monotonic_ns(), time.process_time_ns()
            await asyncio.sleep(STEP_S)
            late_ns = time.monotonic_ns() - began_ns - STEP_S * 1e9
            self.worst_ms = max(self.worst_ms, (late_ns - (time.process_time_ns() - used_ns)) / 1e6)


@contextmanager
def memory() -> Iterator[Path]:
    """A directory whose syncs take no time, where there is one: how long a disk takes is not what is compared."""
    base = Path("/dev/shm")
    with TemporaryDirectory(dir=base if base.is_dir() and os.access(base, os.W_OK) else None) as name:
        yield Path(name)


def undisturbed[T](
    run: Callable[[int, Stalls], T],
    *,
    differs: Callable[[T], Collection[Hashable]],
    distance_ms: float = DISTANCE_MS,
    tries_max: int = TRIES_MAX,
) -> T:
    """The first run in which nothing differs, or the first in which something does though nothing held it up for `distance_ms`.

    `run` gets the number of the try and what watches it. What differs in every try, though each was held up, is the engine's:
    the last run is returned for the caller to fail on. Skips only where each was held up and each differs in its own way.
    """
    held_up_ms = []
    always: set[Hashable] = set()
    for number in range(tries_max):
        stalls = Stalls()
        made = run(number, stalls)
        found = set(differs(made))
        if not found or stalls.worst_ms < distance_ms:
            return made
        always = always & found if number else found
        held_up_ms.append(round(stalls.worst_ms))
    if always:
        return made
    pytest.skip(f"this machine held every run up, by {held_up_ms} ms; what agrees to {distance_ms} ms cannot be seen on it")
