"""Opening a file that others wrote, as `open` does, but for what is no file: a pipe would be waited for, a device never ends."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

CHUNK: Final = 1 << 20
NOT_PLAIN: Final = "not a plain file"


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading; a link is followed, as a person who names the file may mean it.

    Raises `OSError`: as `open`, and EINVAL with `NOT_PLAIN` for a directory, pipe, socket or device, none of which is waited for.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, NOT_PLAIN, str(path))
    return os.fdopen(descriptor, "rb")


def read_plain(path: Path, *, size_max: int) -> bytes:
    """Return at most `size_max` + 1 bytes of a file: one more than may be says that there is more. Raises `OSError`.

    Memory is taken for what the file has, not for what it may have: `read(n)` of a buffered file takes n bytes at once.
    """
    with open_plain(path) as file:
        data = bytearray()
        while len(data) <= size_max and (part := file.read(min(CHUNK, size_max + 1 - len(data)))):
            data += part
        return bytes(data)
