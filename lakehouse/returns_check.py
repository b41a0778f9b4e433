"""Does a manifest's `source_returns_hash` name the returns its run worked on? By the run's ledger, and by the table itself.

No record of the platform ties a manifest to its returns by more than this hash, and the hash is weak (`lakehouse.df_hash`). So
config says how much is asked for: nothing that counts, the ledger, or the ledger and the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from lakehouse.strict_json import read_contained
from orders.canonical import sha256_hex
from orders.errors import InputError

_KNOWN: Final[dict[str, tuple[str, str]]] = {}  # sha256 of a file -> content hash and shape hash of its table

RETURNS_PATH: Final = "data/portfolio_returns.parquet"  # below the run's directory
RETURNS_SIZE_MAX: Final = 256 << 20
KNOWN_MAX: Final = 8
IN_LEDGER: Final = "returns_hash_in_ledger"
IN_FILE: Final = "returns_hash_of_file"


class ReturnsCheck(StrEnum):
    """NOTED: looked for in the ledger, told, not counted. LEDGER: must be named there. FILE: must also be that of the table."""

    NOTED = "noted"
    LEDGER = "ledger"
    FILE = "file"


def returns_checks(
    named: Sequence[str | None], *, in_ledger: frozenset[str], run: Path, file: Path | None, asked: ReturnsCheck
) -> list[tuple[str, bool, str]]:
    """Return (check, passed, what was found) for the hash of each winner, None where it names none; never raises on content.

    `file`: the table for `FILE`; None: `RETURNS_PATH` of the run. A file that is not there or cannot be hashed fails what was
    asked for, and so does a winner without a hash.
    """
    hashes = sorted({name for name in named if name is not None})
    checks = [(IN_LEDGER, name in in_ledger, name[:64]) for name in hashes]
    if asked is not ReturnsCheck.NOTED and (not named or None in named):
        checks.append((IN_LEDGER, False, "a winner names no source_returns_hash"))
    if asked is not ReturnsCheck.FILE:
        return checks
    path = run / RETURNS_PATH if file is None else file
    try:
        read = read_contained(path, root=run if file is None else file.parent, size_max=RETURNS_SIZE_MAX)
        content, shape = _hashes_of(read.data)
    except InputError as error:
        return [*checks, (IN_FILE, False, f"{error.code}: {error.found}")]
    for name in hashes:
        words = f"{name[:64]}, {path} has {content}" if name != shape else f"{name} names only the shape of {path}"
        checks.append((IN_FILE, name == content, name if name == content else words))
    return checks


def _hashes_of(data: bytes) -> tuple[str, str]:
    """Content hash and shape hash of a table; the last few are remembered: a manifest that waits is judged again and again."""
    digest = sha256_hex(data)
    if digest not in _KNOWN:
        while len(_KNOWN) >= KNOWN_MAX:
            del _KNOWN[next(iter(_KNOWN))]
        _KNOWN[digest] = _computed(data)
    return _KNOWN[digest]


def _computed(data: bytes) -> tuple[str, str]:
    from lakehouse.df_hash import df_hash, read_table, shape_hash

    table = read_table(data, what="the returns file")
    shape = shape_hash(table)
    try:
        return df_hash(table), shape
    except InputError as error:
        if error.code != "NOT_FINGERPRINTED":
            raise
        return f"none ({error.found})", shape
