"""Words of a plan: what a person reads beside a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Context, Decimal
from typing import Final

from orders.canonical import decimal_text
from orders.exact import FLOOR, SHORT
from orders.plan import OpenOrder, PlanLine, Reason
from orders.sizing import Dust, TooLarge
from orders.valuation import Mark

CUT: Final = Context(prec=2, rounding=ROUND_DOWN)  # never up to the band it is smaller than
BELOW_FLOOR: Final = "Below Floor"  # the specification's words
FLIP: Final = "closes first; the other side is the next cycle's"
FLIP_NOW: Final = "closes first; a line of its own opens the other side"

REASON_WORDS: Final[Mapping[Reason, str]] = {
    Reason.TRADE: "trades",
    Reason.NOT_OPENED: "would open or add, and this plan only brings positions down",
    Reason.SCALED_TO_CASH: "trades less than wanted: all buys are scaled to the cash there is",
    Reason.CAPPED_CASH: "trades less than wanted: the cash at its venue limits it",
    Reason.SCALED_TO_TURNOVER: "trades less than wanted: what opens or adds is scaled to the turnover cap",
    Reason.ON_TARGET: "is on its target",
    Reason.WITHIN_BAND: "is closer to its target than the drift band",
    Reason.BELOW_FLOOR: BELOW_FLOOR,
    Reason.DUST_STAYS: BELOW_FLOOR,
    Reason.ABOVE_MAX_QUANTITY: "is more than the venue takes in one order",
    Reason.NO_PRICE: "has no usable price",
    Reason.PRICE_STALE: "has a price that is too old or from the future",
    Reason.PRICE_CROSSED: "has a bid above its ask",
    Reason.NO_LIMITS: "has no usable market limits",
    Reason.NOT_LISTED: "is not in the symbol map, or its venue is not configured",
    Reason.NO_RATE: "has no rate from its currency to base currency",
    Reason.MARKET_CLOSED: "waits: its market is closed",
    Reason.NO_HOURS: "is refused: whether its market is open is not known",
    Reason.REFUSED_SHORT: "would be short on a cash account",
    Reason.KEPT: "is held, not named by the manifest, and kept by policy",
    Reason.IN_FLIGHT: "has an open order; nothing new until it is done",
    Reason.REPLACE: "has open orders that do not lead to its target; they are cancelled first",
    Reason.TURNOVER_CAP: "is held back by the turnover cap",
    Reason.OFF_STEP: "has a quantity that is not a multiple of the venue's step",
    Reason.OFF_TICK: "has a limit price that is not a multiple of the venue's tick",
    Reason.NO_CASH: "falls below the floor once buys are scaled to the cash there is",
}
_AFTER: Final[Mapping[Reason, str]] = {
    Reason.NO_CASH: " after scaling to cash",
    Reason.TURNOVER_CAP: " after scaling to the turnover cap",
}


def short(value: Decimal) -> str:
    """Return `value` at six significant digits, for people."""
    return decimal_text(SHORT.plus(value))


def below_floor(dust: Dust, *, mark: Mark, why: Reason, held: Decimal) -> str:
    """Return which floor was missed; begins "Below Floor". `why`: the reason of the line, `held` its signed units, for what
    dust that stays is worth.
    """
    limits, currency = mark.limits, mark.listing.quote_currency
    match dust.floor:
        case "step_size":
            words = f"less than one step of {decimal_text(limits.step_size)}"
        case "min_quantity":
            words = f"{short(dust.quantity)} < min quantity {decimal_text(limits.min_quantity)}"
        case _:
            words = f"{short(dust.notional)} {currency} < min notional {decimal_text(limits.min_notional)} {currency}"
    if why is Reason.DUST_STAYS:
        words = f"{words}; {decimal_text(held)} worth {short(held * mark.mid * limits.multiplier)} {currency} stays"
    return f"{BELOW_FLOOR}{_AFTER.get(why, '')}: {words}"


def too_large(fit: TooLarge) -> str:
    """Return quantity and maximum."""
    return f"{short(fit.quantity)} > max quantity {decimal_text(fit.max_quantity)}"


def within_band(gap: Decimal, *, band: Decimal, equity: Decimal) -> str:
    """Return the gap, cut to two significant digits, and the band in percent of equity; all three are in base currency."""
    return f"{decimal_text(CUT.plus(FLOOR.divide(abs(gap) * 100, equity)))} % < {percent(band, equity)}"


def percent(part: Decimal, whole: Decimal) -> str:
    """Return part / whole in percent, at six significant digits."""
    return f"{short(FLOOR.divide(part * 100, whole))} %"


def missing_cash(venue: str, currency: str, *, cost: Decimal, available: Decimal) -> str:
    """Return how much of the cash that the buys at a venue need is not there; amounts in `currency`."""
    there = max(available, Decimal(0))
    return f"buys at {venue} need {short(cost)} {currency}, {short(there)} may be spent: {short(cost - there)} {currency} missing"


def in_flight(orders: Sequence[OpenOrder]) -> str:
    """Return what works, by id."""
    return ", ".join(
        f"{order.side.value} {short(order.leaves_quantity)} open as {order.client_order_id}"
        for order in sorted(orders, key=lambda order: order.client_order_id)
    )


def line_text(line: PlanLine) -> str:
    """Return one sentence for a line: symbol, what happens and why."""
    if line.trades:
        assert line.side is not None
        head = f"{line.symbol} {line.side.value} {decimal_text(line.quantity)}"
    else:
        head = line.symbol
    words = f"{head}: {REASON_WORDS[line.reason]}"
    return (
        f"{words} ({line.detail})"
        if line.detail and REASON_WORDS[line.reason] is not BELOW_FLOOR
        else f"{head}: {line.detail or words}"
    )
