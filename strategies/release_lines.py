"""From what the Sentinel approved to what the releaser watches: pots, worst costs, and who waits for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from orders.costs import Liquidity, fee_for
from orders.errors import InputError
from orders.exact import exact_arithmetic
from orders.plan import Approval, Plan
from orders.values import AccountKind, FeeSchedule, Listing, MarketLimits, OrderKind, Side
from strategies.release import ReleaseLine

ONE: Final = Decimal(1)


def release_lines(
    approvals: Sequence[Approval],
    *,
    plan: Plan,
    listings: Mapping[str, Listing],
    limits: Mapping[str, MarketLimits],
    accounts: Mapping[str, AccountKind],
    fees: Mapping[str, FeeSchedule],
    drift_fraction: Decimal,
) -> list[ReleaseLine]:
    """Return a line for each approval, in their order, ids are the client order ids.

    The worst price of a market order is its far touch times 1 + `drift_fraction` >= 0, of a limit order its limit; fees are
    the taker's. An opening leg whose closing leg was not approved is left out: it can never go (the caller skips it).
    Raises `InputError` RELEASE_INVALID for a drift below 0, KeyError never: approvals are of lines the planner could size.
    """
    if not (drift_fraction.is_finite() and drift_fraction >= 0):
        raise InputError("RELEASE_INVALID", expected="a drift of 0 or more", found=str(drift_fraction), action="2 % is 0.02.")
    waits = {line.line: line.after_line for line in plan.lines if line.after_line is not None}
    ids = {approval.line: approval.client_order_id for approval in approvals}
    made = []
    with exact_arithmetic():
        for approval in approvals:
            after = waits.get(approval.line)
            if after is not None and after not in ids:
                continue
            listing, multiplier = listings[approval.symbol], limits[approval.symbol].multiplier
            market = approval.order_kind is OrderKind.MARKET
            price = approval.reference_price * (ONE + drift_fraction) if market else approval.limit_price
            assert price is not None
            cost = unit_cost(approval.side, price=price, multiplier=multiplier, listing=listing, fees=fees[approval.venue])
            made.append(
                ReleaseLine(
                    line_id=approval.client_order_id,
                    side=approval.side,
                    quantity=approval.quantity,
                    pot=(approval.venue, listing.quote_currency),
                    multiplier=multiplier,
                    base_currency=listing.base_currency,
                    on_cash=accounts[approval.venue] is AccountKind.CASH,
                    reduces=approval.reduces,
                    unit_base=approval.reference_price * approval.unit_value_base,
                    unit_cost_worst=cost,
                    after=None if after is None else ids[after],
                )
            )
    return made


def unit_cost(side: Side, *, price: Decimal, multiplier: Decimal, listing: Listing, fees: FeeSchedule) -> Decimal:
    """Return what one unit at `price` moves of the pot, in quote currency, with the taker's fee unless a buy pays it in the
    base asset. Runs inside `exact_arithmetic`.
    """
    fee, in_base = fee_for(
        side,
        quantity=ONE,
        price=price,
        multiplier=multiplier,
        schedule=fees,
        liquidity=Liquidity.TAKER,
        has_base_currency=listing.base_currency is not None,
    )
    return price * multiplier if in_base and side is Side.BUY else price * multiplier + fee
