"""The shadow as a living process: manifests that change under it, signals, and a second one on the same directory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.children import END_S, child
from tests.gate.world import BTC, ETH, ROOT, SOL, Ran, World, manifest_text, quote, run_shadow

FIRST = manifest_text({BTC.symbol: "0.3", ETH.symbol: "0.3"})
SECOND = manifest_text({ETH.symbol: "0.1", SOL.symbol: "0.4"})
SLUICE = Path(sys.executable).with_name("sluice")


def live_world(root: Path, *, ms: int = 1_300) -> World:
    names = (BTC, ETH, SOL)
    world = World(root, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(name, at, ticks=at % 7) for at in range(0, ms, 60) for name in names]
    return world.write()


def run_changes(world: World, changes: list[tuple[int, Callable[[], Any]]]) -> Ran:
    """Run the shadow and make each change at its millisecond of the made day."""

    async def change(assembly: Any) -> None:
        start_ns = world.quotes[0].market_ns
        for at_ms, act in changes:
            left_ns = start_ns + at_ms * 1_000_000 - assembly.recorder.market_now_ns()
            await asyncio.sleep(max(0, left_ns) / 1e9)
            act()

    return run_shadow(world, beside=change)


def decisions(ran: Ran) -> list[tuple[str, str]]:
    return [(line["decision"], line["code"]) for line in ran.of("manifest")]


def test_a_manifest_replaced_while_it_runs_is_traded(tmp_path):
    world = live_world(tmp_path)
    ran = run_changes(world, [(50, lambda: world.install(FIRST)), (600, lambda: world.install(SECOND))])
    assert [decision for decision, _ in decisions(ran)] == ["HOLD", "ACCEPTED", "ACCEPTED"]
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "done"]
    assert {(fill["cycle"], fill["side"], fill["symbol"]) for fill in ran.of("fill")} == {
        (1, "BUY", BTC.symbol),
        (1, "BUY", ETH.symbol),
        (2, "SELL", BTC.symbol),
        (2, "SELL", ETH.symbol),
        (2, "BUY", SOL.symbol),
    }


def test_a_half_written_manifest_holds_until_it_is_whole(tmp_path):
    world = live_world(tmp_path)
    ran = run_changes(
        world,
        [
            (50, lambda: world.manifest.write_text(FIRST[: len(FIRST) // 2])),
            (600, lambda: world.manifest.write_text(FIRST)),
        ],
    )
    found = decisions(ran)
    half = next(line for line in ran.of("manifest") if line["decision"] == "HOLD" and line["code"] != "MANIFEST_VANISHED")
    assert found[-1] == ("ACCEPTED", "")
    assert {decision for decision, _ in found[:-1]} == {"HOLD"}
    assert min(line["seq"] for line in ran.of("intent")) > half["seq"]
    assert len(ran.of("fill")) == 2


def replace_by_directory(world: World) -> None:
    world.manifest.unlink()
    world.manifest.mkdir()


def replace_by_link(world: World) -> None:
    outside = world.root / "outside.json"
    outside.write_text(SECOND)
    fresh = world.lakehouse / "fresh"
    fresh.symlink_to(outside)
    os.replace(fresh, world.manifest)


@pytest.mark.parametrize("replace", [replace_by_directory, replace_by_link], ids=["a directory", "a link out of the lakehouse"])
def test_what_is_no_manifest_is_refused_and_changes_nothing_held(replace, tmp_path):
    world = live_world(tmp_path)
    ran = run_changes(world, [(50, lambda: world.install(FIRST)), (600, lambda: replace(world))])
    refused = ran.of("manifest")[-1]
    assert refused["decision"] == "REFUSED", decisions(ran)
    assert ran.of("alarm")[-1]["code"] == refused["code"]
    assert len(ran.of("cycle")) == 1
    assert max(line["seq"] for line in ran.of("fill")) < refused["seq"]
    assert set(ran.assembly.recorder.keeper.positions) == {BTC.symbol, ETH.symbol}
    assert ran.code == 0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[World, subprocess.Popen[str]]]:
    """A shadow in a process of its own that has traded its first manifest and would go on for a minute."""
    world = live_world(tmp_path, ms=60_000)
    world.install(FIRST)
    with child([SLUICE, "shadow", str(world.config_path)], cwd=ROOT) as process:
        deadline = time.monotonic() + END_S
        while not (world.layout.log.exists() and b'"type":"cycle_end"' in world.layout.log.read_bytes()):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "no cycle ended in time"
            time.sleep(0.05)
        yield world, process


def verify(world: World) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SLUICE, "verify", "--lakehouse", str(world.lakehouse)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_stops_it_cleanly_and_the_record_verifies(number, running):
    world, process = running
    process.send_signal(number)
    said, _ = process.communicate(timeout=END_S)
    last = json.loads(world.layout.log.read_bytes().splitlines()[-1])
    checked = verify(world)
    assert process.returncode == 0, said
    assert (last["type"], last["cause"], last["open_orders"]) == ("run_stop", number.name, 0)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert world.layout.permission.exists()


@pytest.mark.slow
def test_a_second_shadow_on_the_same_directory_is_turned_away_with_the_pid_of_the_first(running):
    world, process = running
    before = world.layout.ledger.stat().st_ino
    second = subprocess.run(
        [SLUICE, "shadow", str(world.config_path)], cwd=ROOT, capture_output=True, text=True, timeout=END_S, check=False
    )
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=END_S)
    assert second.returncode != 0
    assert "LOCK_HELD" in second.stderr + second.stdout
    assert f"pid {process.pid}" in second.stderr + second.stdout
    assert process.returncode == 0
    assert world.layout.ledger.stat().st_ino == before
    assert verify(world).returncode == 0
