"""The options of `sluice promote`. `promote BUNDLE …` is short for `promote move BUNDLE …`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from lakehouse.private_file import KEYS

DEFAULT_GATES: Final = Path("data/gates/default.toml")
HOURS_MAX: Final = 24
TO: Final = ("candidate", "shadow", "canary", "live", "retired")
GROUP: Final = "promote"
MOVE: Final = "move"
NAMES: Final = (
    MOVE,
    "handoff",
    "sign",
    "show",
    "record",
    "log",
    "status",
)  # what a word after `promote` may be that is no bundle

type Work = Callable[[argparse.Namespace], int]
type Command = Callable[[Any, str, Work, str], Any]


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `promote BUNDLE` in its full form."""
    words = list(arguments)
    if len(words) > 1 and words[0] == GROUP and words[1] not in NAMES and words[1] not in ("-h", "--help"):
        words.insert(1, MOVE)
    return words


def _move(given: argparse.Namespace) -> int:
    from commands import promote
    from commands.main import DEFAULT_LAKEHOUSE
    from orders.promotion import Action, State

    said = promote.Said(
        named=given.bundle,
        action=Action.PROMOTE if given.to is not None else Action(given.action),
        to=None if given.to is None else State(given.to),
        config=given.config,
        lakehouse=given.lakehouse,
        gates=given.gates,
        sources=dict(given.source),
        by=given.by,
        reason=given.reason,
        hours=given.hours,
        signer=given.key,
        keys=given.directory.expanduser(),
        output=given.output,
        as_json=given.json,
    )
    return promote.run_move(said, otherwise=DEFAULT_LAKEHOUSE, now_ns=time.time_ns())


def _sign(given: argparse.Namespace) -> int:
    from commands import promote_request

    return promote_request.run_sign(
        given.file,
        config_path=given.config,
        lakehouse=given.lakehouse,
        signer=given.key,
        keys=given.directory.expanduser(),
        output=given.output,
        now_ns=time.time_ns(),
        as_json=given.json,
    )


def _show(given: argparse.Namespace) -> int:
    from commands import promote_request

    return promote_request.run_show(
        given.file, config_path=given.config, lakehouse=given.lakehouse, now_ns=time.time_ns(), as_json=given.json
    )


def _record(given: argparse.Namespace) -> int:
    from commands import promote_request

    return promote_request.run_record(
        given.file, config_path=given.config, lakehouse=given.lakehouse, now_ns=time.time_ns(), as_json=given.json
    )


def _handoff(given: argparse.Namespace) -> int:
    from commands import handoff

    return handoff.run(
        given.config,
        shadow=given.shadow,
        by=given.by,
        reason=given.reason,
        signer=given.key,
        keys=given.keys.expanduser(),
        yes=given.yes,
        as_json=given.json,
    )


def _log(given: argparse.Namespace) -> int:
    from commands import promote_view

    return promote_view.run_log(given.lakehouse, as_json=given.json)


def hours(text: str) -> int:
    """A whole number of hours from 1 to 24."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= HOURS_MAX:
        raise argparse.ArgumentTypeError(f"a whole number of hours from 1 to {HOURS_MAX} was expected, was {text[:40]!r}")
    return int(text)


def source(text: str) -> tuple[str, Path]:
    """NAME=DIR, where a source of evidence lies."""
    from orders.metrics import SOURCES

    name, equals, directory = text.partition("=")
    if name not in SOURCES or not equals or not directory:
        raise argparse.ArgumentTypeError(f"NAME=DIR with a name of {', '.join(SOURCES)} was expected, was {text[:80]!r}")
    return name, Path(directory)


def add_promote(names: Any, *, command: Command, group: Callable[[Any, str, str], Any], lakehouse: Path) -> Any:
    """Add the group `promote` and return it."""
    promote = group(names, GROUP, "move a bundle towards real money, or back: by evidence, in steps, on persons' word")
    move = command(promote, MOVE, _move, "ask the gates, show what changes, and record it, or write what is to be signed")
    move.add_argument("bundle", metavar="BUNDLE", help="its hash, 4 digits or more of it, a directory, `current` or `previous`")
    wish = move.add_mutually_exclusive_group(required=True)
    wish.add_argument("--to", choices=TO, metavar="STATE", help=f"the state: {', '.join(TO)}")
    for option, words in (
        ("step_up", "the next step of capital"),
        ("step_down", "the step of capital before; needs no gate"),
        ("pause", "no capital until it is resumed; needs no gate"),
        ("resume", "take a pause back"),
    ):
        wish.add_argument(f"--{option.replace('_', '-')}", dest="action", action="store_const", const=option, help=words)
    move.add_argument("--by", required=True, metavar="NAME", help="who asks; goes into the log")
    move.add_argument("--reason", required=True, metavar="TEXT", help="why; goes into the log")
    move.add_argument("--key", metavar="NAME", help="whose key signs at once, as in [live.persons]")
    move.add_argument("--gates", type=Path, default=DEFAULT_GATES, metavar="FILE", help="the gates file (%(default)s)")
    move.add_argument(
        "--source", action="append", default=[], type=source, metavar="NAME=DIR", help="where evidence lies; again for more"
    )
    move.add_argument("--hours", type=hours, default=HOURS_MAX, metavar="N", help="how long it may be signed (%(default)s)")
    move.add_argument("--config", type=Path, metavar="CONFIG", help="the run config; not needed for what only takes away")
    sign = command(promote, "sign", _sign, "sign a promotion that was asked for; enough signatures record it")
    show = command(promote, "show", _show, "print what a request would change, who signed it, and whether it holds now")
    kept = command(promote, "record", _record, "record a request that enough persons signed elsewhere")
    for one in (sign, show, kept):
        one.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the request, instead of the lakehouse's")
        one.add_argument("--config", required=True, type=Path, metavar="CONFIG", help="the run config")
    sign.add_argument("--key", required=True, metavar="NAME", help="whose key signs, as in [live.persons]")
    for one in (move, sign, show, kept):
        one.add_argument("--lakehouse", type=Path, metavar="DIR", help="the live data directory instead of the config's")
    for one in (move, sign):
        one.add_argument("--directory", type=Path, default=KEYS, metavar="DIR", help="where keys lie (%(default)s)")
        one.add_argument("--output", type=Path, metavar="FILE", help="write what is signed there, and record nothing")
    handoff = command(promote, "handoff", _handoff, "take a shadow's book over into an account that holds something")
    handoff.add_argument("config", type=Path, metavar="CONFIG", help="the run config, whose live record begins with it")
    handoff.add_argument("--shadow", required=True, type=Path, metavar="DIR", help="the shadow's data directory")
    handoff.add_argument("--by", required=True, metavar="NAME", help="who says so; goes into the log")
    handoff.add_argument("--reason", required=True, metavar="TEXT", help="why; goes into the log")
    handoff.add_argument("--key", metavar="NAME", help="whose key signs, as in [live.persons]; needed under a promotion")
    handoff.add_argument("--keys", type=Path, default=KEYS, metavar="DIR", help="where key files lie (%(default)s)")
    handoff.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can be asked")
    log = command(promote, "log", _log, "every promotion of a record, with who, when and why")
    log.add_argument("--lakehouse", type=Path, default=lakehouse, metavar="DIR", help="the data directory (%(default)s)")
    return promote
