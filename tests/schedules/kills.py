"""A shadow whose orders run by a schedule, killed by SIGKILL at random points and started again: nothing twice, nothing lost.

A file of tests for each schedule, because the tests of one file stay in one process, and these take real time.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse.verifier import verify
from tests.children import END_S, FULL, child, kill
from tests.crash.harness import ROOT, Fills
from tests.flatten.made import quiet_world
from tests.gate.world import BTC, ETH, World, manifest_text

KILLS = 25 if FULL else 3
SHADOW = """
import asyncio, sys
from pathlib import Path
from tests.schedules.kill_child import main
sys.exit(main(Path(sys.argv[1])))
"""


def started(world: World) -> AbstractContextManager[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SHADOW, str(world.config_path)]
    return child(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def works_of(world: World) -> int:
    """How often anything has happened to a child: its way to the venue, its acknowledgement, its fills."""
    if not world.layout.log.exists():
        return 0
    raw = world.layout.log.read_bytes()
    return sum(raw.count(b'"type":"' + kind) for kind in (b"send", b"received", b"fill", b"ack"))


def lines_of(world: World) -> list[dict[str, Any]]:
    return [json.loads(raw) for raw in world.layout.log.read_bytes().split(b"\n")[:-1]]


def check(world: World) -> None:
    """What must hold whenever the process is dead."""
    report = verify(world.lakehouse)
    assert report.first_bad is None, report.first_bad
    assert report.unexplained_fills == 0
    lines = lines_of(world)
    intents = {line["client_order_id"]: line for line in lines if line["type"] == "intent"}
    assert len(intents) == sum(line["type"] == "intent" for line in lines), "an id was intended twice"
    sends = [line["client_order_id"] for line in lines if line["type"] == "send"]
    assert len(sends) == len(set(sends)), "an order was sent twice"
    filled: dict[str, Decimal] = defaultdict(Decimal)
    trades = set()
    for line in lines:
        if line["type"] == "fill":
            key = (line["venue"], line["account"], line["symbol"], line["trade_id"])
            assert key not in trades
            trades.add(key)
            filled[line["client_order_id"]] += Decimal(line["quantity"])
    by_parent: dict[str, Decimal] = defaultdict(Decimal)
    for order_id, quantity in filled.items():
        intent = intents[order_id]
        assert quantity <= Decimal(intent["quantity"])
        assert intent["parent_client_order_id"] is not None, "a parent reached the venue"
        by_parent[intent["parent_client_order_id"]] += quantity
    for parent_id, quantity in by_parent.items():
        assert quantity <= Decimal(intents[parent_id]["quantity"]), "children filled more than their parent"


def targets_are_reached_once(root: Path, *, schedule: str, works_max: int) -> dict[str, int]:
    """Kill a run again and again and let it end; `works_max`: so many works of its children a life may see.

    Returns how many kills and fills there were.
    """
    kills, fills = 0, Fills()
    world = quiet_world(
        root,
        count=12_000 if FULL else 2_400,
        ms=10,
        policy='schedule = "slow"',
        schedules=f"[schedules.slow]\n{schedule}",
    )
    world.install(manifest_text({BTC.symbol: "0.3", ETH.symbol: "0.3"}))
    dice = random.Random(f"20221123 {schedule}")  # the instants differ from run to run in any case
    for _ in range(KILLS):
        with started(world) as process:
            wanted = works_of(world) + dice.randint(1, works_max)
            end = time.monotonic() + END_S
            while process.poll() is None and time.monotonic() < end:
                if works_of(world) >= wanted:
                    break
                time.sleep(0.002)
            time.sleep(dice.random() * dice.choice((0, 0.05)))
            kills += process.poll() is None
            said = kill(process)
        assert "Traceback" not in said, said
        check(world)
        fills.still_there(lines_of(world))
    with started(world) as process:
        said = process.communicate(timeout=2 * END_S)[0]
    assert process.returncode == 0, said
    check(world)
    lines = lines_of(world)
    fills.still_there(lines)
    assert verify(world.lakehouse).open_orders == 0
    ids = [line["client_order_id"] for line in lines if line["type"] == "intent" and line["parent_client_order_id"] is None]
    assert len(ids) == len(set(ids))
    interrupted = [line for line in lines if line["type"] == "cancel" and line["cause"] == "schedule_interrupted"]
    causes = {line["cause"] for line in lines if line["type"] == "cycle"}
    assert interrupted, "no kill fell into a schedule"
    assert causes == {"new_manifest", "top_up"}
    positions = verify(world.lakehouse).positions
    for symbol, price in ((BTC.symbol, 100_000), (ETH.symbol, 4_000)):
        worth = positions.get(symbol, Decimal(0)) * price
        assert abs(worth - 30_000) < 300, (symbol, worth)
    return {"kills": kills, "fills": len(fills.keys)}
