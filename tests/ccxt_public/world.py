"""A shadow on a loopback venue: the made world's config with live data, run through the real node and the real ccxt.pro."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from nautilus_trader.model.identifiers import InstrumentId

from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from sim.rehearsal.binance_public import BinancePublic
from sim.shadow_run import ShadowRun
from tests.gate.world import BTC, ETH, Name, World, manifest_text

PULSE_S = 0.04
WAIT_S_MAX = 60.0  # a busy machine; every wait ends with what it waits for


def fresh_manifest(weights: dict[str, str]) -> str:
    """Return a manifest that was generated a minute ago."""
    return manifest_text(weights, generated=(datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S"))


@dataclass
class Market:
    """A loopback venue that moves on its own, one tick up a pulse, until it is told to stand still."""

    server: BinancePublic
    endpoint: str
    pulses: int = 0
    still: bool = False
    size: Decimal = Decimal(50)
    task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls) -> Market:
        server = BinancePublic()
        made = cls(server=server, endpoint=await server.start())
        made.pulse()
        made.task = asyncio.create_task(made._beat())
        return made

    def pulse(self) -> None:
        self.pulses += 1
        cents = self.pulses % 100
        self.server.quote("BTCUSDT", f"100000.{cents:02d}", f"100001.{cents:02d}", size=self.size)
        self.server.quote("ETHUSDT", f"4000.{cents:02d}", f"4001.{cents:02d}", size=self.size)
        self.server.trade("BTCUSDT", f"100000.{cents:02d}", "0.00123", buyer_is_maker=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(PULSE_S)
            if not self.still:
                self.pulse()

    async def close(self) -> None:
        if self.task is not None:
            self.task.cancel()
        await self.server.stop()


@dataclass
class LiveWorld:
    """A run config below one directory whose prices come from `endpoint`."""

    root: Path
    stale_ms: int = 500
    price_age_max_ms: int = 60_000
    names: Sequence[Name] = (BTC, ETH)
    world: World = field(init=False)

    def write(self, endpoint: str | None) -> LiveWorld:
        self.world = World(self.root, names=self.names, latency_ms="5", jitter_ms="0", environment="live-shadow").write()
        symbols = self.root / "symbols.toml"
        text = symbols.read_text()
        for name in self.names:
            text = text.replace(f'symbol = "{name.symbol}"\n', f'symbol = "{name.symbol}"\nccxt_symbol = "{name.base}/USDT"\n')
        symbols.write_text(text)
        place = "" if endpoint is None else f'endpoint = "{endpoint}"\n'
        live = f'[data]\nkind = "ccxt"\nexchange = "binance"\nstale_ms = {self.stale_ms}\n{place}[snapshots]'
        config = self.world.config_path.read_text()
        config = re.sub(r"\[data\].*?\[snapshots\]", live, config, flags=re.DOTALL)
        config = config.replace('calendar = "none"', 'calendar = "24/7"')
        config = config.replace("valid_until = 2025-01-07T00:00:00Z", "valid_until = 2099-01-01T00:00:00Z")
        config = config.replace("price_age_max_ms = 60000", f"price_age_max_ms = {self.price_age_max_ms}")
        self.world.config_path.write_text(config)
        return self


@dataclass
class LiveRan:
    """What a run left."""

    world: World
    code: int
    said: list[str]
    dropped: Counter[tuple[str, str]]
    attempts: Counter[str]
    refused: Counter[str]
    lines: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = self.world.lines()

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] in kinds]

    def alarms(self) -> list[str]:
        return [line["code"] for line in self.of("alarm")]

    def table(self, directory: Path) -> list[dict[str, Any]]:
        return [row for path in sorted(directory.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]

    def quotes(self) -> list[dict[str, Any]]:
        return self.table(self.world.layout.top_of_book)

    def trades(self) -> list[dict[str, Any]]:
        return self.table(self.world.layout.trades)


class Running:
    """The shadow while it runs: the world's hands, and a bounded wait for what must come."""

    def __init__(self, live: LiveWorld, said: list[str]) -> None:
        self.live = live
        self.said = said
        self.kernel: Any = None
        self.dropped: Callable[[], Counter[tuple[str, str]]] = Counter

    def heard_a_trade(self, name: Name) -> bool:
        return self.kernel.cache.trade_tick(InstrumentId.from_str(name.instrument_id)) is not None

    async def caught_up(self, market: Market) -> None:
        """Move a market that stands still once more, for whom subscribed since, and return when that has come."""
        market.pulse()

        def heard(name: Name) -> bool:
            quote = self.kernel.cache.quote_tick(InstrumentId.from_str(name.instrument_id))
            return quote is not None and str(quote.bid_price).endswith(f".{market.pulses % 100:02d}")

        await self.until(lambda: heard(BTC) and heard(ETH))

    @property
    def lines(self) -> list[dict[str, Any]]:
        return self.live.world.lines() if self.live.world.layout.log.exists() else []

    def count(self, kind: str, code: str | None = None) -> int:
        return sum(line["type"] == kind and (code is None or line["code"] == code) for line in self.lines)

    async def until(self, true: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                while not true():
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            told = [(line["type"], line.get("code"), line.get("message")) for line in self.lines[-12:]]
            raise AssertionError(f"it did not come in {WAIT_S_MAX} s; the log ends {told}; said {self.said[-8:]}") from error


def run_live(root: Path, act: Callable[[Running, Market], Awaitable[None]], **settings: int) -> LiveRan:
    """Run a shadow on a moving loopback market; `act` runs beside it, and its end ends the run."""

    async def whole() -> LiveRan:
        market = await Market.open()
        live = LiveWorld(root, **settings).write(market.endpoint)
        config = load_config(live.world.config_path)
        said: list[str] = []
        layout = Layout(config.lakehouse.directory)
        run_id = f"live-{os.urandom(4).hex()}"  # of one start: a run id is used once
        with DataDirectoryLock(layout, run_id=run_id):
            run = ShadowRun(
                config=config,
                inputs=read_inputs(config),
                layout=layout,
                run_id=run_id,
                as_json=False,
                say=said.append,
                on_assembled=lambda kernel, assembly: setattr(running, "kernel", kernel),
            )
            running = Running(live, said)
            running.dropped = lambda: run._source.data_client.dropped
            going = asyncio.create_task(run.run())
            try:
                await running.until(lambda: going.done() or (running.kernel is not None and running.kernel.trader.is_running))
                if not going.done():
                    await act(running, market)
            finally:
                run.finished.set()
                try:
                    code = await going
                finally:
                    await market.close()
        source = run._source
        return LiveRan(
            world=live.world,
            code=code,
            said=said,
            dropped=source.data_client.dropped,
            attempts=source.client.egress.attempts,
            refused=source.client.egress.refused,
        )

    return asyncio.run(whole())
