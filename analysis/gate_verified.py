"""Whether the record of a source of evidence verifies: all of it, as `sluice verify` does it, and what that was of.

The answer is kept beside the log's Parquet copy and stands while no file of the record has changed by a byte, by its size or by
its times. `fresh` asks anew whatever is kept: what a promotion rests on is verified then and there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from analysis.log_copy import copy_directory
from lakehouse.layout import Layout, replace_file
from lakehouse.ledger_key import keys_directory, trusted_keys
from lakehouse.segments import Segments, closed_segments
from lakehouse.verifier import verify
from orders.errors import InputError, SluiceError
from orders.values import Record

PROOF_VERSION: Final = 1
KEPT: Final = "verified.json"
LONG_BYTES: Final = 16 << 20  # of a log: from here on a second process is worth its start
SIZE_MAX: Final = 1 << 20


class Proof(Record, frozen=True, kw_only=True):
    """`problem`: why the record does not verify, "" where it does; then `ledger_lines` lines of the ledger with the Merkle root
    `ledger_root` (hex) over them, and `log_lines` lines of the log, agree.
    """

    ledger_lines: int = 0
    ledger_root: str = ""
    log_lines: int = 0
    problem: str = ""


class _Kept(Record, frozen=True, kw_only=True):
    version: int
    files: tuple[tuple[str, int, int, int, int], ...]
    trusted: tuple[str, ...]
    proof: Proof


def proof_of(layout: Layout, *, fresh: bool = False) -> Proof:
    """Return whether the record in a data directory verifies. Raises `NotYet`, `InputError` where there is none."""
    trusted = trusted_keys(keys_directory())
    names = tuple(key.hex() for key in trusted)
    before = _files(layout)
    kept = None if fresh else _read(layout)
    if kept is not None and (kept.files, kept.trusted) == (before, names):
        return kept.proof
    proof = _verified(layout, trusted)
    if not proof.problem and _files(layout) == before:
        _write(layout, _Kept(version=PROOF_VERSION, files=before, trusted=names, proof=proof))
    return proof


def _verified(layout: Layout, trusted: tuple[bytes, ...]) -> Proof:
    with Segments(layout.log) as log:
        processes = 2 if log.size >= LONG_BYTES and (os.process_cpu_count() or 1) > 1 else 1
    try:
        report = verify(layout.directory, trusted=trusted, processes=processes)
    except InputError:
        raise
    except SluiceError as error:
        return Proof(problem=str(error))
    if report.first_bad is not None:
        bad = report.first_bad
        return Proof(problem=f"{bad.code} at line {bad.overall} of {bad.file}")
    return Proof(ledger_lines=report.ledger_records, ledger_root=report.ledger_root, log_lines=report.log_lines)


def _files(layout: Layout) -> tuple[tuple[str, int, int, int, int], ...]:
    """Every file of the record with inode, size and times; the directory of inputs by itself, whose files never change."""
    found = []
    for path in _paths(layout):
        with suppress(FileNotFoundError):
            stat = path.stat()
            found.append((path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return tuple(found)


def _paths(layout: Layout) -> Iterator[Path]:
    for file in (layout.log, layout.ledger):
        yield from closed_segments(file)
        yield file
    yield from (layout.checkpoints, layout.state, layout.inputs, layout.top_of_book)


def _read(layout: Layout) -> _Kept | None:
    path = copy_directory(layout.log) / KEPT
    try:
        if path.stat().st_size > SIZE_MAX:
            return None
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None
    return kept if kept.version == PROOF_VERSION else None


def _write(layout: Layout, kept: _Kept) -> None:
    """Keep the answer where the copy is kept; where nothing can be kept, nothing is."""
    directory = copy_directory(layout.log)
    with suppress(OSError):
        directory.mkdir(exist_ok=True)
        replace_file(directory / KEPT, msgspec.json.encode(kept))
