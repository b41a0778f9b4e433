"""Market regimes: reading a name, taking the worse of two, and what each lets a book do."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from orders.plan import Outcome
from orders.values import Record
from sentinel.limits import REGIME_BAND

QUADRANTS: Final = frozenset({"EXPANSION", "INFLATIONARY_TREND", "STAGNATION", "NORMAL"})
ZERO: Final = Decimal(0)

type Reading = tuple[str | None, str | None]
"""Name and quadrant as somebody wrote them; None where they are absent."""


class Regime(StrEnum):
    """Ascending by how little may be done."""

    QUIET = "QUIET"
    NORMAL = "NORMAL"
    TURBULENT = "TURBULENT"
    CRISIS = "CRISIS"

    @property
    def rank(self) -> int:
        """0 for QUIET up to 3 for CRISIS."""
        return list(Regime).index(self)


class Exposure(Record, frozen=True, kw_only=True):
    """Gross >= 0 and signed net, in base currency or as fractions of equity."""

    gross: Decimal
    net: Decimal


def read_regime(name: str | None, quadrant: str | None = None) -> Regime:
    """Return the regime of a reading. A missing or unknown name is CRISIS; so is quadrant CRISIS or an unknown one; an absent
    quadrant says nothing. Names compare exactly.
    """
    if quadrant is not None and quadrant not in QUADRANTS:
        return Regime.CRISIS
    try:
        return Regime(name)  # type: ignore[arg-type]  # None is no member: CRISIS below
    except ValueError:
        return Regime.CRISIS


def worse(one: Regime, other: Regime) -> Regime:
    """Return the regime that lets less be done."""
    return one if one.rank >= other.rank else other


def worse_reading(one: Reading, other: Reading) -> Reading:
    """Return the reading whose regime lets less be done; `one` where they are alike."""
    first, second = read_regime(*one), read_regime(*other)
    return one if worse(first, second) is first else other


def judge_regime(
    regime: Regime,
    *,
    before: Exposure,
    after: Exposure,
    turbulent_gross_max: Decimal,
    crisis_net_long_max: Decimal,
    band: Decimal = REGIME_BAND,
) -> Outcome:
    """Return what `regime` says to the change from `before` to `after`; all of them in one unit, such as fractions of equity.

    Growth is gross, or the long part of net (net above zero), rising by more than `band`, which is 1 % of equity; covering a
    short up to flat is none. QUIET and NORMAL allow all. TURBULENT: a gross after above `turbulent_gross_max` is NEEDS_OVERRIDE
    where gross or the long part of net rises at all, however little: steps inside the band must not add up beyond a limit.
    CRISIS: growth is NEEDS_OVERRIDE, and so, for the same reason, is any rise of net that ends above `crisis_net_long_max`.
    """
    if regime in (Regime.QUIET, Regime.NORMAL):
        return Outcome.ALLOW
    growth, long_growth = after.gross - before.gross, max(after.net, ZERO) - max(before.net, ZERO)
    if regime is Regime.TURBULENT:
        rises = growth > ZERO or long_growth > ZERO
        return Outcome.NEEDS_OVERRIDE if rises and after.gross > turbulent_gross_max else Outcome.ALLOW
    grows = growth > band or long_growth > band
    creeps = after.net > crisis_net_long_max and after.net > before.net
    return Outcome.NEEDS_OVERRIDE if grows or creeps else Outcome.ALLOW
