"""What the simulated venue was told to charge is what is fitted from its log, but for its ticks."""

from decimal import Decimal
from pathlib import Path

import pytest

from analysis.calibration import Status, calibrate
from analysis.calibration_data import observe
from analysis.log_store import open_log
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from sim.backtest_run import backtest

TICK_BPS = Decimal("0.1")  # prices from 10 on, in ticks of 0.0001
TOLD = {"bar_half_spread_bps": Decimal(3), "slippage_bps": Decimal(2)}


def test_costs_the_venue_charged_are_found_again_from_another_prior(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)
    text = Path("data/configs/backtest.toml").read_text()
    for name, value in TOLD.items():
        was = {"bar_half_spread_bps": "1", "slippage_bps": "0"}[name]
        assert f'\n{name} = "{was}"' in text
        text = text.replace(f'\n{name} = "{was}"', f'\n{name} = "{value}"')
    (tmp_path / "run.toml").write_text(text)
    config = load_config(tmp_path / "run.toml")
    layout = Layout(directory=tmp_path / "run")
    backtest(config, read_inputs(config), layout=layout, run_id="known", say=lambda day, done, total: None)
    with open_log(layout.log, copy=False) as store:
        seen = observe(store, volumes={}, volatilities={})
    found = calibrate(seen, prior=load_config(Path("data/configs/backtest.toml")).assumptions(), seed=1)
    rows = {each.name: each for each in found.parameters}
    for name, told in TOLD.items():
        estimate = rows[name].estimate
        assert rows[name].status is Status.FITTED
        assert estimate is not None
        assert abs(estimate - told) <= TICK_BPS
    latencies = seen.latencies.columns["latency_ms"]
    assert len(latencies) > 20
    assert latencies.min() >= 40
    assert latencies.max() < 60
    assert found.kinds == ("backtest",)
