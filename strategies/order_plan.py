"""The plan of a single order: what a caller outside the engine asks for, as one trading line beside the lines that keep the book.

Pure, like the planner, and valued by the same means. What cannot be sent as asked is a line that does not trade, with its
reason: nothing is rounded, scaled or clipped for the caller. Whether the plan may be traded is the Sentinel's to say.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

import msgspec

from orders.errors import InputError
from orders.exact import exact_arithmetic, fraction
from orders.plan import Held, Plan, PlanInputs, Reason
from orders.valuation import Marks, NoMark, Valuation, value_book
from orders.values import AccountKind, OrderKind, Record, Side
from strategies import plan_text
from strategies.plan_lines import Draft, in_session, size
from strategies.planner import assemble_plan, available_cash

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
DIGITS_MAX: Final = 28  # of a number in the log
SYMBOL: Final = re.compile(r"[A-Z0-9_]{1,32}:[A-Za-z0-9._!-]{1,64}")


class SingleOrder(Record, frozen=True, kw_only=True):
    """What is asked: `quantity` > 0 units; `limit_price` > 0 in quote currency for LIMIT, None for MARKET."""

    symbol: str
    side: Side
    quantity: Decimal
    order_kind: OrderKind
    limit_price: Decimal | None


def check_order(order: SingleOrder) -> None:
    """Raise `InputError` SYMBOL_INVALID, QUANTITY_INVALID or PRICE_INVALID unless the order is one that can be written down."""
    if SYMBOL.fullmatch(order.symbol) is None:
        raise _refused("SYMBOL_INVALID", "a platform symbol such as NASDAQ:AAPL", repr(order.symbol[:100]))
    if not _plain(order.quantity):
        raise _refused("QUANTITY_INVALID", f"a quantity above 0 of at most {DIGITS_MAX} digits", str(order.quantity)[:100])
    price = order.limit_price
    if order.order_kind is OrderKind.MARKET:
        if price is not None:
            raise _refused("PRICE_INVALID", "no limit price on a market order", str(price)[:100])
    elif price is None or not _plain(price):
        found = "none" if price is None else str(price)[:100]
        raise _refused("PRICE_INVALID", f"a limit price above 0 of at most {DIGITS_MAX} digits", found)


def _plain(value: Decimal) -> bool:
    return value.is_finite() and value > 0 and len(value.as_tuple().digits) <= DIGITS_MAX and abs(value.adjusted()) < DIGITS_MAX


def _refused(code: str, expected: str, found: str) -> InputError:
    return InputError(code, expected=expected, found=found, action="Nothing was sent; mend the request.")


def plan_order(inputs: PlanInputs, order: SingleOrder) -> Plan | Held:
    """Return the plan that sends exactly this order, or `Held` when the book cannot be valued. `inputs.targets` is not read.

    Reasons for which the line does not trade, first that applies: an open order works on the symbol (IN_FLIGHT); no listing,
    account, fees, price, limits or rate; MARKET_CLOSED or NO_HOURS;
    OFF_STEP; OFF_TICK; a sale of more than a cash account holds (REFUSED_SHORT);
    a floor (BELOW_FLOOR) or the maximum of the venue; a purchase that the cash of its venue and currency, less the buffer and
    open buys, does not cover with its fee (NO_CASH). A limit order is valued at its limit price, a market order at the far
    touch. Held symbols are KEPT; the line's target is the weight it leads to.
    Raises `InputError`: see `check_order`; BOOK_INVALID, NUMBER_RANGE.
    """
    check_order(order)
    with exact_arithmetic():
        marks = Marks.of_inputs(inputs)
        valuation = value_book(inputs.book, marks=marks)
        if isinstance(valuation, Held):
            return valuation
        drafts = []
        for symbol in sorted(valuation.values.keys() - {order.symbol}):
            value = valuation.values[symbol]
            kept = Draft(
                symbol,
                target=fraction(value, valuation.equity_base),
                held=inputs.book.held(symbol),
                value=value,
                mark=marks.of(symbol),
            )
            kept.stop(Reason.KEPT)
            drafts.append(kept)
        asked = _draft(order, inputs=inputs, marks=marks, valuation=valuation)
        drafts.append(asked)
        if asked.quantity and asked.side is Side.BUY and asked.pot is not None:
            cash = available_cash(drafts, inputs=inputs, marks=marks).get(asked.pot, ZERO)
            cost = asked.notional + asked.fee
            if cost > cash:
                asked.stop(Reason.NO_CASH, f"needs {cost} {asked.pot[1]}, {max(cash, ZERO)} may be spent")
        drafts.sort(key=lambda draft: draft.symbol)
        plan = assemble_plan(drafts, inputs=inputs, valuation=valuation, factor=ONE)
        lines = tuple(
            msgspec.structs.replace(line, order_kind=order.order_kind, limit_price=order.limit_price)
            if line.symbol == order.symbol
            else line
            for line in plan.lines
        )
        return msgspec.structs.replace(plan, lines=lines)


def _draft(order: SingleOrder, *, inputs: PlanInputs, marks: Marks, valuation: Valuation) -> Draft:
    """The line that is asked for, sized or stopped; cash is looked at by the caller."""
    mark = marks.of(order.symbol)
    held, value = inputs.book.held(order.symbol), valuation.values.get(order.symbol, ZERO)
    equity = valuation.equity_base
    draft = Draft(order.symbol, target=fraction(value, equity), held=held, value=value, mark=mark)
    draft.wanted = order.quantity * order.side.sign
    working = [other for other in inputs.open_orders if other.symbol == order.symbol]
    if working:
        draft.stop(Reason.IN_FLIGHT, plan_text.in_flight(working))
        return draft
    if isinstance(mark, NoMark):
        draft.stop(mark.reason, mark.detail)
        return draft
    venue, limits = mark.listing.venue, mark.limits
    account = inputs.accounts.get(venue)
    draft.fees = inputs.fees.get(venue)
    if account is None or draft.fees is None:
        draft.stop(Reason.NOT_LISTED, f"no {'account' if account is None else 'fee schedule'} for {venue}")
        return draft
    if not in_session(draft, inputs=inputs):
        return draft
    if order.quantity % limits.step_size:
        draft.stop(Reason.OFF_STEP, f"{order.quantity} is not a multiple of the step {limits.step_size}")
        return draft
    if order.limit_price is not None and order.limit_price % limits.tick_size:
        draft.stop(Reason.OFF_TICK, f"{order.limit_price} is not a multiple of the tick {limits.tick_size}")
        return draft
    if account is AccountKind.CASH:
        draft.pot = (venue, mark.listing.quote_currency)
        if order.side is Side.SELL and order.quantity > held:
            draft.stop(Reason.REFUSED_SHORT, f"sells {order.quantity}, a cash account holds {held}")
            return draft
    draft.side = order.side
    size(draft, order.quantity, mark=mark, traded=Reason.TRADE, below=Reason.BELOW_FLOOR, limit_price=order.limit_price)
    if draft.quantity:
        assert draft.quantity == order.quantity
        draft.target = fraction(value + draft.wanted * mark.mid_value_base, equity)
    return draft
