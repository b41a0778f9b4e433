"""`sluice rehearse --crash-drill`: a live run on a rehearsal venue is killed again and again, and what it leaves is evidence.

It is killed by SIGKILL, when its log has got so many lines more or at an instant, both drawn from a seed, and started again at
once each time; the last start is left alone until it rests. Then no order may be at the venue twice, none there that nobody
intended, no fill of either side missing on the other, and the record must have verified after every kill. The venue is a process
of its own that outlives all of them.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import to_builtins

from commands.append_line import append_line
from commands.drill_run import drill_desk, drilled_live, require_loopback, said_file
from commands.drill_venue import DrillVenue, drill_venue, market
from commands.halt_drill import CONFIG
from commands.output import Exit, print_json
from commands.rehearsal_books import Books, Journal, compared
from commands.rehearsal_desk import RehearsalDesk, furnish
from engine.code_version import CodeVersion, code_version
from engine.inputs import Inputs, read_inputs
from engine.run_config import RunConfig
from lakehouse.layout import Layout
from lakehouse.log_lines import log_lines
from lakehouse.records import CycleClosed, CycleOpened, DrillLine, RunStart
from lakehouse.segments import has_file
from lakehouse.verifier import verify
from orders.canonical import sha256_hex
from orders.errors import SluiceError
from orders.values import Record

KILLS: Final = 5
LINES_MAX: Final = 12  # that the log gets before a kill: a run to its target writes some forty
LIFE_S: Final = 30.0  # of a start that is to be killed, whatever its log gets
REST_S: Final = 90.0  # for the last start to come to rest
SETTLED_S: Final = 5.0  # so long it has begun no cycle and ended none
END_S: Final = 40.0
LOOK_S: Final = 0.01
DELAYS_S: Final = (0.0, 0.02, 0.2)


def run(config: Path | None, *, directory: Path | None, kills: int, seed: int, as_json: bool) -> int:
    """Drill and record it; 0: passed, 1: failed, with the reasons. Raises `ConfigError`, `StorageError`, `VenueUnavailable`."""
    desk, code = drill_desk(config or CONFIG, directory, label="-crash-drill"), code_version()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started here is ended by either
    venue, problems = drill_venue(desk), list[str]()
    try:
        loaded = furnish(desk, venue.hello)
        require_loopback(loaded)
        inputs, layout = read_inputs(loaded), Layout(loaded.lakehouse.directory)
        _say(as_json, f"drill      a live run of {desk.source} at {venue.address}, killed {kills} times; it reaches nothing else")
        _say(as_json, f"directory  {desk.directory}: run.toml, keys, the record in lakehouse, live.log with what the runs say")
        with market(venue, [inputs.listings[symbol] for symbol in inputs.market_limits]):
            dice, killed = random.Random(seed), 0  # drawn for a drill, nothing secret  # nosec B311
            for number in range(1, kills + 1):
                killed += _killed(desk, layout, dice)
                problems += _bad_record(layout, f"after kill {number}")
                _say(as_json, f"killed     {number} of {kills}, with {_lines(layout):,} lines in the log")
            problems += _left_alone(desk, layout)
            books = _books(desk, venue, loaded, inputs)
    finally:
        venue.stop()
    problems += books.parted
    problems += [] if books.orders else ["no order reached the venue: nothing was shown"]
    problems += [] if killed else ["no run lived long enough to be killed: nothing was shown"]
    line = _line(desk, venue, books, problems=problems, kills=killed, code=code)
    number = append_line(layout, line)
    if as_json:
        print_json({"event": "drill", **to_builtins(line), "directory": str(desk.directory), "log_line": number})
    else:
        print("\n".join(_words(line, books, log=layout.log, number=number)))
    return Exit.DONE if line.outcome == "passed" else Exit.FAILED


def _killed(desk: RehearsalDesk, layout: Layout, dice: random.Random) -> bool:
    """Start a run and kill it; return whether it lived when it was."""
    before = _size(layout)
    wanted, life_s = dice.randint(1, LINES_MAX), dice.uniform(1.0, LIFE_S)
    delay_s = dice.random() * dice.choice(DELAYS_S)
    with drilled_live(desk, watchdog=False) as process:
        end = time.monotonic() + life_s
        while time.monotonic() < end and process.poll() is None and _new_lines(layout, before) < wanted:
            time.sleep(LOOK_S)
        time.sleep(delay_s)
        lived = process.poll() is None
        process.kill()
        process.wait()
    return lived


def _left_alone(desk: RehearsalDesk, layout: Layout) -> list[str]:
    """Start a run, let it come to rest, and end it as a person would; return what was wrong with that."""
    before = _course(layout).starts
    with drilled_live(desk) as process:
        rested = _rests(layout, process, starts=before + 1)
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(END_S)
        except subprocess.TimeoutExpired:
            return [f"the last run had not ended {END_S:g} s after SIGTERM"]
    problems = [] if rested else [f"the last run had not come to rest within {REST_S:g} s; it said last: {_tail(desk)}"]
    return problems + ([f"the last run ended with exit {code}: {_tail(desk)}"] if code else [])


class _Course(Record, frozen=True, kw_only=True):
    """How many runs a log has, and how many cycles were opened and closed."""

    starts: int
    opened: int
    closed: int


def _rests(layout: Layout, process: subprocess.Popen[bytes], *, starts: int) -> bool:
    """Wait until run number `starts` of the log has nothing to do; return whether that came."""
    end, still_since, seen = time.monotonic() + REST_S, time.monotonic(), _course(layout)
    while time.monotonic() < end and process.poll() is None:
        course = _course(layout)
        if course != seen:
            seen, still_since = course, time.monotonic()
        done = course.starts == starts and 0 < course.opened == course.closed
        if done and time.monotonic() - still_since > SETTLED_S and _in_market(layout):
            return True
        time.sleep(0.2)
    return False


def _course(layout: Layout) -> _Course:
    lines = list(log_lines(layout)) if has_file(layout.log) else []
    starts, opened, closed = (sum(isinstance(line, kind) for line in lines) for kind in (RunStart, CycleOpened, CycleClosed))
    return _Course(starts=starts, opened=opened, closed=closed)


def _in_market(layout: Layout) -> bool:
    """Whether something was filled and nothing is open."""
    journal = Journal(layout)
    return bool(journal.fills) and not journal.fold.open_orders


def _books(desk: RehearsalDesk, venue: DrillVenue, config: RunConfig, inputs: Inputs) -> Books:
    listings = {symbol: inputs.listings[symbol] for symbol in inputs.market_limits}
    return compared(venue.truth(listings, venue=desk.venue), config=config, inputs=inputs, venue=desk.venue)


def _bad_record(layout: Layout, when: str) -> list[str]:
    if not has_file(layout.log) or not _size(layout):
        return []
    try:
        report = verify(layout.directory)
    except SluiceError as error:
        return [f"{when} the record could not be read: {error}"]
    return [] if report.ok else [f"{when} the record does not verify: {report.first_bad}"]


def _size(layout: Layout) -> int:
    try:
        return layout.log.stat().st_size
    except FileNotFoundError:
        return 0


def _new_lines(layout: Layout, before: int) -> int:
    try:
        with layout.log.open("rb") as file:
            file.seek(before)
            return file.read().count(b"\n")
    except FileNotFoundError:
        return 0


def _lines(layout: Layout) -> int:
    return _new_lines(layout, 0)


def _tail(desk: RehearsalDesk) -> str:
    return " ".join(said_file(desk).read_text("utf-8", errors="replace").split())[-300:] or "nothing"


def _line(
    desk: RehearsalDesk, venue: DrillVenue, books: Books, *, problems: list[str], kills: int, code: CodeVersion
) -> DrillLine:
    now_ns = time.time_ns()
    return DrillLine(
        ts_ns=now_ns,
        market_ns=now_ns,
        run_id=f"drill-{now_ns}",
        kind="crash",
        outcome="failed" if problems else "passed",
        problems=tuple(problems),
        venue=desk.venue,
        address=venue.address,
        config_sha256=sha256_hex(desk.source.read_bytes()),
        sluice_version=code.sluice_version,
        source_sha256=code.source_sha256,
        lock_sha256=code.lock_sha256,
        hung=False,
        engine="killed",
        worked=len(books.orders),
        left=sum(row.ours == "open" for row in books.orders),
        late=None,
        blocked_ms=None,
        cancel_ms=None,
        flat_ms=None,
        confirmed_ms=None,
        bound_ms=None,
        kills=kills,
    )


def _words(line: DrillLine, books: Books, *, log: Path, number: int) -> Iterator[str]:
    yield f"rested     {line.worked} orders at the venue, each once; fills {books.fills_theirs} there, {books.fills_ours} here"
    lock = "no lock file" if line.lock_sha256 is None else f"uv.lock {line.lock_sha256[:12]}…"
    yield f"code       sluice {line.sluice_version}, source {line.source_sha256[:12]}…, {lock}"
    for problem in line.problems:
        yield f"failed     {problem}"
    if line.outcome == "passed":
        yield f"passed     {line.kills} kills: at most one order an intent, no fill lost, the record verified after each"
    yield f"recorded   line {number} of {log}, and DRILL in its ledger"


def _say(as_json: bool, words: str) -> None:
    if not as_json:
        print(words, flush=True)
