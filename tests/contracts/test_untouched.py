"""Nothing of the platform is written: its ledgers, runs, manifests, logs and lists are the same bytes after everything ran."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from lakehouse.platform_ledger import verify_platform_ledger
from tests.gate.world import BTC, ETH, RUNS, SOURCE_RUN, World, manifest_text, quote, run_backtest, run_shadow

type Print = dict[str, tuple[int, int, int, int, bytes]]


def prints_of(folder: Path) -> Print:
    """Every file and directory below a folder: inode, mode, size, time of its last change, content."""
    found: Print = {}
    for path in [folder, *folder.rglob("*")]:
        stat = os.lstat(path)
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns, content)
    return found


def made(tmp_path: Path, *, spoil: bool = False) -> World:
    """A made day with runs, regime log and drift list of its own below `platform`."""
    world = World(tmp_path, quotes=[quote(name, at_ms) for at_ms in range(0, 2000, 100) for name in (BTC, ETH)]).write()
    platform = tmp_path / "platform"
    shutil.copytree(RUNS, platform / "runs")
    if spoil:
        with (platform / "runs" / SOURCE_RUN / "audit.jsonl").open("a") as file:
            file.write("\n")
    stamp = "2025-01-06T13:59:00+00:00"
    (platform / "regime_audit.jsonl").write_text(json.dumps({"timestamp": stamp, "regime": "QUIET", "quadrant": "NORMAL"}) + "\n")
    (world.lakehouse / "drift.csv").write_text("Profile,Symbol,Action,Size,Target_Weight,Market,Description\n")
    text = world.config_path.read_text().replace(str(RUNS), str(platform / "runs"))
    keys = (
        f'regime_audit = "{platform}/regime_audit.jsonl"\nregime_audit_age_max_h = 24\n'
        f'drift_csv = "{world.lakehouse}/drift.csv"\nreturns_check = "ledger"\n'
    )
    text = text.replace("[capital]\n", keys + "[capital]\n", 1)
    world.config_path.write_text(text.replace('provenance_min = "VERIFIED"', 'provenance_min = "BROKEN"'))
    return world


def outputs(record: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = record.get("outcome", {}).get("output_hashes", {})
    return found


def good_manifest(world: World) -> str:
    ledger = [json.loads(line) for line in (RUNS / SOURCE_RUN / "audit.jsonl").read_text().splitlines()]
    returns = next(outputs(record)["returns"] for record in ledger if "returns" in outputs(record))
    return manifest_text({BTC.symbol: "0.2", ETH.symbol: "0.1"}).replace("0" * 64, returns)


@pytest.mark.parametrize("spoil", [False, True], ids=["a sound run", "a run whose ledger is broken"])
def test_nothing_of_the_platform_is_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: bool) -> None:
    world = made(tmp_path, spoil=spoil)
    path = world.save("m.json", good_manifest(world))
    world.install(good_manifest(world))
    drift = prints_of(world.lakehouse / "drift.csv")
    before, manifest = prints_of(tmp_path / "platform"), world.manifest.read_bytes()
    grade = "BROKEN" if spoil else "VERIFIED"
    for lines in (run_backtest(world, [(0, path)]).lines, run_shadow(world).lines):
        assert {line["grade"] for line in lines if line["type"] == "manifest"} == {grade}
        assert any(line["type"] == "fill" for line in lines)
    for command in (["plan", "--config"], ["plan", "--json", "--config"], ["doctor"]):
        run([*command, str(world.config_path)])
    run(["verify", str(world.lakehouse)])
    run(["status", "--lakehouse", str(world.lakehouse)])
    capsys.readouterr()
    assert prints_of(tmp_path / "platform") == before
    assert prints_of(world.lakehouse / "drift.csv") == drift
    assert world.manifest.read_bytes() == manifest


def test_our_ledger_names_the_head_of_the_runs(tmp_path: Path) -> None:
    world = made(tmp_path)
    world.install(good_manifest(world))
    run_shadow(world)
    report = verify_platform_ledger((RUNS / SOURCE_RUN / "audit.jsonl").read_bytes())
    records: list[dict[str, Any]] = [json.loads(line) for line in world.layout.ledger.read_bytes().splitlines()]
    fills = [record["body"] for record in records if record["type"] == "FILL"]
    assert fills
    assert {fill["run_ledger_head"] for fill in fills} == {report.head}
    assert {fill["source_run"] for fill in fills} == {SOURCE_RUN}
