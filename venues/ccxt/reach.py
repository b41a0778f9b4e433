"""The first contact with a venue: its markets and how far its clock is from ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orders.errors import VenueUnavailable

OPEN_TRIES: Final = 2
OFFSET_ASKS: Final = 3


async def reach(exchange: Any) -> tuple[Mapping[str, Any], int]:
    """Return markets and the venue's clock minus ours in ms; reads are tried twice."""
    from ccxt.base.errors import BaseError

    for attempt in range(1, OPEN_TRIES + 1):
        try:
            markets = await exchange.load_markets()
            return markets, await _clock_offset_ms(exchange)
        except BaseError as error:
            if attempt == OPEN_TRIES:
                raise VenueUnavailable(
                    "VENUE_UNREACHABLE",
                    expected=f"the public API of {exchange.id} to answer",
                    found=f"{type(error).__name__} after {attempt} tries: {str(error)[:200]}",
                    action="Look at the network, a proxy, or whether the venue serves this country; nothing was started.",
                ) from error
    raise AssertionError("unreachable")


async def _clock_offset_ms(exchange: Any) -> int:
    """Return the venue's clock minus ours by the quickest of a few answers; the first waits for ccxt's own throttle."""
    best = (1 << 62, 0)
    for _ in range(OFFSET_ASKS):
        before = exchange.milliseconds()
        venue_ms = await exchange.fetch_time()
        after = exchange.milliseconds()
        best = min(best, (after - before, int(venue_ms - (before + after) // 2)))
    return best[1]
