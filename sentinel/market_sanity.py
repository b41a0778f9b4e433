"""Market data sanity (control 17): a spread too wide or a price that has just jumped lets no new risk in.

Age, zero, NaN and crossed books are PRICE_AGE's, which denies every order. What is judged here may also be a market in trouble,
and then whoever holds something must be able to reduce it: lines that only reduce pass, and the collar still bounds their price.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from orders.canonical import decimal_text
from orders.exact import fraction
from orders.plan import Outcome, PlanLine, Verdict
from orders.values import Quote
from sentinel.facts import SentinelFacts, reduces
from sentinel.limits import SentinelLimits
from sentinel.standing import Reference

MARKET_SANITY: Final = "MARKET_SANITY"
ZERO: Final = Decimal(0)
TWO: Final = Decimal(2)


def market_sanity(lines: Sequence[PlanLine], *, facts: SentinelFacts, limits: SentinelLimits) -> tuple[Verdict, ...]:
    """Deny what opens or adds on a quote that is wide, has jumped, or has nothing usable to be held against."""
    words = (
        f"spread {decimal_text(limits.spread_max_fraction)} of the mid, jump {decimal_text(limits.jump_max_fraction)} of the mid "
        f"before, which is at most {limits.jump_age_max_ns} ns old"
    )
    earlier = {} if facts.standing is None else facts.standing.earlier
    denied = []
    opening = 0
    for line in lines:
        if reduces(line):
            continue
        opening += 1
        fault = market_fault(facts.quotes.get(line.symbol), earlier.get(line.symbol), now_ns=facts.now_ns, limits=limits)
        if fault:
            text = f"{line.symbol}: {fault}"
            denied.append(Verdict(control=MARKET_SANITY, outcome=Outcome.DENY, observed=text, limit=words, line=line.line))
    seen = f"{opening} lines that open or add within" if lines else "no orders"
    return tuple(denied) or (Verdict(control=MARKET_SANITY, outcome=Outcome.ALLOW, observed=seen, limit=words),)


def market_fault(quote: Quote | None, earlier: Reference | None, *, now_ns: int, limits: SentinelLimits) -> str:
    """Return why a quote lets no new risk in, "" when it does. Limits are inclusive."""
    fault = spread_fault(quote, limits=limits)
    if fault or quote is None:
        return fault
    if earlier is None:
        return "missing mid before this one"
    price, mid = earlier.price, quote.mid
    if not (price.is_finite() and price > 0):
        return f"mid before this one {price}"
    age = now_ns - earlier.ts_ns
    if not 0 <= age <= limits.jump_age_max_ns:
        return f"mid before this one is {age} ns old"
    gap = abs(mid - price)
    return f"jump of {decimal_text(fraction(gap, price))}: {price} -> {mid}" if gap > limits.jump_max_fraction * price else ""


def spread_fault(quote: Quote | None, *, limits: SentinelLimits) -> str:
    """Return why a top of book is too wide, or none at all; "" when it is neither. Twice the spread against bid + ask."""
    if quote is None:
        return "missing quote"
    bid, ask = quote.bid, quote.ask
    if not (bid.is_finite() and ask.is_finite() and bid > ZERO and ask > ZERO):
        return f"bid {bid}, ask {ask}"
    if TWO * (ask - bid) > limits.spread_max_fraction * (bid + ask):
        return f"spread of {decimal_text(fraction(ask - bid, quote.mid))}"
    return ""
