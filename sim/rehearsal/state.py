"""What the rehearsal exchange must not forget: orders, clients' trades, balances and the next ids. A store keeps what changed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from sim.rehearsal.balances import Balances
from sim.rehearsal.listing import Listing
from sim.rehearsal.values import Order, Printed, Trade, Transfer

FIRST_ORDER_ID: Final = 1_000_001
FIRST_TRADE_ID: Final = 1


@dataclass
class Prints:
    """A pair's recent public trades, their sums kept."""

    recent: deque[tuple[int, Decimal, Decimal]] = field(default_factory=deque)
    volume: Decimal = Decimal(0)
    turnover: Decimal = Decimal(0)
    last: Decimal = Decimal(0)

    def add(self, ms: int, *, price: Decimal, quantity: Decimal) -> None:
        """Take one more."""
        self.recent.append((ms, price, quantity))
        self.volume += quantity
        self.turnover += price * quantity
        self.last = price

    def average(self, since_ms: int) -> Decimal:
        """Forget what is older; return the average of the rest, or the last price where there is no rest."""
        while self.recent and self.recent[0][0] < since_ms:
            _, price, quantity = self.recent.popleft()
            self.volume -= quantity
            self.turnover -= price * quantity
        return self.turnover / self.volume if self.recent else self.last


@dataclass
class State:
    """In memory; `changed_*` collect keys and rows until a store has them."""

    orders: dict[int, Order] = field(default_factory=dict)
    trades: dict[str, list[Trade]] = field(default_factory=lambda: defaultdict(list))
    balances: Balances = field(default_factory=Balances)
    order_id: int = FIRST_ORDER_ID
    trade_ids: dict[str, int] = field(default_factory=dict)
    transfers: list[Transfer] = field(default_factory=list)
    changed_transfers: set[int] = field(default_factory=set)
    listings: dict[str, Listing] = field(default_factory=dict)  # pairs whose filters or status somebody changed
    changed_orders: set[int] = field(default_factory=set)
    new_trades: list[Trade] = field(default_factory=list)
    new_prints: list[Printed] = field(default_factory=list)
    _prints: dict[str, Prints] = field(default_factory=dict)
    _by_order: dict[int, list[Trade]] = field(default_factory=lambda: defaultdict(list))
    _by_client_id: dict[tuple[str, str, str], list[int]] = field(default_factory=lambda: defaultdict(list))

    def put(self, order: Order) -> None:
        """Keep an order as it is now."""
        if order.order_id not in self.orders:
            self._by_client_id[order.account, order.symbol, order.client_id].append(order.order_id)
        self.orders[order.order_id] = order
        self.changed_orders.add(order.order_id)

    def find(self, account: str, symbol: str, *, order_id: int | None, client_id: str | None) -> Order | None:
        """Return an account's order by the venue's id, or the last with a client id: those are unique among open orders only."""
        if order_id is None:
            known = self._by_client_id.get((account, symbol, client_id or ""))
            return self.orders[known[-1]] if known else None
        order = self.orders.get(order_id)
        return order if order is not None and (order.account, order.symbol) == (account, symbol) else None

    def add_trade(self, trade: Trade) -> None:
        """Keep a client's side of a trade."""
        self.trades[trade.symbol].append(trade)
        self._by_order[trade.order_id].append(trade)
        self.new_trades.append(trade)

    def put_transfer(self, transfer: Transfer) -> None:
        """Keep a deposit or withdrawal as it is now; numbers count from 0 without gaps."""
        self.transfers[transfer.number : transfer.number + 1] = [transfer]
        self.changed_transfers.add(transfer.number)

    def trades_of(self, account: str, symbol: str) -> Iterator[Trade]:
        """Yield an account's trades of a pair, oldest first."""
        return (trade for trade in self.trades.get(symbol, ()) if trade.account == account)

    def trades_for(self, order_id: int) -> tuple[Trade, ...]:
        """Return an order's trades, oldest first."""
        return tuple(self._by_order.get(order_id, ()))

    def forget_changes(self) -> None:
        """Begin to collect changes anew: a store has them."""
        self.changed_orders.clear()
        self.changed_transfers.clear()
        self.new_trades.clear()
        self.new_prints.clear()
        self.balances.changed.clear()

    def next_order_id(self) -> int:
        """Take the next order id."""
        self.order_id += 1
        return self.order_id - 1

    def next_trade_id(self, symbol: str) -> int:
        """Take the next trade id of a pair; the public sees the same one."""
        taken = self.trade_ids.get(symbol, FIRST_TRADE_ID)
        self.trade_ids[symbol] = taken + 1
        return taken

    def printed(self, trade: Printed) -> None:
        """Remember a public trade, for the public and for the average price."""
        self.new_prints.append(trade)
        self._prints.setdefault(trade.symbol, Prints()).add(trade.ms, price=trade.price, quantity=trade.quantity)

    def average_price(self, symbol: str, *, since_ms: int) -> Decimal | None:
        """Return the volume-weighted price since an instant, which only grows, else the last one; None where nothing traded."""
        prints = self._prints.get(symbol)
        return None if prints is None else prints.average(since_ms)
