"""What a halt drill prints: where it happens, and a table of what it took."""

from __future__ import annotations

from pathlib import Path

from commands.drill_venue import DrillVenue
from commands.halt_live import engine_words
from commands.output import print_json
from commands.rehearsal_desk import RehearsalDesk
from lakehouse.records import DrillLine


def print_start(desk: RehearsalDesk, venue: DrillVenue, *, as_json: bool) -> None:
    """Say what is started, and where it leaves what it leaves."""
    if as_json:
        facts = {"directory": str(desk.directory), "address": venue.address, "control": venue.control}
        print_json({"event": "started", **facts})
        return
    print(f"drill      a live run of {desk.source} at a rehearsal venue on {venue.address}; no other venue is reached")
    print(f"directory  {desk.directory}: run.toml, keys, the record in lakehouse, live.log with what the run says", flush=True)


def print_drill(line: DrillLine, *, words: str, log: Path, number: int) -> None:
    """Show the figures, the code they are of, the verdict, and where it is written."""
    worked = f"{line.worked} worked, {_count(line.left)} left, {_count(line.late)} arrived after the block"
    rows = [
        ("blocked", line.blocked_ms, "the permission to send is gone"),
        ("cancel sent", line.cancel_ms, "the venue has the first cancel"),
        ("no order works", line.flat_ms, f"by the venue's own record: {worked}"),
        ("confirmed", line.confirmed_ms, f"`sluice halt`: {words}" if words else ""),
    ]
    print(f"\n{'after the trip':<16}{'ms':>8}   from the start of `sluice halt`, its own start-up included")
    for name, ms, told in rows:
        print(f"{name:<16}{'-' if ms is None else f'{ms:,}':>8}   {told}".rstrip())
    hung = "stopped before the trip: " if line.hung else ""
    print(f"{'engine':<27}{hung}{engine_words(line.engine) if line.engine else 'not heard of'}")
    if line.bound_ms is not None:
        print(f"{'bound':<16}{line.bound_ms:>8,}   for the confirmation")
    lock = "no lock file" if line.lock_sha256 is None else f"uv.lock {line.lock_sha256[:12]}…"
    print(f"\ncode       sluice {line.sluice_version}, source {line.source_sha256[:12]}…, {lock}")
    for problem in line.problems:
        print(f"failed     {problem}")
    if line.outcome == "passed":
        print("passed     every order was cancelled and confirmed, and none left after the block")
    print(f"recorded   line {number} of {log}, and DRILL in its ledger")


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)
