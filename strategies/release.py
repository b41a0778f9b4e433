"""When an approved order may go: what reduces at once, what opens as fills make room and pay for it. A state machine
without a clock; it sends nothing and waits for nothing.

(1) Reducing orders go first. (2) What opens never runs ahead of what reduces: the Sentinel judged the book after both.
(3) A buy on a cash account goes as soon as the cash that is really there, less what buys already out may still take at worst,
covers its own worst cost. (4) The opening leg of a flip goes when its closing leg has filled in full. (5) At the deadline, or
before it when nothing more can come, the rest is handed back with reasons, for a top-up cycle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from orders.errors import InputError
from orders.exact import exact_arithmetic
from orders.values import Record, Side

ZERO: Final = Decimal(0)
Pot = tuple[str, str]  # venue, currency


class ReleaseLine(Record, frozen=True, kw_only=True):
    """One approved order. `pot`: venue and quote currency it pays from and into; `on_cash`: only from what is there (a cash
    account). `unit_base` > 0: base currency one unit is worth at the price it was judged on.

    `unit_cost_worst` > 0: the most one unit may take of the pot, in quote currency: worst price x multiplier, plus the fee
    unless the venue takes it in the base asset. `after`: the id of the closing leg it waits for, an earlier line.
    """

    line_id: str
    side: Side
    quantity: Decimal
    pot: Pot
    multiplier: Decimal
    base_currency: str | None
    on_cash: bool
    reduces: bool
    unit_base: Decimal
    unit_cost_worst: Decimal
    after: str | None = None


class Leftover(Record, frozen=True, kw_only=True):
    """A line that was not released: NO_CASH, REDUCTION_UNFILLED, FLIP_NOT_CLOSED or NOT_SENT, and the words."""

    line_id: str
    reason: str
    detail: str


class _Order:
    """A line's progress: waiting, out, ended. `filled` in units; `cost` what it may take of its pot, `value` in base."""

    __slots__ = ("closing", "cost", "ended", "filled", "line", "out", "reduces", "unit_cost", "value")

    def __init__(self, line: ReleaseLine, *, closing: _Order | None) -> None:
        self.line = line
        self.reduces = line.reduces
        self.closing = closing  # the leg that must have filled before it
        self.filled = ZERO
        self.out = False
        self.ended = False
        self.unit_cost = line.unit_cost_worst
        self.cost = line.quantity * line.unit_cost_worst if line.on_cash and line.side is Side.BUY else ZERO
        self.value = line.quantity * line.unit_base

    @property
    def works(self) -> bool:
        return self.out and not self.ended

    @property
    def leaves(self) -> Decimal:
        return max(self.line.quantity - self.filled, ZERO)


class Releaser:
    """One cycle's orders, in plan order. `cash`: what is there by pot, less what orders outside this cycle may take of it.

    The owner sends what `releasable` names, says so with `on_released`, and reports every fill, end and cash event. No pot's
    cash goes below zero while no buy pays more than its `unit_cost_worst` a unit, whatever the order and size of the fills.
    """

    def __init__(self, lines: Sequence[ReleaseLine], *, cash: Mapping[Pot, Decimal], deadline_ns: int) -> None:
        """Raise `InputError` RELEASE_INVALID for an id twice, an amount that is not finite and above 0, or an `after` that is
        no earlier reducing line.
        """
        self._orders: dict[str, _Order] = {}
        self._cash = dict(cash)
        self._reserved: dict[Pot, Decimal] = {}  # what works may still take, by pot
        self._deadline_ns = deadline_ns
        self._unreduced = self._room = ZERO  # base: what reducing orders have not filled; what may open
        self._working = 0
        with exact_arithmetic():
            for line in lines:
                self._check(line)
                closing = None if line.after is None else self._orders[line.after]
                order = self._orders[line.line_id] = _Order(line, closing=closing)
                if line.reduces:
                    self._unreduced += order.value
                    self._room -= order.value
                else:
                    self._room += order.value
        self._waiting = dict(self._orders)

    def _check(self, line: ReleaseLine) -> None:
        amounts = (line.quantity, line.multiplier, line.unit_base, line.unit_cost_worst)
        sound = all(amount.is_finite() and amount > 0 for amount in amounts) and line.line_id not in self._orders
        first = None if line.after is None else self._orders.get(line.after)
        if not sound or (line.after is not None and (first is None or not first.line.reduces)):
            raise InputError(
                "RELEASE_INVALID",
                expected="new ids, finite amounts above 0, and closing legs before their opening legs",
                found=str(line)[:300],
                action="Look at the plan and its approvals.",
            )

    @property
    def cash(self) -> dict[Pot, Decimal]:
        """Return the cash that is there, by pot."""
        return dict(self._cash)

    @property
    def done(self) -> bool:
        """Whether nothing waits and nothing works."""
        return not self._waiting and not self._working

    @property
    def waiting(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    @property
    def waiting_ids(self) -> tuple[str, ...]:
        """What waits, in plan order."""
        return tuple(self._waiting)

    def reprice(self, line_id: str, unit_cost_worst: Decimal) -> bool:
        """Let a waiting buy on cash cost at least this much a unit, because its price has risen since; return whether that is
        more than before. A price that fell frees nothing. Raises `InputError` LINE_UNKNOWN.
        """
        order = self._order(line_id)
        if not order.cost or line_id not in self._waiting:
            return False
        with exact_arithmetic():
            cost = order.line.quantity * unit_cost_worst
        if cost <= order.cost:
            return False
        order.cost, order.unit_cost = cost, unit_cost_worst
        return True

    def releasable(self) -> list[str]:
        """Return the ids that may go now, in plan order; nothing changes until `on_released`. Each is counted against what the
        ones before it take; a line that does not fit does not stop a smaller one behind it.
        """
        chosen: list[str] = []
        with exact_arithmetic():
            room, free = self._room, {pot: amount - self._reserved.get(pot, ZERO) for pot, amount in self._cash.items()}
            for line_id, order in self._waiting.items():
                if not order.reduces and (order.value > room or (order.closing is not None and order.closing.leaves)):
                    continue
                cost = order.cost
                if cost:
                    pot = order.line.pot
                    if cost > free.get(pot, ZERO):
                        continue
                    free[pot] -= cost
                if not order.reduces:
                    room -= order.value
                chosen.append(line_id)
        return chosen

    def on_released(self, line_id: str) -> None:
        """The order is on its way and counts at its worst. Raises `InputError` LINE_UNKNOWN, LINE_NOT_WAITING."""
        order = self._order(line_id)
        if line_id not in self._waiting:
            raise InputError("LINE_NOT_WAITING", expected="a line that waits", found=line_id, action="Release a line once.")
        del self._waiting[line_id]
        order.out = True
        self._working += 1
        if order.cost or not order.reduces:
            with exact_arithmetic():
                self._reserve(order, order.cost)
                if not order.reduces:
                    self._room -= order.value

    def on_fill(self, line_id: str, *, quantity: Decimal, price: Decimal, fee: Decimal, fee_currency: str) -> None:
        """Take one fill of `quantity` > 0 at `price` >= 0 with its `fee` as charged; late ones after the end count too.

        Raises `InputError` LINE_UNKNOWN, FILL_INVALID for amounts that cannot be.
        """
        order = self._order(line_id)
        line = order.line
        if not (quantity.is_finite() and quantity > ZERO and price.is_finite() and price >= ZERO and fee.is_finite()):
            found = f"{quantity} at {price}, fee {fee} ({line_id})"
            raise InputError("FILL_INVALID", expected="a finite fill above 0", found=found, action="Ask the venue.")
        with exact_arithmetic():
            paid = quantity * price * line.multiplier
            self._add(line.pot, -paid if line.side is Side.BUY else paid)
            if fee and fee_currency != line.base_currency:
                self._add((line.pot[0], fee_currency), -fee)
            left = order.leaves
            done = quantity if quantity <= left else left
            order.filled += quantity
            if order.reduces:
                reduced = done * line.unit_base
                self._unreduced -= reduced
                self._room += reduced
            elif order.ended:
                self._room -= done * line.unit_base
            if order.works and order.cost:
                self._reserve(order, -done * order.unit_cost)

    def on_terminal(self, line_id: str) -> None:
        """The order has ended, filled or not: what it might still have taken is free. Again is fine; raises LINE_UNKNOWN.

        A reducing order that ends unfilled goes on holding back what it was to make room for.
        """
        order = self._order(line_id)
        if order.ended:
            return
        if order.out:
            self._working -= 1
            if order.filled < order.line.quantity:
                with exact_arithmetic():
                    left = order.leaves
                    if order.cost:
                        self._reserve(order, -left * order.unit_cost)
                    if not order.reduces:
                        self._room += left * order.line.unit_base
        order.ended = True
        self._waiting.pop(line_id, None)

    def on_cash(self, pot: Pot, amount: Decimal) -> None:
        """Take a cash event that is no fill: a deposit, funding, interest, of either sign."""
        with exact_arithmetic():
            self._add(pot, amount)

    def expire(self, now_ns: int) -> tuple[Leftover, ...]:
        """Hand back what waits, in plan order: from the deadline on, and before it when nothing works and nothing may go; else
        nothing. What is handed back is never released; what works goes on.
        """
        if now_ns < self._deadline_ns and (self._working or self.releasable()):
            return ()
        with exact_arithmetic():
            left = tuple(self._leftover(order) for order in self._waiting.values())
        for order in self._waiting.values():
            order.ended = True
        self._waiting.clear()
        return left

    def _leftover(self, order: _Order) -> Leftover:
        line = order.line
        free = max(self._cash.get(line.pot, ZERO) - self._reserved.get(line.pot, ZERO), ZERO)
        if line.after is not None and self._orders[line.after].leaves:
            reason, detail = "FLIP_NOT_CLOSED", f"the closing leg {line.after} did not fill in full"
        elif order.cost > free:
            reason = "NO_CASH"
            venue, currency = line.pot
            detail = f"needs up to {order.cost} {currency} at {venue}, {free} is free: {order.cost - free} missing"
        elif not line.reduces and order.value > self._room:
            reason, detail = "REDUCTION_UNFILLED", f"reducing orders of {self._unreduced} base currency did not fill"
        else:
            reason, detail = "NOT_SENT", "the deadline passed before it was sent"
        return Leftover(line_id=line.line_id, reason=reason, detail=detail)

    def _order(self, line_id: str) -> _Order:
        order = self._orders.get(line_id)
        if order is None:
            raise InputError("LINE_UNKNOWN", expected="a line of this cycle", found=line_id, action="Look who sent it.")
        return order

    def _add(self, pot: Pot, amount: Decimal) -> None:
        self._cash[pot] = self._cash.get(pot, ZERO) + amount

    def _reserve(self, order: _Order, amount: Decimal) -> None:
        if amount:
            self._reserved[order.line.pot] = self._reserved.get(order.line.pot, ZERO) + amount
