"""A live node that has not started: kernel, assembly, and the record put back into the cache; the clients come with `build`.

The shadow and a live run are made here by the same lines; they differ in the data and execution clients they hand in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from engine.assemble import Assembly, Parts, assemble
from engine.instruments import expiry_sentinel, instrument_of
from engine.lakehouse_client import LakehouseDataClient
from engine.node import CONNECT_S, TRADER_ID, MakeClient, build, make_node
from engine.price_source import PriceSource
from engine.restore import Restored, Restorer
from engine.run_config import RunConfig
from lakehouse.newest_manifest import read_newest
from strategies.target_portfolio import LAKEHOUSE_CLIENT


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeNode:
    """A built node that has not started, and what was wired onto it."""

    node: Any
    assembly: Assembly
    restored: Restored


type MakeExecution = Callable[[str, MadeNode], MakeClient]
"""The factory of a venue's execution client on a node whose assembly and restored record stand."""


def make_trading_node(
    parts: Parts,
    *,
    loop: asyncio.AbstractEventLoop,
    source: PriceSource,
    execution: MakeExecution,
    outliving: Collection[str] = (),
    connect_s: float = CONNECT_S,
) -> MadeNode:
    """Return the node for these parts, with what `parts.fold` says is held and open back in its cache.

    `outliving`: real venues, which keep their orders while we are away. `connect_s`: see `engine.node.node_config`.
    """
    config, fold = parts.config, parts.fold
    node = make_node(
        loop=loop,
        data_clients=[*config.venues, LAKEHOUSE_CLIENT],
        exec_clients=config.venues,
        log_level="ERROR",
        connect_s=connect_s,
    )
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
        contexts=assembly.recorder.contexts,
        outliving=outliving,
    )
    data_makers: dict[str, MakeClient] = {venue: source.maker(venue) for venue in config.venues}
    data_makers[LAKEHOUSE_CLIENT] = _lakehouse_maker(config, assembly, parts)
    restored = restorer.restore(fold)
    open_at_venues = [order for order in node.kernel.cache.orders() if not order.is_closed and order.venue.value in outliving]
    assembly.gate.restore_passed([*(order for order, _ in restored.requeue), *open_at_venues])
    for order in restored.unanswered:
        assembly.gate.unknown(order.client_order_id.value, order.instrument_id.value)
    made = MadeNode(node=node, assembly=assembly, restored=restored)
    build(node, data_clients=data_makers, exec_clients={venue: execution(venue, made) for venue in config.venues})
    return made


def _lakehouse_maker(config: RunConfig, assembly: Assembly, parts: Parts) -> MakeClient:
    inputs, approvals = parts.inputs, parts.approvals

    def judge() -> Any:
        outcome = read_newest(
            config.manifest_paths(),
            policy=config.manifest_policy(),
            market_now_ns=assembly.recorder.market_now_ns(),
            provenance=config.provenance_policy(),
            keep=(lambda data: None) if inputs is None else inputs.put,
        )
        return outcome if approvals is None else approvals.judged(outcome)

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
            on_poll=assembly.poll,
            on_publish=(lambda outcome, now: None)
            if inputs is None
            else (lambda outcome, now: inputs.published(outcome, ts_ns=now)),
        )

    return make
