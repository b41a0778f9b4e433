"""What one trade does to the orders and balances of those in it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from orders.values import Record, Side
from sim.rehearsal.balances import NONE
from sim.rehearsal.listing import Listing
from sim.rehearsal.state import State
from sim.rehearsal.values import FEES, MARKET, Order, Trade, floor_eight


class FeeRates(Record, frozen=True, kw_only=True):
    """Fractions of what is received: of the base asset on buys, of the quote asset on sells."""

    maker: Decimal
    taker: Decimal


class Leg(Record, frozen=True, kw_only=True):
    """A client's order in a trade."""

    order_id: int
    is_maker: bool


def pays(order: Order, listing: Listing) -> str:
    """Return the asset an order pays with, of which it locks."""
    return listing.quote if order.side is Side.BUY else listing.base


@dataclass
class Settlement:
    """Books trades over a state."""

    state: State
    fees: FeeRates

    def settle(
        self, legs: tuple[Leg, ...], *, listing: Listing, trade_id: int, price: Decimal, quantity: Decimal, now_ms: int
    ) -> list[tuple[Order, Trade]]:
        """Book a trade of one client with the market, or of two clients with each other; return each one's order and trade.

        Everybody pays what they sold, then each one's fee comes off what it received, rounded down to eight decimals. Turnover is
        rounded down too, once, so that both sides have the same.
        """
        assert 1 <= len(legs) <= 2
        turnover = floor_eight(price * quantity)
        orders = [self.state.orders[leg.order_id] for leg in legs]
        others = [MARKET] if len(legs) == 1 else [order.account for order in reversed(orders)]
        for order, other in zip(orders, others, strict=True):
            self._pay(order, other, listing=listing, turnover=turnover, quantity=quantity)
        return [self._book(leg, listing, trade_id, price, quantity, turnover, now_ms) for leg in legs]

    def _pay(self, order: Order, other: str, *, listing: Listing, turnover: Decimal, quantity: Decimal) -> None:
        paid = turnover if order.side is Side.BUY else quantity
        still = _still_locked(order, paid=paid, quantity=quantity)
        self.state.balances.pay(order.account, other, pays(order, listing), paid, unlocked=order.locked - still)
        self.state.put(replace(order, locked=still))
        if other == MARKET:
            asset, received = (listing.base, quantity) if order.side is Side.BUY else (listing.quote, turnover)
            self.state.balances.pay(MARKET, order.account, asset, received, unlocked=NONE)

    def _book(
        self, leg: Leg, listing: Listing, trade_id: int, price: Decimal, quantity: Decimal, turnover: Decimal, now_ms: int
    ) -> tuple[Order, Trade]:
        order = self.state.orders[leg.order_id]
        assert quantity <= order.leaves, "never over-filled"
        asset, received = (listing.base, quantity) if order.side is Side.BUY else (listing.quote, turnover)
        fee = floor_eight(received * (self.fees.maker if leg.is_maker else self.fees.taker))
        self.state.balances.pay(order.account, FEES, asset, fee, unlocked=NONE)
        filled = replace(
            order,
            executed=order.executed + quantity,
            turnover=order.turnover + turnover,
            status="FILLED" if quantity == order.leaves else "PARTIALLY_FILLED",
            updated_ms=now_ms,
        )
        trade = Trade(
            trade_id=trade_id,
            order_id=order.order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            price=price,
            quantity=quantity,
            turnover=turnover,
            fee=fee,
            fee_asset=asset,
            is_maker=leg.is_maker,
            ms=now_ms,
        )
        self.state.put(filled)
        self.state.add_trade(trade)
        return filled, trade


def _still_locked(order: Order, *, paid: Decimal, quantity: Decimal) -> Decimal:
    """Return what an order locks after it paid: its leaves at its limit; at market, what is left of what it came with."""
    if order.kind == "MARKET":
        return order.locked - paid
    leaves = order.leaves - quantity
    return floor_eight(order.price * leaves) if order.side is Side.BUY else leaves
