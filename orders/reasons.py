"""Why a line of a plan trades or does not: the codes, and for each one sentence on what it means and one on what to do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from orders.values import Record


class Reason(StrEnum):
    """Why a plan line trades or does not. The words are in `REASON_TEXT`."""

    TRADE = "TRADE"
    SCALED_TO_CASH = "SCALED_TO_CASH"
    CAPPED_CASH = "CAPPED_CASH"
    SCALED_TO_TURNOVER = "SCALED_TO_TURNOVER"
    ON_TARGET = "ON_TARGET"
    WITHIN_BAND = "WITHIN_BAND"
    BELOW_FLOOR = "BELOW_FLOOR"  # logged as "Below Floor"
    DUST_STAYS = "DUST_STAYS"  # logged as "Below Floor"
    ABOVE_MAX_QUANTITY = "ABOVE_MAX_QUANTITY"
    NO_PRICE = "NO_PRICE"
    PRICE_STALE = "PRICE_STALE"
    PRICE_CROSSED = "PRICE_CROSSED"
    NO_LIMITS = "NO_LIMITS"
    NOT_LISTED = "NOT_LISTED"
    NO_RATE = "NO_RATE"
    MARKET_CLOSED = "MARKET_CLOSED"
    NO_HOURS = "NO_HOURS"
    REFUSED_SHORT = "REFUSED_SHORT"
    KEPT = "KEPT"
    IN_FLIGHT = "IN_FLIGHT"
    REPLACE = "REPLACE"
    TURNOVER_CAP = "TURNOVER_CAP"
    OFF_STEP = "OFF_STEP"
    OFF_TICK = "OFF_TICK"
    NO_CASH = "NO_CASH"
    NOT_OPENED = "NOT_OPENED"


TRADING_REASONS: Final = frozenset({Reason.TRADE, Reason.SCALED_TO_CASH, Reason.CAPPED_CASH, Reason.SCALED_TO_TURNOVER})


class ReasonText(Record, frozen=True, kw_only=True):
    """What a reason means and what a person does about it; `action` is empty where there is nothing to do."""

    meaning: str
    action: str


def _text(meaning: str, action: str = "") -> ReasonText:
    return ReasonText(meaning=meaning, action=action)


REASON_TEXT: Final[Mapping[Reason, ReasonText]] = {
    Reason.TRADE: _text("it trades, in full"),
    Reason.SCALED_TO_CASH: _text(
        "it trades, but less: all buys from this cash were scaled by one factor, there is not enough of it",
        "add cash, or lower the weights",
    ),
    Reason.CAPPED_CASH: _text(
        "it trades, but less: the cash at its venue limits it, not equity; cash elsewhere does not move there by itself",
        "move the cash it names to that venue",
    ),
    Reason.SCALED_TO_TURNOVER: _text(
        "it trades, but less: what opens or adds was scaled by one factor to the turnover cap",
        "wait for the next cycle or day, or raise the cap",
    ),
    Reason.ON_TARGET: _text("the difference is less than one step"),
    Reason.WITHIN_BAND: _text("closer to its target than the drift band, the larger of the absolute and the relative one"),
    Reason.BELOW_FLOOR: _text('the order is smaller than the venue\'s minimum quantity or notional; logged as "Below Floor"'),
    Reason.DUST_STAYS: _text(
        'it should be closed and is too small for the venue to take; it stays, with its value; logged as "Below Floor"',
        "nothing, or convert it at the venue by hand",
    ),
    Reason.ABOVE_MAX_QUANTITY: _text("the order is larger than the venue takes", "lower the weight; orders are not split yet"),
    Reason.NO_PRICE: _text("there is no quote", "look at the data source"),
    Reason.PRICE_STALE: _text("the quote is older than `price_age_max_ms`", "look at the data source"),
    Reason.PRICE_CROSSED: _text("bid above ask: the quote is wrong", "look at the data source"),
    Reason.NO_LIMITS: _text("the market limits file has no usable entry", "fetch or mend the limits"),
    Reason.NOT_LISTED: _text("the symbol is not in the symbol map", "add it, if it may be traded"),
    Reason.NO_RATE: _text(
        "there is no valid rate from its quote currency to the base currency", "add a dated rate to the run config"
    ),
    Reason.MARKET_CLOSED: _text("its market is closed; it waits, and its proceeds fund nothing", "wait for the session"),
    Reason.NO_HOURS: _text("whether its market is open is not known", "renew the market hours file"),
    Reason.REFUSED_SHORT: _text("a short on a cash account", "use a margin account, or drop the target"),
    Reason.KEPT: _text("held, not named by the manifest, and `unnamed_positions` is keep"),
    Reason.IN_FLIGHT: _text("an open order works on the symbol", "wait, or cancel it"),
    Reason.REPLACE: _text(
        "open orders do not lead to its target; they are to be cancelled first, the rest is the next cycle's", "wait"
    ),
    Reason.TURNOVER_CAP: _text(
        "the turnover cap of the cycle or the day leaves nothing for it, or today's turnover is not known",
        "wait for the next cycle or day, or raise the cap",
    ),
    Reason.OFF_STEP: _text(
        "a single order's quantity is not a multiple of the step", "ask for a multiple; nothing is rounded for you"
    ),
    Reason.OFF_TICK: _text(
        "a single order's limit price is not a multiple of the tick", "ask for a multiple; nothing is rounded for you"
    ),
    Reason.NO_CASH: _text(
        "scaled to the cash there is, it falls below a floor; or the cash at hand does not cover it when its turn comes",
        "add cash",
    ),
    Reason.NOT_OPENED: _text(
        "it would open or add, and this plan only brings positions down: the promotion is paused, or went a step down",
        "wait for the next cycle, or see `sluice promote log`",
    ),
}
