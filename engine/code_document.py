"""Which code runs, file by file: what `engine.code_version` has in one hash, and the versions of what is installed beside it.

The sources, not a commit of a repository: a changed byte is other code whether it was committed or not, and a page that was
mended is not. Two clones at different places say the same.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

from engine.code_version import LOCK_FILE, ROOT, source_files, source_sha256
from orders.canonical import sha256_hex

DISTRIBUTION: Final = re.compile(r"([A-Za-z0-9_.]+)-([^-]+)\.dist-info")
REQUIRED: Final = re.compile(r"Requires-Dist: ([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?(?![^;]*; *extra)")


@cache
def code_document() -> dict[str, Any]:
    """Return it as plain JSON types; once a process, as it was loaded.

    `lock_sha256` None: an installed copy without a lock file. `python`: major and minor, because patches are the machine's.
    """
    installed = _installed()
    lock, files = ROOT / LOCK_FILE, source_files()
    return {
        "sluice": installed.get("sluice", ("", ""))[0],
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "lock_sha256": sha256_hex(lock.read_bytes()) if lock.is_file() else None,
        "packages": {name: installed[name][0] if name in installed else None for name in _required(installed)},
        "source_sha256": source_sha256(files),
        "sources": files,
    }


def _installed() -> dict[str, tuple[str, Path]]:
    """Return version and directory of what is installed, by normal name; what comes first on the path counts.

    The names of the directories say it: `importlib.metadata` reads a file each, which takes a tenth of a second.
    """
    found: dict[str, tuple[str, Path]] = {}
    for entry in sys.path:
        try:
            names = os.listdir(entry or ".")
        except OSError:
            continue
        for name in names:
            if match := DISTRIBUTION.fullmatch(name):
                found.setdefault(_normal(match[1]), (match[2], Path(entry, name)))
    return found


def _required(installed: dict[str, tuple[str, Path]]) -> list[str]:
    """Return what Sluice itself asks for, without what is for an extra."""
    if "sluice" not in installed:
        return []
    text = (installed["sluice"][1] / "METADATA").read_text(encoding="utf-8").partition("\n\n")[0]
    return sorted({_normal(match[1]) for line in text.splitlines() if (match := REQUIRED.match(line))})


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
