"""`sluice data import | show | check` as a person calls them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from commands.main import run
from lakehouse.import_manifest import read_manifests
from tests.catalog.made import bar_lines, write_csv

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def imported(tmp_path: Path, *more: str, lines: list[str] | None = None) -> int:
    file = write_csv(tmp_path / "bars.csv", bar_lines(20) if lines is None else lines)
    words = ["--symbol", "BINANCE:BTCUSDT", "--kind", "bars", "--bar", "1m", "--stamp", "close", "--tick", "0.01"]
    words += ["--step", "0.00001"]
    return run(["data", "import", str(file), *words, "--catalog", str(tmp_path / "c"), *more])


def test_import_show_and_check_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(tmp_path) == 0
    assert "20 of 20 rows" in capsys.readouterr().out
    assert run(["data", "show", str(tmp_path / "c")]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith("bars BTCUSDT.BINANCE-1-MINUTE-LAST-EXTERNAL    20  2025-01-06 14:00")
    assert run(["data", "check", str(tmp_path / "c")]) == 0
    assert "2 files" in capsys.readouterr().out


def test_show_as_json_names_every_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(tmp_path)
    capsys.readouterr()
    run(["data", "show", str(tmp_path / "c"), "--json"])
    (series,) = json.loads(capsys.readouterr().out)["series"]
    assert (series["symbol"], series["rows"], series["imports"]) == ("BINANCE:BTCUSDT", 20, 1)


@pytest.mark.parametrize("spoil", ["CHANGED", "MISSING", "UNLISTED"])
def test_check_names_a_file_that_is_not_as_it_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: str) -> None:
    imported(tmp_path)
    (file,) = (tmp_path / "c" / "data" / "bar").rglob("*.parquet")
    if spoil == "CHANGED":
        data = bytearray(file.read_bytes())
        data[100] ^= 1
        file.write_bytes(data)
    elif spoil == "MISSING":
        file.unlink()
    else:
        file.with_name("planted.parquet").write_bytes(file.read_bytes())
    capsys.readouterr()
    assert run(["data", "check", str(tmp_path / "c"), "--json"]) == 1
    assert [problem["code"] for problem in json.loads(capsys.readouterr().out)["problems"]] == [spoil]


def test_tick_and_step_come_from_the_limits_file(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "bars.csv", bar_lines(5))
    words = "--symbol BINANCE:BTCUSDT --kind bars --bar 1m --stamp close --limits data/samples/crypto/limits.json"
    assert run(["data", "import", str(file), *words.split(), "--catalog", str(tmp_path / "c")]) == 0
    assert read_manifests(tmp_path / "c")[0].settings["tick_size"] == "0.01"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--symbol BINANCE:BTCUSDT --kind bars --bar 1m --stamp close", "TICK_UNKNOWN"),
        ("--symbol BINANCE:NONE --kind bars --bar 1m --stamp close --tick 1 --step 1", "NOT_LISTED"),
        ("--symbol BINANCE:BTCUSDT --kind bars --tick 1 --step 1", "USAGE"),
        ("--symbol BINANCE:BTCUSDT --kind bars --bar 7m --tick 1 --step 1", "BAR_LENGTH"),
        ("--symbol BINANCE:BTCUSDT --kind quotes --bar 1m --tick 1 --step 1", "USAGE"),
        ("--symbol BINANCE:BTCUSDT --kind bars --bar 1m --tick 1 --step 1 --zone Mars", "USAGE"),
        ("--symbol BINANCE:BTCUSDT --kind bars --bar 1m --tick 0 --step 1", "USAGE"),
        ("--symbol BINANCE:BTCUSDT --kind bars --bar 1m --tick 1 --step 1 --bid x", "USAGE"),
        ("--symbol BINANCE:BTCUSDT --kind bars --bar 1m --tick 1 --step 1 --session-close 16:00", "USAGE"),
    ],
)
def test_what_is_not_said_clearly_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, code: str) -> None:
    file = write_csv(tmp_path / "bars.csv", bar_lines(5))
    assert run(["data", "import", str(file), *words.split(), "--catalog", str(tmp_path / "c"), "--json"]) in (1, 2)
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
    assert not (tmp_path / "c" / "data").exists()


@pytest.mark.parametrize("command", ["show", "check"])
def test_a_directory_without_a_catalog_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run(["data", command, str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "CATALOG_MISSING"


def test_the_import_the_readme_shows_works(tmp_path: Path) -> None:
    words = re.search(r"sluice (data import .+?)\n\n", (ROOT / "README.md").read_text(), re.DOTALL)
    assert words is not None
    command = words[1].replace("\\", " ").replace("data/lakehouse/bars", str(tmp_path / "c")).split()
    assert run(command) == 0
    assert read_manifests(tmp_path / "c")[0].rows_written == 744


def test_daily_bars_with_bare_days_end_with_their_session(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "xom.csv", ["2022-03-11,84,85,83,84.5,100", "2022-03-14,84,85,83,84.25,100"])
    words = f"data import {file} --symbol NYSE:XOM --kind bars --bar 1d --session-close 16:00 --zone America/New_York --tick 0.01"
    assert run([*words.split(), "--step", "1", "--catalog", str(tmp_path / "c")]) == 0
    facts = read_manifests(tmp_path / "c")[0]
    ends = [datetime.fromtimestamp(ns // 10**9, UTC).isoformat() for ns in (facts.first_ns or 0, facts.last_ns or 0)]
    assert ends == ["2022-03-11T21:00:00+00:00", "2022-03-14T20:00:00+00:00"]  # daylight saving began between them
    assert facts.gaps == 0


def test_nautilus_itself_reads_what_was_imported(tmp_path: Path) -> None:
    imported(tmp_path)
    catalog = ParquetDataCatalog(str(tmp_path / "c"))
    (instrument,) = catalog.instruments()
    bars = catalog.bars(instrument_ids=["BTCUSDT.BINANCE"])
    assert (str(instrument.price_increment), str(instrument.size_increment)) == ("0.01", "0.00001")
    assert [str(bar.close) for bar in bars] == [f"{Decimal(line.split(',')[4]):.2f}" for line in bar_lines(20)]
