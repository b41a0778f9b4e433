"""A real backtest's cost tree against its summary, which another road led to, and against what its plans forecast."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from analysis.cost_groups import group_costs
from analysis.cost_tree import order_costs
from analysis.execution_ratios import forecast_gaps
from analysis.log_store import LogStore, open_log
from analysis.paper_check import check_paper
from analysis.run_summary import RunSummary
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from orders.exact import exact_arithmetic
from sim.backtest_run import backtest

ROOT = Path(__file__).resolve().parents[2]
D = Decimal


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSummary, LogStore]:
    """2022 of the shipped config with two winners."""
    folder = tmp_path_factory.mktemp("run")
    text = (ROOT / "data/configs/backtest.toml").read_text().replace("start = 2019-01-31", "start = 2022-01-03")
    (folder / "config.toml").write_text(text.replace('"rank:1" = "1"', '"rank:1" = "0.6"\n"rank:2" = "0.4"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        config = load_config(folder / "config.toml")
        layout = Layout(directory=folder / "out")
        summary, failures = backtest(config, read_inputs(config), layout=layout, run_id="one", say=lambda day, done, total: None)
    assert failures == []
    store = open_log(layout.log)
    order_costs(store)
    return summary, store


def test_trading_and_fees_are_the_summarys(run: tuple[RunSummary, LogStore]) -> None:
    summary, store = run
    whole = group_costs(store)[0]
    with exact_arithmetic():
        assert whole.trading == summary.spread + summary.slippage
    assert whole.amounts["fees"] == summary.fees
    assert (whole.fills, whole.unvalued, whole.unpriced, whole.endless) == (summary.fills, 0, 0, 0)


def test_winners_pay_what_their_books_say(run: tuple[RunSummary, LogStore]) -> None:
    summary, store = run
    found = {group.key[0]: group for group in group_costs(store, by=["winner"])}
    with exact_arithmetic():
        assert sum((group.total for group in found.values()), D(0)) == group_costs(store)[0].total
    for winner in summary.winners:
        if winner.winner:
            assert abs(found[winner.winner].amounts["fees"] - winner.fees) < D("1")


def test_the_forecast_is_met_but_for_what_moved_and_was_not_filled(run: tuple[RunSummary, LogStore]) -> None:
    _, store = run
    found = forecast_gaps(store)[0]
    assert found.forecast > 0
    assert found.forecast_bps is not None
    assert found.realised_bps is not None
    assert abs(found.forecast_bps - found.realised_bps) < D("0.05")
    filled = next(group for group in group_costs(store, by=["state"]) if group.key == ("filled",))
    told = store.rows("SELECT sum(l.fee_base) FROM order_costs JOIN cost_planned l USING (cycle, line) WHERE state = 'filled'")[
        0
    ][0]
    assert 0 <= filled.amounts["fees"] - told <= D("0.02") * filled.orders  # rounded up to a cent, at a price rounded to the tick


def test_no_fill_was_better_than_the_book(run: tuple[RunSummary, LogStore]) -> None:
    found = check_paper(run[1])
    assert (found.better, found.unknown, found.score) == (0, 0, 1)


def test_one_function_forecasts_and_charges_fees() -> None:
    """Nothing else multiplies by a fee schedule's fractions: the plan, the release and the simulated venue ask `fee_for`."""
    multiplied = re.compile(r"(\*|multiply\().*\.?(taker|maker)_fraction|(taker|maker)_fraction\s*\*|quantity, part\)")
    rooms = ("orders", "strategies", "venues", "sentinel", "sim", "engine")
    paths = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    found = {str(path.relative_to(ROOT)) for path in paths if multiplied.search(path.read_text())}
    assert found == {
        "orders/costs.py",
        "strategies/cash_fit.py",  # the most an open order may take of cash: a bound, which is never charged nor forecast
    }
    asking = {str(path.relative_to(ROOT)) for path in paths if "fee_for(" in path.read_text()}
    assert {"strategies/plan_lines.py", "venues/simulated/models.py"} <= asking
