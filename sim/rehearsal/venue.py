"""The rehearsal exchange with its memory, its clock and its listeners: every step is durable before anybody hears of it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from orders.values import Side
from sim.rehearsal.binance_public import BinancePublic
from sim.rehearsal.book import NONE
from sim.rehearsal.exchange import BAD_SYMBOL, UNKNOWN_ORDER, Exchange
from sim.rehearsal.hand import MAIN
from sim.rehearsal.listing import Listing
from sim.rehearsal.public_market import PublicMarket
from sim.rehearsal.settlement import FeeRates
from sim.rehearsal.store import Store
from sim.rehearsal.values import Asked, BookChanged, Event, Moved, Order, Printed, Refusal, Reported
from sim.rehearsal.wording import balance_events, execution_report


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Venue:
    """One exchange. `skew_ms` is how far its clock is ahead of the machine's."""

    def __init__(
        self, *, listings: Sequence[Listing], fees: FeeRates, store: Store, wall_ms: Callable[[], int] = _wall_ms
    ) -> None:
        self.skew_ms = 0
        self._wall_ms = wall_ms
        self._store = store
        self._listings = {each.name: each for each in listings}
        self._fees = fees
        self._slip = NONE
        self.public = BinancePublic(symbols=listings, now_ms=self.now_ms)
        self._made_ids = itertools.count(1)
        self.reload()

    def reload(self) -> None:
        """Begin with what the memory has, as after a restart: books have no feed until it speaks, and what rests is in front."""
        state = self._store.load()
        self.exchange = Exchange(listings={**self._listings, **state.listings}, fees=self._fees, state=state, slip=self._slip)
        for name, listing in self.exchange.listings.items():
            market = self.public.markets[name] = PublicMarket(listing)
            market.update_id = self.now_ms()  # never back: clients drop what is older
            for printed in self._store.prints(name):
                market.add_printed(printed)
                state.printed(printed)
            self._show(name)
        state.forget_changes()

    def reset(self, balances: Mapping[str, Decimal]) -> None:
        """Begin anew: no order, no trade, no fault, no skew; the main account has these balances. Sockets stay open."""
        self._store.wipe()
        self.skew_ms, self._slip = 0, NONE
        self.public.faults.clear()
        self.public.faults.done.clear()
        self.public.gate.posts.clear()
        self.public.be_sound()
        self.reload()
        for asset, free in balances.items():
            self.set_balance(MAIN, asset, free=free)
        self.public.requests.clear()

    def charge(self, fees: FeeRates) -> None:
        """Charge other fees from the next trade on, over restarts of its port too; nobody is told."""
        self._fees = fees
        self.exchange.charge(fees)

    def slip(self, fraction: Decimal) -> None:
        """Fill what takes so much worse than the book shows, from the next order on; nobody is told."""
        self._slip = self.exchange.slip = fraction

    def relist(self, symbol: str, changes: Mapping[str, str]) -> None:
        """Change a pair's filters or its status, as happens overnight; nobody is told but by exchangeInfo.

        Raises `KeyError` for a pair that is not listed, `TypeError` for a filter that is not there.
        """
        listing = self.exchange.listings[symbol]
        kinds = {name: type(getattr(listing, name)) for name in listing.__struct_fields__}
        if not changes.keys() <= kinds.keys():
            raise TypeError(f"no such filters: {sorted(changes.keys() - kinds.keys())}")
        values = {name: kinds[name](value) for name, value in changes.items()}
        if not all(value.is_finite() and value > 0 for value in values.values() if isinstance(value, Decimal)):
            raise TypeError(f"filters are numbers above 0, not {dict(changes)}")
        changed = replace(listing, **values)
        self.exchange.listings[symbol] = self.exchange.state.listings[symbol] = self.public.markets[symbol].symbol = changed
        self._store.save(self.exchange.state)

    def now_ms(self) -> int:
        """Return the venue's time."""
        return self._wall_ms() + self.skew_ms

    def made_id(self) -> str:
        """Return a client id of the venue's making, for requests that name none."""
        return f"venue{self.now_ms():x}{next(self._made_ids):x}"

    def place(self, asked: Asked, *, external: bool = False) -> Order | Refusal:
        """Take an order; `external`: from nobody who spoke the protocol."""
        done = self.exchange.place(replace(asked, external=external), now_ms=self.now_ms())
        return done if isinstance(done, Refusal) else self._after(*done)

    def cancel(
        self, account: str, symbol: str, *, order_id: int | None, client_id: str | None, cancel_id: str
    ) -> Order | Refusal:
        """Cancel an account's order by one of its ids."""
        if symbol not in self.exchange.books:
            return BAD_SYMBOL
        order = self.exchange.state.find(account, symbol, order_id=order_id, client_id=client_id)
        if order is None:
            return UNKNOWN_ORDER
        done = self.exchange.cancel(order.order_id, cancel_id=cancel_id, now_ms=self.now_ms())
        return done if isinstance(done, Refusal) else self._after(*done)

    def set_book(self, symbol: str, *, bids: Mapping[Decimal, Decimal], asks: Mapping[Decimal, Decimal]) -> None:
        """Replace what the feed says of a pair's book."""
        self._publish(self.exchange.set_book(symbol, bids=bids, asks=asks, now_ms=self.now_ms()))

    def trade_at(self, symbol: str, *, price: Decimal, quantity: Decimal, buyer_is_maker: bool) -> None:
        """Let the market trade."""
        self._publish(
            self.exchange.trade_at(symbol, price=price, quantity=quantity, buyer_is_maker=buyer_is_maker, now_ms=self.now_ms())
        )

    def set_balance(self, account: str, asset: str, *, free: Decimal) -> None:
        """Change a balance by hand."""
        self._publish(self.exchange.set_balance(account, asset, free=free))

    def transfer(
        self,
        account: str,
        asset: str,
        *,
        amount: Decimal,
        deposit: bool,
        fee: Decimal = NONE,
        transfer_id: str | None = None,
        pending: bool = False,
    ) -> int | Refusal:
        """Deposit or withdraw, on the venue's own list; return its number. `pending`: until `confirm`."""
        begun = self.exchange.begin_transfer(
            account, asset, amount=amount, fee=fee, deposit=deposit, transfer_id=transfer_id, now_ms=self.now_ms()
        )
        if isinstance(begun, Refusal):
            return begun
        transfer, events = begun
        if not pending:
            events = [*events, *self.exchange.end_transfer(transfer.number, now_ms=self.now_ms())]
        self._publish(events)
        return transfer.number

    def confirm(self, number: int) -> None:
        """Confirm a transfer that is pending."""
        self._publish(self.exchange.end_transfer(number, now_ms=self.now_ms()))

    def close(self) -> None:
        """Close the memory."""
        self._store.close()

    def _after(self, order: Order, events: list[Event]) -> Order:
        self._publish(events)
        return order

    def _publish(self, events: list[Event]) -> None:
        """Keep the step, then tell it."""
        self._store.save(self.exchange.state)
        now_ms = self.now_ms()
        for event in events:
            match event:
                case Reported():
                    self.public.send(f"{event.order.account}@user", execution_report(event, now_ms=now_ms))
                case Moved():
                    for message in balance_events(event, self.exchange.state.balances, now_ms=now_ms):
                        self.public.send(f"{event.account}@user", message)
                case Printed():
                    self.public.print_trade(event)
                case BookChanged():
                    self._show(event.symbol)

    def _show(self, symbol: str) -> None:
        book = self.exchange.books[symbol]
        self.public.show_book(symbol, bids=book.shown(Side.BUY), asks=book.shown(Side.SELL))
