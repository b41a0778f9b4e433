"""What may be taken from a venue's message: exact decimals, plausible, in order, once. Pure: no ccxt, no Nautilus, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from orders.values import Record
from venues.ccxt.profiles import QuoteFields, TradeFields

NS_PER_MS: Final = 1_000_000
TEXT_MAX: Final = 40  # characters of a number; Decimal would take a megabyte of digits
VENUE_MS_MAX: Final = 2**53
NUMBER_MAX: Final = Decimal(10) ** 15  # beyond it no price or size is believed, and remainders stay exact
DEPTH_LEVELS: Final = 10


class Drop(StrEnum):
    """Why a message was dropped; each is counted, and none moves a price."""

    MALFORMED = "MALFORMED"
    NOT_POSITIVE = "NOT_POSITIVE"  # zero, negative or not finite
    CROSSED = "CROSSED"
    OFF_TICK = "OFF_TICK"  # our limits are older than the venue's
    DUPLICATE = "DUPLICATE"
    OLDER = "OLDER"


class VenueQuote(Record, frozen=True, kw_only=True):
    """Top of book as the venue said it; prices on the tick, sizes floored to the step and possibly zero."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    update_id: int | None
    venue_ns: int | None


class VenueTrade(Record, frozen=True, kw_only=True):
    """One public trade; quantity floored to the step, above zero."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    venue_ns: int


class VenueDepth(Record, frozen=True, kw_only=True):
    """The best levels, (price, size), best first; at least one and at most `DEPTH_LEVELS` on each side."""

    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    update_id: int
    venue_ns: int | None


def number(value: Any) -> Decimal | None:
    """Return a venue's number exactly; None when it is none. A float counts as the shortest decimal that means it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    text = str(value)
    if len(text) > TEXT_MAX or "_" in text or not text.isascii():
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def whole(value: Any) -> int | None:
    """Return a venue's id or time, 0 to 2^53; None when it is none."""
    parsed = number(value)
    if parsed is None or not parsed.is_finite() or not 0 <= parsed <= VENUE_MS_MAX or parsed != parsed.to_integral_value():
        return None
    return int(parsed)


def _amount_problem(values: Sequence[Decimal | None]) -> Drop | None:
    if any(value is None for value in values):
        return Drop.MALFORMED
    known = [value for value in values if value is not None]
    if any(not value.is_finite() or value <= 0 for value in known):
        return Drop.NOT_POSITIVE
    return Drop.MALFORMED if any(value > NUMBER_MAX for value in known) else None


def floored(size: Decimal, step_size: Decimal) -> Decimal:
    """Return `size` floored to the step."""
    return size // step_size * step_size


def parse_quote(info: Any, fields: QuoteFields, *, tick_size: Decimal, step_size: Decimal) -> VenueQuote | Drop:
    """Return the quote of a top-of-book message, or why there is none. A locked book (bid = ask) passes, a crossed one not."""
    if not isinstance(info, Mapping):
        return Drop.MALFORMED
    bid, ask = number(info.get(fields.bid)), number(info.get(fields.ask))
    bid_size, ask_size = number(info.get(fields.bid_size)), number(info.get(fields.ask_size))
    problem = _amount_problem((bid, ask, bid_size, ask_size))
    if problem is not None:
        return problem
    assert bid is not None
    assert ask is not None
    assert bid_size is not None
    assert ask_size is not None
    update_id = whole(info.get(fields.update_id)) if fields.update_id is not None else None
    if fields.update_id is not None and update_id is None:
        return Drop.MALFORMED
    if bid > ask:
        return Drop.CROSSED
    if bid % tick_size or ask % tick_size:
        return Drop.OFF_TICK
    venue_ms = whole(info.get(fields.venue_ms)) if fields.venue_ms is not None else None
    return VenueQuote(
        bid=bid,
        ask=ask,
        bid_size=floored(bid_size, step_size),
        ask_size=floored(ask_size, step_size),
        update_id=update_id,
        venue_ns=None if venue_ms is None else venue_ms * NS_PER_MS,
    )


def parse_trade(info: Any, fields: TradeFields, *, tick_size: Decimal, step_size: Decimal) -> VenueTrade | Drop:
    """Return the trade of a trade message, or why there is none."""
    if not isinstance(info, Mapping):
        return Drop.MALFORMED
    trade_id, venue_ms = whole(info.get(fields.trade_id)), whole(info.get(fields.venue_ms))
    maker = info.get(fields.buyer_is_maker)
    price, quantity = number(info.get(fields.price)), number(info.get(fields.quantity))
    problem = _amount_problem((price, quantity))
    if trade_id is None or venue_ms is None or not isinstance(maker, bool):
        return Drop.MALFORMED
    if problem is not None:
        return problem
    assert price is not None
    assert quantity is not None
    if price % tick_size:
        return Drop.OFF_TICK
    quantity = floored(quantity, step_size)
    if quantity == 0:
        return Drop.NOT_POSITIVE
    return VenueTrade(trade_id=trade_id, price=price, quantity=quantity, buyer_is_maker=maker, venue_ns=venue_ms * NS_PER_MS)


def parse_depth(book: Any, *, tick_size: Decimal, step_size: Decimal) -> VenueDepth | Drop:
    """Return the best levels of a ccxt order book (floats, taken by their shortest decimal), or why there are none."""
    if not isinstance(book, Mapping):
        return Drop.MALFORMED
    update_id, venue_ms = whole(book.get("nonce")), whole(book.get("timestamp"))
    bids, asks = _levels(book.get("bids"), step_size), _levels(book.get("asks"), step_size)
    if update_id is None or not bids or not asks:
        return Drop.MALFORMED
    problem = _amount_problem([price for price, _ in (*bids, *asks)])
    if problem is not None:
        return problem
    if bids[0][0] > asks[0][0]:
        return Drop.CROSSED
    if any(price % tick_size for price, _ in (*bids, *asks)):
        return Drop.OFF_TICK
    return VenueDepth(bids=bids, asks=asks, update_id=update_id, venue_ns=None if venue_ms is None else venue_ms * NS_PER_MS)


def _levels(side: Any, step_size: Decimal) -> tuple[tuple[Decimal, Decimal], ...]:
    """Empty when a level is no pair of numbers."""
    if not isinstance(side, Sequence):
        return ()
    levels = []
    for level in side[:DEPTH_LEVELS]:
        price, size = (number(level[0]), number(level[1])) if len(level) >= 2 else (None, None)
        if price is None or size is None or not size.is_finite() or not 0 <= size <= NUMBER_MAX:
            return ()
        levels.append((price, floored(size, step_size)))
    return tuple(levels)


class QuoteOrder:
    """Lets a symbol's quotes pass in the venue's order, each once.

    After `restart_after_ns` without an accepted quote a lower update id is taken for a venue that began to count anew.
    """

    def __init__(self, *, restart_after_ns: int) -> None:
        self._restart_after_ns = restart_after_ns
        self._newest: int | None = None
        self._accepted_ns = 0

    def admit(self, quote: VenueQuote, *, now_ns: int) -> Drop | None:
        """Return why `quote` is dropped, or None and remember it. Quotes without an order of their own all pass."""
        key = quote.update_id if quote.update_id is not None else quote.venue_ns
        if key is None:
            return None
        if self._newest is not None:
            if key == self._newest:
                return Drop.DUPLICATE
            if key < self._newest and now_ns - self._accepted_ns <= self._restart_after_ns:
                return Drop.OLDER
        self._newest, self._accepted_ns = key, now_ns
        return None
