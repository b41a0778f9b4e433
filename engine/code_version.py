"""Which code this is: what evidence about a version names, wherever it was installed from."""

from __future__ import annotations

import hashlib
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
    whole = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        whole.update(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(root).as_posix()}\n".encode())
    lock = root / LOCK_FILE
    return CodeVersion(
        sluice_version=version("sluice"),
        source_sha256=whole.hexdigest(),
        lock_sha256=hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None,
    )
