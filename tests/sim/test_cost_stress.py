"""The same run at other costs: same rules, dearer; forecast and charge move together; nothing is left behind."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.run_summary import RunSummary
from engine.config_costs import with_costs
from engine.config_sections import FundingSection
from engine.inputs import read_inputs
from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout
from orders.errors import ConfigError
from orders.values import MarketLimits
from sim.backtest_run import backtest, read_feed
from sim.cost_stress import parse_multiples, stress, widened
from sim.feed import FeedQuote

ROOT = Path(__file__).resolve().parents[2]
D = Decimal


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """The shipped config cut to the first half of 2022, with a slippage to scale."""
    text = (ROOT / "data/configs/backtest.toml").read_text()
    text = text.replace("start = 2019-01-31", "start = 2022-01-31").replace("end = 2022-12-28", "end = 2022-06-30")
    path = tmp_path_factory.mktemp("config") / "half.toml"
    path.write_text(text.replace('slippage_bps = "0"', 'slippage_bps = "2"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return load_config(path)


def run(config: RunConfig, directory: Path) -> tuple[RunSummary, list[dict[str, Any]]]:
    summary, failures = backtest(
        config, read_inputs(config), layout=Layout(directory=directory), run_id="same", say=lambda day, done, total: None
    )
    assert failures == []
    return summary, [json.loads(line) for line in (directory / "execution_logs.jsonl").read_text().splitlines()]


def test_once_the_costs_is_the_run_itself_to_the_byte(config: RunConfig, tmp_path: Path) -> None:
    _, one = run(config, tmp_path / "one")
    _, two = run(with_costs(config, D(1)), tmp_path / "two")
    assert [line for line in one if line["type"] != "run_start"] == [line for line in two if line["type"] != "run_start"]


def test_three_times_the_costs_are_charged_and_forecast(config: RunConfig, tmp_path: Path) -> None:
    summary, lines = run(with_costs(config, D(3)), tmp_path / "dear")
    intents = {line["client_order_id"]: line for line in lines if line["type"] == "intent"}
    fills = [line for line in lines if line["type"] == "fill"]
    assert len(fills) > 20
    for fill in fills:
        notional, mid = D(fill["notional_quote"]), D(fill["arrival_mid"])
        sign = 1 if fill["side"] == "BUY" else -1
        assert D("0.0003") * notional <= D(fill["fee"]) < D("0.0003") * notional + D("0.01")
        assert D("8.9") < sign * (D(fill["price"]) / mid - 1) * 10_000 < D("9.3")  # 3 x (1 bp half spread + 2 bp slippage)
        forecast, fee = D(intents[fill["client_order_id"]]["forecast_fee_base"]), D(fill["fee"])
        assert abs(forecast - fee) < D("0.01") + fee / 100
    assert summary.fees == sum(D(fill["fee"]) for fill in fills)


def test_latency_and_everything_else_stay(config: RunConfig) -> None:
    dear = with_costs(config, D(2)).assumptions()
    same = ("latency_ns", "jitter_ns", "cancel_latency_ns", "seed", "fill_rule", "fill_at", "own_consumption", "name")
    assert [getattr(dear, name) for name in same] == [getattr(config.assumptions(), name) for name in same]
    assert (dear.slippage_bps, dear.bar_half_spread_bps, dear.fees["US"].taker_fraction) == (D(4), D(2), D("0.0002"))


def test_what_holding_costs_is_multiplied_and_what_it_earns_is_not(config: RunConfig) -> None:
    terms = config.assumptions_section.financing
    paying = terms.model_copy(
        update={
            "borrow": {"US": D("0.01"), "NYSE:GE": D("0.3")},
            "interest": {
                "USD": terms.interest["USD"].model_copy(update={"credit_fraction": D("0.02"), "debit_fraction": D("0.05")})
            },
            "funding": {
                "X:FIXED": FundingSection(rate="-0.0001", interval_h=8),
                "X:SERIES": FundingSection(series="rates.csv", interval_h=8),
            },
        }
    )
    section = config.assumptions_section.model_copy(update={"financing": paying})
    dear = with_costs(config.model_copy(update={"assumptions_section": section}), D(3)).assumptions_section.financing
    assert dear.borrow == {"US": D("0.03"), "NYSE:GE": D("0.9")}
    assert (dear.interest["USD"].credit_fraction, dear.interest["USD"].debit_fraction) == (D("0.02"), D("0.15"))
    assert (dear.funding["X:FIXED"].rate, dear.funding["X:SERIES"]) == (D("-0.0003"), paying.funding["X:SERIES"])
    assert (dear.day_count, dear.accrue_at, dear.zone) == (terms.day_count, terms.accrue_at, terms.zone)


def test_each_multiple_is_a_run_and_none_is_left(config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    inputs, seen = read_inputs(config), []

    def again(dearer: RunConfig, feed: Any, layout: Layout) -> Any:
        seen.append(dearer.assumptions().slippage_bps)
        return backtest(dearer, inputs, layout=layout, run_id="same", say=lambda day, done, total: None, quotes=feed)

    base = backtest(config, inputs, layout=Layout(directory=tmp_path / "base"), run_id="same", say=lambda day, done, total: None)
    before = (tmp_path / "base" / "execution_logs.jsonl").read_bytes()
    rows = stress(config, inputs, quotes=read_feed(config, inputs), multiples=parse_multiples("0,2,5"), base=base, run=again)
    assert seen == [0, 4, 10]
    assert [row.multiple for row in rows] == [0, 1, 2, 5]
    costs = [row.costs for row in rows if row.costs is not None]
    assert costs == sorted(costs)
    assert len(set(costs)) == 4
    assert rows[1].pnl == base[0].pnl
    assert list(scratch.iterdir()) == []
    assert (tmp_path / "base" / "execution_logs.jsonl").read_bytes() == before


def test_costs_of_all_the_notional_are_refused(config: RunConfig) -> None:
    with pytest.raises(ConfigError, match=r"STRESS_TOO_HIGH.*slippage_bps"):
        with_costs(config, D(5_000))


@pytest.mark.parametrize(
    ("text", "multiples"), [("1,2,3", "1 2 3"), ("3, 2", "1 2 3"), ("0,0.5", "0 0.5 1"), ("2,2", "1 2")], ids=str
)
def test_multiples_are_read_with_the_run_itself_among_them(text: str, multiples: str) -> None:
    assert parse_multiples(text) == tuple(map(D, multiples.split()))


@pytest.mark.parametrize("text", ["", "x", "1,,2", "-1", "NaN", "Infinity", "1001", "1,2,3,4,5,6,7,8,9,10"])
def test_other_multiples_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="STRESS_LIST"):
        parse_multiples(text)


LIMITS = {
    "X": MarketLimits(
        symbol="X",
        venue="V",
        step_size=D(1),
        tick_size=D("0.01"),
        min_quantity=D(1),
        min_notional=D(0),
        max_quantity=None,
        multiplier=D(1),
    )
}


@given(bid=st.integers(1, 10**6), ticks=st.integers(0, 10**4), multiple=st.integers(1, 9))
def test_a_widened_quote_keeps_its_mid_and_is_never_narrower_than_asked(bid: int, ticks: int, multiple: int) -> None:
    tick = D("0.01")
    quote = FeedQuote(market_ns=1, symbol="X", bid=bid * tick, ask=(bid + ticks) * tick, bid_size=D(1), ask_size=D(1))
    [wide] = widened([quote], D(multiple), limits=LIMITS)
    mid, half = (quote.bid + quote.ask) / 2, (quote.ask - quote.bid) / 2 * multiple
    assert wide.bid % tick == wide.ask % tick == 0
    assert tick <= wide.bid <= max(mid - half, tick)
    assert mid + half <= wide.ask < mid + half + tick
    assert wide.bid > mid - half - tick
