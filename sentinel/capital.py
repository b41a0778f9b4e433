"""The hard cap of a promoted run: limits in fractions of equity hold for the fraction of it that the promotion leaves.

What only reduces passes whatever the fraction is. Not scaled: losses, which are held against the whole of equity (a lower step
would else find yesterday's loss too large), ages, prices, units, messages, and the weights of a manifest, which are the plan's
before its capital.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from orders.canonical import decimal_text
from orders.capital import CAPITAL_FRACTION as CAPITAL_FRACTION
from orders.capital import ONE, Capital, share_of
from orders.exact import EXACT
from orders.plan import Approval, PlanLine, Verdict
from sentinel.facts import reduces
from sentinel.limits import SentinelLimits
from sentinel.verdicts import Verdicts, allow, deny

SCALED: Final = (
    "max_leverage",
    "max_leverage_net",
    "max_asset_exposure",
    "max_order_value_base",
    "gross_weight_max",  # of the book; the manifest's own weights are held against the whole one
    "turnover_max",
    "day_turnover_max",
    "crisis_net_long_max",
)
"""Limits in equity, or in base currency for one order; `hhi_max`, of squares, goes with the square of the fraction."""

OPENS_WORDS: Final = "only reducing orders"


def limits_at(limits: SentinelLimits, capital: Capital | None) -> SentinelLimits:
    """Return the limits of this part of equity; as they are where nothing governs the run, all zero where it is not known."""
    share = share_of(capital)
    if share == ONE:
        return limits
    scaled = {name: EXACT.multiply(getattr(limits, name), share) for name in SCALED}
    scaled["hhi_max"] = EXACT.multiply(EXACT.multiply(limits.hhi_max, share), share)
    return replace(limits, **scaled)


def capital_lines(lines: Sequence[PlanLine], *, capital: Capital) -> Verdicts:
    """Deny what opens or adds while the fraction is not known, or the promotion is paused; else say the fraction."""
    why = capital.fault or capital.paused
    if not why:
        return (allow(CAPITAL_FRACTION, capital.words, "limits in equity are of this part of it"),)
    denied = [
        deny(CAPITAL_FRACTION, f"{why}; {line.symbol} would open or add", OPENS_WORDS, line.line)
        for line in lines
        if not reduces(line)
    ]
    return tuple(denied) or (allow(CAPITAL_FRACTION, f"{why}; only reducing lines", OPENS_WORDS),)


def capital_order(approval: Approval, *, capital: Capital, reduces_now: bool) -> Verdict:
    """Deny an order that opens or adds while the fraction is not known, while paused, or on an approval of a higher one."""
    if reduces_now:
        return allow(CAPITAL_FRACTION, "reduces", capital.words)
    if why := capital.fault or capital.paused:
        return deny(CAPITAL_FRACTION, why, OPENS_WORDS)
    approved = approval.capital_fraction
    if approved is None or not approved <= capital.usable:
        seen = "an approval of no fraction" if approved is None else f"approved at {decimal_text(approved)} of equity"
        return deny(CAPITAL_FRACTION, seen, capital.words)
    return allow(CAPITAL_FRACTION, "as approved", capital.words)
