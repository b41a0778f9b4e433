"""Signed statements: DSSE envelopes (secure-systems-lab/dsse, v1) with Ed25519, over the exact bytes that were signed.

Only bytes over which a signature was verified are ever read: `opened` returns them, and nothing parses the payload before.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Set
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from orders.canonical import canonical_bytes
from orders.errors import InputError
from orders.public_keys import public_key_bytes, public_key_text

ENVELOPE_SIZE_MAX: Final = 100_000  # bytes
SIGNATURES_MAX: Final = 16
NANOSECONDS: Final = re.compile(r"0|[1-9][0-9]{0,18}")  # an instant as the body of a statement spells it


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keyid: str
    sig: str


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payloadType: str
    payload: str
    signatures: list[_Signature]


def pre_auth_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: `DSSEv1 SP len(type) SP type SP len(body) SP body`, lengths in bytes as decimal text."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key as it stands in a config: "ed25519:" and 32 bytes in base64."""
    return public_key_text(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def public_key(text: str) -> Ed25519PublicKey:
    """Return the key of `public_text`. Raises `InputError` KEY_MALFORMED."""
    return Ed25519PublicKey.from_public_bytes(public_key_bytes(text))


def sealed(payload: bytes, *, payload_type: str, signer: str, key: Ed25519PrivateKey) -> bytes:
    """Return an envelope with one signature; `signer` is the name its key has in the config."""
    envelope = _Envelope(
        payloadType=payload_type,
        payload=base64.b64encode(payload).decode(),
        signatures=[_signed(payload, payload_type=payload_type, signer=signer, key=key)],
    )
    return _encoded(envelope)


def countersigned(data: bytes, *, payload_type: str, signer: str, key: Ed25519PrivateKey) -> bytes:
    """Return the envelope with one more signature over the same bytes. What was signed before is not verified here.

    Raises `InputError` ENVELOPE_MALFORMED: none of this type, full, or signed by this name already.
    """
    envelope = _parsed(data)
    if envelope.payloadType != payload_type:
        raise _malformed(f"payloadType {payload_type}", repr(envelope.payloadType[:80]))
    if signer in signers_of(data) or len(envelope.signatures) >= SIGNATURES_MAX:
        raise _malformed(f"room for a signature by {signer}", f"signed by {', '.join(signers_of(data))[:200]}")
    more = _signed(_bytes(envelope.payload), payload_type=payload_type, signer=signer, key=key)
    return _encoded(msgspec.structs.replace(envelope, signatures=[*envelope.signatures, more]))


def signers_of(data: bytes) -> tuple[str, ...]:
    """Return the names an envelope carries, in its order and as often as they stand; none of them is verified.

    Raises `InputError` ENVELOPE_MALFORMED.
    """
    return tuple(signature.keyid for signature in _parsed(data).signatures)


def in_our_spelling(data: bytes) -> bool:
    """Whether an envelope is byte for byte as `sealed` and `countersigned` write it. Raises `InputError` ENVELOPE_MALFORMED."""
    return _encoded(_parsed(data)) == data


def _signed(payload: bytes, *, payload_type: str, signer: str, key: Ed25519PrivateKey) -> _Signature:
    signature = key.sign(pre_auth_encoding(payload_type, payload))
    return _Signature(keyid=signer, sig=base64.b64encode(signature).decode())


def _encoded(envelope: _Envelope) -> bytes:
    return msgspec.json.encode(envelope) + b"\n"


def opened(
    data: bytes, *, payload_type: str, trusted: Mapping[str, str], revoked: Set[str] = frozenset()
) -> tuple[bytes, tuple[str, ...]]:
    """Return the signed bytes and the names whose signature over them is good, each once, in the order of `trusted`.

    `trusted`: public keys (`public_text`) by name; `revoked`: those of them that count no more. A signature by a name that is not
    trusted counts for nothing; one of a trusted name that does not verify refuses the whole. Raises `InputError`
    ENVELOPE_MALFORMED, SIGNATURE_BAD or KEY_REVOKED; and SIGNER_UNKNOWN when no trusted name signed.
    """
    envelope = _parsed(data)
    if envelope.payloadType != payload_type:
        raise _malformed(f"payloadType {payload_type}", repr(envelope.payloadType[:80]))
    payload = _bytes(envelope.payload)
    signed = pre_auth_encoding(payload_type, payload)
    good: set[str] = set()
    for signature in envelope.signatures:
        if signature.keyid not in trusted:
            continue
        if trusted[signature.keyid] in revoked:
            raise InputError(
                "KEY_REVOKED",
                expected=f"a signature by a key of {signature.keyid} that still counts",
                found="one by a key that the config revokes",
                action="Have it signed by another person, or with a new key that the config names.",
            )
        try:
            public_key(trusted[signature.keyid]).verify(_bytes(signature.sig), signed)
        except InvalidSignature as error:
            raise InputError(
                "SIGNATURE_BAD",
                expected=f"a signature by {signature.keyid} over these bytes",
                found="one that does not verify",
                action="Have it signed anew; the file was altered, or another key signed it.",
            ) from error
        good.add(signature.keyid)
    if not good:
        names = ", ".join(sorted(signature.keyid for signature in envelope.signatures))
        raise InputError(
            "SIGNER_UNKNOWN",
            expected=f"a signature by one of {', '.join(trusted) or 'the persons in the config, which names none'}",
            found=f"signed by {names}",
            action="Have it signed by a person the config names.",
        )
    return payload, tuple(name for name in trusted if name in good)


def canonical_body[T: msgspec.Struct](payload: bytes, kind: type[T], *, malformed: Callable[[str], InputError]) -> T:
    """Return the body of a statement, once it is canonical JSON of exactly the fields of `kind`. Raises `malformed(found)`."""
    try:
        body = msgspec.json.decode(payload, type=kind, strict=True)
        spelling = canonical_bytes(msgspec.to_builtins(body))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise malformed(str(error)[:160]) from error
    if spelling != payload:
        raise malformed("another spelling of it, such as a key that stands twice")
    return body


def _parsed(data: bytes) -> _Envelope:
    if len(data) > ENVELOPE_SIZE_MAX:
        raise _malformed(f"at most {ENVELOPE_SIZE_MAX} bytes", str(len(data)))
    try:
        envelope = msgspec.json.decode(data, type=_Envelope, strict=True)
        json.loads(data, object_pairs_hook=_unique_keys)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _malformed("a DSSE envelope: payloadType, payload, signatures", str(error)) from error
    if not 1 <= len(envelope.signatures) <= SIGNATURES_MAX:
        raise _malformed(f"1 to {SIGNATURES_MAX} signatures", str(len(envelope.signatures)))
    return envelope


def _unique_keys(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice in one object")


def _bytes(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise _malformed("base64", repr(text[:40])) from error
    if base64.b64encode(data).decode() != text:  # other bits behind the last byte
        raise _malformed("base64 in its one spelling", repr(text[-40:]))
    return data


def _malformed(expected: str, found: str) -> InputError:
    return InputError("ENVELOPE_MALFORMED", expected=expected, found=found, action="Make it anew; it is signed as a whole.")
