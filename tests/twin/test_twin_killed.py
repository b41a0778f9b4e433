"""A twin that is killed at each of its own writes and syncs, while a live run's orders come in, and started again."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lakehouse.verifier import verify
from tests.children import FULL, kill
from tests.live.invariants import at_rest
from tests.traced import Calls, death
from tests.twin.made import Beside, beside

LOG, LEDGER = ("execution_logs.jsonl",), ("audit.jsonl",)
CALLS = {  # as many as it takes at most; the full form skips what is not reached
    "log-write": Calls("write", 20, (7,), LOG),
    "log-sync": Calls("fdatasync", 20, (10,), LOG),
    "ledger-write": Calls("write", 10, (), LEDGER),
    "ledger-sync": Calls("fdatasync", 10, (), LEDGER),
    "rename": Calls("rename", 12),
    "fsync": Calls("fsync", 14),
}
CYCLES = 3  # of two orders each; then it was not reached
POINTS = [pytest.param(calls, number, id=f"{name}-{number}") for name, calls in CALLS.items() for number in calls.numbers()]


class Running:
    """One live run for all points: each has a twin of its own beside it."""

    def __init__(self, made: Beside) -> None:
        self.made = made
        self.live = made.desk.start()
        self._turn = 0
        made.desk.until(lambda: at_rest(made.desk), self.live)

    def trade(self) -> None:
        """Two orders of the live run."""
        self._turn += 1
        done = len(self.made.desk.of("cycle_end"))
        self.made.desk.weigh("0.21" if self._turn % 2 else "0.2", seconds_ago=0)  # little: a day has its most
        self.made.desk.until(lambda: len(self.made.desk.of("cycle_end")) > done, self.live)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with beside(tmp_path_factory.mktemp("beside")) as made:
        yield Running(made)


@pytest.mark.parametrize(("calls", "number"), POINTS)
def test_a_twin_killed_at_a_call_that_changes_a_file_goes_on_tells_each_order_once_and_nothing_that_was_not_so(
    calls: Calls, number: int, running: Running, tmp_path: Path, record_property: Any
) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    made = Beside(desk=running.made.desk, directory=tmp_path / "twin")
    only = [word for name in calls.files for word in ("-P", str(made.directory / name), "-P", sys.executable)]
    inject = ("-e", f"trace=execve,{calls.call}", "-e", f"inject={calls.call}:signal=SIGKILL:when={number}")
    trace = tmp_path / "trace.txt"
    traced = made.start(prefix=(strace, "-I2", "-f", "-q", "-o", str(trace), *only, *inject))
    made.desk.until(lambda: bool(made.of("twin_start")) or made.ended(traced, trace), running.live)
    for _ in range(CYCLES):
        if not made.ended(traced, trace):
            running.trade()
            made.desk.until(lambda: made.ended(traced, trace) or set(made.told()) == made.sent(), running.live)
    if not made.ended(traced, trace):
        kill(traced)
        assert FULL, "a point of the short form is to be reached"
        pytest.skip("all was told before it")
    killed, said = death(traced, trace)
    assert killed, said
    assert "Traceback" not in said, said
    if made.directory.joinpath(LOG[0]).exists() and made.lines:
        assert verify(made.directory).ok
    before = made.told()

    again = made.start()
    made.follows(again)
    running.trade()
    made.desk.until(lambda: set(made.told()) == made.sent(), again)
    said = made.desk.end(again)
    assert again.returncode == 0, said
    told = made.told()
    assert {key: line for key, line in told.items() if key in before} == before
    assert {line["code"] for line in told.values()} <= {"", "TWIN_AWAY"}
    assert [line["compared"] for line in told.values()][-2:] == [True, True], "those that came after it follows again"
    made.whole()
    record_property("told", len(told))
    record_property("away", sum(not line["compared"] for line in told.values()))
