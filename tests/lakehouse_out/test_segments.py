"""Log and ledger in segments: what closing leaves as it was, who notices what was done to one, and what a cut-off rotation is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse.checkpoints import parse_notes
from lakehouse.layout import Layout, segment_path
from lakehouse.ledger_format import BadLine, sha256
from lakehouse.log_index import log_index
from lakehouse.log_lines import log_lines
from lakehouse.merkle import Frontier
from lakehouse.opening import open_journal
from lakehouse.permission import FilePermission
from lakehouse.segments import SegmentReader, Segments, closed_segments
from lakehouse.verifier import verify
from orders.errors import RecordCorrupt
from tests.cut_records import cut_checkpoints, files_of, whole
from tests.lakehouse_out.rotated import (
    close_up,
    cut_last,
    double,
    glue,
    judged,
    of_both,
    replaced,
    rotate,
    snapshot,
    swap,
    unrotate,
    write_rotated,
)


@pytest.fixture
def rotated(layout: Layout, lines: Any, save_state: Any) -> Layout:
    """Three closed segments and a fourth, each of a run that ended well; 31 lines of log, 39 of ledger."""
    return write_rotated(layout, lines, save_state)


def test_closing_renames_and_changes_no_byte(record: Layout) -> None:
    log, ledger, notes = record.log.read_bytes(), record.ledger.read_bytes(), record.checkpoints.read_bytes()
    rotate(record)
    assert segment_path(record.log, 1).read_bytes() == log
    assert segment_path(record.ledger, 1).read_bytes() == ledger
    assert record.checkpoints.read_bytes().startswith(notes)
    assert [path.name for path in files_of(record.log)] == ["execution_logs.000001.jsonl", "execution_logs.jsonl"]
    assert judged(record.directory) is None


def test_the_first_line_of_a_segment_says_what_was_closed_before_it(record: Layout) -> None:
    before = record.log.read_bytes().splitlines()
    records = record.ledger.read_bytes().splitlines()
    rotate(record)
    first, line = record.ledger.read_bytes().splitlines()[0], record.log.read_bytes().splitlines()[0]
    tree = Frontier()
    for raw in records:
        tree.add(raw)
    body = {"number": 2, "ledger_lines": len(records), "ledger_root": tree.root().hex()}
    assert json.loads(line) == body | {
        "type": "segment", "v": 1, "seq": 11, "ts_ns": 9, "market_ns": 9, "run_id": "again", "lines": 10,
        "log_sha256": sha256(b"".join(raw + b"\n" for raw in before)),
    }  # fmt: skip
    assert json.loads(first) == {
        "body": body | {"line_hash": sha256(line), "log_line": 11}, "prev": sha256(records[-1]), "seq": len(records) + 1,
        "ts": "9", "type": "SEGMENT", "v": 1,
    }  # fmt: skip


def test_the_tree_goes_on_over_all_segments(rotated: Layout) -> None:
    notes, _ = parse_notes(rotated.checkpoints.read_bytes(), file="audit.checkpoints")
    tree, roots = Frontier(), {}
    for raw in whole(rotated.ledger).splitlines():
        tree.add(raw)
        roots[tree.size] = tree.root()
    assert [note.root for note in notes] == [roots[note.size] for note in notes]
    report = verify(rotated.directory)
    assert (report.segments, report.log_lines, report.ledger_records, notes[-1].size) == (4, 31, tree.size, tree.size)


@pytest.mark.parametrize("above", [None, 100_000], ids=["never", "not long enough"])
def test_a_record_that_is_not_to_be_closed_stays_as_it_is(record: Layout, above: int | None) -> None:
    before = snapshot(record)
    open_journal(record, now_ns=9, run_id="again", durable=False, rotate_above=above).close()
    assert snapshot(record) == before


def test_a_log_is_closed_when_it_or_its_ledger_is_longer_than_was_said(record: Layout) -> None:
    size = record.log.stat().st_size
    open_journal(record, now_ns=9, run_id="again", durable=False, rotate_above=size).close()
    assert closed_segments(record.log) == ()
    open_journal(record, now_ns=9, run_id="again", durable=False, rotate_above=size - 1).close()
    assert len(closed_segments(record.log)) == 1


def test_a_segment_that_holds_nothing_but_its_own_first_line_is_not_closed(record: Layout) -> None:
    rotate(record)
    before = snapshot(record)
    rotate(record, "once-more")
    assert snapshot(record) == before


ATTACKS: list[tuple[str, Callable[[Layout], None], tuple[str, int, int, str]]] = [
    ("a ledger's segment gone", lambda r: segment_path(r.ledger, 2).unlink(), ("audit.000002.jsonl", 0, 0, "SEGMENT_MISSING")),
    ("a log's segment gone", lambda r: segment_path(r.log, 1).unlink(), ("execution_logs.000001.jsonl", 0, 0, "SEGMENT_MISSING")),
    ("the newest closed gone", lambda r: segment_path(r.ledger, 3).unlink(), ("audit.000003.jsonl", 0, 0, "SEGMENT_MISSING")),
    ("the newest closed of the log gone", lambda r: segment_path(r.log, 3).unlink(),
     ("execution_logs.000003.jsonl", 0, 0, "SEGMENT_MISSING")),
    ("all closed gone", lambda r: [path.unlink() for path in closed_segments(r.ledger)],
     ("audit.000001.jsonl", 0, 0, "SEGMENT_MISSING")),
    ("one gone, the later moved down", lambda r: close_up(r.ledger, 2), ("audit.000002.jsonl", 1, 10, "SEGMENT_MISPLACED")),
    ("one of the log gone, the later moved down", lambda r: close_up(r.log, 1),
     ("execution_logs.000001.jsonl", 1, 1, "SEGMENT_MISPLACED")),
    ("two that changed names", lambda r: swap(segment_path(r.ledger, 1), segment_path(r.ledger, 2)),
     ("audit.000001.jsonl", 1, 1, "SEGMENT_MISPLACED")),
    ("two of the log that changed names", lambda r: swap(segment_path(r.log, 2), segment_path(r.log, 3)),
     ("execution_logs.000002.jsonl", 1, 8, "SEGMENT_MISPLACED")),
    ("one twice", lambda r: double(r.ledger, 1), ("audit.000002.jsonl", 1, 10, "SEGMENT_MISPLACED")),
    ("one of the log twice", lambda r: double(r.log, 2), ("execution_logs.000003.jsonl", 1, 16, "SEGMENT_MISPLACED")),
    ("one cut", lambda r: cut_last(segment_path(r.ledger, 2)), ("audit.000002.jsonl", 10, 19, "SEGMENT_LENGTH")),
    ("one of the log cut", lambda r: cut_last(segment_path(r.log, 1)), ("execution_logs.000001.jsonl", 7, 7, "SEGMENT_LENGTH")),
    ("the newline of one gone", lambda r: replaced_end(segment_path(r.ledger, 1)),
     ("audit.000001.jsonl", 9, 9, "SEGMENT_LENGTH")),
    ("a first line gone", lambda r: segment_path(r.log, 2).write_bytes(
        b"".join(segment_path(r.log, 2).read_bytes().splitlines(keepends=True)[1:])),
     ("execution_logs.000002.jsonl", 1, 8, "SEGMENT_MISPLACED")),
    ("a fill altered in the log", lambda r: replaced(segment_path(r.log, 2), b'"price":"100"', b'"price":"101"'),
     ("audit.000002.jsonl", 4, 13, "LEDGER_DISAGREES")),
    ("a record altered", lambda r: replaced(segment_path(r.ledger, 3), b'"reason":"halt 2"', b'"reason":"halt 3"'),
     ("audit.000003.jsonl", 7, 26, "LEDGER_DISAGREES")),
    ("the newest file of both gone", of_both(Path.unlink), ("audit.jsonl", 1, 30, "LEDGER_CUT")),
    ("back to the segment before", of_both(unrotate), ("audit.jsonl", 11, 30, "LEDGER_CUT")),
    ("the last two made one", of_both(glue), ("audit.jsonl", 11, 30, "SEGMENT_MISPLACED")),
    ("the ledger's last two made one", lambda r: glue(r.ledger), ("audit.jsonl", 11, 30, "SEGMENT_MISPLACED")),
    ("the log's last two made one", lambda r: glue(r.log), ("execution_logs.jsonl", 9, 24, "SEGMENT_MISPLACED")),
    ("the ledger closed and not the log", lambda r: r.ledger.rename(segment_path(r.ledger, 4)),
     ("execution_logs.000004.jsonl", 0, 0, "SEGMENT_MISSING")),
]  # fmt: skip


def replaced_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(("attack", "found"), [(a, f) for _, a, f in ATTACKS], ids=[name for name, _, _ in ATTACKS])
def test_an_attack_on_a_segment_is_found_named_and_refuses_the_start(
    rotated: Layout, attack: Callable[[Layout], None], found: tuple[str, int, int, str]
) -> None:
    attack(rotated)
    bad = judged(rotated.directory)
    assert bad is not None
    assert (bad.file, bad.line, bad.overall, bad.code) == found
    before = snapshot(rotated)
    with pytest.raises(RecordCorrupt) as refused:
        open_journal(rotated, now_ns=9, run_id="again", durable=False)
    assert refused.value.code == bad.code
    assert snapshot(rotated) == before


def test_a_segment_of_another_ledger_is_told_from_an_altered_one(
    rotated: Layout, tmp_path: Path, lines: Any, save_state: Any
) -> None:
    other = write_rotated(Layout(tmp_path / "other"), lines, save_state, fills=4)
    cut_other = write_rotated(Layout(tmp_path / "same"), lines, save_state)
    assert whole(cut_other.ledger) == whole(rotated.ledger)  # nothing in it is by chance
    shutil.copy(segment_path(other.ledger, 2), segment_path(rotated.ledger, 2))
    bad = judged(rotated.directory)
    assert bad is not None
    assert (bad.file, bad.line, bad.code) == ("audit.000001.jsonl", 10, "SEGMENT_LENGTH")
    third = Layout(tmp_path / "third")
    for run in range(3):
        journal = open_journal(third, now_ns=7 + run, run_id=f"run-{run}", durable=False, rotate_above=0)
        for line in [lines.start(**({"starting_cash": None} if run else {})), *(lines.fill(f"{run}-{n}") for n in range(5))]:
            journal.append(line)
        journal.close()
    shutil.copy(segment_path(third.ledger, 2), segment_path(rotated.ledger, 2))
    bad = judged(rotated.directory)
    assert bad is not None
    assert (bad.file, bad.line, bad.overall, bad.code) == ("audit.000002.jsonl", 1, 10, "SEGMENT_FOREIGN")


def cut_off(layout: Layout) -> list[Callable[[], None]]:
    """Return what a kill leaves of closing `layout`'s last segment, step by step, from nothing done to all done."""
    done = Layout(layout.directory.with_name("done"))
    shutil.copytree(layout.directory, done.directory)
    rotate(done, "cut")
    number = len(closed_segments(layout.log)) + 1
    log, ledger = done.log.read_bytes(), done.ledger.read_bytes()
    notes = done.checkpoints.read_bytes()
    return [
        lambda: None,
        lambda: none(layout.log.rename(segment_path(layout.log, number))),
        lambda: none(layout.ledger.rename(segment_path(layout.ledger, number))),
        lambda: none(layout.ledger.write_bytes(b"")),
        lambda: none(layout.log.write_bytes(b"")),
        lambda: none(layout.log.write_bytes(log[:20])),
        lambda: none(layout.log.write_bytes(log)),
        lambda: none(layout.ledger.write_bytes(ledger[:20])),
        lambda: none(layout.ledger.write_bytes(ledger.splitlines(keepends=True)[0])),
        lambda: none(layout.ledger.write_bytes(b"".join(ledger.splitlines(keepends=True)[:2]))),
        lambda: none(layout.checkpoints.write_bytes(notes[:-9])),
    ]


def none(_: object) -> None:
    return None


@pytest.mark.parametrize("steps", range(11))
def test_a_rotation_cut_off_anywhere_verifies_and_the_next_start_goes_on_with_it(rotated: Layout, steps: int) -> None:
    log, ledger = whole(rotated.log), whole(rotated.ledger)
    for step in cut_off(rotated)[: steps + 1]:
        step()
    report = verify(rotated.directory)
    assert report.first_bad is None, report.first_bad
    assert any("segment 4 was cut off" in note for note in report.notes) is (0 < steps < 8)
    open_journal(rotated, now_ns=10, run_id="next", durable=False).close()
    assert judged(rotated.directory) is None
    assert whole(rotated.log).startswith(log)
    assert whole(rotated.ledger).startswith(ledger)
    closed = 3 + (steps > 0)
    assert len(closed_segments(rotated.log)) == len(closed_segments(rotated.ledger)) == closed
    kinds = [json.loads(raw)["type"] for raw in rotated.log.read_bytes().splitlines()]
    assert kinds[0] == "segment"
    assert kinds.count("segment") == 1
    assert verify(rotated.directory).anchored_line == verify(rotated.directory).log_lines


def back_twice(layout: Layout) -> None:
    """The ledger is what it was two segments ago, with the checkpoints of then; the log has no line of its newest segment."""
    for step in cut_off(layout)[:2]:
        step()
    unrotate(layout.ledger)
    unrotate(layout.ledger)
    cut_checkpoints(layout)


def back_once(layout: Layout) -> None:
    """The ledger is what it was when the last segment was closed, and the log's newest segment, of a killed run, goes on."""
    unrotate(layout.ledger)
    cut_checkpoints(layout)
    cut_last(layout.log)


def cut_before(layout: Layout) -> None:
    """The log's newest segment has begun, the ledger's not; of what was closed the ledger's last line is gone, unsigned."""
    for step in cut_off(layout)[:7]:
        step()
    cut_last(closed_segments(layout.ledger)[-1])
    cut_checkpoints(layout)


def another_root(layout: Layout) -> None:
    """Log and ledger begin their newest segments, and name another root of what was closed, both the same."""
    for step in cut_off(layout)[:9]:
        step()
    line, record = (json.loads(file.read_bytes()) for file in (layout.log, layout.ledger))
    old = layout.log.read_bytes().removesuffix(b"\n")
    replaced(layout.log, line["ledger_root"].encode(), b"0" * 64)
    replaced(layout.ledger, record["body"]["ledger_root"].encode(), b"0" * 64)
    replaced(layout.ledger, sha256(old).encode(), sha256(layout.log.read_bytes().removesuffix(b"\n")).encode())


def no_records(layout: Layout) -> None:
    """Of the newest segment the ledger has its first line alone, beside the log of a run that ended well."""
    layout.ledger.write_bytes(layout.ledger.read_bytes().splitlines(keepends=True)[0])
    cut_checkpoints(layout)


@pytest.mark.parametrize(("leave", "found"), [
    (back_twice, ("audit.000002.jsonl", 0, 0, "SEGMENT_MISSING")),
    (back_once, ("execution_logs.jsonl", 1, 24, "LEDGER_SHORT")),
    (cut_before, ("audit.jsonl", 1, 39, "LEDGER_CUT")),
    (another_root, ("audit.jsonl", 1, 40, "LEDGER_REWRITTEN")),
    (no_records, ("execution_logs.jsonl", 3, 26, "LEDGER_SHORT")),
], ids=["it lacks two segments", "it lacks the newest", "it lost a line", "both name another root", "no records"])  # fmt: skip
def test_what_no_cut_off_rotation_leaves_is_refused_where_no_signature_tells(
    rotated: Layout, leave: Callable[[Layout], None], found: tuple[str, int, int, str]
) -> None:
    leave(rotated)
    bad = verify(rotated.directory).first_bad
    assert bad is not None
    assert (bad.file, bad.line, bad.overall, bad.code) == found
    before = snapshot(rotated)
    with pytest.raises(BadLine) as refused:
        open_journal(rotated, now_ns=10, run_id="next", durable=False)
    assert (refused.value.file, refused.value.line, refused.value.overall, refused.value.code) == found
    assert snapshot(rotated) == before


def test_a_halt_stands_while_the_log_has_only_closed_segments(rotated: Layout) -> None:
    permission = FilePermission(rotated)
    assert not permission.arm_if_new(by="first run", now_ns=1)
    rotated.log.rename(segment_path(rotated.log, 4))
    assert not permission.arm_if_new(by="first run", now_ns=1)


def test_lines_and_their_places_are_read_over_all_segments(rotated: Layout) -> None:
    raws = whole(rotated.log).splitlines()
    assert [line.seq for line in log_lines(rotated)] == list(range(1, 32))
    with log_index(rotated) as index:
        assert [index.line(number).seq for number in (1, 7, 8, 15, 16, 24, 31)] == [1, 7, 8, 15, 16, 24, 31]
        assert {place.fill_hash for place in index.fills.values()} == {
            sha256(raw) for raw in raws if raw.startswith(b'{"type":"fill"')
        }
        assert len(index.records) == 12
        assert index.ledger_lines == verify(rotated.directory).ledger_records


def test_bytes_are_read_over_the_ends_of_segments(rotated: Layout) -> None:
    data = whole(rotated.log)
    with Segments(rotated.log) as log:
        assert log.size == len(data)
        assert log.pread(len(data) + 5, 0) == data
        for start in log.starts[1:]:
            assert log.pread(7, start - 3) == data[start - 3 : start + 4]
        assert log.pread(9, len(data)) == b""


def test_a_look_that_was_taken_before_a_rotation_reads_what_was_there(rotated: Layout) -> None:
    with Segments(rotated.log) as log:
        before = whole(rotated.log)
        rotate(rotated)
        assert log.pread(len(before), 0) == before
        assert b"".join(raw + b"\n" for raw, _ in SegmentReader(log)) == before
