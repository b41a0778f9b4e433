"""What the fake TWS is made of: contracts, orders, executions. Amounts are Decimal; texts are IB's own words."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from orders.values import Record

ZERO: Final = Decimal(0)
ENDED: Final = frozenset({"Filled", "Cancelled", "ApiCancelled", "Inactive"})


class Contract(Record, frozen=True, kw_only=True):
    """One contract. `isin` "": the data has none. `rule`: (lowest price, tick from there on) in rising order; IB's market rule
    `rule_id`. `step_size`: size increment, `min_quantity`: minimum size.
    """

    con_id: int
    symbol: str
    sec_type: str  # STK or CASH
    currency: str
    primary: str  # the exchange it is listed at
    name: str
    isin: str
    min_tick: Decimal
    rule_id: int
    rule: tuple[tuple[Decimal, Decimal], ...]
    step_size: Decimal = Decimal(1)
    min_quantity: Decimal = Decimal(1)

    @property
    def local_symbol(self) -> str:
        """Return how the exchange writes it."""
        return f"{self.symbol}.{self.currency}" if self.sec_type == "CASH" else self.symbol

    def tick_at(self, price: Decimal) -> Decimal:
        """Return the tick that holds at a price."""
        return next((tick for low, tick in reversed(self.rule) if price >= low), self.min_tick)


class Order(msgspec.Struct, kw_only=True):
    """One order. `rank`: its place in time among equal prices; `cost`: sum of price x quantity filled; `fees`: charged so far."""

    perm_id: int
    order_id: int
    client_id: int
    account: str
    con_id: int
    action: str  # BUY, SELL
    quantity: Decimal
    kind: str  # MKT, LMT
    limit: Decimal | None
    tif: str
    order_ref: str
    rank: int
    status: str = "Submitted"
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fees: Decimal = ZERO
    reason: str = ""

    @property
    def works(self) -> bool:
        """Whether more of it may fill."""
        return self.status not in ENDED

    @property
    def leaves(self) -> Decimal:
        """Return units not filled."""
        return self.quantity - self.filled


class Execution(Record, frozen=True, kw_only=True):
    """One fill of one order. `fee` in `currency`; `time_ns` UTC."""

    exec_id: str
    perm_id: int
    con_id: int
    quantity: Decimal
    price: Decimal
    fee: Decimal
    currency: str
    time_ns: int
    total: Decimal  # filled of the order with it


class Touch(Record, frozen=True, kw_only=True):
    """The market's best prices of one contract, and how much is there."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal


class State(msgspec.Struct, kw_only=True):
    """Everything the fake TWS must remember over its own death."""

    account: str
    cash: dict[str, Decimal]
    orders: list[Order] = []
    executions: list[Execution] = []
    positions: dict[int, Decimal] = {}
    costs: dict[int, Decimal] = {}  # of the position, signed: quantity x price
    next_perm: int = 900_101
    next_exec: int = 1
    next_rank: int = 1
    next_order: dict[int, int] = {}  # by client id
    day: int = 0  # executions and ended orders of earlier ones are not told any more
