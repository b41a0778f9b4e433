"""A flattened file, a meta portfolio or raw atoms named in a config are planned, traded by a shadow and by a backtest."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.gate.world import BTC, DAY_NS, ETH, GENERATED, World, manifest_text, quote, run_backtest, run_shadow
from tests.lakehouse_in.shapes_made import (
    LONG_RUN,
    RUN,
    SHORT_RUN,
    STAMP,
    Document,
    Runs,
    atom_row,
    flat_row,
    flattened,
    good_atoms,
    meta_row,
)

D = Decimal
BTC_WEIGHT, ETH_WEIGHT = 0.2, 0.1
FLAT = flattened({"hrp": [flat_row(BTC.symbol, BTC_WEIGHT, gross=0.4), flat_row(ETH.symbol, ETH_WEIGHT)]}, regime="QUIET")


def raw() -> Document:
    document = good_atoms()
    document["profiles"] = {
        "hrp": {
            "assets": [
                atom_row(f"{BTC.symbol}_trend_LONG", 0.3),
                atom_row(f"{BTC.symbol}_momentum_SHORT_1d", 0.1),
                atom_row(f"{ETH.symbol}_trend_LONG", ETH_WEIGHT),
            ]
        }
    }
    document["optimization"]["regime"] = {"name": "QUIET", "score": 0.5, "quadrant": "EXPANSION"}
    document["metadata"]["generated_at"] = STAMP
    return document


META = {
    "metadata": {
        "meta_profile": "meta_benchmark",
        "risk_profile": "hrp",
        "sleeve_weights": {"long_all": 0.5, "short_all": 0.5},
        "generated_at": STAMP,
    },
    "weights": [meta_row(BTC.symbol, BTC_WEIGHT), meta_row(ETH.symbol, ETH_WEIGHT)],
}
CASES = {"flattened": (FLAT, "flattened/hrp"), "meta": (META, "meta_benchmark/hrp"), "v2": (raw(), "v2/hrp")}


def made(tmp_path: Path, shape: str) -> World:
    """A made crypto day whose config names a research file of that shape, in a run whose ledger verifies."""
    document, key = CASES[shape]
    world = World(tmp_path, quotes=[quote(name, at_ms) for at_ms in range(0, 2500, 100) for name in (BTC, ETH)]).write()
    runs = Runs(tmp_path / "platform")
    runs.write(flattened({"hrp": [flat_row(BTC.symbol, 0.6), flat_row(ETH.symbol, 0.2)]}, regime="QUIET"), run=LONG_RUN)
    runs.write(flattened({"hrp": [flat_row(BTC.symbol, -0.2)]}, regime="QUIET"), run=SHORT_RUN)
    path = runs.write(json.loads(json.dumps(document).replace(STAMP, GENERATED)), name="portfolio_flattened.json")
    for old, new in (
        (f'manifest = "{world.lakehouse}/manifest.json"', f'manifest = "{path}"'),
        (f'manifest_root = "{world.lakehouse}"', f'manifest_root = "{tmp_path}"'),
        ('shapes_allowed = ["v3"]', f'shapes_allowed = ["{shape}"]\nmanifest_also = ["{world.lakehouse}/manifest.json"]'),
        ('"rank:1" = "1"', f'"{key}" = "1"'),
    ):
        change(world, old, new)
    text = world.config_path.read_text()
    start = text.index("runs_directory")
    text = text[:start] + f'runs_directory = "{runs.runs}"' + text[text.index("\n", start) :]
    world.config_path.write_text(text.replace('provenance_min = "VERIFIED"', 'provenance_min = "LEDGER_ONLY"'))
    return world


def change(world: World, old: str, new: str) -> None:
    text = world.config_path.read_text()
    assert text.count(old) == 1, old
    world.config_path.write_text(text.replace(old, new))


def bought(lines: list[dict[str, Any]]) -> dict[str, Decimal]:
    """Notional of the fills by symbol."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        if line["type"] == "fill":
            assert line["side"] == "BUY"
            sums[line["symbol"]] = sums.get(line["symbol"], D(0)) + D(line["notional_quote"])
    return sums


def manifests(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == "manifest"]


@pytest.mark.parametrize("shape", CASES)
def test_a_shadow_trades_every_shape(tmp_path: Path, shape: str) -> None:
    ran = run_shadow(made(tmp_path, shape))
    (line,) = manifests(ran.lines)
    assert (line["decision"], line["source_run"], line["grade"]) == ("ACCEPTED", RUN, "LEDGER_ONLY")
    assert line["targets"] == {BTC.symbol: "0.2", ETH.symbol: "0.1"}
    notional = bought(ran.lines)
    assert notional[BTC.symbol] == pytest.approx(D(20_000), rel=D("0.01"))
    assert notional[ETH.symbol] == pytest.approx(D(10_000), rel=D("0.01"))


@pytest.mark.parametrize("shape", CASES)
def test_a_backtest_trades_the_files_its_config_names(tmp_path: Path, shape: str) -> None:
    from sim.backtest_run import portfolio_at

    world = made(tmp_path, shape)
    config, _ = world.load()
    judged = portfolio_at(config, DAY_NS, None).data.outcome
    assert judged.targets == {BTC.symbol: D("0.2"), ETH.symbol: D("0.1")}
    ran = run_backtest(world, [(0, config.lakehouse.manifest)])
    assert set(bought(ran.lines)) == {BTC.symbol, ETH.symbol}


def with_v3_beside(tmp_path: Path, *, generated: str) -> World:
    """The flattened file and, at the other place, a v3 manifest of that stamp."""
    world = made(tmp_path, "flattened")
    change(world, 'shapes_allowed = ["flattened"]', 'shapes_allowed = ["flattened", "v3"]')
    world.manifest.write_text(manifest_text({BTC.symbol: "0.2"}, generated=generated))
    return world


def test_the_older_of_two_places_is_left_alone_and_the_log_says_so(tmp_path: Path) -> None:
    world = with_v3_beside(tmp_path, generated="2025-01-06T13:59:00")
    ran = run_shadow(world)
    (line,) = manifests(ran.lines)
    assert line["decision"] == "ACCEPTED"
    assert f"older and not used: {world.manifest} of 2025-01-06T13:59:00Z" in line["message"]
    assert set(bought(ran.lines)) == {BTC.symbol, ETH.symbol}


def test_an_older_manifest_does_not_step_in_for_a_newer_one_that_is_refused(tmp_path: Path) -> None:
    world = with_v3_beside(tmp_path, generated="2025-01-06T13:59:45")
    change(world, '"flattened/hrp" = "1"', '"custom/equal_weight" = "1"')
    ran = run_shadow(world)
    (line,) = manifests(ran.lines)
    assert line["code"] == "PROVENANCE_BELOW_MINIMUM"  # its run is not in this runs directory
    assert "older and not used" in line["message"]
    assert bought(ran.lines) == {}
