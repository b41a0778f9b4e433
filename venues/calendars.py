"""Sessions of an exchange by `exchange_calendars`, the one place that asks it: to compile a snapshot, never while trading.

It brings pandas and holidays it projects; a run reads the compiled file instead and knows until when that holds.
"""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from typing import Any, Final

from orders.errors import ConfigError
from orders.market_hours import Calendar, Session

PACKAGE: Final = "exchange_calendars"
MARGIN: Final = timedelta(days=15)  # sessions around the range, so that one that began before it is known
NS_PER_DAY: Final = 86_400 * 1_000_000_000


def source() -> str:
    """Return what the sessions come from, with its version."""
    return f"{PACKAGE} {version(PACKAGE)}"


def midnight_ns(day: date) -> int:
    """Return midnight UTC of a day in nanoseconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000_000


def compile_calendar(name: str, *, first: date, last: date) -> Calendar:
    """Return the sessions of `name` (such as XNYS) from `first` to `last`, both UTC days included.

    Sessions are those that touch the range, and the one before it: prices of a closed market are as old as its close. A break
    in a day makes two sessions of it. Holidays to come are the exchange's rules as the package knows them.
    Raises `ConfigError` CALENDAR_UNKNOWN, CALENDAR_RANGE.
    """
    begins, ends = midnight_ns(first), midnight_ns(last) + NS_PER_DAY
    if begins >= ends:
        raise _range(name, "a last day at or after the first", f"{first} to {last}")
    schedule, early = _schedule(name, first - MARGIN, last + MARGIN)
    found: list[Session] = []
    for day, opens, breaks, goes_on, closes in schedule:
        spans = [(opens, closes)] if breaks is None or goes_on is None else [(opens, breaks), (goes_on, closes)]
        found.extend(
            Session(day=day, open_ns=open_ns, close_ns=close_ns, early_close=day in early)
            for open_ns, close_ns in spans
            if open_ns < ends
        )
    before = sum(session.close_ns <= begins for session in found)
    if not found:
        raise _range(name, "at least one session before or in the range", "none")
    found = found[max(0, before - 1) :]
    return Calendar(name=name, valid_from_ns=begins, valid_until_ns=ends, sessions=tuple(found))


def _schedule(name: str, start: date, end: date) -> tuple[list[tuple[str, int, int | None, int | None, int]], frozenset[str]]:
    import exchange_calendars
    from exchange_calendars.errors import CalendarError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the package and pandas 3 between themselves
            calendar: Any = exchange_calendars.get_calendar(name, start=start.isoformat(), end=end.isoformat())
    except CalendarError as error:
        raise ConfigError(
            "CALENDAR_UNKNOWN",
            expected="a calendar such as XNYS or XLON",
            found=repr(name),
            action=f"`import {PACKAGE}; {PACKAGE}.get_calendar_names()` lists them.",
        ) from error
    except ValueError as error:
        raise _range(name, "a span its holidays are known for", str(error)) from error
    rows = [
        (
            row.Index.date().isoformat(),
            int(row.open.value),
            None if row.break_start != row.break_start else int(row.break_start.value),  # NaT is not equal to itself
            None if row.break_end != row.break_end else int(row.break_end.value),
            int(row.close.value),
        )
        for row in calendar.schedule.itertuples()
    ]
    return rows, frozenset(day.date().isoformat() for day in calendar.early_closes)


def _range(name: str, expected: str, found: str) -> ConfigError:
    return ConfigError(
        "CALENDAR_RANGE", expected=f"{expected} of {name}", found=found[:200], action="Give another --from or --until."
    )
