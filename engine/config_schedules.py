"""Execution schedules of a run config: from their tables to values, and what must hold between them and the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from orders.errors import InputError
from orders.schedule import AT_ONCE, Schedule, ScheduleKind, check_schedule

if TYPE_CHECKING:
    from engine.config_policy import PolicySection
    from engine.config_sections import ScheduleSection, VenueSection

NS: Final = 1_000_000_000
DAY_S: Final = 86_400


def schedule_of(name: str, section: ScheduleSection) -> Schedule:
    """Return one schedule of a checked config."""
    return Schedule(
        name=name,
        kind=section.kind,
        duration_ns=None if section.duration_s is None else section.duration_s * NS,
        timeout_ns=None if section.timeout_s is None else section.timeout_s * NS,
        slices=section.slices,
        participation_max=section.participation_max,
        randomize=section.randomize,
    )


def schedules_problems(schedules: dict[str, ScheduleSection]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Return what is wrong with the tables by themselves."""
    for name, section in schedules.items():
        try:
            check_schedule(schedule_of(name, section))
        except InputError as error:
            yield ("schedules", name), str(error)
        vwap = section.kind is ScheduleKind.VWAP
        for key in ("catalog", "bucket_s"):
            if (getattr(section, key) is not None) is not vwap:
                yield ("schedules", name, key), f"{'is missing; vwap needs it' if vwap else 'belongs to vwap alone; remove it'}"
        if section.bucket_s is not None and DAY_S % section.bucket_s:
            yield ("schedules", name, "bucket_s"), f"must divide a day of {DAY_S} s, was {section.bucket_s}"
        if vwap and section.catalog is not None and not section.catalog.is_dir():
            yield ("schedules", name, "catalog"), f"a directory was expected, found none at {section.catalog}"


def use_problems(
    policy: PolicySection, venues: dict[str, VenueSection], schedules: dict[str, ScheduleSection]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Return where a schedule is named that is none, or a venue that is none."""
    known = (AT_ONCE, *schedules)
    if policy.schedule not in known:
        yield ("policy", "schedule"), f"must be one of {', '.join(known)}, was {policy.schedule}"
    for venue, name in policy.schedule_by_venue.items():
        if venue not in venues:
            yield ("policy", "schedule_by_venue", venue), f"is no venue of this config ({', '.join(venues)})"
        if name not in known:
            yield ("policy", "schedule_by_venue", venue), f"must be one of {', '.join(known)}, was {name}"
