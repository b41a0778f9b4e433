"""Caps that may make an order smaller: REDUCE_ONLY (control 20) and MAX_ORDER_VOLUME (control 3). Both work on plans only.

RESIZE: the approval carries the smaller quantity, floored to the step; below the venue's floors the line is denied. The value
cap and the absolute cap in units never resize: an order beyond them is taken for a mistake, and the most of a mistake is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from orders.canonical import decimal_text
from orders.errors import InputError
from orders.plan import Outcome, PlanLine, Verdict
from orders.sizing import Sized, fit_quantity
from orders.values import AverageVolume
from sentinel.facts import order_price
from sentinel.limits import SentinelLimits
from sentinel.loss import LossMode, loss_verdicts
from sentinel.standing import Standing

ZERO: Final = Decimal(0)
REDUCE_ONLY: Final = "REDUCE_ONLY"
MAX_ORDER_VOLUME: Final = "MAX_ORDER_VOLUME"
REDUCE_WORDS: Final = "|position| less pending reductions"

# Every line is kept, so that all other controls see it too; what the verdicts deny is left out by the guard.
type Capped = tuple[tuple[PlanLine, ...], tuple[Verdict, ...]]


def reduce_only(lines: Sequence[PlanLine], *, standing: Standing | None, limits: SentinelLimits) -> Capped:
    """Cap what must only reduce at |position| less what approved and open orders already take off it.

    Asked of lines that are reduce-only, and while close-only (`sentinel.loss`) of every line on the reducing side: to go
    through zero takes two lines, and the second one opens.
    """
    if standing is None:
        return tuple(lines), _missing(REDUCE_ONLY, lines, REDUCE_WORDS)
    closing = loss_verdicts(standing.baseline, limits=limits)[0] is not LossMode.OPEN
    kept: list[PlanLine] = []
    verdicts: list[Verdict] = []
    asked = 0
    for line in lines:
        assert line.side is not None
        held = line.held_quantity
        toward = held.is_finite() and held * line.side.sign < 0
        if not (line.reduce_only or (closing and toward)):
            kept.append(line)
            continue
        asked += 1
        pending = standing.reducing_units.get(line.symbol, ZERO)
        if not (held.is_finite() and pending.is_finite() and line.quantity.is_finite() and pending >= 0):
            seen = f"{line.symbol}: position {held}, pending {pending}, quantity {line.quantity}"
            verdicts.append(_verdict(REDUCE_ONLY, Outcome.DENY, seen, REDUCE_WORDS, line.line))
            kept.append(line)
            continue
        room = max(abs(held) - pending, ZERO) if toward else ZERO
        words = f"{decimal_text(room)} (position {decimal_text(held)}, pending {decimal_text(pending)})"
        _cap(REDUCE_ONLY, line, room, words, standing=standing, kept=kept, verdicts=verdicts)
    if not verdicts:
        verdicts.append(_verdict(REDUCE_ONLY, Outcome.ALLOW, f"{asked} reducing lines within", REDUCE_WORDS, 0))
    return tuple(kept), tuple(verdicts)


def max_order_volume(lines: Sequence[PlanLine], *, standing: Standing | None, limits: SentinelLimits) -> Capped:
    """Deny more units than the absolute cap; make smaller what is more than the share of the average daily volume.

    A volume that is unknown, zero, not finite, or outside its dates denies. Without a configured share no volume is asked for.
    """
    most, share = limits.max_order_units, limits.adv_fraction_max
    words = f"{decimal_text(most)} units, " + (
        "share of volume off by config" if share is None else f"{decimal_text(share)} of the average daily volume"
    )
    if standing is None:
        return tuple(lines), _missing(MAX_ORDER_VOLUME, lines, words)
    kept: list[PlanLine] = []
    verdicts: list[Verdict] = []
    top, nearest = ZERO, "no orders"
    for line in lines:
        quantity = line.quantity
        if not (quantity.is_finite() and 0 < quantity <= most):
            seen = f"{quantity} units ({line.symbol})"
            verdicts.append(_verdict(MAX_ORDER_VOLUME, Outcome.DENY, seen, words, line.line))
            kept.append(line)
            continue
        if share is not None:
            volume = standing.volumes.get(line.symbol)
            fault = volume_fault(volume, market_ns=standing.market_now_ns)
            if volume is None or fault:
                seen = f"{line.symbol}: {fault}"
                verdicts.append(_verdict(MAX_ORDER_VOLUME, Outcome.DENY, seen, words, line.line))
                kept.append(line)
                continue
            room = share * volume.units_per_day
            before = len(verdicts)
            _cap(MAX_ORDER_VOLUME, line, room, words, standing=standing, kept=kept, verdicts=verdicts)
            if len(verdicts) > before:
                continue
        else:
            kept.append(line)
        if quantity > top:
            top, nearest = quantity, f"{decimal_text(quantity)} units ({line.symbol})"
    if not verdicts:
        verdicts.append(_verdict(MAX_ORDER_VOLUME, Outcome.ALLOW, nearest, words, 0))
    return tuple(kept), tuple(verdicts)


def second_legs(left: Sequence[PlanLine], *, trading: Sequence[PlanLine]) -> tuple[Verdict, ...]:
    """Deny the second leg of a flip whose first leg is none of the plan's orders, does not go, or not whole: what it would open
    from is never reached.
    """
    whole = {line.line: line.quantity for line in trading}
    approved = {line.line: line.quantity for line in left}
    return tuple(
        _verdict(
            REDUCE_ONLY,
            Outcome.DENY,
            f"{line.symbol}: the closing leg, line {line.after_line}, is not approved whole",
            REDUCE_WORDS,
            line.line,
        )
        for line in left
        if line.after_line is not None
        and (line.after_line not in approved or approved[line.after_line] != whole.get(line.after_line))
    )


def volume_fault(volume: AverageVolume | None, *, market_ns: int) -> str:
    """Return why a volume cannot be used, "" when it can; both ends of its dates hold."""
    if volume is None:
        return "volume not known"
    if not (volume.units_per_day.is_finite() and volume.units_per_day > 0):
        return f"volume {volume.units_per_day}"
    if not volume.as_of_ns <= market_ns <= volume.valid_until_ns:
        return f"volume of {volume.as_of_ns} to {volume.valid_until_ns} ns, now {market_ns}"
    return ""


def _cap(
    control: str,
    line: PlanLine,
    room: Decimal,
    words: str,
    *,
    standing: Standing,
    kept: list[PlanLine],
    verdicts: list[Verdict],
) -> None:
    """Keep a line that fits `room` units; keep it smaller, or deny it where what is left of it falls below a floor."""
    if line.quantity <= room:
        kept.append(line)
        return
    market, price = standing.market_limits.get(line.symbol), order_price(line)
    smaller: Decimal | None = None
    if market is not None and price is not None:
        try:
            fitted = fit_quantity(room, price=price, limits=market)
            smaller = fitted.quantity if isinstance(fitted, Sized) else None
        except InputError:
            smaller = None
    if smaller is None:
        seen = f"{decimal_text(line.quantity)} ({line.symbol}); what fits is below a floor"
        verdicts.append(_verdict(control, Outcome.DENY, seen, words, line.line))
        kept.append(line)
        return
    seen = f"{decimal_text(line.quantity)} -> {decimal_text(smaller)} ({line.symbol})"
    verdicts.append(_verdict(control, Outcome.RESIZE, seen, words, line.line))
    kept.append(msgspec.structs.replace(line, quantity=smaller))


def _missing(control: str, lines: Sequence[PlanLine], words: str) -> tuple[Verdict, ...]:
    if not lines:
        return (_verdict(control, Outcome.ALLOW, "no orders", words, 0),)
    return tuple(_verdict(control, Outcome.DENY, f"{line.symbol}: missing state", words, line.line) for line in lines)


def _verdict(control: str, outcome: Outcome, observed: str, limit: str, line: int) -> Verdict:
    return Verdict(control=control, outcome=outcome, observed=observed, limit=limit, line=line)
