"""The Nautilus order of an approval: exactly what was approved, under the approved id."""

from __future__ import annotations

from typing import Any

from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.objects import Price, Quantity

from orders.exact import at_places
from orders.plan import Approval
from orders.schedule import AT_ONCE
from orders.values import OrderKind, Side
from strategies.schedules.algorithm import algorithm_id


def order_of(approval: Approval, instrument: Any, factory: Any) -> Any:
    """Return the order, made by a strategy's order factory; one with a schedule is the parent of its children."""
    quantity = Quantity.from_decimal(at_places(approval.quantity, instrument.size_precision))
    assert quantity.as_decimal() == approval.quantity
    common = {
        "instrument_id": instrument.id,
        "order_side": OrderSide.BUY if approval.side is Side.BUY else OrderSide.SELL,
        "quantity": quantity,
        "time_in_force": TimeInForce.GTC,
        "client_order_id": ClientOrderId(approval.client_order_id),
        "reduce_only": approval.reduce_only,
    }
    if approval.schedule != AT_ONCE:
        common["exec_algorithm_id"] = algorithm_id(approval.schedule)
    if approval.order_kind is OrderKind.MARKET:
        return factory.market(**common)
    assert approval.limit_price is not None
    price = Price.from_decimal(at_places(approval.limit_price, instrument.price_precision))
    assert price.as_decimal() == approval.limit_price
    return factory.limit(**common, price=price)
