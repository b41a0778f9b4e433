"""What verify says of a good record, of an altered one, and of what a killed or a running process leaves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands.verify_command import run
from lakehouse.lock import DataDirectoryLock
from lakehouse.verifier import verify
from orders.errors import InputError
from tests.children import FULL
from tests.cut_records import cut_checkpoints

ROOT = Path(__file__).parents[2]


def test_good_record_verifies_and_positions_come_from_the_log(record):
    report = verify(record.directory)
    assert report.first_bad is None
    assert report.ok
    assert report.notes == ()
    assert {k: str(v) for k, v in report.positions.items()} == {"BINANCE:BTCUSDT": "0.749"}
    assert str(report.cash["BINANCE"]["USDT"]) == "99924.98"
    assert {k: str(v) for k, v in report.fees.items()} == {"BTC": "0.001", "USDT": "0.02"}
    assert (report.log_lines, report.anchored_line, report.fills, report.open_orders) == (10, 10, 2, 1)


@pytest.mark.parametrize("name", ["log", "ledger"])
@pytest.mark.parametrize("mask", [0x01, pytest.param(0x20, marks=pytest.mark.slow)], ids=["lowest bit", "case bit"])
def test_every_flipped_byte_is_found(record, name, mask):
    path = getattr(record, name)
    data = path.read_bytes()
    missed = []
    for at in range(0, len(data), 1 if mask == 0x01 or FULL else 5):
        path.write_bytes(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])
        if verify(record.directory).ok:
            missed.append(at)
    assert missed == []


@pytest.mark.parametrize("name", ["log", "ledger"])
def test_every_removed_or_doubled_line_is_found(record, name):
    path = getattr(record, name)
    whole = path.read_bytes().splitlines(keepends=True)
    missed = []
    for at in range(len(whole)):
        for altered in (whole[:at] + whole[at + 1 :], whole[: at + 1] + whole[at:]):
            path.write_bytes(b"".join(altered))
            if verify(record.directory).ok:
                missed.append(at)
    assert missed == []


def test_cut_anchor_is_found_by_the_checkpoint_and_else_told_as_lines_nothing_protects(record):
    whole = record.ledger.read_bytes().splitlines(keepends=True)
    record.ledger.write_bytes(b"".join(whole[:-2]))
    assert (verify(record.directory).first_bad.code, verify(record.directory).first_bad.line) == ("LEDGER_CUT", len(whole) - 1)
    cut_checkpoints(record)
    report = verify(record.directory)
    assert report.anchored_line == 0
    assert "of log lines 1 to 10 the ledger hashes only what was booked" in report.notes[0]
    assert "5 lines of audit.jsonl after the last checkpoint" in report.notes[1]


def altered(record, change):
    state = json.loads(record.state.read_text())
    change(state["SLUICE_paper"])
    record.state.write_text(json.dumps(state))


@pytest.mark.parametrize(("change", "says"), [
    (lambda s: s["assets"][0].update(Quantity=0.75), "position BINANCE:BTCUSDT 0.749 was expected"),
    (lambda s: s["assets"].clear(), "position BINANCE:BTCUSDT 0.749 was expected"),
    (lambda s: s["cash"]["BINANCE"].update(USDT="99924.99"), "cash USDT at BINANCE 99924.98 was expected"),
    (lambda s: s["cash"].update(OKX={"USDT": "1"}), "cash USDT at OKX 0 was expected"),
    (lambda s: s["fees"].pop("BTC"), "fee BTC 0.001 was expected"),
    (lambda s: s.update(log_line=4), "was expected from the log up to line 4"),
    (lambda s: s.update(log_line=11), "a state of log line 10 or before was expected"),
], ids=["position", "position gone", "cash", "cash added", "fees", "an older line", "a line to come"])  # fmt: skip
def test_state_that_the_log_does_not_give_is_found(record, change, says):
    altered(record, change)
    report = verify(record.directory)
    assert not report.ok
    assert report.first_bad.code == "STATE_DISAGREES"
    assert says in report.first_bad.what


def test_missing_state_of_a_finished_run_is_found(record):
    record.state.unlink()
    assert verify(record.directory).first_bad.code == "STATE_MISSING"


def test_unreadable_state_is_found(record):
    record.state.write_text("{")
    assert verify(record.directory).first_bad.code == "STATE_UNREADABLE"


def test_fills_after_the_state_are_bad_after_a_finished_run_and_a_note_while_one_is_active(layout, lines, open_sync, save_state):
    journal = open_sync(layout)
    small = lines.small_run()
    for line in small[:6]:
        journal.fold.apply(line, seq=journal.append(line))
    save_state(layout, journal.fold)
    for line in [*small[6:], lines.stop()]:
        journal.append(line)
    journal.close()
    assert verify(layout.directory).first_bad.code == "STATE_DISAGREES"
    with DataDirectoryLock(layout, run_id="run-1"):
        report = verify(layout.directory)
    assert report.ok
    assert report.run_active


def test_torn_tail_after_a_finished_run_is_found(record):
    with record.log.open("ab") as file:
        file.write(b'{"type":"fi')
    report = verify(record.directory)
    assert (report.first_bad.code, report.first_bad.line) == ("TORN_TAIL", 11)


def test_killed_run_verifies_with_notes(killed):
    with killed.log.open("ab") as file:
        file.write(b'{"type":"fi')
    report = verify(killed.directory)
    assert report.ok
    assert any("11 bytes of a torn line" in note for note in report.notes)
    assert any("did not end by itself" in note for note in report.notes)


def test_lost_ledger_is_found(killed):
    killed.ledger.unlink()
    assert verify(killed.directory).first_bad.code == "LEDGER_MISSING"


def test_ledger_more_than_one_batch_behind_is_found(layout, lines, open_sync):
    journal = open_sync(layout)
    for number in range(1_100):
        journal.append(lines.fill(str(number)))
    journal.close()
    whole = layout.ledger.read_bytes().splitlines(keepends=True)
    layout.ledger.write_bytes(b"".join(whole[:50]))
    cut_checkpoints(layout)
    report = verify(layout.directory)
    assert (report.first_bad.code, report.first_bad.line) == ("LEDGER_SHORT", 49)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir()], ids=["no directory", "an empty one"])
def test_nothing_to_verify_is_refused(tmp_path, make, capsys):
    path = tmp_path / "lakehouse"
    make(path)
    with pytest.raises(InputError):
        verify(path)
    assert run(path, as_json=False) == 2
    assert run(path, as_json=True) == 2
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_command_says_what_agrees_and_exits_0(record, capsys):
    assert run(record.directory, as_json=False) == 0
    out = capsys.readouterr().out
    assert "log, ledger and state agree" in out
    assert "0.749" in out
    assert run(record.directory, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["positions"] == {"BINANCE:BTCUSDT": "0.749"}


def test_command_says_the_first_bad_line_and_exits_1(record, capsys):
    record.log.write_bytes(record.log.read_bytes().replace(b'"price":"100"', b'"price":"101"', 1))
    assert run(record.directory, as_json=False) == 1
    assert "audit.jsonl line 3   LEDGER_DISAGREES" in capsys.readouterr().out
    assert run(record.directory, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["first_bad"]["line"] == 3


def test_verifier_imports_no_writer_and_nothing_heavy():
    code = "import sys, commands.verify_command; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {
        "lakehouse.journal",
        "lakehouse.ledger",
        "lakehouse.opening",
        "nautilus_trader",
        "pandas",
        "polars",
        "pydantic",
    }
    assert not loaded & {"ccxt", "rich", "typer", "filelock"}
