"""What persons sign so that a bundle may move: a DSSE envelope over canonical JSON, good for one move of one log, once.

It names the bundle, the move, the evidence and the gates it was judged by, the promotion line it follows (so it cannot be played
again) and until when it may be recorded. Whether the move is possible and the evidence is good is decided elsewhere.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orders.canonical import canonical_bytes, decimal_text
from orders.errors import InputError
from orders.promotion import Action, Move, State, parse_steps
from orders.values import Record
from sentinel.dsse import NANOSECONDS, canonical_body, countersigned, sealed
from sentinel.person_signatures import PersonRules, signed_by_persons

PAYLOAD_TYPE: Final = "application/vnd.sluice.promotion+json"
NS_PER_S: Final = 1_000_000_000
SPAN_NS_MAX: Final = 24 * 3_600 * NS_PER_S
REASON_LENGTH_MAX: Final = 500
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[\x21-\x7e]{1,64}")
_FRACTION: Final = re.compile(r"[01](\.[0-9]{1,12})?")
_AGAIN: Final = "Ask for a new one with `sluice promote`."


class PromotionStatement(Record, frozen=True, kw_only=True):
    """One move. `fraction`: of equity that may trade afterwards; `by`: who asks for it; `follows`: sha256 of the log's promotion
    line before, 64 zeros without one; it may be recorded from `created_ns` until just before `expires_ns`.
    """

    environment: str
    move: Move
    fraction: str
    evidence_sha256: str | None
    gates_sha256: str | None
    by: str
    reason: str
    follows: str
    created_ns: int
    expires_ns: int


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    action: str
    bundle_sha256: str
    by: str
    created_ns: str
    environment: str
    evidence_sha256: str | None
    expires_ns: str
    follows: str
    fraction: str
    gates_sha256: str | None
    reason: str
    steps: list[str]
    to_state: str
    to_step: int


STATEMENT_FIELDS: Final = frozenset(_Body.__struct_fields__)


def statement_document(statement: PromotionStatement) -> dict[str, Any]:
    """Return what is signed, as plain values."""
    move = statement.move
    return {
        "action": move.action,
        "bundle_sha256": move.bundle_sha256,
        "by": statement.by,
        "created_ns": str(statement.created_ns),
        "environment": statement.environment,
        "evidence_sha256": statement.evidence_sha256,
        "expires_ns": str(statement.expires_ns),
        "follows": statement.follows,
        "fraction": statement.fraction,
        "gates_sha256": statement.gates_sha256,
        "reason": statement.reason,
        "steps": [decimal_text(step) for step in move.steps],
        "to_state": move.to_state,
        "to_step": move.to_step,
    }


def statement_bytes(statement: PromotionStatement) -> bytes:
    """Return the unsigned request, canonical JSON. Raises `InputError` PROMOTION_MALFORMED where it is none."""
    data = canonical_bytes(statement_document(statement))
    parse_statement(data)
    return data


def parse_statement(data: bytes) -> PromotionStatement:
    """Return the statement in a request's bytes; nobody's word yet. Raises `InputError` PROMOTION_MALFORMED."""
    fields = f"canonical JSON, one object with {', '.join(_Body.__struct_fields__)}"
    body = canonical_body(data, _Body, malformed=lambda found: _malformed(fields, found))
    _check(body)
    try:
        move = Move(
            bundle_sha256=body.bundle_sha256,
            action=Action(body.action),
            to_state=State(body.to_state),
            to_step=body.to_step,
            steps=parse_steps(body.steps),
        )
    except ValueError as error:
        raise _malformed("an action, a state and steps of a promotion", str(error)[:160]) from error
    created_ns, expires_ns = int(body.created_ns), int(body.expires_ns)
    if not 0 < expires_ns - created_ns <= SPAN_NS_MAX:
        raise _malformed("expires_ns at most 24 h after created_ns", body.expires_ns)
    return PromotionStatement(
        environment=body.environment,
        move=move,
        fraction=body.fraction,
        evidence_sha256=body.evidence_sha256,
        gates_sha256=body.gates_sha256,
        by=body.by,
        reason=body.reason,
        follows=body.follows,
        created_ns=created_ns,
        expires_ns=expires_ns,
    )


def sign_statement(statement: PromotionStatement, *, signer: str, key: Ed25519PrivateKey) -> bytes:
    """Return an envelope with the first signature."""
    return sealed(statement_bytes(statement), payload_type=PAYLOAD_TYPE, signer=signer, key=key)


def sign_statement_again(data: bytes, *, rules: PersonRules, signer: str, key: Ed25519PrivateKey) -> bytes:
    """Return the envelope with one more signature, once those it has are good. Raises `InputError` as `open_statement`."""
    open_statement(data, rules=rules)
    return countersigned(data, payload_type=PAYLOAD_TYPE, signer=signer, key=key)


def open_statement(data: bytes, *, rules: PersonRules) -> tuple[PromotionStatement, tuple[str, ...]]:
    """Return the statement and who signed it so far, each by a good signature of its own.

    Raises `InputError`: what `sentinel.dsse.opened` raises, PROMOTION_MALFORMED, PROMOTION_SIGNER (a stranger, the engine, one
    name or one key twice).
    """
    payload, signers = signed_by_persons(
        data, payload_type=PAYLOAD_TYPE, rules=rules, writer="sluice promote sign", malformed=_malformed, wrong=_signer
    )
    return parse_statement(payload), signers


def require_recordable(statement: PromotionStatement, *, environment: str, follows: str, now_ns: int) -> None:
    """Return when it may be recorded now in a log of this environment whose last promotion line is `follows`.

    Raises `InputError` PROMOTION_FOREIGN, PROMOTION_REPLAYED, PROMOTION_EARLY, PROMOTION_EXPIRED.
    """
    if statement.environment != environment:
        raise _refused("PROMOTION_FOREIGN", f"environment {environment}", statement.environment)
    if statement.follows != follows:
        raise _refused("PROMOTION_REPLAYED", f"one that follows the promotion line {follows[:16]}…", f"{statement.follows[:16]}…")
    if now_ns < statement.created_ns:
        raise _refused("PROMOTION_EARLY", "one that holds already", f"{_seconds(statement.created_ns - now_ns)} to go")
    if now_ns >= statement.expires_ns:
        raise _refused("PROMOTION_EXPIRED", "one that still holds", f"expired {_seconds(now_ns - statement.expires_ns)} ago")


def _seconds(ns: int) -> str:
    return f"{ns // NS_PER_S} s"


def _check(body: _Body) -> None:
    plain = body.reason.strip() and body.reason.isprintable() and len(body.reason) <= REASON_LENGTH_MAX
    checks = (
        (_SHA256.fullmatch(body.bundle_sha256), "bundle_sha256 of 64 hex digits", body.bundle_sha256),
        (_NAME.fullmatch(body.by), "by as a name of visible ASCII without spaces", body.by),
        (NANOSECONDS.fullmatch(body.created_ns), "created_ns as nanoseconds", body.created_ns),
        (_NAME.fullmatch(body.environment), "the name of an environment", body.environment),
        (_none_or_sha256(body.evidence_sha256), "evidence_sha256 of 64 hex digits, or null", body.evidence_sha256),
        (NANOSECONDS.fullmatch(body.expires_ns), "expires_ns as nanoseconds", body.expires_ns),
        (_SHA256.fullmatch(body.follows), "follows of 64 hex digits", body.follows),
        (_FRACTION.fullmatch(body.fraction), "fraction from 0 to 1", body.fraction),
        (_none_or_sha256(body.gates_sha256), "gates_sha256 of 64 hex digits, or null", body.gates_sha256),
        (plain, "reason in words", body.reason),
    )
    for sound, expected, value in checks:
        if not sound:
            raise _malformed(expected, repr(value)[:100])


def _none_or_sha256(text: str | None) -> bool:
    return text is None or _SHA256.fullmatch(text) is not None


def _refused(code: str, expected: str, found: str) -> InputError:
    return InputError(code, expected=expected, found=found, action=_AGAIN)


def _signer(expected: str, found: str) -> InputError:
    return InputError("PROMOTION_SIGNER", expected=expected, found=found, action="Have it signed by persons of [live.persons].")


def _malformed(expected: str, found: str) -> InputError:
    return InputError("PROMOTION_MALFORMED", expected=expected, found=found, action=_AGAIN)
