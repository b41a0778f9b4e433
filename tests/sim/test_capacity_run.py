"""`sluice backtest --capacity`: a curve where volumes are known, a reason where they are not."""

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.capacity import CapacityRow
from commands.main import run
from lakehouse.volumes_snapshot import write_volumes
from orders.errors import ConfigError
from orders.values import AverageVolume
from sim.capacity import parse_capital, parse_impact

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = (
    "NASDAQ:AAPL", "NASDAQ:AMD", "NASDAQ:MSFT", "NASDAQ:PEP", "NYSE:BAC", "NYSE:BBY", "NYSE:CVX", "NYSE:GE", "NYSE:HD",
    "NYSE:JNJ", "NYSE:JPM", "NYSE:KO", "NYSE:LLY", "NYSE:MRK", "NYSE:PFE", "NYSE:PG", "NYSE:RRC", "NYSE:UNH", "NYSE:WMT",
    "NYSE:XOM",
)  # fmt: skip
YEARS_NS = (1_500_000_000 * 10**9, 1_700_000_000 * 10**9)


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def config(directory: Path, *, volumes: bool) -> Path:
    """The shipped backtest cut to a few months, with a volumes file where wanted."""
    text = (ROOT / "data/configs/backtest.toml").read_text()
    text = text.replace("start = 2019-01-31", "start = 2022-01-31").replace("end = 2022-12-28", "end = 2022-04-29")
    if volumes:
        file = directory / "volumes.json"
        volume = AverageVolume(units_per_day=Decimal(100_000), days=20, as_of_ns=YEARS_NS[0], valid_until_ns=YEARS_NS[1])
        write_volumes(file, dict.fromkeys(SYMBOLS, volume), made_at_ns=YEARS_NS[1], source="made for a test")
        text = text.replace('calendar = "none"', f'volumes = "{file}"\ncalendar = "none"')
    path = directory / "run.toml"
    path.write_text(text)
    return path


def charged(text: str) -> str:
    """The config with an impact that the run itself is charged."""
    facts = 'volatility_fraction = "0.02"\ndaily_volume = "50000"\n'
    rows = "".join(f'[assumptions.impact.by_symbol."{symbol}"]\n{facts}' for symbol in SYMBOLS)
    return f'{text}\n[assumptions.impact]\ncoefficient = "0.8"\n{rows}'


def told(directory: Path, capsys: pytest.CaptureFixture[str], *more: str, volumes: bool = True) -> dict[str, Any]:
    arguments = ["--no-stress", "--no-tearsheet", "--json", "--output", str(directory / "run"), *more]
    assert run(["backtest", str(config(directory, volumes=volumes)), *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_curve_stands_in_json_and_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(tmp_path, capsys, "--capacity", "1,4", "--impact", "0.9", "--csv", str(tmp_path / "csv"))
    one, four = found["capacity"]["rows"]
    assert Decimal(one["capital"]) == Decimal(found["equity_start"])
    assert Decimal(one["traded"]) == Decimal(found["traded_notional"]).quantize(Decimal("0.01"))
    assert Decimal(one["pnl"]) == Decimal(found["pnl"]) - Decimal(one["impact"])
    assert abs(Decimal(four["impact"]) - 8 * Decimal(one["impact"])) <= Decimal("0.05")
    rows = list(csv.DictReader((tmp_path / "csv" / "capacity.csv").read_text().splitlines()))
    assert list(rows[0]) == list(CapacityRow.__struct_fields__)
    assert [row["impact"] for row in rows] == [one["impact"], four["impact"]]


@pytest.mark.parametrize(
    ("more", "volumes", "words"),
    [
        (["--capacity"], True, "no impact coefficient"),
        (["--capacity", "--impact", "1"], False, "names a file of average daily volumes"),
    ],
    ids=["no coefficient", "no volumes"],
)
def test_what_is_not_known_is_said_instead_of_a_curve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], volumes: bool, words: str
) -> None:
    found = told(tmp_path, capsys, *more, volumes=volumes)["capacity"]
    assert words in found["unknown"]
    assert found["rows"] == []


def test_impact_is_not_counted_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, volumes=True)
    path.write_text(charged(path.read_text()))
    options = ["--no-stress", "--no-tearsheet", "--json", "--output", str(tmp_path / "run"), "--capacity", "--impact", "1"]
    assert run(["backtest", str(path), *options]) == 0
    found = json.loads(capsys.readouterr().out)["capacity"]
    assert "already" in found["unknown"]
    assert found["rows"] == []


@pytest.mark.parametrize("text", ["", "0", "-1", "1,x", "NaN", "data/configs/backtest.toml"])
def test_multiples_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="CAPACITY_LIST"):
        parse_capital(text)


@pytest.mark.parametrize("text", ["-0.1", "NaN", "1000"])
def test_a_coefficient_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="IMPACT_UNKNOWN"):
        parse_impact(text)


def test_an_impact_without_a_curve_is_refused_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from commands.main import run

    out = tmp_path / "out"
    assert run(["backtest", "data/configs/backtest.toml", "--impact", "1", "--output", str(out)]) == 2
    assert "--impact beside --capacity was expected" in capsys.readouterr().err
    assert not out.exists()
