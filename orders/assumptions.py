"""Assumptions: everything the simulated venue pretends, in one hashed value that serves backtest and shadow alike."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from orders.costs import ImpactTerms, TakerTerms
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


class VenueAssumptions(Record, frozen=True, kw_only=True):
    """What one venue is said to do otherwise; None: as all. Latencies in nanoseconds."""

    latency_ns: int | None = None
    jitter_ns: int | None = None
    slippage_bps: Decimal | None = None
    bar_half_spread_bps: Decimal | None = None


NOTHING_OWN: Final[Mapping[str, VenueAssumptions]] = MappingProxyType({})


class Assumptions(Record, frozen=True, kw_only=True):
    """Latencies in nanoseconds >= 0; `jitter_ns` is the width of the uniform draw added to `latency_ns`, keyed by
    (seed, client order id); `slippage_bps` >= 0 is paid on top of the touch; `bar_half_spread_bps` >= 0 opens a spread
    around bars, which have none. `fees`: by venue. `own_consumption`: our fills take liquidity from the book we see. Under either
    rule a touch without size fills nothing: a market order that meets one is rejected.
    `financing`: what holding costs and earns. `by_venue`: venues of their own (`at`). `impact`: what the size of an order adds to
    the slippage of market orders; None: nothing is charged for size.
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
    by_venue: Mapping[str, VenueAssumptions] = NOTHING_OWN
    impact: ImpactTerms | None = None

    def at(self, venue: str) -> Assumptions:
        """Return what is assumed of one venue, its own numbers in place of the common ones."""
        own = self.by_venue.get(venue)
        if own is None:
            return self
        given = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not None}
        return msgspec.structs.replace(self, **given)

    @property
    def taker_terms(self) -> TakerTerms:
        """What a market order pays beside fees, for `orders.costs.market_price`; of one venue: `at(venue)` first."""
        return TakerTerms(
            perfect=self.fill_rule is FillRule.PERFECT,
            slippage_bps=self.slippage_bps,
            half_spread_bps=self.bar_half_spread_bps,
            impact=self.impact,
        )
