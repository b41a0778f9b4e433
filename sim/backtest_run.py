"""A backtest: dated manifests over recorded prices through the shadow's own assembly, and its summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec
from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import InstrumentId

from analysis.run_summary import RunSummary, summarise
from engine.assemble import Parts, write_run_start
from engine.bundle_parts import bundle_of
from engine.config_catalog import bar_spec_of
from engine.inputs import Inputs
from engine.lakehouse_client import portfolio_of
from engine.market_time import IDENTITY
from engine.narrator import day_of
from engine.run_config import RunConfig
from engine.snapshots_out import SnapshotWriter
from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.newest_manifest import read_newest
from lakehouse.opening import open_journal
from lakehouse.permission import MemoryPermission
from orders.errors import ConfigError
from sim.backtest import Backtest
from sim.feed import FeedQuote
from sim.inputs import feed_of, manifests_of
from sim.replay_client import bar_of, tick_of
from strategies.target_portfolio import as_custom

STEP_INSTANTS: Final = 21  # market instants in one streaming step: about a month of daily closes
STEP_PRICES: Final = 400  # and at least so many prices: a step of minute bars is some hours


def read_feed(config: RunConfig, inputs: Inputs) -> list[FeedQuote]:
    """Return all prices of the span in time order. Raises `ConfigError` NO_PRICES when there are none."""
    bars = bar_spec_of(config.data)
    quotes = list(feed_of(config, inputs.market_limits, spread_bps=None if bars is None else Decimal(0)))
    if not quotes:
        raise ConfigError(
            "NO_PRICES",
            expected=f"prices from {config.data.start} to {config.data.end} in {config.data.path}",
            found="none",
            action="Change [data] start and end.",
        )
    return quotes


def backtest(
    config: RunConfig,
    inputs: Inputs,
    *,
    layout: Layout,
    run_id: str,
    say: Callable[[str, int, int], None],
    quotes: Sequence[FeedQuote] | None = None,
    look: Callable[[Any], None] = lambda engine: None,
    bundle_sha256: str | None = None,
) -> tuple[RunSummary, list[str]]:
    """Run it; return the summary made from the log and the prices, and why the engine halted itself, if it did.

    `quotes` None: those of the config. `bundle_sha256` None: that of the config's own bundle.
    `look(engine)` is called at the end of the run, before Nautilus' engine is gone.
    """
    if quotes is None:
        quotes = read_feed(config, inputs)
    failures: list[str] = []
    journal = open_journal(layout, now_ns=quotes[0].market_ns, run_id=run_id, durable=False)
    parts = Parts(
        config=config,
        run_id=run_id,
        listings=inputs.listings,
        market_limits=inputs.market_limits,
        market_limits_sha256=inputs.market_limits_sha256,
        journal=journal,
        durable=False,
        permission=MemoryPermission(),
        market_time=IDENTITY,
        fold=journal.fold,
        bar_spec=bar_spec_of(config.data),
        on_halt=failures.append,
        bundle_sha256=bundle_sha256 or bundle_of(config, inputs).sha256,
    )
    test = Backtest(parts)
    try:
        _play(test, parts, quotes, synthetic=list(inputs.synthetic), say=say)
        recorder = test.assembly.recorder
        recorder.write(records.RunStop, cause="finished", open_orders=len(test.engine.kernel.cache.orders_open()))
        journal.flush()
        writer = SnapshotWriter(
            layout=layout,
            config=config,
            recorder=recorder,
            prices=test.assembly.prices,
            market_limits=inputs.market_limits,
            listings=inputs.listings,
            market_time=IDENTITY,
            marks={},
            desk=test.assembly.desk,
        )
        writer.write_state(now_ns=quotes[-1].market_ns, log_line=recorder.last_line)
        look(test.engine)
    finally:
        journal.close()
        test.dispose()
    marks = [(quote.market_ns, quote.symbol, (quote.bid + quote.ask) / 2) for quote in quotes]
    return summarise(
        layout.log,
        marks=marks,
        base_currency=config.capital.base_currency,
        rates={code: rate.value for code, rate in config.rates().items()},
    ), failures


def _play(
    test: Backtest, parts: Parts, quotes: Sequence[FeedQuote], *, synthetic: list[str], say: Callable[[str, int, int], None]
) -> None:
    config = parts.config
    instruments = {
        symbol: test.engine.kernel.cache.instrument(InstrumentId.from_str(text))
        for symbol, text in test.assembly.instrument_ids.items()
    }
    write_run_start(
        test.assembly,
        parts,
        kind="backtest",
        version=version("sluice"),
        data_source=f"{config.data.kind} {config.data.path}",
        synthetic=synthetic,
    )
    spec = parts.bar_spec
    bar_types = {
        symbol: None if spec is None else BarType.from_str(f"{text}-{spec}")
        for symbol, text in test.assembly.instrument_ids.items()
    }

    def price(quote: FeedQuote) -> Any:
        if spec is not None:
            return bar_of(quote, instruments[quote.symbol], bar_types[quote.symbol])
        return tick_of(quote, instruments[quote.symbol], ts_ns=quote.market_ns)

    manifests: list[tuple[int, Path | None]] = [*manifests_of(config)] or [(quotes[0].market_ns, None)]
    done = 0
    total = len({quote.market_ns for quote in quotes})
    for step in _steps(quotes):
        end_ns = step[-1].market_ns
        portfolios = []
        while manifests and manifests[0][0] <= end_ns:
            portfolios.append(portfolio_at(config, *manifests.pop(0)))
        test.feed((price(quote) for quote in step), portfolios)
        done += len({quote.market_ns for quote in step})
        say(day_of(end_ns), done, total)
    for instant, path in manifests:
        test.feed((), [portfolio_at(config, instant, path)])
    test.finish()


def portfolio_at(config: RunConfig, instant_ns: int, path: Path | None) -> Any:
    """Read and judge a manifest as of the market instant at which it appeared, where it lies; None: the config's own."""
    policy = config.manifest_policy()
    if path is not None:
        policy = msgspec.structs.replace(policy, root=str(path.parent))
    outcome = read_newest(
        config.manifest_paths() if path is None else (path,),
        policy=policy,
        market_now_ns=instant_ns,
        provenance=config.provenance_policy(),
    )
    return as_custom(portfolio_of(outcome, now_ns=instant_ns))


def _steps(quotes: Sequence[FeedQuote]) -> Iterator[list[FeedQuote]]:
    step: list[FeedQuote] = []
    instants = 0
    for _, group in groupby(quotes, key=lambda quote: quote.market_ns):
        step.extend(group)
        instants += 1
        if instants >= STEP_INSTANTS and len(step) >= STEP_PRICES:
            yield step
            step, instants = [], 0
    if step:
        yield step
