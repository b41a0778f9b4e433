"""The specification's adapter for a venue reached through CCXT, and its first live adapter, Binance, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orders.values import MarketLimits
from venues.ccxt.trading_profiles import BINANCE, TradingProfile, require_trading
from venues.desk_adapter import DeskAdapter, OrderDesk


class CCXTAdapter(DeskAdapter):
    """One account at one venue. The desk belongs to an engine whose execution client is `CcxtExecutionClient`."""

    def __init__(self, exchange: str, *, desk: OrderDesk, market_limits: Mapping[str, MarketLimits]) -> None:
        """`exchange` is ccxt's id. Raises `ConfigError`: see `require_trading`."""
        self.profile: TradingProfile = require_trading(exchange)
        super().__init__(venue=self.profile.venue, desk=desk, market_limits=market_limits)


class BinanceAdapter(CCXTAdapter):
    """Binance spot: the Binance profile by name."""

    EXCHANGE: Final = BINANCE.exchange

    def __init__(self, *, desk: OrderDesk, market_limits: Mapping[str, MarketLimits]) -> None:
        super().__init__(self.EXCHANGE, desk=desk, market_limits=market_limits)
