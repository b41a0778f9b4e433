"""The options of `sluice override`."""

from __future__ import annotations

import argparse
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from commands.data_options import decimal
from lakehouse.private_file import KEYS

MINUTES_MAX: Final = 240
MINUTES: Final = 15

type Work = Callable[[argparse.Namespace], int]
type Command = Callable[[Any, str, Work, str], Any]


def _request(given: argparse.Namespace) -> int:
    from commands import override

    return override.run_request(
        given.config,
        cycle=given.cycle,
        controls=given.control,
        notional=given.notional,
        minutes=given.minutes,
        reason=given.reason,
        requester=given.by,
        approvers=given.approver,
        output=given.output,
        token_id=uuid.uuid4().hex,
        now_ns=time.time_ns(),
        as_json=given.json,
    )


def _sign(given: argparse.Namespace) -> int:
    from commands import override

    return override.run_sign(
        given.config,
        file=given.file,
        signer=given.key,
        directory=given.directory.expanduser(),
        output=given.output,
        now_ns=time.time_ns(),
        as_json=given.json,
    )


def _show(given: argparse.Namespace) -> int:
    from commands import override

    return override.run_show(given.config, file=given.file, now_ns=time.time_ns(), as_json=given.json)


def _minutes(text: str) -> int:
    """A whole number of minutes from 1 to 240."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MINUTES_MAX:
        raise argparse.ArgumentTypeError(f"a whole number of minutes from 1 to {MINUTES_MAX} was expected, was {text[:40]!r}")
    return int(text)


def add_override(names: Any, *, command: Command, group: Callable[[Any, str, str], Any]) -> None:
    """Add the group `override`."""
    override = group(names, "override", "let a refused plan pass once, by persons' signatures")
    request = command(override, "request", _request, "write what persons would sign for the last refused plan")
    request.add_argument("--cycle", type=int, metavar="N", help="the plan of this cycle instead of the last one")
    request.add_argument("--control", action="append", default=[], metavar="ID", help="only this control of those that asked")
    request.add_argument("--notional", required=True, type=decimal, metavar="AMOUNT", help="the most it may open, base currency")
    request.add_argument(
        "--minutes", type=_minutes, default=MINUTES, metavar="N", help="how long it holds (%(default)s), 240 at most"
    )
    request.add_argument("--reason", required=True, metavar="TEXT", help="why")
    request.add_argument("--by", required=True, metavar="NAME", help="who asks")
    request.add_argument(
        "--approver",
        action="append",
        required=True,
        metavar="NAME",
        help="who is to sign, as in [override.persons]; again for more",
    )
    sign = command(override, "sign", _sign, "sign it; whole, it lies where the run looks")
    show = command(override, "show", _show, "print what it allows, who signed, whether it holds now and was used")
    for one in (request, sign, show):
        one.add_argument("--config", required=True, type=Path, metavar="CONFIG", help="the run config")
    for one in (sign, show):
        one.add_argument(
            "file", nargs="?", type=Path, metavar="FILE", help="the request or signed file, instead of the lakehouse's"
        )
    for one in (request, sign):
        one.add_argument("--output", type=Path, metavar="FILE", help="where it goes instead of the config's lakehouse")
    sign.add_argument("--key", required=True, metavar="NAME", help="whose key signs, as in [override.persons]")
    sign.add_argument("--directory", type=Path, default=KEYS, metavar="DIR", help="where keys lie (%(default)s)")
