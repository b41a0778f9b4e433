"""What limits a result because of the data it rests on: names a run config may state, and what each means."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from orders.values import Record


class Caveat(StrEnum):
    """Names of `[data.caveats]`."""

    SURVIVORSHIP_BIAS = "survivorship_bias"
    CLOSES_ONLY = "closes_only"
    ADJUSTED_PRICES = "adjusted_prices"
    SYNTHETIC_SPREAD = "synthetic_spread"
    SYNTHETIC_PRICES = "synthetic_prices"
    NO_DEPTH = "no_depth"
    HANDWRITTEN_LIMITS = "handwritten_limits"
    GAPS = "gaps"
    OTHER = "other"


MEANINGS: Final = {
    Caveat.SURVIVORSHIP_BIAS: "what failed meanwhile is missing: results are too good",
    Caveat.CLOSES_ONLY: "one price a session: fills are at closes, and what happened in between is not seen",
    Caveat.ADJUSTED_PRICES: "they were never quoted so, and dividends are in the returns",
    Caveat.SYNTHETIC_SPREAD: "the spread is an assumption: the data have none",
    Caveat.SYNTHETIC_PRICES: "no market made these prices",
    Caveat.NO_DEPTH: "sizes are an assumption: no order moves the market",
    Caveat.HANDWRITTEN_LIMITS: "steps, ticks and floors are written by hand, not a venue's answer",
    Caveat.GAPS: "prices are missing within the span",
    Caveat.OTHER: "see its words",
}
NOT_STATED: Final = "not stated: the config has no [data.caveats], so nobody has said what its data leave out"


class StatedCaveat(Record, frozen=True, kw_only=True):
    """One caveat of a config: its name, what that means of any data, and what is so of these, in words."""

    name: Caveat
    meaning: str
    words: str
