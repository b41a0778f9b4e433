"""Approvals of a twin: for an order that a live run's gate has let through, to go to a simulated venue and nowhere else.

The live run's Sentinel has judged its plan and the order on its own book. A twin has no such book, so it judges neither again:
it lets pass exactly the order that went out, once, and asks what is of one order and one price (age, collar, value).
"""

from __future__ import annotations

from decimal import Decimal

from orders.plan import Approval
from orders.values import OrderKind, Side


def approval_of_sent(
    *,
    client_order_id: str,
    environment: str,
    manifest_sha256: str,
    plan_sha256: str,
    cycle: int,
    line: int,
    symbol: str,
    instrument_id: str,
    venue: str,
    side: Side,
    quantity: Decimal,
    order_kind: OrderKind,
    limit_price: Decimal | None,
    reference_price: Decimal,
    unit_value_base: Decimal,
) -> Approval:
    """Return the approval of one order that was sent elsewhere, a schedule's child too: each is its own only order here.

    `reference_price`: the far touch the live plan was judged on. Reduce-only is left out: it protects a book this one is not.
    """
    return Approval(
        client_order_id=client_order_id,
        environment=environment,
        manifest_sha256=manifest_sha256,
        plan_sha256=plan_sha256,
        cycle=cycle,
        line=line,
        symbol=symbol,
        instrument_id=instrument_id,
        venue=venue,
        side=side,
        quantity=quantity,
        order_kind=order_kind,
        limit_price=limit_price,
        reduce_only=False,
        reference_price=reference_price,
        unit_value_base=unit_value_base,
        reduces=False,
    )
