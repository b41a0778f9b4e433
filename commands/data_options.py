"""Names, options and help of `sluice data ...`; the work is imported only when it is called."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import UTC, datetime
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


def _fetch(given: argparse.Namespace) -> int:
    from commands import data_fetch

    return data_fetch.run(given)


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


def instant_ns(text: str) -> int:
    """Nanoseconds of a day (its midnight, UTC) or of an ISO time with a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is not None and moment.tzinfo is None and len(text) == 10:
        moment = moment.replace(tzinfo=UTC)
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"a day such as 2025-01-31 or a time such as 2025-01-31T14:00Z was expected, was {text!r}"
        )
    whole = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((whole.days * 86_400 + whole.seconds) * 1_000_000 + whole.microseconds) * 1_000


def milliseconds(text: str) -> int:
    """A whole number of milliseconds from 1 to a minute."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 60_000:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to 60000 was expected, was {text!r}")
    return int(text)


def add_data_commands(names: Any, add: AddCommand) -> None:
    """Add import, fetch, show and check to the parsers of `sluice data`."""
    _import_options(add(names, "import", _import, "write price files into a catalog, exactly, with a manifest of what was found"))
    _fetch_options(add(names, "fetch", _fetch, "fetch a venue's public past into a catalog; goes on where it stopped"))
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
    form.add_argument("--only", metavar="TEXT", help="of a file with a column of symbols, the rows of this one")
    form.add_argument("--no-header", action="store_true", help="there is no header line; columns are numbers from 1")
    form.add_argument("--delimiter", default=",", metavar="CHARACTER", help="between fields (%(default)s); tab is a word here")
    form.add_argument("--zone", metavar="ZONE", help="time zone of stamps that name none, such as UTC or America/New_York")
    judged = command.add_argument_group("what is wrong with rows")
    judged.add_argument(
        "--bad-rows", choices=("refuse", "drop"), default="refuse", help="refuse the file, or count (%(default)s)"
    )
    judged.add_argument("--spikes", choices=("keep", "drop", "refuse"), default="keep", help="counted in any case (%(default)s)")
    judged.add_argument("--synthetic", metavar="TEXT", help="the prices are made; what they are, in words")


def _fetch_options(command: Any) -> None:
    command.add_argument("exchange", metavar="EXCHANGE", help="a ccxt exchange id, such as binance")
    command.add_argument("symbols", nargs="+", metavar="SYMBOL", help="the platform's symbols, such as BINANCE:BTCUSDT")
    command.add_argument("--kind", required=True, choices=("ohlcv", "trades"), help="bars, or public trades")
    command.add_argument("--timeframe", metavar="LENGTH", help="length of the bars, such as 1m; of ohlcv")
    command.add_argument(
        "--since", required=True, type=instant_ns, metavar="TIME", help="from then on; a day, or a time with zone"
    )
    command.add_argument("--until", type=instant_ns, metavar="TIME", help="to before then; default: the venue's clock")
    command.add_argument("--catalog", required=True, type=Path, metavar="DIR", help="the catalog to write into")
    increments(command)
    command.add_argument("--bad-rows", choices=("refuse", "drop"), default="refuse", help="stop there, or count (%(default)s)")
    command.add_argument("--endpoint", metavar="URL", help="a loopback address that stands in for the venue, in a rehearsal")
    command.add_argument(
        "--backoff-ms",
        type=milliseconds,
        default=1_000,
        metavar="MS",
        help="first pause after a failure; it doubles (%(default)s)",
    )
    command.add_argument("--timeout-ms", type=milliseconds, default=10_000, metavar="MS", help="of one request (%(default)s)")
