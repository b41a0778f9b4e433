"""From a schedule and an approved parent to its course: slices cut, profile asked. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from orders.plan import Approval
from orders.schedule import Schedule, ScheduleKind
from orders.values import MarketLimits
from strategies.schedules.course import Course, PassiveCourse, ShareCourse, SlicedCourse
from strategies.schedules.profile import VolumeProfile, window_fractions
from strategies.schedules.slicing import Slice, even_fractions, even_offsets, sliced, smallest_quantity


def course_of(
    schedule: Schedule,
    approval: Approval,
    *,
    limits: MarketLimits,
    market_now_ns: int,
    profile_of: Callable[[str, str], VolumeProfile],
) -> Course:
    """Return the course of a parent that begins now. `profile_of(schedule, symbol)` is asked for VWAP only.

    Raises `InputError`: NO_PROFILE, or a parent that cannot be sliced (QUANTITY_INVALID, PRICE_INVALID).
    """
    match schedule.kind:
        case ScheduleKind.PASSIVE_THEN_CROSS:
            assert schedule.timeout_ns is not None
            return PassiveCourse(approval, limits=limits, timeout_ns=schedule.timeout_ns)
        case ScheduleKind.TWAP | ScheduleKind.VWAP:
            assert schedule.duration_ns is not None
            slices = slices_of(schedule, approval, limits=limits, market_now_ns=market_now_ns, profile_of=profile_of)
            return SlicedCourse(approval, limits=limits, slices=slices, duration_ns=schedule.duration_ns)
        case ScheduleKind.POV:
            assert schedule.duration_ns is not None
            assert schedule.participation_max is not None
            return ShareCourse(
                approval, limits=limits, duration_ns=schedule.duration_ns, participation_max=schedule.participation_max
            )
        case never:
            assert_never(never)


def slices_of(
    schedule: Schedule,
    approval: Approval,
    *,
    limits: MarketLimits,
    market_now_ns: int,
    profile_of: Callable[[str, str], VolumeProfile],
) -> tuple[Slice, ...]:
    """Return the slices of a TWAP or VWAP parent; floors are judged at its reference price."""
    assert schedule.duration_ns is not None
    assert schedule.slices is not None
    fractions = even_fractions(schedule.slices)
    if schedule.kind is ScheduleKind.VWAP:
        ends = tuple(schedule.duration_ns * number // schedule.slices for number in range(1, schedule.slices + 1))
        profile = profile_of(schedule.name, approval.symbol)
        fractions = window_fractions(profile, start_ns=market_now_ns, offsets_ns=ends)
    return sliced(
        approval.quantity,
        step_size=limits.step_size,
        smallest=smallest_quantity(limits, price=approval.reference_price),
        fractions=fractions,
        offsets_ns=even_offsets(
            schedule.slices,
            duration_ns=schedule.duration_ns,
            random_key=approval.client_order_id if schedule.randomize else None,
        ),
    )
