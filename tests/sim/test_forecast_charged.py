"""A plan's forecast is what the simulated venue charges where the market does not move: one function says both."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from analysis.cost_tree import order_costs
from analysis.execution_ratios import ForecastGap, forecast_gaps
from analysis.log_store import open_log
from engine.inputs import read_inputs
from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout
from sim.backtest_run import backtest

ROOT = Path(__file__).resolve().parents[2]
D = Decimal
CENT = D("0.01")
SMALL = '\n[assumptions.impact]\ncoefficient = "0.8"\n{rows}'
ROW = '[assumptions.impact.by_symbol."{symbol}"]\nvolatility_fraction = "0.02"\ndaily_volume = "50000"\n'
CHARGED: Mapping[str, tuple[dict[str, str], str]] = {
    "half spread": ({}, ""),
    "slippage": ({'slippage_bps = "0"': 'slippage_bps = "2.5"'}, ""),
    "venue of its own": (
        {'slippage_bps = "0"': 'slippage_bps = "9"'},
        '\n[assumptions.by_venue.US]\nslippage_bps = "1"\nbar_half_spread_bps = "4"\n',
    ),
    "impact": ({'slippage_bps = "0"': 'slippage_bps = "1"'}, SMALL),
    "perfect": (
        {
            'fill_rule = "touch"': 'fill_rule = "perfect"',
            'latency_ms = "40"': 'latency_ms = "0"',
            'jitter_ms = "20"': 'jitter_ms = "0"',
        },
        "",
    ),
}


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def config_of(name: str, directory: Path) -> RunConfig:
    """The shipped backtest of one quarter, filled at the very closes its plans were made on."""
    changes, appended = CHARGED[name]
    text = (ROOT / "data/configs/backtest.toml").read_text()
    text = text.replace("start = 2019-01-31", "start = 2022-01-31").replace("end = 2022-12-28", "end = 2022-04-29")
    for was, now in {'fill_at = "next_bar"': 'fill_at = "same_close"', **changes}.items():
        assert was in text
        text = text.replace(was, now)
    shipped = load_config(ROOT / "data/configs/backtest.toml")
    rows = "".join(ROW.format(symbol=symbol) for symbol in shipped.sentinel.allow["US"])
    path = directory / "still.toml"
    path.write_text(text + appended.format(rows=rows))
    return load_config(path)


def gaps_of(name: str, directory: Path) -> tuple[ForecastGap, int, int]:
    """The whole run's gap, its filled orders, and how many of them cost beyond the touch."""
    config = config_of(name, directory)
    layout = Layout(directory=directory / "run")
    _, failures = backtest(config, read_inputs(config), layout=layout, run_id="still", say=lambda day, done, total: None)
    assert failures == []
    with open_log(layout.log, copy=False) as store:
        order_costs(store)
        rows = store.rows("SELECT count(*), count(*) FILTER (impact > 0) FROM order_costs WHERE state = 'filled'")
        orders, beyond = rows[0]
        prices = store.rows(
            """SELECT DISTINCT f.price = l.forecast_price FROM fills f
            JOIN intents i USING (client_order_id) JOIN plan_lines l ON l.cycle = i.cycle AND l.line = i.line"""
        )
        assert prices == [(True,)]
        found = forecast_gaps(store)[0]
    return found, int(orders), int(beyond)


@pytest.mark.parametrize("name", CHARGED)
def test_the_forecast_is_charged_to_the_digit_where_the_market_stands_still(name: str, tmp_path: Path) -> None:
    found, orders, _ = gaps_of(name, tmp_path)
    assert orders == found.orders > 20
    assert (found.spread_gap, found.impact_gap, found.timing, found.unsplit) == (0, 0, 0, 0)
    assert 0 <= found.fees_gap < CENT * orders  # a venue rounds each fee up to its currency's unit


def test_impact_is_charged_on_top_of_slippage(tmp_path: Path) -> None:
    found, orders, beyond = gaps_of("impact", tmp_path)
    assert beyond == orders
    assert found.forecast_impact > 0
    (tmp_path / "less").mkdir()
    assert found.forecast_impact > gaps_of("venue of its own", tmp_path / "less")[0].forecast_impact
