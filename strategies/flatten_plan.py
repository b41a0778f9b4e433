"""The plan of a flatten: every held instrument that is meant goes to zero, everything else stays. Pure, like the planner.

Unlike a manifest's plan it is made where not everything can be valued: one stale price must not keep the rest from being sold.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from orders.errors import InputError
from orders.exact import FLOOR, exact_arithmetic, fraction
from orders.flatten import Scope
from orders.plan import Plan, PlanInputs, PlanLine, Reason
from orders.valuation import Mark, Marks, NoMark, Valuation
from orders.values import Side
from strategies.plan_lines import Draft, decide, size
from strategies.planner import assemble_plan

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
WAITS: Final = frozenset({Reason.NO_PRICE, Reason.PRICE_STALE, Reason.PRICE_CROSSED})  # a newer price may mend it


def plan_flatten(inputs: PlanInputs, scope: Scope, *, order_value_max: Decimal | None = None) -> Plan:
    """Return the plan that brings what `scope` covers to zero, in one line each; `inputs.targets` is not read.

    Reductions only, never past zero; an order is cut to the venue's maximum quantity and to `order_value_max` (base currency),
    the rest is the next cycle's. Held lines that are not meant are KEPT. A line that cannot trade has its reason (no or stale
    price, MARKET_CLOSED, DUST_STAYS, ...). Open orders of what is meant are in `cancels`: they are cancelled before it trades.
    Equity is that of what has a price and a rate; where it is not above zero, weights are fractions of gross exposure.
    Raises `InputError`: BOOK_INVALID, NUMBER_RANGE.
    """
    with exact_arithmetic():
        marks = Marks.of_inputs(inputs)
        valuation = _valuation(inputs, marks=marks)
        equity = valuation.equity_base
        drafts = []
        for symbol in sorted(symbol for symbol, quantity in inputs.book.positions.items() if quantity):
            mark = marks.of(symbol)
            listing = mark.listing
            meant = scope.covers(symbol, venue=None if listing is None else listing.venue)
            value = valuation.values.get(symbol, ZERO)
            held = inputs.book.held(symbol)
            draft = Draft(symbol, target=ZERO if meant else fraction(value, equity), held=held, value=value, mark=mark)
            drafts.append(draft)
            if not meant:
                draft.stop(Reason.KEPT)
                continue
            decide(draft, inputs=inputs, equity=equity, band=ZERO)
            if isinstance(mark, Mark) and draft.side is not None:
                _cut(draft, mark=mark, order_value_max=order_value_max)
        made = assemble_plan(
            drafts,
            inputs=inputs,
            valuation=valuation,
            factor=ONE,
            cancels=sorted(order.client_order_id for order in inputs.open_orders if _meant(inputs, order.symbol, scope)),
        )
    lines = tuple(
        msgspec.structs.replace(line, held_weight=None) if line.held_quantity and line.bid is None else line
        for line in made.lines
    )
    _check(lines)
    return msgspec.structs.replace(made, lines=lines)


def stays(plan: Plan) -> tuple[PlanLine, ...]:
    """Return the lines that are meant and will not be flat when the plan has filled, dust left out: nobody can sell that."""
    return tuple(
        line for line in plan.lines if not line.trades and line.reason not in (Reason.KEPT, Reason.DUST_STAYS, Reason.ON_TARGET)
    )


def _meant(inputs: PlanInputs, symbol: str, scope: Scope) -> bool:
    listing = inputs.listings.get(symbol)
    return scope.covers(symbol, venue=None if listing is None else listing.venue)


def _valuation(inputs: PlanInputs, *, marks: Marks) -> Valuation:
    """What of the book can be valued; the rest is left out, not guessed."""
    cash = gross = net = ZERO
    for amounts in inputs.book.cash.values():
        for currency, amount in amounts.items():
            rate = marks.rate(currency) if amount else None
            if rate is not None:
                cash += amount * rate
    values = {}
    for symbol, quantity in inputs.book.positions.items():
        if not quantity.is_finite():
            found = f"{symbol}: {quantity}"
            raise InputError("BOOK_INVALID", expected="finite positions", found=found, action="Rebuild the book from the log.")
        mark = marks.of(symbol) if quantity else None
        if mark is None or isinstance(mark, NoMark):
            continue
        value = values[symbol] = quantity * mark.mid_value_base
        net += value
        gross += abs(value)
    equity = cash + net
    if equity <= 0:
        equity = gross or ONE
    return Valuation(equity_base=equity, cash_base=cash, gross_base=gross, net_base=net, values=values)


def _cut(draft: Draft, *, mark: Mark, order_value_max: Decimal | None) -> None:
    """Bring one order below the venue's maximum and the limit on an order's value: better a part now than nothing."""
    if draft.reason not in (Reason.TRADE, Reason.ABOVE_MAX_QUANTITY):
        return
    most = draft.most
    if mark.limits.max_quantity is not None:
        most = min(most, mark.limits.max_quantity)
    if order_value_max is not None:
        touch = mark.quote.ask if draft.side is Side.BUY else mark.quote.bid
        most = min(most, FLOOR.divide(order_value_max, touch * mark.unit_value_base))
    if most < draft.most:
        size(draft, most, mark=mark, traded=Reason.TRADE, below=Reason.DUST_STAYS)
        if draft.quantity:
            draft.detail = "a part; the rest is the next cycle's"


def _check(lines: tuple[PlanLine, ...]) -> None:
    """What is sent brings a position toward zero and stops there; anything else is a mistake of ours."""
    for line in lines:
        if line.trades:
            assert line.side is not None
            assert line.held_quantity * line.side.sign < 0, line
            assert line.quantity <= abs(line.held_quantity), line
