"""The options of `sluice sentinel`, without its work: the command line must stay quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from commands.data_options import decimal

type Work = Callable[[argparse.Namespace], int]
type Command = Callable[[Any, str, Work, str], Any]


def _explain(given: argparse.Namespace) -> int:
    from commands import sentinel_explain

    return sentinel_explain.run(given.order, lakehouse=given.lakehouse, config=given.config, as_json=given.json)


def _what_if(given: argparse.Namespace) -> int:
    from commands import sentinel_what_if

    return sentinel_what_if.run(
        given.what,
        config=given.config,
        now=given.now,
        order=(given.symbol, given.side, given.quantity, given.limit_price),
        as_json=given.json,
    )


def _coverage(given: argparse.Namespace) -> int:
    from commands import sentinel_coverage

    return sentinel_coverage.run(lakehouse=given.lakehouse, config=given.config, run_id=given.run, as_json=given.json)


def _amount(text: str) -> Decimal:
    return decimal(text)


def add_sentinel(names: Any, *, command: Command, group: Callable[[Any, str, str], Any], lakehouse: Path, config: Path) -> None:
    """Add the group `sentinel`."""
    sentinel = group(names, "sentinel", "ask the controls: why an order, what would they say now, which ever said no")
    explain = command(sentinel, "explain", _explain, "show what every control said of one order, and what then happened to it")
    explain.add_argument("order", metavar="ORDER", help="its client order id, the beginning of one, or CYCLE:LINE of a plan")
    what_if = command(sentinel, "what-if", _what_if, "run the controls on a plan or an order as of now; sends and writes nothing")
    what_if.add_argument(
        "what",
        nargs="?",
        metavar="PLAN|ORDER",
        help="a file (of `sluice plan --json`, or a manifest), or an order of the log; without it the config's manifest",
    )
    what_if.add_argument("--symbol", metavar="SYMBOL", help="instead: an order of this symbol, with --side and --quantity")
    what_if.add_argument("--side", choices=("BUY", "SELL"), help="of that order")
    what_if.add_argument("--quantity", type=_amount, metavar="UNITS", help="of that order")
    what_if.add_argument("--limit-price", type=_amount, metavar="PRICE", help="of that order; without it, at market")
    what_if.add_argument("--config", type=Path, default=config, metavar="FILE", help="the run config (%(default)s)")
    what_if.add_argument(
        "--now", metavar="TIME", help="the clock: ISO time with zone, or ns; default: the newest stamp of the prices"
    )
    coverage = command(
        sentinel, "coverage", _coverage, "say which controls ever said no in a log, which never, and what each serves"
    )
    coverage.add_argument("--run", metavar="RUN", help="only this run of the log")
    for one in (explain, coverage):
        place = one.add_mutually_exclusive_group()
        place.add_argument("--lakehouse", type=Path, default=lakehouse, metavar="DIR", help="the data directory (%(default)s)")
        place.add_argument("--config", type=Path, metavar="FILE", help="a run config, whose data directory is taken")
