"""Where in a log and its ledger everything about an order, a manifest or a run stands: one reading, then single lines by number.

The index holds ids and places, no lines, so that a log of millions of lines is walked in bounded memory. It proves nothing:
a line that cannot be read is noted and passed over. `lakehouse.examine` proves a record.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from lakehouse.layout import Layout, storage_error
from lakehouse.ledger_format import LedgerType, sha256
from lakehouse.log_lines import open_log
from lakehouse.rebuild import decode_line
from lakehouse.records import AnyLine
from lakehouse.segments import SegmentReader, Segments
from orders.errors import RecordCorrupt

UNREADABLE_STOP: Final = 10_000  # unreadable lines after which reading ends: a megabyte of line ends has a million
UNREADABLE_MAX: Final = 20  # unreadable lines that are named; a file that is no log has nothing else


class _Head(msgspec.Struct, gc=False):
    """What of a line says whose it is."""

    type: str
    seq: int
    client_order_id: str | None = None
    parent_client_order_id: str | None = None
    manifest_sha256: str | None = None
    source_run: str | None = None
    cycle: int | None = None
    trade_id: str | None = None
    request_id: str | None = None
    run_ledger_head: str | None = None


class _Named(msgspec.Struct, gc=False):
    """What of a ledger record's body says which line of the log it is about."""

    log_line: int | None = None
    fill_hash: str | None = None
    client_order_id: str | None = None
    manifest_sha256: str | None = None
    source_run: str | None = None
    trade_id: str | None = None
    run_ledger_head: str | None = None


class _Record(msgspec.Struct, gc=False):
    type: str
    seq: int
    prev: str
    body: _Named


class FillPlace(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fill as its line of the log, or its record in the ledger, has it; `line` is the log's either way."""

    line: int
    fill_hash: str  # of the line's bytes as they are; in a record: as it says they were
    trade_id: str
    client_order_id: str
    manifest_sha256: str
    source_run: str
    run_ledger_head: str | None


class LedgerPlace(msgspec.Struct, kw_only=True, gc=False):
    """A FILL record: its number, sha256 and number as it states it, and the `prev` of the line after it (None: there is none)."""

    line: int
    sha256: str
    seq: int
    fill: FillPlace
    next_prev: str | None = None


@dataclass(kw_only=True)
class LogIndex:
    """Places are line numbers from 1, over all segments. Everything to be read, nothing to be written.

    `orders`: client order id -> its lines. `parents`, `children`: of a schedule. `manifests`: sha256 -> its `manifest` lines.
    `runs`: source run -> manifests that any line or record names with it. `cycles`: number -> its cycle, cycle_end, plan and skip
    lines; `planned`: manifest -> cycles. `flattens`: request id -> lines. `fills`: of the log by line; `records`: of the ledger
    by the line of the log they name. `unreadable`: log or ledger, and line -> why; `unreadable_count`: of all, named or not.
    `starts`: `run_start` lines.
    """

    log_lines: int = 0
    ledger_lines: int = 0
    recorded_line: int = 0  # the last line of the log that the ledger names
    orders: dict[str, list[int]] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    ordered: dict[str, dict[str, int]] = field(default_factory=dict)  # manifest -> orders, each with its cycle; 0: not known
    manifests: dict[str, list[int]] = field(default_factory=dict)
    runs: dict[str, dict[str, None]] = field(default_factory=dict)
    cycles: dict[int, list[int]] = field(default_factory=dict)
    planned: dict[str, dict[int, None]] = field(default_factory=dict)
    plans: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    flattens: dict[str, list[int]] = field(default_factory=dict)
    fills: dict[int, FillPlace] = field(default_factory=dict)
    records: dict[int, LedgerPlace] = field(default_factory=dict)
    unreadable: dict[tuple[str, int], str] = field(default_factory=dict)
    unreadable_count: int = 0
    _log: Segments
    _ends: array[int]

    def line(self, number: int) -> AnyLine:
        """Return one line of the log. Raises `RecordCorrupt` of one that is none, `StorageError`."""
        start = self._ends[number - 1]
        try:
            raw = self._log.pread(self._ends[number] - start - 1, start)
        except OSError as error:
            raise storage_error(error, self._log.file) from error
        return decode_line(raw)

    def lines(self, numbers: list[int]) -> Iterator[AnyLine]:
        """Yield those that can be read, in order; the others are noted as unreadable."""
        for number in numbers:
            try:
                yield self.line(number)
            except RecordCorrupt as error:
                self.note_log(number, f"{error.expected} was expected, found {error.found}")

    def note(self, record: Literal["log", "ledger"], number: int, why: str) -> None:
        """Note a line that is not what it must be; the first reason stands. Raises `RecordCorrupt` NOT_A_RECORD of too many."""
        if (record, number) in self.unreadable:
            return
        self.unreadable_count += 1
        if self.unreadable_count > UNREADABLE_STOP:
            raise RecordCorrupt(
                "NOT_A_RECORD",
                expected=f"log and ledger with at most {UNREADABLE_STOP} lines that cannot be read",
                found=f"more, up to line {number} of the {record}",
                action="This is no record of Sluice, or it is damaged. Run `sluice verify`.",
            )
        if len(self.unreadable) < UNREADABLE_MAX:
            self.unreadable[record, number] = why[:200]

    def note_log(self, number: int, why: str) -> None:
        """The same, of a line of the log."""
        self.note("log", number, why)


@contextmanager
def log_index(layout: Layout) -> Iterator[LogIndex]:
    """Read ledger and log once, as they were when this began, and keep the log open for single lines.

    The ledger's size is taken first, so a run that writes meanwhile does not disturb; a torn last line is no line. Raises
    `NotYet` VANISHED where there is no log, `BadLine` of a line that is too long or a segment that is gone, `StorageError`.
    """
    with Segments(layout.ledger) as ledger, open_log(layout) as log:
        found = LogIndex(_log=log, _ends=array("Q", [0]))
        _read_ledger(found, SegmentReader(ledger))
        _read_log(found, SegmentReader(log))
        yield found


def _read_log(found: LogIndex, reader: SegmentReader) -> None:
    heads = msgspec.json.Decoder(_Head)
    for number, (raw, whole) in enumerate(reader, 1):
        if not whole:
            return
        found.log_lines = number
        found._ends.append(found._ends[-1] + len(raw) + 1)
        try:
            head = heads.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            found.note_log(number, f"one line of the log was expected, found {error}")
            continue
        if head.seq != number:
            found.note_log(number, f"seq {number} was expected, found {head.seq}")
        _place(found, head, number, raw)


def _place(found: LogIndex, head: _Head, number: int, raw: bytes) -> None:
    kind, order, manifest, run = head.type, head.client_order_id, head.manifest_sha256, head.source_run
    if order is not None:
        found.orders.setdefault(order, []).append(number)
        if head.parent_client_order_id is not None and order not in found.parents:
            found.parents[order] = head.parent_client_order_id
            found.children.setdefault(head.parent_client_order_id, []).append(order)
        if manifest is not None:
            found.ordered.setdefault(manifest, {})[order] = head.cycle or 0
        if kind == "fill":
            place = FillPlace(
                line=number,
                fill_hash=sha256(raw),
                trade_id=head.trade_id or "",
                client_order_id=order,
                manifest_sha256=manifest or "",
                source_run=run or "",
                run_ledger_head=head.run_ledger_head,
            )
            found.fills[number] = place
    elif kind == "manifest" and manifest is not None:
        found.manifests.setdefault(manifest, []).append(number)
    elif head.cycle is not None:
        found.cycles.setdefault(head.cycle, []).append(number)
        if kind == "plan":
            found.plans.append(number)
    elif kind == "run_start":
        found.starts.append(number)
    elif kind == "flatten" and head.request_id is not None:
        found.flattens.setdefault(head.request_id, []).append(number)
    if manifest is not None:
        if run is not None:
            found.runs.setdefault(run, {})[manifest] = None
        if head.cycle is not None:
            found.planned.setdefault(manifest, {})[head.cycle] = None


def _read_ledger(found: LogIndex, reader: SegmentReader) -> None:
    decoder = msgspec.json.Decoder(_Record)
    last: LedgerPlace | None = None
    for number, (raw, whole) in enumerate(reader, 1):
        if not whole:
            return
        found.ledger_lines = number
        try:
            record = decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            found.note("ledger", number, f"one record of the ledger was expected, found {error}")
            last = None
            continue
        if last is not None:
            last.next_prev = record.prev
        last = _recorded(found, record, number, raw)


def _recorded(found: LogIndex, record: _Record, number: int, raw: bytes) -> LedgerPlace | None:
    body = record.body
    if body.log_line is None:
        return None
    found.recorded_line = max(found.recorded_line, body.log_line)
    if record.type != LedgerType.FILL:
        return None
    fill = FillPlace(
        line=body.log_line,
        fill_hash=body.fill_hash or "",
        trade_id=body.trade_id or "",
        client_order_id=body.client_order_id or "",
        manifest_sha256=body.manifest_sha256 or "",
        source_run=body.source_run or "",
        run_ledger_head=body.run_ledger_head,
    )
    place = LedgerPlace(line=number, sha256=sha256(raw), seq=record.seq, fill=fill)
    if body.log_line in found.records:
        found.note("ledger", number, f"no second record of log line {body.log_line} was expected")
        return place
    found.records[body.log_line] = place
    found.runs.setdefault(fill.source_run, {})[fill.manifest_sha256] = None
    found.ordered.setdefault(fill.manifest_sha256, {}).setdefault(fill.client_order_id, 0)
    return place
