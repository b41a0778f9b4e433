"""Lines of a plan in the making: which leg a line trades, at what size, and the record it becomes.

Everything here runs inside `orders.exact.exact_arithmetic`. The planner calls it and looks after cash and sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Final

import msgspec

from orders.costs import Liquidity, fee_for, market_price
from orders.exact import CEILING, FLOOR, ROUNDED, fraction
from orders.plan import NO_SHARES, Flips, PlanInputs, PlanLine, Reason
from orders.sizing import Dust, Sized, TooLarge, fit_exact
from orders.valuation import ONE, Mark, NoMark
from orders.values import AccountKind, FeeSchedule, OrderKind, Side
from strategies import plan_text

WANTED_PLACES: Final = 6  # places below the step that a record of the wanted quantity keeps
ZERO: Final = Decimal(0)
Pot = tuple[str, str]  # venue, quote currency: cash does not move between them


class Draft(msgspec.Struct, gc=False, eq=False):
    """A line in the making. `side` and `quantity` are set exactly while it trades; `notional`, `fee` in quote currency.

    `wanted` is signed; `most` >= 0 is what caps leave of it. `working`: signed units of open orders that count as filled.
    `after`: the line that closes what this one opens on the other side. `shortened`: the reason it has should residual cash
    bring it back. No cycles: a rebalance makes thousands of these, and the collector need not look at them.
    """

    symbol: str
    target: Decimal
    held: Decimal
    value: Decimal
    mark: Mark | NoMark
    reason: Reason = Reason.ON_TARGET
    detail: str = ""
    side: Side | None = None
    quantity: Decimal = ZERO
    wanted: Decimal | None = None
    most: Decimal = ZERO
    working: Decimal = ZERO
    notional: Decimal = ZERO
    fee: Decimal = ZERO  # in quote currency; zero when the venue takes it in the base asset
    fee_base: Decimal = ZERO
    limit_price: Decimal | None = None  # None: a market order
    forecast_price: Decimal | None = None  # set when the plan is put together
    fees: FeeSchedule | None = None
    pot: Pot | None = None  # None: a margin account, not bound by cash
    shares: Mapping[str, Decimal] = NO_SHARES
    crossed: Decimal = ZERO
    after: Draft | None = None
    reduce_only: bool = False
    shortened: Reason = Reason.NO_CASH
    line: int = 0  # its number, once the plan is in order

    @property
    def reduces(self) -> bool:
        """Whether it brings a position toward zero."""
        side = self.side
        return side is not None and (self.held > 0 if side is Side.SELL else self.held < 0)

    def stop(self, reason: Reason, detail: str = "") -> None:
        """Let the line not trade."""
        self.reason = reason
        self.detail = detail
        self.quantity = ZERO


def decide(draft: Draft, *, inputs: PlanInputs, equity: Decimal, band: Decimal) -> Draft | None:
    """Find the line's leg: nothing, or a side and a wanted quantity, sized. Return the second leg of a flip that goes in the
    same plan, else None. `band` is the absolute one, in base currency.
    """
    mark = draft.mark
    if isinstance(mark, NoMark):
        draft.stop(mark.reason, mark.detail)
        return None
    venue = mark.listing.venue
    account = inputs.accounts.get(venue)
    draft.fees = inputs.fees.get(venue)
    if account is None or draft.fees is None:
        draft.stop(Reason.NOT_LISTED, f"no {'account' if account is None else 'fee schedule'} for {venue}")
        return None
    target, held, value = draft.target, draft.held, draft.value
    if draft.working:
        held += draft.working
        value += draft.working * mark.mid_value_base
    if account is AccountKind.CASH:
        if target < 0:
            draft.stop(Reason.REFUSED_SHORT, f"a cash account at {venue} cannot be short; the position is left alone")
            return None
        draft.pot = (venue, mark.listing.quote_currency)
    flip = held != 0 and target != 0 and (held < 0) != (target < 0)
    wish = held  # signed units the target is worth, where there is one
    if target == 0:
        wanted = -held
    else:
        gap = target * equity - value
        # the quotient is rounded toward what is held, so that the leg never passes its target
        wish = (FLOOR if gap > 0 else CEILING).divide(target * equity, mark.mid_value_base)
        wanted = -held if flip else wish - held
        if inputs.policy.drift_band_relative:
            band = max(band, inputs.policy.drift_band_relative * abs(target) * equity)
        if gap and abs(gap) < band:
            draft.wanted = wanted
            draft.stop(Reason.WITHIN_BAND, plan_text.within_band(gap, band=band, equity=equity))
            return None
    if not wanted:
        return None
    draft.side = Side.BUY if wanted > 0 else Side.SELL
    draft.wanted = wanted
    draft.most = most = wanted if wanted > 0 else -wanted
    if account is AccountKind.MARGIN:
        draft.reduce_only = draft.reduces
    if not in_session(draft, inputs=inputs):
        return None
    closes = target == 0 or flip
    draft.detail = plan_text.FLIP if flip else ""
    size(draft, most, mark=mark, traded=Reason.TRADE, below=Reason.DUST_STAYS if closes else Reason.BELOW_FLOOR)
    if flip and draft.quantity and account is AccountKind.MARGIN and inputs.policy.flips is Flips.SAME_PLAN:
        return _second_leg(draft, mark=mark, wish=wish)
    return None


def in_session(draft: Draft, *, inputs: PlanInputs) -> bool:
    """Return whether the line's market is open, or hours are not judged; else the line is stopped with the reason."""
    if inputs.hours is None:
        return True
    hours = inputs.hours.get(draft.symbol)
    if hours is None or hours.state not in ("open", "closed"):
        draft.stop(Reason.NO_HOURS, "no market hours" if hours is None else hours.detail)
        return False
    if hours.state == "closed":
        draft.stop(Reason.MARKET_CLOSED, hours.detail)
        return False
    return True


def _second_leg(first: Draft, *, mark: Mark, wish: Decimal) -> Draft:
    """Return the opening leg of a flip, on the book after `first`, which keeps only the closing.

    Its size is that of the target alone: what flooring leaves of the old position is not traded through.
    """
    second = Draft(first.symbol, target=first.target, held=ZERO, value=ZERO, mark=mark)
    second.side, second.fees, second.after, second.wanted = first.side, first.fees, first, wish
    size(second, abs(wish), mark=mark, traded=Reason.TRADE, below=Reason.BELOW_FLOOR)
    second.most = abs(wish)
    first.target = ZERO
    first.detail = plan_text.FLIP_NOW
    return second


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
            draft.stop(below, plan_text.below_floor(fit, mark=mark, why=below, held=draft.held))
        case TooLarge():
            draft.stop(Reason.ABOVE_MAX_QUANTITY, plan_text.too_large(fit))
    draft.notional = fit.notional
    draft.limit_price = limit_price
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
    if in_base:
        draft.fee_base = amount * price * mark.unit_value_base
    else:
        draft.fee_base = amount if mark.rate is ONE else amount * mark.rate


def forecast(draft: Draft, *, mark: Mark, inputs: PlanInputs) -> Decimal:
    """Set the price a line that trades is expected to be filled at, and its fee there; return the notional, in base currency."""
    side, quote, limits, listing, fees = draft.side, mark.quote, mark.limits, mark.listing, draft.fees
    assert side is not None
    assert fees is not None
    price = draft.limit_price
    if price is None:
        price = market_price(
            side,
            symbol=draft.symbol,
            quantity=draft.quantity,
            bid=quote.bid,
            ask=quote.ask,
            tick_size=limits.tick_size,
            terms=inputs.taker_terms[listing.venue],
        )
    draft.forecast_price = price
    if price != (quote.ask if side is Side.BUY else quote.bid):
        fee, in_base = fee_for(
            side,
            quantity=draft.quantity,
            price=price,
            multiplier=limits.multiplier,
            schedule=fees,
            liquidity=Liquidity.TAKER,
            has_base_currency=listing.base_currency is not None,
        )
        draft.fee_base = fee * price * mark.unit_value_base if in_base else fee * mark.rate
    return draft.quantity * price * mark.unit_value_base


_PLACES: Final[Mapping[int, Decimal]] = {n: Decimal(1).scaleb(n - WANTED_PLACES) for n in range(-40, 41)}


def record_line(number: int, draft: Draft, *, equity: Decimal) -> PlanLine:
    """Return the finished line; its wanted quantity is cut for the record, its held weight rounded to 12 places."""
    mark, listing, wanted = draft.mark, draft.mark.listing, draft.wanted
    bid = ask = unit_value_base = None
    notional_base = ZERO
    if isinstance(mark, Mark):
        bid, ask, unit_value_base = mark.quote.bid, mark.quote.ask, mark.unit_value_base
        notional_base = draft.notional if mark.rate is ONE else draft.notional * mark.rate
        if wanted is not None:
            exponent = mark.limits.step_size.as_tuple().exponent
            places = _PLACES.get(exponent) if isinstance(exponent, int) else None
            if places is not None:
                wanted = wanted.quantize(places, rounding=ROUND_DOWN, context=ROUNDED)
    draft.line = number
    sent = bool(draft.quantity)
    return PlanLine(
        line=number,
        symbol=draft.symbol,
        venue=None if listing is None else listing.venue,
        instrument_id=None if listing is None else listing.instrument_id,
        side=draft.side if sent else None,
        quantity=draft.quantity,
        order_kind=OrderKind.MARKET,
        reason=draft.reason,
        detail=draft.detail,
        target_weight=draft.target,
        held_weight=fraction(draft.value, equity) if draft.value else ZERO,
        held_quantity=draft.held,
        wanted_quantity=wanted,
        bid=bid,
        ask=ask,
        unit_value_base=unit_value_base,
        notional_base=notional_base,
        fee_base=draft.fee_base,
        forecast_price=draft.forecast_price if sent else None,
        attribution=draft.shares,
        crossed_weight=draft.crossed,
        after_line=draft.after.line if sent and draft.after is not None else None,
        reduce_only=sent and draft.reduce_only,
    )
