"""The shadow of the kill tests: the real one, with public trades of a made market on its bus."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import InstrumentId, TradeId
from nautilus_trader.model.objects import Price, Quantity

from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from sim.shadow_run import ShadowRun

TRADES = {"ETHUSDT.BINANCE": ("4000.00", "4.0000"), "BTCUSDT.BINANCE": ("100000.00", "0.20000")}


async def trade(kernel: Any) -> None:
    """A trade of each name, twenty times a second: what a share of volume lives on."""
    number = 0
    while True:
        await asyncio.sleep(0.05)
        for name, (price, size) in TRADES.items():
            number += 1
            now = kernel.clock.timestamp_ns()
            instrument_id = InstrumentId.from_str(name)
            tick = TradeTick(
                instrument_id, Price.from_str(price), Quantity.from_str(size), AggressorSide.BUYER, TradeId(str(number)), now, now
            )
            kernel.msgbus.publish(topic=f"data.trades.BINANCE.{instrument_id.symbol}", msg=tick)


def main(config_path: Path) -> int:
    """Run it to its end and return the exit code."""
    config = load_config(config_path)
    inputs = read_inputs(config)
    layout = Layout(config.lakehouse.directory)
    tasks = []

    async def run() -> int:
        shadow = ShadowRun(
            config=config,
            inputs=inputs,
            layout=layout,
            run_id=f"killed-{os.getpid()}",
            as_json=False,
            on_assembled=lambda kernel, assembly: tasks.append(asyncio.create_task(trade(kernel))),
        )
        code = await shadow.run()
        for task in tasks:
            task.cancel()
        return code

    with DataDirectoryLock(layout, run_id="killed"):
        return asyncio.run(run())
