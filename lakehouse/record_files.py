"""Log and ledger as open files: what is written together, in which order, and where both end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from lakehouse.layout import Layout, write_all
from lakehouse.ledger import LedgerChain
from lakehouse.ledger_format import LEDGERED
from lakehouse.records import AnyLine

if TYPE_CHECKING:
    from hashlib import _Hash

ANCHOR_LINES: Final = 1_000  # how many lines of the log may go without an anchor in the ledger while a run goes on

Pending = tuple[int, AnyLine, bytes]  # number, line, raw bytes without newline


class RecordFiles:
    """Both files open for appending, and everything that runs with their ends. One thread at a time.

    After an `OSError` nothing may be written again: what is on disk is then not known.
    """

    def __init__(
        self, layout: Layout, *, chain: LedgerChain, log_hash: _Hash, log_line: int, last_ts_ns: int, anchored: int, sync: bool
    ) -> None:
        """Open both, making them where they are missing. Raises `OSError`."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._ledger = os.open(layout.ledger, flags, 0o644)
        try:
            self._log = os.open(layout.log, flags, 0o644)
        except OSError:
            os.close(self._ledger)
            raise
        self._size = {descriptor: os.fstat(descriptor).st_size for descriptor in (self._log, self._ledger)}
        self._chain = chain
        self._log_hash = log_hash
        self.log_line = log_line
        self._last_ts_ns = last_ts_ns
        self._anchored = anchored
        self.sync = sync

    def write(self, lines: list[Pending]) -> None:
        """Write the lines, then their ledger records: one write and one fdatasync a file, log first. Raises `OSError`."""
        blob = b"\n".join([raw for _, _, raw in lines]) + b"\n"
        self._write(blob, lines[-1][1], [item for item in lines if type(item[1]) in LEDGERED])

    def write_blob(self, blob: bytes, lines: list[AnyLine]) -> None:
        """The same for lines that are encoded already, each with its newline, in `blob`. Raises `OSError`."""
        ledgered: list[Pending] = []
        start = 0
        for line in lines:  # half of what splitting a megabyte into all its lines takes
            end = blob.index(b"\n", start)
            if type(line) in LEDGERED:
                ledgered.append((line.seq, line, blob[start:end]))
            start = end + 1
        self._write(blob, lines[-1], ledgered)

    def _write(self, blob: bytes, last: AnyLine, ledgered: list[Pending]) -> None:
        self._log_hash.update(blob)
        self._put(self._log, blob)
        self.log_line = last.seq
        self._last_ts_ns = last.ts_ns
        records = self._chain.records_of(ledgered)
        if self.log_line - self._anchored >= ANCHOR_LINES:
            records += self._anchor()
        if records:
            self._put(self._ledger, records)

    def begin(self, *, run_id: str, ts_ns: int) -> None:
        """Write the genesis record of a new ledger. Raises `OSError`."""
        self._put(self._ledger, self._chain.genesis(run_id=run_id, ts_ns=ts_ns))

    def add_records(self, lines: list[Pending]) -> None:
        """Write only the ledger records of lines that are in the log already. Raises `OSError`."""
        self._put(self._ledger, self._chain.records_of(lines))

    def anchor(self) -> None:
        """Anchor the log as it is, unless it already is. Raises `OSError`."""
        if self.log_line > self._anchored:
            self._put(self._ledger, self._anchor())

    def close(self) -> None:
        os.close(self._log)
        os.close(self._ledger)

    def _anchor(self) -> bytes:
        self._anchored = self.log_line
        return self._chain.anchor(log_line=self.log_line, log_sha256=self._log_hash.hexdigest(), ts_ns=self._last_ts_ns)

    def _put(self, descriptor: int, data: bytes) -> None:
        status = os.fstat(descriptor)
        if status.st_nlink == 0:
            raise OSError("the file is not as it was left: it was removed")
        if status.st_size != self._size[descriptor]:
            raise OSError(f"the file is not as it was left: {status.st_size} bytes instead of {self._size[descriptor]}")
        write_all(descriptor, data)
        self._size[descriptor] += len(data)
        if self.sync:
            os.fdatasync(descriptor)
