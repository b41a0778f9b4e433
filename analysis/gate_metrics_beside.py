"""Metrics that are not in a run's own lines: drills of this code, replays of the bundle's runs, the age of its market limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

from analysis.gate_source import Source
from analysis.gate_verified import proof_of
from analysis.replay_cause import Cause
from analysis.replay_result import ReplayResult, read_result
from lakehouse.layout import Layout, safe_name
from lakehouse.plain_file import read_plain
from lakehouse.rebuild import decode_line
from lakehouse.records import DrillLine
from lakehouse.run_inputs import InputFile, read_list
from lakehouse.segments import SegmentReader, Segments
from lakehouse.snapshots import read_market_limits
from orders.errors import SluiceError
from orders.exact import FLOOR
from orders.gates import DAY_NS, Measured

RESULT_SIZE_MAX: Final = 64 << 20
DAYS_PLACES: Final = Decimal("0.0001")
DRILLS: Final = {"halt": "`sluice halt --drill`", "crash": "`sluice rehearse --crash-drill`"}
DRILL_TAG: Final = b'"type":"drill"'
DIRECTORIES_MAX: Final = 1_000  # of rehearsals that are looked through, the newest


def drill_passed(source: Source, *, kind: str) -> Measured:
    """1 where the last drill of this kind with this very code passed, 0 where it failed.

    Drills lie each in a directory of its own below the source's; the record of one that counts is verified.
    """
    own: list[tuple[DrillLine, Layout]] = []
    others = 0
    for layout in _records(source.layout.directory):
        for line in _drills(layout):
            if line.kind != kind:
                continue
            if line.source_sha256 == source.code_sha256:
                own.append((line, layout))
            else:
                others += 1
    for line, layout in sorted(own, key=lambda found: -found[0].ts_ns):
        proof = proof_of(layout)
        if proof.problem:
            return Measured(words=f"the record of the last {kind} drill, {layout.directory}, does not verify: {proof.problem}")
        passed = line.outcome == "passed"
        why = f": {line.problems[0]}" if line.problems else ""
        return Measured(
            value=Decimal(int(passed)), orders=line.worked, words=f"{line.outcome}{why}", first_ns=line.ts_ns, last_ns=line.ts_ns
        )
    of_others = f"; {others} of other code" if others else ""
    return Measured(words=f"no {kind} drill of this code{of_others}: {DRILLS[kind]}")


def _records(directory: Path) -> Iterator[Layout]:
    """Yield the source's own record and those of the rehearsals below it, `NAME/lakehouse` and `NAME`, the newest."""
    try:
        below = sorted((path for path in directory.iterdir() if path.is_dir()), key=lambda path: path.name, reverse=True)
    except OSError:
        return
    for place in (directory, *below[:DIRECTORIES_MAX]):
        for found in (Layout(place), Layout(place / "lakehouse")):
            if found.log.is_file():
                yield found


def _drills(layout: Layout) -> Iterator[DrillLine]:
    """Yield the drill lines of a log; of one that cannot be read, none."""
    try:
        with Segments(layout.log) as log:
            for raw, whole in SegmentReader(log):
                if whole and DRILL_TAG in raw[:200]:
                    line = decode_line(raw)
                    if isinstance(line, DrillLine):
                        yield line
    except SluiceError:
        return


# --- replays ---


def replay_differences(source: Source) -> Measured:
    """How many differences of replays of this bundle's runs nothing explains, and how many manifests were judged otherwise."""
    results = _results(source)
    if not results:
        return _no_replay()
    count = sum(
        result.causes.get(Cause.UNEXPLAINED, 0)
        + sum(one.stage == "manifest" and one.cause is not Cause.UNEXPLAINED for one in result.differences)
        for result in results
    )
    return _of_replays(results, Decimal(count))


def parity(source: Source) -> Measured:
    """The largest share of a run's orders that its replay did otherwise, for whatever reason."""
    results = _results(source)
    return _of_replays(results, max(result.orders_share for result in results)) if results else _no_replay()


def _of_replays(results: list[ReplayResult], value: Decimal) -> Measured:
    first, last = min(result.from_ns for result in results), max(result.to_ns for result in results)
    lasted = sum(result.to_ns - result.from_ns for result in results)
    over = sum(not result.ok for result in results)
    return Measured(
        value=value,
        words=f"{len(results):,} replays" + (f", {over:,} over their budget" if over else ""),
        days=FLOOR.divide(Decimal(lasted), Decimal(DAY_NS)).quantize(DAYS_PLACES, context=FLOOR),
        orders=sum(result.orders for result in results),
        first_ns=first,
        last_ns=last,
    )


def _no_replay() -> Measured:
    return Measured(words="no replay of a run of this bundle: `sluice replay`")


def _results(source: Source) -> list[ReplayResult]:
    """The results about runs of the bundle that the log knows: `reports/replay-RUN.json`. One that cannot be read is none."""
    if source.problem or source.span is None:
        return []
    found = []
    for run_id in source.span.runs:
        try:
            data = read_plain(source.layout.reports / f"replay-{safe_name(run_id)}.json", size_max=RESULT_SIZE_MAX)
            result = read_result(data)
        except (OSError, SluiceError):
            continue
        if result.run_id == run_id and result.bundle_sha256 == source.bundle_sha256:
            found.append(result)
    return found


def limits_age_days(source: Source) -> Measured:
    """The age of the oldest market limits that the last run of the bundle worked on, days, as of now."""
    missing = source.nothing()
    if missing is not None:
        return missing
    run_id, begins = source.rows("SELECT run_id, inputs_sha256 FROM runs ORDER BY seq DESC LIMIT 1")[0]
    if begins is None:
        return source.measured(None, words=f"run {run_id} kept no inputs")
    try:
        lines = read_list(source.layout, run_id=run_id, sha256=None, begins=begins)
        stamps = [
            read_market_limits(source.layout.inputs / line.sha256).as_of_ns
            for line in lines
            if isinstance(line, InputFile) and line.kind == "market_limits"
        ]
    except SluiceError as error:
        return source.measured(None, words=f"the inputs of run {run_id}: {error.code}")
    if not stamps:
        return source.measured(None, words=f"run {run_id} had no market limits")
    age = FLOOR.divide(Decimal(max(source.now_ns - min(stamps), 0)), Decimal(DAY_NS)).quantize(DAYS_PLACES, context=FLOOR)
    return source.measured(age, words=f"{len(stamps):,} snapshots")


def _replayed(source: Source, work: Callable[[Source], Measured]) -> Measured:
    return source.nothing() or work(source)


MEASURES: Final[Mapping[str, Callable[[Source], Measured]]] = {
    "halt_drill_passed": partial(drill_passed, kind="halt"),
    "crash_drill_passed": partial(drill_passed, kind="crash"),
    "replay_differences": partial(_replayed, work=replay_differences),
    "parity": partial(_replayed, work=parity),
    "limits_age_days": limits_age_days,
}
