"""The options of `sluice rehearse`, without its work: the command line must stay quick."""

from __future__ import annotations

import argparse
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from orders.errors import ConfigError

PORT = 18_080
TWS_PORT = 18_002


def add_rehearse(names: Any, *, command: Any, work: Any) -> None:
    """Add the command and its options to the command line."""
    rehearse = command(names, "rehearse", work, "run an exchange on this machine, and a live run against it")
    rehearse.add_argument(
        "config",
        type=Path,
        nargs="?",
        metavar="CONFIG",
        help="a run config with [live]: a copy of it is armed against the exchange, and both sides' books are shown at the end",
    )
    rehearse.add_argument(
        "--directory", type=Path, metavar="DIR", help="of a live run's config, keys and record (a new one below data/rehearsals)"
    )
    rehearse.add_argument(
        "--port", type=port, metavar="PORT", help=f"on 127.0.0.1 ({PORT}; a fake TWS {TWS_PORT}; beside a live run a free one)"
    )
    rehearse.add_argument("--tws", action="store_true", help="a fake TWS instead, for live runs at Interactive Brokers")
    rehearse.add_argument("--ends-with-input", action="store_true", help=argparse.SUPPRESS)  # of the process that started it
    rehearse.add_argument("--control-port", type=port, default=0, metavar="PORT", help="of its control endpoint (a free one)")
    rehearse.add_argument(
        "--state", type=Path, metavar="FILE", help="where it remembers orders, trades and balances; without one it forgets"
    )
    rehearse.add_argument(
        "--balance",
        type=balance,
        action="append",
        default=[],
        metavar="ASSET=AMOUNT",
        help="what the account of a new state has; may be given again (USDT=100000)",
    )
    rehearse.add_argument("--maker-fee", type=fraction, default="0.001", metavar="FRACTION", help="(%(default)s)")
    rehearse.add_argument("--taker-fee", type=fraction, default="0.001", metavar="FRACTION", help="(%(default)s)")
    feed = rehearse.add_mutually_exclusive_group()
    feed.add_argument("--recorded", type=Path, metavar="PATH", help="quotes to play: a run's top_of_book directory, or a CSV")
    feed.add_argument("--script", type=Path, metavar="FILE", help="steps to do, one JSON object a line (data/README.md)")
    rehearse.add_argument(
        "--speed", type=speed, default="1", metavar="TIMES", help="how fast a recording is played (%(default)s)"
    )
    rehearse.add_argument("--seed", type=int, default=1, metavar="N", help="of the random walk and of faults (%(default)s)")
    rehearse.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND",
        help="what goes wrong by chance with new orders and cancels: hang, drop, unknown, html, ...; "
        "`streams`: with the user data stream; of a fake TWS swallow, mute, drop, drop_after; may be given again",
    )
    rehearse.add_argument(
        "--fault-fraction", type=fraction, default="0.1", metavar="FRACTION", help="how often it does (%(default)s)"
    )
    rehearse.add_argument(
        "--crash-drill", action="store_true", help="kill the live run of CONFIG again and again, and record what that left"
    )
    rehearse.add_argument("--kills", type=seconds, metavar="N", help="how often a crash drill kills (5); --seed chooses when")
    rehearse.add_argument("--bundle", metavar="BUNDLE", help="of the live run: it goes only as this bundle says")
    rehearse.add_argument("--for", dest="for_s", type=seconds, metavar="SECONDS", help="end after so many seconds")


def port(text: str) -> int:
    """A port, or 0 for a free one."""
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise _usage("a port from 0 to 65535", text)
    return int(text)


def seconds(text: str) -> int:
    """A whole number of seconds above 0."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise _usage("a whole number of seconds above 0", text)
    return int(text)


def fraction(text: str) -> Decimal:
    """A number from 0 to 1, both included."""
    value = _number(text)
    if value is None or not 0 <= value <= 1:
        raise _usage("a fraction from 0 to 1", text)
    return value


def speed(text: str) -> Decimal:
    """A number above 0."""
    value = _number(text)
    if value is None or value <= 0:
        raise _usage("a number above 0", text)
    return value


def balance(text: str) -> tuple[str, Decimal]:
    """ASSET=AMOUNT, the amount not negative and with at most eight decimals."""
    asset, _, amount = text.partition("=")
    value = _number(amount)
    if not asset.isascii() or not asset.isalnum() or value is None or value < 0 or value % Decimal("0.00000001"):
        raise _usage("ASSET=AMOUNT such as USDT=100000, with at most eight decimals", text)
    return asset.upper(), value


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _usage(expected: str, found: str) -> ConfigError:
    return ConfigError("USAGE", expected=expected, found=repr(found), action="`sluice rehearse --help` shows the options.")
