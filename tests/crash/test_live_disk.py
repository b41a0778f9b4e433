"""`sluice live` on a disk that fails: nothing is sent after the first write that is not durable, and cancels still go out."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Final

import pytest

from tests.children import END_S, FULL
from tests.crash.harness import sluice
from tests.live.invariants import agreed, reached, reached_once, whole
from tests.live.world import Desk, desk

# What was being written when the kernel found its error meets an I/O error; whatever comes later finds the disk read-only.
TURNED: Final = re.compile("DISK_(READ_ONLY|ERROR)")


def mended(made: Desk) -> None:
    """After a resume on a sound disk the target is reached, once."""
    done = sluice("resume", "--lakehouse", str(made.world.lakehouse), "--by", "a person", "--reason", "mended")
    assert done.returncode == 0, done.stderr
    started = len(made.of("run_start"))
    process = made.start()
    made.until(lambda: len(made.of("run_start")) > started and reached(made), process)
    said = made.end(process)
    assert process.returncode == 0, said
    whole(made)
    reached_once(made)


@pytest.mark.parametrize("number", range(1, 13) if FULL else (5, 6))
@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_no_order_leaves_whose_send_line_is_not_durable_and_what_works_is_cancelled(
    call: str, number: int, tmp_path: Path
) -> None:
    """From the `number`-th such call on: run_start, reconcile, manifest, intents, verdicts and send lines, answers."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    with desk(tmp_path, resting=True) as made:
        trace, log = tmp_path / "trace.txt", made.world.layout.log
        words = ("-P", str(log), "-e", "trace=write,fdatasync", "-e", f"inject={call}:error=EIO:when={number}+")
        process = made.start("--for", "20", prefix=(strace, "-f", "-qq", "-o", str(trace), *words))
        said = process.communicate(timeout=END_S)[0]
        if "ptrace" in said.lower():
            pytest.skip(f"strace may not trace here: {said.strip()[:80]}")
        assert process.returncode == 1, said
        assert "DISK_ERROR" in said
        assert "Traceback" not in said
        assert not made.world.layout.permission.exists()
        agreed(made)
        lines = [json.loads(raw) for raw in log.read_bytes()[: durable(trace)].splitlines()]
        sent = {line["client_order_id"] for line in lines if line["type"] == "send"}
        truth = made.venue.truth()
        assert {order["clientOrderId"] for order in truth.orders} <= sent
        assert truth.open_orders() == [], "an order was left working"


def durable(trace: Path) -> int:
    """Bytes of the log that were written before its last sync that succeeded."""
    written = safe = 0
    for call, result in re.findall(r"(write|fdatasync)(?:\(| resumed).* = (-?\d+)", trace.read_text(errors="replace")):
        if call == "fdatasync":
            safe = written if result == "0" else safe
        else:
            written += max(int(result), 0)
    assert safe, "no sync of the log was seen"
    return safe


def test_after_a_sync_that_failed_and_a_resume_the_target_is_reached_once(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    with desk(tmp_path) as made:
        inject = "inject=fdatasync:error=EIO:when=7+"
        process = made.start(prefix=(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject))
        said = process.communicate(timeout=END_S)[0]
        if "ptrace" in said.lower():
            pytest.skip(f"strace may not trace here: {said.strip()[:80]}")
        assert process.returncode == 1, said
        assert "DISK_" in said
        agreed(made)
        mended(made)


def test_a_full_disk_stops_trading_and_what_works_at_the_venue_is_cancelled(small: Path) -> None:
    with desk(small, resting=True) as made:
        made.change("reconcile_s = 60", "reconcile_s = 1")
        process = made.start()
        made.until(lambda: len(made.venue.truth().open_orders()) == 2, process)
        fill(made)
        said = process.communicate(timeout=END_S)[0]
        assert process.returncode == 1, said
        assert "DISK_FULL" in said
        assert "Traceback" not in said
        assert made.venue.truth().open_orders() == [], "an order was left working"
        (made.world.lakehouse / "filler").unlink()
        agreed(made)


@pytest.mark.parametrize("hangs", [False, True], ids=["an engine that turns answers", "one that hangs is killed"])
def test_on_a_full_disk_a_halt_kills_only_an_engine_that_hangs(hangs: bool, small: Path) -> None:
    with desk(small, resting=True) as made:
        process = made.start()
        made.until(lambda: len(made.working()) == 2, process)
        fill(made)
        if hangs:
            process.send_signal(signal.SIGSTOP)
        code, said = made.halt("--json")
        assert code == 0, said
        found = json.loads(said)["live"]
        assert (found["engine"], found["confirmed"]) == ("killed" if hangs else "answered", True)
        said = process.communicate(timeout=END_S)[0]
        assert process.returncode == (-signal.SIGKILL if hangs else 1), said  # 1: the halt's own line found the disk full
        assert made.working() == []
        assert not made.world.layout.permission.exists()


def test_a_disk_that_turns_read_only_stops_trading_and_what_works_at_the_venue_is_cancelled(brittle: tuple[Path, Path]) -> None:
    """A remount by hand is refused while files are open for writing; a kernel that finds an error does not ask."""
    root, error = brittle
    with desk(root, resting=True) as made:
        made.change("reconcile_s = 60", "reconcile_s = 1")
        process = made.start()
        made.until(lambda: len(made.working()) == 2, process)
        orders = len(made.venue.truth().orders)
        error.write_text("1")
        said = process.communicate(timeout=END_S)[0]
        assert process.returncode == 1, said
        assert TURNED.search(said), said
        assert "Traceback" not in said
        truth = made.venue.truth()
        assert (len(truth.orders), truth.open_orders()) == (orders, []), "an order was sent or left working"
        agreed(made)


def fill(made: Desk) -> None:
    """Leave the data directory's disk no free block."""
    state = os.statvfs(made.world.lakehouse)
    (made.world.lakehouse / "filler").write_bytes(bytes(state.f_bavail * state.f_frsize))
