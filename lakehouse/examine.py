"""Walk log and ledger side by side, streaming, and find the first line that does not agree.

`sluice verify` reports what is found; opening the journal refuses or mends on it. Nothing is changed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from lakehouse.checkpoint_check import CheckpointCheck
from lakehouse.checkpoints import Checkpoint
from lakehouse.layout import Layout
from lakehouse.ledger_format import (
    BATCH_LINES_MAX,
    FIRST_PREV,
    LEDGERED,
    BadLine,
    LedgerLine,
    LedgerType,
    decode_record,
    record_of,
    sha256,
)
from lakehouse.rebuild import LogFold, decode_line
from lakehouse.records import AnyLine, RunStop, SegmentLine
from lakehouse.segment_check import check_ledger_record, check_log_line
from lakehouse.segments import SegmentReader, Segments, missing_segment
from orders.errors import RecordCorrupt

if TYPE_CHECKING:
    from hashlib import _Hash

_LEDGERED_STARTS: Final = tuple(f'{{"type":"{kind.__struct_config__.tag}",'.encode() for kind in cast("frozenset[Any]", LEDGERED))
LAG_LINES_MAX: Final = BATCH_LINES_MAX  # log lines whose records a killed process may not have written


@dataclass(slots=True, kw_only=True)
class Examination:
    """What was found when nothing was bad; a torn tail and a ledger that lags one batch behind are what a kill leaves.

    `log_bytes`, `ledger_bytes`: of the whole lines of the file that grows; `log_own_lines`, `ledger_own_lines`: their number.
    `missing`: lines of the log whose record the ledger lacks, at its end.
    `anchored_line`: lines of the log up to here cannot be altered without a trace in the ledger.
    `log_hash`: running sha256 over the whole lines. `checks`: the ledger against its checkpoints; None in an examination of
    nothing. `ledger_kind`, `ledger_log_line`, `ledger_ts`: of the ledger's last line.
    `ended_well`: a run's stop is the last line, so that nobody may have been killed since. `paired`: of an examination that does
    not fold, lines of the log that were held against the ledger for what they are.
    `log_closed`, `ledger_closed`: closed segments. `segment`: the number in the ledger's last SEGMENT record, 1 without one.
    """

    fold: LogFold = field(default_factory=LogFold)
    log_bytes: int = 0
    log_torn: bytes = b""
    log_closed: int = 0
    log_own_lines: int = 0
    ended_well: bool = False
    paired: int = 0
    log_hash: _Hash = field(default_factory=hashlib.sha256)
    ledger_records: int = 0
    ledger_bytes: int = 0
    ledger_torn: bytes = b""
    ledger_own_lines: int = 0
    ledger_closed: int = 0
    segment: int = 1
    ledger_head: str = FIRST_PREV
    ledger_kind: str | None = None
    ledger_log_line: int = 0
    ledger_ts: str = "0"
    checks: CheckpointCheck | None = None
    anchored_line: int = 0
    missing: list[tuple[int, AnyLine, bytes]] = field(default_factory=list)

    @property
    def rotating(self) -> bool:
        """Whether a rotation was cut off, or goes on just now: the log was closed, the ledger does not say so yet."""
        return self.segment <= self.log_closed and self.log_own_lines <= 1

    @property
    def missing_at(self) -> tuple[int, int]:
        """The first of `missing`: its line in the file that grows (0: it is in a closed segment), and over all segments."""
        overall = self.missing[0][0]
        return max(0, overall - self.fold.log_line + self.log_own_lines), overall


class _Ledger:
    """The ledger's records in order, the chain checked on the way; `ahead` is the next that names a line of the log."""

    def __init__(self, reader: SegmentReader, *, found: Examination, checks: CheckpointCheck) -> None:
        self._reader = reader
        self._lines: Iterator[tuple[bytes, bool]] = iter(reader)
        self.name = reader.segments.file.name
        self._found = found
        self._checks = checks
        self.ahead: LedgerLine | None = None
        self.log_line = 0  # the line of the log that `ahead` names
        self.advance()

    def bad(self, code: str, expected: str, found: str) -> BadLine:
        return BadLine(code, file=self.name, line=self._found.ledger_records, expected=expected, found=found)

    def advance(self) -> None:
        found = self._found
        self.ahead = None
        for raw, whole in self._lines:
            if not whole:
                found.ledger_torn = raw
                break
            found.ledger_records += 1
            record = decode_record(raw, file=self.name, line=found.ledger_records)
            if record.type == LedgerType.SEGMENT or self._reader.at_first:
                self._begins(record)
            if record.seq != found.ledger_records:
                raise self.bad("LEDGER_SEQ", f"seq {found.ledger_records}", f"seq {record.seq}")
            if record.prev != found.ledger_head:
                raise self.bad("LEDGER_CHAIN", f"prev {found.ledger_head}, the sha256 of the line before", record.prev[:80])
            found.ledger_head = sha256(raw)
            if (record.type == LedgerType.GENESIS) is not (record.seq == 1):
                raise self.bad("LEDGER_GENESIS", "a genesis record first and nowhere else", f"type {record.type}")
            if record.type == LedgerType.CHECKPOINT:
                self._checks.named(record, log_line=found.ledger_log_line, ts=found.ledger_ts)
            elif record.type == LedgerType.SEGMENT:
                self._checks.closed(record)
            self._checks.line(raw)
            found.ledger_kind, found.ledger_ts = record.type, record.ts
            if record.type in (LedgerType.GENESIS, LedgerType.CHECKPOINT):
                continue
            log_line = record.body.get("log_line")
            if type(log_line) is not int or log_line < max(1, found.ledger_log_line):
                raise self.bad("LEDGER_ORDER", f"log_line {max(1, found.ledger_log_line)} or later", repr(log_line))
            found.ledger_log_line = self.log_line = log_line
            self.ahead = record
            return
        self._ended()

    def _begins(self, record: LedgerLine) -> None:
        """A segment begins, or says so."""
        found = self._found
        check_ledger_record(self._reader, record, before_sha256=found.ledger_head)
        if record.type == LedgerType.SEGMENT:
            found.segment = record.body["number"]

    def _ended(self) -> None:
        if self._found.ledger_records:  # a ledger that is gone has a code of its own
            self._checks.no_more_lines()


def examine(
    layout: Layout,
    *,
    each: Callable[[LogFold], None] | None = None,
    trusted: Sequence[bytes] = (),
    kept: Sequence[Checkpoint] = (),
    folds: bool = True,
) -> Examination:
    """Check chain, numbering, and that log and ledger name each other; return what stands.

    (1) every ledger line is canonical, numbered and chained; (2) the log's lines are known, numbered, and fold without a
    contradiction; (3) each fill, financing, halt, resume and recovery line has its record with its hash, in order, and each
    record its line; (4) anchors hash the log so far; (5) the ledger is the one that was signed, at every checkpoint, and every
    checkpoint it names is there (`lakehouse.checkpoint_check`); (6) closed segments of both are all there, in order
    (`lakehouse.segment_check`). Checkpoints are read first and sizes taken ledger first, so a
    run that is writing meanwhile does not disturb. `trusted`: public keys that may have signed; none: signatures are not looked
    at. `kept`: checkpoints from elsewhere that must hold too. `each` is called with the fold before the first line and after
    every line. Missing files count as empty. Not checked here: the state; the content of lines past `anchored_line` that have
    no record. Without `folds` (2) is left out, but for the count of lines: `lakehouse.examine_halves` has that done beside.

    Raises `BadLine`, `StorageError`.
    """
    checks = CheckpointCheck(layout, trusted=trusted, kept=kept)
    found = Examination(checks=checks)
    with ExitStack() as stack:
        records = SegmentReader(stack.enter_context(Segments(layout.ledger)))
        lines = SegmentReader(stack.enter_context(Segments(layout.log)))
        found.ledger_closed, found.log_closed = records.segments.number - 1, lines.segments.number - 1
        try:
            ledger = _Ledger(records, found=found, checks=checks)
            if folds:
                _walk_log(lines, ledger, found, each=each)
            else:
                _pair_log(lines, ledger, found)
            _judge_ends(ledger, found, lines)
            checks.no_more_lines()
        except BadLine as error:
            raise lines.located(records.located(error)) from error
        found.log_own_lines = found.fold.log_line - lines.first_lines[-1] + 1
        found.ledger_own_lines = found.ledger_records - records.first_lines[-1] + 1
        found.log_bytes = lines.segments.active_size - len(found.log_torn)
        found.ledger_bytes = records.segments.active_size - len(found.ledger_torn)
    checks.all_there()
    return found


def _walk_log(lines: SegmentReader, ledger: _Ledger, found: Examination, *, each: Callable[[LogFold], None] | None) -> None:
    fold, name = found.fold, lines.segments.file.name
    if each is not None:
        each(fold)
    for raw, whole in lines:
        if not whole:
            found.log_torn = raw
            break
        try:
            line = decode_line(raw)
            if type(line) is SegmentLine or lines.at_first:
                check_log_line(lines, line, before_sha256=found.log_hash.hexdigest())
            fold.apply(line)
        except BadLine:
            raise
        except RecordCorrupt as error:
            at = fold.log_line if error.code not in {"LOG_LINE", "LOG_VERSION", "LOG_SEQ"} else fold.log_line + 1
            raise BadLine(error.code, file=name, line=at, expected=error.expected, found=error.found) from error
        found.ended_well = type(line) is RunStop
        found.log_hash.update(raw + b"\n")
        _match(line, raw, ledger, found, name)
        if each is not None:
            each(fold)


def _pair_log(lines: SegmentReader, ledger: _Ledger, found: Examination) -> None:
    """As `_walk_log`, but fold nothing, and decode only lines that begin as one with a record does, or that a record names."""
    fold, name = found.fold, lines.segments.file.name
    last = b""
    for raw, whole in lines:
        if not whole:
            found.log_torn = raw
            break
        fold.log_line += 1
        line = None
        if raw.startswith(_LEDGERED_STARTS) or ledger.log_line == fold.log_line or lines.at_first:
            line = decode_line(raw)
            if type(line) is SegmentLine or lines.at_first:
                check_log_line(lines, line, before_sha256=found.log_hash.hexdigest())
        found.log_hash.update(raw + b"\n")
        if line is not None:
            found.paired += type(line) in LEDGERED
            _match(line, raw, ledger, found, name)
        last = raw
    found.ended_well = bool(last) and type(decode_line(last)) is RunStop


def _match(line: AnyLine, raw: bytes, ledger: _Ledger, found: Examination, name: str) -> None:
    """Hold one line of the log against the records that name it."""
    number = found.fold.log_line
    if type(line) in LEDGERED:
        wanted = record_of(line, raw, log_line=number)
        assert wanted is not None
        kind, body = wanted
        record = ledger.ahead
        if record is not None and (ledger.log_line > number or record.type == LedgerType.LOG_ANCHOR):
            seen = f"{record.type} of log line {ledger.log_line}"
            raise ledger.bad("LEDGER_SKIPS", f"the {kind} record of log line {number} of {name}", seen)
        if record is None:
            found.missing.append((number, line, raw))
            _check_lag(found, ledger.name, name)
        else:
            if record.type != kind or record.body != msgspec.to_builtins(body) or record.ts != str(line.ts_ns):
                expected = f"the {kind} record of log line {number}: {msgspec.to_builtins(body)}"
                raise ledger.bad("LEDGER_DISAGREES", expected, f"{record.type} {record.body}")
            ledger.advance()
    while ledger.ahead is not None and ledger.log_line == number:
        record = ledger.ahead
        wanted_body = {"log_line": number, "log_sha256": found.log_hash.hexdigest()}
        if record.type != LedgerType.LOG_ANCHOR:
            raise ledger.bad("LEDGER_EXTRA", f"no second record of log line {number}", record.type)
        if record.body != wanted_body or record.ts != str(line.ts_ns):
            raise ledger.bad("LOG_ALTERED", f"an anchor of log lines 1 to {number}: {wanted_body}", f"{record.body}")
        found.anchored_line = number
        ledger.advance()


def _judge_ends(ledger: _Ledger, found: Examination, lines: SegmentReader) -> None:
    fold, name = found.fold, lines.segments.file.name
    if ledger.ahead is not None:
        raise ledger.bad("LOG_SHORT", f"log line {ledger.log_line} in {name}", f"{fold.log_line} lines")
    if found.ledger_records == 0 and fold.log_line > 0:
        raise BadLine("LEDGER_MISSING", file=ledger.name, line=1, expected="a genesis record", found="no ledger beside a log")
    if found.ledger_closed > found.log_closed:  # the log is closed first, and was looked at last
        closed = f"{found.ledger_closed} closed segments of {ledger.name} and {found.log_closed} of {name}"
        raise missing_segment(lines.segments.file, number=found.log_closed + 1, found=closed)
    _check_lag(found, ledger.name, name)


def _check_lag(found: Examination, ledger_name: str, name: str) -> None:
    owed = found.missing[0][0] if found.missing else None
    if owed is not None and owed <= found.fold.log_line - LAG_LINES_MAX:
        raise BadLine(
            "LEDGER_SHORT",
            file=name,
            line=owed,
            expected=f"its record in {ledger_name}, which a killed process can leave at most {LAG_LINES_MAX} lines behind",
            found=f"none, and {found.fold.log_line - owed} lines after it",
        )
