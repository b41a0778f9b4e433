"""One pair's book: what the feed says the market wants, and clients' resting orders, matched by price and then by time.

The feed replaces its levels whole. A client's order stands behind the feed's quantity that was at its price when it came, and
moves up as that quantity trades or shrinks: the usual model of a queue without the market's single orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from orders.values import Record, Side

NONE: Final = Decimal(0)


@dataclass(slots=True)
class Resting:
    """A client's order in the book; `ahead` is the feed's quantity that trades before it."""

    order_id: int
    side: Side
    price: Decimal
    leaves: Decimal
    ahead: Decimal


class Offer(Record, frozen=True, kw_only=True):
    """What may be taken next; `order_id` is None for the feed's quantity."""

    price: Decimal
    quantity: Decimal
    order_id: int | None


def opposite(side: Side) -> Side:
    """The other side."""
    return Side.SELL if side is Side.BUY else Side.BUY


def crosses(side: Side, *, limit: Decimal, price: Decimal) -> bool:
    """Whether an order of `side` with that limit may trade at `price`."""
    return price <= limit if side is Side.BUY else price >= limit


@dataclass
class Book:
    """The feed's levels by side, and resting orders by id; ids increase with time."""

    levels: dict[Side, dict[Decimal, Decimal]] = field(default_factory=lambda: {Side.BUY: {}, Side.SELL: {}})
    resting: dict[int, Resting] = field(default_factory=dict)

    def offers(self, side: Side, *, limit: Decimal | None) -> Iterator[Offer]:
        """Yield what an order of `side` may take: best price first, at one price in time. The book must not change meanwhile."""
        far = opposite(side)
        levels = self.levels[far]
        prices = {*levels, *(order.price for order in self.resting.values() if order.side is far)}
        for price in sorted(prices, reverse=far is Side.BUY):
            if limit is not None and not crosses(side, limit=limit, price=price):
                return
            passed = NONE
            for order in self._queue(far, price):
                if order.ahead > passed:
                    yield Offer(price=price, quantity=order.ahead - passed, order_id=None)
                    passed = order.ahead
                yield Offer(price=price, quantity=order.leaves, order_id=order.order_id)
            behind = levels.get(price, NONE) - passed
            if behind > 0:
                yield Offer(price=price, quantity=behind, order_id=None)

    def take(self, side: Side, *, price: Decimal, quantity: Decimal, order_id: int | None) -> None:
        """Take from what `offers` of the same side yielded."""
        far = opposite(side)
        if order_id is not None:
            self._fill(order_id, quantity)
            return
        left = self.levels[far][price] - quantity
        assert left >= 0
        if left:
            self.levels[far][price] = left
        else:
            del self.levels[far][price]
        for order in self._queue(far, price):
            order.ahead = max(order.ahead - quantity, NONE)

    def rest(self, order_id: int, *, side: Side, price: Decimal, leaves: Decimal) -> None:
        """Put an order behind everything at its price."""
        assert leaves > 0
        assert all(order_id > other for other in self.resting), "time is told by the id"
        ahead = self.levels[side].get(price, NONE)
        self.resting[order_id] = Resting(order_id=order_id, side=side, price=price, leaves=leaves, ahead=ahead)

    def remove(self, order_id: int) -> None:
        """Take an order out; one that is not there is no fault."""
        self.resting.pop(order_id, None)

    def feed(self, *, bids: Mapping[Decimal, Decimal], asks: Mapping[Decimal, Decimal]) -> list[Offer]:
        """Replace the feed's levels and return what that trades against resting orders, each at its order's own price.

        A level that crosses an order is an incoming order of that size: it fills those in front first and what is left of it
        stays as a level.
        """
        assert not bids or not asks or max(bids) < min(asks), "a feed must not cross itself"
        self.levels = {Side.BUY: dict(bids), Side.SELL: dict(asks)}
        for order in self.resting.values():
            order.ahead = min(order.ahead, self.levels[order.side].get(order.price, NONE))
        filled = []
        for side in (Side.BUY, Side.SELL):
            against = self.levels[opposite(side)]
            for order in self._in_front(side):
                for price in sorted(against, reverse=side is Side.SELL):
                    if not order.leaves or not crosses(side, limit=order.price, price=price):
                        break
                    quantity = min(order.leaves, against[price])
                    if not quantity:
                        continue
                    against[price] -= quantity
                    filled.append(Offer(price=order.price, quantity=quantity, order_id=order.order_id))
                    self._fill(order.order_id, quantity)
            self.levels[opposite(side)] = {price: size for price, size in against.items() if size}
        return filled

    def trade(self, *, price: Decimal, quantity: Decimal, buyer_is_maker: bool) -> tuple[list[Offer], Decimal]:
        """Let the market trade at a price; return what of it falls to resting orders, and what is left for the market itself.

        Orders at better prices are in front and fill at their own; at this price the feed's quantity ahead goes first. The
        feed's levels stay: the feed says itself what became of them.
        """
        side = Side.BUY if buyer_is_maker else Side.SELL
        filled, left, passed = [], quantity, NONE
        for order in self._in_front(side):
            if not crosses(side, limit=order.price, price=price):
                break
            if order.price == price:
                step = min(left, max(order.ahead - passed, NONE))
                left, passed = left - step, passed + step
            taken = min(left, order.leaves)
            if taken <= 0:
                break
            left -= taken
            filled.append(Offer(price=order.price, quantity=taken, order_id=order.order_id))
            self._fill(order.order_id, taken)
        for order in self._queue(side, price):
            order.ahead = max(order.ahead - passed, NONE)
        return filled, left + passed

    def shown(self, side: Side) -> dict[Decimal, Decimal]:
        """Return quantity by price as the public sees it: the feed's and the clients'."""
        total = dict(self.levels[side])
        for order in self.resting.values():
            if order.side is side:
                total[order.price] = total.get(order.price, NONE) + order.leaves
        return total

    def _fill(self, order_id: int, quantity: Decimal) -> None:
        order = self.resting[order_id]
        assert NONE < quantity <= order.leaves, "never over-filled"
        order.leaves -= quantity
        if not order.leaves:
            del self.resting[order_id]

    def _queue(self, side: Side, price: Decimal) -> list[Resting]:
        return [order for order in self.resting.values() if order.side is side and order.price == price]

    def _in_front(self, side: Side) -> list[Resting]:
        same: Iterable[Resting] = (order for order in self.resting.values() if order.side is side)
        return sorted(same, key=lambda order: (-order.price * side.sign, order.order_id))
