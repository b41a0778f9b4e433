"""One made day, twice through a real node with a real clock: the same log and ledger but for what a clock says and hashes of it.

Twenty seeds of the venue's latency with SLUICE_CAMPAIGN=full, two otherwise.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from analysis.replay_result import ReplayResult
from lakehouse.layout import Layout
from tests.gate.world import World, run_shadow
from tests.parity.stalls import Stalls, memory, undisturbed
from tests.parity.test_made_day import made_day, manifests
from tests.replay.made import places_of, replay_of

SEEDS = range(1, 21) if os.environ.get("SLUICE_CAMPAIGN") == "full" else range(1, 3)
OF_A_CLOCK: Final = {"ts", "market_epoch_ns", "run_id", "trade_id"}  # a trade id of Nautilus is a hash of the instant
OF_HASHES: Final = {"plan_sha256", "inputs_sha256", "fill_hash", "halt_hash", "log_sha256", "prev", "hash", "root"}  # over stamps
AGE: Final = re.compile(r"[0-9]+ ns")  # what a control observed of an age; its limit stays


def without_clock(value: Any) -> Any:
    """A line without its stamps and the hashes over them, at every depth; how old something was counts as a stamp."""
    match value:
        case dict():
            return {
                name: AGE.sub("an age", inner) if name == "observed" else without_clock(inner)
                for name, inner in value.items()
                if name not in OF_A_CLOCK | OF_HASHES and not name.endswith("_ns")
            }
        case [str() as control, str() as outcome, str() as observed, str() as limit]:
            return [control, outcome, AGE.sub("an age", observed), limit]
        case list():
            return [without_clock(inner) for inner in value]
        case _:
            return value


def left_of(layout: Layout) -> tuple[list[Any], list[Any]]:
    return tuple(  # type: ignore[return-value]  # of two
        [without_clock(json.loads(line)) for line in path.read_bytes().splitlines()] for path in (layout.log, layout.ledger)
    )


def fields_that_differ(one: tuple[list[Any], list[Any]], other: tuple[list[Any], list[Any]]) -> list[tuple[str, ...]]:
    """Type and name of each field that is not the same; of records of other lengths or orders each line that is in one alone."""
    left, right = ([line for lines in record for line in lines] for record in (one, other))
    if [line.get("type") for line in left] != [line.get("type") for line in right]:
        texts = [{json.dumps(line, sort_keys=True) for line in lines} for lines in (left, right)]
        return [(text,) for text in texts[0] ^ texts[1]] or [("another order of the same lines",)]
    return [
        (str(mine.get("type")), name)
        for mine, yours in zip(left, right, strict=True)
        for name in {*mine, *yours}
        if mine.get(name) != yours.get(name)
    ]


def twice(root: Path, stalls: Stalls, *, seed: int) -> tuple[World, list[tuple[list[Any], list[Any]]]]:
    """Run the day two times at one place, because paths are part of a config's sha256."""
    world = made_day(root, seed=seed)
    paths = manifests(world)
    records = []
    for number in range(2):
        run_shadow(world, paths, beside=stalls.watch)
        records.append(left_of(world.layout))
        if number == 0:
            shutil.rmtree(world.lakehouse)
            world.lakehouse.mkdir()
    return world, records


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_two_runs_of_a_day_differ_by_the_clock_alone(seed: int, tmp_path: Path) -> None:
    with memory() as root:

        def run(number: int, stalls: Stalls) -> tuple[ReplayResult, list[tuple[list[Any], list[Any]]]]:
            world, records = twice(root / str(number), stalls, seed=seed)
            return replay_of(world, tmp_path / str(number)), records

        result, (one, other) = undisturbed(run, differs=lambda made: [*places_of(made[0]), *fields_that_differ(*made[1])])
    assert one == other
    assert result.differences == ()
    assert len([line for line in one[0] if line["type"] == "fill"]) == 5
    assert len(one[1]) >= 6


def test_what_is_no_clock_is_not_dropped(day: Any) -> None:
    """The bad twin: one digit of a price, a fee, a quantity or a verdict is seen."""
    lines, _ = left_of(day[0].layout)
    fill = next(line for line in lines if line["type"] == "fill")
    verdict = next(line for line in lines if line["type"] == "verdict")
    assert {"price", "fee", "quantity", "client_order_id", "fill_bid", "arrival_ask"} <= fill.keys()
    assert {"outcome", "code", "verdicts", "limits_sha256"} <= verdict.keys()
