"""The log and the ledger as files on disk: closed segments, oldest first, then the one that grows.

`audit.jsonl` grows; what was closed of it lies beside it as `audit.000001.jsonl`, `audit.000002.jsonl` and so on, and
`execution_logs.jsonl` likewise. Closing renames a file and changes no byte, so that all of them one after the other are at every
instant what one file would be: lines are numbered on, and a place is a byte of the whole. The first line of every segment but
the first says what was closed before it. `lakehouse.rotation` closes; this reads.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from lakehouse.layout import SEGMENT_DIGITS, segment_path, storage_error
from lakehouse.ledger_format import BadLine, raw_blocks
from lakehouse.plain_file import open_plain

SEGMENTS_MAX: Final = 10**SEGMENT_DIGITS - 1
LOOKS_MAX: Final = 100  # a look that a rotation disturbs is taken again; no writer rotates so often


def closed_segments(file: Path) -> tuple[Path, ...]:
    """Return the closed segments of `file`, oldest first; none where nothing was closed, or there is no directory.

    Raises `BadLine` SEGMENT_MISSING where a number is left out, `StorageError`.
    """
    numbers = _numbers(file)
    for place, number in enumerate(numbers, 1):
        if number != place:
            raise missing_segment(file, number=place, found=f"{segment_path(file, number).name} and none of that number")
    return tuple(segment_path(file, number) for number in numbers)


def _numbers(file: Path) -> list[int]:
    name = re.compile(rf"{re.escape(file.stem)}\.([0-9]{{{SEGMENT_DIGITS}}}){re.escape(file.suffix)}")
    try:
        return sorted(int(match[1]) for entry in os.listdir(file.parent) if (match := name.fullmatch(entry)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise storage_error(error, file.parent) from error


def missing_segment(file: Path, *, number: int, found: str) -> BadLine:
    """Say that a closed segment of `file` is gone."""
    name = segment_path(file, number).name
    return BadLine("SEGMENT_MISSING", file=name, line=0, expected=f"segment {number} of {file.name}", found=found, overall=0)


def has_file(file: Path) -> bool:
    """Return whether there is `file`, the log or the ledger, or a closed segment of it. Raises `StorageError`."""
    return file.exists() or bool(_numbers(file))


def is_recorded(file: Path) -> bool:
    """Return whether `file`, the log or the ledger, has a byte, in whichever segment. Raises `OSError`, `StorageError`."""
    try:
        if file.stat().st_size:
            return True
    except FileNotFoundError:
        pass
    return bool(_numbers(file))


class Segments:
    """A file with its closed segments, as they were when this was made; a rotation meanwhile does not disturb.

    `size`: bytes of the whole. `starts`: where in it each segment begins, the one that grows last. `found`: there is a file.
    """

    def __init__(self, file: Path) -> None:
        """Take a look. Raises `BadLine` SEGMENT_MISSING, `StorageError`."""
        self.file = file
        self.closed, self._active = _look(file)
        try:
            sizes = []
            for path in self.closed:
                with open_plain(path) as closed:
                    sizes.append(os.fstat(closed.fileno()).st_size)
            self.active_size = 0 if self._active is None else os.fstat(self._active.fileno()).st_size
        except OSError as error:
            self.close()
            raise storage_error(error, file) from error
        self.starts = [0]
        for size in sizes:
            self.starts.append(self.starts[-1] + size)
        self.size = self.starts[-1] + self.active_size
        self.found = self._active is not None or bool(self.closed)

    @property
    def number(self) -> int:
        """Of the segment that grows, from 1."""
        return len(self.closed) + 1

    def name(self, number: int) -> str:
        """Return the name of the file of a segment."""
        return self.file.name if number == self.number else self.closed[number - 1].name

    def active_stat(self) -> os.stat_result | None:
        """Return what the system says of the file that grows; None where there is none. Raises `OSError`."""
        return None if self._active is None else os.fstat(self._active.fileno())

    def pread(self, size: int, at: int) -> bytes:
        """Return up to `size` bytes from byte `at` of the whole; fewer only at its end. Raises `OSError`."""
        parts = []
        number = bisect_right(self.starts, at) if at < self.size else len(self.starts) + 1
        while size > 0 and number <= len(self.starts):
            end = self.starts[number] if number < len(self.starts) else self.size
            data = self._read_one(number, min(size, end - at), at - self.starts[number - 1])
            if not data and at < end:
                break  # the file shrank
            parts.append(data)
            size, at = size - len(data), at + len(data)
            if at == end:
                number += 1
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_one(self, number: int, size: int, at: int) -> bytes:
        if number == self.number:
            return b"" if self._active is None else os.pread(self._active.fileno(), size, at)
        with open_plain(self.closed[number - 1]) as closed:
            return os.pread(closed.fileno(), size, at)

    def ahead(self, size: int, at: int) -> None:
        """Tell the system that up to `size` bytes from byte `at` on will be read soon, as far as they lie in one file."""
        number = bisect_right(self.starts, at)
        start = self.starts[number - 1]
        if number < self.number:
            with open_plain(self.closed[number - 1]) as closed:
                os.posix_fadvise(closed.fileno(), at - start, size, os.POSIX_FADV_WILLNEED)
        elif self._active is not None:
            os.posix_fadvise(self._active.fileno(), at - start, size, os.POSIX_FADV_WILLNEED)

    def open_one(self, number: int) -> tuple[BinaryIO | None, int]:
        """Return a segment's file at its beginning, and how many bytes of it count; the reader closes a closed one."""
        if number < self.number:
            return open_plain(self.closed[number - 1]), self.starts[number] - self.starts[number - 1]
        if self._active is not None:
            self._active.seek(0)
        return self._active, self.active_size

    def close(self) -> None:
        """Let go of the file that grows; closing twice is allowed."""
        if self._active is not None:
            self._active.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _look(file: Path) -> tuple[tuple[Path, ...], BinaryIO | None]:
    """Return the closed segments and the file that grows, which went together at one instant."""
    for _ in range(LOOKS_MAX):
        closed = closed_segments(file)
        try:
            active = open_plain(file)
        except FileNotFoundError:
            active = None
        except OSError as error:
            raise storage_error(error, file) from error
        if closed_segments(file) == closed:
            return closed, active
        if active is not None:
            active.close()
    raise storage_error(OSError("segments are closed faster than they can be read"), file)


class SegmentReader:
    """Reads the lines of all segments in order, each with whether it is whole; only the very last can be torn.

    `number`: of the segment the last line is of; `first_lines`: of the segments begun, in the whole; `lines`: read so far.
    """

    def __init__(self, segments: Segments) -> None:
        self.segments = segments
        self.number = 0
        self.lines = 0
        self.first_lines: list[int] = []

    @property
    def at_first(self) -> bool:
        """Whether the last line that was read is the first of its segment."""
        return self.lines == self.first_lines[-1]

    def __iter__(self) -> Iterator[tuple[bytes, bool]]:
        """Yield. Raises `BadLine`: LINE_TOO_LONG; SEGMENT_LENGTH of a closed one that ends within a line; `StorageError`."""
        for parts, whole in self._blocks():
            for raw in parts:
                self.lines += 1
                yield raw, whole

    def blocks(self) -> Iterator[tuple[list[bytes], bool]]:
        """Yield many lines at a time, the first of a segment and a torn one alone; all count as read. Raises as `__iter__`."""
        for parts, whole in self._blocks():
            if self.lines + 1 == self.first_lines[-1] and len(parts) > 1:
                self.lines += 1
                yield parts[:1], True
                del parts[0]
            self.lines += len(parts)
            yield parts, whole

    def _blocks(self) -> Iterator[tuple[list[bytes], bool]]:
        segments = self.segments
        for number in range(1, segments.number + 1):
            self.number = number
            self.first_lines.append(self.lines + 1)
            name = segments.name(number)
            try:
                file, size = segments.open_one(number)
                if file is None:
                    return
                try:
                    for parts, whole in raw_blocks(file, name=name, size=size):
                        if not whole and number < segments.number:
                            raise self._torn(parts[0])
                        yield parts, whole
                finally:
                    if number < segments.number:
                        file.close()
            except BadLine as error:
                raise error if error.overall is not None else self.located(error, before=self.first_lines[-1] - 1) from error
            except OSError as error:
                raise storage_error(error, segments.file) from error

    def _torn(self, raw: bytes) -> BadLine:
        return BadLine(
            "SEGMENT_LENGTH",
            file=self.segments.name(self.number),
            line=self.lines - self.first_lines[-1] + 2,
            expected="a closed segment to end with a whole line",
            found=f"{len(raw)} bytes without a newline",
            overall=self.lines + 1,
        )

    def located(self, error: BadLine, *, before: int | None = None) -> BadLine:
        """Return the same error with its segment's file and its line there; `before`: lines before that file, where known.

        Without it `error.line` counts over all segments. What names another file, or is located, is returned as it is.
        """
        if before is not None:
            return error.at(error.file, line=error.line, overall=before + error.line)
        if error.overall is not None or error.file != self.segments.file.name:
            return error
        number = bisect_right(self.first_lines, max(error.line, 1)) or 1
        first = self.first_lines[number - 1] if self.first_lines else 1
        return error.at(self.segments.name(number), line=error.line - first + 1, overall=error.line)
