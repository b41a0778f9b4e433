"""The doctor's look at the dated files of each venue, and at a price catalog: do they hold when the config trades?

A live config trades now, a replay from its first day to its last.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final

from commands.findings import FAIL, WARN, WELL, Finding
from engine.config_catalog import CATALOG
from engine.config_sections import VenueSection
from engine.config_values import ns_of
from engine.run_config import RunConfig
from lakehouse.catalog_view import datasets, problems
from lakehouse.hours_snapshot import read_hours
from lakehouse.import_manifest import IMPORTS
from lakehouse.snapshots import read_market_limits
from lakehouse.volumes_snapshot import read_volumes
from orders.market_hours import NOT_JUDGED

NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * NS
LIMITS_WARN_DAYS: Final = 30
HOURS_WARN_DAYS: Final = 30  # until the end of the known hours of a live market
NAMED_MAX: Final = 5  # symbols named in one line


def examine_files(config: RunConfig, *, now_ns: int) -> Iterator[Finding]:
    """Yield what the files of each venue say; the config's check has read them all."""
    live = config.data.live
    first, last = (now_ns, now_ns) if live else _span(config)
    for name, venue in config.venues.items():
        allowed = config.sentinel.allow.get(name, [])
        yield _limits(name, venue, allowed, live=live, now_ns=now_ns)
        yield _hours(name, venue, live=live, first_ns=first, last_ns=last)
        if venue.volumes is not None:
            yield _volumes(name, venue, allowed, first_ns=first, last_ns=last)
    if config.data.kind == CATALOG:
        yield _catalog(config, first_ns=first, last_ns=last)


def _span(config: RunConfig) -> tuple[int, int]:
    first = datetime.combine(config.data.start, time(), tzinfo=UTC)
    last = datetime.combine(config.data.end, time(), tzinfo=UTC) + timedelta(days=1)
    return ns_of(first), ns_of(last) - 1


def _limits(name: str, venue: VenueSection, allowed: list[str], *, live: bool, now_ns: int) -> Finding:
    """The age of limits, against real time: a replay's are as old as its data."""
    snapshot = read_market_limits(venue.market_limits)
    days = (now_ns - snapshot.as_of_ns) / DAY_NS
    without = sorted(set(allowed) - snapshot.limits.keys())
    found = f"{len(snapshot.limits)} symbols, {days:.0f} days old ({snapshot.source})"
    if without:
        found += f"; none for {_some(without)}"
    action = ""
    if without:
        action = "`sluice limits show` says why; they are not traded."
    elif live and days > LIMITS_WARN_DAYS:
        action = "`sluice limits fetch` makes new ones: venues change steps and floors."
    return Finding(name=f"limits {name}", state=WARN if action else WELL, found=found, action=action)


def _hours(name: str, venue: VenueSection, *, live: bool, first_ns: int, last_ns: int) -> Finding:
    title = f"hours {name}"
    if venue.hours is None:
        words = "not judged" if venue.calendar == NOT_JUDGED else "never closed"
        return Finding(name=title, state=WELL, found=f'{words} (calendar "{venue.calendar}")')
    snapshot = read_hours(venue.hours)
    found = f"{venue.calendar} from {_day(snapshot.valid_from_ns)} to {_day(snapshot.valid_until_ns)} ({snapshot.source})"
    action = f"`sluice limits hours {venue.calendar}` compiles more; nothing of it trades outside."
    if last_ns < snapshot.valid_from_ns or first_ns >= snapshot.valid_until_ns:
        return Finding(name=title, state=FAIL, found=found, action=action)
    short = first_ns < snapshot.valid_from_ns or last_ns >= snapshot.valid_until_ns
    ends_soon = live and snapshot.valid_until_ns - last_ns < HOURS_WARN_DAYS * DAY_NS
    state = WARN if short or ends_soon else WELL
    return Finding(name=title, state=state, found=found, action=action if state == WARN else "")


def _volumes(name: str, venue: VenueSection, allowed: list[str], *, first_ns: int, last_ns: int) -> Finding:
    """Volumes judge a share of the average day only where the config limits it."""
    assert venue.volumes is not None
    snapshot = read_volumes(venue.volumes)
    unusable = sorted(
        symbol
        for symbol in allowed
        if (volume := snapshot.volumes.get(symbol)) is None or not volume.as_of_ns <= first_ns <= last_ns <= volume.valid_until_ns
    )
    found = f"{len(snapshot.volumes)} symbols ({snapshot.source})"
    if not unusable:
        return Finding(name=f"volumes {name}", state=WELL, found=found)
    found += f"; missing, or not true all the time, of {_some(unusable)}"
    action = "`sluice limits volumes` makes new ones; a limit on the share of the day denies without."
    return Finding(name=f"volumes {name}", state=WARN, found=found, action=action)


def _catalog(config: RunConfig, *, first_ns: int, last_ns: int) -> Finding:
    """The catalog is as it was imported, and its series reach over the span but for a day at each end."""
    data = config.data
    name = data.path.as_posix()
    broken = problems(data.path) if (data.path / IMPORTS).is_dir() else []
    views = [view for view in datasets(data.path) if view.kind == data.prices]
    if broken:
        action = f"`sluice data check {name}` names them all; a run refuses what it would read of them."
        words = f"{name}: {broken[0].code} {broken[0].path}, {len(broken)} in all"
        return Finding(name="catalog", state=FAIL, found=words, action=action)
    short = [view.dataset for view in views if view.first_ns > first_ns + DAY_NS or view.last_ns < last_ns - DAY_NS]
    found = f"{name}, {len(views)} series of {data.prices}, {sum(view.rows for view in views)} rows"
    if not views:
        return Finding(name="catalog", state=FAIL, found=found, action=f"`sluice data show {name}` says what it holds.")
    if short:
        action = "`sluice data import` or `fetch` the rest, or change [data] start and end."
        return Finding(name="catalog", state=WARN, found=f"{found}; not over the whole span: {_some(short)}", action=action)
    return Finding(name="catalog", state=WELL, found=found)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


def _day(instant_ns: int) -> str:
    return datetime.fromtimestamp(instant_ns // NS, tz=UTC).strftime("%Y-%m-%d")
