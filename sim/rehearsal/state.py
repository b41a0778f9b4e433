"""What the rehearsal exchange must not forget: orders, clients' trades, balances and the next ids. A store keeps what changed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from sim.rehearsal.balances import Balances
from sim.rehearsal.listing import Listing
from sim.rehearsal.values import Order, Trade

FIRST_ORDER_ID: Final = 1_000_001
FIRST_TRADE_ID: Final = 1
PRINTS_KEPT_MAX: Final = 10_000  # a pair; more than five minutes of any feed


@dataclass
class State:
    """In memory; `changed_*` collect keys and rows until a store has them."""

    orders: dict[int, Order] = field(default_factory=dict)
    trades: dict[str, list[Trade]] = field(default_factory=lambda: defaultdict(list))
    balances: Balances = field(default_factory=Balances)
    order_id: int = FIRST_ORDER_ID
    trade_ids: dict[str, int] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)  # pairs whose filters or status somebody changed
    changed_orders: set[int] = field(default_factory=set)
    new_trades: list[Trade] = field(default_factory=list)
    _prints: dict[str, deque[tuple[int, Decimal, Decimal]]] = field(default_factory=dict)
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
        self.new_trades.append(trade)

    def trades_of(self, account: str, symbol: str) -> Iterator[Trade]:
        """Yield an account's trades of a pair, oldest first."""
        return (trade for trade in self.trades.get(symbol, ()) if trade.account == account)

    def forget_changes(self) -> None:
        """Begin to collect changes anew: a store has them."""
        self.changed_orders.clear()
        self.new_trades.clear()
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

    def printed(self, symbol: str, *, price: Decimal, quantity: Decimal, ms: int) -> None:
        """Remember a public trade for the average price."""
        self._prints.setdefault(symbol, deque(maxlen=PRINTS_KEPT_MAX)).append((ms, price, quantity))

    def average_price(self, symbol: str, *, since_ms: int) -> Decimal | None:
        """Return the volume-weighted price since an instant, else the last one; None where nothing traded."""
        prints = self._prints.get(symbol)
        if not prints:
            return None
        recent = [(price, quantity) for ms, price, quantity in prints if ms >= since_ms]
        if not recent:
            return prints[-1][1]
        volume = sum((quantity for _, quantity in recent), start=Decimal(0))
        return sum((price * quantity for price, quantity in recent), start=Decimal(0)) / volume
