"""VWAP profiles of an imported catalog: traded volume once, of bars that fit the buckets."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from engine.run_config import load_config
from engine.volume_profiles import load_profiles
from lakehouse.price_kinds import bar_length
from tests.catalog.made import BTC, order, put, write_csv

ROOT = Path(__file__).resolve().parents[2]
MIDNIGHT_S = 1_735_689_600  # 2025-01-01; the config's span begins on the 7th


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def import_bars(tmp_path: Path, length: str, price_type: str, volumes: list[str]) -> None:
    bar = bar_length(length)
    lines = [f"{MIDNIGHT_S + (place + 1) * bar.ns // 10**9},1,1,1,1,{volume}" for place, volume in enumerate(volumes)]
    file = write_csv(tmp_path / f"{length}{price_type}.csv", lines)
    put(tmp_path / "c", file, order(bar=bar, price_type=price_type))


def profile(tmp_path: Path, bucket_s: int) -> tuple[Decimal, ...] | None:
    text = (ROOT / "data/configs/backtest_catalog.toml").read_text()
    table = f'[schedules.v]\nkind = "vwap"\nduration_s = 600\nslices = 5\nbucket_s = {bucket_s}\ncatalog = "{tmp_path / "c"}"\n'
    path = tmp_path / "run.toml"
    path.write_text(text.replace("[symbols]", f"{table}\n[symbols]"))
    found = load_profiles(load_config(path), {BTC.symbol: BTC.instrument_id}, now_ns=0)["v"].get(BTC.symbol)
    return None if found is None else found.volumes


def test_the_clock_of_this_file_is_before_the_span() -> None:
    assert datetime.fromtimestamp(MIDNIGHT_S, UTC).date() == date(2025, 1, 1)


def test_volume_of_two_lengths_and_of_bids_is_not_counted_twice(tmp_path: Path) -> None:
    import_bars(tmp_path, "30m", "LAST", ["1", "2", "3", "4"])
    import_bars(tmp_path, "1h", "LAST", ["3", "7"])
    import_bars(tmp_path, "30m", "BID", ["9", "9", "9", "9"])
    volumes = profile(tmp_path, 3_600)
    assert volumes is not None
    assert volumes[:3] == (3, 7, 0)


def test_bars_longer_than_a_bucket_make_no_profile(tmp_path: Path) -> None:
    import_bars(tmp_path, "1h", "LAST", ["3", "7"])
    assert profile(tmp_path, 60) is None
