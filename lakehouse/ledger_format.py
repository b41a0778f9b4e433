"""The format of `audit.jsonl`, shared by its writer and its verifier, which share nothing else.

Line i (from 1): `{"body":{...},"prev":"<sha256 of line i-1's bytes without newline>","seq":i,"ts":"<ns>","type":"...","v":1}`,
compact, keys sorted, UTF-8: RFC 8785 on the subset strings, integers to 2^53-1, booleans, null. The first `prev` is 64 zeros.
`log_line` counts lines of `execution_logs.jsonl` from 1; every `*_hash` is over a raw line without its newline.

    GENESIS      first line of a ledger; `previous` is null: other segments begin with a SEGMENT line
    FILL, FINANCING, TRANSFER, FLATTEN, OVERRIDE, HALT, RESUME, DRILL, PROMOTION, RECOVERY    one for each such line of the log,
                 in its order; `ts` is that line's
    LOG_ANCHOR   sha256 over all bytes of the log's lines 1..log_line, newlines included; `ts` is the last of those lines'
    SEGMENT      the log's `segment` line, first line of every file of the ledger but the first (`lakehouse.segments`): the
                 lines before this one were signed, and closed; how many they are, and their root
    CHECKPOINT   the lines before this one were signed (`lakehouse.checkpoints`): how many they are, and their root; `log_line`
                 (0: none) and `ts` are those of the record before
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from operator import attrgetter
from typing import Any, BinaryIO, Final, Literal

import msgspec

from lakehouse.records import (
    LOG_VERSION,
    AnyLine,
    DrillLine,
    Fill,
    Financing,
    FlattenLine,
    HaltLine,
    OverrideUsed,
    PromotionLine,
    Recovery,
    SegmentLine,
    Transfer,
)
from orders.canonical import SAFE_INTEGER_MAX
from orders.errors import RecordCorrupt

LEDGER_VERSION: Final = 1
FIRST_PREV: Final = "0" * 64
BATCH_LINES_MAX: Final = 1_000  # one group commit; also how far a killed process can leave the ledger behind the log
BLOCK_BYTES: Final = 1 << 18  # read at a time
LINE_BYTES_MAX: Final = 16 * 1024 * 1024  # a plan of 10,000 lines has about 6 MB


class LedgerType(StrEnum):
    """What a ledger record is about. More kinds will join; a verifier refuses what it does not know."""

    GENESIS = "GENESIS"
    FILL = "FILL"
    FINANCING = "FINANCING"
    TRANSFER = "TRANSFER"
    FLATTEN = "FLATTEN"
    OVERRIDE = "OVERRIDE"
    HALT = "HALT"
    RESUME = "RESUME"
    DRILL = "DRILL"
    PROMOTION = "PROMOTION"
    RECOVERY = "RECOVERY"
    SEGMENT = "SEGMENT"
    LOG_ANCHOR = "LOG_ANCHOR"
    CHECKPOINT = "CHECKPOINT"


class BadLine(RecordCorrupt):
    """A line of the log or the ledger is not what it must be; `file` is its name, `line` counts from 1, 0 means all of it.

    `overall`: the line's number over all segments, the same as `line` where there is one; None: not known yet, `line` counts
    over all and `file` names the file that grows.
    """

    def __init__(self, code: str, *, file: str, line: int, expected: str, found: str, overall: int | None = None) -> None:
        action = "Change nothing and keep a copy of the files; a person must look."
        place = file if line == 0 else f"{file} line {line}"
        place += f" ({overall} of all)" if overall not in (None, line) and line else ""
        super().__init__(code, expected=f"{place}: {expected}", found=found, action=action)
        self.file = file
        self.line = line
        self.overall = overall
        self.wanted = expected
        self.what = f"{expected} was expected, found {found}"

    def at(self, file: str, *, line: int, overall: int) -> BadLine:
        """Return the same of a line of one segment."""
        return BadLine(self.code, file=file, line=line, expected=self.wanted, found=self.found, overall=overall)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_bad_line, (self.code, self.file, self.line, self.wanted, self.found, self.overall))


def _bad_line(code: str, file: str, line: int, expected: str, found: str, overall: int | None) -> BadLine:
    return BadLine(code, file=file, line=line, expected=expected, found=found, overall=overall)


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A record's body. Fields stand in alphabetical order: that is what makes msgspec's bytes canonical (a test holds it)."""


class GenesisBody(Body, frozen=True, kw_only=True):
    format: str = "sluice-ledger-1"
    log: str = "execution_logs.jsonl"
    previous: None = None
    run_id: str


class FillBody(Body, frozen=True, kw_only=True):
    client_order_id: str
    fill_hash: str
    log_line: int
    manifest_sha256: str
    run_ledger_head: str | None
    source_run: str
    trade_id: str
    venue: str


class FinancingBody(Body, frozen=True, kw_only=True):
    currency: str
    kind: str
    line_hash: str
    log_line: int
    symbol: str | None
    venue: str


class FlattenBody(Body, frozen=True, kw_only=True):
    by: str
    line_hash: str
    log_line: int
    outcome: str
    reason: str
    request_id: str
    stage: str


class HaltBody(Body, frozen=True, kw_only=True):
    by: str
    line_hash: str
    log_line: int
    reason: str


class OverrideBody(Body, frozen=True, kw_only=True):
    by: str
    envelope_sha256: str
    line_hash: str
    log_line: int
    manifest_sha256: str
    reason: str
    token_id: str


class DrillBody(Body, frozen=True, kw_only=True):
    kind: str
    line_hash: str
    log_line: int
    outcome: str
    source_sha256: str


class PromotionBody(Body, frozen=True, kw_only=True):
    action: str
    bundle_sha256: str
    by: str
    code: str | None
    evidence_sha256: str | None
    fraction: str
    line_hash: str
    log_line: int
    statement_sha256: str | None
    to_state: str
    to_step: int


class RecoveryBody(Body, frozen=True, kw_only=True):
    bytes_cut: int
    cause: str
    line_hash: str
    log_line: int
    saved_as: str | None


class SegmentBody(Body, frozen=True, kw_only=True):
    ledger_lines: int
    ledger_root: str
    line_hash: str
    log_line: int
    number: int


class TransferBody(Body, frozen=True, kw_only=True):
    currency: str
    kind: str
    line_hash: str
    log_line: int
    transfer_id: str
    venue: str


class AnchorBody(Body, frozen=True, kw_only=True):
    log_line: int
    log_sha256: str


class CheckpointBody(Body, frozen=True, kw_only=True):
    log_line: int
    root: str
    size: int


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One record. `ts` is nanoseconds UTC as text."""

    body: Any
    prev: str
    seq: int
    ts: str
    type: str
    v: int = LEDGER_VERSION


RECORD_KEYS: Final = LedgerLine.__struct_fields__
_RECORDS: Final[Mapping[type, tuple[LedgerType, type[Body]]]] = {
    Fill: (LedgerType.FILL, FillBody),
    Financing: (LedgerType.FINANCING, FinancingBody),
    Transfer: (LedgerType.TRANSFER, TransferBody),
    FlattenLine: (LedgerType.FLATTEN, FlattenBody),
    OverrideUsed: (LedgerType.OVERRIDE, OverrideBody),
    HaltLine: (LedgerType.HALT, HaltBody),
    DrillLine: (LedgerType.DRILL, DrillBody),
    PromotionLine: (LedgerType.PROMOTION, PromotionBody),
    Recovery: (LedgerType.RECOVERY, RecoveryBody),
    SegmentLine: (LedgerType.SEGMENT, SegmentBody),
}
LEDGERED: Final = frozenset(_RECORDS)
_MADE_HERE: Final = ("by", "fill_hash", "line_hash", "log_line")  # fields of a body that are not the line's of the same name
_FILL_COPIES: Final = attrgetter(*(name for name in FillBody.__struct_fields__ if name not in _MADE_HERE))


class FillRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A FILL as `decode_quick` returns it; nearly all records of a ledger are. Fields as of `LedgerLine`."""

    body: FillBody
    prev: str
    seq: int
    ts: str
    type: Literal["FILL"]
    v: Literal[1]


class FillFacts(msgspec.Struct, frozen=True, kw_only=True, tag="fill"):
    """What of a fill line stands in its record, and its version."""

    client_order_id: str
    manifest_sha256: str
    run_ledger_head: str | None
    source_run: str
    trade_id: str
    ts_ns: int
    v: int
    venue: str


_encoder = msgspec.json.Encoder()
_decode_facts = msgspec.json.Decoder(FillFacts).decode
_decode = msgspec.json.Decoder().decode
_decode_fill = msgspec.json.Decoder(FillRecord).decode
_FILL_END: Final = b'"type":"FILL","v":1}'
_sorted_encode = msgspec.json.Encoder(order="sorted").encode


def record_of(line: AnyLine, raw: bytes, *, log_line: int) -> tuple[LedgerType, Body] | None:
    """Return the record a line of the log must have in the ledger, or None for a line that has none.

    `raw` is the line's bytes without newline. The record's `ts` is `line.ts_ns`. A body's fields are the line's of the same name.
    """
    made = _RECORDS.get(type(line))
    if made is None:
        return None
    kind, body = made
    hashed = sha256(raw)
    own: dict[str, Any] = {"fill_hash": hashed, "line_hash": hashed, "log_line": log_line, "by": _by(line)}
    if isinstance(line, HaltLine) and line.action == "resume":
        kind = LedgerType.RESUME
    return kind, body(**{name: own[name] if name in own else getattr(line, name) for name in body.__struct_fields__})


def _by(line: Any) -> str | None:
    return ", ".join(line.signers) if isinstance(line, OverrideUsed) else getattr(line, "by", None)


def sha256(raw: bytes) -> str:
    """Return the lower-case hex sha256 of `raw`."""
    return hashlib.sha256(raw).hexdigest()


def encode_record(kind: str, body: Body, *, seq: int, prev: str, ts_ns: int) -> bytes:
    """Return the canonical bytes of one record, without a newline. Raises `UnicodeEncodeError` on a lone surrogate."""
    return _encoder.encode(LedgerLine(body=body, prev=prev, seq=seq, ts=str(ts_ns), type=kind))


def canonical(value: Any) -> bytes:
    """Return the canonical bytes of a decoded record. Raises `TypeError` or `ValueError` outside the subset."""
    _check(value)
    return _sorted_encode(value)


def _check(value: Any) -> None:
    if value is None or isinstance(value, (bool, str)):
        return
    if isinstance(value, int):
        if abs(value) > SAFE_INTEGER_MAX:
            raise ValueError("an integer beyond 2^53-1")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not key.isascii():
                raise ValueError("a key that is not ASCII")
            _check(item)
    elif isinstance(value, list):
        for item in value:
            _check(item)
    else:
        raise TypeError(f"a {type(value).__name__}")


def decode_record(raw: bytes, *, file: str, line: int) -> LedgerLine:
    """Return the record in `raw`, its body as a dict; refuse any bytes that are not the canonical ones.

    Raises `BadLine` LEDGER_LINE. The chain is the caller's to check.
    """

    def bad(found: str) -> BadLine:
        return BadLine("LEDGER_LINE", file=file, line=line, expected="one canonical ledger record of version 1", found=found)

    try:
        value = _decode(raw)
        if canonical(value) != raw:
            raise bad("bytes that are not canonical")
        record = msgspec.convert(value, LedgerLine)
    except (ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise bad(f"{str(error)[:120]} in {raw[:60]!r}") from error
    if (
        record.v != LEDGER_VERSION
        or record.type not in LedgerType
        or not isinstance(record.body, dict)
        or tuple(value) != RECORD_KEYS
    ):
        raise bad(f"v {record.v}, type {record.type[:40]!r}, keys {','.join(value)[:80]}")
    return record


def decode_quick(raw: bytes, *, file: str, line: int) -> LedgerLine | FillRecord:
    """As `decode_record`, in a third of the time for a FILL, whose body then is a `FillBody`.

    What has all of a FILL's fields and is made into the same bytes again is the canonical one: there is one such byte string.
    """
    if raw.endswith(_FILL_END):
        try:
            record = _decode_fill(raw)
            if record.body.log_line <= SAFE_INTEGER_MAX and record.seq <= SAFE_INTEGER_MAX and _encoder.encode(record) == raw:
                return record
        except (ValueError, RecursionError, msgspec.MsgspecError):
            pass  # `decode_record` says what is wrong
    return decode_record(raw, file=file, line=line)


def is_of(record: FillRecord, line: Fill | FillFacts, raw: bytes, *, log_line: int) -> bool:
    """Return whether a FILL is the record of this fill line, of which `raw` are the bytes: as `record_of` makes it."""
    body = record.body
    return (
        body.log_line == log_line
        and body.fill_hash == sha256(raw)
        and _FILL_COPIES(body) == _FILL_COPIES(line)
        and record.ts == str(line.ts_ns)
    )


def fill_time(record: object, raw: bytes, *, log_line: int) -> int | None:
    """Return the time of the fill line in `raw` where `record` is its record; None: it is not, or that is not told so quickly."""
    if type(record) is not FillRecord:
        return None
    try:
        line = _decode_facts(raw)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return line.ts_ns if line.v == LOG_VERSION and is_of(record, line, raw, log_line=log_line) else None


def raw_blocks(file: BinaryIO, *, name: str, size: int) -> Iterator[tuple[list[bytes], bool]]:
    """Yield the lines of the first `size` bytes without their newlines, many at a time, and whether they are whole.

    Only the last can be torn, and comes alone. Raises `BadLine` LINE_TOO_LONG beyond `LINE_BYTES_MAX`.
    """
    left, number, rest = size, 0, b""
    while left > 0 and (data := file.read(min(left, BLOCK_BYTES))):
        left -= len(data)
        parts = data.split(b"\n")
        parts[0] = rest + parts[0]
        if len(parts[0]) > LINE_BYTES_MAX:  # others are within a block
            raise _too_long(name, line=number + 1)
        rest = parts.pop()
        number += len(parts)
        if parts:
            yield parts, True
    if rest:
        yield [rest], False


def _too_long(name: str, *, line: int) -> BadLine:
    return BadLine("LINE_TOO_LONG", file=name, line=line, expected=f"at most {LINE_BYTES_MAX} bytes", found="more")
