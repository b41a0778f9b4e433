"""The made market of the conformance suite: two symbols at two venues, for cash; which, and at what figures, `traded` says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from engine.inputs import Inputs, read_inputs
from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout
from orders.canonical import sha256_hex
from orders.values import OrderKind, Side
from tests.conformance.traded import PAIR, SHARE, Traded
from venues.base import OrderRequest

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "data/samples/crypto/runs"  # a run whose ledger verifies
SOURCE_RUN = "20250106-crypto-ew"
GENERATED = "2025-01-06T13:59:30"
MS = 1_000_000
DAY_NS = 1_736_172_000_000 * MS  # 2025-01-06T14:00:00Z
LATENCY_MS = 60
BTC = PAIR.symbol
AAPL = SHARE.symbol
CASH = "100000"  # of each venue, in its own currency, unless told otherwise

CONFIG = """
schema_version = 1
environment = "conformance"
strategy_tag = "001"
[lakehouse]
directory = "{root}/lakehouse"
manifest = "{root}/lakehouse/manifest.json"
manifest_root = "{root}/lakehouse"
runs_directory = "{runs}"
zone = "UTC"
manifest_age_max_h = 24
future_skew_max_s = 60
poll_interval_ms = 10
shapes_allowed = ["v3"]
manifest_size_max_bytes = 1000000
provenance_min = "VERIFIED"
[capital]
base_currency = "USD"
[capital.winners]
"rank:1" = "1"
[capital.starting_cash.{first.venue}]
{first.cash} = "{cash}"
[capital.starting_cash.{other.venue}]
{other.cash} = "{cash}"
[policy]
cash_buffer_fraction = "0.02"
drift_band_fraction = "0.9"
price_age_max_ms = 60000
unnamed_positions = "close"
plan_deadline_s = 30
[sentinel]
max_leverage = "1"
max_asset_exposure = "0.4"
max_order_value_base = "60000"
price_collar_fraction = "0.05"
price_age_max_ms = 60000
reference_age_max_ms = 60000
gross_weight_min = "0"
gross_weight_max = "1"
hhi_max = "0.6"
turnover_max = "2"
crisis_net_long_max = "0.5"
turbulent_gross_fraction = "0.5"
duplicate_window_s = 60
provenance_min = "VERIFIED"
max_leverage_net = "9"
max_order_units = "1000000"
adv_fraction_max = "off"
spread_max_fraction = "0.05"
jump_max_fraction = "0.5"
jump_age_max_ms = 864000000
fill_drift_max_fraction = "0.05"
fill_drift_window_s = 3600
messages_per_s_max = 1000
messages_per_day_max = 1000000
repeats_max = 100
repeats_window_s = 86400
equity_interval_s = 3600
equity_age_max_ms = 60000
day_loss_max_fraction = "0.5"
drawdown_max_fraction = "0.5"
day_turnover_max = "10"
[sentinel.allow]
{first.venue} = ["{first.symbol}"]
{other.venue} = ["{other.symbol}"]
[venues.{first.venue}]
adapter = "simulated"
account = "cash"
market_limits = "{root}/limits_{first.venue}.json"
calendar = "none"
[venues.{other.venue}]
adapter = "simulated"
account = "cash"
market_limits = "{root}/limits_{other.venue}.json"
calendar = "none"
[assumptions]
name = "conformance"
fill_rule = "touch"
fill_at = "same_close"
latency_ms = "{latency_ms}"
jitter_ms = "0"
cancel_latency_ms = "{latency_ms}"
seed = 1
slippage_bps = "0"
bar_half_spread_bps = "1"
own_consumption = true
{fees}[assumptions.financing]
day_count = "act/365"
accrue_at = "17:00"
zone = "America/New_York"
[assumptions.financing.borrow]
{first.venue} = "0"
{other.venue} = "0"
[assumptions.financing.interest.USD]
credit_fraction = "0"
debit_fraction = "0"
[assumptions.financing.interest.USDT]
credit_fraction = "0"
debit_fraction = "0"
[rates.USDT]
value = "1"
as_of = 2020-01-01T00:00:00Z
valid_until = 2100-01-01T00:00:00Z
[symbols]
map = "{root}/symbols.toml"
[data]
kind = "replay_quotes"
path = "{root}/quotes.csv.gz"
synthetic_spread_bps = "0"
start = 2025-01-06
end = 2025-01-07
market_speed = 1
[snapshots]
quotes = "{root}/lakehouse/snapshots/quotes.csv"
book = "{root}/lakehouse/snapshots/book.json"
market_limits = "{root}/lakehouse/snapshots/market_limits.json"
"""

FEES = """[assumptions.fees.{each.venue}]
maker_fraction = "{fraction}"
taker_fraction = "{fraction}"
base_on_buys = {base_on_buys}
"""

LISTING = """
[[listing]]
symbol = "{each.symbol}"
venue = "{each.venue}"
instrument_id = "{each.instrument_id}"
quote_currency = "{each.cash}"
{each.extra}asset_class = "{each.asset_class}"
"""


@dataclass(frozen=True)
class Made:
    """One made market on disk, under a directory of its own. `first` is what the cases trade, `other` stands beside it."""

    root: Path
    first: Traded = PAIR
    other: Traded = SHARE
    latency_ms: int = LATENCY_MS
    cash: str = CASH

    @property
    def layout(self) -> Layout:
        return Layout(self.root / "lakehouse")

    @property
    def manifest(self) -> Path:
        return self.root / "lakehouse/manifest.json"

    @property
    def manifest_sha256(self) -> str:
        return sha256_hex(self.manifest.read_bytes())

    def write(self) -> Made:
        """Put everything a run reads on disk. The manifest's lines lie within the drift band: it trades nothing by itself."""
        self.manifest.parent.mkdir(parents=True)
        both = (self.first, self.other)
        config = CONFIG.format(
            root=self.root, runs=RUNS, latency_ms=self.latency_ms, first=self.first, other=self.other, cash=self.cash,
            fees="".join(_fees(each) for each in both),
        )  # fmt: skip
        (self.root / "made.toml").write_text(config)
        (self.root / "symbols.toml").write_text("".join(LISTING.format(each=each) for each in both))
        (self.root / "quotes.csv.gz").write_bytes(b"")
        for each in both:
            document = {"version": 1, "as_of_ns": str(DAY_NS), "source": "made for a test", "limits": [_limits(each)]}
            (self.root / f"limits_{each.venue}.json").write_text(json.dumps(document))
        self.manifest.write_text(_manifest(both))
        return self

    def load(self) -> tuple[RunConfig, Inputs]:
        config = load_config(self.root / "made.toml")
        return config, read_inputs(config)

    def request(
        self,
        side: str,
        quantity: str | None = None,
        *,
        of: Traded | None = None,
        symbol: str | None = None,
        limit: str | None = None,
        source_run: str = SOURCE_RUN,
        manifest_sha256: str | None = None,
    ) -> OrderRequest:
        """Return an order of the ordinary quantity that names the audited manifest, unless told otherwise."""
        of = of or self.first
        return OrderRequest(
            symbol=symbol or of.symbol,
            side=Side(side),
            quantity=Decimal(quantity or of.quantity),
            order_kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
            limit_price=None if limit is None else Decimal(limit),
            source_run=source_run,
            manifest_sha256=self.manifest_sha256 if manifest_sha256 is None else manifest_sha256,
        )


def _fees(each: Traded) -> str:
    base = each.base_fee != "0"
    return FEES.format(each=each, fraction=each.base_fee if base else "0.0001", base_on_buys="true" if base else "false")


def _limits(each: Traded) -> dict[str, str | None]:
    return {
        "symbol": each.symbol, "venue": each.venue, "step_size": each.step, "tick_size": each.tick, "min_quantity": each.step,
        "min_notional": each.min_notional, "max_quantity": each.max_quantity, "multiplier": "1",
    }  # fmt: skip


def _manifest(both: tuple[Traded, ...]) -> str:
    rows = [
        {
            "Symbol": each.symbol, "Weight": 0.1, "Net_Weight": 0.1, "Direction": "LONG", "Source_Run": SOURCE_RUN,
            "Generated_At": GENERATED, "Engine": "custom", "Profile": "equal_weight",
        }
        for each in both
    ]  # fmt: skip
    winner = {
        "rank": 1, "profile": "equal_weight", "engine": "custom", "regime": {"name": "QUIET", "score": 0.5}, "assets": rows,
        "metadata": {"generated_at": GENERATED, "source_run_id": SOURCE_RUN, "source_returns_hash": "0" * 64},
    }  # fmt: skip
    return json.dumps({"winners": [winner]})
