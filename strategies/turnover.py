"""Turnover caps of a cycle and of a day: what reduces goes first and whole, what opens or adds shares the rest by one factor."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Final

from orders.exact import FLOOR, FRACTION_PLACES, ROUNDED
from orders.plan import PlanInputs, Reason
from orders.valuation import Mark
from strategies.plan_lines import Draft, size
from strategies.plan_text import percent

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


def cap_turnover(drafts: Sequence[Draft], *, inputs: PlanInputs, equity: Decimal) -> Decimal:
    """Scale what opens or adds to what the caps leave of it; return the factor, 1 where they leave all.

    Turnover is traded notional at mid / equity. Closes and reductions take no notice of the caps: a book can always be
    reduced. Of what is left of the lower cap (the day's less `turnover_today`), every other line gets the same part of its
    wanted quantity (SCALED_TO_TURNOVER), or nothing where that falls below a floor (TURNOVER_CAP). A daily cap without
    `turnover_today` leaves nothing. Runs inside `exact_arithmetic`.
    """
    policy, today = inputs.policy, inputs.turnover_today
    rooms = [cap for cap in (policy.turnover_cycle_max,) if cap is not None]
    if policy.turnover_day_max is not None:
        rooms.append(ZERO if today is None else policy.turnover_day_max - today)
    if not rooms:
        return ONE
    reducing = opening = wanted = ZERO
    openings: list[tuple[Draft, Mark]] = []
    for draft in drafts:
        mark = draft.mark
        if not draft.quantity or not isinstance(mark, Mark):
            continue
        if draft.reduces:
            reducing += draft.quantity * mark.mid_value_base
        else:
            opening += draft.quantity * mark.mid_value_base
            wanted += draft.most * mark.mid_value_base
            openings.append((draft, mark))
    left = max(min(rooms) * equity - reducing, ZERO)
    if opening <= left:
        return ONE
    factor = FLOOR.divide(left, wanted).quantize(FRACTION_PLACES, rounding=ROUND_DOWN, context=ROUNDED)
    unknown = policy.turnover_day_max is not None and today is None
    words = "today's turnover is not known" if unknown else f"{percent(left, equity)} of equity left to open or add"
    for draft, mark in openings:
        if not factor:
            draft.most = ZERO
            draft.stop(Reason.TURNOVER_CAP, words)
            continue
        draft.most *= factor
        size(draft, draft.most, mark=mark, traded=Reason.SCALED_TO_TURNOVER, below=Reason.TURNOVER_CAP)
        draft.detail = f"{draft.detail}; {words}" if draft.detail else words
    return factor
