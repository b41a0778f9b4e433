"""The run that is followed: a first look at its log, by which line that is known again, and what must hold of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from engine.bundle_carried import BundleDiffers
from engine.run_config import RunConfig
from lakehouse import records
from lakehouse.bundle_diff import compared
from lakehouse.bundles import Bundle, known_bundles, read_bundle
from lakehouse.layout import Layout
from lakehouse.log_tail import LogTail
from lakehouse.twins import first_sha256
from orders.errors import NotAsked, NotYet
from orders.values import Record

WAIT_S: Final = 60.0  # for a live run that is being started at the same time
LOOK_S: Final = 0.1


class FollowedRun(Record, frozen=True, kw_only=True):
    """`run`: the last run that began; `log_sha256`: of the log's first line."""

    run: records.RunStart
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
                return FollowedRun(run=run, log_sha256=first_sha256(layout))
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


def kept_bundle(run: records.RunStart, *, live: Layout) -> str | None:
    """Return the hash of the live run's bundle where its directory keeps it, with the days it is of; None: the config says it."""
    sha256 = run.bundle_sha256
    return sha256 if sha256 is not None and sha256 in known_bundles(live) else None


def check_followed(run: records.RunStart, *, config: RunConfig, live: Layout, bundle: Bundle) -> None:
    """Return when a run may be followed: live, of the config's environment, of `bundle`, which is the twin's own.

    Raises `NotAsked`: TWIN_NOT_LIVE, TWIN_ENVIRONMENT, BUNDLE_DIFFERS (with the parts, where the live directory has its bundle).
    """
    if run.kind != "live":
        raise NotAsked(
            "TWIN_NOT_LIVE",
            expected=f"a live run in {live.directory}",
            found=f"a run of kind {run.kind}",
            action="Name the data directory of a canary or live run after --of.",
        )
    if run.environment != config.environment:
        raise NotAsked(
            "TWIN_ENVIRONMENT",
            expected=f"environment {run.environment}, the live run's",
            found=config.environment,
            action="Give the config that the live run was started with.",
        )
    if run.bundle_sha256 == bundle.sha256:
        return
    kept = kept_bundle(run, live=live)
    if kept is not None:
        parts = compared(read_bundle(live.bundles / kept, sha256=kept).parts, bundle.parts)
        raise BundleDiffers(kept, [part for part in parts if part.state != "same"])
    raise NotAsked(
        "BUNDLE_DIFFERS",
        expected=f"bundle {(run.bundle_sha256 or 'none')[:16]}, the live run's",
        found=bundle.sha256[:16],
        action="Give the config and the code that the live run was started with.",
    )
