"""A halt of a live run whose disk takes no byte more, or nothing at all: no order leaves, and what works is cancelled."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.children import END_S
from tests.crash.test_live_disk import TURNED, fill
from tests.live.triggers import control, halt_signal
from tests.live.world import desk

BY_ITSELF = pytest.mark.parametrize("trip", [halt_signal, control], ids=["by a signal", "by a control"])


@BY_ITSELF
def test_on_a_full_disk_a_halt_blocks_and_cancels(trip, small: Path) -> None:  # type: ignore[no-untyped-def]
    with desk(small, resting=True) as made:
        process = made.start()
        made.until(lambda: len(made.working()) == 2, process)
        fill(made)
        trip(made, process)
        said = process.communicate(timeout=END_S)[0]
        assert process.returncode == 1, said  # the halt's own line found the disk full
        assert "Traceback" not in said
        assert made.working() == []
        assert not made.world.layout.permission.exists()


@BY_ITSELF
def test_on_a_read_only_disk_a_halt_ends_the_run_and_cancels(trip, brittle: tuple[Path, Path]) -> None:  # type: ignore[no-untyped-def]
    """Stopped until all of it has happened, the run meets the broken disk and its halt in one breath."""
    root, error = brittle
    with desk(root, resting=True) as made:
        process = made.start()
        made.until(lambda: len(made.working()) == 2, process)
        orders = len(made.ids())
        process.send_signal(signal.SIGSTOP)
        error.write_text("1")
        trip(made, process)
        process.send_signal(signal.SIGCONT)
        said = process.communicate(timeout=END_S)[0]
        assert process.returncode == 1, said
        assert "Traceback" not in said
        assert (len(made.ids()), made.working()) == (orders, [])
        assert made.world.layout.permission.exists(), "a read-only disk keeps it: the flag has held, and the run has ended"


@pytest.mark.parametrize("hangs", [False, True], ids=["an engine that turns", "one that hangs"])
def test_on_a_read_only_disk_a_halt_from_another_terminal_leaves_no_engine_and_says_so(
    hangs: bool, brittle: tuple[Path, Path]
) -> None:
    root, error = brittle
    with desk(root, resting=True) as made:
        process = made.start()
        made.until(lambda: len(made.working()) == 2, process)
        orders = len(made.ids())
        if hangs:
            process.send_signal(signal.SIGSTOP)
        error.write_text("1")
        code, said = made.halt()
        assert code == 1, said
        assert TURNED.search(said), said
        assert "BINANCE: no order of ours works" in said
        process.communicate(timeout=END_S)
        assert process.returncode in ((-signal.SIGKILL,) if hangs else (-signal.SIGKILL, 1)), "killed, or ended by its disk first"
        assert (len(made.ids()), made.working()) == (orders, [])
