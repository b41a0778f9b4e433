"""A market limits file that changes while a run goes on: the run keeps the one it began with, the next takes the new one."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from commands.main import run
from lakehouse.verifier import verify
from tests.flatten.made import at
from tests.gate.world import BTC, World, manifest_text, quote, run_shadow

NEWER = manifest_text({BTC.symbol: "0.32347"}, generated="2025-01-06T13:59:40")
NEWEST = manifest_text({BTC.symbol: "0.44447"}, generated="2025-01-06T13:59:50")


def later(world: World, from_ms: int) -> None:
    text = world.config_path.read_text()
    limits = (world.root / "limits.json").read_text()
    world.quotes = [quote(BTC, ms) for ms in range(from_ms, from_ms + 2_000, 50)]
    world.write()
    world.config_path.write_text(text)
    (world.root / "limits.json").write_text(limits)


def coarser(world: World) -> None:
    """The venue takes whole tenths from now on."""
    path = world.root / "limits.json"
    document = json.loads(path.read_text())
    document["limits"][0] |= {"step_size": "0.1", "min_quantity": "0.1"}
    path.write_text(json.dumps(document))


def test_a_run_keeps_the_limits_it_began_with_and_the_log_says_which(tmp_path: Path, capsys: Any) -> None:
    world = World(tmp_path, names=(BTC,), latency_ms="5", jitter_ms="0")
    world.quotes = [quote(BTC, ms) for ms in range(0, 2_500, 50)]
    world.write().install(manifest_text({BTC.symbol: "0.2"}))

    def change(assembly: Any) -> None:
        coarser(world)
        world.install(NEWER)

    first = run_shadow(world, beside=at(world, 900, change))
    bought = [Decimal(line["quantity"]) for line in first.of("intent")]
    assert len(bought) == 2
    assert bought[1] % Decimal("0.1") != 0
    shown = json.loads((world.lakehouse / "snapshots" / "market_limits.json").read_text())
    assert shown["limits"][0]["step_size"] == "0.00001"
    later(world, 4_000)
    world.install(NEWEST)
    second = run_shadow(world)
    assert [Decimal(line["quantity"]) for line in second.of("intent")][2:] == [Decimal("0.1")]
    starts = [line["market_limits_sha256"] for line in second.of("run_start")]
    assert len(set(starts)) == 2
    assert {line["market_limits_sha256"] for line in second.of("intent", "fill") if "market_limits_sha256" in line} <= set(starts)
    report = verify(world.lakehouse)
    assert report.ok
    assert run(["replay", second.of("run_start")[0]["run_id"], "--lakehouse", str(world.lakehouse), "--json"]) in (0, 1)
    result = json.loads(capsys.readouterr().out)
    assert result["lines_differing"] == 0
