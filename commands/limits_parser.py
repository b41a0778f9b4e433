"""The `sluice limits` group: what the dated files of a venue say (limits, hours, volumes), and where they come from."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

type Work = Callable[[argparse.Namespace], int]
type Command = Callable[[Any, str, Work, str], Any]


def _hours(given: argparse.Namespace) -> int:
    from commands import limits_hours

    return limits_hours.run(given.calendar, first=given.first, last=given.last, output=given.output, as_json=given.json)


def add_limits(names: Any, *, command: Command, group: Callable[..., Any]) -> None:
    """Add the group to the command line; `command` and `group` make a parser as every other one is made."""
    limits = group(names, "limits", "make, take in and show the dated files of a venue: limits, hours, volumes")
    hours = command(limits, "hours", _hours, "compile the sessions of exchanges into a market hours file")
    hours.add_argument("calendar", nargs="+", metavar="CALENDAR", help="a calendar of exchange_calendars, such as XNYS or XLON")
    hours.add_argument(
        "--from", dest="first", type=_day, required=True, metavar="DAY", help="the first UTC day, such as 2022-01-01"
    )
    hours.add_argument(
        "--until", dest="last", type=_day, required=True, metavar="DAY", help="the last one; past it nothing trades"
    )
    hours.add_argument("--output", type=Path, required=True, metavar="FILE", help="where to write it, whole or not at all")


def _day(text: str) -> date:
    """A day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a day such as 2022-01-01 was expected, was {text!r}") from error
