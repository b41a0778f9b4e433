"""What the public sees of one pair: book, trades and update ids, and their messages as Binance words them.

Numbers go out as texts with the trailing zeros Binance sends.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sim.rehearsal.listing import Listing, text
from sim.rehearsal.values import Printed

TRADES_KEPT_MAX: Final = 100_000


class PublicMarket:
    """One symbol's book and trades. `first_trade_id` lets a test begin anywhere."""

    def __init__(self, symbol: Listing, *, first_trade_id: int = 1) -> None:
        self.symbol = symbol
        self.update_id = 1_000
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.trades: list[dict[str, Any]] = []
        self._next_trade = first_trade_id
        self._bars: dict[int, list[list[Any]]] = {}

    def set_touch(
        self, bid: Decimal, ask: Decimal, *, size: Decimal, levels: int, now_ms: int
    ) -> list[tuple[str, dict[str, Any]]]:
        """Replace the book by `levels` levels below and above; return (stream, message) of what changed."""
        tick = self.symbol.tick_size
        bids = {bid - tick * place: size for place in range(levels)}
        asks = {ask + tick * place: size for place in range(levels)}
        return self.show(bids, asks, now_ms=now_ms)

    def show(
        self, bids: dict[Decimal, Decimal], asks: dict[Decimal, Decimal], *, now_ms: int
    ) -> list[tuple[str, dict[str, Any]]]:
        """Replace the book; return (stream, message) of what changed. An empty side has price and size zero."""
        first = self.update_id + 1
        self.update_id += 1
        changed_bids, changed_asks = _changes(self.bids, bids), _changes(self.asks, asks)
        self.bids, self.asks = bids, asks
        name = self.symbol.name
        touch = self.touch()
        ticker = {
            "u": self.update_id,
            "s": name,
            "b": touch["bidPrice"],
            "B": touch["bidQty"],
            "a": touch["askPrice"],
            "A": touch["askQty"],
        }
        depth = {
            "e": "depthUpdate",
            "E": now_ms,
            "s": name,
            "U": first,
            "u": self.update_id,
            "b": changed_bids,
            "a": changed_asks,
        }
        return [(f"{name.lower()}@bookTicker", ticker), (f"{name.lower()}@depth@100ms", depth)]

    def add_trade(
        self, price: Decimal, quantity: Decimal, *, buyer_is_maker: bool, now_ms: int, trade_id: int | None = None
    ) -> list[tuple[str, dict[str, Any]]]:
        """Record a trade; return its messages on both trade streams. One trade is one aggregate trade here.

        `trade_id` is the next one unless an exchange counts itself.
        """
        trade_id = self._next_trade if trade_id is None else trade_id
        self._next_trade = trade_id + 1
        fields = {"p": text(price), "q": text(quantity), "T": now_ms, "m": buyer_is_maker, "M": True}
        self.trades.append({"a": trade_id, "f": trade_id, "l": trade_id, **fields})
        del self.trades[:-TRADES_KEPT_MAX]
        name = self.symbol.name
        aggregate = {"e": "aggTrade", "E": now_ms, "s": name, "a": trade_id, "f": trade_id, "l": trade_id, **fields}
        single = {"e": "trade", "E": now_ms, "s": name, "t": trade_id, **fields}
        return [(f"{name.lower()}@aggTrade", aggregate), (f"{name.lower()}@trade", single)]

    def add_printed(self, printed: Printed) -> list[tuple[str, dict[str, Any]]]:
        """Record a trade an exchange matched, under its own id and time; return its messages."""
        return self.add_trade(
            printed.price,
            printed.quantity,
            buyer_is_maker=printed.buyer_is_maker,
            now_ms=printed.ms,
            trade_id=printed.trade_id,
        )

    def depth(self, limit: int) -> dict[str, Any]:
        """Return the REST snapshot of the book."""
        return {
            "lastUpdateId": self.update_id,
            "bids": [[text(price), text(self.bids[price])] for price in sorted(self.bids, reverse=True)[:limit]],
            "asks": [[text(price), text(self.asks[price])] for price in sorted(self.asks)[:limit]],
        }

    def touch(self) -> dict[str, Any]:
        """Return the REST best bid and ask; zeros where a side is empty, as Binance does."""
        bid, ask = max(self.bids, default=Decimal(0)), min(self.asks, default=Decimal(0))
        return {
            "symbol": self.symbol.name,
            "bidPrice": text(bid),
            "bidQty": text(self.bids.get(bid, Decimal(0))),
            "askPrice": text(ask),
            "askQty": text(self.asks.get(ask, Decimal(0))),
        }

    def keep_bars(self, interval_ms: int, rows: Sequence[tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]]) -> None:
        """Take a history of bars (begin in ms, open, high, low, close, volume), oldest first, instead of those of the trades."""
        self._bars[interval_ms] = [
            [
                opened,
                *(text(value) for value in values),
                opened + interval_ms - 1,
                text(Decimal(0)),
                1,
                text(Decimal(0)),
                text(Decimal(0)),
                "0",
            ]
            for opened, *values in rows
        ]

    def klines(self, *, interval_ms: int, start_ms: int, end_ms: int, limit: int) -> list[list[Any]]:
        """Return bars of the history or else of the trades kept, in Binance's order of columns."""
        known = self._bars.get(interval_ms)
        if known is not None:
            first = bisect_left(known, start_ms, key=lambda row: int(row[0]))
            return [row for row in known[first : first + limit] if row[0] <= end_ms]
        buckets: dict[int, list[dict[str, Any]]] = {}
        for trade in self.trades:
            if start_ms <= trade["T"] <= end_ms:
                buckets.setdefault(trade["T"] // interval_ms * interval_ms, []).append(trade)
        return [_kline(opened, buckets[opened], interval_ms) for opened in sorted(buckets)[:limit]]


def _changes(old: Mapping[Decimal, Decimal], new: Mapping[Decimal, Decimal]) -> list[list[str]]:
    gone = [[text(price), text(Decimal(0))] for price in old if price not in new]
    return gone + [[text(price), text(size)] for price, size in new.items() if old.get(price) != size]


def _kline(opened: int, trades: list[dict[str, Any]], interval_ms: int) -> list[Any]:
    prices = [Decimal(trade["p"]) for trade in trades]
    volume = sum((Decimal(trade["q"]) for trade in trades), start=Decimal(0))
    turnover = sum((Decimal(trade["p"]) * Decimal(trade["q"]) for trade in trades), start=Decimal(0))
    return [
        opened,
        *(text(price) for price in (prices[0], max(prices), min(prices), prices[-1])),
        text(volume),
        opened + interval_ms - 1,
        text(turnover),
        len(trades),
        text(Decimal(0)),
        text(Decimal(0)),
        "0",
    ]
