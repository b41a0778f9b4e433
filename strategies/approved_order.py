"""The Nautilus order of an approval: exactly what was approved, under the approved id."""

from __future__ import annotations

from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder

from orders.exact import at_places, raw_units
from orders.plan import Approval
from orders.schedule import AT_ONCE
from orders.values import OrderKind, Side
from strategies.schedules.algorithm import algorithm_id


def order_of(approval: Approval, instrument: Any, *, trader_id: Any, strategy_id: Any, ts_init: int) -> Any:
    """Return the order; one with a schedule is the parent of its children.

    Made here, and by place, not by the strategy's factory: passing 19 arguments on by name is more than half of its 10 us.
    """
    places = instrument.size_precision
    raw = raw_units(approval.quantity, places=places)
    quantity = Quantity.from_decimal(at_places(approval.quantity, places)) if raw is None else Quantity.from_raw(raw, places)
    order_id = ClientOrderId(approval.client_order_id)
    side = OrderSide.BUY if approval.side is Side.BUY else OrderSide.SELL
    scheduled: dict[str, Any] = {}
    if approval.schedule != AT_ONCE:
        scheduled = {"exec_algorithm_id": algorithm_id(approval.schedule), "exec_spawn_id": order_id}
    common = (trader_id, strategy_id, instrument.id, order_id, side, quantity)
    if approval.order_kind is OrderKind.MARKET:
        return MarketOrder(*common, UUID4(), ts_init, TimeInForce.GTC, approval.reduce_only, **scheduled)
    assert approval.limit_price is not None
    price = Price.from_decimal(at_places(approval.limit_price, instrument.price_precision))
    assert price.as_decimal() == approval.limit_price
    return LimitOrder(
        *common, price, UUID4(), ts_init, time_in_force=TimeInForce.GTC, reduce_only=approval.reduce_only, **scheduled
    )
