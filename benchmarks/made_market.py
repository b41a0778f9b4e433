"""A made market for benchmarks: seeded daily bars, monthly manifests that move every weight, and the run config around them."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

FIRST_DAY: Final = datetime(2019, 1, 2, 16, 0, tzinfo=UTC)
NS: Final = 1_000_000_000
RUN: Final = "20190101-bench"


@dataclass(frozen=True, slots=True)
class MadeMarket:
    """`days[i]` instants in ns, `closes[symbol][i]` texts; `rebalances`: indices of days whose close a manifest follows."""

    symbols: list[str]
    days: list[int]
    closes: dict[str, list[str]]
    rebalances: list[int]


def make_market(*, assets: int, days: int, every: int, seed: int = 7) -> MadeMarket:
    """Return a seeded random walk of `assets` prices over `days` and a rebalance every `every` days."""
    rng = random.Random(seed)
    symbols = [f"NYSE:A{number:04d}" for number in range(assets)]
    instants = [int((FIRST_DAY + timedelta(days=day)).timestamp()) * NS for day in range(days)]
    closes: dict[str, list[str]] = {}
    for symbol in symbols:
        price = rng.uniform(20, 200)
        row = []
        for _ in range(days):
            price = max(5.0, price * (1 + rng.gauss(0, 0.01)))
            row.append(f"{price:.2f}")
        closes[symbol] = row
    return MadeMarket(symbols=symbols, days=instants, closes=closes, rebalances=list(range(0, days - 1, every)))


def write_inputs(market: MadeMarket, root: Path, *, seed: int = 11) -> Path:
    """Write manifests, run directory, symbol map, limits and config under `root`; return the config's path."""
    rng = random.Random(seed)
    run = root / "runs" / RUN
    (run / "data").mkdir(parents=True)
    manifests = root / "manifests"
    manifests.mkdir()
    for day in market.rebalances:
        stamp = datetime.fromtimestamp(market.days[day] // NS, UTC).replace(tzinfo=None) + timedelta(minutes=4)
        raw = [rng.uniform(0.2, 1.8) for _ in market.symbols]
        total = sum(raw) / 0.8
        rows = [
            {
                "Symbol": symbol,
                "Weight": round(value / total, 6),
                "Net_Weight": round(value / total, 6),
                "Direction": "LONG",
                "Cluster_ID": "1",
                "Rank": 1,
                "Regime": "NORMAL",
                "Regime_Score": 1.0,
                "Generated_At": stamp.isoformat(),
                "Engine": "bench",
                "Profile": "hrp",
                "Source_Run": RUN,
            }
            for symbol, value in zip(market.symbols, raw, strict=True)
        ]
        winner = {
            "rank": 1,
            "profile": "hrp",
            "engine": "bench",
            "regime": {"name": "NORMAL", "score": 1.0},
            "assets": rows,
            "metadata": {"generated_at": stamp.isoformat(), "source_run_id": RUN, "selection_mode": "bench"},
        }
        (manifests / f"{stamp.date()}.json").write_text(json.dumps({"winners": [winner]}))
    _write_run(run)
    listings = "".join(
        f'[[listing]]\nsymbol = "{symbol}"\nvenue = "US"\ninstrument_id = "{symbol[5:]}.US"\n'
        f'quote_currency = "USD"\nasset_class = "equity"\n\n'
        for symbol in market.symbols
    )
    (root / "symbols.toml").write_text(listings)
    limits = [
        {
            "symbol": symbol,
            "venue": "US",
            "step_size": "1",
            "tick_size": "0.01",
            "min_quantity": "1",
            "min_notional": "1",
            "max_quantity": None,
            "multiplier": "1",
        }
        for symbol in market.symbols
    ]
    (root / "limits.json").write_text(
        json.dumps({"version": 1, "as_of_ns": str(market.days[0]), "source": "made for a benchmark", "limits": limits})
    )
    (root / "closes.csv").write_text("made in memory\n")
    config = root / "config.toml"
    config.write_text(_config_text(market, root))
    return config


def _write_run(run: Path) -> None:
    previous = "0" * 64
    lines = []
    for record in (
        {"type": "genesis", "run_id": RUN, "profile": "bench", "env": {"python": "3", "manifest_hash": previous}},
        {"type": "action", "status": "success", "step": "optimize_hrp", "outcome": {"output_hashes": {}, "metrics": {}}},
    ):
        entry: dict[str, Any] = {**record, "ts": "2019-01-01T00:00:00.000001", "prev_hash": previous}
        entry["hash"] = previous = hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
        lines.append(json.dumps(entry))
    (run / "audit.jsonl").write_text("\n".join(lines) + "\n")
    (run / "data" / "tournament_candidates.csv").write_text("engine,profile,is_candidate\nbench,hrp,True\n")


def _config_text(market: MadeMarket, root: Path) -> str:
    allow = ", ".join(f'"{symbol}"' for symbol in market.symbols)
    first = datetime.fromtimestamp(market.days[0] // NS, UTC).date()
    last = datetime.fromtimestamp(market.days[-1] // NS, UTC).date()
    week_ms = 7 * 86_400_000
    return f"""
schema_version = 1
environment = "bench"
strategy_tag = "001"
[lakehouse]
directory = "{root}/lakehouse"
manifest = "{root}/manifests/none.json"
manifest_root = "{root}/manifests"
runs_directory = "{root}/runs"
zone = "UTC"
manifest_age_max_h = 1000
future_skew_max_s = 300
poll_interval_ms = 200
shapes_allowed = ["v3"]
manifest_size_max_bytes = 10000000
provenance_min = "VERIFIED"
[capital]
base_currency = "USD"
[capital.winners]
"rank:1" = "1"
[capital.starting_cash.US]
USD = "100000000"
[policy]
cash_buffer_fraction = "0.02"
drift_band_fraction = "0"
price_age_max_ms = {week_ms}
unnamed_positions = "close"
plan_deadline_s = 432000
[sentinel]
max_leverage = "1.05"
max_asset_exposure = "0.25"
max_order_value_base = "10000000"
price_collar_fraction = "0.5"
price_age_max_ms = {week_ms}
reference_age_max_ms = {week_ms}
gross_weight_min = "0.5"
gross_weight_max = "1.05"
hhi_max = "0.5"
turnover_max = "2"
crisis_net_long_max = "0.5"
turbulent_gross_fraction = "1"
duplicate_window_s = 60
provenance_min = "VERIFIED"
max_leverage_net = "1.05"
max_order_units = "100000000"
adv_fraction_max = "off"
spread_max_fraction = "0.05"
jump_max_fraction = "0.5"
jump_age_max_ms = 604800000
fill_drift_max_fraction = "0.1"
fill_drift_window_s = 3600
messages_per_s_max = 1000
messages_per_day_max = 1000000
repeats_max = 20
repeats_window_s = 86400
equity_interval_s = 86400
equity_age_max_ms = 604800000
day_loss_max_fraction = "0.2"
drawdown_max_fraction = "0.5"
day_turnover_max = "4"
[sentinel.allow]
US = [{allow}]
[venues.US]
adapter = "simulated"
account = "cash"
market_limits = "{root}/limits.json"
calendar = "none"
[assumptions]
name = "bench"
fill_rule = "touch"
fill_at = "next_bar"
latency_ms = "0"
jitter_ms = "0"
cancel_latency_ms = "0"
seed = 1
slippage_bps = "0"
bar_half_spread_bps = "0"
own_consumption = false
[assumptions.fees.US]
maker_fraction = "0.0001"
taker_fraction = "0.0001"
base_on_buys = false
[assumptions.financing]
day_count = "act/365"
accrue_at = "17:00"
zone = "America/New_York"
[assumptions.financing.borrow]
US = "0"
[assumptions.financing.interest.USD]
credit_fraction = "0"
debit_fraction = "0"
[symbols]
map = "{root}/symbols.toml"
[data]
kind = "bars"
path = "{root}/closes.csv"
synthetic_spread_bps = "0"
start = {first}
end = {last}
market_speed = 1
manifests = "{root}/manifests"
[snapshots]
quotes = "{root}/quotes.csv"
book = "{root}/book.json"
market_limits = "{root}/limits_out.json"
"""
