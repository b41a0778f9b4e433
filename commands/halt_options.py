"""The options of `sluice halt`, without its work, and which of its two works they ask for: to halt, or to drill."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from orders.errors import ConfigError

DEFAULT_LAKEHOUSE: Final = Path("data/lakehouse")
DRILL_REASON: Final = "a halt drill"


def add_halt_options(halt: Any, *, seconds: Callable[[str], int]) -> None:
    """Add them to the command."""
    halt.add_argument("--by", default="operator", metavar="NAME", help="who says so; goes into the log (%(default)s)")
    halt.add_argument("--reason", metavar="TEXT", help="why; goes into the log; needed, but for a drill")
    halt.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="of a live run: where it trades, if the run's own note is lost; of a drill: what is rehearsed "
        "(data/configs/crypto_rehearsal.toml)",
    )
    halt.add_argument("--keys", type=Path, metavar="DIR", help="of a live run: where its key files are (as it was started)")
    halt.add_argument("--lakehouse", type=Path, metavar="DIR", help=f"the data directory ({DEFAULT_LAKEHOUSE})")
    drill = halt.add_argument_group("drill")
    drill.add_argument(
        "--drill", action="store_true", help="halt a live run on a rehearsal venue of this machine, measure it, record it"
    )
    drill.add_argument("--hang", action="store_true", help="the engine hangs when it is tripped")
    drill.add_argument("--within", type=seconds, metavar="SECONDS", help="it must be confirmed within so long")
    drill.add_argument(
        "--directory", type=Path, metavar="DIR", help="where it leaves its record (a new one below data/rehearsals)"
    )


def run(given: argparse.Namespace) -> int:
    """Halt, or drill. Raises `ConfigError` USAGE for options that do not go together."""
    drills = [("--hang", given.hang), ("--within", given.within), ("--directory", given.directory)]
    halts = [("--lakehouse", given.lakehouse), ("--keys", given.keys)]
    foreign = [name for name, value in (halts if given.drill else drills) if value]
    if foreign:
        raise ConfigError(
            "USAGE",
            expected="a drill without the data directory or keys of a run: it has its own"
            if given.drill
            else "--drill beside it",
            found=", ".join(foreign),
            action="`sluice halt --help` shows how.",
        )
    if given.drill:
        from commands import halt_drill

        return halt_drill.run(
            given.config,
            directory=given.directory,
            by=given.by,
            reason=given.reason or DRILL_REASON,
            hang=given.hang,
            within_s=given.within,
            as_json=given.json,
        )
    if given.reason is None:
        raise ConfigError("USAGE", expected="--reason TEXT", found="none", action="Say why; it goes into the log.")
    from commands import halt

    return halt.run_halt(
        given.lakehouse or DEFAULT_LAKEHOUSE,
        by=given.by,
        reason=given.reason,
        as_json=given.json,
        config=given.config,
        keys=given.keys,
    )
