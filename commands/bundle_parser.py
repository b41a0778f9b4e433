"""The options of `sluice bundle`, without its work: the command line must stay quick."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

WINDOW: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.\.([0-9]{4}-[0-9]{2}-[0-9]{2})")

type Work = Callable[[argparse.Namespace], int]
type Command = Callable[[Any, str, Work, str], Any]


def _create(given: argparse.Namespace) -> int:
    from commands import bundle

    return bundle.run_create(given.config, window=given.data, as_json=given.json)


def _show(given: argparse.Namespace) -> int:
    from commands import bundle

    return bundle.run_show(given.bundle, lakehouse=given.lakehouse, part=given.part, as_json=given.json)


def _verify(given: argparse.Namespace) -> int:
    from commands import bundle

    return bundle.run_verify(
        given.bundle, lakehouse=given.lakehouse, otherwise=given.default_lakehouse, config=given.config, as_json=given.json
    )


def _diff(given: argparse.Namespace) -> int:
    from commands import bundle

    return bundle.run_diff(given.bundle, given.other, lakehouse=given.lakehouse, as_json=given.json)


def _runs(given: argparse.Namespace) -> int:
    from commands import bundle_runs

    return bundle_runs.run(given.bundle, lakehouse=given.lakehouse, as_json=given.json)


def _window(text: str) -> tuple[date, date]:
    """FROM..TO, two days, the first not after the last."""
    match = WINDOW.fullmatch(text)
    try:
        first, last = (date.fromisoformat(match[1]), date.fromisoformat(match[2])) if match else (date.max, date.min)
    except ValueError:
        first, last = date.max, date.min
    if first > last:
        raise argparse.ArgumentTypeError(f"two days such as 2022-03-31..2022-06-02, in order, were expected, was {text!r}")
    return first, last


def add_bundle_option(command: Any) -> None:
    """Add `--bundle` to a command that starts a run."""
    command.add_argument(
        "--bundle", metavar="BUNDLE", help="run only as this bundle says: its hash, the first digits of it, or its directory"
    )


def add_bundle(names: Any, *, command: Command, group: Callable[[Any, str, str], Any], lakehouse: Path) -> None:
    """Add the group `bundle`."""
    bundle = group(names, "bundle", "say by one hash everything a run depends on, and hold a run to it")
    create = command(bundle, "create", _create, "write the bundle of a config, once, and print its hash")
    create.add_argument("config", type=Path, metavar="CONFIG", help="the run config, in whose data directory it is written")
    create.add_argument(
        "--data", type=_window, metavar="FROM..TO", help="the days of prices it is about, both included (the config's)"
    )
    show = command(bundle, "show", _show, "show a bundle's parts, their hashes, and what it says")
    show.add_argument("--part", metavar="PART", help="print what this part says, as it is")
    verify = command(bundle, "verify", _verify, "hash every part of a bundle again, and hold a config against it")
    verify.add_argument("--config", type=Path, metavar="FILE", help="a run config: would it run under this bundle?")
    diff = command(bundle, "diff", _diff, "compare two bundles part by part, with old and new values")
    runs = command(bundle, "runs", _runs, "list the runs of a log that went by a bundle")
    runs.add_argument("bundle", nargs="?", metavar="BUNDLE", help="its hash, or the first digits of it; without: all runs")
    for one in (show, verify, diff):
        one.add_argument("bundle", metavar="BUNDLE", help="its hash, the first digits of it, or its directory")
    for one in (show, diff, runs):
        one.add_argument("--lakehouse", type=Path, default=lakehouse, metavar="DIR", help="the data directory (%(default)s)")
    verify.add_argument(
        "--lakehouse", type=Path, metavar="DIR", help=f"the data directory (that of the config; {lakehouse} without one)"
    )
    verify.set_defaults(default_lakehouse=lakehouse)
    diff.add_argument("other", metavar="OTHER", help="the newer one, named likewise")
