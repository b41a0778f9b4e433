"""The bytes of a log: where its whole lines end, byte ranges of it for DuckDB, and which line is broken.

A run may append while the log is read: what is read ends where the last whole line ended when it was opened. A log that is
in segments is read as one; places and line numbers are of the whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from fsspec import AbstractFileSystem

from analysis.log_columns import NAMES, check_numbers
from lakehouse.rebuild import decode_line
from lakehouse.records import LOG_VERSION
from lakehouse.segments import Segments, has_file
from lakehouse.strict_json import open_regular
from orders.errors import InputError, RecordCorrupt

LINE_BYTES_MAX: Final = 16 << 20  # DuckDB's own bound of one JSON object; a plan of 10,000 lines has 5 MB
TAIL_CHUNK: Final = 1 << 20
HEAD_BYTES: Final = 80
READ_AHEAD: Final = 64 << 20  # DuckDB asks for 16 MiB at a time
PROTOCOL: Final = "logslice"
NEWER: Final = "Another version of Sluice wrote it: read it with that one; or it is damaged: run `sluice verify`."

_HEAD: Final = re.compile(rb'\{"type":"([a-z_]+)","v":%d,"seq":(\d+),' % LOG_VERSION)


@dataclass(frozen=True, slots=True)
class LogExtent:
    """A log as it was when it was opened: `whole` bytes of whole lines, then `torn` bytes without a newline.

    `lines`: the number its last whole line gives itself; 0 where it gives none. `bytes`: of all its segments, open.
    """

    path: Path
    whole: int
    torn: int
    lines: int
    bytes: Segments


def extent_of(path: Path) -> LogExtent:
    """Return where the whole lines of the log at `path` end; close its `bytes` when done.

    Raises `NotYet` VANISHED, `InputError` (NOT_A_FILE, UNREADABLE; LOG_LINE_TOO_LONG when no line ends in the last 16 MiB),
    `BadLine` SEGMENT_MISSING, `StorageError`.
    """
    if path.exists() or not has_file(path):
        os.close(open_regular(path))  # refuses what is no file
    log = Segments(path)
    try:
        whole = _line_start(log, log.size)
        head = _HEAD.match(log.pread(HEAD_BYTES, _line_start(log, whole - 1))) if whole else None
        return LogExtent(path=path, whole=whole, torn=log.size - whole, lines=0 if head is None else int(head[2]), bytes=log)
    except BaseException:
        log.close()
        raise


def _line_start(log: Segments, before: int) -> int:
    """Return where the line begins that byte `before` is part of: after the last newline before it, or 0."""
    end = before
    while end > 0:
        start = max(0, end - TAIL_CHUNK)
        newline = log.pread(end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
        if before - end > LINE_BYTES_MAX:
            raise too_long(log.file, "its last lines")
    return 0


def too_long(path: Path, line: str) -> InputError:
    """Say that a line is longer than anything Sluice writes."""
    return InputError(
        "LOG_LINE_TOO_LONG",
        expected=f"lines of at most {LINE_BYTES_MAX} bytes in {path}",
        found=f"more in {line}",
        action="This is no log of Sluice, or it is damaged. Run `sluice verify`.",
    )


def whole_lines(extent: LogExtent, *, start: int, end: int) -> Iterator[bytes]:
    """Yield the lines of bytes `start` to `end` without their newlines. Raises `InputError` LOG_LINE_TOO_LONG."""
    at = start
    while at < end:
        data = extent.bytes.pread(min(LINE_BYTES_MAX + 1, end - at), at)
        if not data:
            return
        whole = data.rfind(b"\n") + 1
        if whole == 0:
            raise too_long(extent.path, f"the line that begins with {data[:60]!r}")
        yield from data[: whole - 1].split(b"\n")
        at += whole


def find_fault(extent: LogExtent, *, start: int, end: int, first_line: int) -> InputError | RecordCorrupt | None:
    """Return what is wrong with the first line of bytes `start` to `end` that is no line of this version, with its number.

    `first_line`: number of the line at `start`. Slow (one line at a time): asked once a fast read has failed.
    """
    try:
        for number, raw in enumerate(whole_lines(extent, start=start, end=end), start=first_line):
            _judged(raw, number=number, path=extent.path)
    except (InputError, RecordCorrupt) as fault:
        return fault
    return None


def check_lines(extent: LogExtent) -> None:
    """Read the whole log and raise what `find_fault` returns where its lines are not numbered from 1 without gaps."""
    at, number = 0, 1
    while at < extent.whole:
        data = extent.bytes.pread(min(LINE_BYTES_MAX + 1, extent.whole - at), at)
        end = data.rfind(b"\n") + 1
        if end == 0:
            raise too_long(extent.path, f"line {number}")
        data = data[:end]
        lines_by_tag(data, path=extent.path, first_line=number)
        at, number = at + end, number + data.count(b"\n")


def _judged(raw: bytes, *, number: int, path: Path) -> str:
    """Return the type of a line that is right; its number is `number`."""
    try:
        line = decode_line(raw)
        check_numbers(line)
    except RecordCorrupt as error:
        raise RecordCorrupt(
            error.code,
            expected=f"{error.expected} in line {number} of {path}",
            found=error.found,
            action=NEWER if error.code == "LOG_VERSION" else "Run `sluice verify`; a log is mended from a copy, never by hand.",
        ) from error
    if line.seq != number:
        raise RecordCorrupt(
            "LOG_SEQ",
            expected=f"seq {number} in line {number} of {path}",
            found=f"seq {line.seq}",
            action="Lines are missing, doubled or in another order. Run `sluice verify`.",
        )
    return str(line.__struct_config__.tag)


def lines_by_tag(data: bytes, *, path: Path, first_line: int) -> dict[str, bytes]:
    """Return the whole lines in `data` by their type, each group joined again; every line's number is checked.

    What begins as Sluice writes it is not decoded here. Raises what `find_fault` returns.
    """
    groups: dict[str, list[bytes]] = {}
    lines = data.split(b"\n")
    assert not lines[-1], "data ends with a newline"
    for number, line in enumerate(lines[:-1], start=first_line):
        if len(line) > LINE_BYTES_MAX:
            raise too_long(path, f"line {number}")
        head = _HEAD.match(line)
        tag = head[1].decode() if head is not None and int(head[2]) == number else ""
        if tag not in NAMES:
            tag = _judged(line, number=number, path=path)
        groups.setdefault(tag, []).append(line)
    return {tag: b"\n".join(group) + b"\n" for tag, group in groups.items()}


class LogSlices(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Byte ranges of local files and logs, and bytes held in memory, under names DuckDB can open.

    See `slice_name`, `log_slice` and `hold`.
    """

    protocol = PROTOCOL
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[str, bytes] = {}
        self._logs: dict[str, tuple[Segments, int]] = {}

    def log_slice(self, log: Segments, *, end: int) -> str:
        """Return the name under which DuckDB reads the first `end` bytes of a log, as long as that is open."""
        name = f"{PROTOCOL}://log-{len(self._logs)}"
        self._logs[name] = (log, end)
        return name

    def hold(self, name: str, data: bytes) -> str:
        """Keep `data` readable under the returned name until `drop`."""
        full = f"{PROTOCOL}://held-{name}"
        self._held[full] = data
        return full

    def drop(self) -> None:
        """Forget all that is held."""
        self._held.clear()

    def open(self, path: str, mode: str = "rb", **_: Any) -> LogSlice | BytesIO:
        if path in self._held:
            return BytesIO(self._held[path])
        if path in self._logs:
            log, size = self._logs[path]
            return LogSlice(log.pread, ahead=log.ahead, start=0, end=size)
        file, start, end = _parsed(path)
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        return LogSlice(
            lambda length, at: os.pread(fd, length, at),
            ahead=lambda length, at: os.posix_fadvise(fd, at, length, os.POSIX_FADV_WILLNEED),
            start=start,
            end=end,
            close=lambda: os.close(fd),
        )

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        if path in self._held:
            return {"name": path, "size": len(self._held[path]), "type": "file"}
        if path in self._logs:
            return {"name": path, "size": self._logs[path][1], "type": "file"}
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

    def __init__(
        self,
        pread: Callable[[int, int], bytes],
        *,
        ahead: Callable[[int, int], None],
        start: int,
        end: int,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """`pread(size, at)` reads, `ahead(size, at)` says what will be read; `close` lets go."""
        self._pread = pread
        self._ahead = ahead
        self._start = start
        self._size = end - start
        self._at = 0
        self._close = close
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._at
        if left > 0:  # readers take turns at a file object: let the disk work meanwhile
            self._ahead(min(READ_AHEAD, left), self._start + self._at)
        data = self._pread(left if size < 0 else min(size, left), self._start + self._at)
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
            self.closed = True
            self._close()
