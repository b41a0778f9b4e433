"""The bytes of a log: where its whole lines end, byte ranges of it for DuckDB, and which line is broken.

A run may append while the log is read: what is read ends where the last whole line ended when it was opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fsspec import AbstractFileSystem

from lakehouse.rebuild import amount, decode_line
from lakehouse.strict_json import open_regular
from orders.errors import InputError, RecordCorrupt

LINE_BYTES_MAX: Final = 16 << 20  # DuckDB's own bound of one JSON object; a plan of 10,000 lines has 5 MB
TAIL_CHUNK: Final = 1 << 20
PROTOCOL: Final = "logslice"

_SEQ: Final = re.compile(rb'"seq":(\d+)')


@dataclass(frozen=True, slots=True)
class LogExtent:
    """A log as it was when it was opened: `whole` bytes of whole lines, then `torn` bytes without a newline."""

    path: Path
    whole: int
    torn: int


def extent_of(path: Path) -> LogExtent:
    """Return where the whole lines of the log at `path` end.

    Raises `NotYet` VANISHED, `InputError` (NOT_A_FILE, UNREADABLE; LOG_LINE_TOO_LONG when no line ends in the last 16 MiB).
    """
    fd = open_regular(path)
    try:
        size = os.fstat(fd).st_size
        end = size
        while end > 0:
            start = max(0, end - TAIL_CHUNK)
            newline = os.pread(fd, end - start, start).rfind(b"\n")
            if newline >= 0:
                return LogExtent(path=path, whole=start + newline + 1, torn=size - start - newline - 1)
            end = start
            if size - end > LINE_BYTES_MAX:
                raise too_long(path, "the last line")
        return LogExtent(path=path, whole=0, torn=size)
    finally:
        os.close(fd)


def too_long(path: Path, line: str) -> InputError:
    """Say that a line is longer than anything Sluice writes."""
    return InputError(
        "LOG_LINE_TOO_LONG",
        expected=f"lines of at most {LINE_BYTES_MAX} bytes in {path}",
        found=f"more in {line}",
        action="This is no log of Sluice, or it is damaged. Run `sluice verify`.",
    )


def whole_lines(path: Path, *, start: int, end: int) -> Iterator[bytes]:
    """Yield the lines of bytes `start` to `end` without their newlines. Raises `InputError` LOG_LINE_TOO_LONG."""
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left > 0:
            raw = file.readline(min(left, LINE_BYTES_MAX + 1))
            if not raw:
                return
            left -= len(raw)
            if not raw.endswith(b"\n"):
                raise too_long(path, f"the line that begins with {raw[:60]!r}")
            yield raw[:-1]


def find_fault(path: Path, *, start: int, end: int, first_line: int) -> InputError | RecordCorrupt | None:
    """Return what is wrong with the first line of bytes `start` to `end` that is no line of this version, with its number.

    `first_line`: number of the line at `start`. Slow (one line at a time): asked once a fast read has failed.
    """
    from analysis.log_columns import check_numbers

    number = first_line
    for number, raw in enumerate(whole_lines(path, start=start, end=end), start=first_line):
        try:
            line = decode_line(raw)
            check_numbers(line)
        except RecordCorrupt as error:
            return RecordCorrupt(
                error.code,
                expected=f"{error.expected} in line {number} of {path}",
                found=error.found,
                action="Run `sluice verify`; a log is mended from a copy, never by hand.",
            )
        if line.seq != number:
            return RecordCorrupt(
                "LOG_SEQ",
                expected=f"seq {number} in line {number} of {path}",
                found=f"seq {line.seq}",
                action="Lines are missing, doubled or in another order. Run `sluice verify`.",
            )
    return None


class LogSlices(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Byte ranges of local files under names DuckDB can open; see `slice_name`."""

    protocol = PROTOCOL
    cachable = False

    def open(self, path: str, mode: str = "rb", **_: Any) -> LogSlice:
        file, start, end = _parsed(path)
        return LogSlice(file, start=start, end=end)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        _file, start, end = _parsed(path)
        return {"name": path, "size": end - start, "type": "file"}

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def exists(self, path: str, **_: Any) -> bool:
        return True

    def isfile(self, path: str) -> bool:
        return True

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(0, UTC)


def slice_name(path: Path, *, start: int, end: int) -> str:
    """Return the name under which DuckDB reads bytes `start` to `end` of `path`; hex, so that no character is special."""
    return f"{PROTOCOL}://{start}-{end}-{os.fsencode(path.absolute()).hex()}"


def _parsed(name: str) -> tuple[str, int, int]:
    start, end, coded = name.removeprefix(f"{PROTOCOL}://").split("-")
    return os.fsdecode(bytes.fromhex(coded)), int(start), int(end)


class LogSlice:
    """A file object over a byte range: what DuckDB calls and nothing more."""

    def __init__(self, path: str, *, start: int, end: int) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._start = start
        self._size = end - start
        self._at = 0
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._at
        data = os.pread(self._fd, left if size < 0 else min(size, left), self._start + self._at)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
            self.closed = True
