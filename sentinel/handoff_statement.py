"""What a person signs so that a live record may begin with what an account holds: a DSSE envelope over canonical JSON.

It names the account, what it was seen to hold, the bundle and the shadow's record it was looked at with, the promotion line it
follows and until when it may be used. A rehearsal without promotions may have the same JSON unsigned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orders.canonical import canonical_bytes
from orders.errors import InputError
from orders.values import Record
from sentinel.dsse import NANOSECONDS, canonical_body, sealed
from sentinel.person_signatures import PersonRules, signed_by_persons

PAYLOAD_TYPE: Final = "application/vnd.sluice.handoff+json"
VERSION: Final = 2  # 1 was not signed
LIFE_NS: Final = 3_600 * 1_000_000_000
HOLDINGS_MAX: Final = 1_000  # an envelope has room for so many
REASON_LENGTH_MAX: Final = 500
DIGITS_MAX: Final = 28  # Decimal arithmetic keeps so many
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[\x21-\x7e]{1,64}")
_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")  # 0 or more, as `orders.canonical.decimal_text` spells it
_AGAIN: Final = "Remove it, and ask anew with `sluice promote handoff`."


class Handoff(Record, frozen=True, kw_only=True):
    """`holdings`: what the account at `venue` held of what is traded, >= 0 units by code, when it was asked. `bundle_sha256`: of
    the shadow that is taken over; `shadow`: its data directory, `shadow_lines` its log's length, `shadow_head` sha256 of its
    ledger's last line. `follows`: sha256 of the live log's promotion line before, 64 zeros without one. It may be used from
    `created_ns` until just before `expires_ns`.
    """

    environment: str
    venue: str
    account_id: str
    bundle_sha256: str
    shadow: str
    shadow_lines: int
    shadow_head: str
    follows: str
    by: str
    reason: str
    created_ns: int
    expires_ns: int
    holdings: Mapping[str, Decimal]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account_id: str
    bundle_sha256: str
    by: str
    created_ns: str
    environment: str
    expires_ns: str
    follows: str
    holdings: dict[str, str]
    reason: str
    shadow: str
    shadow_head: str
    shadow_lines: int
    venue: str
    version: int


HANDOFF_FIELDS: Final = frozenset(_Body.__struct_fields__)


def handoff_bytes(handoff: Handoff) -> bytes:
    """Return what is signed, canonical JSON. Raises `InputError` HANDOFF_MALFORMED where it is none."""
    facts: dict[str, Any] = {name: getattr(handoff, name) for name in handoff.__struct_fields__}
    numbers = {name: str(facts[name]) for name in ("created_ns", "expires_ns")}
    data = canonical_bytes(facts | numbers | {"version": VERSION})
    parse_handoff(data)
    return data


def parse_handoff(data: bytes) -> Handoff:
    """Return the handoff in unsigned bytes; nobody's word yet. Raises `InputError` HANDOFF_MALFORMED."""
    fields = f"canonical JSON, one object with {', '.join(_Body.__struct_fields__)}"
    body = canonical_body(data, _Body, malformed=lambda found: _malformed(fields, found))
    _check(body)
    created_ns, expires_ns = int(body.created_ns), int(body.expires_ns)
    if not 0 < expires_ns - created_ns <= LIFE_NS:
        raise _malformed("expires_ns at most an hour after created_ns", body.expires_ns)
    return Handoff(
        environment=body.environment,
        venue=body.venue,
        account_id=body.account_id,
        bundle_sha256=body.bundle_sha256,
        shadow=body.shadow,
        shadow_lines=body.shadow_lines,
        shadow_head=body.shadow_head,
        follows=body.follows,
        by=body.by,
        reason=body.reason,
        created_ns=created_ns,
        expires_ns=expires_ns,
        holdings={code: _amount(code, text) for code, text in body.holdings.items()},
    )


def sign_handoff(handoff: Handoff, *, signer: str, key: Ed25519PrivateKey) -> bytes:
    """Return an envelope with one signature."""
    return sealed(handoff_bytes(handoff), payload_type=PAYLOAD_TYPE, signer=signer, key=key)


def is_signed(data: bytes) -> bool:
    """Whether bytes look like an envelope; that its signatures are good, `open_handoff` says."""
    return data.startswith(b'{"payloadType":')


def open_handoff(data: bytes, *, rules: PersonRules) -> tuple[Handoff, tuple[str, ...]]:
    """Return the handoff and who signed it, each by a good signature of its own.

    Raises `InputError`: what `sentinel.dsse.opened` raises, HANDOFF_MALFORMED, HANDOFF_SIGNER (a stranger, the engine, one name
    or one key twice).
    """
    payload, signers = signed_by_persons(
        data, payload_type=PAYLOAD_TYPE, rules=rules, writer="sluice promote handoff", malformed=_malformed, wrong=_signer
    )
    return parse_handoff(payload), signers


def _check(body: _Body) -> None:
    plain = body.reason.strip() and body.reason.isprintable() and len(body.reason) <= REASON_LENGTH_MAX
    names = (body.environment, body.venue, body.account_id, body.by, *body.holdings)
    hashes = (body.bundle_sha256, body.shadow_head, body.follows)
    times = (body.created_ns, body.expires_ns)
    checks: tuple[tuple[object, str, str], ...] = (
        (body.version == VERSION, f"version {VERSION}", str(body.version)),
        *((_NAME.fullmatch(text), "names of 1 to 64 visible ASCII characters", text) for text in names),
        *((_SHA256.fullmatch(text), "bundle_sha256, shadow_head and follows of 64 hex digits", text) for text in hashes),
        *((NANOSECONDS.fullmatch(text), "created_ns and expires_ns as nanoseconds", text) for text in times),
        (body.shadow.strip() and body.shadow.isprintable(), "shadow as a directory", body.shadow),
        (body.shadow_lines > 0, "shadow_lines above 0", str(body.shadow_lines)),
        (plain, "reason in words", body.reason),
        (len(body.holdings) <= HOLDINGS_MAX, f"at most {HOLDINGS_MAX} holdings", str(len(body.holdings))),
    )
    for sound, expected, value in checks:
        if not sound:
            raise _malformed(expected, repr(value)[:100])


def _amount(code: str, text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text) or len(text.replace(".", "")) > DIGITS_MAX:
        expected = f"an amount of {code} that is 0 or more, in at most {DIGITS_MAX} plain digits"
        raise _malformed(expected, repr(text)[:60])
    return Decimal(text)


def _signer(expected: str, found: str) -> InputError:
    return InputError("HANDOFF_SIGNER", expected=expected, found=found, action=_AGAIN)


def _malformed(expected: str, found: str) -> InputError:
    return InputError("HANDOFF_MALFORMED", expected=expected, found=found, action=_AGAIN)
