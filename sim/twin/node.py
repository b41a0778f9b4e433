"""The twin's node: prices of its own, simulated venues, and nothing else."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from engine.assemble import Parts
from engine.instruments import expiry_sentinel, instrument_of
from engine.node import build, make_node
from orders.errors import VenueUnavailable
from sim.twin.assembly import TwinAssembly, assemble_twin, simulated_venue
from sim.twin.quotes import TwinQuotes

START_S: Final = 60.0


def twin_node(parts: Parts, source: TwinQuotes, *, loop: asyncio.AbstractEventLoop) -> tuple[TwinAssembly, Any]:
    """Return the wired parts and their node, built and not yet run."""
    venues = parts.config.venues
    node = make_node(loop=loop, data_clients=venues, exec_clients=venues, log_level="ERROR")
    made = assemble_twin(node.kernel, parts)
    for symbol in sorted(parts.market_limits):
        node.kernel.cache.add_instrument(instrument_of(parts.listings[symbol], parts.market_limits[symbol]))
    for venue in venues:
        node.kernel.cache.add_instrument(expiry_sentinel(venue))
    build(
        node,
        data_clients={venue: source.maker(venue) for venue in venues},
        exec_clients={venue: simulated_venue(parts, venue, made, portfolio=node.kernel.portfolio) for venue in venues},
    )
    return made, node


async def started(node: Any) -> None:
    """Return once the node's clients are connected. Raises `VenueUnavailable` NODE_NOT_STARTED."""
    deadline = time.monotonic() + START_S
    while not node.kernel.trader.is_running:
        if time.monotonic() > deadline:
            raise VenueUnavailable(
                "NODE_NOT_STARTED",
                expected=f"the venue's prices within {START_S:g} s",
                found="none; the lines above this one say why",
                action="Look at the venue and the network, and start again: a twin sends nothing.",
            )
        await asyncio.sleep(0.01)


async def nothing() -> None:
    """Before the node stops there is nothing to do: no venue holds an order of it."""
