"""The options of `sluice promote status`, without its work."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands.promote_parser import DEFAULT_GATES, source

MOVES = ("shadow", "canary", "step_up", "live", "while_running")

type Work = Callable[[argparse.Namespace], int]
type Command = Callable[[Any, str, Work, str], Any]


def _status(given: argparse.Namespace) -> int:
    from commands import promote_status

    return promote_status.run(
        given.bundle,
        config=given.config,
        lakehouse=given.lakehouse,
        otherwise=given.default_lakehouse,
        gates=given.gates,
        sources=dict(given.source),
        move=given.move,
        as_json=given.json,
    )


def add_status(promote: Any, *, command: Command, lakehouse: Path) -> None:
    """Add `status` to the group `promote`."""
    status = command(promote, "status", _status, "where a bundle stands, each gate before its next move, and what is missing")
    status.add_argument("bundle", nargs="?", metavar="BUNDLE", help="as of `promote`; the current one, or the last promoted")
    status.add_argument(
        "--config", type=Path, metavar="CONFIG", help="the run config: its data directory, and who may approve a manifest"
    )
    status.add_argument("--lakehouse", type=Path, metavar="DIR", help=f"the live data directory ({lakehouse})")
    status.add_argument("--gates", type=Path, default=DEFAULT_GATES, metavar="FILE", help="the gates file (%(default)s)")
    status.add_argument(
        "--source", action="append", default=[], type=source, metavar="NAME=DIR", help="where evidence lies; again for more"
    )
    status.add_argument("--move", choices=MOVES, metavar="MOVE", help=f"other gates than the next move's: {', '.join(MOVES)}")
    status.set_defaults(default_lakehouse=lakehouse)
