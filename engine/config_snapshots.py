"""What must hold of the hours and volumes a run config names: the files are there, sound, and say something of the venue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakehouse.hours_snapshot import read_hours
from lakehouse.volumes_snapshot import read_volumes
from orders.errors import InputError
from orders.market_hours import BUILT_IN, NOT_JUDGED

if TYPE_CHECKING:
    from engine.config_sections import DataSection, VenueSection

type Found = Iterator[tuple[tuple[str, ...], str]]


def hours_problems(venues: dict[str, VenueSection]) -> Found:
    """A calendar of an exchange needs a snapshot that has it; a built-in one has none."""
    for name, venue in venues.items():
        key, calendar = ("venues", name, "hours"), venue.calendar
        if calendar in BUILT_IN:
            if venue.hours is not None:
                yield key, f'belongs to the calendar of an exchange, calendar is "{calendar}"; remove it'
        elif venue.hours is None:
            yield key, f"is missing; calendar {calendar} needs a file made by `sluice limits hours {calendar}`"
        else:
            try:
                known = read_hours(venue.hours).calendars
            except InputError as error:
                yield key, str(error)
            else:
                if calendar not in known:
                    yield key, f"has no calendar {calendar}, but {', '.join(sorted(known))}"


def hours_of_data_problems(venues: dict[str, VenueSection], data: DataSection) -> Found:
    """A live market has a clock: its hours are always judged."""
    for name, venue in venues.items():
        if data.kind == "ccxt" and venue.calendar == NOT_JUDGED:
            yield (
                ("venues", name, "calendar"),
                '"none" is for replays of one price a day; a live market is "24/7" or has a calendar',
            )


def volumes_problems(venues: dict[str, VenueSection]) -> Found:
    """Volumes are optional; a file that is named must be sound."""
    for name, venue in venues.items():
        if venue.volumes is not None:
            try:
                read_volumes(venue.volumes)
            except InputError as error:
                yield ("venues", name, "volumes"), str(error)
