"""What goes on the wire to IB against what was approved. Pure: Nautilus makes IB's order in doubles; it is read back exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from orders.values import OrderKind, Side
from venues.ibkr.details import exact

KINDS: Final = {OrderKind.MARKET: "MKT", OrderKind.LIMIT: "LMT"}
TIFS: Final = {"GTC": "GTC", "DAY": "DAY", "IOC": "IOC", "FOK": "FOK"}


def wire_problem(
    sent: Any,
    *,
    client_order_id: str,
    account: str,
    con_id: int,
    side: Side,
    kind: OrderKind,
    quantity: Decimal,
    price: Decimal | None,
    time_in_force: str,
) -> str:
    """Return what an IB order does not have as it was approved, "" where everything is. `price` None for MARKET."""
    limit = exact(sent.lmtPrice)
    facts = {
        "orderRef": (sent.orderRef, client_order_id),
        "account": (sent.account, account),
        "contract": (sent.contract.conId, con_id),
        "action": (sent.action, side.value),
        "orderType": (sent.orderType, KINDS[kind]),
        "quantity": (exact(sent.totalQuantity), quantity),
        "limit price": (limit, price),
        "tif": (sent.tif, TIFS.get(time_in_force)),
        "transmit": (sent.transmit, True),
    }
    return ", ".join(f"{name} {found!r} instead of {wanted!r}" for name, (found, wanted) in facts.items() if found != wanted)
