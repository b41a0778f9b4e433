"""`sluice calibrate`: a new file each time, used by its hash and never changed; a config that names one is held to it."""

import hashlib
import json
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from commands.main import run
from engine.config_problems import ConfigInvalid
from engine.run_config import load_config
from lakehouse.assumptions_file import read_assumptions, write_assumptions
from orders.canonical import canonical_sha256
from orders.errors import ConfigError
from sim.capacity import parse_impact
from tests.calibration.made import made_log

CONFIG = "data/configs/backtest.toml"


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)


@pytest.fixture
def lakehouse(tmp_path: Path) -> Path:
    directory = tmp_path / "lakehouse"
    directory.mkdir()
    made_log(directory / "execution_logs.jsonl", seed=11)
    return directory


def calibrated(lakehouse: Path, capsys: pytest.CaptureFixture[str], *more: str, config: str = CONFIG) -> dict[str, object]:
    assert run(["calibrate", config, "--lakehouse", str(lakehouse), "--json", *more]) == 0
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def naming(tmp_path: Path, *lines: str) -> Path:
    """Return a run config whose assumptions are these lines."""
    text = Path(CONFIG).read_text()
    head, rest = text.split("[assumptions] ", 1)
    path = tmp_path / "run.toml"
    path.write_text(head + "\n".join(["[assumptions]", *lines]) + "\n\n[symbols]" + rest.split("[symbols]", 1)[1])
    return path


def test_a_config_that_names_the_file_assumes_what_the_calibration_said(
    lakehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = calibrated(lakehouse, capsys, "--name", "calibrated-1")
    file = Path(str(told["file"]))
    assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    config = load_config(naming(tmp_path, f'file = "{file}"', f'sha256 = "{told["sha256"]}"'))
    assumed, before = config.assumptions(), load_config(Path(CONFIG)).assumptions()
    changed = told["changed"]
    assert isinstance(changed, dict)
    assert str(assumed.slippage_bps) == changed["slippage_bps"]
    assert str(assumed.bar_half_spread_bps) == changed["bar_half_spread_bps"]
    assert assumed.name == "calibrated-1"
    assert (assumed.fees, assumed.financing, assumed.cancel_latency_ns) == (
        before.fees,
        before.financing,
        before.cancel_latency_ns,
    )
    made = tomllib.loads(file.read_text())["made"]
    assert made["assumptions_sha256"] == canonical_sha256(assumed)
    assert made["prior_sha256"] == canonical_sha256(before)


def test_a_second_calibration_is_another_file_and_the_first_stays(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = Path(str(calibrated(lakehouse, capsys)["file"]))
    before = first.read_bytes()
    second = Path(str(calibrated(lakehouse, capsys)["file"]))
    assert (first.name, second.name) == ("assumptions-0001.toml", "assumptions-0002.toml")
    assert first.read_bytes() == before
    assert json.loads(second.with_suffix(".json").read_text())["out_of_sample"]


def test_no_config_is_touched(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path(CONFIG).read_bytes()
    calibrated(lakehouse, capsys)
    assert Path(CONFIG).read_bytes() == before


def test_a_calibration_goes_on_from_a_calibrated_file(
    lakehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = calibrated(lakehouse, capsys)
    config = naming(tmp_path, f'file = "{told["file"]}"', f'sha256 = "{told["sha256"]}"')
    again = calibrated(lakehouse, capsys, config=str(config))
    assert load_config(naming(tmp_path, f'file = "{again["file"]}"', f'sha256 = "{again["sha256"]}"'))


def test_where_the_prior_stands_in_everything_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "few"
    directory.mkdir()
    made_log(directory / "execution_logs.jsonl", seed=1, orders=20, limits=0)
    assert run(["calibrate", CONFIG, "--lakehouse", str(directory)]) == 3
    told = capsys.readouterr().out
    assert "nothing written: the prior stands in every assumption" in told
    assert "INCONCLUSIVE: 14 to fit and 6 to judge, 40 and 20 are needed: the prior stands" in told
    assert not (directory / "calibrations").exists()


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        (['file = "{file}"', 'sha256 = "' + "0" * 64 + '"'], "assumptions.sha256", "never changed"),
        (['file = "{file}"'], "assumptions.sha256", "is missing"),
        (['file = "{file}"', 'sha256 = "{sha256}"', 'slippage_bps = "9"'], "assumptions.slippage_bps", "must not stand beside"),
        (['file = "nowhere.toml"', 'sha256 = "{sha256}"'], "assumptions.file", "nowhere.toml"),
        (["file = 3", 'sha256 = "{sha256}"'], "assumptions.file", "text was expected, was 3"),
    ],
    ids=["another hash", "no hash", "a value beside the file", "no such file", "not a name"],
)  # fmt: skip
def test_a_file_that_is_named_badly_is_refused_on_its_line(
    lakehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], key: str, words: str
) -> None:
    told = calibrated(lakehouse, capsys)
    shown = [line.format(file=told["file"], sha256=told["sha256"]) for line in lines]
    with pytest.raises(ConfigInvalid) as caught:
        load_config(naming(tmp_path, *shown))
    assert [problem.key for problem in caught.value.problems] == [key]
    assert words in caught.value.problems[0].message


def test_a_changed_file_is_refused(lakehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = calibrated(lakehouse, capsys)
    file = Path(str(told["file"]))
    file.chmod(0o644)
    file.write_text(file.read_text().replace("own_consumption = true", "own_consumption = false"))
    with pytest.raises(ConfigInvalid, match="never changed"):
        load_config(naming(tmp_path, f'file = "{file}"', f'sha256 = "{told["sha256"]}"'))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--quotes", "x.csv"], "USAGE"), (["--run", "r", "--fills", "x.csv"], "USAGE"), (["--name", "a/b"], "UNSAFE_NAME"),
        (["--lakehouse", "nowhere"], "VANISHED"), (["--fills", "nowhere.csv"], "FILE_MISSING"),
    ],
    ids=["quotes without fills", "a run of fills", "no name", "no log", "no fills"],
)  # fmt: skip
def test_what_cannot_be_calibrated_is_one_error(arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["calibrate", CONFIG, *arguments]) in (1, 2)
    assert code in capsys.readouterr().err


def test_a_run_that_is_not_in_the_log_is_refused(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["calibrate", CONFIG, "--lakehouse", str(lakehouse), "--run", "nobody"]) == 2
    assert "RUN_UNKNOWN" in capsys.readouterr().err
    assert run(["calibrate", CONFIG, "--lakehouse", str(lakehouse), "--run", "run-1"]) == 0


def test_perfect_fills_have_nothing_to_calibrate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path(CONFIG).read_text().replace('fill_rule = "touch"', 'fill_rule = "perfect"')
    for name, was in (("slippage_bps", "0"), ("latency_ms", "40"), ("jitter_ms", "20"), ("bar_half_spread_bps", "1")):
        text = text.replace(f'\n{name} = "{was}"', f'\n{name} = "0"')
    path = tmp_path / "perfect.toml"
    path.write_text(text.replace('cancel_latency_ms = "40"', 'cancel_latency_ms = "0"'))
    assert run(["calibrate", str(path)]) == 2
    assert "CALIBRATE_PERFECT" in capsys.readouterr().err


def test_a_file_without_a_fitted_coefficient_serves_no_capacity(lakehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = calibrated(lakehouse, capsys)  # this config names no volumes
    with pytest.raises(ConfigError, match="IMPACT_UNKNOWN"):
        parse_impact(str(told["file"]))


def test_a_fitted_coefficient_serves_a_capacity_with_the_end_of_its_interval(tmp_path: Path) -> None:
    row = {"estimate": "0.91", "high": "1.2", "rows": 300}
    file, _ = write_assumptions(tmp_path, assumptions={}, made={}, parameters={"impact_coefficient": row}, report={})
    found = parse_impact(str(file))
    assert (found.value, found.high) == (Decimal("0.91"), Decimal("1.2"))
    assert "300 parent orders" in found.source


def test_a_table_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    table = {
        "seed": 2**63 - 1,
        "own_consumption": True,
        "name": 'odd "\\ \x7f \U0001f600',
        "fees": {"A.B": {"maker_fraction": "0.0001"}},
        "financing": {"borrow": {"NASDAQ:AAPL": "0"}, "funding": {}},
    }
    file, sha256 = write_assumptions(tmp_path, assumptions=table, made={"run": None}, parameters={}, report={})
    assert read_assumptions(file, sha256=sha256) == table
