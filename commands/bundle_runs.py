"""`sluice bundle runs [BUNDLE]`: which runs of a log went by a bundle. Every other line of the log is its run's, by `run_id`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from commands.output import Exit, print_json
from lakehouse.bundles import PREFIX
from lakehouse.layout import Layout
from lakehouse.run_starts import LoggedRun, logged_runs
from orders.errors import ConfigError

NS = 1_000_000_000


def run(named: str | None, *, lakehouse: Path, as_json: bool) -> int:
    """Print the runs of the data directory's log; `named`: only those whose bundle's hash begins so.

    Raises `ConfigError` BUNDLE_UNKNOWN of what is no hash, BUNDLE_AMBIGUOUS of the beginning of two in this log.
    """
    if named is not None and not PREFIX.fullmatch(named):
        raise ConfigError(
            "BUNDLE_UNKNOWN",
            expected="the hash of a bundle, or its first 4 digits or more",
            found=repr(named[:80]),
            action="`sluice bundle runs` without one lists all runs.",
        )
    found = [one for one in logged_runs(Layout(lakehouse)) if (one.start.bundle_sha256 or "").startswith(named or "")]
    hashes = {one.start.bundle_sha256 for one in found}
    if named is not None and len(hashes) > 1:
        raise ConfigError(
            "BUNDLE_AMBIGUOUS",
            expected="the beginning of one bundle's hash",
            found=f"{named}, with which {len(hashes)} of this log begin",
            action="Give more of it.",
        )
    if as_json:
        print_json({"lakehouse": str(lakehouse), "runs": [_document(one) for one in found]})
    else:
        print("\n".join(_line(one) for one in found) or "none     no run of this log went by it")
    return Exit.DONE


def _document(one: LoggedRun) -> dict[str, Any]:
    start = one.start
    return {
        "run_id": start.run_id,
        "bundle_sha256": start.bundle_sha256,
        "kind": start.kind,
        "environment": start.environment,
        "log_line": start.seq,
        "last_line": None if one.stop is None else one.stop.seq,
        "started_ns": start.ts_ns,
        "ended_ns": None if one.stop is None else one.stop.ts_ns,
        "cause": None if one.stop is None else one.stop.cause,
    }


def _line(one: LoggedRun) -> str:
    start = one.start
    when = datetime.fromtimestamp(start.ts_ns // NS, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    end = f"to line {one.stop.seq}, {one.stop.cause}" if one.stop is not None else "without an end"
    bundle = start.bundle_sha256 or "of before there were bundles"
    head = f"run      {start.run_id}   {start.kind} {start.environment}   {when}"
    return f"{head}   from log line {start.seq} {end}\n         {bundle}"
