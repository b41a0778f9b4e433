"""The specification's adapter for Interactive Brokers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orders.values import MarketLimits
from venues.desk_adapter import DeskAdapter, OrderDesk

VENUE: Final = "IBKR"


class IBKRAdapter(DeskAdapter):
    """One account at Interactive Brokers, which is one venue whatever exchange an order is routed to: it has one pot of cash.

    The desk belongs to an engine whose execution client is `IbkrExecutionClient`.
    """

    def __init__(self, *, desk: OrderDesk, market_limits: Mapping[str, MarketLimits], venue: str = VENUE) -> None:
        super().__init__(venue=venue, desk=desk, market_limits=market_limits)
