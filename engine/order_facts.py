"""A Nautilus order in the words of the Sentinel, and what of it may not change between gate and wire."""

from __future__ import annotations

from typing import Any

from nautilus_trader.model.enums import ContingencyType, OrderSide, OrderType

from orders.values import OrderKind, Side
from sentinel.order_check import OrderFacts

KINDS = {OrderType.MARKET: OrderKind.MARKET, OrderType.LIMIT: OrderKind.LIMIT}


def fingerprint(order: Any) -> tuple[Any, ...]:
    """Return what of an order may not change between gate and wire."""
    return (
        order.strategy_id,
        order.instrument_id,
        order.side,
        order.order_type,
        order.quantity,
        order.price if order.has_price else None,
        order.time_in_force,
        order.is_reduce_only,
    )


def kind_of(order: Any) -> OrderKind | None:
    """Return the kind Sluice may have planned; None for one it never plans.

    Contingent orders wake or change others inside the venue, where no gate stands; a quantity in quote currency is another one.
    """
    if order.contingency_type != ContingencyType.NO_CONTINGENCY or order.linked_order_ids or order.is_quote_quantity:
        return None
    return KINDS.get(order.order_type)


def facts_of(order: Any) -> OrderFacts:
    """Return what the gate judges of an order."""
    spawned_from = order.exec_spawn_id
    return OrderFacts(
        client_order_id=order.client_order_id.value,
        instrument_id=order.instrument_id.value,
        side=Side.BUY if order.side == OrderSide.BUY else Side.SELL,
        quantity=order.quantity.as_decimal(),
        order_kind=kind_of(order),
        limit_price=order.price.as_decimal() if order.has_price else None,
        reduce_only=order.is_reduce_only,
        spawned_from=None if spawned_from is None else spawned_from.value,
    )
