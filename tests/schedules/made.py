"""A parent, its venue's limits and quotes, for the pure tests of schedules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orders.plan import Approval
from orders.values import MarketLimits, OrderKind, Quote, Side

SYMBOL = "BINANCE:BTCUSDT"


def limits_of(*, step: str = "0.001", least: str = "0.001", notional: str = "5") -> MarketLimits:
    return MarketLimits(
        symbol=SYMBOL, venue="BINANCE", step_size=Decimal(step), tick_size=Decimal("0.01"), min_quantity=Decimal(least),
        min_notional=Decimal(notional), max_quantity=None, multiplier=Decimal(1),
    )  # fmt: skip


def parent_of(quantity: str = "1", *, limit: str | None = None, side: Side = Side.BUY, **more: Any) -> Approval:
    return Approval(
        **{
            "client_order_id": "a" * 32, "environment": "made-day", "manifest_sha256": "b" * 64, "plan_sha256": "c" * 64,
            "cycle": 1, "line": 1, "symbol": SYMBOL, "instrument_id": "BTCUSDT.BINANCE", "venue": "BINANCE", "side": side,
            "quantity": Decimal(quantity), "order_kind": OrderKind.MARKET if limit is None else OrderKind.LIMIT,
            "limit_price": None if limit is None else Decimal(limit), "reduce_only": False, "reference_price": Decimal(100),
            "unit_value_base": Decimal(1), "reduces": False, "schedule": "made",
        }
        | more
    )  # fmt: skip


def quote_at(bid: str = "99", ask: str = "101") -> Quote:
    return Quote(symbol=SYMBOL, bid=Decimal(bid), ask=Decimal(ask), ts_ns=1)
