"""Manifest bounds (control 21) that need what was counted before: turnover of the market day, age, and no roll-back."""

from __future__ import annotations

from typing import Final

from orders.canonical import decimal_text
from orders.exact import fraction
from orders.plan import Outcome, Verdict
from sentinel.facts import Projection, SentinelFacts
from sentinel.limits import SentinelLimits

MANIFEST_FUTURE_NS: Final = 86_400 * 1_000_000_000  # the largest skew a config can allow; the reader has judged its own


def cycle_turnover(projection: Projection, *, limits: SentinelLimits, whole: SentinelLimits) -> Verdict:
    """Deny a plan that trades more than the cycle's turnover of the whole of equity, or opens more than that of its part.

    Of a part (`limits` are lower than `whole`) a plan that only reduces passes: it is the way down from a higher one.
    """
    equity, traded, opened = projection.equity, projection.traded, projection.opened
    words = f"turnover {decimal_text(whole.turnover_max)} of equity"
    if opened > limits.turnover_max * equity and traded <= whole.turnover_max * equity:
        words = f"turnover {decimal_text(limits.turnover_max)} of equity"
        return _verdict(False, f"opened {decimal_text(fraction(opened, equity))} of equity", words)
    way_down = limits.turnover_max < whole.turnover_max and not projection.opens
    ok = traded <= whole.turnover_max * equity or way_down
    return _verdict(ok, f"turnover {decimal_text(fraction(traded, equity))} of equity", words)


def day_turnover(projection: Projection, *, facts: SentinelFacts, limits: SentinelLimits) -> Verdict:
    """Deny a plan that opens or adds when it takes the market day's turnover above its limit; a missing one too."""
    words = f"turnover {decimal_text(limits.day_turnover_max)} of equity a market day"
    today = None if facts.standing is None else facts.standing.turnover_today_base
    if not projection.opens:
        return _verdict(True, "only reducing lines", words)
    if today is None or not (today.is_finite() and today >= 0):
        return _verdict(False, f"turnover of the day {'missing' if today is None else today}", words)
    whole = today + projection.traded
    ok = whole <= limits.day_turnover_max * projection.equity
    return _verdict(ok, f"turnover of the day {decimal_text(fraction(whole, projection.equity))}", words)


def manifest_age(facts: SentinelFacts, *, limits: SentinelLimits) -> Verdict:
    """Deny a manifest older than the limit in market time, from the future, or undated; an operator's order names none."""
    words = f"manifest at most {limits.manifest_age_max_ns} ns old"
    standing = facts.standing
    if standing is not None and not standing.automatic:
        return _verdict(True, "an operator's order", words)
    if standing is None or standing.generated_ns is None:
        return _verdict(False, "manifest age missing", words)
    age = standing.market_now_ns - standing.generated_ns
    ok = -MANIFEST_FUTURE_NS <= age <= limits.manifest_age_max_ns
    return _verdict(ok, f"manifest {age} ns old", words)


def manifest_sequence(facts: SentinelFacts) -> Verdict:
    """Deny a manifest older than one that was accepted: targets are never rolled back."""
    words = "not older than the newest accepted"
    standing = facts.standing
    if standing is not None and not standing.automatic:
        return _verdict(True, "an operator's order", words)
    if standing is None or standing.generated_ns is None or standing.newest_generated_ns is None:
        return _verdict(False, "sequence missing", words)
    ok = standing.generated_ns >= standing.newest_generated_ns
    seen = f"generated at {standing.generated_ns}, newest {standing.newest_generated_ns}"
    return _verdict(ok, seen, words)


def _verdict(ok: bool, observed: str, limit: str) -> Verdict:
    return Verdict(control="MANIFEST_BOUNDS", outcome=Outcome.ALLOW if ok else Outcome.DENY, observed=observed, limit=limit)
