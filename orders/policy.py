"""How targets become a plan: what config decides about it. Values only; `strategies.planner` checks and obeys them."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from orders.values import Record

ZERO: Final = Decimal(0)


class UnnamedPositions(StrEnum):
    """What happens to a held instrument the manifest does not name."""

    CLOSE = "close"
    KEEP = "keep"


class InFlight(StrEnum):
    """What a line does whose symbol has open orders.

    WAIT: nothing until they are done. NET: counts them as filled and trades the rest on the same side; waits where they work
    the other way. REPLACE: asks for their cancellation where they do not lead to the target; the rest is the next cycle's.
    """

    WAIT = "wait"
    NET = "net"
    REPLACE = "replace"


class Flips(StrEnum):
    """How a position changes sign on a margin account: in two cycles, or as two lines of one plan, the second after the first."""

    NEXT_CYCLE = "next_cycle"
    SAME_PLAN = "same_plan"


class PlanPolicy(Record, frozen=True, kw_only=True):
    """`cash_buffer_fraction` of equity is never spent. A gap to target smaller than the larger of `drift_band_fraction` of
    equity and `drift_band_relative` of the target is left alone. Buys of cash accounts are payable at their far touch
    times 1 + `cash_drift_fraction`. All four: 0 <= x < 1.

    `turnover_cycle_max`, `turnover_day_max`: fractions of equity >= 0, None for no cap. `spend_residue`: cash that scaling
    and rounding leave goes back to the scaled lines, none beyond `asset_weight_max` of equity (> 0; None: its target only).
    """

    base_currency: str
    cash_buffer_fraction: Decimal
    drift_band_fraction: Decimal
    price_age_max_ns: int
    unnamed_positions: UnnamedPositions
    drift_band_relative: Decimal = ZERO
    cash_drift_fraction: Decimal = ZERO
    turnover_cycle_max: Decimal | None = None
    turnover_day_max: Decimal | None = None
    in_flight: InFlight = InFlight.WAIT
    flips: Flips = Flips.NEXT_CYCLE
    spend_residue: bool = False
    asset_weight_max: Decimal | None = None
