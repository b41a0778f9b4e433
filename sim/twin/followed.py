"""An order on both sides while it is followed, and the line that tells it once both have ended."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orders.canonical import decimal_text
from orders.schedule import AT_ONCE
from orders.twin import Divergence, OrderEnd, milliseconds
from orders.values import OrderKind
from sim.twin.live_orders import LiveOrder, wanted


class Followed(msgspec.Struct, kw_only=True):
    """One order on both sides; mutable. `twin.outcome` "": it works here. `code`: why it is not compared, "" while it may be."""

    live: LiveOrder
    twin: OrderEnd
    late_ns: int | None = None  # how long after it was due there it came to the simulated venue
    code: str = ""
    message: str = ""
    cancelled_ns: int = 0  # when the simulated venue was last asked to cancel it

    @property
    def twin_in_time(self) -> OrderEnd:
        """The twin's end, of a market order as if it had come when it was due: the twin's own reading is no venue's delay.

        What rested was filled by the market, whenever it had come.
        """
        if self.live.intent.order_kind != OrderKind.MARKET or self.late_ns is None:
            return self.twin
        return self.twin.earlier(self.late_ns)

    def spoil(self, code: str, message: str) -> None:
        """It is not compared; the first reason stands."""
        if not self.code:
            self.code, self.message = code, message


def twin_fields(
    known: Followed, apart: Divergence | None, *, notional_base: Decimal | None, code: str, message: str
) -> dict[str, Any]:
    """Return the fields of a twin line, amounts as texts."""
    live, intent, twin = known.live, known.live.intent, known.twin
    quantity = wanted(intent)

    def text(value: Decimal | None) -> str | None:
        return None if value is None else decimal_text(value)

    return {
        "client_order_id": live.order_id,
        "parent_client_order_id": intent.parent_client_order_id if intent.schedule != AT_ONCE else None,
        "symbol": intent.symbol,
        "venue": intent.venue,
        "side": intent.side,
        "quantity": intent.quantity,
        "order_kind": intent.order_kind,
        "live_run_id": live.run_id,
        "live_line": live.ended_line,
        "planned_ns": intent.planned_ns,
        "sent_ns": live.sent_ns,
        "late_ms": None if known.late_ns is None else decimal_text(milliseconds(known.late_ns)),
        "live_outcome": live.end.outcome,
        "twin_outcome": twin.outcome,
        "live_filled_quantity": decimal_text(live.end.filled),
        "twin_filled_quantity": decimal_text(twin.filled),
        "live_average_price": text(live.end.average_price),
        "twin_average_price": text(twin.average_price),
        "live_first_fill_ns": live.end.first_fill_ns,
        "live_last_fill_ns": live.end.last_fill_ns,
        "twin_first_fill_ns": twin.first_fill_ns,
        "twin_last_fill_ns": twin.last_fill_ns,
        "live_fill_ratio": decimal_text(live.end.ratio(quantity)),
        "twin_fill_ratio": decimal_text(twin.ratio(quantity)),
        "price_bps": None if apart is None else text(apart.price_bps),
        "first_fill_ms": None if apart is None else text(apart.first_fill_ms),
        "last_fill_ms": None if apart is None else text(apart.last_fill_ms),
        "fill_ratio": None if apart is None else decimal_text(apart.fill_ratio),
        "notional_base": text(notional_base),
        "live_unknown": live.unknown,
        "compared": apart is not None,
        "code": code,
        "message": message,
        "missing": [] if apart is None else [str(one) for one in apart.missing],
    }
