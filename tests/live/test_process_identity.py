"""Exactly the process that was meant is killed: never one that has its pid by now, nor one of which nothing is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.halt_live import halt_live
from lakehouse.layout import Layout
from lakehouse.live_note import LiveNote, write_live_note
from lakehouse.lock import current_holder
from lakehouse.process_identity import kill_process, process_identity
from tests.children import END_S, child, kill

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
with DataDirectoryLock(Layout(Path(sys.argv[1])), run_id="one"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    with child([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process


def test_the_process_that_was_meant_is_killed(sleeper: subprocess.Popen[str]) -> None:
    identity = process_identity(sleeper.pid)
    assert identity is not None
    assert kill_process(sleeper.pid, identity=identity) == ""
    assert sleeper.wait(timeout=END_S) == -signal.SIGKILL


def recycled(identity: str) -> str:
    boot, _, ticks = identity.rpartition(":")
    return f"{boot}:{int(ticks) - 1}"


def of_another_boot(identity: str) -> str:
    return f"00000000-0000-0000-0000-000000000000:{identity.rpartition(':')[2]}"


@pytest.mark.parametrize("changed", [recycled, of_another_boot, lambda _: None], ids=["begun earlier", "other boot", "not known"])
def test_a_process_that_only_has_the_pid_is_left_alone(changed, sleeper: subprocess.Popen[str]) -> None:  # type: ignore[no-untyped-def]
    identity = process_identity(sleeper.pid)
    assert identity is not None
    assert f"pid {sleeper.pid} is not killed" in kill_process(sleeper.pid, identity=changed(identity))
    time.sleep(0.1)
    assert sleeper.poll() is None


def test_a_process_that_is_gone_or_waits_to_be_reaped_needs_no_kill(sleeper: subprocess.Popen[str]) -> None:
    identity = process_identity(sleeper.pid)
    os.kill(sleeper.pid, signal.SIGKILL)
    end = time.monotonic() + END_S
    while process_identity(sleeper.pid) is not None:  # dead, and not reaped before `wait`
        assert time.monotonic() < end
        time.sleep(0.01)
    assert kill_process(sleeper.pid, identity=identity) == ""
    sleeper.wait(timeout=END_S)
    assert kill_process(sleeper.pid, identity=identity) == ""


@pytest.mark.parametrize("foreign", [True, False], ids=["another process by now", "the engine itself"])
def test_a_halt_kills_the_holder_of_the_lock_only_while_it_is_the_same_process(foreign: bool, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with child(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as engine:
        assert engine.stdout is not None
        assert engine.stdout.readline() == "held\n"
        write_live_note(layout, LiveNote(run_id="one", pid=engine.pid, process=None, keys="/none", dead_man_s=60, venues=()))
        holder = json.loads(layout.lock_holder.read_text())
        if foreign:
            layout.lock_holder.write_text(json.dumps(holder | {"process": recycled(holder["process"])}))
        found = halt_live(layout, since_ns=time.time_ns(), blocked=False, config=None, keys=None)
        assert found is not None
        assert (found.engine, found.confirmed) == (("not killed", False) if foreign else ("killed", True)), found
        if foreign:
            assert "it is another process by now; stop it by hand" in found.detail[-1]
            assert engine.poll() is None
        else:
            assert engine.wait(timeout=END_S) == -signal.SIGKILL
            assert current_holder(layout) is None
        kill(engine)
