"""Walk log and ledger side by side, streaming, and find the first line that does not agree.

`sluice verify` reports what is found; opening the journal refuses or mends on it. Nothing is changed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from lakehouse.checkpoint_check import CheckpointCheck
from lakehouse.checkpoints import Checkpoint
from lakehouse.layout import Layout, storage_error
from lakehouse.ledger_format import (
    BATCH_LINES_MAX,
    FIRST_PREV,
    LEDGERED,
    BadLine,
    LedgerLine,
    LedgerType,
    decode_record,
    raw_lines,
    record_of,
    sha256,
)
from lakehouse.plain_file import open_plain
from lakehouse.rebuild import LogFold, decode_line
from lakehouse.records import AnyLine
from orders.errors import RecordCorrupt

if TYPE_CHECKING:
    from hashlib import _Hash

LAG_LINES_MAX: Final = BATCH_LINES_MAX  # log lines whose records a killed process may not have written


@dataclass(slots=True, kw_only=True)
class Examination:
    """What was found when nothing was bad; a torn tail and a ledger that lags one batch behind are what a kill leaves.

    `log_bytes`, `ledger_bytes`: of the whole lines. `missing`: lines of the log whose record the ledger lacks, at its end.
    `anchored_line`: lines of the log up to here cannot be altered without a trace in the ledger.
    `log_hash`: running sha256 over the whole lines. `checks`: the ledger against its checkpoints; None in an examination of
    nothing. `ledger_kind`, `ledger_log_line`, `ledger_ts`: of the ledger's last line.
    """

    fold: LogFold = field(default_factory=LogFold)
    log_bytes: int = 0
    log_torn: bytes = b""
    log_hash: _Hash = field(default_factory=hashlib.sha256)
    ledger_records: int = 0
    ledger_bytes: int = 0
    ledger_torn: bytes = b""
    ledger_head: str = FIRST_PREV
    ledger_kind: str | None = None
    ledger_log_line: int = 0
    ledger_ts: str = "0"
    checks: CheckpointCheck | None = None
    anchored_line: int = 0
    missing: list[tuple[int, AnyLine, bytes]] = field(default_factory=list)


class _Ledger:
    """The ledger's records in order, the chain checked on the way; `ahead` is the next that names a line of the log."""

    def __init__(self, file: BinaryIO | None, *, name: str, size: int, found: Examination, checks: CheckpointCheck) -> None:
        self._lines: Iterator[tuple[bytes, bool]] = iter(()) if file is None else raw_lines(file, name=name, size=size)
        self.name = name
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
            if record.seq != found.ledger_records:
                raise self.bad("LEDGER_SEQ", f"seq {found.ledger_records}", f"seq {record.seq}")
            if record.prev != found.ledger_head:
                raise self.bad("LEDGER_CHAIN", f"prev {found.ledger_head}, the sha256 of the line before", record.prev[:80])
            found.ledger_head = sha256(raw)
            found.ledger_bytes += len(raw) + 1
            if (record.type == LedgerType.GENESIS) is not (record.seq == 1):
                raise self.bad("LEDGER_GENESIS", "a genesis record first and nowhere else", f"type {record.type}")
            if record.type == LedgerType.CHECKPOINT:
                self._checks.named(record, log_line=found.ledger_log_line, ts=found.ledger_ts)
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

    def _ended(self) -> None:
        if self._found.ledger_records:  # a ledger that is gone has a code of its own
            self._checks.no_more_lines()


def examine(
    layout: Layout,
    *,
    each: Callable[[LogFold], None] | None = None,
    trusted: Sequence[bytes] = (),
    kept: Sequence[Checkpoint] = (),
) -> Examination:
    """Check chain, numbering, and that log and ledger name each other; return what stands.

    (1) every ledger line is canonical, numbered and chained; (2) the log's lines are known, numbered, and fold without a
    contradiction; (3) each fill, financing, halt, resume and recovery line has its record with its hash, in order, and each
    record its line; (4) anchors hash the log so far; (5) the ledger is the one that was signed, at every checkpoint, and every
    checkpoint it names is there (`lakehouse.checkpoint_check`). Checkpoints are read first and sizes taken ledger first, so a
    run that is writing meanwhile does not disturb. `trusted`: public keys that may have signed; none: signatures are not looked
    at. `kept`: checkpoints from elsewhere that must hold too. `each` is called with the fold before the first line and after
    every line. Missing files count as empty. Not checked here: the state; the content of lines past `anchored_line` that have
    no record.

    Raises `BadLine`, `StorageError`.
    """
    checks = CheckpointCheck(layout, trusted=trusted, kept=kept)
    found = Examination(checks=checks)
    fold = found.fold
    with ExitStack() as stack:
        ledger_file, ledger_size = _open(layout.ledger, stack)
        log_file, log_size = _open(layout.log, stack)
        ledger = _Ledger(ledger_file, name=layout.ledger.name, size=ledger_size, found=found, checks=checks)
        name = layout.log.name
        if each is not None:
            each(fold)
        try:
            for raw, whole in () if log_file is None else raw_lines(log_file, name=name, size=log_size):
                if not whole:
                    found.log_torn = raw
                    break
                try:
                    line = decode_line(raw)
                    fold.apply(line)
                except RecordCorrupt as error:
                    at = fold.log_line if error.code not in {"LOG_LINE", "LOG_VERSION", "LOG_SEQ"} else fold.log_line + 1
                    raise BadLine(error.code, file=name, line=at, expected=error.expected, found=error.found) from error
                found.log_bytes += len(raw) + 1
                found.log_hash.update(raw)
                found.log_hash.update(b"\n")
                _match(line, raw, ledger, found, name)
                if each is not None:
                    each(fold)
        except OSError as error:
            raise storage_error(error, layout.log) from error
    _judge_ends(ledger, found, name)
    checks.no_more_lines()
    checks.all_there()
    return found


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


def _judge_ends(ledger: _Ledger, found: Examination, name: str) -> None:
    fold = found.fold
    if ledger.ahead is not None:
        raise ledger.bad("LOG_SHORT", f"log line {ledger.log_line} in {name}", f"{fold.log_line} lines")
    if found.ledger_records == 0 and fold.log_line > 0:
        raise BadLine("LEDGER_MISSING", file=ledger.name, line=1, expected="a genesis record", found="no ledger beside a log")
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


def _open(path: Path, stack: ExitStack) -> tuple[BinaryIO | None, int]:
    try:
        file = stack.enter_context(open_plain(path))
        return file, path.stat().st_size
    except FileNotFoundError:
        return None, 0
    except OSError as error:
        raise storage_error(error, path) from error
