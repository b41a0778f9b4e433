"""`sluice halt --drill`: a live run on a rehearsal venue is halted while its orders work, and what that took is evidence.

Everything is of this machine: the venue is started here and listens on loopback, the run is armed for nothing else, and its
directory is its own. What is tripped is the real thing: `sluice halt` as a process, beside a real `sluice live`.
"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from msgspec import to_builtins
from msgspec.structs import replace

from commands.append_line import append_line
from commands.drill_run import drill_desk, drilled_live, require_loopback, said_file
from commands.drill_trip import TAIL, tripped
from commands.drill_venue import DrillVenue, Seen, drill_venue, market
from commands.drill_view import print_drill, print_start
from commands.halt import require_words
from commands.output import Exit, print_json
from commands.rehearsal_desk import RehearsalDesk, furnish
from engine.code_version import CodeVersion, code_version
from engine.inputs import read_inputs
from lakehouse.examine import examine
from lakehouse.layout import Layout
from lakehouse.records import DrillLine
from lakehouse.verifier import verify
from orders.canonical import sha256_hex
from orders.errors import VenueUnavailable
from orders.halt_drill import HaltFigures, drill_problems

CONFIG: Final = Path("data/configs/crypto_rehearsal.toml")
SCHEDULE: Final = "halt_drill"  # rests at the near touch, and in the drill's market nothing fills it
RESTS_S: Final = 3_600
READY_S: Final = 120.0  # for a live run to have its orders at the venue
LOOK_S: Final = 0.1
SETTLED_S: Final = 2.0  # so long their number has not changed
MEASURED: Final = ("hung", "engine", "worked", "left", "late", "blocked_ms", "cancel_ms", "flat_ms", "confirmed_ms")


def run(
    config: Path | None, *, directory: Path | None, by: str, reason: str, hang: bool, within_s: int | None, as_json: bool
) -> int:
    """Drill and record it; 0: passed, 1: failed, with the reasons. `hang`: the engine is stopped before the trip.

    `within_s`: it must be confirmed within so long. Raises `ConfigError`, `StorageError`, and `VenueUnavailable` DRILL_NOT_READY
    where no order could be brought to work: then nothing was tripped, and nothing is recorded.
    """
    require_words(by=by, reason=reason)
    desk, code = drill_desk(config or CONFIG, directory, label="-halt-drill"), code_version()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started here is ended by either
    venue = drill_venue(desk)
    try:
        loaded = furnish(desk, venue.hello, change=_rest)
        require_loopback(loaded)
        print_start(desk, venue, as_json=as_json)
        inputs, layout = read_inputs(loaded), Layout(loaded.lakehouse.directory)
        with market(venue, [inputs.listings[symbol] for symbol in inputs.market_limits]), drilled_live(desk) as process:
            before, said_by = _ready(venue, process, desk), ("--by", by, "--reason", reason)
            figures, words = tripped(layout, venue, process, before=before, words=said_by, hang=hang, within_s=within_s)
    finally:
        venue.stop()
    figures = replace(figures, record_problem=_record_problem(layout, by=by))
    bound_ms = None if within_s is None else within_s * 1_000
    line = _line(desk, venue, figures, code=code, bound_ms=bound_ms)
    number = append_line(layout, line)
    if as_json:
        print_json({"event": "drill", **to_builtins(line), "directory": str(desk.directory), "log_line": number, "said": words})
    else:
        print_drill(line, words=words, log=layout.log, number=number)
    return Exit.DONE if line.outcome == "passed" else Exit.FAILED


def _rest(document: dict[str, Any]) -> None:
    """Let every order of the run rest: else nothing works when it is halted."""
    document["policy"] |= {"schedule": SCHEDULE}
    document["policy"].pop("schedule_by_venue", None)
    document.setdefault("schedules", {})[SCHEDULE] = {"kind": "passive_then_cross", "timeout_s": RESTS_S}
    document.pop("alarms", None)  # a drill pages nobody


def _ready(venue: DrillVenue, process: subprocess.Popen[bytes], desk: RehearsalDesk) -> Seen:
    """Return once orders work and their number has settled. Raises `VenueUnavailable` DRILL_NOT_READY."""
    end, seen, since = time.monotonic() + READY_S, venue.seen(), time.monotonic()
    while time.monotonic() < end and process.poll() is None:
        time.sleep(LOOK_S)
        now = venue.seen()
        if now != seen:
            seen, since = now, time.monotonic()
        elif seen.working and time.monotonic() - since >= SETTLED_S:
            return seen
    tail = said_file(desk).read_text("utf-8", errors="replace").strip()[-TAIL:] or "nothing"
    raise VenueUnavailable(
        "DRILL_NOT_READY",
        expected=f"orders of the run to work at the rehearsal venue within {READY_S:g} s",
        found=f"{seen.working} of {seen.orders}, and the run said last: {tail}",
        action=f"{said_file(desk)} has all it said; nothing was tripped, nothing is recorded.",
    )


def _record_problem(layout: Layout, *, by: str) -> str:
    """Return what is wrong with the record that the run has left, "" for nothing."""
    report = verify(layout.directory)
    if not report.ok:
        return f"the record does not verify: {report.first_bad}"
    halt = examine(layout).fold.halt
    return "" if halt is not None and halt.by == by else f"the log does not say that {by} halted"


def _line(desk: RehearsalDesk, venue: DrillVenue, figures: HaltFigures, *, code: CodeVersion, bound_ms: int | None) -> DrillLine:
    problems, now_ns = drill_problems(figures, bound_ms=bound_ms), time.time_ns()
    return DrillLine(
        ts_ns=now_ns,
        market_ns=now_ns,
        run_id=f"drill-{now_ns}",
        kind="halt",
        outcome="failed" if problems else "passed",
        problems=problems,
        venue=desk.venue,
        address=venue.address,
        config_sha256=sha256_hex(desk.source.read_bytes()),
        sluice_version=code.sluice_version,
        source_sha256=code.source_sha256,
        lock_sha256=code.lock_sha256,
        bound_ms=bound_ms,
        **{name: getattr(figures, name) for name in MEASURED},
    )
