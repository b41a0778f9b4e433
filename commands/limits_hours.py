"""`sluice limits hours CALENDAR...`: sessions of exchanges, compiled into a dated market hours file, without a network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from commands.output import Exit, print_json
from lakehouse.hours_snapshot import read_hours, write_hours
from orders.errors import ConfigError
from orders.market_hours import BUILT_IN
from venues.calendars import NS_PER_DAY, compile_calendar, midnight_ns, source


def run(names: Sequence[str], *, first: date, last: date, output: Path, as_json: bool) -> int:
    """Write the file and say what is in it. Raises `ConfigError` for a calendar or a range there is none of."""
    for name in names:
        if name in BUILT_IN:
            raise ConfigError(
                "CALENDAR_BUILT_IN",
                expected="the calendar of an exchange, such as XNYS",
                found=f'"{name}", which needs no file',
                action=f'Write calendar = "{name}" in the venue\'s table and no hours.',
            )
    calendars = [compile_calendar(name, first=first, last=last) for name in dict.fromkeys(names)]
    write_hours(
        output,
        calendars,
        valid_from_ns=midnight_ns(first),
        valid_until_ns=midnight_ns(last) + NS_PER_DAY,
        made_at_ns=time.time_ns(),
        source=source(),
    )
    made = read_hours(output)  # what was written is what a run will read
    if as_json:
        calendars_said = {
            name: {"sessions": len(calendar.sessions), "early_closes": sum(session.early_close for session in calendar.sessions)}
            for name, calendar in made.calendars.items()
        }
        print_json(
            {
                "file": str(output),
                "sha256": made.sha256,
                "source": made.source,
                "first": first.isoformat(),
                "last": last.isoformat(),
                "calendars": calendars_said,
            }
        )
        return Exit.DONE
    print(f"hours    {output}  {first} to {last} UTC, by {made.source}, sha256 {made.sha256[:12]}…")
    for name, calendar in made.calendars.items():
        early = sum(session.early_close for session in calendar.sessions)
        print(f"         {name:<10} {len(calendar.sessions)} sessions, {early} with an early close")
    return Exit.DONE
