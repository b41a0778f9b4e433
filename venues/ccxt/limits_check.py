"""A venue's public market list against the limits of the run, asked once at a start."""

from __future__ import annotations

from collections.abc import Mapping

from orders.values import Listing, MarketLimits
from venues.ccxt.endpoint import Endpoint
from venues.ccxt.market_limits import fetch_limits
from venues.limits_check import limits_differences


async def limits_changed(
    exchange: str, *, listings: Mapping[str, Listing], market_limits: Mapping[str, MarketLimits], endpoint: Endpoint | None
) -> tuple[str, ...]:
    """Ask the venue's public list once for every symbol of `market_limits`, all of one venue; return each difference in words.

    They name symbol, field and both values. Raises `VenueUnavailable` VENUE_UNREACHABLE.
    """
    asked = tuple(listings[symbol] for symbol in sorted(market_limits))
    found = await fetch_limits(exchange, asked, endpoint=endpoint)
    return tuple(each.words for each in limits_differences(market_limits, limits=found.limits, refused=found.refused))
