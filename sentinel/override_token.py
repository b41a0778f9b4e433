"""The signed override of controls that would let a plan pass only on a person's word: a DSSE envelope over canonical JSON.

It names one manifest, the orders of one plan, the controls, the most it may open, venues, environment and a span of time, and
holds for nothing else. Whether a plan may use it is decided in `sentinel.override`; that it is used once, by the log.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orders.canonical import canonical_bytes, decimal_text, sha256_hex
from orders.errors import InputError
from orders.values import Side
from sentinel.dsse import (
    ENVELOPE_SIZE_MAX,
    NANOSECONDS,
    canonical_body,
    countersigned,
    sealed,
)
from sentinel.override_values import (
    NAMES_MAX,
    OVERRIDABLE,
    SPAN_MAX_NS,
    OverrideLine,
    OverrideRules,
    OverrideToken,
    SignedOverride,
)
from sentinel.person_signatures import PersonRules, signed_by_persons

PAYLOAD_TYPE: Final = "application/vnd.sluice.override+json"
REQUEST_SIZE_MAX: Final = ENVELOPE_SIZE_MAX // 2  # bytes; an envelope holds it in base64
LINES_MAX: Final = 500
REASON_LENGTH_MAX: Final = 500
_TOKEN_ID: Final = re.compile(r"[0-9a-f]{32}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[\x21-\x7e]{1,64}")
_SYMBOL: Final = re.compile(r"[\x21-\x7e]{1,128}")
_CURRENCY: Final = re.compile(r"[A-Z0-9]{2,12}")
_AMOUNT: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?")


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line: int
    side: str
    symbol: str


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    approvers: list[str]
    base_currency: str
    controls: list[str]
    environment: str
    expires_ns: str
    lines: list[_Line]
    manifest_sha256: str
    not_before_ns: str
    notional_max: str
    reason: str
    requester: str
    token_id: str
    venues: list[str]


TOKEN_FIELDS: Final = frozenset(_Body.__struct_fields__)


def token_bytes(token: OverrideToken) -> bytes:
    """Return the unsigned request, canonical JSON. Raises `InputError` OVERRIDE_MALFORMED where it is none."""
    body = {name: getattr(token, name) for name in token.__struct_fields__}
    data = canonical_bytes(body | {"not_before_ns": str(token.not_before_ns), "expires_ns": str(token.expires_ns)})
    parse_token(data)
    return data


def parse_token(data: bytes) -> OverrideToken:
    """Return the token in a request's bytes; nobody's word yet. Raises `InputError` OVERRIDE_MALFORMED."""
    if len(data) > REQUEST_SIZE_MAX:
        raise _malformed(f"at most {REQUEST_SIZE_MAX} bytes", str(len(data)))
    fields = f"canonical JSON, one object with {', '.join(_Body.__struct_fields__)}"
    body = canonical_body(data, _Body, malformed=lambda found: _malformed(fields, found))
    _check(body)
    token = OverrideToken(
        token_id=body.token_id,
        environment=body.environment,
        manifest_sha256=body.manifest_sha256,
        lines=tuple(OverrideLine(line=one.line, side=Side(one.side), symbol=one.symbol) for one in body.lines),
        controls=tuple(body.controls),
        notional_max=Decimal(body.notional_max),
        base_currency=body.base_currency,
        venues=tuple(body.venues),
        not_before_ns=int(body.not_before_ns),
        expires_ns=int(body.expires_ns),
        reason=body.reason,
        requester=body.requester,
        approvers=tuple(body.approvers),
    )
    if not 0 < token.expires_ns - token.not_before_ns <= SPAN_MAX_NS:
        raise _malformed(f"expires_ns at most {SPAN_MAX_NS} ns after not_before_ns", body.expires_ns)
    return token


def sign_token(token: OverrideToken, *, signer: str, key: Ed25519PrivateKey) -> bytes:
    """Return an envelope with the first signature. Raises `InputError` OVERRIDE_SIGNER: nobody of its approvers."""
    _require_approver(token, signer)
    return sealed(token_bytes(token), payload_type=PAYLOAD_TYPE, signer=signer, key=key)


def sign_again(data: bytes, *, rules: OverrideRules, signer: str, key: Ed25519PrivateKey) -> bytes:
    """Return the envelope with one more signature, once those it has are good. Raises `InputError` as `open_signed` does."""
    _require_approver(open_signed(data, rules=rules)[0], signer)
    return countersigned(data, payload_type=PAYLOAD_TYPE, signer=signer, key=key)


def open_signed(data: bytes, *, rules: OverrideRules) -> tuple[OverrideToken, tuple[str, ...]]:
    """Return the token and who signed it so far, each by a good signature of its own.

    Raises `InputError`: what `sentinel.dsse.opened` raises, OVERRIDE_MALFORMED, OVERRIDE_SIGNER (a stranger, the engine, one name
    or one key twice).
    """
    payload, signers = signed_by_persons(
        data,
        payload_type=PAYLOAD_TYPE,
        rules=PersonRules(persons=rules.persons, revoked=rules.revoked, engine=rules.engine),
        writer="sluice override sign",
        malformed=_malformed,
        wrong=_signer,
    )
    token = parse_token(payload)
    for name in signers:
        _require_approver(token, name)
    return token, signers


def open_override(data: bytes, *, rules: OverrideRules) -> SignedOverride:
    """Return the token that all its approvers signed, as many of them as `rules` ask for.

    Raises `InputError`: what `open_signed` raises, and OVERRIDE_UNSIGNED.
    """
    token, signers = open_signed(data, rules=rules)
    missing = sorted(set(token.approvers) - set(signers))
    if missing or len(signers) < rules.signatures:
        found = f"signed by {', '.join(signers)}" + (f"; {', '.join(missing)} did not" if missing else "")
        raise InputError(
            "OVERRIDE_UNSIGNED",
            expected=f"signatures by all of its approvers, {rules.signatures} or more",
            found=found,
            action="Have the others sign it with `sluice override sign`, or ask for one with more approvers.",
        )
    return SignedOverride(token=token, envelope_sha256=sha256_hex(data))


def _check(body: _Body) -> None:
    lines = [one.line for one in body.lines]
    plain = body.reason.strip() and body.reason.isprintable() and len(body.reason) <= REASON_LENGTH_MAX
    amount = _AMOUNT.fullmatch(body.notional_max) and decimal_text(Decimal(body.notional_max)) == body.notional_max
    checks = (
        (_TOKEN_ID.fullmatch(body.token_id), "token_id of 32 hex digits", body.token_id),
        (_NAME.fullmatch(body.environment), "the name of an environment", body.environment),
        (_SHA256.fullmatch(body.manifest_sha256), "manifest_sha256 of 64 hex digits", body.manifest_sha256),
        (1 <= len(lines) <= LINES_MAX and lines[0] >= 1 and lines == sorted(set(lines)), "lines, ascending, each once", lines),
        (all(one.side in Side and _SYMBOL.fullmatch(one.symbol) for one in body.lines), "lines with side and symbol", ""),
        (_names(body.controls), "controls, ascending, each once", body.controls),
        (OVERRIDABLE.issuperset(body.controls), f"controls of {', '.join(sorted(OVERRIDABLE))}", body.controls),
        (amount and Decimal(body.notional_max) > 0, "notional_max as an amount above 0", body.notional_max),
        (_CURRENCY.fullmatch(body.base_currency), "base_currency as a code", body.base_currency),
        (_names(body.venues), "venues, ascending, each once", body.venues),
        (NANOSECONDS.fullmatch(body.not_before_ns), "not_before_ns as nanoseconds", body.not_before_ns),
        (NANOSECONDS.fullmatch(body.expires_ns), "expires_ns as nanoseconds", body.expires_ns),
        (plain, "reason in words", body.reason),
        (_NAME.fullmatch(body.requester), "requester as a name", body.requester),
        (_names(body.approvers), "approvers, ascending, each once", body.approvers),
    )
    for sound, expected, value in checks:
        if not sound:
            raise _malformed(expected, repr(value)[:100])


def _names(names: list[str]) -> bool:
    return 1 <= len(names) <= NAMES_MAX and names == sorted(set(names)) and all(_NAME.fullmatch(name) for name in names)


def _require_approver(token: OverrideToken, name: str) -> None:
    if name not in token.approvers:
        raise _signer(f"a signature by one of its approvers, {', '.join(token.approvers)}", f"one by {name}")


def _signer(expected: str, found: str) -> InputError:
    return InputError("OVERRIDE_SIGNER", expected=expected, found=found, action="Have it signed by the persons it names.")


def _malformed(expected: str, found: str) -> InputError:
    return InputError(
        "OVERRIDE_MALFORMED", expected=expected, found=found, action="Ask for a new one with `sluice override request`."
    )
