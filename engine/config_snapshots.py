"""What must hold of the dated files a run config names: they are there, sound, and say something of what is traded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakehouse.hours_snapshot import read_hours
from lakehouse.snapshots import read_market_limits
from lakehouse.volumes_snapshot import read_volumes
from orders.errors import ConfigError, InputError
from orders.market_hours import BUILT_IN, NOT_JUDGED
from orders.tradable import check_tradable
from venues.symbols import load_symbols

if TYPE_CHECKING:
    from engine.config_sections import DataSection, SentinelSection, SymbolsSection, VenueSection

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
        if data.live and venue.calendar == NOT_JUDGED:
            yield (
                ("venues", name, "calendar"),
                '"none" is for replays of one price a day; a live market is "24/7" or has a calendar',
            )


def tradable_problems(venues: dict[str, VenueSection], symbols: SymbolsSection, sentinel: SentinelSection) -> Found:
    """What may be traded must be something the simulated venue and our book can carry; what has no limits is not traded."""
    try:
        listings = load_symbols(symbols.map).by_symbol
    except ConfigError:
        return  # reported where the symbol map is
    for name, venue in venues.items():
        try:
            limits = read_market_limits(venue.market_limits).limits
        except InputError:
            continue  # reported where the limits are
        for symbol in sentinel.allow.get(name, ()):
            if symbol in listings and symbol in limits:
                try:
                    check_tradable(listings[symbol], limits[symbol])
                except InputError as error:
                    yield ("sentinel", "allow", name), str(error)


def volumes_problems(venues: dict[str, VenueSection]) -> Found:
    """Volumes are optional; a file that is named must be sound."""
    for name, venue in venues.items():
        if venue.volumes is not None:
            try:
                read_volumes(venue.volumes)
            except InputError as error:
                yield ("venues", name, "volumes"), str(error)


def volume_share_problems(venues: dict[str, VenueSection], sentinel: SentinelSection) -> Found:
    """A share of the average daily volume is judged by volumes: without a file every order would be denied."""
    for name, venue in venues.items():
        if sentinel.adv_fraction_max is not None and venue.volumes is None:
            yield ("venues", name, "volumes"), 'is missing; sentinel.adv_fraction_max needs it, or is "off"'
