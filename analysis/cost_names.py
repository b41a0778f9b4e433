"""Names of the parts of the cost tree, and which of them stands for each reason that something was wanted and not done."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from orders.reasons import Reason


class Opportunity(StrEnum):
    """Why a wanted quantity was not traded. UNFILLED: sent and not filled (cancelled, expired, rejected by the venue, working).

    DENIED: by Sentinel or RiskEngine. DUST: below a floor or a step. HELD_BACK: by cash, turnover, band, other orders, or its
    turn did not come. MARKET_CLOSED: or not known to be open. NO_PRICE: it could not be valued, so neither can what was missed.
    OTHER: none of these.
    """

    UNFILLED = "unfilled"
    DENIED = "denied"
    DUST = "dust"
    HELD_BACK = "held_back"
    MARKET_CLOSED = "market_closed"
    NO_PRICE = "no_price"
    OTHER = "other"


OPPORTUNITY_OF: Final[Mapping[Reason, Opportunity]] = {
    Reason.TRADE: Opportunity.DUST,  # what flooring to the step leaves
    Reason.SCALED_TO_CASH: Opportunity.HELD_BACK,
    Reason.CAPPED_CASH: Opportunity.HELD_BACK,
    Reason.SCALED_TO_TURNOVER: Opportunity.HELD_BACK,
    Reason.ON_TARGET: Opportunity.DUST,
    Reason.WITHIN_BAND: Opportunity.HELD_BACK,
    Reason.BELOW_FLOOR: Opportunity.DUST,
    Reason.DUST_STAYS: Opportunity.DUST,
    Reason.ABOVE_MAX_QUANTITY: Opportunity.HELD_BACK,
    Reason.NO_PRICE: Opportunity.NO_PRICE,
    Reason.PRICE_STALE: Opportunity.NO_PRICE,
    Reason.PRICE_CROSSED: Opportunity.NO_PRICE,
    Reason.NO_LIMITS: Opportunity.NO_PRICE,
    Reason.NOT_LISTED: Opportunity.NO_PRICE,
    Reason.NO_RATE: Opportunity.NO_PRICE,
    Reason.MARKET_CLOSED: Opportunity.MARKET_CLOSED,
    Reason.NO_HOURS: Opportunity.MARKET_CLOSED,
    Reason.REFUSED_SHORT: Opportunity.DENIED,
    Reason.KEPT: Opportunity.HELD_BACK,
    Reason.IN_FLIGHT: Opportunity.HELD_BACK,
    Reason.REPLACE: Opportunity.HELD_BACK,
    Reason.TURNOVER_CAP: Opportunity.HELD_BACK,
    Reason.OFF_STEP: Opportunity.OTHER,
    Reason.OFF_TICK: Opportunity.OTHER,
    Reason.NO_CASH: Opportunity.HELD_BACK,
    Reason.NOT_OPENED: Opportunity.HELD_BACK,
}
"""Plan reason -> name of what it did not trade; of a reason that trades, of the part of its wish that it left out."""

NOT_RELEASED: Final = ("NO_CASH", "REDUCTION_UNFILLED", "FLIP_NOT_CLOSED", "NOT_SENT")
"""Reasons of skip lines of approved orders; any other reason of a trading line's skip is the control that denied it."""

TRADING: Final = ("spread", "impact", "timing", "unsplit")
"""Parts of trading; unsplit is that of fills whose book is not in the log."""

COMPONENTS: Final = ("delay", *TRADING, *(f"opportunity_{name}" for name in Opportunity), "fees")
"""Leaves of the cost tree, columns of `order_costs`; they sum to the total exactly."""
