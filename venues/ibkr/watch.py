"""What is done about an order whose answer has not come. Pure: one function over what is known, a table of outcomes.

Sent long ago and not answered: UNKNOWN. Then it is looked for in TWS' open orders, completed orders and executions until it is
found, or by all of them, often and long enough, is not there; then a last cancel, one more look, and only then CANCELED, on which
a late fill could still land. Nothing is ever sent again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from orders.values import Record

LISTS: Final = ("open", "completed", "executions")


class Move(StrEnum):
    """The next thing to do about an order."""

    NOTHING = "NOTHING"  # it is answered, or has time yet
    UNKNOWN = "UNKNOWN"  # tell the record, block the symbol, begin to look
    LOOK = "LOOK"
    FENCE = "FENCE"  # cancel it whatever is believed of it, and look once more
    END = "END"  # it is not there: CANCELED
    ALARM = "ALARM"  # halt, tell a person, go on looking


class Silence(Record, frozen=True, kw_only=True):
    """What is known of one order. `age_s`: since it was sent; `unknown_s`: since it was said to be UNKNOWN, None before that.

    `absent`: every list has said often and long enough that it is not there. `fenced`: the last cancel went out, `gone`: and
    nothing that was asked after it has the order. `alarmed`: a person was told.
    """

    answered: bool
    age_s: float
    unknown_s: float | None
    absent: bool
    fenced: bool
    gone: bool
    alarmed: bool


def next_move(known: Silence, *, order_s: float, alarm_s: float, absent_age_s: float) -> Move:
    """Return what to do now. `order_s`, `alarm_s`, `absent_age_s` > 0: see `IbkrTiming`."""
    if known.answered:
        return Move.NOTHING
    if known.unknown_s is None:
        return Move.UNKNOWN if known.age_s >= order_s else Move.NOTHING
    if known.unknown_s >= alarm_s and not known.alarmed:
        return Move.ALARM
    if known.absent and known.age_s < absent_age_s:
        if not known.fenced:
            return Move.FENCE
        if known.gone:
            return Move.END
    return Move.LOOK
