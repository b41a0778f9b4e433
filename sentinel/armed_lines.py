"""Controls of single plan lines by what is armed: ARMED_NOTIONAL and ARMING_EXPIRED, told before an order is made.

Only the plans of a live run are asked. What a line is worth goes by the plan's prices; the gate asks again by its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from orders.exact import exact_operators
from orders.plan import Outcome, PlanLine, Verdict
from orders.values import Side
from sentinel.armed import ARMED_NOTIONAL, ARMING_EXPIRED, Room, notional_verdict, worth_base
from sentinel.facts import far_touch, order_price
from sentinel.verdicts import Verdicts, allow, deny


def armed_notional(lines: Sequence[PlanLine], *, rooms: Mapping[str, Room]) -> Verdicts:
    """Deny the lines that the armed amount of their venue does not reach, in the order of the plan; a smaller one after them may
    still fit. One verdict where none is denied.
    """
    taken: dict[str, Decimal] = {}
    denied: list[Verdict] = []
    for line in lines:
        room = None if line.venue is None else rooms.get(line.venue)
        if room is None:
            denied.append(deny(ARMED_NOTIONAL, f"{line.symbol}: nothing armed at {line.venue}", "an arming", line.line))
            continue
        before = taken.get(room.permit.venue, room.sent_base)
        value = worth_base(line.quantity, price=_line_price(line), unit=line.unit_value_base)
        verdict = notional_verdict(room.permit, sent=before, value=value, of=f"{line.symbol}: ", line=line.line)
        if verdict.outcome is not Outcome.ALLOW:
            denied.append(verdict)
        else:
            assert value is not None
            assert before is not None
            with exact_operators():
                taken[room.permit.venue] = before + value
    return tuple(denied) or (allow(ARMED_NOTIONAL, "within" if lines else "no orders", _all_words(rooms)),)


def arming_expired(lines: Sequence[PlanLine], *, rooms: Mapping[str, Room]) -> Verdicts:
    """Deny the lines of a venue whose arming does not hold now, those that reduce too: it is the leave to send at all."""
    denied: list[Verdict] = []
    for line in lines:
        room = None if line.venue is None else rooms.get(line.venue)
        if room is None:
            denied.append(deny(ARMING_EXPIRED, f"{line.symbol}: nothing armed at {line.venue}", "an arming", line.line))
        elif room.expired:
            denied.append(deny(ARMING_EXPIRED, f"{line.symbol}: {room.expired}", room.permit.span, line.line))
    return tuple(denied) or (allow(ARMING_EXPIRED, "in force", "armed now"),)


def _line_price(line: PlanLine) -> Decimal | None:
    """As `Armed.ask` prices an order of the line."""
    price, touch = order_price(line), far_touch(line)
    return price if price is None or touch is None or line.side is Side.BUY else max(price, touch)


def _all_words(rooms: Mapping[str, Room]) -> str:
    return "; ".join(room.permit.amount for _, room in sorted(rooms.items())) or "an arming"
