"""Log, ledger and checkpoints as open files: what is written together, in which order, and where they end."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from lakehouse.checkpoints import CHECKPOINT_LINES, origin_of
from lakehouse.layout import Layout, write_all
from lakehouse.ledger import LedgerChain
from lakehouse.ledger_format import LEDGERED, LedgerType
from lakehouse.ledger_key import Signer
from lakehouse.records import AnyLine, SegmentLine
from lakehouse.rotation import close_segment

if TYPE_CHECKING:
    from hashlib import _Hash

ANCHOR_LINES: Final = 1_000  # how many lines of the log may go without an anchor in the ledger while a run goes on

Pending = tuple[int, AnyLine, bytes]  # number, line, raw bytes without newline


class _Appended:
    """One file open for appending; nobody else may change it meanwhile."""

    def __init__(self, path: Path, *, sync: bool) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, 0o644)
        self.size = os.fstat(self._descriptor).st_size
        self.sync = sync

    def put(self, data: bytes, *, syncing: Callable[[], None] = lambda: None) -> None:
        """Write, and return when it is on disk if that is asked for; `syncing()` is called in between. Raises `OSError`."""
        status = os.fstat(self._descriptor)
        if status.st_nlink == 0:
            raise OSError("the file is not as it was left: it was removed")
        if status.st_size != self.size:
            raise OSError(f"the file is not as it was left: {status.st_size} bytes instead of {self.size}")
        write_all(self._descriptor, data)
        self.size += len(data)
        syncing()
        if self.sync:
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class RecordFiles:
    """The files open for appending, and everything that runs with their ends. One thread at a time.

    A checkpoint is written after the lines it covers, and named by the ledger's next line: what is signed is there, and what
    was signed can be missed. After an `OSError` nothing may be written again: what is on disk is then not known.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        chain: LedgerChain,
        log_hash: _Hash,
        log_line: int,
        last_ts_ns: int,
        anchored: int,
        signer: Signer,
        origin: str | None,
        signed: int,
    ) -> None:
        """Open them, making them where they are missing; synced until `sync_no_more`.

        `origin` None: the ledger has no line yet. `signed`: lines of the ledger under its newest checkpoint. Raises `OSError`.
        """
        self._layout = layout
        self._open()
        self._chain = chain
        self._log_hash = log_hash
        self.log_line = log_line
        self._last_ts_ns = last_ts_ns
        self._anchored = anchored
        self._signer = signer
        self._origin = origin
        self._signed = signed

    def _open(self) -> None:
        layout = self._layout
        with ExitStack() as opened:
            self._ledger = _Appended(layout.ledger, sync=True)
            opened.callback(self._ledger.close)
            self._log = _Appended(layout.log, sync=True)
            opened.callback(self._log.close)
            self._checkpoints = _Appended(layout.checkpoints, sync=True)
            opened.pop_all()

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of the log and of the ledger, without what was closed before."""
        return self._log.size, self._ledger.size

    def rotate(self, *, number: int) -> None:
        """Anchor, sign, and close log and ledger as their segments `number`; both go on empty. Raises `OSError`.

        Whatever is cut off in between is gone on with by the next opening; `begin_segment` is due then, and next.
        """
        self.anchor()
        self.seal()
        self.close()
        for file in (self._layout.log, self._layout.ledger):
            close_segment(file, number=number)
        self._open()

    def begin_segment(self, *, number: int, run_id: str, ts_ns: int) -> SegmentLine:
        """Write the first line of segment `number`, and its record; return the line.

        Nothing was written since the one before was closed. Raises `OSError`.
        """
        line = SegmentLine(
            seq=self.log_line + 1,
            ts_ns=ts_ns,
            market_ns=ts_ns,
            run_id=run_id,
            number=number,
            lines=self.log_line,
            log_sha256=self._log_hash.hexdigest(),
            ledger_lines=self._chain.records,
            ledger_root=self._chain.root().hex(),
        )
        self.write([(line.seq, line, msgspec.json.encode(line))])
        return line

    def sync_no_more(self) -> None:
        """Leave it to the system from now on when what is written comes to disk."""
        self._log.sync = self._ledger.sync = self._checkpoints.sync = False

    @property
    def unsigned(self) -> int:
        """How many lines of the ledger come after its newest checkpoint."""
        return self._chain.records - self._signed

    def write(self, lines: list[Pending], *, syncing: Callable[[], None] = lambda: None) -> None:
        """Write the lines, then their ledger records: one write and one fdatasync a file, log first. Raises `OSError`.

        `syncing()` is called when the log's lines are written and not yet on disk.
        """
        blob = b"\n".join([raw for _, _, raw in lines]) + b"\n"
        self._write(blob, lines[-1][1], [item for item in lines if type(item[1]) in LEDGERED], syncing=syncing)

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

    def _write(self, blob: bytes, last: AnyLine, ledgered: list[Pending], *, syncing: Callable[[], None] = lambda: None) -> None:
        self._log_hash.update(blob)
        self._log.put(blob, syncing=syncing)
        self.log_line = last.seq
        self._last_ts_ns = last.ts_ns
        self._record(ledgered, anchor=self.log_line - self._anchored >= ANCHOR_LINES)

    def _record(self, ledgered: list[Pending], *, anchor: bool) -> None:
        """Write the records of lines and, if asked, an anchor; before them one that names a checkpoint over all there were.

        A segment's own record does that itself.
        """
        if not ledgered and not anchor:
            return
        begins = bool(ledgered) and isinstance(ledgered[0][1], SegmentLine)
        records = self._chain.checkpoint() if self._signed and not self.unsigned and not begins else b""
        records += self._chain.records_of(ledgered)
        if anchor:
            self._anchored = self.log_line
            hashed = self._log_hash.hexdigest()
            records += self._chain.anchor(log_line=self.log_line, log_sha256=hashed, ts_ns=self._last_ts_ns)
        self._ledger.put(records)

    def begin(self, *, run_id: str, ts_ns: int) -> None:
        """Write the genesis record of a new ledger. Raises `OSError`."""
        raw = self._chain.genesis(run_id=run_id, ts_ns=ts_ns)
        self._origin = origin_of(raw.removesuffix(b"\n"))
        self._ledger.put(raw)

    def add_records(self, lines: list[Pending]) -> None:
        """Write only the ledger records of lines that are in the log already. Raises `OSError`."""
        self._record(lines, anchor=False)

    def anchor(self) -> None:
        """Anchor the log as it is, unless it already is. Raises `OSError`."""
        self._record([], anchor=self.log_line > self._anchored)

    def sign_when_due(self) -> None:
        """Sign the ledger as it is, if `CHECKPOINT_LINES` of it are not. Raises `OSError`."""
        if self.unsigned >= CHECKPOINT_LINES:
            self.sign()

    def sign(self) -> None:
        """Sign the ledger as it is, unless it already is. Raises `OSError`."""
        if not self.unsigned:
            return
        assert self._origin is not None
        note = self._signer.note(origin=self._origin, size=self._chain.records, root=self._chain.root())
        self._checkpoints.put(note if not self._checkpoints.size else b"\n" + note)
        self._signed = self._chain.records

    def seal(self) -> None:
        """Sign the ledger, name the checkpoint in it, and sign that: whoever takes checkpoints away is found out.

        Does nothing when that is so already. Raises `OSError`.
        """
        if not self.unsigned and self._chain.kind == LedgerType.CHECKPOINT:
            return
        self.sign()
        self._ledger.put(self._chain.checkpoint())
        self.sign()

    def close(self) -> None:
        self._log.close()
        self._ledger.close()
        self._checkpoints.close()
