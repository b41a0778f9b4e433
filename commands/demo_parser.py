"""The options of `sluice demo`, without its work: the command line must stay quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

CHAPTERS: Final = ("research", "backtest", "shadow", "drills", "canary", "twin", "ramp", "regression", "rollback", "report")

type Work = Callable[[argparse.Namespace], int]
type Command = Callable[[Any, str, Work, str], Any]


def _promotion(given: argparse.Namespace) -> int:
    from commands import demo_promotion

    return demo_promotion.run(directory=given.directory, until=given.until, as_json=given.json)


def add_demo(names: Any, *, command: Command, group: Callable[[Any, str, str], Any]) -> None:
    """Add the group `demo`."""
    demo = group(names, "demo", "see a whole story, with the real commands, on this machine alone")
    promotion = command(
        demo, "promotion", _promotion, "take a bundle from research to a canary at a rehearsal exchange, and back"
    )
    promotion.add_argument(
        "--directory", type=Path, metavar="DIR", help="where everything of it lies, a new one (below data/demos)"
    )
    promotion.add_argument(
        "--until", choices=CHAPTERS, default=CHAPTERS[-1], metavar="CHAPTER", help="end after it (%(default)s)"
    )
