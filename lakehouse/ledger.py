"""Writing the ledger: the chain's running end, and the record of each line of the log that must have one."""

from __future__ import annotations

from collections.abc import Iterable

from lakehouse.ledger_format import (
    FIRST_PREV,
    AnchorBody,
    Body,
    CheckpointBody,
    GenesisBody,
    LedgerType,
    encode_record,
    record_of,
    sha256,
)
from lakehouse.merkle import Frontier
from lakehouse.records import AnyLine


class LedgerChain:
    """The end of the chain: the last record's hash, and the Merkle frontier of all. Makes bytes; writes nothing.

    A record made is a record that must be written: there is no way back.
    """

    def __init__(
        self, *, frontier: Frontier, head: str = FIRST_PREV, kind: str | None = None, log_line: int = 0, ts: str = "0"
    ) -> None:
        """Go on after the last record: its hash, its type (None: there is none), the log line it names and its `ts`."""
        self._frontier = frontier
        self.head = head
        self.kind = kind
        self._log_line = log_line
        self._ts_ns = int(ts)

    @property
    def records(self) -> int:
        """How many records there are."""
        return self._frontier.size

    def root(self) -> bytes:
        """Return the Merkle root over all records."""
        return self._frontier.root()

    def add(self, kind: LedgerType, body: Body, *, ts_ns: int) -> bytes:
        """Return the next record's bytes with its newline."""
        raw = encode_record(kind, body, seq=self.records + 1, prev=self.head, ts_ns=ts_ns)
        self.head = sha256(raw)
        self.kind = kind
        self._ts_ns = ts_ns
        self._frontier.add(raw)
        return raw + b"\n"

    def genesis(self, *, run_id: str, ts_ns: int) -> bytes:
        """Return the first record's bytes."""
        assert self.records == 0
        return self.add(LedgerType.GENESIS, GenesisBody(run_id=run_id), ts_ns=ts_ns)

    def records_of(self, lines: Iterable[tuple[int, AnyLine, bytes]]) -> bytes:
        """Return the records that `lines` (number, line, raw bytes without newline) must have, in order."""
        made = []
        for number, line, raw in lines:
            record = record_of(line, raw, log_line=number)
            assert record is not None, line
            made.append(self.add(record[0], record[1], ts_ns=line.ts_ns))
            self._log_line = number
        return b"".join(made)

    def anchor(self, *, log_line: int, log_sha256: str, ts_ns: int) -> bytes:
        """Return a record over the log's lines 1 to `log_line`; `ts_ns` is that line's."""
        self._log_line = log_line
        return self.add(LedgerType.LOG_ANCHOR, AnchorBody(log_line=log_line, log_sha256=log_sha256), ts_ns=ts_ns)

    def checkpoint(self) -> bytes:
        """Return a record which says that all records before it are signed, and what their root is."""
        body = CheckpointBody(log_line=self._log_line, root=self.root().hex(), size=self.records)
        return self.add(LedgerType.CHECKPOINT, body, ts_ns=self._ts_ns)
