"""A move of a bundle as it is asked of the run that holds the data directory: what its file says, and the bytes of it.

Whether it may be done is not judged here (`live.move_desk`); how the file comes and goes is `lakehouse.move_files`.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from lakehouse.person_file import BY_LENGTH_MAX, NANOSECONDS, REASON_LENGTH_MAX, text_is_sound
from orders.canonical import canonical_bytes, decimal_text, plain, sha256_hex
from orders.errors import InputError
from orders.promotion import STEPS_MAX, Action, Move, State, parse_steps
from orders.values import Record

VERSION: Final = 1
SIZE_MAX: Final = 262_144  # bytes; an envelope has 100,000 at most, and a few more where its quotes are escaped
STATEMENT_MAX: Final = 100_000  # characters, as an envelope
RUN_ID_MAX: Final = 128
LIFE_NS: Final = 60 * 1_000_000_000  # a run that is alive looks several times a second
SHA256: Final = re.compile(r"[0-9a-f]{64}")
CODE: Final = re.compile(r"[A-Z][A-Z_]{2,39}")


class PlainMove(Record, frozen=True, kw_only=True):
    """A move that nobody need sign. `code`: of what a command found, such as a failed gate, with the evidence of it."""

    move: Move
    by: str
    reason: str
    code: str | None = None
    evidence_sha256: str | None = None
    gates_sha256: str | None = None


class SignedMove(Record, frozen=True, kw_only=True):
    """A statement as persons signed it, or one that nobody need sign."""

    statement: bytes


type AskedMove = PlainMove | SignedMove


class MoveRequest(Record, frozen=True, kw_only=True):
    """`run_id`: the run it is meant for; `created_ns` on the clock of this machine."""

    run_id: str
    created_ns: int
    asked: AskedMove


class _Move(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bundle_sha256: str
    action: str
    to_state: str
    to_step: int
    steps: list[str]
    by: str
    reason: str
    code: str | None
    evidence_sha256: str | None
    gates_sha256: str | None


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's keys, all of them there; nanoseconds are text. One of `statement` and `move` is null.

    `sha256`: of the file without this key and without its newline.
    """

    version: int
    run_id: str
    created_ns: str
    statement: str | None
    move: _Move | None
    sha256: str


REQUEST_FIELDS: Final = frozenset((*_Document.__struct_fields__, *_Move.__struct_fields__))


def request_bytes(request: MoveRequest) -> bytes:
    """Return the file of a request. Raises `InputError` MOVE_MALFORMED where it is none."""
    fields: dict[str, Any] = {"version": VERSION, "run_id": request.run_id, "created_ns": str(request.created_ns)}
    match request.asked:
        case SignedMove(statement=statement):
            fields |= {"statement": statement.decode(), "move": None}
        case PlainMove() as asked:
            move = asked.move
            body = _Move(
                bundle_sha256=move.bundle_sha256,
                action=move.action.value,
                to_state=move.to_state.value,
                to_step=move.to_step,
                steps=[decimal_text(step) for step in move.steps],
                by=asked.by,
                reason=asked.reason,
                code=asked.code,
                evidence_sha256=asked.evidence_sha256,
                gates_sha256=asked.gates_sha256,
            )
            fields |= {"statement": None, "move": plain(body)}
    data = canonical_bytes(fields | {"sha256": sha256_hex(canonical_bytes(fields))}) + b"\n"
    parse_request(data)
    return data


def parse_request(data: bytes) -> MoveRequest:
    """Return the request in a file's bytes; nobody's word yet. Raises `InputError` MOVE_MALFORMED, MOVE_ALTERED."""
    try:
        found = msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(f"one JSON object with {', '.join(_Document.__struct_fields__)}", str(error)[:160]) from error
    fields = plain(found)
    whole = canonical_bytes(fields) + b"\n"
    del fields["sha256"]
    if whole != data or sha256_hex(canonical_bytes(fields)) != found.sha256:
        raise _invalid("MOVE_ALTERED", "a request with the sha256 it names, in our spelling", "another: a byte was changed")
    _require(
        (found.version == VERSION, f"version {VERSION}", found.version),
        (text_is_sound(found.run_id, length_max=RUN_ID_MAX), "run_id of a run", found.run_id),
        (NANOSECONDS.fullmatch(found.created_ns) is not None, "created_ns as nanoseconds", found.created_ns),
    )
    return MoveRequest(run_id=found.run_id, created_ns=int(found.created_ns), asked=_asked(found.statement, found.move))


def _asked(statement: str | None, move: _Move | None) -> AskedMove:
    match statement, move:
        case str(), None:
            _require((len(statement) <= STATEMENT_MAX, f"a statement of {STATEMENT_MAX} characters at most", len(statement)))
            return SignedMove(statement=statement.encode())
        case None, _Move():
            return _plain_move(move)
        case _:
            raise malformed("a statement or a move", "both" if statement is not None else "neither")


def _plain_move(found: _Move) -> PlainMove:
    _require(
        (text_is_sound(found.by, length_max=BY_LENGTH_MAX), "by as a name", found.by),
        (text_is_sound(found.reason, length_max=REASON_LENGTH_MAX), "reason in words", found.reason),
        (found.code is None or CODE.fullmatch(found.code) is not None, "a code or null", found.code),
        (SHA256.fullmatch(found.bundle_sha256) is not None, "bundle_sha256 of 64 hex digits", found.bundle_sha256),
        (_none_or_sha256(found.evidence_sha256), "evidence_sha256 of 64 hex digits, or null", found.evidence_sha256),
        (_none_or_sha256(found.gates_sha256), "gates_sha256 of 64 hex digits, or null", found.gates_sha256),
        (len(found.steps) <= STEPS_MAX, f"at most {STEPS_MAX} steps", len(found.steps)),
    )
    try:
        move = Move(
            bundle_sha256=found.bundle_sha256,
            action=Action(found.action),
            to_state=State(found.to_state),
            to_step=found.to_step,
            steps=parse_steps(found.steps),
        )
    except ValueError as error:
        raise malformed("an action, a state and steps of a promotion", str(error)[:160]) from error
    return PlainMove(
        move=move,
        by=found.by,
        reason=found.reason,
        code=found.code,
        evidence_sha256=found.evidence_sha256,
        gates_sha256=found.gates_sha256,
    )


def malformed(expected: str, found: str) -> InputError:
    """What to raise where it is no request of ours."""
    return _invalid("MOVE_MALFORMED", expected, found)


def _none_or_sha256(text: str | None) -> bool:
    return text is None or SHA256.fullmatch(text) is not None


def _require(*checks: tuple[bool, str, object]) -> None:
    for sound, expected, value in checks:
        if not sound:
            raise malformed(expected, repr(value)[:100])


def _invalid(code: str, expected: str, found: str) -> InputError:
    return InputError(code, expected=expected, found=found, action="Nothing has moved; ask again with `sluice promote`.")
