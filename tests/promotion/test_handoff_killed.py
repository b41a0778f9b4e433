"""The first start of a handoff, killed at each write of its log from the first booking to the first orders: booked once."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.children import FULL
from tests.crash.test_live_kill import death
from tests.live.invariants import agreed, reached, whole
from tests.promotion.handed import HELD, Handing, handing

LAST = 16  # no start has so many writes of the log before its first plan is carried out
SAMPLE = (2, 3, 4, 8)  # at the first amount, between two, after the last, at the first order
AMOUNTS = {"BTC": "0.3", "ETH": "5", "USDT": "-50000"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handing]:
    """A canary over coins that is handed over; its record is put aside as it was, to begin from again."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    with handing(tmp_path_factory.mktemp("killed")) as made:
        shutil.copytree(made.desk.world.lakehouse, made.desk.root / "before")
        yield made


def anew(made: Handing) -> None:
    """The record and the account as they were, and a handoff of now."""
    made.desk.end_watchdog()
    made.desk.venue.reset(HELD)
    made.desk.move(0, 2)
    shutil.rmtree(made.desk.world.lakehouse)
    shutil.copytree(made.desk.root / "before", made.desk.world.lakehouse)
    made.handed()


def test_a_start_killed_between_bookings_or_at_the_first_order_books_each_amount_once(
    world: Handing, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    seen = []
    for number in range(1, LAST) if FULL else SAMPLE:
        anew(world)
        log, trace = world.desk.world.layout.log, tmp_path / f"trace-{number}.txt"
        inject = ("-e", "trace=execve,write", "-e", f"inject=write:signal=SIGKILL:when={number}")
        only = ("-P", str(log), "-P", sys.executable)
        prefix = ("strace", "-I2", "-f", "-q", "-o", str(trace), *only, *inject)
        killed, said = death(world.start("--for", "12", prefix=prefix), trace)
        assert "Traceback" not in said, (number, said)
        if not killed:
            assert FULL, (number, said)
            break
        agreed(world.desk)
        assert world.booked().items() <= AMOUNTS.items(), number
        seen.append(len(world.booked()))
        goes_on(world)
    assert {1, 3} <= set(seen), seen
    record_property("booked at the kill", seen)


def goes_on(made: Handing) -> None:
    """A further start books what is missing, and trades."""
    started = len(made.desk.of("run_start"))
    process = made.start()
    made.desk.until(lambda: len(made.desk.of("run_start")) > started and reached(made.desk) and not made.file.exists(), process)
    said = made.desk.end(process)
    assert process.returncode == 0, said
    assert (len(made.desk.of("transfer")), made.booked()) == (len(AMOUNTS), AMOUNTS)
    assert "handoff" in {line["outcome"] for line in made.desk.of("reconcile")}, "whoever looks finds who said so"
    whole(made.desk)
    assert (made.made.automatic(), made.file.exists()) == ([], False)
    gross = sum(made.desk.held(name) * Decimal(name.price) for name in made.desk.names)
    assert gross <= Decimal(1_000)
