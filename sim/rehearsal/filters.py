"""A pair's filters, asked in the venue's order; the first that fails names itself as the venue does (code -1013)."""

from __future__ import annotations

from decimal import Decimal

from sim.rehearsal.listing import Listing
from sim.rehearsal.values import Asked, Refusal


def failed_filter(listing: Listing, asked: Asked, *, reference: Decimal | None, open_orders: int) -> Refusal | None:
    """Return why a pair's filters refuse an order, or None.

    `reference` is the average price PERCENT_PRICE_BY_SIDE and NOTIONAL are judged at; None, where nothing traded yet and there
    is no book, lets both pass as the venue does with a pair that just opened. `open_orders` counts the account's on this pair.
    """
    if listing.status != "TRADING":
        return Refusal(code=-1013, message="Market is closed.")
    if asked.price is not None:
        if asked.price <= 0:
            return Refusal(code=-1013, message="Invalid price.")
        if not listing.tick_size <= asked.price <= listing.price_max or asked.price % listing.tick_size:
            return _failure("PRICE_FILTER")
        if reference is not None and not (
            listing.multiplier_down * reference <= asked.price <= listing.multiplier_up * reference
        ):
            return _failure("PERCENT_PRICE_BY_SIDE")
    if asked.quantity is not None:
        if asked.quantity <= 0:
            return Refusal(code=-1013, message="Invalid quantity.")
        if not listing.step_size <= asked.quantity <= listing.quantity_max or asked.quantity % listing.step_size:
            return _failure("LOT_SIZE")
        if asked.kind == "MARKET" and asked.quantity > listing.market_quantity_max:
            return _failure("MARKET_LOT_SIZE")
    notional = _notional(asked, reference=reference)
    if notional is not None and notional < listing.min_notional:
        return _failure("NOTIONAL")
    if notional is not None and asked.kind != "MARKET" and notional > listing.notional_max:
        return _failure("NOTIONAL")
    if asked.kind != "MARKET" and open_orders >= listing.open_orders_max:
        return _failure("MAX_NUM_ORDERS")
    return None


def _notional(asked: Asked, *, reference: Decimal | None) -> Decimal | None:
    if asked.quote_quantity is not None:
        return asked.quote_quantity
    price = asked.price if asked.price is not None else reference
    assert asked.quantity is not None, "an order has a quantity or a quote quantity"
    return None if price is None else price * asked.quantity


def _failure(name: str) -> Refusal:
    return Refusal(code=-1013, message=f"Filter failure: {name}")
