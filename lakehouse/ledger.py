"""Writing the ledger: the chain's running end, and the record of each line of the log that must have one."""

from __future__ import annotations

from collections.abc import Iterable

from lakehouse.ledger_format import FIRST_PREV, AnchorBody, Body, GenesisBody, LedgerType, encode_record, record_of, sha256
from lakehouse.records import AnyLine


class LedgerChain:
    """The end of the chain: how many records there are and the last one's hash. Makes bytes; writes nothing.

    A record made is a record that must be written: there is no way back.
    """

    def __init__(self, *, records: int = 0, head: str = FIRST_PREV) -> None:
        self.records = records
        self.head = head

    def add(self, kind: LedgerType, body: Body, *, ts_ns: int) -> bytes:
        """Return the next record's bytes with its newline."""
        self.records += 1
        raw = encode_record(kind, body, seq=self.records, prev=self.head, ts_ns=ts_ns)
        self.head = sha256(raw)
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
        return b"".join(made)

    def anchor(self, *, log_line: int, log_sha256: str, ts_ns: int) -> bytes:
        """Return a record over the log's lines 1 to `log_line`; `ts_ns` is that line's."""
        return self.add(LedgerType.LOG_ANCHOR, AnchorBody(log_line=log_line, log_sha256=log_sha256), ts_ns=ts_ns)
