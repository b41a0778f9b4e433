"""A made market on disk — config, symbols, limits, prices, manifests — and both kernels over it, real parts throughout."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from nautilus_trader.model.identifiers import InstrumentId

from engine.assemble import Assembly, Parts, write_run_start
from engine.inputs import Inputs, read_inputs
from engine.market_time import IDENTITY
from engine.run_config import RunConfig, load_config
from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.opening import open_journal
from lakehouse.permission import FilePermission, MemoryPermission
from sim.backtest import Backtest
from sim.backtest_run import portfolio_at
from sim.feed import FeedQuote
from sim.replay_client import tick_of
from sim.shadow_run import ShadowRun

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "data/samples/crypto/runs"  # one run whose ledger verifies; the made manifests name it as their source
SOURCE_RUN = "20250106-crypto-ew"
MS = 1_000_000
SECOND = 1_000 * MS
DAY_NS = 1_736_172_000 * SECOND  # 2025-01-06T14:00:00Z
GENERATED = "2025-01-06T13:59:30"

CONFIG = """
schema_version = 1
environment = "{environment}"
strategy_tag = "001"
[lakehouse]
directory = "{directory}"
manifest = "{directory}/manifest.json"
manifest_root = "{directory}"
runs_directory = "{runs}"
zone = "UTC"
manifest_age_max_h = 24
future_skew_max_s = 60
poll_interval_ms = 10
shapes_allowed = ["v3"]
manifest_size_max_bytes = 1000000
provenance_min = "VERIFIED"
[capital]
base_currency = "{currency}"
[capital.winners]
"rank:1" = "1"
[capital.starting_cash.{venue}]
{cash_currency} = "100000"
[policy]
cash_buffer_fraction = "0.02"
drift_band_fraction = "0.001"
price_age_max_ms = 60000
unnamed_positions = "close"
plan_deadline_s = 30
{policy}
[sentinel]
max_leverage = "1"
max_asset_exposure = "0.5"
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
{venue} = [{allow}]
[venues.{venue}]
adapter = "simulated"
account = "cash"
market_limits = "{root}/limits.json"
calendar = "none"
[assumptions]
name = "made"
fill_rule = "touch"
fill_at = "next_bar"
latency_ms = "{latency_ms}"
jitter_ms = "{jitter_ms}"
cancel_latency_ms = "{latency_ms}"
seed = {seed}
slippage_bps = "0"
bar_half_spread_bps = "1"
own_consumption = true
[assumptions.fees.{venue}]
maker_fraction = "0.001"
taker_fraction = "0.001"
base_on_buys = {base_on_buys}
[assumptions.financing]
day_count = "act/365"
accrue_at = "17:00"
zone = "America/New_York"
[assumptions.financing.borrow]
{venue} = "0"
[assumptions.financing.interest.{cash_currency}]
credit_fraction = "0"
debit_fraction = "0"
{rates}
{schedules}
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
quotes = "{directory}/snapshots/quotes.csv"
book = "{directory}/snapshots/book.json"
market_limits = "{directory}/snapshots/market_limits.json"
"""
RATES = """[rates.USDT]
value = "1"
as_of = 2025-01-06T00:00:00Z
valid_until = 2025-01-07T00:00:00Z
"""


@dataclass(frozen=True)
class Name:
    """One tradable: its first price, steps, and the base currency of a spot pair (None: a share)."""

    symbol: str
    price: str
    tick: str = "0.01"
    step: str = "1"
    base: str | None = None

    @property
    def instrument_id(self) -> str:
        return f"{self.symbol.split(':')[1]}.{'BINANCE' if self.base else 'US'}"


BTC = Name("BINANCE:BTCUSDT", "100000", step="0.00001", base="BTC")
ETH = Name("BINANCE:ETHUSDT", "4000", step="0.0001", base="ETH")
SOL = Name("BINANCE:SOLUSDT", "200", step="0.001", base="SOL")
CRYPTO = (BTC, ETH, SOL)


def shares(count: int) -> tuple[Name, ...]:
    """Return made shares at 100 dollars."""
    return tuple(Name(f"NYSE:S{number:03d}", "100") for number in range(count))


def quote(name: Name, at_ms: int, *, ticks: int = 0) -> FeedQuote:
    """Return a quote at a millisecond of the made day, `ticks` above the first price; spread two ticks, deep."""
    tick = Decimal(name.tick)
    bid = Decimal(name.price) + ticks * tick
    size = Decimal(1_000_000) if name.base is None else Decimal(1_000)
    return FeedQuote(market_ns=DAY_NS + at_ms * MS, symbol=name.symbol, bid=bid, ask=bid + 2 * tick, bid_size=size, ask_size=size)


def manifest_text(weights: Mapping[str, str], *, regime: str = "QUIET", generated: str = GENERATED) -> str:
    """Return a v3 document of one winner with these net weights."""
    rows = [
        {
            "Symbol": symbol, "Weight": abs(float(weight)), "Net_Weight": float(weight),
            "Direction": "LONG" if float(weight) >= 0 else "SHORT", "Source_Run": SOURCE_RUN,
            "Generated_At": generated, "Engine": "custom", "Profile": "equal_weight",
        }
        for symbol, weight in weights.items()
    ]  # fmt: skip
    winner = {
        "rank": 1, "profile": "equal_weight", "engine": "custom", "regime": {"name": regime, "score": 0.5}, "assets": rows,
        "metadata": {"generated_at": generated, "source_run_id": SOURCE_RUN, "source_returns_hash": "0" * 64},
    }  # fmt: skip
    return json.dumps({"winners": [winner]}, indent=2) + "\n"


@dataclass
class World:
    """Everything below one directory. Changing `latency_ms`, `jitter_ms` or `seed` before use makes a different venue."""

    root: Path
    names: Sequence[Name] = CRYPTO
    latency_ms: str = "40"
    jitter_ms: str = "20"
    seed: int = 1
    environment: str = "made-day"
    policy: str = ""  # more lines of [policy]
    schedules: str = ""  # whole [schedules.*] tables
    quotes: list[FeedQuote] = field(default_factory=list)

    @property
    def lakehouse(self) -> Path:
        return self.root / "lakehouse"

    @property
    def layout(self) -> Layout:
        return Layout(self.lakehouse)

    @property
    def config_path(self) -> Path:
        return self.root / "made.toml"

    @property
    def manifest(self) -> Path:
        """Where the engine looks."""
        return self.lakehouse / "manifest.json"

    def write(self) -> World:
        """Put it on disk and return it."""
        self.lakehouse.mkdir(parents=True, exist_ok=True)
        crypto = self.names[0].base is not None
        venue, cash = ("BINANCE", "USDT") if crypto else ("US", "USD")
        (self.root / "symbols.toml").write_text("".join(_listing(name, venue, cash) for name in self.names))
        (self.root / "limits.json").write_text(json.dumps(_limits(self.names, venue)))
        header = "symbol,bid,ask,bid_size,ask_size,ts_ns\n"
        rows = "".join(f"{q.symbol},{q.bid},{q.ask},{q.bid_size},{q.ask_size},{q.market_ns}\n" for q in self.quotes)
        (self.root / "quotes.csv.gz").write_bytes(gzip.compress((header + rows).encode()))
        self.config_path.write_text(
            CONFIG.format(
                environment=self.environment, directory=self.lakehouse, root=self.root, runs=RUNS, venue=venue, currency="USD",
                cash_currency=cash, allow=", ".join(f'"{name.symbol}"' for name in self.names), latency_ms=self.latency_ms,
                jitter_ms=self.jitter_ms, seed=self.seed, base_on_buys="true" if crypto else "false",
                rates=RATES if crypto else "", policy=self.policy, schedules=self.schedules,
            )
        )  # fmt: skip
        return self

    def save(self, name: str, text: str) -> Path:
        """Write a manifest aside, to be installed later."""
        path = self.root / name
        path.write_text(text)
        return path

    def install(self, text: str) -> None:
        """Replace the manifest the engine looks at, whole."""
        fresh = self.manifest.with_suffix(".fresh")
        fresh.write_text(text)
        os.replace(fresh, self.manifest)

    def write_quotes(self, from_ms: int) -> World:
        """Replace the quotes on disk by those of 900 ms from a later instant of the day; all else stays as it is."""
        self.quotes = [quote(name, at, ticks=at // 50) for at in range(from_ms, from_ms + 900, 50) for name in self.names]
        header = "symbol,bid,ask,bid_size,ask_size,ts_ns\n"
        rows = "".join(f"{q.symbol},{q.bid},{q.ask},{q.bid_size},{q.ask_size},{q.market_ns}\n" for q in self.quotes)
        (self.root / "quotes.csv.gz").write_bytes(gzip.compress((header + rows).encode()))
        return self

    def load(self) -> tuple[RunConfig, Inputs]:
        config = load_config(self.config_path)
        return config, read_inputs(config)

    def lines(self, directory: Path | None = None) -> list[dict[str, Any]]:
        """Return the log, line by line."""
        layout = self.layout if directory is None else Layout(directory)
        return [json.loads(line) for line in layout.log.read_bytes().splitlines()]


def _listing(name: Name, venue: str, cash: str) -> str:
    base = f'base_currency = "{name.base}"\nasset_class = "spot"\n' if name.base else 'asset_class = "equity"\n'
    return (
        f'[[listing]]\nsymbol = "{name.symbol}"\nvenue = "{venue}"\ninstrument_id = "{name.instrument_id}"\n'
        f'quote_currency = "{cash}"\n{base}\n'
    )


def _limits(names: Sequence[Name], venue: str) -> dict[str, Any]:
    rows = [
        {
            "symbol": name.symbol, "venue": venue, "step_size": name.step, "tick_size": name.tick, "min_quantity": name.step,
            "min_notional": "5", "max_quantity": "900000", "multiplier": "1",
        }
        for name in names
    ]  # fmt: skip
    return {"version": 1, "as_of_ns": str(DAY_NS), "source": "made for a test", "limits": rows}


@dataclass
class Ran:
    """What is left of a run: the log's lines, and the kernel's parts as they were at its end."""

    lines: list[dict[str, Any]]
    assembly: Assembly
    kernel: Any
    code: int = 0
    said: list[str] = field(default_factory=list)

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] in kinds]


type Prepare = Callable[[Any, Assembly], None]


def run_backtest(
    world: World,
    manifests: Sequence[tuple[int, Path]],
    *,
    prepare: Prepare = lambda kernel, assembly: None,
    permission: Any = None,
    inspect: Callable[[Ran], None] = lambda ran: None,
) -> Ran:
    """Run the made day through a backtest kernel into `backtest/`; `manifests` by millisecond of the day.

    `inspect` sees the kernel before it is thrown away.
    """
    config, inputs = world.load()
    layout = Layout(world.root / "backtest")
    journal = open_journal(layout, now_ns=DAY_NS, run_id="backtest", durable=False)
    parts = Parts(
        config=config,
        run_id="backtest",
        listings=inputs.listings,
        market_limits=inputs.market_limits,
        market_limits_sha256=inputs.market_limits_sha256,
        journal=journal,
        durable=False,
        permission=permission if permission is not None else MemoryPermission(),
        market_time=IDENTITY,
        fold=journal.fold,
        bar_spec=None,
    )
    test = Backtest(parts)
    try:
        kernel = test.engine.kernel
        prepare(kernel, test.assembly)
        write_run_start(test.assembly, parts, kind="backtest", version="0", data_source="made", synthetic=["everything"])
        ids = {symbol: InstrumentId.from_str(text) for symbol, text in test.assembly.instrument_ids.items()}
        ticks = [tick_of(q, kernel.cache.instrument(ids[q.symbol]), ts_ns=q.market_ns) for q in world.quotes]
        test.feed(ticks, [portfolio_at(config, DAY_NS + at_ms * MS, path) for at_ms, path in manifests])
        test.finish()
        test.assembly.recorder.write(records.RunStop, cause="finished", open_orders=len(kernel.cache.orders_open()))
        journal.flush()
        ran = Ran(lines=world.lines(layout.directory), assembly=test.assembly, kernel=kernel)
        inspect(ran)
        return ran
    finally:
        journal.close()
        test.dispose()


def run_shadow(
    world: World,
    manifests: Sequence[tuple[int, Path]] = (),
    *,
    prepare: Prepare = lambda kernel, assembly: None,
    permission: Callable[[Layout], FilePermission] | None = None,
    inspect: Callable[[Ran], None] = lambda ran: None,
    beside: Callable[[Assembly], Any] | None = None,
    kind: type[ShadowRun] = ShadowRun,
) -> Ran:
    """Run the made day through a real node in real time; `beside(assembly)` is a coroutine that runs next to it."""
    config, inputs = world.load()
    said: list[str] = []
    seen: list[Ran] = []
    tasks: list[asyncio.Task[Any]] = []

    def on_assembled(kernel: Any, assembly: Assembly) -> None:
        prepare(kernel, assembly)
        seen.append(Ran(lines=[], assembly=assembly, kernel=kernel, said=said))
        tasks.append(asyncio.create_task(_install(world, manifests, assembly)))
        if beside is not None:
            tasks.append(asyncio.create_task(beside(assembly)))

    async def run() -> int:
        shadow = kind(
            config=config, inputs=inputs, layout=world.layout, run_id=f"shadow-{os.urandom(4).hex()}", as_json=False,
            say=said.append, on_assembled=on_assembled,
        )  # fmt: skip
        if permission is not None:
            shadow.permission = permission(world.layout)
        code = await shadow.run()
        for task in tasks:
            if not task.done():
                task.cancel()
            elif not task.cancelled() and task.exception() is not None:
                raise task.exception()  # type: ignore[misc]
        return code

    code = asyncio.run(run())
    assert seen, said
    seen[0].code = code
    seen[0].lines = world.lines()
    inspect(seen[0])
    return seen[0]


async def _install(world: World, manifests: Sequence[tuple[int, Path]], assembly: Assembly) -> None:
    """Put each manifest where the engine looks, at its millisecond of the made day."""
    for at_ms, path in manifests:
        left_ns = DAY_NS + at_ms * MS - assembly.recorder.market_now_ns()
        await asyncio.sleep(max(0, left_ns) / SECOND)
        world.install(path.read_text())


def listen(kernel: Any) -> list[Any]:
    """Return the list into which everything goes that clients answer, before the engine judges it."""
    heard: list[Any] = []
    inner = kernel.exec_engine.process

    def hear(event: Any) -> None:
        heard.append(event)
        inner(event)

    kernel.msgbus.deregister(endpoint="ExecEngine.process", handler=inner)
    kernel.msgbus.register(endpoint="ExecEngine.process", handler=hear)
    return heard
