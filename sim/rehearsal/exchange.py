"""The rehearsal exchange without its wires: orders in, events out, in Decimal, equal for equal calls.

One call is one step: it judges, matches, moves balances and returns what happened in order. Nothing here knows a clock, a
socket or a file; `state` collects what a store has to keep before anybody is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from orders.values import Side
from sim.rehearsal.book import NONE, Book, Offer
from sim.rehearsal.filters import failed_filter
from sim.rehearsal.listing import AVERAGE_MINUTES, Listing
from sim.rehearsal.settlement import FeeRates, Leg, Settlement, pays
from sim.rehearsal.state import State
from sim.rehearsal.takes import PREVENTS_MAKER, PREVENTS_TAKER, Take, needed, plan_takes, taken
from sim.rehearsal.values import Asked, BookChanged, Event, Moved, Order, Printed, Refusal, Reported, Status, Transfer

WOULD_MATCH: Final = Refusal(code=-2010, message="Order would immediately match and take.")
INSUFFICIENT: Final = Refusal(code=-2010, message="Account has insufficient balance for requested action.")
DUPLICATE: Final = Refusal(code=-2010, message="Duplicate order sent.")
BAD_SYMBOL: Final = Refusal(code=-1121, message="Invalid symbol.")
FIRST_TRANSFER_ID: Final = 769_800_000_000_000_001
UNKNOWN_ORDER: Final = Refusal(code=-2011, message="Unknown order sent.")


@dataclass
class Exchange:
    """Every pair's book over one state. `now_ms` of each call is the venue's clock."""

    listings: dict[str, Listing]
    fees: FeeRates
    state: State
    slip: Decimal = NONE  # see `plan_takes`
    books: dict[str, Book] = field(init=False)

    def __post_init__(self) -> None:
        self.books = {name: Book() for name in self.listings}
        self._settlement = Settlement(self.state, self.fees)
        for order in sorted(self.state.orders.values(), key=lambda each: each.order_id):
            if order.is_open:
                self.books[order.symbol].rest(order.order_id, side=order.side, price=order.price, leaves=order.leaves)

    def charge(self, fees: FeeRates) -> None:
        """Charge these from the next trade on."""
        self.fees = self._settlement.fees = fees

    def place(self, asked: Asked, *, now_ms: int) -> tuple[Order, list[Event]] | Refusal:
        """Take an order and match it; return it as it stands afterwards. An IOC, FOK or market order never rests."""
        listing = self.listings.get(asked.symbol)
        if listing is None:
            return BAD_SYMBOL
        book, mine = self.books[asked.symbol], self.open_orders(asked.account, asked.symbol)
        refused = failed_filter(
            listing, asked, reference=self.reference_price(asked.symbol, now_ms=now_ms), open_orders=len(mine)
        )
        if refused is not None:
            return refused
        if any(order.client_id == asked.client_id for order in mine):
            return DUPLICATE
        if asked.kind == "LIMIT_MAKER" and next(book.offers(asked.side, limit=asked.price), None) is not None:
            return WOULD_MATCH
        own = {order.order_id for order in mine}
        takes = plan_takes(
            book, asked, step_size=listing.step_size, tick_size=listing.tick_size, slip=self.slip, is_own=own.__contains__
        )
        locked = needed(asked, takes)
        asset = listing.quote if asked.side is Side.BUY else listing.base
        if locked > self.state.balances.free(asked.account, asset):
            return INSUFFICIENT
        order = self._new(
            asked, quantity=taken(takes) if asked.quantity is None else asked.quantity, locked=locked, now_ms=now_ms
        )
        self.state.balances.lock(asked.account, asset, locked)
        self.state.put(order)
        events: list[Event] = [Reported(order=order, kind="NEW")]
        if asked.time_in_force != "FOK" or taken(takes) == order.quantity:
            self._match(order.order_id, takes, events, now_ms=now_ms)
        self._park(order.order_id, events, now_ms=now_ms)
        events.append(Moved(account=asked.account, assets=(listing.base, listing.quote)))
        return self.state.orders[order.order_id], [*events, BookChanged(symbol=asked.symbol)]

    def cancel(self, order_id: int, *, cancel_id: str, now_ms: int) -> tuple[Order, list[Event]] | Refusal:
        """Cancel an open order; `cancel_id` is the client's id of the cancel itself."""
        order = self.state.orders.get(order_id)
        if order is None or not order.is_open:
            return UNKNOWN_ORDER
        events: list[Event] = []
        ended = self._end(order_id, "CANCELED", events, now_ms=now_ms, cancel_id=cancel_id)
        events.append(Moved(account=order.account, assets=(pays(order, self.listings[order.symbol]),)))
        return ended, [*events, BookChanged(symbol=order.symbol)]

    def set_book(
        self, symbol: str, *, bids: Mapping[Decimal, Decimal], asks: Mapping[Decimal, Decimal], now_ms: int
    ) -> list[Event]:
        """Replace the feed's levels; resting orders they cross trade at their own price, as makers."""
        events: list[Event] = []
        self._trade_resting(symbol, self.books[symbol].feed(bids=bids, asks=asks), events, now_ms=now_ms)
        return [*events, BookChanged(symbol=symbol)]

    def trade_at(self, symbol: str, *, price: Decimal, quantity: Decimal, buyer_is_maker: bool, now_ms: int) -> list[Event]:
        """Let the market trade; resting orders in front of it or in its queue take their part."""
        events: list[Event] = []
        filled, left = self.books[symbol].trade(price=price, quantity=quantity, buyer_is_maker=buyer_is_maker)
        self._trade_resting(symbol, filled, events, now_ms=now_ms)
        if left:
            self._print(symbol, price, left, events, buyer_is_maker=buyer_is_maker, now_ms=now_ms)
        return [*events, *([BookChanged(symbol=symbol)] if filled else [])]

    def set_balance(self, account: str, asset: str, *, free: Decimal) -> list[Event]:
        """Deposit or withdraw until `free` is free: somebody did it by hand."""
        change = self.state.balances.set_free(account, asset, free)
        return [Moved(account=account, assets=(asset,), by_hand=change)]

    def begin_transfer(
        self, account: str, asset: str, *, amount: Decimal, fee: Decimal, deposit: bool, transfer_id: str | None, now_ms: int
    ) -> tuple[Transfer, list[Event]] | Refusal:
        """Begin a deposit or a withdrawal of `amount` > 0, which arrives whole; a withdrawal takes its fee too, at once."""
        change = amount if deposit else -(amount + fee)
        if self.state.balances.free(account, asset) + change < 0:
            return INSUFFICIENT
        number = len(self.state.transfers)
        begun = Transfer(
            number=number,
            transfer_id=transfer_id or f"{FIRST_TRANSFER_ID + number}",
            account=account,
            deposit=deposit,
            asset=asset,
            amount=amount,
            fee=fee,
            begun_ms=now_ms,
            done_ms=None,
        )
        self.state.put_transfer(begun)
        return begun, [] if deposit else self.set_balance(account, asset, free=self.state.balances.free(account, asset) + change)

    def end_transfer(self, number: int, *, now_ms: int) -> list[Event]:
        """Confirm one that is pending; a deposit arrives now."""
        begun = self.state.transfers[number]
        assert begun.done_ms is None, "it is confirmed already"
        self.state.put_transfer(replace(begun, done_ms=now_ms))
        if not begun.deposit:
            return []
        free = self.state.balances.free(begun.account, begun.asset) + begun.amount
        return self.set_balance(begun.account, begun.asset, free=free)

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """Return an account's resting orders, oldest first."""
        names: Iterable[str] = self.books if symbol is None else (symbol,)
        ids = sorted(order_id for name in names for order_id in self.books[name].resting)
        return [order for order_id in ids if (order := self.state.orders[order_id]).account == account]

    def reference_price(self, symbol: str, *, now_ms: int) -> Decimal | None:
        """Return the average price of the last minutes' trades, else the last price, else the middle of the book, else None."""
        average = self.state.average_price(symbol, since_ms=now_ms - AVERAGE_MINUTES * 60_000)
        if average is not None:
            return average
        bids, asks = (self.books[symbol].levels[side] for side in (Side.BUY, Side.SELL))
        return (max(bids) + min(asks)) / 2 if bids and asks else None

    def _new(self, asked: Asked, *, quantity: Decimal, locked: Decimal, now_ms: int) -> Order:
        return Order(
            order_id=self.state.next_order_id(),
            account=asked.account,
            symbol=asked.symbol,
            client_id=asked.client_id,
            side=asked.side,
            kind=asked.kind,
            time_in_force=asked.time_in_force,
            price=NONE if asked.price is None else asked.price,
            quantity=quantity,
            quote_quantity=NONE if asked.quote_quantity is None else asked.quote_quantity,
            executed=NONE,
            turnover=NONE,
            locked=locked,
            status="NEW",
            self_trade=asked.self_trade,
            external=asked.external,
            created_ms=now_ms,
            updated_ms=now_ms,
        )

    def _match(self, order_id: int, takes: Iterable[Take], events: list[Event], *, now_ms: int) -> None:
        order = self.state.orders[order_id]
        for take in takes:
            if take.prevented:
                assert take.order_id is not None
                if order.self_trade in PREVENTS_MAKER:
                    self._end(take.order_id, "EXPIRED_IN_MATCH", events, now_ms=now_ms)
                if order.self_trade in PREVENTS_TAKER:
                    self._end(order_id, "EXPIRED_IN_MATCH", events, now_ms=now_ms)
                continue
            self.books[order.symbol].take(order.side, price=take.level, quantity=take.quantity, order_id=take.order_id)
            maker = () if take.order_id is None else (Leg(order_id=take.order_id, is_maker=True),)
            legs = (Leg(order_id=order_id, is_maker=False), *maker)
            buyer_is_maker = order.side is Side.SELL
            self._trade(order.symbol, legs, take, events, buyer_is_maker=buyer_is_maker, now_ms=now_ms)

    def _trade_resting(self, symbol: str, offers: Iterable[Offer], events: list[Event], *, now_ms: int) -> None:
        """Fill resting orders against the market, which their book already did."""
        for offer in offers:
            assert offer.order_id is not None
            order = self.state.orders[offer.order_id]
            leg = Leg(order_id=order.order_id, is_maker=True)
            self._trade(symbol, (leg,), offer, events, buyer_is_maker=order.side is Side.BUY, now_ms=now_ms)

    def _trade(
        self, symbol: str, legs: tuple[Leg, ...], at: Offer | Take, events: list[Event], *, buyer_is_maker: bool, now_ms: int
    ) -> None:
        trade_id = self._print(symbol, at.price, at.quantity, events, buyer_is_maker=buyer_is_maker, now_ms=now_ms)
        listing = self.listings[symbol]
        for order, trade in self._settlement.settle(
            legs, listing=listing, trade_id=trade_id, price=at.price, quantity=at.quantity, now_ms=now_ms
        ):
            events.append(Reported(order=order, kind="TRADE", trade=trade))
            if trade.is_maker:
                events.append(Moved(account=order.account, assets=(listing.base, listing.quote)))

    def _print(
        self, symbol: str, price: Decimal, quantity: Decimal, events: list[Event], *, buyer_is_maker: bool, now_ms: int
    ) -> int:
        printed = Printed(
            symbol=symbol,
            trade_id=self.state.next_trade_id(symbol),
            price=price,
            quantity=quantity,
            buyer_is_maker=buyer_is_maker,
            ms=now_ms,
        )
        self.state.printed(printed)
        events.append(printed)
        return printed.trade_id

    def _park(self, order_id: int, events: list[Event], *, now_ms: int) -> None:
        """Let what is left of an incoming order rest, or end it where its kind does not rest."""
        order = self.state.orders[order_id]
        if not order.is_open:
            return
        if order.kind == "MARKET" or order.time_in_force != "GTC":
            self._end(order_id, "EXPIRED", events, now_ms=now_ms)
        else:
            self.books[order.symbol].rest(order_id, side=order.side, price=order.price, leaves=order.leaves)

    def _end(self, order_id: int, status: Status, events: list[Event], *, now_ms: int, cancel_id: str = "") -> Order:
        """End an order that is not filled and give back what it locks."""
        order = self.state.orders[order_id]
        self.books[order.symbol].remove(order_id)
        asset = pays(order, self.listings[order.symbol])
        self.state.balances.unlock(order.account, asset, order.locked)
        ended = replace(order, status=status, locked=NONE, updated_ms=now_ms)
        self.state.put(ended)
        match status:
            case "CANCELED":
                events.append(Reported(order=ended, kind="CANCELED", cancel_id=cancel_id))
            case "EXPIRED_IN_MATCH":
                events.append(Reported(order=ended, kind="TRADE_PREVENTION"))
            case _:
                events.append(Reported(order=ended, kind="EXPIRED"))
        return ended
