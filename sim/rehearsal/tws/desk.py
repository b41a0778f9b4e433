"""Orders that meet a settable quote by price, then time. Pure: one call is one step, what happened comes back as news.

Clients' orders meet the market alone, never each other; a quote's size is what fills at most until the next one. A resting order
fills at its own price, an arriving one at the touch.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from msgspec.structs import replace

from orders.values import Record
from sim.rehearsal.tws.values import ZERO, Contract, Execution, Order, State, Touch

FEE_PER_SHARE: Final = Decimal("0.005")
FEE_LEAST: Final = Decimal("1.00")  # an order
FX_FEE: Final = Decimal("0.00002")
FX_FEE_LEAST: Final = Decimal("2.00")
CENT: Final = Decimal("0.01")
KINDS: Final = frozenset({"MKT", "LMT"})
TIFS: Final = frozenset({"DAY", "GTC", "IOC", "FOK"})


class News(Record, frozen=True, kw_only=True):
    """One thing that happened: to `order`, as it was right after, with the `execution` where it filled."""

    order: Order
    execution: Execution | None = None


class Refusal(Record, frozen=True, kw_only=True):
    """TWS says no with one of its codes."""

    code: int
    text: str


class Ask(Record, frozen=True, kw_only=True):
    """What a client asks for; `limit` None for MKT."""

    order_id: int
    client_id: int
    account: str
    con_id: int
    action: str
    quantity: Decimal
    kind: str
    limit: Decimal | None
    tif: str
    order_ref: str


class Desk:
    """One account. Orders are found by client id and order id, as TWS does."""

    def __init__(self, state: State, *, contracts: dict[int, Contract]) -> None:
        self.state = state
        self.contracts = contracts
        self.touches: dict[int, Touch] = {}
        self.online = True  # whether TWS reaches IB; what is placed meanwhile waits as PendingSubmit

    def order(self, client_id: int, order_id: int) -> Order | None:
        """Return an order of a client."""
        found = [each for each in self.state.orders if (each.client_id, each.order_id) == (client_id, order_id)]
        return found[-1] if found else None

    def working(self) -> list[Order]:
        """Return what may still fill, oldest first."""
        return [order for order in self.state.orders if order.works]

    def next_order_id(self, client_id: int) -> int:
        """Return the least order id this client may use."""
        return self.state.next_order.get(client_id, 1)

    def place(self, ask: Ask, *, now_ns: int) -> list[News] | Refusal:
        """Take a new order, or a change of one that works; match it."""
        refusal = self._refusal(ask)
        if refusal is not None:
            return refusal
        known, state = self.order(ask.client_id, ask.order_id), self.state
        if known is None:
            if ask.order_id < self.next_order_id(ask.client_id):
                return Refusal(code=103, text="Duplicate order id")
            order = Order(
                perm_id=state.next_perm,
                order_id=ask.order_id,
                client_id=ask.client_id,
                account=ask.account,
                con_id=ask.con_id,
                action=ask.action,
                quantity=ask.quantity,
                kind=ask.kind,
                limit=ask.limit,
                tif=ask.tif,
                order_ref=ask.order_ref,
                rank=state.next_rank,
            )
            state.next_perm += 1
            state.next_order[ask.client_id] = ask.order_id + 1
            state.orders.append(order)
        elif not known.works:
            return Refusal(code=104, text="Can't modify a filled order.")
        elif ask.quantity < known.filled:
            return Refusal(code=201, text="Order rejected - reason:quantity below what is filled")
        else:
            order = known
            order.quantity, order.limit, order.tif = ask.quantity, ask.limit, ask.tif
        order.rank = state.next_rank
        state.next_rank += 1
        if not self.online:
            order.status = "PendingSubmit"
            return [News(order=replace(order))]
        return [News(order=replace(order)), *self._match(order, now_ns=now_ns, arriving=True)]

    def cancel(self, client_id: int, order_id: int) -> list[News] | Refusal:
        """End an order that works."""
        order = self.order(client_id, order_id)
        if order is None:
            return Refusal(code=10147, text=f"OrderId {order_id} that needs to be cancelled is not found.")
        if not order.works:
            return Refusal(
                code=10148, text=f"OrderId {order_id} that needs to be cancelled can not be cancelled, state: {order.status}."
            )
        return self.end(order, "Cancelled", reason="")

    def end(self, order: Order, status: str, *, reason: str) -> list[News]:
        """Nothing more of it works."""
        order.status, order.reason = status, reason
        return [News(order=replace(order))]

    def quote(self, con_id: int, touch: Touch, *, now_ns: int) -> list[News]:
        """Set the market; what it reaches of resting orders fills, best price first, then oldest."""
        self.touches[con_id] = touch
        news: list[News] = []
        if not self.online:
            return news
        for action in ("BUY", "SELL"):
            sign = -1 if action == "BUY" else 1
            resting = [order for order in self.working() if (order.con_id, order.action) == (con_id, action)]
            for order in sorted(resting, key=lambda each: ((each.limit or ZERO) * sign, each.rank)):
                news += self._match(order, now_ns=now_ns, arriving=order.kind == "MKT")
        return news

    def reach(self, online: bool, *, now_ns: int) -> list[News]:
        """TWS loses IB, or has it back: then what waited is placed."""
        self.online = online
        news: list[News] = []
        for order in self.working():
            if online and order.status == "PendingSubmit":
                order.status = "Submitted"
                news += [News(order=replace(order)), *self._match(order, now_ns=now_ns, arriving=True)]
        return news

    def next_day(self) -> None:
        """Executions and ended orders of today are history, which TWS does not tell; DAY orders have ended before."""
        self.state.day += 1
        self.state.executions.clear()
        self.state.orders[:] = self.working()

    def _refusal(self, ask: Ask) -> Refusal | None:
        contract = self.contracts.get(ask.con_id)
        if contract is None:
            return Refusal(code=200, text="No security definition has been found for the request")
        if ask.account != self.state.account:
            return Refusal(code=321, text=f"Error validating request:-'cA' : cause - Invalid account code '{ask.account}'.")
        if ask.kind not in KINDS or ask.tif not in TIFS or ask.action not in ("BUY", "SELL"):
            return Refusal(code=387, text="Unsupported order type for this exchange and security type.")
        if ask.quantity <= 0 or ask.quantity % contract.step_size:
            return Refusal(code=10243, text="Fractional-sized order cannot be placed via API.")
        if ask.quantity < contract.min_quantity:
            return Refusal(code=201, text="Order rejected - reason:the order size is below the minimum")
        if (ask.limit is None) is (ask.kind == "LMT"):
            return Refusal(code=321, text="Error validating request:-'cA' : cause - a limit price where there is none.")
        if ask.limit is not None and (ask.limit <= 0 or ask.limit % contract.tick_at(ask.limit)):
            return Refusal(code=110, text="The price does not conform to the minimum price variation for this contract.")
        return None

    def _match(self, order: Order, *, now_ns: int, arriving: bool) -> list[News]:
        touch, news = self.touches.get(order.con_id), list[News]()
        buys = order.action == "BUY"
        if touch is not None:
            price, size = (touch.ask, touch.ask_size) if buys else (touch.bid, touch.bid_size)
            reached = order.limit is None or (price <= order.limit if buys else price >= order.limit)
            whole = order.tif != "FOK" or size >= order.leaves
            if reached and size > 0 and whole:
                at = price if arriving or order.limit is None else order.limit
                news.append(self._fill(order, min(size, order.leaves), at, now_ns=now_ns))
        if order.works and order.tif in ("IOC", "FOK"):
            news += self.end(order, "Cancelled", reason="")
        return news

    def _fill(self, order: Order, quantity: Decimal, price: Decimal, *, now_ns: int) -> News:
        state, contract = self.state, self.contracts[order.con_id]
        touch = self.touches[order.con_id]
        side = "ask_size" if order.action == "BUY" else "bid_size"
        self.touches[order.con_id] = replace(touch, **{side: getattr(touch, side) - quantity})
        order.filled += quantity
        order.cost += quantity * price
        if not order.leaves:
            order.status = "Filled"
        fee = self._fee(order, contract)
        order.fees += fee
        signed = quantity if order.action == "BUY" else -quantity
        state.positions[order.con_id] = state.positions.get(order.con_id, ZERO) + signed
        state.costs[order.con_id] = state.costs.get(order.con_id, ZERO) + signed * price
        state.cash[contract.currency] = state.cash.get(contract.currency, ZERO) - signed * price - fee
        execution = Execution(
            exec_id=f"0000e0d5.{state.next_exec:08x}.01.01",
            perm_id=order.perm_id,
            con_id=order.con_id,
            quantity=quantity,
            price=price,
            fee=fee,
            currency=contract.currency,
            time_ns=now_ns,
            total=order.filled,
        )
        state.next_exec += 1
        state.executions.append(execution)
        return News(order=replace(order), execution=execution)

    def _fee(self, order: Order, contract: Contract) -> Decimal:
        """The whole order's fee so far, less what was charged: a minimum is an order's, not a fill's."""
        if contract.sec_type == "CASH":
            whole = max(FX_FEE_LEAST, order.cost * FX_FEE)
        else:
            whole = max(FEE_LEAST, order.filled * FEE_PER_SHARE)
        return (whole - order.fees).quantize(CENT, rounding=ROUND_HALF_UP)
