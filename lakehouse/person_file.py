"""What a person asks of a run, or signs, in a small file of the data directory: written whole, and read with the care that a file
from outside needs.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lakehouse.layout import replace_file, storage_error
from orders.errors import InputError

BY_LENGTH_MAX: Final = 64
REASON_LENGTH_MAX: Final = 500
NANOSECONDS: Final = re.compile(r"[0-9]{1,19}")
STATEMENT_MODE: Final = 0o644  # a statement is to be read, and signed against change


def text_is_sound(text: str, *, length_max: int) -> bool:
    """Whether a name or a reason may go into the log: not blank, printable, not longer."""
    return bool(text.strip()) and len(text) <= length_max and text.isprintable()


def read_person_file(path: Path, *, size_max: int, invalid: Callable[[str, str], InputError]) -> bytes | None:
    """Return its bytes, None where there is none; read without following a link and without waiting for a pipe.

    Raises `invalid(expected, found)`: no plain file, another user's, more than `size_max` bytes; `StorageError` where the disk
    does not say.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise invalid("a plain file", error.strerror or "none that can be opened") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise invalid("a plain file", "something else")
        if status.st_uid != os.geteuid():
            raise invalid("a file of the user the run has", f"one of user {status.st_uid}")
        data = b""
        while chunk := os.read(descriptor, size_max + 1 - len(data)):
            data += chunk
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        os.close(descriptor)
    if len(data) > size_max:
        raise invalid(f"at most {size_max} bytes", "more")
    return data


def write_statement(path: Path, data: bytes) -> None:
    """Write what persons sign, or are asked to, whole and for all to read. Raises `StorageError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
        os.chmod(path, STATEMENT_MODE)
    except OSError as error:
        raise storage_error(error, path) from error


def move_directory_aside(path: Path, *, name: str) -> bool:
    """Rename a directory that lies where a file is looked for, which no file can replace; return whether there was one.

    Raises `OSError`.
    """
    if not path.is_dir() or path.is_symlink():
        return False
    path.rename(path.with_name(f"{name}.d-{path.lstat().st_mtime_ns}"))
    return True
