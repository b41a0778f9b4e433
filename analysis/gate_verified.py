"""Whether the record of a source of evidence verifies: all of it, as `sluice verify` does it, and what that was of.

The answer is kept beside the log's Parquet copy. It stands while no file of the record has changed by its inode, size or times;
of a long record that has only grown since, its end then unaltered, it stands for the lines it is of, and how many came after is
told. `fresh` asks anew whatever is kept: what a promotion rests on is verified then and there.
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
from lakehouse.plain_file import open_plain
from lakehouse.segments import Segments, closed_segments
from lakehouse.verifier import verify
from orders.canonical import sha256_hex
from orders.errors import InputError, SluiceError
from orders.values import Record

PROOF_VERSION: Final = 1
KEPT: Final = "verified.json"
LONG_BYTES: Final = 16 << 20  # of a log: from here on a second process is worth its start
SIZE_MAX: Final = 1 << 20
END_BYTES: Final = 1 << 20
GROWN_SHARE: Final = 10  # of a long log: it is verified anew when it has grown by a tenth


class Proof(Record, frozen=True, kw_only=True):
    """`problem`: why the record does not verify, "" where it does; then `ledger_lines` lines of the ledger with the Merkle root
    `ledger_root` (hex) over them, and `log_lines` lines of the log, agree.
    """

    ledger_lines: int = 0
    ledger_root: str = ""
    log_lines: int = 0
    problem: str = ""


type Stamp = tuple[str, int, int, int, int]  # name, inode, size, time of change, of change of the inode


class _Kept(Record, frozen=True, kw_only=True):
    """`ends`: of log and ledger as they grew then, inode, size and sha256 of the last bytes."""

    version: int
    files: tuple[Stamp, ...]
    ends: tuple[tuple[int, int, str], ...]
    trusted: tuple[str, ...]
    proof: Proof


def proof_of(layout: Layout, *, fresh: bool = False, long_bytes: int = LONG_BYTES) -> Proof:
    """Return whether the record in a data directory verifies. `long_bytes`: of a log that counts as long.

    Raises `NotYet`, `InputError` where there is none.
    """
    trusted = trusted_keys(keys_directory())
    names = tuple(key.hex() for key in trusted)
    before = _files(layout)
    kept = None if fresh else _read(layout)
    if kept is not None and kept.trusted == names and (kept.files == before or _only_grown(layout, kept, before, long_bytes)):
        return kept.proof
    ends = tuple(_end(path) for path in (layout.log, layout.ledger))
    proof = _verified(layout, trusted)
    if not proof.problem:
        _write(layout, _Kept(version=PROOF_VERSION, files=before, ends=ends, trusted=names, proof=proof))
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


def _only_grown(layout: Layout, kept: _Kept, now: tuple[Stamp, ...], long_bytes: int) -> bool:
    """Whether a long log and its ledger have only got some more lines: the same closed segments, the same end as it was then."""
    closed = {path.name for file in (layout.log, layout.ledger) for path in closed_segments(file)}
    if [one for one in now if one[0] in closed] != [one for one in kept.files if one[0] in closed]:
        return False
    size = kept.ends[0][1]
    grown = [stamp for stamp in now if stamp[0] == layout.log.name]
    if size < long_bytes or not grown or not size <= grown[0][2] <= size + size // GROWN_SHARE:
        return False
    return kept.ends == tuple(
        _end(path, size=known) for path, (_, known, _) in zip((layout.log, layout.ledger), kept.ends, strict=True)
    )


def _end(path: Path, *, size: int | None = None) -> tuple[int, int, str]:
    """Inode, size and hash of the last bytes of a file, as if it had `size`; of one that is not there, or is shorter, none."""
    try:
        with open_plain(path) as file:
            stat = os.fstat(file.fileno())
            length = stat.st_size if size is None else size
            data = os.pread(file.fileno(), min(END_BYTES, length), max(0, length - END_BYTES))
    except OSError:
        return (0, 0, "")
    return (stat.st_ino, length, sha256_hex(data)) if stat.st_size >= length else (0, 0, "")


def _files(layout: Layout) -> tuple[Stamp, ...]:
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
