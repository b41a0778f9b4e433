"""Implementation shortfall of one order, exactly additive; positive is a cost.

Perold (1988), "The implementation shortfall: paper versus reality", Journal of Portfolio Management 14 (3): what a paper
portfolio that traded everything at the decision price earns more than the real one. The delay apart from trading is Wagner and
Edwards' (1993) and Kissell and Glantz' (2003), here on what was filled only, so that what was not filled costs its whole way
from the decision price (as CFA Institute's "Trade strategy and execution" splits it). Kissell's own form puts the
delay of the unfilled part into delay instead of opportunity; the total is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from analysis.exact_inputs import ZERO, checked_quote, finite, positive, ratio_bps, side_of
from orders.errors import InputError
from orders.exact import exact_arithmetic
from orders.values import Record, Side


class Shortfall(Record, frozen=True, kw_only=True):
    """Amounts in the unit of quantity x price; positive is a cost. `total` = delay + trading + opportunity + fees, exactly.

    `total_bps`: of quantity x decision price, rounded half-even to 12 places.
    """

    delay: Decimal
    trading: Decimal
    opportunity: Decimal
    fees: Decimal
    total: Decimal
    total_bps: Decimal


class TradingSplit(Record, frozen=True, kw_only=True):
    """What trading cost against arrival, in three parts that sum to it exactly; positive is a cost."""

    spread: Decimal
    impact: Decimal
    timing: Decimal

    @property
    def trading(self) -> Decimal:
        """The exact sum."""
        with exact_arithmetic():
            return self.spread + self.impact + self.timing


def implementation_shortfall(
    *,
    side: Side | str,
    quantity: Decimal,
    decision_price: Decimal,
    arrival_price: Decimal | None,
    fills: Sequence[tuple[Decimal, Decimal]],
    end_price: Decimal | None,
    fees: Decimal,
) -> Shortfall:
    """Return what an order of `quantity` > 0 cost against its decision price; s is +1 for a buy, -1 for a sell.

    delay = s x filled x (arrival - decision); trading = s x sum of q (p - arrival) over `fills` (quantity, price);
    opportunity = s x (quantity - filled) x (end - decision); `fees` as paid, below 0 for a rebate.
    `arrival_price` may be None where nothing was filled, `end_price` where nothing was left.

    Raises `InputError`: SIDE_INVALID, NUMBER_INVALID (a float, NaN, an infinity), NOT_POSITIVE (a price, a quantity),
    FILLS_INVALID (no pairs), OVERFILLED (fills beyond `quantity`), NUMBER_RANGE, ARRIVAL_PRICE_MISSING, END_PRICE_MISSING.
    """
    sign = side_of(side).sign
    wanted = positive(quantity, name="quantity")
    decision = positive(decision_price, name="decision_price")
    arrival = None if arrival_price is None else positive(arrival_price, name="arrival_price")
    end = None if end_price is None else positive(end_price, name="end_price")
    paid = finite(fees, name="fees")
    done = _checked(fills)
    with exact_arithmetic():
        filled = sum((units for units, _ in done), ZERO)
        left = wanted - filled
        if left < 0:
            raise InputError(
                "OVERFILLED",
                expected=f"fills of at most {wanted}",
                found=str(filled),
                action="Fills of another order are among them, or one is there twice.",
            )
        delay = trading = opportunity = ZERO
        if filled:
            if arrival is None:
                raise _missing("ARRIVAL_PRICE_MISSING", "arrival_price", f"{filled} were filled")
            delay = sign * filled * (arrival - decision)
            trading = sign * sum((units * (price - arrival) for units, price in done), ZERO)
        if left:
            if end is None:
                raise _missing("END_PRICE_MISSING", "end_price", f"{left} of {wanted} were not filled")
            opportunity = sign * left * (end - decision)
        total = delay + trading + opportunity + paid
        return Shortfall(
            delay=delay,
            trading=trading,
            opportunity=opportunity,
            fees=paid,
            total=total,
            total_bps=ratio_bps(total, wanted * decision),
        )


def split_trading(
    *, side: Side | str, quantity: Decimal, price: Decimal, arrival_price: Decimal, bid: Decimal, ask: Decimal, maker: bool
) -> TradingSplit:
    """Split what one fill cost against arrival: s x q x (p - arrival) = spread + impact + timing, exactly.

    The touch is the side of the book at the fill that the order traded at: the far one of a taker, the near one of a maker.
    spread = s x q x (touch - mid), half the spread, below 0 where a maker earned it; impact = s x q x (p - touch), what was
    paid beyond the touch; timing = s x q x (mid - arrival), how the market moved in between. `bid`, `ask`: the book at the fill.

    Raises `InputError`: SIDE_INVALID, NUMBER_INVALID, NOT_POSITIVE, PRICE_CROSSED.
    """
    taken = side_of(side)
    units, paid = positive(quantity, name="quantity"), positive(price, name="price")
    arrival = positive(arrival_price, name="arrival_price")
    low, high = checked_quote(bid=bid, ask=ask)
    touch = high if (taken is Side.BUY) is not maker else low
    with exact_arithmetic():
        signed, mid = taken.sign * units, (low + high) / 2
        return TradingSplit(spread=signed * (touch - mid), impact=signed * (paid - touch), timing=signed * (mid - arrival))


def arrival_slippage_bps(*, side: Side | str, fills: Sequence[tuple[Decimal, Decimal]], arrival_price: Decimal) -> Decimal:
    """Return s x (average fill price - arrival) / arrival in bps, positive is a cost; rounded half-even to 12 places.

    Fees are not in it. Raises `InputError`: NO_FILLS, and as `implementation_shortfall`.
    """
    sign = side_of(side).sign
    arrival = positive(arrival_price, name="arrival_price")
    done = _checked(fills)
    if not done:
        raise InputError("NO_FILLS", expected="at least one fill", found="none", action="Slippage is of what was filled.")
    with exact_arithmetic():
        filled = sum((units for units, _ in done), ZERO)
        worse = sign * sum((units * (price - arrival) for units, price in done), ZERO)
        return ratio_bps(worse, filled * arrival)


def _checked(fills: Sequence[tuple[Decimal, Decimal]]) -> list[tuple[Decimal, Decimal]]:
    try:
        pairs = [(units, price) for units, price in fills]
    except (TypeError, ValueError) as error:
        raise InputError(
            "FILLS_INVALID",
            expected="fills as pairs of quantity and price",
            found=repr(fills)[:60],
            action="Give a sequence of (quantity, price), empty where nothing was filled.",
        ) from error
    return [(positive(units, name="fill quantity"), positive(price, name="fill price")) for units, price in pairs]


def _missing(code: str, name: str, found: str) -> InputError:
    return InputError(code, expected=f"{name}, for {found}", found="None", action="Give the mid then, or leave the order out.")
