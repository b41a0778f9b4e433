"""The options of `sluice backtest`, without its work: the command line must stay quick."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import Any

from commands.bundle_parser import add_bundle_option


def _backtest(given: argparse.Namespace) -> int:
    from commands import backtest

    return backtest.run(given)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a day such as 2025-01-06 was expected, was {text!r}") from error


def add_backtest(names: Any, *, command: Any, default: Path) -> None:
    """Add the command and its options to the command line."""
    backtest = command(names, "backtest", _backtest, "run the same strategy and guard over history")
    backtest.add_argument("config", nargs="?", type=Path, default=default, metavar="CONFIG", help="the run config (%(default)s)")
    backtest.add_argument(
        "--data",
        metavar="SOURCE",
        help="recorded prices in place of live ones: replay_quotes:FILE, replay_closes:FILE, bars:FILE, catalog:DIR (@1h: bars)",
    )
    backtest.add_argument(
        "--from", dest="first", type=_day, metavar="DAY", help="beside --data: the first day of prices (that of --bundle)"
    )
    backtest.add_argument("--to", dest="last", type=_day, metavar="DAY", help="and the last one")
    backtest.add_argument(
        "--manifests", type=Path, metavar="DIR", help="beside --data: dated manifests (the config's, from the first price on)"
    )
    backtest.add_argument(
        "--output",
        "--lakehouse",
        dest="output",
        type=Path,
        metavar="DIR",
        help="where to write the record (a new directory below data/backtests)",
    )
    backtest.add_argument(
        "--stress", default="1,2,3", metavar="MULTIPLES", help="run again at these multiples of all costs (%(default)s)"
    )
    backtest.add_argument("--no-stress", action="store_true", help="do not run again at other costs")
    backtest.add_argument(
        "--tearsheet", type=Path, metavar="FILE", help="where to write Nautilus' tearsheet (tearsheet.html beside the record)"
    )
    backtest.add_argument("--no-tearsheet", action="store_true", help="draw none")
    backtest.add_argument("--csv", type=Path, metavar="DIR", help="write the result's tables there")
    backtest.add_argument(
        "--capacity",
        nargs="?",
        const="1,3,10,30,100",
        metavar="MULTIPLES",
        help="what these trades would cost at multiples of the capital (1,3,10,30,100); CONFIG stands before it",
    )
    backtest.add_argument("--impact", metavar="Y", help="impact coefficient of --capacity: a number, or a file of `calibrate`")
    add_bundle_option(backtest)
