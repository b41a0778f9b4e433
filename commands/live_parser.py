"""The command line of `sluice live`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands.bundle_parser import add_bundle_option
from commands.promote_parser import DEFAULT_GATES, source
from lakehouse.private_file import KEYS


def add_live(names: Any, *, command: Callable[..., argparse.ArgumentParser], seconds: Callable[[str], int]) -> None:
    """Add `sluice live`."""
    live = command(names, "live", _live, "run the live loop against a venue, armed; refuses whatever is not proven")
    live.add_argument("config", type=Path, metavar="CONFIG", help="the run config, with a table [live]")
    live.add_argument("--for", dest="for_s", type=seconds, metavar="SECONDS", help="end after so many seconds")
    live.add_argument("--keys", type=Path, default=KEYS, metavar="DIR", help="where key files lie (%(default)s)")
    live.add_argument(
        "--gates", type=Path, default=DEFAULT_GATES, metavar="FILE", help="what a promoted run is held to meanwhile (%(default)s)"
    )
    live.add_argument(
        "--source", action="append", default=[], type=source, metavar="NAME=DIR", help="where evidence lies, such as a twin's"
    )
    add_bundle_option(live)


def _live(given: argparse.Namespace) -> int:
    from commands import live

    return live.run(
        given.config,
        as_json=given.json,
        for_s=given.for_s,
        keys=given.keys.expanduser(),
        bundle=given.bundle,
        gates=given.gates,
        sources=dict(given.source),
    )
