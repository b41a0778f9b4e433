"""Another process' log read while it grows: whole lines as they come, through every rotation, restart and torn tail.

It reads and nothing else: no lock, no write, no look at the ledger. A tail that a kill tore and the next start cut off was never
taken for a line. What is no log any more (garbage, a gap, a file that was cut or replaced) is one typed error.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Final

from lakehouse.layout import Layout, segment_path, storage_error
from lakehouse.ledger_format import LINE_BYTES_MAX, BadLine
from lakehouse.plain_file import open_plain
from lakehouse.rebuild import decode_line
from lakehouse.records import AnyLine
from orders.errors import RecordCorrupt

CHUNK: Final = 1 << 20  # bytes one call reads at most, unless a single line is longer: a caller's loop must not wait for long


class LogTail:
    """Begins at the first line. `line`: the number of the last line that was given out. Close it when done."""

    def __init__(self, layout: Layout) -> None:
        self.line = 0
        self._log = layout.log
        self._number = 0  # of the segment that is read, from 1; 0: none was there yet
        self._file: BinaryIO | None = None
        self._at = 0  # behind its last whole line
        self._first = 1  # its first line, over all segments

    def lines(self) -> list[AnyLine]:
        """Return the whole lines after the last one that was given out; none where there is none yet.

        At most `CHUNK` bytes of them: ask again until none come. Raises `BadLine`: LOG_LINE, LOG_VERSION, LOG_SEQ, LINE_TOO_LONG,
        LOG_CUT (the file is shorter than what was read of it), LOG_REPLACED (another file has its name), SEGMENT_LENGTH (a closed
        segment ends within a line); `StorageError`.
        """
        try:
            while True:
                if self._file is None and not self._open():
                    return []
                found = self._whole_lines()
                if found:
                    return found
                if not self._is_closed():
                    return []
                if found := self._whole_lines():  # written before it was closed, after the look above
                    return found
                self._leave()
        except OSError as error:
            raise storage_error(error, self._log) from error

    def close(self) -> None:
        """Let go of the file; closing twice is allowed."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> bool:
        """Open the segment after the last one: a closed one of its number, else the file that grows; False: not there yet."""
        number = self._number + 1
        for path in (segment_path(self._log, number), self._log):
            try:
                file = open_plain(path)
            except FileNotFoundError:
                continue
            closed = _identity(segment_path(self._log, number))
            if closed is not None and closed != _identity_of(file):  # it was closed meanwhile, and another one grows
                file.close()
                return self._open()
            self._file, self._number, self._at, self._first = file, number, 0, self.line + 1
            return True
        return False

    def _is_closed(self) -> bool:
        """Whether the file that is read was closed as a segment, so that the log goes on in another one."""
        assert self._file is not None
        own, closed = _identity_of(self._file), _identity(segment_path(self._log, self._number))
        if closed == own:
            return True
        grows = _identity(self._log)
        if grows != own and _identity(segment_path(self._log, self._number)) != own:
            found = "no file" if grows is None else "another file"
            raise self._bad("LOG_REPLACED", "the file that was read so far, or it as a closed segment", f"{found} of that name")
        return False

    def _leave(self) -> None:
        assert self._file is not None
        rest = os.fstat(self._file.fileno()).st_size - self._at
        if rest:
            raise self._bad("SEGMENT_LENGTH", "a closed segment to end with a whole line", f"{rest} bytes without a newline")
        self.close()

    def _whole_lines(self) -> list[AnyLine]:
        assert self._file is not None
        size = os.fstat(self._file.fileno()).st_size
        if size < self._at:
            raise self._bad("LOG_CUT", f"the {self._at} bytes that were read before", f"{size} bytes")
        want = CHUNK
        while True:
            data = os.pread(self._file.fileno(), want, self._at)
            end = data.rfind(b"\n") + 1
            if end or len(data) < want:
                break
            if want > LINE_BYTES_MAX:
                raise self._bad("LINE_TOO_LONG", f"a line of at most {LINE_BYTES_MAX} bytes", f"more than {want} bytes")
            want *= 2
        found = []
        for raw in data[:end].split(b"\n")[:-1]:
            found.append(self._decoded(raw))
            self.line += 1
            self._at += len(raw) + 1
        return found

    def _decoded(self, raw: bytes) -> AnyLine:
        try:
            line = decode_line(raw)
        except RecordCorrupt as error:
            raise self._bad(error.code, error.expected, error.found) from error
        if line.seq != self.line + 1:
            raise self._bad("LOG_SEQ", f"seq {self.line + 1}", f"seq {line.seq}")
        return line

    def _bad(self, code: str, expected: str, found: str) -> BadLine:
        """The line after the last one that was given out is to blame."""
        number = self.line + 1
        return BadLine(code, file=self._log.name, line=number - self._first + 1, expected=expected, found=found, overall=number)


def _identity_of(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
