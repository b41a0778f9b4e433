"""What exactly is put on the wire for an order, or why it is not: the last check, in Decimal, before the one request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from orders.canonical import decimal_text
from orders.values import MarketLimits, OrderKind, Record, Side
from venues.ccxt.trading_profiles import TradingProfile

TIMES_IN_FORCE: Final = frozenset({"GTC", "IOC", "FOK"})


class Terms(Record, frozen=True, kw_only=True):
    """The arguments of ccxt's create_order; numbers are texts. `price` None: a market order."""

    symbol: str
    kind: str
    side: str
    quantity: str
    price: str | None
    params: Mapping[str, Any]


class Unsendable(Record, frozen=True, kw_only=True):
    """Why an order does not leave. `code`: KIND_UNSUPPORTED, TIF_UNSUPPORTED, OFF_STEP, OFF_TICK, BELOW_FLOOR,
    ABOVE_MAX_QUANTITY, COST_ORDER, ROUNDED_BY_CCXT (of `wire`).
    """

    code: str
    message: str


def terms_of(
    *,
    symbol: str,
    client_id: str,
    kind: OrderKind | None,
    side: Side,
    quantity: Decimal,
    price: Decimal | None,
    time_in_force: str,
    post_only: bool,
    limits: MarketLimits,
    profile: TradingProfile,
) -> Terms | Unsendable:
    """Return the terms of an order whose numbers are exactly those given, or why it cannot go.

    That ccxt leaves the numbers as they are is `wire`'s to hold it to, while it makes the request. Least notional of a market
    order is not judged: its price is the venue's to know. Reduce-only is not sent: spot has no such flag, and the gate holds the
    order to it.
    """
    if kind is None:
        return _no("KIND_UNSUPPORTED", "only market and limit orders are sent")
    if kind is OrderKind.MARKET and side is Side.BUY and profile.cost_market_orders:
        return _no("COST_ORDER", f"{profile.exchange} takes market buys in quote currency, which is not what was approved")
    if kind is OrderKind.LIMIT and time_in_force not in TIMES_IN_FORCE:
        return _no("TIF_UNSUPPORTED", f"time in force {time_in_force}, {', '.join(sorted(TIMES_IN_FORCE))} are sent")
    problem = _off_limits(quantity, price, kind=kind, limits=limits)
    if problem is not None:
        return problem
    quantity_text = decimal_text(quantity)
    price_text = None if price is None else decimal_text(price)
    params: dict[str, Any] = {"clientOrderId": client_id, **profile.self_match}
    if kind is OrderKind.LIMIT:
        params |= {"postOnly": True} if post_only else {"timeInForce": time_in_force}
    return Terms(
        symbol=symbol, kind=kind.value.lower(), side=side.value.lower(), quantity=quantity_text, price=price_text, params=params
    )


def _off_limits(quantity: Decimal, price: Decimal | None, *, kind: OrderKind, limits: MarketLimits) -> Unsendable | None:
    if quantity <= 0 or quantity % limits.step_size:
        return _no("OFF_STEP", f"quantity {quantity}, step {limits.step_size}")
    if (price is None) is (kind is OrderKind.LIMIT) or (price is not None and (price <= 0 or price % limits.tick_size)):
        return _no("OFF_TICK", f"price {price}, tick {limits.tick_size}")
    if quantity < limits.min_quantity or (price is not None and quantity * price * limits.multiplier < limits.min_notional):
        return _no(
            "BELOW_FLOOR", f"{quantity} at {price}, at least {limits.min_quantity} and {limits.min_notional} in quote currency"
        )
    if limits.max_quantity is not None and quantity > limits.max_quantity:
        return _no("ABOVE_MAX_QUANTITY", f"quantity {quantity}, at most {limits.max_quantity}")
    return None


def _no(code: str, message: str) -> Unsendable:
    return Unsendable(code=code, message=message)
