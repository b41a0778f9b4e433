"""Controls of single plan lines that judge with what was counted before: MESSAGE_LIMIT, REPEATED_EXECUTION, LOSS_LIMIT and
FILL_DRIFT.

Facts that were not handed in deny every line; see `sentinel.standing`. Limits are inclusive.
"""

from __future__ import annotations

from collections.abc import Sequence

from orders.canonical import decimal_text
from orders.exact import fraction
from orders.plan import Outcome, PlanLine, Verdict
from sentinel.facts import order_price, reduces
from sentinel.fill_drift import FILL_DRIFT
from sentinel.limits import SentinelLimits
from sentinel.loss import LOSS_LIMIT, LossMode, loss_verdicts
from sentinel.rates import MESSAGE_LIMIT
from sentinel.repeats import REPEATED_EXECUTION
from sentinel.standing import Standing
from sentinel.verdicts import Verdicts, allow, deny


def message_limit(lines: Sequence[PlanLine], *, standing: Standing | None, limits: SentinelLimits) -> Verdicts:
    """Deny the lines that the day's messages of their venue do not reach, in the order of the plan.

    The limit per second is the gate's: when an order leaves is not known here.
    """
    words = f"{limits.messages_per_day_max} messages a day and venue"
    if standing is None:
        return _missing(MESSAGE_LIMIT, lines, words)
    denied: list[Verdict] = []
    taken: dict[str | None, int] = {}
    for line in lines:
        venue = line.venue
        left = None if venue is None else standing.messages_left.get(venue)
        number = taken[venue] = taken.get(venue, 0) + 1
        if left is None or number > left:
            seen = f"{line.symbol}: messages of {venue} not known" if left is None else f"{left} left of the day at {venue}"
            denied.append(deny(MESSAGE_LIMIT, seen, words, line.line))
    return _sum(MESSAGE_LIMIT, denied, f"{len(lines)} orders within", words)


def repeated_execution(lines: Sequence[PlanLine], *, standing: Standing | None, limits: SentinelLimits) -> Verdicts:
    """Deny an automatic parent of a symbol that had its number within the window, or that is disabled since it had.

    An operator's own orders pass: a person stands behind each of them.
    """
    words = f"{limits.repeats_max} automatic parents of a symbol in {limits.repeats_window_ns} ns"
    if standing is None:
        return _missing(REPEATED_EXECUTION, lines, words)
    if not standing.automatic:
        return (allow(REPEATED_EXECUTION, "an operator's order", words),)
    denied: list[Verdict] = []
    taken: dict[str, int] = {}
    top = 0
    for line in lines:
        before = standing.repeats.get(line.symbol)
        number = taken[line.symbol] = taken.get(line.symbol, 0) + 1
        if line.symbol in standing.disabled:
            seen = f"{line.symbol} is disabled; `sluice enable {line.symbol}` takes a name and a reason"
            denied.append(deny(REPEATED_EXECUTION, seen, words, line.line))
        elif before is None or before + number > limits.repeats_max:
            seen = f"{line.symbol}: {'count not known' if before is None else f'{before + number - 1} already'}"
            denied.append(deny(REPEATED_EXECUTION, seen, words, line.line))
        else:
            top = max(top, before + number)
    return _sum(REPEATED_EXECUTION, denied, f"at most {top}", words)


def loss_limit(lines: Sequence[PlanLine], *, standing: Standing | None, limits: SentinelLimits) -> Verdicts:
    """Beyond a loss limit, or without a usable baseline, only lines pass that reduce."""
    mode, both = loss_verdicts(None if standing is None else standing.baseline, limits=limits)
    if mode is LossMode.OPEN or not lines:
        return tuple(allow(LOSS_LIMIT, verdict.observed, verdict.limit) for verdict in both)
    why = next(verdict for verdict in both if verdict.outcome is not Outcome.ALLOW)
    denied = [
        deny(LOSS_LIMIT, f"{why.observed}; {line.symbol} would open or add", why.limit, line.line)
        for line in lines
        if not reduces(line)
    ]
    return _sum(LOSS_LIMIT, denied, f"{why.observed}; only reducing orders", why.limit)


def fill_drift(lines: Sequence[PlanLine], *, standing: Standing | None, limits: SentinelLimits) -> Verdicts:
    """Deny a line that opens or adds at a price further from our own oldest fill within the window than the limit.

    What reduces passes: the collar bounds its price, and the position how often it can be repeated.
    """
    most = limits.fill_drift_max_fraction
    words = f"{decimal_text(most)} of our oldest fill in {limits.fill_drift_window_ns} ns"
    if standing is None:
        return _missing(FILL_DRIFT, lines, words)
    denied: list[Verdict] = []
    for line in lines:
        fill = standing.own_fills.get(line.symbol)
        if fill is None or reduces(line):
            continue
        price = order_price(line)
        if price is None or not (fill.price.is_finite() and fill.price > 0):
            seen = f"{line.symbol}: {'no price' if price is None else f'own fill at {fill.price}'}"
            denied.append(deny(FILL_DRIFT, seen, words, line.line))
        elif not 0 <= standing.market_now_ns - fill.ts_ns <= limits.fill_drift_window_ns:
            seen = f"{line.symbol}: own fill of {fill.ts_ns}, now {standing.market_now_ns}"
            denied.append(deny(FILL_DRIFT, seen, words, line.line))
        elif abs(price - fill.price) > most * fill.price:
            away = decimal_text(fraction(abs(price - fill.price), fill.price))
            denied.append(deny(FILL_DRIFT, f"{away} ({line.symbol}: {price} against {fill.price})", words, line.line))
    return _sum(FILL_DRIFT, denied, "within" if lines else "no orders", words)


def _missing(control: str, lines: Sequence[PlanLine], words: str) -> Verdicts:
    if not lines:
        return (allow(control, "no orders", words),)
    return tuple(deny(control, f"{line.symbol}: missing state", words, line.line) for line in lines)


def _sum(control: str, denied: list[Verdict], observed: str, words: str) -> Verdicts:
    return tuple(denied) or (allow(control, observed, words),)
