"""Walk log and ledger side by side, streaming, and find the first line that does not agree.

`sluice verify` reports what is found; opening the journal refuses or mends on it. Nothing is changed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence, Set
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
    FillRecord,
    LedgerLine,
    LedgerType,
    decode_quick,
    fill_time,
    is_of,
    record_of,
    sha256,
)
from lakehouse.rebuild import PASSED_OVER, LogFold, check_passed, decode_line
from lakehouse.records import AnyLine, Fill, RunStart, RunStop, SegmentLine
from lakehouse.segment_check import check_ledger_record, check_log_line
from lakehouse.segments import SegmentReader, Segments, missing_segment
from orders.errors import RecordCorrupt

if TYPE_CHECKING:
    from hashlib import _Hash

_LEDGERED_STARTS: Final = tuple(f'{{"type":"{kind.__struct_config__.tag}",'.encode() for kind in cast("frozenset[Any]", LEDGERED))
_PASSED: Final = (*PASSED_OVER, b'{"type":"run_start",')
_STARTS: Final = b'{"type":"'
_OF_NO_LINE: Final = frozenset({LedgerType.GENESIS, LedgerType.CHECKPOINT})
LAG_LINES_MAX: Final = BATCH_LINES_MAX  # log lines whose records a killed process may not have written


@dataclass(slots=True, kw_only=True)
class Examination:
    """What was found when nothing was bad; a torn tail and a ledger that lags one batch behind are what a kill leaves.

    `log_bytes`, `ledger_bytes`: of the whole lines of the file that grows; `log_own_lines`, `ledger_own_lines`: their number.
    `missing`: lines of the log whose record the ledger lacks, at its end.
    `anchored_line`: lines of the log up to here cannot be altered without a trace in the ledger.
    `log_hash`: running sha256 over the whole lines; None where two processes did this. `checks`: the ledger against its
    checkpoints; None in an examination of nothing. `ledger_kind`, `ledger_log_line`, `ledger_ts`: of the ledger's last line.
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
    log_hash: _Hash | None = field(default_factory=hashlib.sha256)
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


class _LogHash:
    """The hash over the log's whole lines, brought up to a line only where it is asked for: joined lines take half as long."""

    def __init__(self, found: Examination) -> None:
        assert found.log_hash is not None
        self._hash = found.log_hash
        self._raws: Sequence[bytes] = ()
        self._done = 0

    def block(self, raws: Sequence[bytes]) -> None:
        """Go on with these lines."""
        self.to(len(self._raws))
        self._raws, self._done = raws, 0

    def to(self, end: int) -> str:
        """Return the sha256 over everything before line `end` of the block, newlines included."""
        if end > self._done:
            self._hash.update(b"\n".join(self._raws[self._done : end]) + b"\n")
            self._done = end
        return self._hash.hexdigest()


class _Ledger:
    """The ledger's records in order, the chain checked on the way; `ahead` is the next that names a line of the log."""

    def __init__(self, reader: SegmentReader, *, found: Examination, checks: CheckpointCheck) -> None:
        self._reader = reader
        self._lines: Iterator[tuple[bytes, bool]] = iter(reader)
        self.name = reader.segments.file.name
        self._found = found
        self._checks = checks
        self.ahead: LedgerLine | FillRecord | None = None
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
            number = found.ledger_records = found.ledger_records + 1
            record = decode_quick(raw, file=self.name, line=number)
            if type(record) is LedgerLine or self._reader.at_first:
                self._begins(record)
            if record.seq != number:
                raise self.bad("LEDGER_SEQ", f"seq {number}", f"seq {record.seq}")
            if record.prev != found.ledger_head:
                raise self.bad("LEDGER_CHAIN", f"prev {found.ledger_head}, the sha256 of the line before", record.prev[:80])
            found.ledger_head = sha256(raw)
            log_line: object
            if isinstance(record, FillRecord):
                log_line = record.body.log_line
            else:
                self._signs(record)
                log_line = record.body.get("log_line")
            if number == 1 and record.type != LedgerType.GENESIS:
                raise self.bad("LEDGER_GENESIS", "a genesis record first", f"type {record.type}")
            self._checks.line(raw)
            found.ledger_kind, found.ledger_ts = record.type, record.ts
            if type(record) is LedgerLine and record.type in _OF_NO_LINE:
                continue
            if type(log_line) is not int or log_line < max(1, found.ledger_log_line):
                raise self.bad("LEDGER_ORDER", f"log_line {max(1, found.ledger_log_line)} or later", repr(log_line))
            found.ledger_log_line = self.log_line = log_line
            self.ahead = record
            return
        self._ended()

    def _signs(self, record: LedgerLine) -> None:
        """A record that begins a ledger, or names a checkpoint over all before it."""
        if record.type == LedgerType.GENESIS and record.seq > 1:
            raise self.bad("LEDGER_GENESIS", "a genesis record first and nowhere else", f"type {record.type}")
        if record.type == LedgerType.CHECKPOINT:
            self._checks.named(record, log_line=self._found.ledger_log_line, ts=self._found.ledger_ts)
        elif record.type == LedgerType.SEGMENT:
            self._checks.closed(record)

    def _begins(self, record: LedgerLine | FillRecord) -> None:
        """A segment begins, or says so; other records that stand where they may pass."""
        found = self._found
        check_ledger_record(self._reader, record, before_sha256=found.ledger_head)
        if isinstance(record, LedgerLine) and record.type == LedgerType.SEGMENT:
            found.segment = record.body["number"]

    def _ended(self) -> None:
        if self._found.ledger_records:  # a ledger that is gone has a code of its own
            self._checks.no_more_lines()


def examine(
    layout: Layout,
    *,
    at: Set[int] = frozenset(),
    look: Callable[[LogFold], None] = lambda fold: None,
    trusted: Sequence[bytes] = (),
    kept: Sequence[Checkpoint] = (),
    folds: bool = True,
    passed: bool = False,
    counts: bool = True,
) -> Examination:
    """Check chain, numbering, and that log and ledger name each other; return what stands.

    (1) every ledger line is canonical, numbered and chained; (2) the log's lines are known, numbered, and fold without a
    contradiction; (3) each fill, financing, halt, resume and recovery line has its record with its hash, in order, and each
    record its line; (4) anchors hash the log so far; (5) the ledger is the one that was signed, at every checkpoint, and every
    checkpoint it names is there (`lakehouse.checkpoint_check`); (6) closed segments of both are all there, in order
    (`lakehouse.segment_check`). Checkpoints are read first and sizes taken ledger first, so a run that is writing meanwhile does
    not disturb. Missing files count as empty.

    `trusted`: public keys that may have signed; none: signatures are not looked at. `kept`: checkpoints from elsewhere that must
    hold too. `look` is called with the fold after each of the lines `at` (0: before the first). `counts`: as of `LogFold`.
    Without `folds` (2) is left out, but for the count of lines, and, with `passed`, for lines of `rebuild.PASSED_OVER`.
    Not checked here: the state; the content of lines past `anchored_line` that have no record.

    Raises `BadLine`, `StorageError`.
    """
    checks = CheckpointCheck(layout, trusted=trusted, kept=kept)
    found = Examination(fold=LogFold(counts=counts), checks=checks)
    with ExitStack() as stack:
        records = SegmentReader(stack.enter_context(Segments(layout.ledger)))
        lines = SegmentReader(stack.enter_context(Segments(layout.log)))
        found.ledger_closed, found.log_closed = records.segments.number - 1, lines.segments.number - 1
        try:
            ledger = _Ledger(records, found=found, checks=checks)
            if folds:
                _walk_log(lines, ledger, found, at=at, look=look)
            else:
                _pair_log(lines, ledger, found, passed=passed)
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


def _walk_log(
    lines: SegmentReader, ledger: _Ledger, found: Examination, *, at: Set[int], look: Callable[[LogFold], None]
) -> None:
    fold, name = found.fold, lines.segments.file.name
    if 0 in at:
        look(fold)
    line: AnyLine | None = None
    hashed = _LogHash(found)
    for raws, whole in lines.blocks():
        if not whole:
            found.log_torn = raws[0]
            break
        hashed.block(raws)
        begins = lines.at_first
        for place, raw in enumerate(raws):
            try:
                line = decode_line(raw)
                if begins or type(line) is SegmentLine:
                    lines.lines = fold.log_line + 1
                    check_log_line(lines, line, before_sha256=hashed.to(place))
                fold.apply(line)
            except BadLine:
                raise
            except RecordCorrupt as error:
                number = fold.log_line if error.code not in {"LOG_LINE", "LOG_VERSION", "LOG_SEQ"} else fold.log_line + 1
                raise BadLine(error.code, file=name, line=number, expected=error.expected, found=error.found) from error
            if type(line) in LEDGERED or ledger.log_line == fold.log_line:
                _match(line, raw, ledger, found, name, hashed=hashed, place=place)
            if fold.log_line in at:
                look(fold)
    hashed.block(())
    found.ended_well = type(line) is RunStop


def _pair_log(lines: SegmentReader, ledger: _Ledger, found: Examination, *, passed: bool) -> None:
    """As `_walk_log`, but fold nothing, and decode only lines that begin as one with a record does, as one that a
    fold beside passes over, or as none that is written here, and those that a record names.
    """
    fold, name = found.fold, lines.segments.file.name
    run: RunStart | None = None
    last, decoded = b"", _LEDGERED_STARTS + (_PASSED if passed else ())
    hashed = _LogHash(found)
    for raws, whole in lines.blocks():
        if not whole:
            found.log_torn = raws[0]
            break
        hashed.block(raws)
        begins, before = lines.at_first, fold.log_line
        for place, raw in enumerate(raws):
            if raw.startswith(decoded) or ledger.log_line == before + place + 1 or begins or raw[:9] != _STARTS:
                number = fold.log_line = before + place + 1
                if (
                    ledger.log_line == number
                    and not begins
                    and (ts_ns := fill_time(ledger.ahead, raw, log_line=number)) is not None
                ):
                    found.paired += 1
                    ledger.advance()  # as nearly always
                    _match_anchors(ts_ns, ledger, found, hashed=hashed, place=place)
                    continue
                try:
                    line = decode_line(raw)
                    run = check_passed(line, raw, number=number, run=run) if passed else None
                except RecordCorrupt as error:
                    raise BadLine(error.code, file=name, line=number, expected=error.expected, found=error.found) from error
                if begins or type(line) is SegmentLine:
                    lines.lines = number
                    check_log_line(lines, line, before_sha256=hashed.to(place))
                found.paired += type(line) in LEDGERED
                _match(line, raw, ledger, found, name, hashed=hashed, place=place)
        fold.log_line = before + len(raws)
        last = raws[-1]
    hashed.block(())
    found.ended_well = bool(last) and type(decode_line(last)) is RunStop


def _match(line: AnyLine, raw: bytes, ledger: _Ledger, found: Examination, name: str, *, hashed: _LogHash, place: int) -> None:
    """Hold one line of the log, number `place` of its block from 0, against the records that name it."""
    number = found.fold.log_line
    if type(line) in LEDGERED:
        record = ledger.ahead
        if type(record) is FillRecord and type(line) is Fill and is_of(record, line, raw, log_line=number):
            ledger.advance()  # as nearly always
        else:
            _match_one(line, raw, ledger, found, name)
    _match_anchors(line.ts_ns, ledger, found, hashed=hashed, place=place)


def _match_anchors(ts_ns: int, ledger: _Ledger, found: Examination, *, hashed: _LogHash, place: int) -> None:
    """Hold anchors at a line, of which this is the time and the place in its block, against the log so far."""
    number = found.fold.log_line
    while ledger.log_line == number and (record := ledger.ahead) is not None:
        wanted_body = {"log_line": number, "log_sha256": hashed.to(place + 1)}
        if record.type != LedgerType.LOG_ANCHOR:
            raise ledger.bad("LEDGER_EXTRA", f"no second record of log line {number}", record.type)
        if record.body != wanted_body or record.ts != str(ts_ns):
            raise ledger.bad("LOG_ALTERED", f"an anchor of log lines 1 to {number}: {wanted_body}", f"{record.body}")
        found.anchored_line = number
        ledger.advance()


def _match_one(line: AnyLine, raw: bytes, ledger: _Ledger, found: Examination, name: str) -> None:
    number, record = found.fold.log_line, ledger.ahead
    wanted = record_of(line, raw, log_line=number)
    assert wanted is not None
    kind, body = wanted
    if record is not None and (ledger.log_line > number or record.type == LedgerType.LOG_ANCHOR):
        seen = f"{record.type} of log line {ledger.log_line}"
        raise ledger.bad("LEDGER_SKIPS", f"the {kind} record of log line {number} of {name}", seen)
    if record is None:
        found.missing.append((number, line, raw))
        _check_lag(found, ledger.name, name)
        return
    said = msgspec.to_builtins(record.body)
    if record.type != kind or said != msgspec.to_builtins(body) or record.ts != str(line.ts_ns):
        expected = f"the {kind} record of log line {number}: {msgspec.to_builtins(body)}"
        raise ledger.bad("LEDGER_DISAGREES", expected, f"{record.type} {said}")
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
