"""A real node whose clients are ours on Nautilus' unmodified IB client, with Sentinel, gate and journal, at a fake TWS."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.assemble import Assembly, Parts, assemble, write_run_start
from engine.instruments import instrument_of
from engine.lakehouse_client import LakehouseDataClient
from engine.market_time import IDENTITY
from engine.node import build, make_node
from engine.restore import Restorer
from lakehouse.manifest import read_manifest
from lakehouse.opening import open_journal
from lakehouse.permission import FilePermission
from sim.rehearsal.tws.handle import FakeTws
from strategies.target_portfolio import LAKEHOUSE_CLIENT
from tests.gate.shares import shares_at_ib
from tests.gate.world import Name, World, manifest_text
from tests.one_order import OneOrder
from venues.ibkr.assembly import IbkrLine
from venues.ibkr.execution_client import IbkrExecutionClient
from venues.ibkr.gateway import HOST, IbkrTiming, gateway

AAPL, XOM = Name("NASDAQ:AAPL", "230.00"), Name("NYSE:XOM", "110.00")
QUICK = IbkrTiming(
    connect_s=8,
    request_s=1,
    order_s=0.5,
    look_first_s=0.05,
    look_max_s=0.2,
    absent_s=0.5,
    alarm_s=30.0,
    cancel_s=0.5,
    watch_s=0.05,
)


def made_world(root: Path) -> World:
    """The gate's world of shares, at IBKR, with a manifest inside the band, so that only the test trades."""
    world = shares_at_ib(root, names=(AAPL, XOM), environment="rehearsed")
    text = world.config_path.read_text()
    world.config_path.write_text(text.replace('drift_band_fraction = "0.001"', 'drift_band_fraction = "0.9"'))
    stamp = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")
    world.install(manifest_text({AAPL.symbol: "0.4", XOM.symbol: "0.4"}, generated=stamp))
    return world


@dataclass
class Engine(OneOrder):
    """One process' life: a node over `world` at `tws`."""

    first = (AAPL, "10")
    world: World
    tws: FakeTws
    timing: IbkrTiming = QUICK
    client_id: int = 7
    account: str = ""
    alarms: list[tuple[str, str]] = field(default_factory=list)
    halts: list[str] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)
    client: IbkrExecutionClient = field(init=False)
    assembly: Assembly = field(init=False)

    def build(self) -> None:
        loop = asyncio.get_running_loop()
        self.config, inputs = self.world.load()
        layout, now = self.world.layout, time.time_ns()
        self.permission = FilePermission(layout)
        self.permission.arm_if_new(by="first run", now_ns=now)
        self.journal = open_journal(
            layout, now_ns=now, run_id=f"run-{os.urandom(4).hex()}", durable=True, post=loop.call_soon_threadsafe,
            on_failure=self.failed.append,
        )  # fmt: skip
        fold = self.fold = self.journal.fold
        self.parts = Parts(
            config=self.config, run_id="rehearsed", listings=inputs.listings, market_limits=inputs.market_limits,
            market_limits_sha256=inputs.market_limits_sha256, journal=self.journal, durable=True, permission=self.permission,
            market_time=IDENTITY, fold=fold, bar_spec=None, on_halt=self.halts.append, post=loop.call_soon_threadsafe,
        )  # fmt: skip
        node = self.node = make_node(loop=loop, data_clients=["IBKR", LAKEHOUSE_CLIENT], exec_clients=["IBKR"], log_level="ERROR")
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        self.kernel = node.kernel
        self.assembly = assemble(node.kernel, self.parts)
        for symbol, limits in inputs.market_limits.items():
            node.kernel.cache.add_instrument(instrument_of(inputs.listings[symbol], limits))
        self.restored = Restorer(
            cache=node.kernel.cache, trader_id="SLUICE-001", strategy_id=self.assembly.strategy.id.value,
            listings=inputs.listings, limits=inputs.market_limits, contexts=self.assembly.recorder.contexts, outliving=["IBKR"],
        ).restore(fold)  # fmt: skip
        self.assembly.gate.restore_passed(node.kernel.cache.orders_open() + list(self.restored.unanswered))
        for order in self.restored.unanswered:
            self.assembly.gate.unknown(order.client_order_id.value, order.instrument_id.value)
        address = gateway(host=HOST, port=self.tws.port, client_id=self.client_id, account=self.account or self.tws.account)
        self.line = IbkrLine(address, listings=inputs.listings, market_limits=inputs.market_limits, timing=self.timing)
        execution = self.line.execution(
            lock=self.assembly.gate, tap=self.assembly.recorder, halt=self.assembly.halt,
            alarm=lambda code, text: self.alarms.append((code, text)), jitter=lambda: 0.5, known_fills=fold.fill_keys,
        )  # fmt: skip

        def lakehouse(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            return LakehouseDataClient(
                loop=loop, msgbus=msgbus, cache=cache, clock=clock, paths=(self.world.manifest,), poll_interval_s=0.01,
                judge=lambda: read_manifest(
                    self.world.manifest, policy=self.config.manifest_policy(), market_now_ns=time.time_ns(),
                    provenance=self.config.provenance_policy(),
                ),
                halt=self.assembly.halt,
            )  # fmt: skip

        build(node, data_clients={"IBKR": self.line.data, LAKEHOUSE_CLIENT: lakehouse}, exec_clients={"IBKR": execution})
        assert self.line.client is not None
        self.client = self.line.client
        self.assembly.gate.own_thread()

    async def start(self) -> None:
        self.build()
        write_run_start(self.assembly, self.parts, kind="shadow", version="0", data_source="made", synthetic=["everything"])
        for order_id, cause in self.restored.dead:
            trace = self.fold.open_orders[order_id]
            self.assembly.recorder.withdraw(order_id, cause=cause, venue=trace.intent.venue, filled=trace.filled)
        self.assembly.desk.attach(self.assembly.strategy, self.restored.working)
        self._running = asyncio.create_task(self.node.run_async())
        await self.until(lambda: self.node.kernel.trader.is_running or self.client.problem)

    async def stop(self) -> None:
        if self.client.problem:  # Nautilus would wait out its own time for a connection
            self._running.cancel()
        await self.end()

    async def ready(self) -> None:
        """Until the manifest was planned, which a quote sets off, and nothing works."""
        for _ in range(40):
            self.tws.quote("AAPL", "230.00", "230.02")
            self.tws.quote("XOM", "110.00", "110.01")
            await asyncio.sleep(0.1)
            if self.assembly.recorder.last_cycle >= 1:
                break
        await self.until(lambda: self.assembly.recorder.last_cycle >= 1 and self.assembly.strategy.at_rest)

    async def reaches(self, client_order_id: str, state: str) -> None:
        """Wait until an order has a status."""
        await self.until(lambda: self.state(client_order_id) == state)

    def codes(self) -> list[str]:
        return [code for code, _ in self.alarms]


@asynccontextmanager
async def engine_at(root: Path, *, tws: FakeTws, timing: IbkrTiming = QUICK, **facts: Any) -> AsyncIterator[Engine]:
    """A started engine at a TWS with a market; it ends with the block."""
    engine = Engine(made_world(root), tws, timing, **facts)
    await engine.start()
    try:
        if not engine.client.problem and not engine.restored.working:
            await engine.ready()
        yield engine
    finally:
        await engine.stop()
