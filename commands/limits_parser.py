"""The `sluice limits` group: what the dated files of a venue say (limits, hours, volumes), and where they come from."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

from commands.data_options import decimal

SYMBOL_MAP: Final = Path("data/configs/symbols.toml")

type Work = Callable[[argparse.Namespace], int]
type Command = Callable[[Any, str, Work, str], Any]


def _hours(given: argparse.Namespace) -> int:
    from commands import limits_hours

    return limits_hours.run(given.calendar, first=given.first, last=given.last, output=given.output, as_json=given.json)


def _fetch(given: argparse.Namespace) -> int:
    from commands import limits_files

    return limits_files.run_fetch(given)


def _import(given: argparse.Namespace) -> int:
    from commands import limits_files

    return limits_files.run_import(given)


def _show(given: argparse.Namespace) -> int:
    from commands import limits_files

    return limits_files.run_show(given)


def _volumes(given: argparse.Namespace) -> int:
    from commands import limits_volumes

    return limits_volumes.run(given)


def add_limits(names: Any, *, command: Command, group: Callable[..., Any]) -> None:
    """Add the group to the command line; `command` and `group` make a parser as every other one is made."""
    limits = group(names, "limits", "make, take in and show the dated files of a venue: limits, hours, volumes")
    fetch = command(limits, "fetch", _fetch, "ask a venue's public market list, or TWS, for limits; no key")
    fetch.add_argument("exchange", metavar="EXCHANGE", help="a ccxt exchange id, such as binance; ibkr asks TWS")
    fetch.add_argument(
        "symbols", nargs="*", metavar="SYMBOL", help="platform symbols; default: all of the venue in the symbol map"
    )
    fetch.add_argument("--venue", metavar="NAME", help="the venue's name in the symbol map; default: BINANCE of binance, IBKR")
    fetch.add_argument("--endpoint", metavar="URL", help="a loopback address that stands in for the venue, for a rehearsal")
    fetch.add_argument("--tws-port", type=int, metavar="PORT", help="ibkr: the socket port of TWS or IB Gateway on this machine")
    fetch.add_argument("--account", metavar="ID", help="ibkr: the account TWS must hold, such as DU1234567")
    fetch.add_argument(
        "--min-notional",
        type=decimal,
        metavar="QUOTE",
        help="your own floor where the venue states none (OKX, IB)",
    )
    taken = command(
        limits, "import", _import, "take in limits from a file of ours (.json, .csv) or the platform's execution.parquet"
    )
    taken.add_argument("file", type=Path, metavar="FILE", help="what to read")
    taken.add_argument("--as-of", type=_instant, metavar="TIME", help="of a CSV: when it was true, ISO time with zone, or ns")
    taken.add_argument("--zone", metavar="ZONE", help="of the platform's file: the zone of its updated_at, such as UTC")
    show = command(limits, "show", _show, "show a limits file: table, age, what is missing")
    show.add_argument("file", type=Path, metavar="FILE", help="a market limits file")
    show.add_argument("--diff", type=Path, metavar="OTHER", help="show how FILE differs from this one instead")
    for one in (fetch, taken):
        one.add_argument("--output", type=Path, required=True, metavar="FILE", help="where to write it, whole or not at all")
        one.add_argument("--replace", action="store_true", help="write it even if it differs from what is there")
    _volume_options(command(limits, "volumes", _volumes, "average the daily volumes of a price catalog into a volumes file"))
    for one in (fetch, taken, show):
        one.add_argument("--map", type=Path, default=SYMBOL_MAP, metavar="FILE", help="the symbol map (%(default)s)")
    hours = command(limits, "hours", _hours, "compile the sessions of exchanges into a market hours file")
    hours.add_argument("calendar", nargs="+", metavar="CALENDAR", help="a calendar of exchange_calendars, such as XNYS or XLON")
    hours.add_argument(
        "--from", dest="first", type=_day, required=True, metavar="DAY", help="the first UTC day, such as 2022-01-01"
    )
    hours.add_argument(
        "--until", dest="last", type=_day, required=True, metavar="DAY", help="the last one; past it nothing trades"
    )
    hours.add_argument("--output", type=Path, required=True, metavar="FILE", help="where to write it, whole or not at all")


def _volume_options(volumes: Any) -> None:
    volumes.add_argument("catalog", type=Path, metavar="CATALOG", help="the catalog's directory")
    volumes.add_argument("symbols", nargs="*", metavar="SYMBOL", help="platform symbols (all that the catalog has)")
    volumes.add_argument("--until", dest="last", type=_day, required=True, metavar="DAY", help="the last UTC day that counts")
    volumes.add_argument("--days", type=_count, required=True, metavar="N", help="over how many days with data")
    volumes.add_argument("--valid", type=_count, required=True, metavar="DAYS", help="how long after its last day it is believed")
    volumes.add_argument("--kind", choices=("bars", "trades"), default="bars", help="what is summed (%(default)s)")
    volumes.add_argument("--bar", metavar="LENGTH", help="the bars' length, such as 1-HOUR, where a symbol has several")
    volumes.add_argument("--output", type=Path, required=True, metavar="FILE", help="where to write it, whole or not at all")
    volumes.add_argument("--map", type=Path, default=SYMBOL_MAP, metavar="FILE", help="the symbol map (%(default)s)")


def _count(text: str) -> int:
    """A whole number of days from 1 to 3650."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 3_650:
        raise argparse.ArgumentTypeError(f"a whole number of days from 1 to 3650 was expected, was {text!r}")
    return int(text)


def _instant(text: str) -> int:
    """An instant in nanoseconds."""
    from commands.plan import instant_ns
    from orders.errors import ConfigError

    try:
        return instant_ns(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(f"{error.expected} was expected, was {text!r}") from error


def _day(text: str) -> date:
    """A day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a day such as 2022-01-01 was expected, was {text!r}") from error
