"""A standard run killed at each call that changes a file, and told of an I/O error at each sync; by `strace`, on real files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.verifier import verify
from tests.children import FULL

ROOT = Path(__file__).parents[2]
RUN = """
import sys, pathlib, os, importlib.util
sys.path.insert(0, sys.argv[2])
spec = importlib.util.spec_from_file_location("made", sys.argv[2] + "/tests/lakehouse_out/conftest.py")
made = importlib.util.module_from_spec(spec); spec.loader.exec_module(made)
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.opening import open_journal
from lakehouse.permission import FilePermission
from lakehouse.state import ActualState, Asset, write_actual_state
from decimal import Decimal
from orders.errors import StorageError
layout, lines, run_id = Layout(pathlib.Path(sys.argv[1])), made.Lines(), sys.argv[3]
def failed(error):
    print("failed", error.code, flush=True)
def told(text):
    os.write(int(sys.argv[4]), (text + "\\n").encode())
try:
    with DataDirectoryLock(layout, run_id=run_id):
        FilePermission(layout).arm_if_new(by="first run", now_ns=1)
        journal = open_journal(layout, now_ns=1, run_id=run_id, durable=True, post=lambda c: c(), on_failure=failed)
        fold = journal.fold
        def append(line):
            fold.apply(line, seq=journal.append(line))
        append(lines.start(starting_cash=None if fold.run else {"BINANCE": {"USDT": "1000"}}))
        for n in range(fold.fill_count, fold.fill_count + 4):
            append(lines.fill(str(n), key=f"{n:032x}"))
            journal.flush()
            told(str(n + 1))
            positions = fold.keeper.positions.items()
            held = [Asset(symbol=s, venue="BINANCE", quantity=q, price=q, notional_base=q) for s, q in positions]
            write_actual_state(layout.state, ActualState(environment="paper", assets=tuple(held), equity_base=Decimal(1000),
                cash=fold.keeper.cash, fees=fold.keeper.fees, log_line=fold.log_line, updated_ns=1))
        append(lines.stop())
        journal.close()
except StorageError as error:
    print("refused", error.code, flush=True)
    sys.exit(7)
print("ended", flush=True)
"""


def run(directory: Path, told: Path, run_id: str, *inject: str) -> subprocess.CompletedProcess[str]:
    """Run the writer under strace; the fills it calls durable go to `told`."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    traced = [strace, "-f", "-qq", "-o", "/dev/null", *inject] if inject else []
    descriptor = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        command = [*traced, sys.executable, "-B", "-c", RUN, str(directory), str(ROOT), run_id, str(descriptor)]
        done = subprocess.run(command, capture_output=True, text=True, pass_fds=[descriptor], check=False)
    finally:
        os.close(descriptor)
    if "ptrace" in done.stderr or "PTRACE" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[:80]}")
    return done


def fills_told(told: Path) -> int:
    return max([0, *(int(word) for word in told.read_text().split())])


NUMBERS = range(1, 30) if FULL else range(1, 30, 5)
CALLS = ["write", "fdatasync", "fsync", "rename", "ftruncate"]


def campaign(layout, tmp_path, call: str, numbers) -> int:
    """Kill at the n-th call, verify, restart whole, verify; return how many runs were killed."""
    kills = 0
    for number in numbers:
        shutil.rmtree(layout.directory, ignore_errors=True)
        told = tmp_path / "told"
        told.unlink(missing_ok=True)
        for attempt in ("a", "b"):  # the second run is killed while it mends what the first left
            inject = f"inject={call}:signal=SIGKILL:when={number}"
            done = run(layout.directory, told, f"run-{attempt}", "-e", f"trace={call}", "-e", inject)
            kills += "ended" not in done.stdout
            if layout.log.exists() or layout.ledger.exists():
                report = verify(layout.directory)
                assert report.first_bad is None, (call, number, attempt, report.first_bad)
                assert report.fills >= fills_told(told)
        done = run(layout.directory, told, "run-c")
        assert "ended" in done.stdout, (call, number, done.stdout, done.stderr)
        report = verify(layout.directory)
        assert report.first_bad is None, (call, number, report.first_bad)
        assert report.fills >= fills_told(told) >= 4
        assert report.anchored_line == report.log_lines
    return kills


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_run_killed_early_at_a_call_verifies_and_goes_on(layout, tmp_path, call):
    assert campaign(layout, tmp_path, call, [3, 7]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_run_killed_at_any_call_verifies_and_goes_on(layout, tmp_path, call):
    campaign(layout, tmp_path, call, NUMBERS)


@pytest.mark.parametrize("number", [1, 2, 5], ids=["while opening", "at the first line", "in the middle"])
def test_failed_sync_ends_the_run_and_is_not_retried(layout, tmp_path, number):
    told = tmp_path / "told"
    done = run(layout.directory, told, "run-a", "-e", "trace=fdatasync", "-e", f"inject=fdatasync:error=EIO:when={number}")
    assert done.returncode == 7, done
    assert "refused DISK_ERROR" in done.stdout
    report = verify(layout.directory)
    assert report.first_bad is None
    assert report.fills >= fills_told(told)
    assert "ended" in run(layout.directory, told, "run-b").stdout
    assert verify(layout.directory).first_bad is None
