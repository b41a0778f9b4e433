"""The wall clock is set by an hour while a shadow runs, and between two runs: nothing is sent on it, and nothing is lost.

The process under test is the real command with the real Nautilus clock; a preloaded library of forty lines moves its wall clock.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from engine.clock_watch import ClockWatch
from engine.day_turnover import DayTurnover
from lakehouse.rebuild import LogFold
from lakehouse.verifier import verify
from tests.children import child
from tests.gate.world import BTC, ETH, World, manifest_text, quote

HOUR_S = 3_600
S = 10**9


class Clocks:
    """Two made clocks; the watch reads each several times."""

    def __init__(self) -> None:
        self.wall = 5_000 * S
        self.monotonic = 7 * S
        self.reasons: list[str] = []
        self.watch = ClockWatch(wall_ns=lambda: self.wall, monotonic_ns=lambda: self.monotonic, halt=self.reasons.append)

    def pass_by(self, ns: int, *, step: int = 0) -> None:
        self.monotonic += ns
        self.wall += ns + step
        self.watch.look()


@pytest.mark.parametrize(
    ("step", "halts"),
    [(S, False), (-S, False), (S + 1, True), (-S - 1, True), (HOUR_S * S, True), (-HOUR_S * S, True), (0, False)],
    ids=["a second forward", "a second back", "more forward", "more back", "an hour forward", "an hour back", "none"],
)
def test_a_clock_that_steps_by_more_than_a_second_halts_once(step: int, halts: bool) -> None:
    clocks = Clocks()
    clocks.pass_by(S)
    clocks.pass_by(S, step=step)
    assert len(clocks.reasons) == halts
    clocks.pass_by(S, step=-2 * step)
    assert len(clocks.reasons) == (step != 0)
    assert all(reason.startswith("CLOCK_STEPPED: the clock went") for reason in clocks.reasons)


def test_a_clock_that_is_slewed_by_an_hour_little_by_little_is_followed() -> None:
    clocks = Clocks()
    for _ in range(7_200):
        clocks.pass_by(S, step=S // 2)
    assert clocks.reasons == []


def test_a_process_that_was_stopped_for_an_hour_has_not_stepped() -> None:
    clocks = Clocks()
    clocks.pass_by(HOUR_S * S)
    assert clocks.reasons == []


def test_a_days_turnover_is_not_forgotten_by_a_clock_set_back_over_midnight() -> None:
    fold = LogFold()
    day = 20_000
    fold.day = day
    turnover = DayTurnover(fold)

    class Filled:
        quote_currency, notional_quote = "USD", "100"

        def __init__(self, at_s: int) -> None:
            self.market_ns = (day * 86_400 + at_s) * S

    def today(at_s: int) -> Decimal | None:
        return turnover.base_of(market_ns=(day * 86_400 + at_s) * S, rate_of=lambda currency: Decimal(1))

    for at_s in (10, -HOUR_S, 20):
        turnover.on_fill(Filled(at_s))  # type: ignore[arg-type]
    assert [today(at_s) for at_s in (30, -HOUR_S, 86_400)] == [300, 300, 0]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("moving the clock of a process takes a C compiler and Linux")
    library = tmp_path_factory.mktemp("clock") / "clock_step.so"
    source = Path(__file__).with_name("clock_step.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True, timeout=60)
    return library


class Shadow:
    """A shadow in its own process, on a clock that can be set."""

    def __init__(self, world: World, shim: Path) -> None:
        self.world = world
        self.file = world.root / "step"
        self.set(0)
        self._environment = {**os.environ, "LD_PRELOAD": str(shim), "STEP_FILE": str(self.file)}
        self.process: Any = None
        self.started = ExitStack()

    def set(self, seconds: int) -> None:
        raw = seconds.to_bytes(8, sys.byteorder, signed=True)
        if self.file.exists():
            with self.file.open("r+b") as file:
                file.write(raw)
        else:
            self.file.write_bytes(raw)

    def start(self) -> None:
        command = [sys.executable, "-m", "commands.main", "shadow", str(self.world.config_path)]
        self.process = self.started.enter_context(child(command, env=self._environment))

    def until(self, kind: str, count: int = 1) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if len(self.of(kind)) >= count:
                return
            time.sleep(0.02)
        raise AssertionError(f"no {count} lines {kind}")

    def stop(self) -> None:
        self.process.terminate()

    def end(self) -> tuple[int, str]:
        said, _ = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def of(self, kind: str) -> list[dict[str, Any]]:
        log = self.world.layout.log
        raw = log.read_bytes() if log.exists() else b""
        lines = [json.loads(line) for line in raw.split(b"\n")[:-1]]
        return [line for line in lines if line["type"] == kind]


@pytest.fixture
def shadow(tmp_path: Path, shim: Path) -> Iterator[Shadow]:
    world = World(tmp_path, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(name, at_ms) for at_ms in range(0, 5_000, 50) for name in (BTC, ETH)]
    world.write().install(manifest_text({BTC.symbol: "0.2"}))
    made = Shadow(world, shim)
    yield made
    made.started.close()


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
def test_a_clock_set_by_an_hour_in_a_run_halts_it_and_a_start_goes_on(step_s: int, shadow: Shadow, capsys: Any) -> None:
    world = shadow.world
    shadow.start()
    shadow.until("fill")
    time.sleep(0.3)
    shadow.set(step_s)
    shadow.until("halt")
    sends = len(shadow.of("send"))
    world.install(manifest_text({BTC.symbol: "0.2", ETH.symbol: "0.3"}, generated="2025-01-06T13:59:31"))
    if step_s < 0:  # the engine's clock stands still: the replay would take an hour
        time.sleep(0.5)
        shadow.stop()
    code, said = shadow.end()
    assert code == 1, said
    assert "HALTED  CLOCK_STEPPED" in said
    assert "Traceback" not in said
    assert len(shadow.of("send")) == sends
    (halt,) = shadow.of("halt")
    assert halt["by"] == "engine"
    assert verify(world.lakehouse).ok
    shadow.set(0)  # an hour the other way, between two runs
    assert run(["resume", "--by", "ann", "--reason", "the clock is right", "--lakehouse", str(world.lakehouse)]) == 0
    # market time had run on with the clock: prices of later than that
    world.quotes = [quote(name, at_ms) for at_ms in range(4_000_000, 4_002_000, 50) for name in (BTC, ETH)]
    world.write()
    shadow.start()
    code, said = shadow.end()
    assert code == 0, said
    report = verify(world.lakehouse)
    assert report.ok
    assert report.open_orders == 0
    bought = [fill["symbol"] for fill in shadow.of("fill")]
    assert bought == [BTC.symbol, ETH.symbol]
    capsys.readouterr()


def test_runs_on_clocks_that_go_back_and_forward_between_them_trade_nothing_twice(shadow: Shadow) -> None:
    """Each start reads the same manifest; the log of the first is an hour ahead of the second's clock."""
    world = shadow.world
    shadow.set(HOUR_S)
    shadow.start()
    assert shadow.end()[0] == 0
    first = shadow.of("fill")
    for number, offset_s in enumerate((-HOUR_S, HOUR_S, 0)):
        world.quotes = [quote(name, 6_000 + 2_000 * number + ms) for ms in range(0, 1_000, 50) for name in (BTC, ETH)]
        world.write()
        shadow.set(offset_s)
        shadow.start()
        code, said = shadow.end()
        assert code == 0, said
    assert len(first) == 1
    assert shadow.of("fill") == first
    cycles = [line["cycle"] for line in shadow.of("cycle")]
    assert cycles == sorted(set(cycles))
    assert verify(world.lakehouse).ok
