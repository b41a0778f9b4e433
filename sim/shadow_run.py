"""`sluice shadow`: the live loop with simulated fills."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, ClassVar

from engine.assemble import Parts
from engine.ccxt_source import open_ccxt_source, with_live_data
from engine.inputs import read_inputs
from engine.node_run import NodeRun
from engine.price_source import PriceSource
from engine.run_config import load_config
from engine.trading_node import MadeNode, make_trading_node
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.rebuild import LogFold
from orders.errors import ConfigError
from sim.inputs import feed_of, manifests_of
from sim.replay_source import ReplaySource, manifests_left
from sim.shadow_node import simulated_execution


def run_shadow(
    config_path: Path,
    *,
    as_json: bool,
    data: str | None = None,
    for_s: int | None = None,
    bundle: str | None = None,
    lakehouse: Path | None = None,
) -> int:
    """Run the shadow until its feed ends, Ctrl-C or SIGTERM; live prices also end after `for_s` seconds.

    `data` such as "ccxt:binance" replaces the config's `[data]`; `bundle`: the one the run is held to; `lakehouse`: a data
    directory in place of the config's.

    Return 0; 1 when the run had to halt itself; 3 when every manifest it read was refused.
    """
    config = load_config(config_path)
    if data is not None:
        config = with_live_data(config, data)
    if lakehouse is not None:
        config = config.recorded_in(lakehouse)
    if for_s is not None and not config.data.live:
        raise ConfigError(
            "FOR_NEEDS_LIVE_DATA",
            expected="--for with live prices, which have no end of their own",
            found=f"data of kind {config.data.kind}",
            action="Leave --for out, or add --data ccxt:binance.",
        )
    inputs = read_inputs(config)
    run_id = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f"-{os.getpid()}"
    layout = Layout(directory=config.lakehouse.directory)
    with DataDirectoryLock(layout, run_id=run_id):
        run = ShadowRun(config=config, inputs=inputs, layout=layout, run_id=run_id, as_json=as_json, for_s=for_s, bundle=bundle)
        return asyncio.run(run.run())


class ShadowRun(NodeRun):
    """One process' shadow. Live prices end after `for_s` seconds, or never."""

    kind: ClassVar[str] = "shadow"
    resumes: ClassVar[bool] = True

    def __init__(self, *, for_s: int | None = None, **facts: Any) -> None:
        super().__init__(**facts)
        self._for_s = for_s

    async def open_source(self, fold: LogFold) -> PriceSource | None:
        """Return where prices come from; None when a replay has been played to its end already.

        Raises `ConfigError` KIND_MIXED: simulated fills would close a record to live runs for good.
        """
        self._refuse_live_record(fold)
        if self.config.data.kind == "ccxt":
            return await open_ccxt_source(
                config=self.config,
                listings=self.inputs.listings,
                symbols=self.inputs.market_limits,
                for_s=self._for_s,
                say=lambda text: self.narrator.line(text, type="alarm", message=text),
            )
        if self.config.data.kind == "ibkr":
            from engine.ibkr_source import open_ibkr_quotes  # here: IB's library is loaded by whoever needs it

            return await open_ibkr_quotes(config=self.config, inputs=self.inputs, for_s=self._for_s, of_shadow=True)
        return self._replay_source(fold)

    def _refuse_live_record(self, fold: LogFold) -> None:
        found = "fills of live runs" if "live" in fold.fill_kinds else "promotions, by which live runs trade"
        if "live" in fold.fill_kinds or fold.promotions.lines:
            raise ConfigError(
                "KIND_MIXED",
                expected=f"a data directory of shadow runs at {self.layout.directory}",
                found=found,
                action="Run the shadow in a data directory of its own: [lakehouse] directory, or --lakehouse.",
            )

    def make_node(self, parts: Parts, *, loop: asyncio.AbstractEventLoop, source: PriceSource) -> MadeNode:
        """Return the node with simulated execution clients."""
        return make_trading_node(
            parts, loop=loop, source=source, execution=lambda venue, made: simulated_execution(parts, venue, made)
        )

    def _replay_source(self, fold: LogFold) -> PriceSource | None:
        config = self.config
        feed = [quote for quote in feed_of(config, self.inputs.market_limits) if quote.market_ns > fold.market_ns]
        manifests = manifests_left(manifests_of(config), fold)
        if not feed and not fold.log_line:
            raise ConfigError(
                "NOTHING_TO_REPLAY",
                expected=f"prices of allowed symbols in {config.data.path} from {config.data.start} to {config.data.end}",
                found="none",
                action="Compare [data] start and end, sentinel.allow and the file.",
            )
        if not feed and fold.run_finished:
            self.say(
                f"the replay of {config.data.path} has been played to its end ({fold.log_line} lines in the log); nothing was"
                f" traded and nothing changed.\nFor a new one move {self.layout.directory} away, or change [data] in"
                f" {config.path}."
            )
            return None
        return ReplaySource(config=config, feed=feed, manifests=manifests, fold=fold, now_ns=time.time_ns())
