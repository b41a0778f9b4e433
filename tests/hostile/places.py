"""What may lie where a document is looked for, and is no document: links, pipes, devices, directories, files without end."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

type Place = Callable[[Path, bytes], None]
END = 10**12  # bytes of a file that has no blocks


def _linked(path: Path, good: bytes) -> None:
    path.with_name("elsewhere").write_bytes(good)
    path.symlink_to(path.with_name("elsewhere"))


def _bound(path: Path, good: bytes) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def _sparse(path: Path, good: bytes) -> None:
    path.write_bytes(good)
    os.truncate(path, END)


def _filled(path: Path, good: bytes) -> None:
    path.mkdir()
    (path / "inner").write_bytes(good)


def _sealed(path: Path, good: bytes) -> None:
    path.write_bytes(good)
    path.chmod(0)


PLACES: dict[str, Place] = {
    "nothing": lambda path, good: None,
    "a directory": lambda path, good: path.mkdir(),
    "a directory with the document in it": _filled,
    "a pipe that nobody writes to": lambda path, good: os.mkfifo(path),
    "a socket": _bound,
    "a link to nothing": lambda path, good: path.symlink_to(path.with_name("nowhere")),
    "a link to itself": lambda path, good: path.symlink_to(path),
    "a link to a device without end": lambda path, good: path.symlink_to("/dev/zero"),
    "a link to a device of nothing": lambda path, good: path.symlink_to("/dev/null"),
    "a link to a terminal": lambda path, good: path.symlink_to("/dev/tty"),
    "a link to memory of the process": lambda path, good: path.symlink_to("/proc/self/mem"),
    "a link to the document": _linked,
    "a terabyte without blocks": _sparse,
    "a file that may not be read": _sealed,
}


def clear(path: Path) -> None:
    """Take away whatever lies there."""
    for one in (path, path.with_name("elsewhere")):
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink(missing_ok=True)
