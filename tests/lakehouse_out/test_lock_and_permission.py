"""One process per data directory; permission to send is a file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.layout import Layout, safe_name
from lakehouse.lock import DataDirectoryLock, current_holder
from lakehouse.permission import FilePermission, MemoryPermission, read_halt
from orders.errors import InputError, LockHeld, StorageError
from tests.children import child

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, pathlib
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
with DataDirectoryLock(Layout(pathlib.Path(sys.argv[1])), run_id="theirs"):
    print("held", flush=True); sys.stdin.read()
"""


@pytest.fixture
def other_process(layout):
    command = [sys.executable, "-c", HOLD, str(layout.directory)]
    with child(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=None) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_second_process_is_refused_and_told_the_pid(layout, other_process):
    with pytest.raises(LockHeld, match=rf"pid {other_process.pid} \(run theirs\)"):
        DataDirectoryLock(layout, run_id="ours").acquire()
    holder = current_holder(layout)
    assert holder is not None
    assert (holder.pid, holder.run_id) == (other_process.pid, "theirs")


def test_killed_holder_leaves_nothing_to_clean_up(layout, other_process):
    other_process.kill()
    other_process.wait()
    assert current_holder(layout) is None
    with DataDirectoryLock(layout, run_id="ours"):
        holder = current_holder(layout)
        assert holder is not None
        assert (holder.pid, holder.run_id) == (os.getpid(), "ours")
    assert current_holder(layout) is None


def test_nobody_holds_a_directory_that_is_not_there(layout):
    assert current_holder(layout) is None
    assert not layout.directory.exists()


def test_unreadable_note_still_refuses_the_second(layout, other_process):
    layout.lock_holder.write_text("{")
    with pytest.raises(LockHeld, match="a process whose pid is not known"):
        DataDirectoryLock(layout, run_id="ours").acquire()


@pytest.fixture
def read_only(tmp_path):
    """An empty lakehouse on a read-only tmpfs, and how to make it read-only; needs the right to mount."""
    path = tmp_path / "disk"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield path, lambda: subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
    subprocess.run(["umount", str(path)], check=True)


def test_lock_on_a_read_only_disk_is_a_clear_error(read_only):
    path, remount = read_only
    remount()
    with pytest.raises(StorageError, match="DISK_READ_ONLY"):
        DataDirectoryLock(Layout(path / "lakehouse"), run_id="ours").acquire()
    with pytest.raises(StorageError, match="DISK_READ_ONLY"):
        DataDirectoryLock(Layout(path), run_id="ours").acquire()


def full(path):
    with (path / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


def test_lock_on_a_full_disk_is_a_clear_error_and_not_held(read_only):
    path, _ = read_only
    full(path)
    layout = Layout(path)
    with pytest.raises(StorageError, match="DISK_FULL"):
        DataDirectoryLock(layout, run_id="ours").acquire()
    assert current_holder(layout) is None


@pytest.fixture
def armed(layout):
    layout.create()
    permission = FilePermission(layout)
    assert permission.arm_if_new(by="first run", now_ns=1)
    return permission


def test_first_run_is_armed_and_a_halt_outlives_the_process(layout, armed):
    assert armed.may_send()
    outcome = armed.halt(by="operator", reason="a bad feeling", now_ns=2)
    assert (outcome.durable, outcome.problem) == (True, None)
    assert not armed.may_send()
    restarted = FilePermission(layout)
    assert not restarted.arm_if_new(by="second run", now_ns=3)
    assert not restarted.may_send()
    note = read_halt(layout)
    assert note is not None
    assert (note.by, note.reason, note.ts_ns) == ("operator", "a bad feeling", 2)


def test_lakehouse_with_a_log_is_never_armed_by_itself(layout):
    layout.create()
    layout.log.write_text("{}\n")
    assert not FilePermission(layout).arm_if_new(by="run", now_ns=1)
    assert not FilePermission(layout).may_send()


def test_resume_arms_again_and_forgets_the_halt(layout, armed):
    armed.halt(by="a", reason="b", now_ns=2)
    armed.resume(by="c", reason="d", now_ns=3)
    assert armed.may_send()
    assert read_halt(layout) is None


def test_halt_by_another_process_is_seen_at_the_next_question(layout, armed):
    FilePermission(layout).halt(by="a", reason="b", now_ns=2)
    assert not armed.may_send()


def test_first_reason_of_two_halts_is_kept(layout, armed):
    armed.halt(by="first", reason="1", now_ns=2)
    armed.halt(by="second", reason="2", now_ns=3)
    FilePermission(layout).halt(by="third", reason="3", now_ns=4)
    note = read_halt(layout)
    assert note is not None
    assert note.by == "first"


def test_permission_whose_directory_is_gone_is_no_permission(layout, armed):
    layout.permission.unlink()
    layout.directory.rmdir()
    assert not armed.may_send()


def test_reason_that_is_no_utf_8_stops_neither_halt_nor_resume(layout, armed):
    assert armed.halt(by="a", reason="\udcff", now_ns=2).problem is None
    note = read_halt(layout)
    assert note is not None
    assert note.reason == "\\udcff"
    armed.resume(by="\udcff", reason="", now_ns=3)
    assert armed.may_send()


def test_halt_works_on_a_full_disk(read_only):
    path, _ = read_only
    permission = FilePermission(Layout(path))
    permission.arm_if_new(by="run", now_ns=1)
    full(path)
    outcome = permission.halt(by="gate", reason="x" * 10_000, now_ns=2)
    assert outcome.durable
    assert not permission.may_send()
    assert not FilePermission(Layout(path)).may_send()


def test_halt_on_a_read_only_disk_stops_this_process_and_says_it_is_not_durable(read_only):
    path, remount = read_only
    permission = FilePermission(Layout(path))
    permission.arm_if_new(by="run", now_ns=1)
    remount()
    outcome = permission.halt(by="gate", reason="why", now_ns=2)
    assert not outcome.durable
    assert "DISK_READ_ONLY" in str(outcome.problem)
    assert not permission.may_send()
    assert FilePermission(Layout(path)).may_send()
    with pytest.raises(StorageError, match="DISK_READ_ONLY"):
        permission.resume(by="a", reason="b", now_ns=3)
    assert not permission.may_send()


def test_memory_permission_halts_and_resumes():
    permission = MemoryPermission()
    assert permission.may_send()
    assert permission.halt(by="a", reason="b", now_ns=1).durable
    assert not permission.may_send()
    permission.resume(by="a", reason="b", now_ns=2)
    assert permission.may_send()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "a b", "a" * 65, "é", "a\n", "BINANCE:BTCUSDT"])
def test_unsafe_names_are_no_paths(layout, name):
    with pytest.raises(InputError, match="UNSAFE_NAME"):
        safe_name(name)
    with pytest.raises(InputError, match="UNSAFE_NAME"):
        layout.inside("snapshots", name)


def test_safe_names_stay_inside(layout):
    assert layout.inside("snapshots", "limits-2026-01-06.json") == layout.snapshots / "limits-2026-01-06.json"


def test_link_that_leads_out_is_refused(layout, tmp_path):
    layout.create()
    layout.snapshots.symlink_to(tmp_path)
    with pytest.raises(InputError, match="OUTSIDE_LAKEHOUSE"):
        layout.inside("snapshots", "x")
