"""The trip of a halt drill: `sluice halt` as a process, looked at from outside until it has ended."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from commands.drill_venue import DrillVenue, Seen
from commands.rehearsal_desk import SLUICE
from lakehouse.layout import Layout
from orders.errors import VenueUnavailable
from orders.halt_drill import HaltFigures

HALT_S: Final = 120.0  # `sluice halt` gives up by itself long before
GRACE_S: Final = 5.0  # beyond a bound, so that one that is just missed is still measured
END_S: Final = 40.0
LOOK_S: Final = 0.001
ASK_S: Final = 0.02  # between two questions to the venue: how exact the times are
TAIL: Final = 400  # characters of what was said last


class _Times:
    """When what was reached, in seconds since the trip, as seen from outside; None: not yet."""

    def __init__(self, layout: Layout, venue: DrillVenue, before: Seen) -> None:
        self._layout = layout
        self._venue = venue
        self._before = before
        self._trip = time.monotonic()
        self.at_block: Seen | None = None  # what the venue had right after the block
        self.blocked_s: float | None = None
        self.cancel_s: float | None = None
        self.flat_s: float | None = None

    def since_s(self) -> float:
        return time.monotonic() - self._trip

    def look(self) -> None:
        """Look at the permission, and where it is gone ask the venue, until no order works there."""
        if self.blocked_s is None:
            if self._layout.permission.exists():
                time.sleep(LOOK_S)
                return
            self.blocked_s = self.since_s()
            self.at_block = _asked(self._venue)
        if self.flat_s is None and (seen := _asked(self._venue)) is not None:
            if self.cancel_s is None and seen.cancels > self._before.cancels:
                self.cancel_s = self.since_s()
            if seen.working == 0:
                self.flat_s = self.since_s()
        time.sleep(ASK_S)


def tripped(
    layout: Layout,
    venue: DrillVenue,
    process: subprocess.Popen[bytes],
    *,
    before: Seen,
    words: Sequence[str],
    hang: bool,
    within_s: int | None,
) -> tuple[HaltFigures, str]:
    """Halt the live run `process` by `words`, look on until that has ended, and end the run; return what was seen and was said.

    `before`: what the venue had seen; `hang`: the run is stopped first; `within_s`: no longer than that is waited, and a little.
    """
    if hang:
        process.send_signal(signal.SIGSTOP)
    give_up_s = HALT_S if within_s is None else within_s + GRACE_S
    times = _Times(layout, venue, before)
    with _halting([*SLUICE, "halt", "--json", *words, "--lakehouse", str(layout.directory)]) as halt:
        while halt.poll() is None and times.since_s() < give_up_s:
            times.look()
        ended_s = times.since_s()
        confirmed_s = ended_s if halt.poll() == 0 else None
        halt.kill()
        live, told = _heard(*halt.communicate())
    _end(process)
    last, blocked = _asked(venue), times.at_block
    return HaltFigures(
        hung=hang,
        engine=str(live.get("engine", "")),
        worked=before.working if blocked is None else max(before.working, blocked.working),
        left=None if last is None else last.working,
        late=None if last is None or blocked is None else last.orders - blocked.orders,
        blocked_ms=_ms(times.blocked_s),
        cancel_ms=_ms(times.cancel_s),
        flat_ms=_ms(times.flat_s),
        confirmed_ms=_ms(confirmed_s),
        unconfirmed="" if confirmed_s is not None else told or f"`sluice halt` had not ended after {ended_s:.1f} s",
        record_problem="",
    ), told


@contextmanager
def _halting(words: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """`sluice halt` as a process, in a session of its own, which ends with the drill."""
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as halt:  # our own program  # nosec B603
        try:
            yield halt
        finally:
            halt.kill()


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000)


def _asked(venue: DrillVenue) -> Seen | None:
    try:
        return venue.seen()
    except VenueUnavailable:
        return None


def _heard(said: str, errors: str) -> tuple[dict[str, Any], str]:
    """Return what `sluice halt --json` found of the live run, and its words in one line."""
    try:
        live = json.loads(said)["live"]
    except (ValueError, KeyError):
        return {}, " ".join((said + errors).split())[-TAIL:]
    return live, "; ".join(live["detail"])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End an engine that lives, as a person would; one that was killed has ended."""
    process.terminate()
    process.send_signal(signal.SIGCONT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
