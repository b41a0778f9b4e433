"""Requests to flatten, and a made day in which they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from lakehouse.flatten_request import FlattenRequest, write_request
from orders.flatten import Scope
from tests.gate.world import BTC, CRYPTO, DAY_NS, ETH, MS, SECOND, Ran, World, quote

NOW_NS = 1_000 * SECOND
WEIGHTS = {BTC.symbol: "0.3", ETH.symbol: "0.3"}


def request_of(**more: Any) -> FlattenRequest:
    """A sound request for everything, made now."""
    now = more.pop("now_ns", time.time_ns())
    return FlattenRequest(
        **{
            "request_id": "a" * 32, "environment": "made-day", "by": "ann", "reason": "the desk is closing", "scope": Scope(),
            "plan_sha256": "b" * 64, "created_ns": now, "expires_ns": now + 60 * SECOND,
        }
        | more
    )  # fmt: skip


def quiet_world(root: Any, *, count: int = 120, ms: int = 25, **more: Any) -> World:
    """A day on which prices stand still: three names in turn, a quote every `ms` milliseconds."""
    world = World(root, latency_ms=more.pop("latency_ms", "5"), jitter_ms="0", **more)
    world.quotes = [quote(CRYPTO[i % 3], ms * i) for i in range(count)]
    return world.write()


def at(world: World, ms: int, work: Callable[[Any], None]) -> Callable[[Any], Awaitable[None]]:
    """Do `work(assembly)` at a millisecond of the made day, beside the node."""

    async def beside(assembly: Any) -> None:
        left_ns = DAY_NS + ms * MS - assembly.recorder.market_now_ns()
        await asyncio.sleep(max(0, left_ns) / SECOND)
        work(assembly)

    return beside


def asks(world: World, ms: int, **more: Any) -> Callable[[Any], Awaitable[None]]:
    """Put a request where the run looks, at a millisecond of the day."""
    return at(world, ms, lambda assembly: write_request(world.layout, request_of(**more)))


def net(ran: Ran, symbol: str) -> Decimal:
    """What the fills of a run add up to, fees in kind left out."""
    return sum(
        (Decimal(line["quantity"]) * (1 if line["side"] == "BUY" else -1) for line in ran.of("fill") if line["symbol"] == symbol),
        Decimal(0),
    )


def flattens(ran: Ran) -> list[tuple[str, str]]:
    """Stage and outcome of each line about a flatten."""
    return [(line["stage"], line["outcome"]) for line in ran.of("flatten")]
