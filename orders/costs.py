"""What a trade costs. One function forecasts in the plan and charges in the simulated venue."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from orders.exact import EXACT
from orders.values import FeeSchedule, Side


class Liquidity(StrEnum):
    """Liquidity side of a fill."""

    MAKER = "maker"
    TAKER = "taker"


def fee_for(
    side: Side,
    *,
    quantity: Decimal,
    price: Decimal,
    multiplier: Decimal,
    schedule: FeeSchedule,
    liquidity: Liquidity,
    has_base_currency: bool,
) -> tuple[Decimal, bool]:
    """Return the exact fee of one fill and whether it is in the base asset (else in quote currency).

    In the base asset it is quantity x fraction: only for buys, where the venue charges so (`base_on_buys`) and the
    instrument has a base currency. Else quantity x price x multiplier x fraction. Not rounded: a venue that rounds up to
    its currency's precision takes at most one such unit more per fill.
    """
    part = schedule.maker_fraction if liquidity is Liquidity.MAKER else schedule.taker_fraction
    fee = EXACT.multiply(quantity, part)
    if schedule.base_on_buys and has_base_currency and side is Side.BUY:
        return fee, True
    return EXACT.multiply(EXACT.multiply(fee, price), multiplier), False
