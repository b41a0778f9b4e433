"""Names, options and help of `sluice data ...`; the work is imported only when it is called."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

SYMBOL_MAP: Final = Path("data/configs/symbols.toml")
DECIMAL: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,18})?", re.ASCII)
KINDS: Final = ("bars", "quotes", "trades")

type AddCommand = Callable[[Any, str, Callable[[argparse.Namespace], int], str], Any]


def _import(given: argparse.Namespace) -> int:
    from commands import data_command

    return data_command.run_import(given)


def _show(given: argparse.Namespace) -> int:
    from commands import data_command

    return data_command.run_show(given.catalog, as_json=given.json)


def _check(given: argparse.Namespace) -> int:
    from commands import data_command

    return data_command.run_check(given.catalog, as_json=given.json)


def decimal(text: str) -> Decimal:
    """A number above 0 in plain notation."""
    if not DECIMAL.fullmatch(text) or not Decimal(text):
        raise argparse.ArgumentTypeError(f"a number above 0 such as 0.01 was expected, was {text!r}")
    return Decimal(text)


def add_data_commands(names: Any, add: AddCommand) -> None:
    """Add import, show and check to the parsers of `sluice data`."""
    _import_options(add(names, "import", _import, "write price files into a catalog, exactly, with a manifest of what was found"))
    show = add(names, "show", _show, "say what a catalog holds")
    check = add(names, "check", _check, "prove that a catalog is what its import manifests say")
    for command in (show, check):
        command.add_argument("catalog", type=Path, metavar="CATALOG", help="the catalog's directory")


def increments(command: Any) -> None:
    """Options for what is never guessed from prices."""
    command.add_argument("--limits", type=Path, metavar="FILE", help="market limits file with tick and step of the symbol")
    command.add_argument("--tick", type=decimal, metavar="SIZE", help="smallest price increment, instead of the file's")
    command.add_argument("--step", type=decimal, metavar="SIZE", help="smallest quantity increment, instead of the file's")
    command.add_argument(
        "--map", dest="symbol_map", type=Path, default=SYMBOL_MAP, metavar="FILE", help="the symbol map (%(default)s)"
    )


def _import_options(command: Any) -> None:
    command.add_argument("files", nargs="*", type=Path, metavar="FILE", help="CSV, gzipped CSV or Parquet, also Nautilus' own")
    command.add_argument("--symbol", required=True, metavar="SYMBOL", help="the platform's symbol, such as BINANCE:BTCUSDT")
    command.add_argument("--kind", required=True, choices=KINDS, help="what a row is")
    command.add_argument("--catalog", required=True, type=Path, metavar="DIR", help="the catalog to write into")
    increments(command)
    bars = command.add_argument_group("bars")
    bars.add_argument("--bar", metavar="LENGTH", help="length of the file's bars: 1s, 1m, 5m, 1h, 4h, 1d, ...")
    bars.add_argument("--stamp", choices=("open", "close"), help="whether a bar's stamp is when it began or when it ended")
    bars.add_argument("--session-close", metavar="HH:MM", help="local time a daily bar ends whose stamp is a bare day")
    bars.add_argument("--price-type", choices=("LAST", "BID", "ASK", "MID"), default="LAST", help="what was traded (%(default)s)")
    bars.add_argument("--bid", type=Path, metavar="FILE", help="bars of the bid, with --ask instead of FILE")
    bars.add_argument("--ask", type=Path, metavar="FILE", help="bars of the ask")
    bars.add_argument(
        "--quote-size", type=decimal, metavar="UNITS", help="also make quotes of both closes, of this size; labelled synthetic"
    )
    form = command.add_argument_group("form of the file")
    form.add_argument("--columns", metavar="NAME=COLUMN,...", help="such as time=opened,close=last,volume=- (- is: has none)")
    form.add_argument("--no-header", action="store_true", help="there is no header line; columns are numbers from 1")
    form.add_argument("--delimiter", default=",", metavar="CHARACTER", help="between fields (%(default)s); tab is a word here")
    form.add_argument("--zone", metavar="ZONE", help="time zone of stamps that name none, such as UTC or America/New_York")
    judged = command.add_argument_group("what is wrong with rows")
    judged.add_argument(
        "--bad-rows", choices=("refuse", "drop"), default="refuse", help="refuse the file, or count (%(default)s)"
    )
    judged.add_argument("--spikes", choices=("keep", "drop", "refuse"), default="keep", help="counted in any case (%(default)s)")
    judged.add_argument("--synthetic", metavar="TEXT", help="the prices are made; what they are, in words")
