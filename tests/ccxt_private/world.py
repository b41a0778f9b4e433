"""A real node whose execution client is ours on unmodified ccxt.pro, with Sentinel, gate and journal, at a venue on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from nautilus_trader.model.identifiers import InstrumentId

from engine.assemble import Assembly, Parts, assemble, write_run_start
from engine.instruments import instrument_of
from engine.lakehouse_client import LakehouseDataClient
from engine.market_time import IDENTITY
from engine.node import build, make_node
from engine.restore import Restorer
from lakehouse.layout import Layout
from lakehouse.manifest import read_manifest
from lakehouse.opening import open_journal
from lakehouse.permission import FilePermission
from sim.feed import FeedQuote
from sim.replay_client import ReplayDataClient, tick_of
from strategies.target_portfolio import LAKEHOUSE_CLIENT
from tests.ccxt_private.venue import KEY, SECRET, LoopbackVenue
from tests.gate.world import BTC, ETH, World, manifest_text
from tests.one_order import WAIT_S, OneOrder
from venues.ccxt.egress import VenueClient
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.execution_client import CcxtExecutionClient
from venues.ccxt.timing import CcxtTiming
from venues.ccxt.trading_profiles import BINANCE
from venues.secrets import Redactor, VenueSecret

QUICK = CcxtTiming(
    order_timeout_ms=1_000, look_first_s=0.02, look_max_s=0.1, absent_s=1.2, alarm_s=30.0, heartbeat_s=5.0, overlap_s=60.0,
    not_sent_pause_s=0.05, settle_first_s=0.05,
)  # fmt: skip


def made_world(root: Path) -> World:
    """The gate's world, with ccxt symbols, rates for today, and a manifest inside the band, so that only the test trades."""
    world = World(root, names=(BTC, ETH), environment="rehearsed").write()
    symbols = root / "symbols.toml"
    text = symbols.read_text()
    for name in (BTC, ETH):
        text = text.replace(f'symbol = "{name.symbol}"\n', f'symbol = "{name.symbol}"\nccxt_symbol = "{name.base}/USDT"\n')
    symbols.write_text(text)
    config = world.config_path.read_text()
    config = config.replace("valid_until = 2025-01-07T00:00:00Z", "valid_until = 2099-01-01T00:00:00Z")
    config = config.replace('drift_band_fraction = "0.001"', 'drift_band_fraction = "0.9"')
    world.config_path.write_text(config)
    stamp = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")
    world.install(manifest_text({BTC.symbol: "0.4", ETH.symbol: "0.4"}, generated=stamp))
    return world


@dataclass
class Engine(OneOrder):
    """One process' life: a node over `world` at `venue`."""

    first = (BTC, "0.01")
    world: World
    venue: Any  # a LoopbackVenue, or what has a `touch` like it
    endpoint: str
    timing: CcxtTiming = QUICK
    wait_s: float = WAIT_S
    key: str = KEY
    secret: str = SECRET
    permission_of: Callable[[Layout], FilePermission] = FilePermission
    tap_of: Callable[[Any], Any] = lambda recorder: recorder
    alarms: list[tuple[str, str]] = field(default_factory=list)
    halts: list[str] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)
    client: CcxtExecutionClient = field(init=False)
    assembly: Assembly = field(init=False)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.config, inputs = self.world.load()
        layout, now = self.world.layout, time.time_ns()
        self.permission = self.permission_of(layout)
        self.permission.arm_if_new(by="first run", now_ns=now)
        self.journal = open_journal(
            layout, now_ns=now, run_id=f"run-{os.urandom(4).hex()}", durable=True, post=loop.call_soon_threadsafe,
            on_failure=self.failed.append,
        )  # fmt: skip
        fold = self.journal.fold
        self.parts = Parts(
            config=self.config, run_id="rehearsed", listings=inputs.listings, market_limits=inputs.market_limits,
            market_limits_sha256=inputs.market_limits_sha256, journal=self.journal, durable=True, permission=self.permission,
            market_time=IDENTITY, fold=fold, bar_spec=None, on_halt=self.halts.append, post=loop.call_soon_threadsafe,
        )  # fmt: skip
        secret = VenueSecret(key=self.key, secret=self.secret, origin="a test")
        self.ccxt = VenueClient(
            "binance", options=BINANCE.options, endpoint=parse_endpoint(self.endpoint), hosts=BINANCE.hosts, secret=secret,
            timeout_ms=self.timing.order_timeout_ms,
        )  # fmt: skip
        await self.ccxt.exchange.load_markets()
        node = self.node = make_node(
            loop=loop, data_clients=["BINANCE", LAKEHOUSE_CLIENT], exec_clients=["BINANCE"], log_level="ERROR"
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        self.kernel = node.kernel
        self.assembly = assemble(node.kernel, self.parts)
        for symbol, limits in inputs.market_limits.items():
            node.kernel.cache.add_instrument(instrument_of(inputs.listings[symbol], limits))
        restored = Restorer(
            cache=node.kernel.cache, trader_id="SLUICE-001", strategy_id=self.assembly.strategy.id.value,
            listings=inputs.listings, limits=inputs.market_limits, outliving=["BINANCE"],
            contexts=self.assembly.recorder.contexts,
        ).restore(fold)  # fmt: skip
        self.assembly.gate.restore_passed(order for order in node.kernel.cache.orders() if not order.is_closed)
        for order in restored.unanswered:
            self.assembly.gate.unknown(order.client_order_id.value, order.instrument_id.value)

        def execution(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            self.client = CcxtExecutionClient(
                loop=loop, msgbus=msgbus, cache=cache, clock=clock, client=self.ccxt, profile=BINANCE, account="BINANCE-001",
                listings=inputs.listings, market_limits=inputs.market_limits, lock=self.assembly.gate,
                tap=self.tap_of(self.assembly.recorder),
                halt=self.assembly.halt, alarm=lambda code, text: self.alarms.append((code, text)), redact=Redactor([secret]),
                jitter=lambda: 0.5, timing=self.timing, known_fills=fold.fill_keys,
            )  # fmt: skip
            return self.client

        def data(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            self.data = ReplayDataClient(loop=loop, msgbus=msgbus, cache=cache, clock=clock, venue="BINANCE")
            return self.data

        def lakehouse(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            return LakehouseDataClient(
                loop=loop, msgbus=msgbus, cache=cache, clock=clock, paths=(self.world.manifest,), poll_interval_s=0.01,
                judge=lambda: read_manifest(
                    self.world.manifest, policy=self.config.manifest_policy(), market_now_ns=time.time_ns(),
                    provenance=self.config.provenance_policy(),
                ),
                halt=self.assembly.halt,
            )  # fmt: skip

        build(node, data_clients={"BINANCE": data, LAKEHOUSE_CLIENT: lakehouse}, exec_clients={"BINANCE": execution})
        self.assembly.gate.own_thread()
        write_run_start(self.assembly, self.parts, kind="shadow", version="0", data_source="made", synthetic=["everything"])
        for order_id, cause in restored.dead:
            trace = fold.open_orders[order_id]
            self.assembly.recorder.withdraw(order_id, cause=cause, venue=trace.intent.venue, filled=trace.filled)
        self.assembly.desk.attach(self.assembly.strategy, restored.working)
        self._running = asyncio.create_task(node.run_async())
        self._beat = asyncio.create_task(self._quotes())
        await self.until(lambda: node.kernel.trader.is_running)

    async def _quotes(self) -> None:
        """Quotes of the venue's touch, so that no price is stale."""
        while True:
            for name in (BTC, ETH):
                bid, ask = self.venue.touch[name.symbol.split(":")[1]]
                instrument = self.kernel.cache.instrument(InstrumentId.from_str(name.instrument_id))
                size, now = Decimal(1_000), time.time_ns()
                quote = FeedQuote(
                    market_ns=now, symbol=name.symbol, bid=Decimal(bid), ask=Decimal(ask), bid_size=size, ask_size=size
                )
                self.data.publish(tick_of(quote, instrument, ts_ns=now))
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        self._beat.cancel()
        await self.end()

    async def ready(self) -> None:
        """Until the manifest was planned and nothing works."""
        strategy = self.assembly.strategy
        await self.until(lambda: strategy.is_running and self.assembly.recorder.last_cycle >= 1 and strategy.at_rest)


@asynccontextmanager
async def started(engine: Engine) -> AsyncIterator[Engine]:
    """An engine while the block runs."""
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()


@asynccontextmanager
async def venue_at() -> AsyncIterator[tuple[LoopbackVenue, str]]:
    """A venue that outlives engines."""
    venue = LoopbackVenue()
    try:
        yield venue, await venue.start()
    finally:
        await venue.stop()


@asynccontextmanager
async def engine_at(
    root: Path,
    *,
    venue: LoopbackVenue | None = None,
    timing: CcxtTiming = QUICK,
    wait_s: float = WAIT_S,
    tap_of: Callable[[Any], Any] = lambda recorder: recorder,
) -> AsyncIterator[Engine]:
    """A venue and a started engine; both end with the block."""
    venue = venue or LoopbackVenue()
    endpoint = await venue.start()
    try:
        async with started(Engine(made_world(root), venue, endpoint, timing, wait_s, tap_of=tap_of)) as engine:
            await engine.ready()
            yield engine
    finally:
        await venue.stop()
