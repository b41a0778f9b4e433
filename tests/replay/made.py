"""A made day as a recorded run, its replays, and configs and quotes that are not the run's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.replay_result import Budget, ReplayResult
from engine.run_config import load_config
from lakehouse.layout import Layout
from sim.recorded_run import RecordedRun, read_run
from sim.replay_run import compared
from tests.gate.world import Ran, World, run_shadow
from tests.parity.stalls import Stalls, undisturbed
from tests.parity.test_made_day import made_day, manifests


def replay_of(world: World, directory: Path, *, config: Path | None = None, budget: Budget | None = None) -> ReplayResult:
    """Replay the last run of a world into a new directory."""
    run = read_run(world.layout, None)
    chosen = run.config if config is None else load_config(config)
    return compared(run, config=chosen, record=Layout(directory), budget=budget or Budget())


def places_of(result: ReplayResult) -> list[tuple[str, ...]]:
    """Where and why a replay differs, without what a clock says."""
    return [(one.stage, one.cause, one.symbol, f"cycle {one.cycle}, line {one.line}") for one in result.differences]


def recorded_day(root: Path, make: Callable[[Path], World] = made_day) -> tuple[World, Ran, RecordedRun]:
    """Record a day in a real node, undisturbed by the machine: at a stall a replay sees orders and quotes in the other order."""

    def run(number: int, stalls: Stalls) -> tuple[World, Ran]:
        world = make(root / f"day-{number}")
        return world, run_shadow(world, manifests(world), beside=stalls.watch)

    world, ran = undisturbed(run, differs=lambda made: places_of(replay_of(made[0], made[0].root / "first")))
    return world, ran, read_run(world.layout, None)


def other_config(world: World, *changes: tuple[str, str]) -> Path:
    """Write the world's config with lines replaced, beside it."""
    text = world.config_path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = world.root / f"other-{len(list(world.root.glob('other-*')))}.toml"
    path.write_text(text)
    return path


def shift_quotes(world: World, *, by: str) -> None:
    """Write every recorded bid of the run's batches anew, lower by `by`, as somebody who alters the record would."""
    from decimal import Decimal

    for path in world.layout.top_of_book.glob("*.parquet"):
        table = pq.read_table(path)
        bids = [str(Decimal(text) - Decimal(by)) for text in table.column("bid").to_pylist()]
        place = table.schema.get_field_index("bid")
        pq.write_table(table.set_column(place, "bid", pa.array(bids)), path)


def lines_of(directory: Path) -> list[dict[str, Any]]:
    """Return the lines of a replay's own log."""
    return [json.loads(line) for line in Layout(directory).log.read_bytes().splitlines()]
