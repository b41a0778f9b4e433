"""Orders of kinds that no plan makes, by an approval made by hand: what of them reaches the venue is its client's to say."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from orders.plan import Approval
from orders.values import OrderKind, Side
from tests.gate.script import arm

if TYPE_CHECKING:
    from tests.conformance.harness import Harness


def send_armed(
    harness: Harness,
    *,
    limit: str,
    time_in_force: TimeInForce = TimeInForce.GTC,
    expires_ms: int | None = None,
    post_only: bool = False,
    reduces_only: bool = False,
) -> str:
    """Send a buy of the ordinary quantity; return its client order id. `reduces_only`: so approved, which the order is not."""
    first, order_id = harness.first, os.urandom(16).hex()
    approval = Approval(
        client_order_id=order_id, environment="conformance", manifest_sha256="a" * 64, plan_sha256="b" * 64, cycle=1, line=1,
        symbol=first.symbol, instrument_id=first.instrument_id, venue=first.venue, side=Side.BUY,
        quantity=Decimal(first.quantity), order_kind=OrderKind.LIMIT, limit_price=Decimal(limit), reduce_only=reduces_only,
        reference_price=Decimal(limit), unit_value_base=Decimal(1), reduces=reduces_only,
    )  # fmt: skip

    def send() -> None:
        arm(harness.assembly, approval, listing=harness.parts.listings[first.symbol])
        strategy = harness.assembly.strategy
        instrument = strategy.cache.instrument(InstrumentId.from_str(first.instrument_id))
        now = datetime.fromtimestamp(harness.kernel.clock.timestamp_ns() / 1e9, tz=UTC)
        order = strategy.order_factory.limit(
            instrument.id,
            OrderSide.BUY,
            instrument.make_qty(approval.quantity),
            instrument.make_price(approval.limit_price),
            time_in_force=time_in_force,
            expire_time=None if expires_ms is None else now + timedelta(milliseconds=expires_ms),
            post_only=post_only,
            client_order_id=ClientOrderId(order_id),
        )
        strategy.submit_order(order)

    harness.on_engine(send)
    return order_id


def ended(harness: Harness, order_id: str) -> Any:
    """Return what is known of an order once it works no more."""
    return harness.ask_until(order_id, "FILLED", "CANCELLED", "REJECTED", "DENIED")
