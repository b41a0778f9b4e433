"""What a venue says of the account as Nautilus' reports, for a reconciliation at a start. Nothing here changes anything.

A read that failed raises: an empty list means that there is nothing. Spot has no positions: a report of 0 for a balance that is
held would have Nautilus reconcile for ever (nautilus_trader#3622), so there is none.
"""

from __future__ import annotations

from typing import Any, Final

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.reports import FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderStatus, OrderType, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, TradeId, VenueOrderId
from nautilus_trader.model.objects import Price, Quantity

from orders.errors import VenueUnavailable
from orders.values import Side
from venues.answers import VenueFill, VenueOrder, VenueStatus
from venues.ccxt.private_api import NoAnswer
from venues.nautilus_numbers import at_least_places, money

TYPES: Final = {"market": OrderType.MARKET, "limit": OrderType.LIMIT}
SIDES: Final = {Side.BUY: OrderSide.BUY, Side.SELL: OrderSide.SELL}
ENDS: Final = {
    VenueStatus.CANCELED: OrderStatus.CANCELED,
    VenueStatus.EXPIRED: OrderStatus.EXPIRED,
    VenueStatus.REJECTED: OrderStatus.REJECTED,
}


class Reports:
    """The reporting half of `CcxtExecutionClient`."""

    async def generate_order_status_report(self: Any, command: Any) -> Any:
        """Return the report of one order of ours by client order id; None where the venue has no such order."""
        track = None if command.client_order_id is None else self.tracks.get(command.client_order_id.value)
        if track is None:
            return None
        found = await self.api.find(track.client_order_id, track.symbol)
        if isinstance(found, NoAnswer):
            raise _silent(found)
        return self._order_report(found) if isinstance(found, VenueOrder) else None

    async def generate_order_status_reports(self: Any, command: Any) -> list[Any]:
        """Return every working order of the account's symbols, strangers' too; ended ones besides unless `open_only`."""
        since_ms = self._since_ns // 1_000_000 if command.start is None else command.start.value // 1_000_000
        found: dict[str, VenueOrder] = {}
        for symbol in self._wanted(command):
            answers = [await self.api.open_orders(symbol)]
            if not command.open_only:
                answers.insert(0, await self.api.closed_orders(symbol, since_ms=since_ms))
            for answer in answers:
                if isinstance(answer, NoAnswer):
                    raise _silent(answer)
                found |= {f"{order.symbol} {order.venue_order_id}": order for order in answer.items}
        return [self._order_report(order) for order in found.values()]

    async def generate_fill_reports(self: Any, command: Any) -> list[Any]:
        """Return the account's trades from `start`, or from where this client looks, on."""
        since_ms = self._since_ns // 1_000_000 if command.start is None else command.start.value // 1_000_000
        reports = []
        for symbol in self._wanted(command):
            answer = await self.api.trades(symbol, since_ms=since_ms, until_ms=self.venue_clock.now_ms())
            if isinstance(answer, NoAnswer):
                raise _silent(answer)
            reports += [self._fill_report(fill) for fill in answer.items]
        return reports

    async def generate_position_status_reports(self, command: Any) -> list[PositionStatusReport]:
        """None at all: spot is held as balances."""
        return []

    def _wanted(self: Any, command: Any) -> list[str]:
        if command.instrument_id is None:
            return list(self._listings)
        symbol = self._symbols.get(command.instrument_id.value)
        return [] if symbol is None else [symbol]

    def _order_report(self: Any, order: VenueOrder) -> Any:
        instrument_id = InstrumentId.from_str(self._listings[order.symbol].instrument_id)
        instrument, now = self._cache.instrument(instrument_id), self.now_ns()
        stamp = order.updated_ns or now
        price = order.price if order.price and order.kind == "limit" else None
        return OrderStatusReport(
            account_id=self.account_id,
            instrument_id=instrument_id,
            client_order_id=None if order.client_order_id is None else ClientOrderId(order.client_order_id),
            venue_order_id=VenueOrderId(order.venue_order_id),
            order_side=SIDES[order.side],
            order_type=TYPES.get(order.kind, OrderType.LIMIT),
            time_in_force=getattr(TimeInForce, order.time_in_force or "", TimeInForce.GTC),
            order_status=_status(order),
            price=None if price is None else Price.from_str(at_least_places(price, instrument.price_precision)),
            quantity=Quantity.from_str(at_least_places(order.quantity, instrument.size_precision)),
            filled_qty=Quantity.from_str(at_least_places(order.filled, instrument.size_precision)),
            report_id=UUID4(),
            ts_accepted=stamp,
            ts_last=stamp,
            ts_init=now,
        )

    def _fill_report(self: Any, fill: VenueFill) -> Any:
        instrument_id = InstrumentId.from_str(self._listings[fill.symbol].instrument_id)
        instrument, now = self._cache.instrument(instrument_id), self.now_ns()
        track = None if fill.venue_order_id is None else self.tracks.by_venue_id(fill.symbol, fill.venue_order_id)
        return FillReport(
            account_id=self.account_id,
            instrument_id=instrument_id,
            client_order_id=None if track is None else ClientOrderId(track.client_order_id),
            venue_order_id=VenueOrderId(fill.venue_order_id),
            trade_id=TradeId(fill.trade_id),
            order_side=OrderSide.NO_ORDER_SIDE if fill.side is None else SIDES[fill.side],
            last_qty=Quantity.from_str(at_least_places(fill.quantity, instrument.size_precision)),
            last_px=Price.from_str(at_least_places(fill.price, instrument.price_precision)),
            commission=money(fill.fee, fill.fee_currency),
            liquidity_side=LiquiditySide.MAKER if fill.maker else LiquiditySide.TAKER,
            report_id=UUID4(),
            ts_event=fill.venue_ns or now,
            ts_init=now,
        )


def _status(order: VenueOrder) -> Any:
    if order.status is VenueStatus.OPEN:
        return OrderStatus.PARTIALLY_FILLED if order.filled else OrderStatus.ACCEPTED
    if order.filled == order.quantity:
        return OrderStatus.FILLED
    return ENDS.get(order.status, OrderStatus.CANCELED)


def _silent(answer: NoAnswer) -> VenueUnavailable:
    return VenueUnavailable(
        "VENUE_SILENT",
        expected="the venue to say what the account has",
        found=answer.why,
        action="Nothing is concluded from that; ask again.",
    )
