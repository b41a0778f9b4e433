"""The parts of a log's Parquet copy: the index that names them, which of them are still right, and the files nobody names."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from analysis.log_bytes import LogExtent
from analysis.log_sql import COLUMNS_SHA256
from lakehouse.segments import Segments

COPY_VERSION: Final = 1
PART_BYTES: Final = 64 << 20  # of the log; its lines and a copy of them by type are in memory at a time
SMALL_PARTS_MAX: Final = 16  # more of them at the end are read once more and become few
FULL_CHECK_BYTES: Final = 256 << 20  # of a log that grew, compared by hash in a third of a second; older parts by samples
SAMPLES: Final = 16  # blocks of a part, besides its first and last
SAMPLE_BYTES: Final = 4096


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What told the log apart when it was last compared."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class PartFile(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a part."""

    name: str
    rows: int
    bytes: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Lines `first_line` and `lines` - 1 more: bytes `start` to `end` of the log, table name -> file."""

    start: int
    end: int
    first_line: int
    lines: int
    sha256: str
    sample_sha256: str
    files: Mapping[str, PartFile]


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """`copy.json`."""

    version: int
    columns_sha256: str
    seen: Seen
    parts: Sequence[Part]


def read_index(directory: Path) -> Index | None:
    try:
        index = msgspec.json.decode((directory / "copy.json").read_bytes(), type=Index)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return index if index.version == COPY_VERSION and index.columns_sha256 == COLUMNS_SHA256 else None


def seen_as(extent: LogExtent) -> Seen:
    """The file that grows stands for all: closed segments are not written to, and closing one gives it another inode."""
    stat = extent.bytes.active_stat()
    if stat is None:
        return Seen(inode=0, size=extent.bytes.size, modified_ns=0, changed_ns=0)
    return Seen(inode=stat.st_ino, size=extent.bytes.size, modified_ns=stat.st_mtime_ns, changed_ns=stat.st_ctime_ns)


def kept_parts(directory: Path, extent: LogExtent, *, old: Index | None, seen: Seen) -> list[Part]:
    """Return the parts from the first on that are whole and of the log as it is now."""
    if old is None:
        return []
    grew = seen.inode == old.seen.inode and seen.size > old.seen.size
    full_from = max(0, old.parts[-1].end - FULL_CHECK_BYTES) if grew and old.parts else 0
    log = extent.bytes
    kept: list[Part] = []
    at = 0
    for part in old.parts:
        if part.start != at or part.end > extent.whole or not _files_whole(directory, part):
            break
        if seen != old.seen:
            same = _sha256(log, part) == part.sha256 if part.end > full_from else samples_of(log, part) == part.sample_sha256
            if not same:
                break
        kept.append(part)
        at = part.end
    return kept


def _files_whole(directory: Path, part: Part) -> bool:
    try:
        return all((directory / file.name).stat().st_size == file.bytes for file in part.files.values())
    except OSError:
        return False


def without_small(parts: Sequence[Part]) -> Sequence[Part]:
    small = 0
    while small < len(parts) and parts[-1 - small].end - parts[-1 - small].start < PART_BYTES // 2:
        small += 1
    return parts[: len(parts) - small] if small >= SMALL_PARTS_MAX else parts


def _sha256(log: Segments, part: Part) -> str:
    digest = hashlib.sha256()
    for at in range(part.start, part.end, 1 << 22):
        digest.update(log.pread(min(1 << 22, part.end - at), at))
    return digest.hexdigest()


def samples_of(log: Segments, part: Part) -> str:
    digest = hashlib.sha256()
    last = max(part.start, part.end - SAMPLE_BYTES)
    for number in range(SAMPLES + 2):
        at = part.start + (last - part.start) * number // (SAMPLES + 1)
        digest.update(log.pread(min(SAMPLE_BYTES, part.end - at), at))
    return digest.hexdigest()


def write_index(directory: Path, index: Index) -> None:
    new = directory / f"copy.json.tmp-{os.getpid()}"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=1))
    os.replace(new, directory / "copy.json")


def remove_unnamed(directory: Path, parts: Sequence[Part]) -> None:
    """Remove files of ours that no part names, unless somebody may be reading them."""
    named = {file.name for part in parts for file in part.files.values()}
    fd = os.open(directory / "reading.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for path in directory.glob("*.parquet*"):
            if path.name not in named:
                path.unlink(missing_ok=True)
    finally:
        os.close(fd)
