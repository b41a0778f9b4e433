"""A file that its owner alone may read: where keys lie, and how one is read. What is checked is the file that was opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

KEYS: Final = Path("~/.config/sluice/keys")  # of a user: secrets of venues and keys that sign
FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Unfit(Exception):
    """The file is there and may not be used; its text says why."""


def read_private(path: Path, *, owners: frozenset[int], mode_fits: Callable[[int], bool], size_max: int) -> bytes | None:
    """Return a plain file's bytes, None where there is none. `mode_fits` judges its permission bits; `size_max` in bytes.

    Raises `Unfit` for a link, another owner than `owners`, a mode that does not fit, one too large or one that cannot be read.
    """
    try:
        handle = os.open(path, FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unfit(f"{error.strerror} (a symbolic link is not followed)") from error
    try:
        state = os.fstat(handle)
        mode = stat.S_IMODE(state.st_mode)
        if not stat.S_ISREG(state.st_mode):
            raise Unfit("no plain file")
        if state.st_uid not in owners:
            raise Unfit(f"owned by uid {state.st_uid}")
        if not mode_fits(mode):
            raise Unfit(f"mode {mode:04o}")
        if state.st_size > size_max:
            raise Unfit(f"{state.st_size} bytes")
        return os.read(handle, size_max)
    except OSError as error:
        raise Unfit(error.strerror or "an I/O error") from error
    finally:
        os.close(handle)
