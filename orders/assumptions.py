"""Assumptions: everything the simulated venue pretends, in one hashed value that serves backtest and shadow alike."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from orders.financing import FinancingTerms
from orders.values import FeeSchedule, Record


class FillRule(StrEnum):
    """PERFECT: whole quantity at the arrival mid, no latency (the specification's). TOUCH: at the touch of the book."""

    PERFECT = "perfect"
    TOUCH = "touch"


class FillAt(StrEnum):
    """NEXT_BAR: a manifest trades on the first price after its stamp. SAME_CLOSE: on the price that carries its stamp."""

    NEXT_BAR = "next_bar"
    SAME_CLOSE = "same_close"


class Assumptions(Record, frozen=True, kw_only=True):
    """Latencies in nanoseconds >= 0; `jitter_ns` is the width of the uniform draw added to `latency_ns`, keyed by
    (seed, client order id); `slippage_bps` >= 0 is paid on top of the touch; `bar_half_spread_bps` >= 0 opens a spread
    around bars, which have none. `fees`: by venue. `own_consumption`: our fills take liquidity from the book we see. Under either
    rule a touch without size fills nothing: a market order that meets one is rejected.
    `financing`: what holding costs and earns.
    """

    name: str
    fill_rule: FillRule
    fill_at: FillAt
    latency_ns: int
    jitter_ns: int
    cancel_latency_ns: int
    seed: int
    slippage_bps: Decimal
    bar_half_spread_bps: Decimal
    own_consumption: bool
    fees: Mapping[str, FeeSchedule]
    financing: FinancingTerms
