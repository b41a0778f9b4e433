"""The first look at a live run's log: whose run it is, by which first line it is known again, and how far it goes by now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.ledger_format import sha256
from lakehouse.log_tail import LogTail
from lakehouse.segments import Segments
from orders.errors import NotYet
from orders.values import Record

WAIT_S: Final = 60.0  # for a live run that is being started at the same time
LOOK_S: Final = 0.1
FIRST_LINE_MAX: Final = 1 << 20


class FollowedRun(Record, frozen=True, kw_only=True):
    """`run`: the last run that began; `line`: the log's last line by now; `log_sha256`: of the log's first line."""

    run: records.RunStart
    line: int
    log_sha256: str


async def first_look(layout: Layout, *, say: Callable[[str], None]) -> FollowedRun:
    """Return what there is to follow, waiting a minute for a log to begin.

    Raises `NotYet` TWIN_WAITED; what `LogTail.lines` raises.
    """
    tail, run = LogTail(layout), None
    deadline, told = time.monotonic() + WAIT_S, False
    try:
        while True:
            lines = tail.lines()
            for line in lines:
                if isinstance(line, records.RunStart):
                    run = line
            if lines:
                await asyncio.sleep(0)
                continue
            if run is not None:
                return FollowedRun(run=run, line=tail.line, log_sha256=_first_sha256(layout))
            if time.monotonic() > deadline:
                raise NotYet(
                    "TWIN_WAITED",
                    expected=f"a live run's log at {layout.log} within {WAIT_S:g} s",
                    found="none",
                    action="Start the live run, or name its data directory after --of.",
                )
            if not told:
                told = True
                say(f"waiting for a live run's log at {layout.log}")
            await asyncio.sleep(LOOK_S)
    finally:
        tail.close()


def _first_sha256(layout: Layout) -> str:
    with Segments(layout.log) as log:
        return sha256(log.pread(FIRST_LINE_MAX, 0).partition(b"\n")[0])
