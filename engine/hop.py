"""The one way from a timer to work: in a live node timer callbacks run on another thread, so they hop to the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

type Hop = Callable[[Callable[..., None], Any], None]


def straight(handler: Callable[..., None], event: Any) -> None:
    """A backtest's hop: its timers already run on the engine's thread."""
    handler(event)


def onto(loop: asyncio.AbstractEventLoop) -> Hop:
    """Return a live node's hop: the handler runs on the loop's thread, soon, in order of hopping."""

    def hop(handler: Callable[..., None], event: Any) -> None:
        loop.call_soon_threadsafe(handler, event)

    return hop
