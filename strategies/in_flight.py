"""Lines whose symbol has open orders: wait for them, count them as filled, or ask for their cancellation."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from orders.plan import InFlight, OpenOrder, PlanInputs, Reason
from strategies import plan_text
from strategies.plan_lines import Draft, decide

ZERO: Final = Decimal(0)
AT_TARGET: Final = frozenset({Reason.ON_TARGET, Reason.WITHIN_BAND})
SETTLED: Final = AT_TARGET | {Reason.BELOW_FLOOR, Reason.DUST_STAYS}


def decide_working(
    draft: Draft, orders: Sequence[OpenOrder], *, inputs: PlanInputs, equity: Decimal, band: Decimal
) -> tuple[str, ...]:
    """Decide a line by the policy for orders in flight; return the client order ids to cancel.

    NET trades only what is left on the side on which all open orders work: an order of ours against an order of ours is never
    sent, and nothing is sold that is not there yet. REPLACE cancels only where the open orders lead past the target or stop
    short of it by something the venue would take, and where the line could trade at all.
    """
    policy = inputs.policy.in_flight
    words = plan_text.in_flight(orders)
    if policy is InFlight.WAIT:
        draft.stop(Reason.IN_FLIGHT, words)
        return ()
    draft.working = sum((order.side.sign * order.leaves_quantity for order in orders), ZERO)
    expected = draft.held + draft.working
    flips = draft.target * expected < 0
    decide(draft, inputs=inputs, equity=equity, band=band)
    one_sided = all(order.side is draft.side for order in orders)
    if policy is InFlight.NET:
        if draft.reason in AT_TARGET or (draft.quantity and (flips or not one_sided)):
            draft.stop(Reason.IN_FLIGHT, words)
        elif draft.quantity:
            draft.detail = f"beside {words}"
        return ()
    draft.working = ZERO
    if draft.reason in SETTLED:
        draft.stop(Reason.IN_FLIGHT, words)
        return ()
    if not draft.quantity:
        return ()
    draft.stop(Reason.REPLACE, words)
    return tuple(order.client_order_id for order in orders)
