"""A result computed a second time from the log by plain loops that share nothing with it: every figure agrees."""

from __future__ import annotations

import csv
import gzip
import json
import statistics
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from math import isclose, sqrt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analysis.run_summary import RunSummary
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from sim.backtest_run import backtest

ROOT = Path(__file__).resolve().parents[2]
D = Decimal
YORK = ZoneInfo("America/New_York")


class Recomputed:
    """Closes from the sample's file, fills from the log; a fill's cash and units, day by day."""

    def __init__(self, log: Path, *, start: date, end: date) -> None:
        self.lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.fills = [line for line in self.lines if line["type"] == "fill"]
        self.equities: list[tuple[date, Decimal]] = []
        cash, units, price = D(self.lines[0]["starting_cash"]["US"]["USD"]), defaultdict(Decimal), {}
        waiting = list(self.fills)
        with gzip.open(ROOT / "data/samples/sp500/closes.csv.gz", "rt") as file:
            for row in csv.DictReader(file):
                day = date.fromisoformat(row.pop("date"))
                if not start <= day <= end:
                    continue
                close_ns = int(datetime(day.year, day.month, day.day, 16, tzinfo=YORK).timestamp()) * 10**9
                while waiting and (waiting[0]["market_ns"] < close_ns or day == end):
                    fill = waiting.pop(0)
                    sign = 1 if fill["side"] == "BUY" else -1
                    cash -= sign * D(fill["quantity"]) * D(fill["price"]) + D(fill["fee"])
                    units[fill["symbol"]] += sign * D(fill["quantity"])
                price |= {symbol: D(text) for symbol, text in row.items() if text}
                self.equities.append((day, cash + sum((held * price[symbol] for symbol, held in units.items()), D(0))))
        assert not waiting


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSummary, Recomputed]:
    folder = tmp_path_factory.mktemp("run")
    path = folder / "config.toml"
    path.write_text((ROOT / "data/configs/backtest.toml").read_text().replace("start = 2019-01-31", "start = 2022-01-03"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        config = load_config(path)
        layout = Layout(directory=folder / "out")
        summary, failures = backtest(config, read_inputs(config), layout=layout, run_id="one", say=lambda day, done, total: None)
    assert failures == []
    return summary, Recomputed(layout.log, start=date(2022, 1, 3), end=date(2022, 12, 28))


def test_every_days_equity_is_cash_and_units_at_the_close(both: tuple[RunSummary, Recomputed]) -> None:
    summary, plain = both
    assert [(day.day, day.equity) for day in summary.performance.days] == plain.equities
    assert summary.equity_end == plain.equities[-1][1]
    assert summary.pnl == plain.equities[-1][1] - 1_000_000


def test_return_drawdown_and_ratios(both: tuple[RunSummary, Recomputed]) -> None:
    summary, plain = both
    equities = [float(equity) for _, equity in plain.equities]
    returns = [after / before - 1 for before, after in pairwise(equities)]
    worst = max(1 - low / max(equities[: number + 1]) for number, low in enumerate(equities))
    assert isclose(summary.return_fraction, equities[-1] / equities[0] - 1, rel_tol=1e-12)
    assert isclose(summary.drawdown_max_fraction, worst, rel_tol=1e-12)
    assert summary.performance.sharpe is not None
    assert isclose(summary.performance.sharpe, statistics.mean(returns) / statistics.stdev(returns) * sqrt(252), rel_tol=1e-9)


def test_months(both: tuple[RunSummary, Recomputed]) -> None:
    summary, plain = both
    last = {day.strftime("%Y-%m"): equity for day, equity in plain.equities}
    before = [D(1_000_000), *last.values()]
    assert [(m.month, m.return_fraction) for m in summary.performance.months] == [
        (month, equity / start - 1) for (month, equity), start in zip(last.items(), before, strict=False)
    ]


def test_costs_and_turnover(both: tuple[RunSummary, Recomputed]) -> None:
    summary, plain = both
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for fill in plain.fills:
        buy, quantity, price, mid = fill["side"] == "BUY", D(fill["quantity"]), D(fill["price"]), D(fill["arrival_mid"])
        touch = D(fill["arrival_ask" if buy else "arrival_bid"])
        sums["fees"] += D(fill["fee"])
        sums["spread"] += quantity * abs(touch - mid)
        sums["slippage"] += quantity * (price - touch if buy else touch - price)
        sums["traded"] += quantity * price
        sums["at_mid"] += quantity * mid
    assert (summary.fees, summary.spread, summary.slippage) == (sums["fees"], sums["spread"], sums["slippage"])
    assert summary.traded_notional == sums["traded"] == sum((day.traded for day in summary.performance.days), D(0))
    costs = sums["fees"] + sums["spread"] + sums["slippage"]
    assert summary.costs == costs == sum((day.costs for day in summary.performance.days), D(0))
    assert summary.costs_bps is not None
    assert isclose(summary.costs_bps, costs / sums["at_mid"] * 10_000, rel_tol=1e-20)
    mean = sum(equity for _, equity in plain.equities) / len(plain.equities)
    assert isclose(summary.turnover, sums["traded"] / mean, rel_tol=1e-20)


def test_counts_and_tracking_error(both: tuple[RunSummary, Recomputed]) -> None:
    summary, plain = both
    kinds = Counter(line["type"] for line in plain.lines)
    plans = [line["plan"] for line in plain.lines if line["type"] == "plan" and line["plan"] is not None]
    assert (summary.fills, summary.manifests) == (kinds["fill"], kinds["manifest"])
    assert summary.not_traded == Counter(line["reason"] for line in plain.lines if line["type"] == "skip")
    assert summary.tracking_error_bps is not None
    assert isclose(summary.tracking_error_bps, sum(D(p["tracking_error_bps"]) for p in plans) / len(plans), rel_tol=1e-20)


def test_winners_sum_to_the_run(both: tuple[RunSummary, Recomputed]) -> None:
    summary, _ = both
    for name, whole in (("pnl", summary.pnl), ("fees", summary.fees), ("spread", summary.spread), ("slippage", summary.slippage)):
        total: Any = sum((getattr(winner, name) for winner in summary.winners), D(0))
        assert total == whole
