"""One look at the gates of a running run: what is asked of the process that judges them (`live.gate_judge`), and its answer.

The loop that trades shares neither memory, threads nor faults with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lakehouse.strict_json import parse
from orders.errors import InputError, SluiceError
from orders.gates import Verdict
from orders.values import Record

TIMEOUT_S: Final = 120.0  # of one look; a log of a million lines takes a tenth of it
SIZE_MAX: Final = 4 << 20  # of an answer
DEPTH_MAX: Final = 12


class GateRequest(Record, frozen=True, kw_only=True):
    """What is to be looked at: a gates file by path and hash, a bundle from `since_ns` on, the directories of its sources."""

    gates: str
    gates_sha256: str
    bundle_sha256: str
    code_sha256: str
    sources: Mapping[str, str]
    since_ns: int
    now_ns: int


class GateLook(Record, frozen=True, kw_only=True):
    """What was found. `evidence`: the document's bytes, whose sha256 it is kept under; `failed`: gates that failed, in words, by
    name; those of a dry run count for nothing.
    """

    evidence: bytes
    failed: Mapping[str, str]


class NotJudged(SluiceError):
    """The gates of a running run could not be looked at; the run goes on as it is."""


async def look_at_gates(request: GateRequest) -> GateLook:
    """Return what a process of its own finds. Raises `NotJudged`, also where no process is to be had just now; one that takes too
    long is ended.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "live.gate_judge",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=SIZE_MAX,
        )
    except OSError as error:
        raise not_judged(f"no process that judges them: {error}") from error
    try:
        async with asyncio.timeout(TIMEOUT_S):
            evidence, told = await process.communicate(msgspec.json.encode(request))
    except TimeoutError as error:
        raise not_judged(f"no answer within {TIMEOUT_S:g} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise not_judged(told.decode(errors="replace").strip().rpartition("\n")[2][:300] or f"exit {process.returncode}")
    return GateLook(evidence=evidence, failed=failed_gates(evidence))


def failed_gates(evidence: bytes) -> dict[str, str]:
    """Return by name what the gates that failed in a document were held to and are, in words. Raises `NotJudged`."""
    try:
        document: Any = parse(evidence, what="evidence of a look", size_max=SIZE_MAX, depth_max=DEPTH_MAX)
        return {
            str(one["gate"]["name"]): str(one["never"] or one["missing"][0])[:200]  # as `GateResult.failure`
            for one in document["results"]
            if one["verdict"] == Verdict.FAIL and not one["gate"]["dry_run"]
        }
    except (InputError, KeyError, TypeError, IndexError) as error:
        raise not_judged(f"an answer that is no evidence: {error}"[:300]) from error


def not_judged(found: str) -> NotJudged:
    return NotJudged(
        "GATES_NOT_JUDGED",
        expected="the gates of the running run to be looked at",
        found=found,
        action="The run goes on at its step; `sluice promote status --move while_running` with its --gates looks too.",
    )
