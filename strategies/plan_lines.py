"""Lines of a plan in the making: which leg a line trades, at what size, and the record it becomes.

Everything here runs inside `orders.exact.exact_arithmetic`. The planner calls it and looks after cash and sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Final

from orders.costs import Liquidity, fee_for
from orders.exact import CEILING, FLOOR, ROUNDED, fraction
from orders.plan import PlanInputs, PlanLine, Reason
from orders.sizing import Dust, Sized, TooLarge, fit_exact
from orders.valuation import Mark, NoMark
from orders.values import AccountKind, FeeSchedule, OrderKind, Side
from strategies import plan_text

WANTED_PLACES: Final = 6  # places below the step that a record of the wanted quantity keeps
ZERO: Final = Decimal(0)
Pot = tuple[str, str]  # venue, quote currency: cash does not move between them


class Draft:
    """A line in the making. `side` and `quantity` are set exactly while it trades; `notional`, `fee` in quote currency."""

    __slots__ = (
        "detail", "fee", "fee_base", "fees", "held", "mark", "notional", "pot", "quantity", "reason", "side", "symbol", "target",
        "value", "wanted",
    )  # fmt: skip

    def __init__(self, symbol: str, *, target: Decimal, held: Decimal, value: Decimal, mark: Mark | NoMark) -> None:
        self.symbol = symbol
        self.target = target
        self.held = held
        self.value = value
        self.mark = mark
        self.reason = Reason.ON_TARGET
        self.detail = ""
        self.side: Side | None = None
        self.quantity = ZERO
        self.wanted: Decimal | None = None
        self.notional = ZERO
        self.fee = ZERO  # in quote currency; zero when the venue takes it in the base asset
        self.fee_base = ZERO
        self.fees: FeeSchedule | None = None
        self.pot: Pot | None = None  # None: a margin account, not bound by cash

    def stop(self, reason: Reason, detail: str = "") -> None:
        """Let the line not trade."""
        self.reason = reason
        self.detail = detail
        self.quantity = ZERO


def decide(draft: Draft, *, inputs: PlanInputs, equity: Decimal, band: Decimal) -> None:
    """Find the line's leg: nothing, or a side and a wanted quantity, sized."""
    mark = draft.mark
    if isinstance(mark, NoMark):
        draft.stop(mark.reason, mark.detail)
        return
    venue = mark.listing.venue
    account = inputs.accounts.get(venue)
    draft.fees = inputs.fees.get(venue)
    if account is None or draft.fees is None:
        draft.stop(Reason.NOT_LISTED, f"no {'account' if account is None else 'fee schedule'} for {venue}")
        return
    target, held = draft.target, draft.held
    if account is AccountKind.CASH:
        if target < 0:
            draft.stop(Reason.REFUSED_SHORT, f"a cash account at {venue} cannot be short; the position is left alone")
            return
        draft.pot = (venue, mark.listing.quote_currency)
    flip = held != 0 and target != 0 and (held < 0) != (target < 0)
    if target == 0:
        wanted = -held
    else:
        gap = target * equity - draft.value
        # the quotient is rounded toward what is held, so that the leg never passes its target
        wanted = -held if flip else (FLOOR if gap > 0 else CEILING).divide(target * equity, mark.mid_value_base) - held
        if gap and abs(gap) < band:
            draft.wanted = wanted
            draft.stop(Reason.WITHIN_BAND, plan_text.within_band(gap, band=band, equity=equity))
            return
    if not wanted:
        return
    draft.side = Side.BUY if wanted > 0 else Side.SELL
    draft.wanted = wanted
    draft.detail = plan_text.FLIP if flip else ""
    size(draft, abs(wanted), mark=mark, traded=Reason.TRADE, below=Reason.BELOW_FLOOR)


def size(draft: Draft, wanted: Decimal, *, mark: Mark, traded: Reason, below: Reason, limit_price: Decimal | None = None) -> None:
    """Step 3 for one line; `traded` and `below` are the reasons of a quantity that goes and of one that is too small.

    At the far touch, or at `limit_price` where one is given.
    """
    side = draft.side
    assert side is not None
    assert draft.fees is not None
    price = limit_price if limit_price is not None else mark.quote.ask if side is Side.BUY else mark.quote.bid
    fit = fit_exact(wanted, price=price, limits=mark.limits)
    match fit:
        case Sized():
            draft.reason = traded
            draft.quantity = fit.quantity
        case Dust():
            draft.stop(below, plan_text.below_floor(fit, mark=mark, cash=below is Reason.NO_CASH))
        case TooLarge():
            draft.stop(Reason.ABOVE_MAX_QUANTITY, plan_text.too_large(fit))
    draft.notional = fit.notional
    amount, in_base = fee_for(
        side,
        quantity=fit.quantity,
        price=price,
        multiplier=mark.limits.multiplier,
        schedule=draft.fees,
        liquidity=Liquidity.TAKER,
        has_base_currency=mark.listing.base_currency is not None,
    )
    draft.fee = ZERO if in_base else amount
    draft.fee_base = amount * price * mark.unit_value_base if in_base else amount * mark.rate


_PLACES: Final[Mapping[int, Decimal]] = {n: Decimal(1).scaleb(n - WANTED_PLACES) for n in range(-40, 41)}


def record_line(number: int, draft: Draft, *, equity: Decimal) -> PlanLine:
    """Return the finished line; its wanted quantity is cut for the record, its held weight rounded to 12 places."""
    mark = draft.mark
    listing = mark.listing
    wanted = draft.wanted
    if wanted is not None and isinstance(mark, Mark):
        exponent = mark.limits.step_size.as_tuple().exponent
        places = _PLACES.get(exponent) if isinstance(exponent, int) else None
        if places is not None:
            wanted = wanted.quantize(places, rounding=ROUND_DOWN, context=ROUNDED)
    return PlanLine(
        line=number,
        symbol=draft.symbol,
        venue=None if listing is None else listing.venue,
        instrument_id=None if listing is None else listing.instrument_id,
        side=draft.side if draft.quantity else None,
        quantity=draft.quantity,
        order_kind=OrderKind.MARKET,
        reason=draft.reason,
        detail=draft.detail,
        target_weight=draft.target,
        held_weight=fraction(draft.value, equity) if draft.value else ZERO,
        held_quantity=draft.held,
        wanted_quantity=wanted,
        bid=mark.quote.bid if isinstance(mark, Mark) else None,
        ask=mark.quote.ask if isinstance(mark, Mark) else None,
        unit_value_base=mark.unit_value_base if isinstance(mark, Mark) else None,
        notional_base=draft.notional * mark.rate if isinstance(mark, Mark) else ZERO,
        fee_base=draft.fee_base,
    )
