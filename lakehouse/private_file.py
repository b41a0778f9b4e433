"""A file that its owner alone may read: where keys lie, and how one is read. What is checked is the file that was opened.

The directory is opened first and the file from it, so that neither can be changed for another between the look and the reading.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

KEYS: Final = Path("~/.config/sluice/keys")  # of a user: secrets of venues and keys that sign
FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
LINK_TRIES: Final = 20  # a key that is being made has two names for an instant
LINK_AGAIN_S: Final = 0.01


class Unfit(Exception):
    """The file is there and may not be used; its text says why."""


def read_private(path: Path, *, owners: frozenset[int], mode_fits: Callable[[int], bool], size_max: int) -> bytes | None:
    """Return a plain file's bytes, None where there is none. `mode_fits` judges its permission bits; `size_max` in bytes.

    Raises `Unfit` for a link, a file of several names, another owner than `owners`, a mode that does not fit, one too large or
    one that cannot be read; and for a directory that is a link, another's than of `owners` or root, or one in which others may
    put a file in the place of this one.
    """
    try:
        with _directory(path.parent, owners=owners | {0}) as directory:
            return _read(path.name, directory, owners=owners, mode_fits=mode_fits, size_max=size_max)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unfit(f"{error.strerror or 'an I/O error'} (a symbolic link is not followed)") from error


@contextmanager
def _directory(path: Path, *, owners: frozenset[int]) -> Iterator[int]:
    handle = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        state = os.fstat(handle)
        mode = stat.S_IMODE(state.st_mode)
        if state.st_uid not in owners:
            raise Unfit(f"a directory owned by uid {state.st_uid}")
        if mode & OTHERS_WRITE and not mode & stat.S_ISVTX:
            raise Unfit(f"a directory of mode {mode:04o}, in which others may put another file in its place")
        yield handle
    finally:
        os.close(handle)


def _read(name: str, directory: int, *, owners: frozenset[int], mode_fits: Callable[[int], bool], size_max: int) -> bytes:
    handle = os.open(name, FLAGS, dir_fd=directory)
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
        for _ in range(LINK_TRIES):
            if os.fstat(handle).st_nlink <= 1:
                return os.read(handle, size_max)
            time.sleep(LINK_AGAIN_S)
        raise Unfit(f"a file of {state.st_nlink} names (hard links)")
    finally:
        os.close(handle)
