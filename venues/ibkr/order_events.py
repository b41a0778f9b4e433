"""News of our orders as Nautilus events. Numbers cross by text, exactly: a fill at a tenth of a cent is told as such."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nautilus_trader.model.enums import LiquiditySide
from nautilus_trader.model.identifiers import TradeId, VenueOrderId
from nautilus_trader.model.objects import Price, Quantity

from orders.canonical import decimal_text
from venues.answers import VenueFill, VenueStatus
from venues.nautilus_numbers import EXACT_FEE, at_least_places, money
from venues.order_tracks import Track

SIDES = {True: LiquiditySide.MAKER, False: LiquiditySide.TAKER, None: LiquiditySide.NO_LIQUIDITY_SIDE}


class OrderEvents:
    """Implements `order_tracks.Told` for one Nautilus execution client."""

    def __init__(
        self,
        client: Any,
        *,
        cache: Any,
        now_ns: Callable[[], int],
        trouble: Callable[[str, str, Track | None], None],
        gap: Callable[[Track], None],
    ) -> None:
        self._client = client
        self._cache = cache
        self._now_ns = now_ns
        self._trouble = trouble
        self._gap = gap

    def accepted(self, track: Track, *, venue_ns: int | None) -> None:
        """OrderAccepted."""
        self._client.generate_order_accepted(
            **self._names(track), venue_order_id=VenueOrderId(track.venue_order_id), ts_event=venue_ns or self._now_ns()
        )

    def filled(self, track: Track, fill: VenueFill) -> None:
        """OrderFilled."""
        order, instrument = track.order, self._cache.instrument(track.order.instrument_id)
        self._client.generate_order_filled(
            **self._names(track),
            venue_order_id=VenueOrderId(track.venue_order_id),
            venue_position_id=None,
            trade_id=TradeId(fill.trade_id),
            order_side=order.side,
            order_type=order.order_type,
            last_qty=Quantity.from_str(at_least_places(fill.quantity, instrument.size_precision)),
            last_px=Price.from_str(at_least_places(fill.price, instrument.price_precision)),
            quote_currency=instrument.quote_currency,
            commission=money(fill.fee, fill.fee_currency),
            liquidity_side=SIDES[fill.maker],
            ts_event=fill.venue_ns or self._now_ns(),
            info={EXACT_FEE: decimal_text(fill.fee)},
        )

    def ended(self, track: Track, *, status: VenueStatus, venue_ns: int | None) -> None:
        """OrderCanceled: IB's word for the end of a DAY order too. A rejection is told where its error arrives."""
        venue_order_id = None if track.venue_order_id is None else VenueOrderId(track.venue_order_id)
        self._client.generate_order_canceled(
            **self._names(track), venue_order_id=venue_order_id, ts_event=venue_ns or self._now_ns()
        )

    def rejected(self, track: Track, reason: str) -> None:
        """OrderRejected, which is final: only for an order that TWS itself says it never took."""
        self._client.generate_order_rejected(**self._names(track), reason=reason, ts_event=self._now_ns())

    def cancel_rejected(self, order: Any, reason: str) -> None:
        """OrderCancelRejected: the order is where it was."""
        self._client.generate_order_cancel_rejected(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            reason=reason,
            ts_event=self._now_ns(),
        )

    def trouble(self, code: str, message: str, *, track: Track | None) -> None:
        """See `order_tracks.Told`."""
        self._trouble(code, message, track)

    def gap(self, track: Track) -> None:
        """See `order_tracks.Told`."""
        self._gap(track)

    def _names(self, track: Track) -> dict[str, Any]:
        order = track.order
        return {
            "strategy_id": order.strategy_id,
            "instrument_id": order.instrument_id,
            "client_order_id": order.client_order_id,
        }
