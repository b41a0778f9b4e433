"""`sluice twin CONFIG --of DIR [--directory DIR] [--for SECONDS] [--bundle BUNDLE]`: a live run's orders at a simulated venue."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_twin(names: Any, *, command: Callable[..., Any], seconds: Callable[[str], int], bundle: Callable[[Any], None]) -> None:
    """Add the command to the command line."""
    twin = command(names, "twin", run, "follow a live run: its orders at a simulated venue, and how far the two lie apart")
    twin.add_argument("config", type=Path, metavar="CONFIG", help="the run config of the live run")
    twin.add_argument("--of", type=Path, required=True, metavar="DIR", help="the live run's data directory; it is only read")
    twin.add_argument(
        "--directory", "--lakehouse", type=Path, metavar="DIR", help="where the twin writes its own record (DIR-twin, of --of)"
    )
    twin.add_argument("--for", dest="for_s", type=seconds, metavar="SECONDS", help="end after so many seconds")
    bundle(twin)


def run(given: argparse.Namespace) -> int:
    """Follow until it is stopped; return the exit code."""
    from sim.twin.start import run_twin

    return run_twin(
        given.config, live=given.of, directory=given.directory, as_json=given.json, for_s=given.for_s, bundle=given.bundle
    )
