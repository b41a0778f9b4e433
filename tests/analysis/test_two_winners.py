"""Two winners of the sample in one book: what is told of each sums to the run, and every fill is somebody's."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.run_summary import RunSummary
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from orders.exact import exact_arithmetic
from sim.backtest_run import backtest

ROOT = Path(__file__).resolve().parents[2]
D = Decimal
HRP, MINIMUM = "skfolio/hrp", "skfolio/min_variance"


def run(folder: Path, winners: str) -> tuple[RunSummary, list[dict[str, Any]]]:
    """Run 2022 of the shipped config with this capital by winner."""
    text = (ROOT / "data/configs/backtest.toml").read_text().replace("start = 2019-01-31", "start = 2022-01-03")
    folder.mkdir()
    (folder / "config.toml").write_text(text.replace('"rank:1" = "1"', winners))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        config = load_config(folder / "config.toml")
        layout = Layout(directory=folder / "run")
        summary, failures = backtest(config, read_inputs(config), layout=layout, run_id="one", say=lambda day, done, total: None)
    assert failures == []
    return summary, [json.loads(line) for line in layout.log.read_text().splitlines()]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSummary, list[dict[str, Any]]]:
    return run(tmp_path_factory.mktemp("two") / "both", '"rank:1" = "0.6"\n"rank:2" = "0.4"')


def test_what_is_told_of_winners_sums_to_the_run_to_the_digit(both: tuple[RunSummary, list[dict[str, Any]]]) -> None:
    summary, lines = both
    assert [winner.winner for winner in summary.winners] == [HRP, MINIMUM, ""]
    at_mid = sum((D(line["quantity"]) * D(line["arrival_mid"]) for line in lines if line["type"] == "fill"), D(0))
    whole = {"pnl": summary.pnl, "fees": summary.fees, "spread": summary.spread, "slippage": summary.slippage, "traded": at_mid}
    with exact_arithmetic():
        for name, total in whole.items():
            assert sum((getattr(winner, name) for winner in summary.winners), D(0)) == total


def test_every_fill_is_somebodys(both: tuple[RunSummary, list[dict[str, Any]]]) -> None:
    summary, lines = both
    nobody = summary.winners[-1]
    assert (nobody.pnl, nobody.traded, nobody.fills) == (0, 0, 0)
    for fill in (line for line in lines if line["type"] == "fill"):
        assert sum(map(D, fill["attribution"].values()), D(0)) == D(fill["quantity"])


def test_both_trade_and_hand_over_between_them(both: tuple[RunSummary, list[dict[str, Any]]]) -> None:
    summary, _ = both
    one, two, _ = summary.winners
    assert min(one.traded, two.traded) > 100_000
    assert one.crossed == two.crossed > 0
    assert one.fills + two.fills > summary.fills


def test_of_one_winner_everything_is_its_own(tmp_path: Path) -> None:
    summary, _ = run(tmp_path / "one", '"rank:2" = "1"')
    alone = summary.winners[0]
    assert (alone.winner, alone.pnl, alone.fills, alone.crossed) == (MINIMUM, summary.pnl, summary.fills, 0)
