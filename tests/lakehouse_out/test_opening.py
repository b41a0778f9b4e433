"""Opening after a kill: mended and noted. Opening after anything else: refused, nothing changed."""

import json
import sys
from pathlib import Path

import msgspec
import pytest

from lakehouse.opening import open_journal
from lakehouse.rebuild import decode_line
from lakehouse.records import Recovery
from lakehouse.verifier import verify
from orders.errors import InputError, RecordCorrupt, StorageError
from tests.children import FULL, child

ROOT = Path(__file__).parents[2]


def reopened(layout, open_sync, run_id="run-2"):
    """Open and close; return the recovery lines this added."""
    before = layout.log.read_bytes().count(b"\n")
    open_sync(layout, run_id).close()
    added = layout.log.read_bytes().splitlines()[before:]
    return [line for line in map(decode_line, added) if isinstance(line, Recovery)]


def test_first_opening_writes_the_genesis_before_any_line(layout, open_sync):
    open_sync(layout).close()
    assert layout.log.read_bytes() == b""
    assert [json.loads(raw)["type"] for raw in layout.ledger.read_bytes().splitlines()] == ["GENESIS", "CHECKPOINT"]
    assert reopened(layout, open_sync) == []


def test_reopening_a_whole_record_changes_nothing(record, open_sync):
    before = record.log.read_bytes(), record.ledger.read_bytes()
    assert reopened(record, open_sync) == []
    assert (record.log.read_bytes(), record.ledger.read_bytes()) == before


def test_fold_of_a_reopened_journal_is_the_log(record, open_sync):
    journal = open_sync(record, "run-2")
    assert (journal.fold.log_line, journal.fold.fill_count, list(journal.fold.open_orders)) == (10, 2, ["b" * 32])
    assert journal.append(msgspec.structs.replace(journal.fold.run, seq=0)) == 11
    journal.close()


@pytest.mark.parametrize(
    ("name", "every"),
    [("ledger", 1), ("log", 1 if FULL else 5)],
    ids=["ledger", "log"],
)
def test_last_line_torn_at_a_byte_is_saved_cut_and_noted(killed, open_sync, name, every):
    path = getattr(killed, name)
    log, ledger, checkpoints = killed.log.read_bytes(), killed.ledger.read_bytes(), killed.checkpoints.read_bytes()
    data = path.read_bytes()
    start = data.rindex(b"\n", 0, -1) + 1
    for cut in [*range(start + 1, len(data), every), len(data) - 1]:
        for old in killed.directory.iterdir():
            old.unlink()
        killed.log.write_bytes(log)
        killed.ledger.write_bytes(ledger)
        killed.checkpoints.write_bytes(checkpoints)
        if name == "log":  # the last line is a fill: a crash between the two files leaves no record of it
            killed.ledger.write_bytes(ledger[: ledger.rindex(b"\n", 0, -1) + 1])
        path.write_bytes(data[:cut])
        noted = reopened(killed, open_sync)
        wanted = [(f"TORN_{name.upper()}", cut - start)] + ([("LEDGER_BEHIND", 0)] if name == "ledger" else [])
        assert [(line.cause, line.bytes_cut) for line in noted] == wanted
        assert (killed.directory / noted[0].saved_as).read_bytes() == data[start:cut]
        report = verify(killed.directory)
        assert report.first_bad is None
        assert report.anchored_line == report.log_lines


@pytest.mark.parametrize("lost", [1, 2, 3, 4], ids=["last fill", "resume too", "halt too", "every record"])
def test_records_lost_between_log_and_ledger_write_are_appended_and_noted(killed, open_sync, lost):
    whole = killed.ledger.read_bytes().splitlines(keepends=True)
    killed.ledger.write_bytes(b"".join(whole[:-lost]))
    assert verify(killed.directory).ok
    noted = reopened(killed, open_sync)
    assert [(line.cause, line.records, line.saved_as) for line in noted] == [("LEDGER_BEHIND", lost, None)]
    assert killed.ledger.read_bytes().startswith(b"".join(whole))
    assert verify(killed.directory).first_bad is None
    assert reopened(killed, open_sync, "run-3") == []


def test_torn_genesis_of_a_lakehouse_without_lines_is_mended(layout, open_sync):
    layout.create()
    layout.ledger.write_bytes(b'{"body":{"for')
    layout.log.write_bytes(b"")
    assert [line.cause for line in reopened(layout, open_sync)] == ["TORN_LEDGER"]
    assert verify(layout.directory).first_bad is None


def test_kill_between_saving_the_tail_and_noting_it_is_noted_at_the_next_opening(killed, open_sync):
    killed.torn(killed.log, size=99, run_id="run-x").write_bytes(b"12345")
    noted = reopened(killed, open_sync)
    assert [(line.cause, line.bytes_cut, line.saved_as) for line in noted] == [
        ("TORN_LOG", 5, "execution_logs.jsonl.torn-99-run-x")
    ]
    assert reopened(killed, open_sync, "run-3") == []


def test_a_halt_after_a_run_ended_that_was_cut_off_before_its_record_is_mended(record, lines, open_sync):
    journal = open_sync(record, "halt-1")
    journal.append(lines.halt())
    journal.flush()
    journal._files.close()
    whole = record.ledger.read_bytes().splitlines(keepends=True)
    record.ledger.write_bytes(b"".join(raw for raw in whole if b'"log_line":11' not in raw))
    report = verify(record.directory)
    assert report.first_bad is None
    assert "1 records, from log line 11 on, are not in audit.jsonl yet" in report.notes
    assert [line.cause for line in reopened(record, open_sync)] == ["LEDGER_BEHIND"]
    assert verify(record.directory).first_bad is None


def without_line(path, number):
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[: number - 1] + whole[number:]))


@pytest.mark.parametrize(("code", "alter"), [
    ("LOG_LINE", lambda r: r.log.write_bytes(r.log.read_bytes().replace(b'{"type":"send"', b'{"type":"sent"', 1))),
    ("LOG_VERSION", lambda r: r.log.write_bytes(r.log.read_bytes().replace(b'"v":1', b'"v":2', 1))),
    ("LOG_SEQ", lambda r: without_line(r.log, 2)),
    ("LOG_SHORT", lambda r: [without_line(r.log, 10) for _ in r.log.read_bytes().splitlines()[9:]]),
    ("LOG_SHORT", lambda r: r.log.write_bytes(r.log.read_bytes()[:-1])),
    ("LOG_SHORT", lambda r: r.log.unlink()),
    ("LOG_ALTERED", lambda r: r.log.write_bytes(r.log.read_bytes().replace(b'_version":"0.1.0"', b'_version":"0.1.1"'))),
    ("LEDGER_DISAGREES", lambda r: r.log.write_bytes(r.log.read_bytes().replace(b'"price":"100"', b'"price":"10"', 1))),
    ("LEDGER_CHAIN", lambda r: r.ledger.write_bytes(r.ledger.read_bytes().replace(b'"prev":"0', b'"prev":"1', 1))),
    ("CHECKPOINT_ORIGIN", lambda r: r.ledger.write_bytes(r.ledger.read_bytes().replace(b'_id":"run-1"', b'_id":"run-9"'))),
    ("LEDGER_SEQ", lambda r: without_line(r.ledger, 1)),
    ("LEDGER_MISSING", lambda r: r.ledger.unlink()),
    ("LEDGER_LINE", lambda r: r.ledger.write_bytes(b"\n" + r.ledger.read_bytes())),
], ids=[
    "an unknown line", "an unknown version", "a gap", "the last line gone", "the last newline gone", "the log gone",
    "a line that only the anchor hashes", "a fill", "the chain", "the genesis", "the genesis gone",
    "the ledger gone", "a blank line",
])  # fmt: skip
def test_anything_a_kill_cannot_leave_is_refused_and_nothing_is_changed(record, open_sync, code, alter):
    alter(record)
    before = {path: path.read_bytes() for path in record.directory.iterdir()}
    with pytest.raises(RecordCorrupt) as caught:
        open_sync(record, "run-2")
    assert caught.value.code == code
    after = {path: path.read_bytes() for path in record.directory.iterdir()}
    assert after == before
    assert verify(record.directory).first_bad.code == code


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "a" * 65, "ü"])
def test_unsafe_run_id_is_refused(layout, open_sync, run_id):
    with pytest.raises(InputError):
        open_sync(layout, run_id)
    assert not layout.directory.exists()


def test_lakehouse_that_is_a_file_is_a_storage_error(layout, open_sync):
    layout.directory.write_text("")
    with pytest.raises(StorageError):
        open_sync(layout)


WRITER = """
import sys, pathlib
sys.path.insert(0, sys.argv[2])
import importlib.util
spec = importlib.util.spec_from_file_location("made", sys.argv[2] + "/tests/lakehouse_out/conftest.py")
made = importlib.util.module_from_spec(spec); spec.loader.exec_module(made)
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.opening import open_journal
layout, lines, run_id = Layout(pathlib.Path(sys.argv[1])), made.Lines(), sys.argv[3]
with DataDirectoryLock(layout, run_id=run_id):
    journal = open_journal(layout, now_ns=1, run_id=run_id, durable=True, post=lambda c: c(), on_failure=lambda e: sys.exit(9))
    if journal.fold.run is None:
        journal.append(lines.start())
    n = journal.fold.fill_count
    while True:
        n += 1
        journal.append(lines.fill(str(n), key="%032x" % n))
        journal.when_durable(lambda n=n: print(n, flush=True))
        if n % 7 == 0:
            journal.append(lines.halt())
            journal.flush()
"""


def killed_writers(directory, rounds):
    told = 0
    for number in range(rounds):
        command = [sys.executable, "-c", WRITER, str(directory), str(ROOT), f"run-{number}"]
        with child(command, stderr=None) as process:
            assert process.stdout is not None
            for _ in range(3 + number * 11 % 40):
                word = process.stdout.readline()
                told = max(told, int(word))
            process.kill()
            rest = process.stdout.read().split("\n")
        told = max([told, *(int(word) for word in rest[:-1])])
        report = verify(directory)
        assert report.first_bad is None, report.first_bad
        assert report.fills >= told
    return told


def test_killed_writers_lose_no_fill_they_called_durable(layout, open_sync):
    killed_writers(layout.directory, 4)
    open_sync(layout, "last").close()
    report = verify(layout.directory)
    assert report.first_bad is None
    assert report.anchored_line == report.log_lines


@pytest.mark.slow
def test_writers_killed_many_times_lose_no_fill_they_called_durable(layout, open_sync):
    killed_writers(layout.directory, 60 if FULL else 12)
    open_sync(layout, "last").close()
    assert verify(layout.directory).first_bad is None


def test_durable_opening_needs_no_state_file(layout, lines):
    journal = open_journal(layout, now_ns=1, run_id="r", durable=True, post=lambda call: call(), on_failure=lambda error: None)
    journal.append(lines.start())
    journal.close()
    assert verify(layout.directory).ok


def test_verify_is_not_disturbed_by_a_run_that_writes_meanwhile(layout):
    command = [sys.executable, "-c", WRITER, str(layout.directory), str(ROOT), "run-0"]
    with child(command, stderr=None) as process:
        assert process.stdout is not None
        process.stdout.readline()
        reports = []
        for _ in range(40):
            reports.append(verify(layout.directory))
            process.stdout.readline()
    assert [report.first_bad for report in reports] == [None] * 40
    assert all(report.run_active for report in reports)
    assert reports[-1].fills > reports[0].fills
