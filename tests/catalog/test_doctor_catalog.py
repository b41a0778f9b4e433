"""The doctor on a price catalog: as it was imported, and over the whole span of the config."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from commands.doctor_files import examine_files
from commands.findings import FAIL, WARN, WELL, Finding
from engine.run_config import load_config

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = "data/samples/bars/catalog"


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def finding(tmp_path: Path, *changes: tuple[str, str]) -> Finding:
    text = (ROOT / "data/configs/backtest_catalog.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "run.toml"
    path.write_text(text)
    return next(each for each in examine_files(load_config(path), now_ns=0) if each.name == "catalog")


def test_a_catalog_over_the_whole_span_is_well(tmp_path: Path) -> None:
    found = finding(tmp_path)
    assert (found.state, "2 series of bars, 1488 rows" in found.found) == (WELL, True)


def test_a_catalog_that_ends_too_early_is_said(tmp_path: Path) -> None:
    found = finding(tmp_path, ("end = 2025-02-06", "end = 2025-03-06"))
    assert (found.state, "not over the whole span" in found.found) == (WARN, True)


@pytest.mark.parametrize("spoil", ["a byte", "no such prices"])
def test_a_catalog_that_a_run_would_refuse_fails(tmp_path: Path, spoil: str) -> None:
    shutil.copytree(SAMPLE, tmp_path / "c")
    changes = [(f'"{SAMPLE}"', f'"{tmp_path / "c"}"')]
    if spoil == "a byte":
        file = next((tmp_path / "c/data/bar").rglob("*.parquet"))
        data = bytearray(file.read_bytes())
        data[200] ^= 1
        file.write_bytes(data)
    else:
        changes += [('prices = "bars"', 'prices = "quotes"'), ('bar = "1h"', "#")]
    assert finding(tmp_path, *changes).state == FAIL
