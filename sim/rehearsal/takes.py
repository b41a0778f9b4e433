"""What an incoming order takes at once, planned before anything moves, so that a balance is judged at the price it will pay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from orders.values import Record, Side
from sim.rehearsal.book import NONE, Book
from sim.rehearsal.values import Asked, floor_eight

PREVENTS_TAKER: Final = ("EXPIRE_TAKER", "EXPIRE_BOTH")
PREVENTS_MAKER: Final = ("EXPIRE_MAKER", "EXPIRE_BOTH")


class Take(Record, frozen=True, kw_only=True):
    """One step of a match. `price` is paid, for what the book has at `level`; `order_id` is None for the feed; `prevented`: an
    own order, which does not trade but expires.
    """

    price: Decimal
    level: Decimal
    quantity: Decimal
    order_id: int | None
    prevented: bool

    @property
    def turnover(self) -> Decimal:
        """In the quote asset, rounded down to what the venue keeps."""
        return floor_eight(self.price * self.quantity)


def plan_takes(
    book: Book, asked: Asked, *, step_size: Decimal, tick_size: Decimal, slip: Decimal, is_own: Callable[[int], bool]
) -> list[Take]:
    """Return the steps of a match in order: at most the order's quantity, or the whole steps its quote quantity pays.

    `slip`: fraction by which the feed sells dearer and buys cheaper than it shows, rounded to a worse tick, never past a limit.
    Where self-trade prevention ends the taker, the plan ends there.
    """
    takes: list[Take] = []
    wanted, budget = asked.quantity, asked.quote_quantity
    for offer in book.offers(asked.side, limit=asked.price):
        price = offer.price if offer.order_id is not None else _slipped(offer.price, asked, slip=slip, tick_size=tick_size)
        if wanted is not None:
            room = wanted
        else:
            assert budget is not None, "an order has a quantity or a quote quantity"
            room = budget // (price * step_size) * step_size
        quantity = min(room, offer.quantity)
        if quantity <= 0:
            break
        prevented = offer.order_id is not None and asked.self_trade != "NONE" and is_own(offer.order_id)
        takes.append(Take(price=price, level=offer.price, quantity=quantity, order_id=offer.order_id, prevented=prevented))
        if prevented:
            if asked.self_trade in PREVENTS_TAKER:
                break
            continue
        wanted = None if wanted is None else wanted - quantity
        budget = None if budget is None else budget - takes[-1].turnover
    return takes


def _slipped(level: Decimal, asked: Asked, *, slip: Decimal, tick_size: Decimal) -> Decimal:
    if not slip:
        return level
    buys = asked.side is Side.BUY
    ticks = (level * (1 + asked.side.sign * slip) / tick_size).to_integral_value(ROUND_CEILING if buys else ROUND_FLOOR)
    worse = max(ticks * tick_size, tick_size)
    if asked.price is None:
        return worse
    return min(worse, asked.price) if buys else max(worse, asked.price)


def taken(takes: Sequence[Take]) -> Decimal:
    """Return the quantity that really trades."""
    return sum((take.quantity for take in takes if not take.prevented), start=NONE)


def needed(asked: Asked, takes: Sequence[Take]) -> Decimal:
    """Return what the order locks of the asset it pays with: the most it can pay."""
    if asked.side is Side.SELL:
        return taken(takes) if asked.kind == "MARKET" or asked.quantity is None else asked.quantity
    if asked.price is not None and asked.quantity is not None:
        return floor_eight(asked.price * asked.quantity)
    return sum((take.turnover for take in takes if not take.prevented), start=NONE)
