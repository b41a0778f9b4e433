"""The gate's no, in the events Nautilus' engine is told it by."""

from __future__ import annotations

from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.events import OrderDenied, OrderModifyRejected


def order_denied(order: Any, *, code: str, now_ns: int) -> OrderDenied:
    """Return the denial of an order by the control `code`."""
    return OrderDenied(
        trader_id=order.trader_id,
        strategy_id=order.strategy_id,
        instrument_id=order.instrument_id,
        client_order_id=order.client_order_id,
        reason=f"SENTINEL {code}",
        event_id=UUID4(),
        ts_init=now_ns,
    )


def modify_rejected(command: Any, order: Any, *, now_ns: int) -> OrderModifyRejected:
    """Return the refusal of any change to an order; `order` None: the cache does not know it."""
    return OrderModifyRejected(
        trader_id=command.trader_id,
        strategy_id=command.strategy_id,
        instrument_id=command.instrument_id,
        client_order_id=command.client_order_id,
        venue_order_id=command.venue_order_id,
        account_id=order.account_id if order is not None else None,
        reason="SENTINEL NO_APPROVAL: a changed order needs its own approved plan line",
        event_id=UUID4(),
        ts_event=now_ns,
        ts_init=now_ns,
    )
