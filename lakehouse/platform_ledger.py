"""Verify a research run's `audit.jsonl` in the platform's own dialect, and name what is wrong with it.

One record a line. `hash` is the sha256 of `json.dumps(record without hash, sort_keys=True)` with Python's defaults: a
space after comma and colon, ASCII escapes, the shortest float notation, bare NaN legal. `prev_hash` is the hash of the
line before, 64 zeros on the first. The chain has no key: it shows accidents and partial edits, not a rewrite of the whole
file, and a cut tail is not seen.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from lakehouse.strict_json import nests_deeper
from orders.values import Record

ZERO_HASH: Final = "0" * 64
FAULTS_MAX: Final = 100  # listed faults; a broken ledger stays broken after them
DEPTH_MAX: Final = 64

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_INTEGER_KEY: Final = re.compile(r"-?[0-9]{1,18}")
_RECORD_START: Final = '{"type"'


class Fault(Record, frozen=True, kw_only=True):
    """What is wrong with one line (from 1).

    Codes: see `FAULTS`; of a remark, which is no fault: see `REMARKS`.
    """

    line: int
    code: str
    detail: str


FAULTS: Final[Mapping[str, str]] = {
    "NO_RECORDS": "empty, or nothing but blank lines",
    "BLANK_LINE": "the platform's next append restarts its chain after it",
    "CHAIN_RESTART": "a record that follows zeros in the middle: what the platform does after a blank or a torn line",
    "TORN_LINE": "cut off, without its newline, or with the next record on the same line",
    "FORK": "two records follow one, or one goes on from an earlier record than its neighbour: two writers without a lock",
    "INT_KEYS": "hashed with integer keys sorted as numbers, which are text once written; the content is as hashed",
    "HASH_MISMATCH": "content or hash was changed after it was written",
    "BROKEN_LINK": "follows nothing that is there: lines were removed",
    "NOT_AS_WRITTEN": "the content is as hashed, the bytes are not the platform's",
    "NOT_JSON": "no JSON object",
}
"""What is wrong with a ledger, by name: each alone makes its run BROKEN."""

REMARKS: Final[Mapping[str, str]] = {
    "GENESIS_MISSING": "no genesis record: the platform's newer versions write none",
    "GENESIS_REPEATED": "several genesis records: three programs of the platform each wrote one",
}
"""What is told of a ledger and is no fault. Bare NaN and Infinity are the platform's way to write them, and not even told."""


class Outcome(Record, frozen=True, kw_only=True):
    """One action record with an outcome: the step's name and status as written."""

    line: int
    step: str
    status: str


class LedgerReport(Record, frozen=True, kw_only=True):
    """What a ledger says. `ok`: no fault. `head`: the `hash` of the last record, None without one.

    `hashes` are all input and output hashes its records name. `remarks`: codes of `REMARKS`.
    """

    ok: bool
    records: int
    head: str | None
    genesis_run_ids: tuple[str, ...]
    faults: tuple[Fault, ...]
    outcomes: tuple[Outcome, ...]
    hashes: frozenset[str]
    remarks: tuple[Fault, ...] = ()


def verify_platform_ledger(data: bytes) -> LedgerReport:
    """Check every line of a ledger and classify its faults; never raises on content.

    Several genesis records are accepted (three writers of the platform each made one), and so is none. Checked per line:
    (1) JSON object, (2) the bytes are what the platform's writer makes of it, (3) its hash, (4) its link. After a fault
    the walk goes on from the hash the line states, so one fault is told once.
    """
    walk = _Walk()
    lines = data.split(b"\n")
    ended = lines[-1] == b""
    for number, line in enumerate(lines[:-1] if ended else lines, start=1):
        walk.line(number, line, torn=not ended and number == len(lines))
    if not walk.records:
        walk.fault(1, "NO_RECORDS", "a record was expected, found none")
    return LedgerReport(
        ok=not walk.faults,
        records=walk.records,
        head=walk.head,
        genesis_run_ids=tuple(walk.genesis_run_ids),
        faults=tuple(walk.faults),
        outcomes=tuple(walk.outcomes),
        hashes=frozenset(walk.hashes),
        remarks=walk.remarks(),
    )


class _Walk:
    """The state of one pass; `expected_prev` is None after a line whose hash is not known."""

    def __init__(self) -> None:
        self.records = 0
        self.head: str | None = None
        self.expected_prev: str | None = ZERO_HASH
        self.followed: set[str] = set()
        self.stated: set[str] = set()
        self.faults: list[Fault] = []
        self.genesis_run_ids: list[str] = []
        self.genesis_lines: list[int] = []
        self.outcomes: list[Outcome] = []
        self.hashes: set[str] = set()

    def remarks(self) -> tuple[Fault, ...]:
        if self.records and not self.genesis_lines:
            return (Fault(line=1, code="GENESIS_MISSING", detail=REMARKS["GENESIS_MISSING"]),)
        if len(self.genesis_lines) > 1:
            return (Fault(line=self.genesis_lines[1], code="GENESIS_REPEATED", detail=REMARKS["GENESIS_REPEATED"]),)
        return ()

    def fault(self, line: int, code: str, detail: str) -> None:
        assert code in FAULTS
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(line=line, code=code, detail=detail))

    def line(self, number: int, line: bytes, *, torn: bool) -> None:
        if not line.strip():
            self.fault(number, "BLANK_LINE", "the platform's next append restarts its chain after a blank line")
            return
        record, text = _load(line)
        if record is None:
            tail = None if text is None else _record_after_torn_one(text)
            if torn or tail is not None:
                self.fault(number, "TORN_LINE", "the line breaks off" if tail is None else "a record is cut off by the next one")
            else:
                self.fault(number, "NOT_JSON", "a JSON object was expected")
            self.expected_prev = None
            if tail is not None:
                self.record(number, tail)
            return
        if torn:
            self.fault(number, "TORN_LINE", "the line has no newline; the platform's next append lands on it")
        if json.dumps(record) != text:
            self.fault(number, "NOT_AS_WRITTEN", "the bytes are not those of the platform's writer")
        self.record(number, record)

    def record(self, number: int, record: dict[str, Any]) -> None:
        stated = record.pop("hash", None)
        self.records += 1
        if not isinstance(stated, str) or not _HASH.fullmatch(stated):
            self.fault(number, "HASH_MISMATCH", "64 hex digits were expected in `hash`")
            stated = None
        elif _digest(record) != stated:
            if _digest(_with_integer_keys(record)) == stated:
                self.fault(number, "INT_KEYS", "integer keys were sorted as numbers when hashed; the content is unchanged")
            else:
                self.fault(number, "HASH_MISMATCH", f"{_digest(record)} was expected, found {stated}")
        self._link(number, record.get("prev_hash"))
        self.expected_prev = self.head = stated
        if stated is not None:
            self.stated.add(stated)
        self._collect(number, record)

    def _link(self, number: int, prev: object) -> None:
        if self.expected_prev is not None and prev != self.expected_prev:
            if prev == ZERO_HASH:
                self.fault(number, "CHAIN_RESTART", f"{self.expected_prev} was expected, found zeros")
            elif isinstance(prev, str) and prev in self.followed:
                self.fault(number, "FORK", f"a second record follows {prev}")
            elif isinstance(prev, str) and prev in self.stated:
                self.fault(number, "FORK", f"the record goes on from {prev}, not from its neighbour")
            else:
                self.fault(number, "BROKEN_LINK", f"{self.expected_prev} was expected, found {str(prev)[:64]}")
        if isinstance(prev, str):
            self.followed.add(prev)

    def _collect(self, number: int, record: dict[str, Any]) -> None:
        if record.get("type") == "genesis":
            self.genesis_run_ids.append(str(record.get("run_id")))
            self.genesis_lines.append(number)
        step, status = record.get("step"), record.get("status")
        if isinstance(step, str) and isinstance(status, str) and status != "intent":
            self.outcomes.append(Outcome(line=number, step=step, status=status))
        for part, key in (("intent", "input_hashes"), ("outcome", "output_hashes")):
            body = record.get(part)
            named = body.get(key) if isinstance(body, dict) else None
            if isinstance(named, dict):
                self.hashes.update(value for value in named.values() if isinstance(value, str))


def _load(line: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """Return the record and its text; no record where it is no JSON object, no text where it is not even text.

    Numbers become Python floats here, and only here: the platform hashed its floats' shortest notation, which a Decimal
    does not reproduce (`1e-05`, `0.10000000000000001`). They are serialised again and otherwise unused.
    """
    try:
        text = line.decode("utf-8")
        value = None if nests_deeper(line, depth_max=DEPTH_MAX) else json.loads(text)
    except UnicodeDecodeError:
        return None, None
    except ValueError:  # JSONDecodeError, and an integer of more than 4,300 digits
        return None, text
    return (value if isinstance(value, dict) else None), text


def _record_after_torn_one(text: str) -> dict[str, Any] | None:
    start = text.rfind(_RECORD_START)
    if start <= 0:
        return None
    record, _ = _load(text[start:].encode())
    return record


def _digest(record: Any) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _with_integer_keys(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_integer_keys(item) for item in value]
    if not isinstance(value, dict):
        return value
    numeric = all(_INTEGER_KEY.fullmatch(key) and str(int(key)) == key for key in value)
    return {int(key) if numeric else key: _with_integer_keys(item) for key, item in value.items()}
