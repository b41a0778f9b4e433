"""Buys of cash accounts meet the cash there is: what may be spent where, one factor for each pot that is short, the residue.

A pot is the cash of one venue in one currency. Capital does not move between pots. Runs inside `exact_arithmetic`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Final

from orders.costs import Liquidity, fee_for
from orders.exact import CEILING, FLOOR, FRACTION_PLACES, ROUNDED
from orders.plan import PlanInputs, Reason
from orders.valuation import ONE, Mark, Marks, NoMark
from orders.values import Side
from strategies import plan_text
from strategies.plan_lines import Draft, Pot, size

ZERO: Final = Decimal(0)


def available_cash(drafts: Sequence[Draft], *, inputs: PlanInputs, marks: Marks) -> dict[Pot, Decimal]:
    """Cash the buys of each cash account's pot may use: see `planner.plan`. A pot with an open buy that has no price offers
    nothing.
    """
    cash = {(venue, code): amount for venue, amounts in inputs.book.cash.items() for code, amount in amounts.items()}
    worth: dict[Pot, Decimal] = dict(cash)
    available: dict[Pot, Decimal] = dict(cash)
    for draft in drafts:
        mark = draft.mark
        if not isinstance(mark, Mark):
            continue
        pot = draft.pot or (mark.listing.venue, mark.listing.quote_currency)
        if draft.value:
            value = draft.value if mark.rate is ONE else draft.held * mark.mid * mark.limits.multiplier
            worth[pot] = worth.get(pot, ZERO) + value
        if draft.side is Side.SELL and draft.quantity:
            available[pot] = available.get(pot, ZERO) + draft.notional - draft.fee
    for pot, value in worth.items():
        available[pot] = available.get(pot, ZERO) - inputs.policy.cash_buffer_fraction * max(value, ZERO)
    blocked = set()
    for order in inputs.open_orders:
        if order.side is Side.SELL:
            continue
        mark, listing = marks.of(order.symbol), inputs.listings[order.symbol]
        pot, fees = (listing.venue, listing.quote_currency), inputs.fees.get(listing.venue)
        if isinstance(mark, NoMark) or fees is None:
            blocked.add(pot)
            continue
        cost = order.leaves_quantity * mark.quote.ask * mark.limits.multiplier
        available[pot] = available.get(pot, ZERO) - cost * (ONE + fees.taker_fraction) * (ONE + inputs.policy.cash_drift_fraction)
    return {pot: amount for pot, amount in available.items() if pot not in blocked}


def fit_to_cash(drafts: Sequence[Draft], *, inputs: PlanInputs, marks: Marks, equity: Decimal) -> Decimal:
    """Scale the buys of every pot that is short by that pot's factor; return the least of them, 1 when none is short.

    A line says CAPPED_CASH where its pot pays for a smaller part of its buys than all cash together would pay of all buys,
    SCALED_TO_CASH where money is as scarce everywhere, NO_CASH where the rest is below a floor.
    """
    buys: dict[Pot, list[Draft]] = {}
    for draft in drafts:
        if draft.pot is not None and draft.quantity and draft.side is Side.BUY:
            buys.setdefault(draft.pot, []).append(draft)
    if not buys:
        return ONE
    up = ONE + inputs.policy.cash_drift_fraction
    available = available_cash(drafts, inputs=inputs, marks=marks)
    costs = {pot: up * sum((draft.notional + draft.fee for draft in ours), ZERO) for pot, ours in buys.items()}
    short = sorted(pot for pot, cost in costs.items() if cost > available.get(pot, ZERO))
    if not short:
        return ONE
    rates = {pot: marks.rate(pot[1]) or ZERO for pot in available.keys() | costs.keys()}
    need = sum((cost * rates[pot] for pot, cost in costs.items()), ZERO)
    have = sum((max(amount, ZERO) * rates[pot] for pot, amount in available.items()), ZERO)
    least = ONE
    for pot in short:
        there = max(available.get(pot, ZERO), ZERO)
        capped = there * need < have * costs[pot]
        words = plan_text.missing_cash(*pot, cost=costs[pot], available=there)
        factor = _scale(buys[pot], there=there, up=up, traded=Reason.CAPPED_CASH if capped else Reason.SCALED_TO_CASH)
        if inputs.policy.spend_residue:
            spend_residue(buys[pot], there=there, up=up, equity=equity, weight_max=inputs.policy.asset_weight_max)
        least = min(least, factor)
        if capped:
            for draft in buys[pot]:
                draft.detail = f"{draft.detail}; {words}" if draft.detail else words
    return least


def _scale(buys: Sequence[Draft], *, there: Decimal, up: Decimal, traded: Reason) -> Decimal:
    """Scale the buys of one pot so that what they wanted before flooring fits `there`; return the factor."""
    wanted_cost = ZERO
    for draft in buys:
        wanted_cost += draft.most * CEILING.divide((draft.notional + draft.fee) * up, draft.quantity)
    factor = FLOOR.divide(there, wanted_cost).quantize(FRACTION_PLACES, rounding=ROUND_DOWN, context=ROUNDED)
    for draft in buys:
        assert isinstance(draft.mark, Mark)
        draft.detail = ""
        size(draft, draft.most * factor, mark=draft.mark, traded=traded, below=Reason.NO_CASH)
        if not draft.quantity:
            draft.shortened = traded
    return factor


def spend_residue(buys: Sequence[Draft], *, there: Decimal, up: Decimal, equity: Decimal, weight_max: Decimal | None) -> None:
    """Give cash of one pot that scaling and flooring left to the lines whose next step brings the book nearest to target.

    First one step for each line that can take one, the largest reduction of tracking error first (ties by symbol); a line
    that fell below a floor takes its least order at once. Then, in that order, as many steps as fit. No line passes its
    wanted quantity after caps, the venue's maximum or `weight_max` of equity. After it no line could take another step.
    """
    left = there
    ready: list[tuple[Decimal, str, Draft, Mark, Decimal, Decimal]] = []
    for draft in buys:
        mark, step = draft.mark, draft.mark.limits.step_size if isinstance(draft.mark, Mark) else ONE
        assert isinstance(mark, Mark)
        if draft.quantity:
            left -= (draft.notional + draft.fee) * up
        room = _most_units(draft, mark=mark, equity=equity, weight_max=weight_max) - draft.quantity
        chunk = step if draft.quantity else _least_order(mark)
        if chunk <= room:
            ready.append((-chunk * mark.mid_value_base, draft.symbol, draft, mark, chunk, room))
    ready.sort(key=lambda item: item[:2])
    taken: dict[str, Decimal] = {}
    for _, symbol, draft, mark, chunk, _ in ready:
        cost = chunk * _unit_cost(draft, mark=mark, up=up)
        if cost <= left:
            left -= cost
            taken[symbol] = draft.quantity + chunk
    for _, symbol, draft, mark, _, room in ready:
        start = taken.get(symbol, draft.quantity)
        if not start:
            continue
        step = mark.limits.step_size
        step_cost = step * _unit_cost(draft, mark=mark, up=up)
        steps = min(left // step_cost, (draft.quantity + room - start) // step)
        if steps > 0:
            left -= steps * step_cost
            taken[symbol] = start + steps * step
    for _, symbol, draft, mark, _, _ in ready:
        if symbol in taken:
            traded = draft.reason if draft.quantity else draft.shortened
            draft.detail = ""
            size(draft, taken[symbol], mark=mark, traded=traded, below=Reason.NO_CASH)
            assert draft.quantity == taken[symbol]
    assert left >= 0


def _unit_cost(draft: Draft, *, mark: Mark, up: Decimal) -> Decimal:
    """What one unit takes of the pot, in quote currency: at the ask, with its fee."""
    assert draft.fees is not None
    price, multiplier = mark.quote.ask, mark.limits.multiplier
    fee, in_base = fee_for(
        Side.BUY,
        quantity=ONE,
        price=price,
        multiplier=multiplier,
        schedule=draft.fees,
        liquidity=Liquidity.TAKER,
        has_base_currency=mark.listing.base_currency is not None,
    )
    return (price * multiplier + (ZERO if in_base else fee)) * up


def _most_units(draft: Draft, *, mark: Mark, equity: Decimal, weight_max: Decimal | None) -> Decimal:
    """The largest whole-step quantity this line may have."""
    most, limits = draft.most, mark.limits
    if limits.max_quantity is not None:
        most = min(most, limits.max_quantity)
    if weight_max is not None:
        most = min(most, FLOOR.divide(max(weight_max * equity - draft.value, ZERO), mark.mid_value_base))
    return most // limits.step_size * limits.step_size


def _least_order(mark: Mark) -> Decimal:
    """The smallest whole-step quantity the venue takes, at the ask."""
    limits = mark.limits
    least = max(limits.step_size, limits.min_quantity)
    if limits.min_notional:
        least = max(least, CEILING.divide(limits.min_notional, mark.quote.ask * limits.multiplier))
    steps, rest = divmod(least, limits.step_size)
    return (steps + 1 if rest else steps) * limits.step_size
