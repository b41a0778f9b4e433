"""Readers that no command of its own stands for, told as the command line tells what they refuse."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from commands.output import exit_code, print_error
from lakehouse.strict_json import read_bounded
from live.arming_file import read_arming
from orders.errors import SluiceError
from sentinel.dsse import ENVELOPE_SIZE_MAX
from sentinel.manifest_approval import open_approval


def arming(public: str, path: str) -> int:
    """As a live start reads it."""
    return _told(lambda: read_arming(Path(path), trusted={"ann": public}))


def approval(public: str, path: str) -> int:
    """As a live run reads it."""
    return _told(lambda: open_approval(read_bounded(Path(path), ENVELOPE_SIZE_MAX), trusted={"ann": public}))


def _told(read: Callable[[], object]) -> int:
    try:
        sys.stdout.write(f"read     {read()!r}\n")
    except SluiceError as error:
        print_error(error, as_json=False)
        return exit_code(error)
    return 0


READERS: dict[str, Callable[..., int]] = {"arming": arming, "approval": approval}
