"""What differs between CCXT's venues, as data. A venue without a profile is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orders.errors import ConfigError
from orders.values import Record


class QuoteFields(Record, frozen=True, kw_only=True):
    """Where a top-of-book message (ccxt's `info`) has its exact decimals. None: the venue does not say it."""

    bid: str
    ask: str
    bid_size: str
    ask_size: str
    update_id: str | None
    venue_ms: str | None


class TradeFields(Record, frozen=True, kw_only=True):
    """Where a trade message has its exact decimals. `trade_id` counts without gaps per symbol, so a gap is seen and filled."""

    trade_id: str
    price: str
    quantity: str
    venue_ms: str
    buyer_is_maker: str


class CcxtProfile(Record, frozen=True, kw_only=True):
    """One venue's public data: hosts, ccxt options, message fields, and the hashes under which ccxt.pro awaits messages."""

    exchange: str
    venue: str
    hosts: frozenset[str]
    options: Mapping[str, Any]
    quote: QuoteFields
    trade: TradeFields
    trades_watch: Mapping[str, Any]
    trades_fetch: Mapping[str, Any]
    trades_from: str  # parameter that names the first trade id wanted
    trades_page: int
    trades_span_ms: int  # longest range one request by time may ask for
    bars_page: int
    book_snapshot_levels: int
    quote_hash: str
    trade_hash: str
    book_hash: str


# bookTicker has neither an event time nor a name; its `u` orders it. Aggregate trades, because their ids are contiguous and
# the REST side pages by `fromId` without a key. developers.binance.com: web-socket-streams, rest-api market-data-endpoints.
BINANCE: Final = CcxtProfile(
    exchange="binance",
    venue="BINANCE",
    hosts=frozenset({"api.binance.com", "stream.binance.com"}),
    options={
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
    },
    quote=QuoteFields(bid="b", ask="a", bid_size="B", ask_size="A", update_id="u", venue_ms=None),
    trade=TradeFields(trade_id="a", price="p", quantity="q", venue_ms="T", buyer_is_maker="m"),
    trades_watch={"name": "aggTrade"},
    trades_fetch={"fetchTradesMethod": "publicGetAggTrades"},
    trades_from="fromId",
    trades_page=1_000,
    trades_span_ms=3_600_000,
    bars_page=1_000,
    book_snapshot_levels=100,
    quote_hash="bidask:bookTicker@{symbol}",
    trade_hash="trade::{symbol}",
    book_hash="orderbook::{symbol}",
)

PROFILES: Final[Mapping[str, CcxtProfile]] = {BINANCE.exchange: BINANCE}


def profile_of(exchange: str) -> CcxtProfile:
    """Return the profile of a ccxt exchange id. Raises `ConfigError` NO_PROFILE."""
    profile = PROFILES.get(exchange)
    if profile is None:
        raise ConfigError(
            "NO_PROFILE",
            expected=f"one of {', '.join(sorted(PROFILES))}, whose streams are proven against a loopback venue",
            found=repr(exchange),
            action="Another venue needs a profile and a harness that proves it first.",
        )
    return profile
