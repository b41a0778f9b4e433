"""Answers of the public REST side, from what the public sees of every pair."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sim.rehearsal.listing import text
from sim.rehearsal.public_market import PublicMarket
from sim.rehearsal.values import Refusal

LIMIT_MAX: Final = 1_000
INTERVALS_MS: Final = {"1s": 1_000, "1m": 60_000, "5m": 300_000, "1h": 3_600_000, "1d": 86_400_000}
DAY_MS: Final = 86_400_000
BAD_SYMBOL: Final = Refusal(code=-1121, message="Invalid symbol.")
BAD_INTERVAL: Final = Refusal(code=-1120, message="Invalid interval.")
NOT_SPOKEN: Final = Refusal(code=-1, message="not spoken here", status=404)
RATE_LIMITS: Final = (
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
)


def answer(markets: Mapping[str, PublicMarket], name: str, query: Mapping[str, str], *, now_ms: int) -> Any:
    """Return the answer to a GET below /api/v3: JSON, or a `Refusal`."""
    if name == "ping":
        return {}
    if name == "time":
        return {"serverTime": now_ms}
    if name == "exchangeInfo":
        return _exchange_info(markets, query, now_ms=now_ms)
    if "symbol" not in query and name in TICKERS:
        return [TICKERS[name](market, now_ms) for market in markets.values()]
    market = markets.get(query.get("symbol", ""))
    if market is None:
        return BAD_SYMBOL
    return _of_market(market, name, query, now_ms=now_ms)


def _of_market(market: PublicMarket, name: str, query: Mapping[str, str], *, now_ms: int) -> Any:
    numbers = {key: int(value) for key, value in query.items() if value.isdigit()}
    limit = min(numbers.get("limit", 500), LIMIT_MAX)
    start, end = numbers.get("startTime", 0), numbers.get("endTime", 2**53)
    if name in TICKERS:
        return TICKERS[name](market, now_ms)
    if name == "depth":
        return market.depth(limit)
    if name == "aggTrades":
        from_id = numbers.get("fromId")
        if from_id is not None:
            return [trade for trade in market.trades if trade["a"] >= from_id][:limit]
        inside = [trade for trade in market.trades if start <= trade["T"] <= end]
        return inside[:limit] if "startTime" in numbers else inside[-limit:]
    if name in ("trades", "historicalTrades"):
        wanted = [trade for trade in market.trades if trade["a"] >= numbers.get("fromId", 0)]
        return [_single(trade) for trade in (wanted[:limit] if "fromId" in numbers else wanted[-limit:])]
    if name == "klines":
        interval_ms = INTERVALS_MS.get(query.get("interval", ""))
        if interval_ms is None:
            return BAD_INTERVAL
        return market.klines(interval_ms=interval_ms, start_ms=start, end_ms=end, limit=limit)
    return NOT_SPOKEN


def _exchange_info(markets: Mapping[str, PublicMarket], query: Mapping[str, str], *, now_ms: int) -> Any:
    listed = {name: market.symbol for name, market in markets.items()}
    if "symbol" in query:
        if query["symbol"] not in listed:
            return BAD_SYMBOL
        listed = {query["symbol"]: listed[query["symbol"]]}
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": list(RATE_LIMITS),
        "exchangeFilters": [],
        "symbols": [listing.exchange_info() for listing in listed.values()],
    }


def _single(trade: dict[str, Any]) -> dict[str, Any]:
    turnover = Decimal(trade["p"]) * Decimal(trade["q"])
    return {
        "id": trade["a"],
        "price": trade["p"],
        "qty": trade["q"],
        "quoteQty": str(turnover),
        "time": trade["T"],
        "isBuyerMaker": trade["m"],
        "isBestMatch": True,
    }


def _touch(market: PublicMarket, now_ms: int) -> dict[str, Any]:
    return market.touch()


def _last(market: PublicMarket, now_ms: int) -> dict[str, Any]:
    return {"symbol": market.symbol.name, "price": market.trades[-1]["p"] if market.trades else text(Decimal(0))}


def _day(market: PublicMarket, now_ms: int) -> dict[str, Any]:
    """The last day's ticker, of the trades kept."""
    recent = [trade for trade in market.trades if trade["T"] > now_ms - DAY_MS]
    prices = [Decimal(trade["p"]) for trade in recent] or [Decimal(0)]
    volume = sum((Decimal(trade["q"]) for trade in recent), start=Decimal(0))
    turnover = sum((Decimal(trade["p"]) * Decimal(trade["q"]) for trade in recent), start=Decimal(0))
    touch = market.touch()
    change = prices[-1] - prices[0]
    return {
        **touch,
        "priceChange": text(change),
        "priceChangePercent": str((change / prices[0] * 100).quantize(Decimal("0.001")) if prices[0] else 0),
        "weightedAvgPrice": text(turnover / volume if volume else Decimal(0)),
        "prevClosePrice": text(prices[0]),
        "lastPrice": text(prices[-1]),
        "lastQty": recent[-1]["q"] if recent else text(Decimal(0)),
        "openPrice": text(prices[0]),
        "highPrice": text(max(prices)),
        "lowPrice": text(min(prices)),
        "volume": text(volume),
        "quoteVolume": text(turnover),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": recent[0]["f"] if recent else -1,
        "lastId": recent[-1]["l"] if recent else -1,
        "count": len(recent),
    }


TICKERS: Final[Mapping[str, Any]] = {"ticker/bookTicker": _touch, "ticker/price": _last, "ticker/24hr": _day}
