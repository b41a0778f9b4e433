"""The shadow's execution clients: simulated ones on a live node."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.assemble import Parts
from engine.node import MakeClient
from engine.restore import balances_of
from engine.trading_node import MadeNode
from venues.simulated.shadow import ShadowExecutionClient


def simulated_execution(parts: Parts, venue: str, made: MadeNode) -> MakeClient:
    """Return the factory of a venue's simulated client, with what the record says it held and had received."""
    config, assembly, restored = parts.config, made.assembly, made.restored
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
            portfolio=made.node.kernel.portfolio,
            venue=venue,
            account=config.venues[venue].account,
            balances=balances,
            assumptions=config.assumptions(),
            lock=assembly.gate,
            tap=assembly.recorder,
            halt=assembly.halt,
            symbols={listing.instrument_id: symbol for symbol, listing in parts.listings.items()},
            requeue=[item for item in restored.requeue if item[0].instrument_id.venue.value == venue],
        )
        assembly.accruals.attach(venue, client.adjust)
        return client

    return make
