"""Which code this is: what evidence about a version names, wherever it was installed from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from orders.values import Record

ROOT: Final = Path(__file__).resolve().parents[1]
ROOMS: Final = ("analysis", "commands", "engine", "lakehouse", "live", "orders", "sentinel", "sim", "strategies", "venues")
LOCK_FILE: Final = "uv.lock"


class CodeVersion(Record, frozen=True, kw_only=True):
    """`source_sha256`: of every Python file of every room, see `code_version`; `lock_sha256` of the lock file's bytes, None where
    there is none: this is no checkout.
    """

    sluice_version: str
    source_sha256: str
    lock_sha256: str | None


def code_version(root: Path = ROOT) -> CodeVersion:
    """Return the version of the code below `root`, as it lies on disk now, which a running process may have been started before.

    The hash is over lines `<sha256 of the file>  <path below root>`, sorted by path, each ended by a newline: what `sha256sum`
    prints of these files.
    """
    files = source_files(root)
    lock = root / LOCK_FILE
    return CodeVersion(
        sluice_version=version("sluice"),
        source_sha256=source_sha256(files),
        lock_sha256=hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None,
    )


def source_files(root: Path = ROOT) -> dict[str, str]:
    """Return the sha256 of every Python file of every room by its path below `root`. Directories are walked, which is quick."""
    found = {}
    for room in ROOMS:
        for directory, _, names in os.walk(root / room):
            for name in names:
                if name.endswith(".py"):
                    with open(os.path.join(directory, name), "rb") as file:
                        found[os.path.relpath(file.name, root)] = hashlib.sha256(file.read()).hexdigest()
    return found


def source_sha256(files: Mapping[str, str]) -> str:
    """Return the one hash over `source_files`; see `code_version`."""
    ordered = sorted(files.items(), key=lambda entry: entry[0].split("/"))
    return hashlib.sha256("".join(f"{sha256}  {path}\n" for path, sha256 in ordered).encode()).hexdigest()
