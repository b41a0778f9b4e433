"""The shadow's node: live kernel, assembly, simulated execution clients, and the record put back into the cache."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from engine.assemble import Assembly, Parts, assemble
from engine.instruments import expiry_sentinel, instrument_of
from engine.lakehouse_client import LakehouseDataClient
from engine.node import TRADER_ID, MakeClient, build, make_node
from engine.restore import Restored, Restorer, balances_of
from engine.run_config import RunConfig
from lakehouse.newest_manifest import read_newest
from lakehouse.run_inputs import InputsWriter
from sim.price_source import PriceSource
from strategies.target_portfolio import LAKEHOUSE_CLIENT
from venues.simulated.shadow import ShadowExecutionClient


@dataclass(frozen=True, kw_only=True, slots=True)
class ShadowNode:
    """A built node that has not started, and what was wired onto it."""

    node: Any
    assembly: Assembly
    restored: Restored


def make_shadow_node(parts: Parts, *, loop: asyncio.AbstractEventLoop, source: PriceSource) -> ShadowNode:
    """Return the node for these parts, with what `parts.fold` says is held and open back in its cache."""
    config, fold = parts.config, parts.fold
    node = make_node(loop=loop, data_clients=[*config.venues, LAKEHOUSE_CLIENT], exec_clients=config.venues, log_level="ERROR")
    assembly = assemble(node.kernel, parts)
    for symbol in sorted(parts.market_limits):
        node.kernel.cache.add_instrument(instrument_of(parts.listings[symbol], parts.market_limits[symbol]))
    for venue in config.venues:
        node.kernel.cache.add_instrument(expiry_sentinel(venue))
    restorer = Restorer(
        cache=node.kernel.cache,
        trader_id=TRADER_ID,
        strategy_id=assembly.strategy.id.value,
        listings=parts.listings,
        limits=parts.market_limits,
        recorder=assembly.recorder,
    )
    data_makers: dict[str, MakeClient] = {venue: source.maker(venue) for venue in config.venues}
    data_makers[LAKEHOUSE_CLIENT] = _lakehouse_maker(config, assembly, parts.inputs)
    restored = restorer.restore(fold)
    assembly.gate.restore_passed(order for order, _ in restored.requeue)
    exec_makers = {venue: _exec_maker(venue, node, parts, assembly, restored) for venue in config.venues}
    build(node, data_clients=data_makers, exec_clients=exec_makers)
    return ShadowNode(node=node, assembly=assembly, restored=restored)


def _lakehouse_maker(config: RunConfig, assembly: Assembly, inputs: InputsWriter | None) -> MakeClient:
    def judge() -> Any:
        return read_newest(
            config.manifest_paths(),
            policy=config.manifest_policy(),
            market_now_ns=assembly.recorder.market_now_ns(),
            provenance=config.provenance_policy(),
            keep=(lambda data: None) if inputs is None else inputs.put,
        )

    def make(loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> Any:
        return LakehouseDataClient(
            loop=loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            paths=config.manifest_paths(),
            judge=judge,
            poll_interval_s=config.lakehouse.poll_interval_ms / 1_000,
            halt=assembly.halt,
            on_poll=(lambda: None) if assembly.flatten is None else assembly.flatten.poll,
            on_publish=(lambda outcome, now: None)
            if inputs is None
            else (lambda outcome, now: inputs.published(outcome, ts_ns=now)),
        )

    return make


def _exec_maker(venue: str, node: Any, parts: Parts, assembly: Assembly, restored: Restored) -> MakeClient:
    config = parts.config
    balances = balances_of(
        assembly.recorder.keeper,
        venue,
        account=config.venues[venue].account,
        listings=parts.listings,
        limits=parts.market_limits,
        carried=restored.carried,
    )

    def make(loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> Any:
        client = ShadowExecutionClient(
            loop=loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            portfolio=node.kernel.portfolio,
            venue=venue,
            account=config.venues[venue].account,
            balances=balances,
            assumptions=config.assumptions(),
            lock=assembly.gate,
            tap=assembly.recorder,
            halt=assembly.halt,
            requeue=[item for item in restored.requeue if item[0].instrument_id.venue.value == venue],
        )
        assembly.accruals.attach(venue, client.adjust)
        return client

    return make
