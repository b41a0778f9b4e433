"""The options of `sluice rollback`, without its work: the command line must stay quick."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from commands.promote_parser import HOURS_MAX, hours
from lakehouse.private_file import KEYS


def _rollback(given: argparse.Namespace) -> int:
    from commands import rollback
    from commands.promote import Said
    from orders.promotion import Action

    said = Said(
        named="previous",
        action=Action.ROLLBACK,
        to=None,
        config=given.config,
        lakehouse=given.lakehouse,
        gates=Path(),
        sources={},
        by=given.by,
        reason=given.reason,
        hours=given.hours,
        signer=given.key,
        keys=given.directory.expanduser(),
        output=given.output,
        as_json=given.json,
    )
    return rollback.run(said, no_more=given.no_more, yes=given.yes, now_ns=time.time_ns())


def add_rollback(names: Any, *, command: Any) -> None:
    """Add the command and its options to the command line."""
    rollback = command(names, "rollback", _rollback, "bring the previous bundle back; shows what that will trade, then asks")
    rollback.add_argument(
        "--config", required=True, type=Path, metavar="CONFIG", help="the run config of the previous bundle, which comes back"
    )
    rollback.add_argument("--by", required=True, metavar="NAME", help="who asks; goes into the log")
    rollback.add_argument("--reason", required=True, metavar="TEXT", help="why; goes into the log")
    rollback.add_argument(
        "--no-more",
        action="store_true",
        help="at the highest step with no more capital than now, which one person may do",
    )
    rollback.add_argument("--key", metavar="NAME", help="whose key signs, where it raises live capital; two persons must")
    rollback.add_argument("--hours", type=hours, default=HOURS_MAX, metavar="N", help="how long it may be signed (%(default)s)")
    rollback.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can be asked")
    rollback.add_argument("--directory", type=Path, default=KEYS, metavar="DIR", help="where keys lie (%(default)s)")
    rollback.add_argument("--lakehouse", type=Path, metavar="DIR", help="the live data directory instead of the config's")
    rollback.add_argument("--output", type=Path, metavar="FILE", help="write what is signed there, and record nothing")
