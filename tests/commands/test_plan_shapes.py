"""`sluice plan` on research files that are no v3 manifest, and on several places for one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from tests.lakehouse_in.shapes_made import RUN, STAMP, Runs, atom_row, flat_row, flattened, good_atoms

from .conftest import World

GENERATED = "2022-04-29T20:05:00.000001"
WEIGHTS = {"NASDAQ:AAPL": 0.2, "NYSE:XOM": 0.2, "NYSE:PG": 0.2, "NYSE:KO": 0.1}


def planned(world: World, capsys: pytest.CaptureFixture[str], *extra: str) -> tuple[int, dict[str, Any]]:
    code = run(["plan", "--config", str(world.config), "--json", *extra])
    return code, json.loads(capsys.readouterr().out)


def name_file(world: World, document: object, *, shape: str, key: str, run_of_file: str | None = RUN) -> Path:
    """Write the document into a run, or beside the manifest, and let the config name it."""
    runs = Runs(world.root / "platform")
    path = runs.write(json.loads(json.dumps(document).replace(STAMP, GENERATED)), run=run_of_file)
    text = world.config.read_text()
    for old, new in (
        (f'manifest = "{world.manifest}"', f'manifest = "{path}"'),
        ('runs_directory = "data/samples/sp500/runs"', f'runs_directory = "{runs.runs}"'),
        ('shapes_allowed = ["v3"]', f'shapes_allowed = ["{shape}"]'),
        ('"rank:1" = "1"', f'"{key}" = "1"'),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    world.config.write_text(text.replace('provenance_min = "VERIFIED"', 'provenance_min = "LEDGER_ONLY"'))
    return path


def test_a_flattened_file_is_planned(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [flat_row(symbol, weight) for symbol, weight in WEIGHTS.items()]
    name_file(world, flattened({"hrp": rows}), shape="flattened", key="flattened/hrp")
    code, document = planned(world, capsys)
    assert (code, document["decision"], document["source_run"]) == (0, "PLAN", {"run_id": RUN, "grade": "LEDGER_ONLY"})
    assert document["targets"] == {symbol: str(weight) for symbol, weight in sorted(WEIGHTS.items())}
    assert {line["symbol"] for line in document["lines"] if line["side"] == "BUY"} == set(WEIGHTS)


def test_raw_atoms_are_planned_where_the_config_asks_for_them(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    document = good_atoms()
    document["metadata"]["generated_at"] = STAMP
    document["optimization"]["regime"]["name"] = "NORMAL"
    document["profiles"] = {"hrp": {"assets": [atom_row(f"{symbol}_trend_LONG", weight) for symbol, weight in WEIGHTS.items()]}}
    name_file(world, document, shape="v2", key="v2/hrp")
    code, said = planned(world, capsys)
    assert (code, said["decision"]) == (0, "PLAN")
    assert set(said["targets"]) == set(WEIGHTS)


def test_a_file_outside_of_every_run_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    document = flattened({"hrp": [flat_row("NASDAQ:AAPL", 0.2)]})
    name_file(world, document, shape="flattened", key="flattened/hrp", run_of_file=None)
    code, said = planned(world, capsys)
    assert (code, said["decision"], said["code"]) == (3, "REFUSED", "PROVENANCE_BELOW_MINIMUM")
    assert said["source_run"] == {"run_id": "(no run)", "grade": "ABSENT"}


def test_another_shape_than_allowed_is_refused_by_its_content(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.manifest.write_text(json.dumps(flattened({"hrp": [flat_row("NASDAQ:AAPL", 0.2)]})))
    code, said = planned(world, capsys)
    assert (code, said["code"]) == (3, "SHAPE_NOT_ALLOWED")


def test_the_newest_of_two_places_is_planned(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    other = world.root / "orders" / "portfolio_optimized_v3.json"
    other.parent.mkdir()
    world.configure('shapes_allowed = ["v3"]', f'shapes_allowed = ["v3"]\nmanifest_also = ["{other}"]')
    before = planned(world, capsys)[1]["manifest_sha256"]
    shutil.copy(world.manifest, other)
    shutil.copy("data/samples/sp500/manifests/2022-03-31.json", world.manifest)
    assert planned(world, capsys)[1]["manifest_sha256"] == before
    other.write_text(other.read_text() + " ")
    shutil.copy("data/samples/sp500/manifests/2022-04-29.json", world.manifest)
    code, said = planned(world, capsys)
    assert (code, said["code"]) == (3, "MANIFESTS_CONFLICT")
    assert planned(world, capsys, "--manifest", str(world.manifest))[1]["manifest_sha256"] == before
