"""Backtests on the made day whose records are traced: one order; two manifests with schedules; a manifest that is too old."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from lakehouse.layout import Layout
from lakehouse.run_inputs import InputsWriter
from lakehouse.volumes_snapshot import write_volumes
from orders.average_volume import NS_PER_DAY
from orders.values import AverageVolume
from tests.gate.world import BTC, CRYPTO, DAY_NS, ETH, SOL, Ran, World, manifest_text, quote, run_backtest

TWAP = '[schedules.slow]\nkind = "twap"\nduration_s = 1\nslices = 4\n'
DAY = DAY_NS // NS_PER_DAY


@dataclass(frozen=True)
class Made:
    """A record in `directory`, its log's lines, and the config of its run."""

    directory: Path
    ran: Ran
    config: Path

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return self.ran.of(*kinds)

    def copy(self, to: Path) -> Path:
        """Copy the record, to be altered."""
        shutil.copytree(self.directory, to)
        return to


def traced(capsys: pytest.CaptureFixture[str], what: str, *place: object, code: int = 0) -> dict[str, Any]:
    """Run `sluice trace WHAT --json` and return its document."""
    assert run(["trace", what, *map(str, place), "--json"]) == code, capsys.readouterr()
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def steps(document: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    """All steps of a kind, in the order of the chain."""
    found: list[dict[str, Any]] = []
    waiting = list(reversed(document["chain"]))
    while waiting:
        step = waiting.pop()
        if step["kind"] in kinds:
            found.append(step)
        waiting.extend(reversed(step["below"]))
    return found


def links(document: dict[str, Any], *states: str) -> list[tuple[str, str]]:
    """(step's kind, link's name) of every link in one of the states."""
    kinds = ("run", "manifest", "approval", "cycle", "plan", "line", "order", "fill")
    return [(step["kind"], link["what"]) for step in steps(document, *kinds) for link in step["links"] if link["state"] in states]


def one_order(root: Path) -> Made:
    """One manifest of one symbol: one order, one fill."""
    world = World(root, names=(SOL,), latency_ms="5", jitter_ms="0")
    world.quotes = [quote(SOL, 25 * i) for i in range(40)]
    return _ran(world.write(), {"m.json": (60, manifest_text({SOL.symbol: "0.1"}))})


def two_manifests(root: Path) -> Made:
    """BTC is worth more than an order may be, SOL is more than its share of a day, ETH and SOL go in children; then a second
    manifest."""
    world = World(root, latency_ms="5", jitter_ms="0", policy='schedule = "slow"', schedules=TWAP)
    world.quotes = [quote(CRYPTO[i % 3], 25 * i) for i in range(160)]
    volumes = {
        name.symbol: AverageVolume(
            units_per_day=Decimal(units), days=3, as_of_ns=(DAY - 1) * NS_PER_DAY, valid_until_ns=(DAY + 7) * NS_PER_DAY
        )
        for name, units in ((BTC, 1_000), (ETH, 1_000), (SOL, 60))
    }
    text = world.write().config_path.read_text()
    write_volumes(root / "volumes.json", volumes, made_at_ns=DAY_NS, source="made")
    for old, new in (
        ('max_order_value_base = "60000"', 'max_order_value_base = "25000"'),
        ('adv_fraction_max = "off"', 'adv_fraction_max = "0.5"'),
        ('calendar = "none"', f'calendar = "none"\nvolumes = "{root}/volumes.json"'),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    world.config_path.write_text(text)
    second = manifest_text({ETH.symbol: "0.1"}, generated="2025-01-06T13:59:40")
    first = manifest_text({BTC.symbol: "0.4", ETH.symbol: "0.2", SOL.symbol: "0.1"})
    return _ran(world, {"first.json": (60, first), "second.json": (2_000, second)})


def stale(root: Path) -> Made:
    """One manifest, too old to be traded."""
    world = World(root, names=(SOL,), quotes=[quote(SOL, 25 * i) for i in range(40)])
    return _ran(world.write(), {"m.json": (60, manifest_text({SOL.symbol: "0.1"}, generated="2025-01-01T00:00:00"))})


def _ran(world: World, manifests: dict[str, tuple[int, str]]) -> Made:
    """Run them, and keep the manifests' bytes as a shadow does."""
    ran = run_backtest(world, [(at_ms, world.save(name, text)) for name, (at_ms, text) in manifests.items()])
    directory = world.root / "backtest"
    kept = InputsWriter(Layout(directory), run_id="backtest")
    for _, text in manifests.values():
        kept.put(text.encode())
    kept.close()
    text = world.config_path.read_text().replace(f'directory = "{world.lakehouse}"', f'directory = "{directory}"')
    config = world.root / "trace.toml"
    config.write_text(text)
    return Made(directory=directory, ran=ran, config=config)
