"""The Parquet copy beside a log: `<log>.parquet/`, parts of byte ranges with their hashes, extended and never trusted blindly.

A part holds the lines of a byte range, one file a table, typed as `analysis.log_columns` says. `copy.json` names the parts; it
and they are written to new files that are renamed. Whoever extends it holds `writing.lock`, whoever reads it shares
`reading.lock`; files that nothing names are removed only while nobody reads.

(1) Parts made for other columns, or with a file missing or of another size, are dropped. (2) When inode, size or times of the log
are not those last seen, its bytes are compared by hash, and parts from the first difference on are dropped. (3) Lines after the
last part are read, judged and added. Left out: an edit more than `FULL_CHECK_BYTES` before the end of a log that grew as well is
seen only where it hits a sample; `sluice verify` reads all.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from analysis.log_bytes import LogExtent, LogSlices, extent_of, find_fault, lines_by_tag
from analysis.log_columns import TABLES
from analysis.log_parts import (
    COPY_VERSION,
    PART_BYTES,
    Index,
    Part,
    PartFile,
    kept_parts,
    read_index,
    remove_unnamed,
    samples_of,
    seen_as,
    without_small,
    write_index,
)
from analysis.log_sql import COLUMNS_SHA256, PLAN_LINES_TABLE, json_select, plan_lines_select

WAIT_S: Final = 600  # for another process that extends the same copy
POLL_S: Final = 0.1


class CopyUnusable(Exception):
    """No copy can be kept here; the log itself is read instead. Says why in words."""


class LogCopy:
    """A copy that holds all whole lines of `extent`; its files stay until `close`."""

    def __init__(self, directory: Path, *, extent: LogExtent, parts: Sequence[Part], reading: int) -> None:
        self.directory = directory
        self.extent = extent
        self.parts = parts
        self._reading = reading

    def files(self, table: str) -> list[Path]:
        """Return the files of a table in the log's order; empty when it has no line."""
        return [self.directory / part.files[table].name for part in self.parts if table in part.files]

    def close(self) -> None:
        """Let others remove files this copy no longer names."""
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1


def copy_directory(log: Path) -> Path:
    """Return where the copy of `log` lies."""
    return log.with_name(log.name + ".parquet")


def open_copy(path: Path, *, connection: duckdb.DuckDBPyConnection, slices: LogSlices) -> LogCopy:
    """Return the copy of the log at `path`, extended to its last whole line.

    Where the log ends is looked up under the lock, so that of two readers the later one never takes back what the other added.
    Raises `CopyUnusable` when none can be kept, and what `find_fault` says when a line that was not copied yet is broken.
    """
    directory = copy_directory(path)
    try:
        directory.mkdir(exist_ok=True)
        if directory.is_symlink() or not directory.is_dir():
            raise CopyUnusable(f"{directory} is no directory")
        with _locked(directory / "writing.lock"):
            extent = extent_of(path)
            try:
                parts = _extended(directory, extent, connection=connection, slices=slices)
                reading = _lock(directory / "reading.lock", fcntl.LOCK_SH)
            finally:
                extent.bytes.close()
        return LogCopy(directory, extent=extent, parts=parts, reading=reading)
    except OSError as error:
        raise CopyUnusable(f"{directory}: {error.strerror or error}") from error


def _extended(directory: Path, extent: LogExtent, *, connection: duckdb.DuckDBPyConnection, slices: LogSlices) -> list[Part]:
    old = read_index(directory)
    seen = seen_as(extent)
    kept = kept_parts(directory, extent, old=old, seen=seen)
    parts = list(without_small(kept)) if kept and kept[-1].end < extent.whole else list(kept)
    at = parts[-1].end if parts else 0
    first_line = parts[-1].first_line + parts[-1].lines if parts else 1
    while at < extent.whole:
        part = _make_part(directory, extent, at=at, first_line=first_line, connection=connection, slices=slices)
        parts.append(part)
        at, first_line = part.end, part.first_line + part.lines
    while parts and parts[-1].start >= extent.whole:
        parts.pop()
    new = Index(version=COPY_VERSION, columns_sha256=COLUMNS_SHA256, seen=seen, parts=parts)
    if new != old:
        write_index(directory, new)
        remove_unnamed(directory, parts)
    return parts


# --- what is added ---


def _make_part(
    directory: Path,
    extent: LogExtent,
    *,
    at: int,
    first_line: int,
    connection: duckdb.DuckDBPyConnection,
    slices: LogSlices,
) -> Part:
    data = extent.bytes.pread(min(PART_BYTES, extent.whole - at), at)
    end = data.rfind(b"\n") + 1
    if end == 0:
        fault = find_fault(extent, start=at, end=extent.whole, first_line=first_line)
        raise fault if fault is not None else CopyUnusable(f"{extent.path} shrank while it was read")
    data = data[:end]
    sha256 = hashlib.sha256(data).hexdigest()
    lines = data.count(b"\n")
    groups = lines_by_tag(data, path=extent.path, first_line=first_line)
    del data
    selects = []
    for table in TABLES:
        if table.tag in groups:
            held = slices.hold(table.tag, groups[table.tag])
            selects.append((table.name, json_select(table, [held])))
            if table.tag == "plan":
                selects.append((PLAN_LINES_TABLE, plan_lines_select(f"({json_select(table, [held])})")))
    try:
        files = {
            name: _write_table(directory, f"{at}-{at + end}-{sha256[:16]}-{name}.parquet", select, connection)
            for name, select in selects
        }
    except duckdb.IOException as error:
        raise CopyUnusable(f"{directory}: {str(error).splitlines()[0]}") from error
    except duckdb.Error as error:
        fault = find_fault(extent, start=at, end=at + end, first_line=first_line)
        if fault is None:
            raise
        raise fault from error
    finally:
        slices.drop()
    part = Part(
        start=at, end=at + end, first_line=first_line, lines=lines, sha256=sha256, sample_sha256="",
        files={name: file for name, file in files.items() if file.rows},
    )  # fmt: skip
    return msgspec.structs.replace(part, sample_sha256=samples_of(extent.bytes, part))


def _write_table(directory: Path, name: str, select: str, connection: duckdb.DuckDBPyConnection) -> PartFile:
    path = directory / name
    new = directory / f"{name}.tmp-{os.getpid()}"
    target = str(new).replace("'", "''")
    row = connection.execute(
        f"COPY ({select}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION V2)"
    ).fetchone()
    assert row is not None
    os.replace(new, path)
    return PartFile(name=name, rows=int(row[0]), bytes=path.stat().st_size)


# --- locks ---


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = _lock(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(fd)


def _lock(path: Path, kind: int) -> int:
    """Return a descriptor that holds the lock; closing it lets go. Raises `CopyUnusable` after `WAIT_S`."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    for _ in range(int(WAIT_S / POLL_S)):
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            time.sleep(POLL_S)
    os.close(fd)
    raise CopyUnusable(f"another process held {path} for {WAIT_S} s")
