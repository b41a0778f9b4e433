"""Execution schedules as values: how the quantity of one approved order is spread over time in children.

The slicing is `strategies.schedules`, the counter that bounds it `sentinel.conservation`.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from orders.errors import InputError
from orders.values import OrderKind, Record

AT_ONCE: Final = "at_once"  # the name of the schedule that is none: the order itself goes out, whole
SCHEDULE_DONE: Final = "schedule_done"  # cause of a parent's cancel line: its children filled all of it
CHILD_ORDERS_MAX: Final = 500  # of one parent; a day in 3-minute slices is 480, more than this is a bug upstream
DURATION_MAX_NS: Final = 86_400 * 1_000_000_000


class ScheduleKind(StrEnum):
    """TWAP: even slices over time. VWAP: slices by the usual volume of the hour. POV: a share of the volume traded meanwhile.

    PASSIVE_THEN_CROSS: a limit order at the near touch, whose rest crosses the spread after a timeout.
    """

    PASSIVE_THEN_CROSS = "passive_then_cross"
    TWAP = "twap"
    VWAP = "vwap"
    POV = "pov"


class Schedule(Record, frozen=True, kw_only=True):
    """One configured schedule. Durations are nanoseconds of market time, 0 < x <= one day; made by `schedule`.

    `duration_ns`: of TWAP, VWAP, POV. `timeout_ns`: of PASSIVE_THEN_CROSS. `slices`: of TWAP, VWAP, 1 to `CHILD_ORDERS_MAX`.
    `participation_max`: of POV, own quantity / observed market volume, 0 < x <= 1. None where the kind has no such thing.
    `randomize`: each slice at a moment of its own interval, drawn from the parent's id; without it at the interval's start.
    """

    name: str
    kind: ScheduleKind
    duration_ns: int | None = None
    timeout_ns: int | None = None
    slices: int | None = None
    participation_max: Decimal | None = None
    randomize: bool = False


_NEEDS: Final[dict[ScheduleKind, frozenset[str]]] = {
    ScheduleKind.PASSIVE_THEN_CROSS: frozenset({"timeout_ns"}),
    ScheduleKind.TWAP: frozenset({"duration_ns", "slices"}),
    ScheduleKind.VWAP: frozenset({"duration_ns", "slices"}),
    ScheduleKind.POV: frozenset({"duration_ns", "participation_max"}),
}


def check_schedule(schedule: Schedule) -> Schedule:
    """Return the schedule. Raises `InputError` SCHEDULE_INVALID: a field is missing, out of bounds or of another kind."""
    needs = _NEEDS[schedule.kind]
    for field in ("duration_ns", "timeout_ns", "slices", "participation_max"):
        given = getattr(schedule, field) is not None
        if given is not (field in needs):
            _refuse(schedule, f"{'a' if not given else 'no'} {field}", "none" if not given else str(getattr(schedule, field)))
    for field in ("duration_ns", "timeout_ns"):
        value = getattr(schedule, field)
        if value is not None and not 0 < value <= DURATION_MAX_NS:
            _refuse(schedule, f"0 < {field} <= {DURATION_MAX_NS}", str(value))
    if schedule.slices is not None and not 1 <= schedule.slices <= CHILD_ORDERS_MAX:
        _refuse(schedule, f"1 to {CHILD_ORDERS_MAX} slices", str(schedule.slices))
    share = schedule.participation_max
    if share is not None and not (share.is_finite() and 0 < share <= 1):
        _refuse(schedule, "0 < participation_max <= 1", str(share))
    if schedule.randomize and schedule.slices is None:
        _refuse(schedule, "randomize only where there are slices", "it")
    if schedule.name == AT_ONCE:
        _refuse(schedule, f"another name than {AT_ONCE}, which is built in", schedule.name)
    return schedule


def _refuse(schedule: Schedule, expected: str, found: str) -> None:
    raise InputError(
        "SCHEDULE_INVALID",
        expected=f"{expected} for schedule {schedule.name} ({schedule.kind})",
        found=found,
        action=f"Mend [schedules.{schedule.name}] of the run config.",
    )


def child_kinds(kind: ScheduleKind, *, parent: OrderKind) -> frozenset[OrderKind]:
    """Return the kinds of order a schedule may make of a parent: never a market order of a limit order.

    Only PASSIVE_THEN_CROSS rests a limit order for a market parent.
    """
    if parent is OrderKind.LIMIT:
        return frozenset({OrderKind.LIMIT})
    if kind is ScheduleKind.PASSIVE_THEN_CROSS:
        return frozenset({OrderKind.LIMIT, OrderKind.MARKET})
    return frozenset({OrderKind.MARKET})
