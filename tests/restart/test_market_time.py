"""Where a replay goes on after a restart, and what the log's fold says of the manifest it was at."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lakehouse.rebuild import LogFold
from lakehouse.records import Alarm, CycleClosed, CycleOpened, HaltLine, ManifestLine
from sim.replay_source import LEAD_NS, LEAD_NS_MIN, lead_ns, manifests_left

STAMP = {"ts_ns": 1, "run_id": "run"}
NS = 1_000_000_000


@pytest.mark.parametrize(
    ("first_ns", "resume_ns", "lead"),
    [(100 * NS, 0, LEAD_NS), (100 * NS, 95 * NS, NS // 2), (100 * NS, 99 * NS, LEAD_NS_MIN), (100 * NS, 1, LEAD_NS)],
    ids=["a new log", "market time goes on where it was", "never less than the node needs", "never more than a new log's"],
)
def test_lead_does_not_turn_market_time_back(first_ns: int, resume_ns: int, lead: int) -> None:
    assert lead_ns(first_ns, resume_ns=resume_ns, speed=10) == lead


def fold_of(*lines: object) -> LogFold:
    fold = LogFold()
    for number, line in enumerate(lines, start=1):
        fold.apply(line, seq=number)  # type: ignore[arg-type]  # any line
    return fold


def accepted(sha256: str, *, market_ns: int, generated_ns: int) -> ManifestLine:
    return ManifestLine(
        **STAMP, market_ns=market_ns, manifest_sha256=sha256, decision="ACCEPTED", code="", message="", source_run="r",
        grade=None, run_ledger_head=None, generated_ns=generated_ns,
        written_ns=None, read_ns=1, regime=None, targets={}, decision_prices={},
    )  # fmt: skip


def opened(cycle: int, cause: str = "new_manifest", sha256: str = "a") -> CycleOpened:
    return CycleOpened(**STAMP, market_ns=1, cycle=cycle, cause=cause, manifest_sha256=sha256)


def closed(cycle: int, outcome: str, sha256: str = "a") -> CycleClosed:
    return CycleClosed(**STAMP, market_ns=1, cycle=cycle, manifest_sha256=sha256, outcome=outcome)


@pytest.mark.parametrize(
    ("lines", "unfinished", "done"),
    [
        ([opened(1)], "a", None),
        ([opened(1), closed(1, "interrupted")], "a", None),
        ([opened(1), closed(1, "interrupted"), opened(2, "top_up"), closed(2, "done")], None, "a"),
        ([opened(1), closed(1, "held")], None, None),
        ([opened(1), closed(1, "refused")], None, None),
        ([opened(1), closed(1, "done"), opened(2, "operator", "b"), closed(2, "done", "b")], None, "a"),
        ([opened(1), closed(1, "interrupted"), opened(2, "operator", "b"), closed(2, "done", "b")], "a", None),
    ],
    ids=["open", "cut off", "topped up", "held", "refused", "operator after done", "operator after cut off"],
)
def test_manifest_is_done_only_when_its_own_cycle_ended_well(
    lines: list[object], unfinished: str | None, done: str | None
) -> None:
    fold = fold_of(*lines)
    assert (fold.unfinished, fold.done) == (unfinished, done)


def test_market_time_is_the_latest_of_the_lines_that_know_it() -> None:
    alarm = Alarm(**STAMP, market_ns=50, code="X", message="x")
    earlier = Alarm(**STAMP, market_ns=40, code="X", message="x")
    halt = HaltLine(**STAMP, market_ns=10**18, action="halt", by="x", reason="from another process, in real time")
    assert fold_of(alarm, earlier, halt).market_ns == 50


def test_dated_manifests_left_are_those_to_come_and_one_that_was_never_accepted(tmp_path: Path) -> None:
    dated = []
    for instant in (10, 20, 30, 40):
        path = tmp_path / str(instant)
        path.write_text(str(instant))
        dated.append((instant, path))
    known = hashlib.sha256(b"20").hexdigest()
    fold = fold_of(accepted(known, market_ns=21, generated_ns=19), Alarm(**STAMP, market_ns=35, code="X", message="x"))
    assert [instant for instant, _ in manifests_left(dated, fold)] == [30, 40]
    assert manifests_left(dated, LogFold()) == dated
