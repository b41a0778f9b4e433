"""The signed arming of one venue: who lets which account trade how much, until when; a DSSE envelope over canonical JSON."""

from __future__ import annotations

from collections.abc import Mapping, Set
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lakehouse.strict_json import read_bounded
from orders.canonical import canonical_bytes
from orders.errors import InputError
from orders.values import Record
from sentinel.dsse import ENVELOPE_SIZE_MAX, NANOSECONDS, canonical_body, opened, sealed

PAYLOAD_TYPE: Final = "application/vnd.sluice.arming+json"
SPAN_NS_MAX: Final = 24 * 3_600_000_000_000


class Arming(Record, frozen=True, kw_only=True):
    """What a person signed. `day_notional` > 0 in base currency a UTC day; it holds from `not_before_ns` until `expires_ns`."""

    venue: str
    account_id: str
    environment: str
    day_notional: Decimal
    not_before_ns: int
    expires_ns: int
    by: str


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account_id: str
    by: str
    day_notional: str
    environment: str
    expires_ns: str
    not_before_ns: str
    venue: str


def armed_bytes(arming: Arming, *, key: Ed25519PrivateKey) -> bytes:
    """Return the signed file of an arming; `arming.by` is the signer's name in the config."""
    body = {
        "account_id": arming.account_id,
        "by": arming.by,
        "day_notional": str(arming.day_notional),
        "environment": arming.environment,
        "expires_ns": str(arming.expires_ns),
        "not_before_ns": str(arming.not_before_ns),
        "venue": arming.venue,
    }
    return sealed(canonical_bytes(body), payload_type=PAYLOAD_TYPE, signer=arming.by, key=key)


def read_arming(path: Path, *, trusted: Mapping[str, str], revoked: Set[str] = frozenset()) -> Arming:
    """Return a venue's arming, signed by the trusted person it names; `trusted`: public keys by name;
    `revoked`: those that count no more.

    Whether it holds now, and for this account, is judged in `live.arming`. Raises `InputError`: what `sentinel.dsse.opened` and
    reading raise, and ARMING_MALFORMED.
    """
    payload, signers = opened(read_bounded(path, ENVELOPE_SIZE_MAX), payload_type=PAYLOAD_TYPE, trusted=trusted, revoked=revoked)
    body = canonical_body(payload, _Body, malformed=lambda found: _malformed(path, found))
    if not (NANOSECONDS.fullmatch(body.not_before_ns) and NANOSECONDS.fullmatch(body.expires_ns)):
        raise _malformed(path, f"not_before_ns {body.not_before_ns[:40]!r}, expires_ns {body.expires_ns[:40]!r}")
    try:
        arming = Arming(
            venue=body.venue,
            account_id=body.account_id,
            environment=body.environment,
            day_notional=Decimal(body.day_notional),
            not_before_ns=int(body.not_before_ns),
            expires_ns=int(body.expires_ns),
            by=body.by,
        )
    except ArithmeticError as error:
        raise _malformed(path, f"day_notional {body.day_notional[:40]!r}") from error
    if not arming.day_notional.is_finite() or arming.day_notional <= 0:
        raise _malformed(path, f"day_notional {body.day_notional}")
    if not 0 < arming.expires_ns - arming.not_before_ns <= SPAN_NS_MAX:
        raise _malformed(path, f"a span of {(arming.expires_ns - arming.not_before_ns) / 3_600e9:g} hours, more than 24 or none")
    if arming.by not in signers:
        raise _malformed(path, f"by {arming.by}, signed by {', '.join(signers)}")
    return arming


def _malformed(path: Path, found: str) -> InputError:
    return InputError(
        "ARMING_MALFORMED",
        expected=f"an arming of 24 h at most in {path}: {', '.join(_Body.__struct_fields__)}",
        found=found,
        action="Sign a new one with `sluice arm`.",
    )
