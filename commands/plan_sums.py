"""What a plan comes to: how much is traded and held back, what it costs and misses, and how near it is to a limit."""

from __future__ import annotations

import re
from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from orders.canonical import decimal_text
from orders.plan import Judgement, Outcome, Plan, Reason, Verdict
from orders.values import Side

ONE: Final = Decimal(1)
NOT_WANTED: Final = frozenset({Reason.ON_TARGET, Reason.WITHIN_BAND, Reason.KEPT})  # nothing is held back
NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
CEILINGS: Final = frozenset({"MAX_LEVERAGE", "MAX_ASSET_EXPOSURE", "MAX_ORDER_VALUE", "PRICE_COLLAR", "MANIFEST_BOUNDS"})


def percent(fraction: Decimal | None) -> str:
    """Return a fraction as percent with two decimals; `?` when it is not known."""
    if fraction is None:
        return "?"
    return f"{(fraction * 100).quantize(Decimal('0.01'), rounding=ROUND_HALF_EVEN)} %"


def sums(plan: Plan) -> list[str]:
    """Return the lines below the table: counts and why not, exposures, what scaled it, what it costs and misses."""
    trading = [line for line in plan.lines if line.trades]
    buys = sum(1 for line in trading if line.side is Side.BUY)
    counts = Counter(line.reason.value for line in plan.lines if not line.trades and line.reason not in NOT_WANTED)
    back = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
    rest = len(plan.lines) - len(trading) - counts.total()
    lines = [
        f"buys {buys} · sells {len(trading) - buys} · nothing to do {rest} · held back {counts.total()}"
        + (f" ({back})" if back else ""),
        f"turnover {percent(plan.turnover)} · gross {percent(plan.gross_before)} -> {percent(plan.gross_after)}"
        f" · net {percent(plan.net_before)} -> {percent(plan.net_after)}",
        f"tracking error after rounding {_bps(plan.tracking_error_bps)} bp"
        f" · forecast cost {_bps(plan.forecast_cost_bps)} bp of what is traded",
    ]
    factors = []
    if plan.scale_factor != ONE:
        factors.append(f"buys scaled to cash by {decimal_text(round(plan.scale_factor, 4))}")
    if plan.turnover_factor != ONE:
        factors.append(f"what opens or adds scaled to the turnover cap by {decimal_text(round(plan.turnover_factor, 4))}")
    if plan.crossed_weight:
        factors.append(f"{percent(plan.crossed_weight)} of equity crossed between winners, traded by nobody")
    if plan.cancels:
        factors.append(f"{len(plan.cancels)} open orders cancelled first")
    return [*lines, *([" · ".join(factors)] if factors else [])]


def _bps(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN))


def guard(judgement: Judgement) -> list[str]:
    """Return the Sentinel's answer: that all pass and which limit is nearest, or each control that says no."""
    controls = {verdict.control for verdict in judgement.verdicts}
    against = [verdict for verdict in judgement.verdicts if verdict.outcome is not Outcome.ALLOW]
    if not against:
        near = nearest(judgement)
        words = "" if near is None else f"; nearest limit {near.control} {near.observed} of {near.limit}"
        return [f"Sentinel: all {len(controls)} controls pass{words}"]
    lines = [f"Sentinel: {len({verdict.control for verdict in against})} of {len(controls)} controls say no"]
    for verdict in against:
        where = f"line {verdict.line}" if verdict.line else "the plan"
        lines.append(f"  {verdict.control:<20} {verdict.outcome}  {where}: {verdict.observed} against {verdict.limit}")
    return lines


def nearest(judgement: Judgement) -> Verdict | None:
    """Return the verdict that used most of its limit, of those that are ceilings on a number; None where nothing is measured."""
    used: list[tuple[Decimal, Verdict]] = []
    for verdict in judgement.verdicts:
        seen, most = NUMBER.search(verdict.observed), NUMBER.search(verdict.limit)
        if verdict.control in CEILINGS and seen is not None and most is not None and Decimal(most.group()) > 0:
            used.append((Decimal(seen.group()) / Decimal(most.group()), verdict))
    return max(used, key=lambda item: item[0], default=(ONE, None))[1]
