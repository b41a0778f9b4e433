"""The bundled backtest: verified, repeatable to the byte, and its summary agrees with its own record."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.verifier import verify
from orders.errors import ConfigError
from sim.backtest_report import Wanted, run_backtest
from sim.backtest_run import backtest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "data/configs/backtest.toml"


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped config cut to 2022, as a file."""
    text = CONFIG.read_text().replace("start = 2019-01-31", "start = 2022-01-03")
    path = tmp_path_factory.mktemp("config") / "year.toml"
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def silent(day: str, done: int, total: int) -> None:
    """No progress in tests."""


def test_record_verifies_and_agrees_with_the_summary(year: Path, tmp_path: Path) -> None:
    config = load_config(year)
    layout = Layout(directory=tmp_path / "run")
    summary, failures = backtest(config, read_inputs(config), layout=layout, run_id="one", say=silent)
    report = verify(layout.directory)
    assert failures == []
    assert report.ok, report.first_bad
    assert report.fills == summary.fills > 50
    assert summary.manifests_refused == 1
    assert summary.refusals["MANIFEST_CONTRADICTION"] == 1
    assert sum(report.fees.values()) == summary.fees


def test_every_fill_is_at_the_assumed_price_after_the_assumed_latency(year: Path, tmp_path: Path) -> None:
    config = load_config(year)
    layout = Layout(directory=tmp_path / "run")
    backtest(config, read_inputs(config), layout=layout, run_id="one", say=silent)
    fills = [line for line in map(json.loads, layout.log.read_text().splitlines()) if line["type"] == "fill"]
    for fill in fills:
        sign = 1 if fill["side"] == "BUY" else -1
        bps = sign * (Decimal(fill["price"]) / Decimal(fill["arrival_mid"]) - 1) * 10_000
        assert Decimal("0.99") < bps < Decimal("1.2")
        assert 40_000_000 <= fill["event_ns"] - fill["sent_ns"] <= 200_000_000


def test_two_runs_leave_the_same_bytes(year: Path, tmp_path: Path) -> None:
    config = load_config(year)
    inputs = read_inputs(config)
    layouts = [Layout(directory=tmp_path / name) for name in ("one", "two")]
    for layout in layouts:
        backtest(config, inputs, layout=layout, run_id="same", say=silent)
    assert layouts[0].log.read_bytes() == layouts[1].log.read_bytes()
    assert layouts[0].ledger.read_bytes() == layouts[1].ledger.read_bytes()


def test_a_directory_with_a_record_is_not_written_over(year: Path, tmp_path: Path) -> None:
    (tmp_path / "execution_logs.jsonl").write_text("{}\n")
    with pytest.raises(ConfigError, match="OUTPUT_IN_USE"):
        run_backtest(year, Wanted(as_json=True, output=tmp_path))
    assert (tmp_path / "execution_logs.jsonl").read_text() == "{}\n"
