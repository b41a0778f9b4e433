"""Signed approvals of manifests: written and read back, by an independent reader too, and every way in which one may lie."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from orders.canonical import canonical_bytes
from orders.errors import InputError
from sentinel.controls import manifest_approval
from sentinel.dsse import public_text, sealed
from sentinel.manifest_approval import PAYLOAD_TYPE, ManifestApproval, approval_bytes, open_approval, require_covers
from tests.sentinel.cases import facts

ALICE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BOB = Ed25519PrivateKey.from_private_bytes(bytes(32))
EVE = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
TRUSTED = {"alice": public_text(ALICE.public_key()), "bob": public_text(BOB.public_key())}
APPROVAL = ManifestApproval(
    manifest_sha256="ab" * 32,
    source_run="20250106-crypto-ew",
    generated_ns=1_736_172_000_000_000_000,
    environment="live-1",
    by="alice",
)
COVERED = {name: getattr(APPROVAL, name) for name in ("manifest_sha256", "source_run", "generated_ns", "environment")}


def body(**change: Any) -> dict[str, Any]:
    text = json.loads(base64.b64decode(json.loads(approval_bytes(APPROVAL, key=ALICE))["payload"]))
    return {**text, **change}


def signed(payload: bytes, *, kind: str = PAYLOAD_TYPE, signer: str = "alice", key: Ed25519PrivateKey = ALICE) -> bytes:
    return sealed(payload, payload_type=kind, signer=signer, key=key)


def altered(change: Callable[[dict[str, Any]], None]) -> bytes:
    envelope = json.loads(approval_bytes(APPROVAL, key=ALICE))
    change(envelope)
    return json.dumps(envelope).encode()


OTHER = base64.b64encode(canonical_bytes(body(manifest_sha256="cd" * 32))).decode()
BAD: list[tuple[str, str, bytes]] = [
    ("another manifest under the signature", "SIGNATURE_BAD", altered(lambda e: e.update(payload=OTHER))),
    ("signed with a stranger's key", "SIGNATURE_BAD", signed(canonical_bytes(body()), key=EVE)),
    ("signed by nobody known", "SIGNER_UNKNOWN", signed(canonical_bytes(body(by="eve")), signer="eve", key=EVE)),
    ("an arming in place of it", "ENVELOPE_MALFORMED", signed(canonical_bytes(body()), kind="application/x")),
    ("no signature", "ENVELOPE_MALFORMED", altered(lambda e: e.update(signatures=[]))),
    ("a field more", "APPROVAL_MALFORMED", signed(canonical_bytes(body(more="1")))),
    ("a field less", "APPROVAL_MALFORMED", signed(canonical_bytes({k: v for k, v in body().items() if k != "source_run"}))),
    ("a number for text", "APPROVAL_MALFORMED", signed(canonical_bytes(body(generated_ns=1)))),
    ("a stamp that is none", "APPROVAL_MALFORMED", signed(canonical_bytes(body(generated_ns="soon")))),
    ("a stamp spelled otherwise", "APPROVAL_MALFORMED", signed(canonical_bytes(body(generated_ns="01736172000000000000")))),
    ("a stamp beyond all bounds", "APPROVAL_MALFORMED", signed(canonical_bytes(body(generated_ns="9" * 5_000)))),
    ("a key twice", "APPROVAL_MALFORMED", signed(canonical_bytes(body())[:-1] + b',"by":"alice"}')),
    ("by another than its signer", "APPROVAL_MALFORMED", signed(canonical_bytes(body(by="bob")))),
    ("not JSON inside", "APPROVAL_MALFORMED", signed(b"\xff")),
    ("empty", "ENVELOPE_MALFORMED", b""),
]  # fmt: skip


def test_what_was_signed_is_read_back_and_covers_its_manifest() -> None:
    read = open_approval(approval_bytes(APPROVAL, key=ALICE), trusted=TRUSTED)
    assert read == APPROVAL
    require_covers(read, **COVERED)


@pytest.mark.parametrize(("code", "data"), [(code, data) for _, code, data in BAD], ids=[name for name, _, _ in BAD])
def test_a_file_that_lies_is_refused_by_its_code(code: str, data: bytes) -> None:
    with pytest.raises(InputError) as refused:
        open_approval(data, trusted=TRUSTED)
    assert refused.value.code == code


def test_a_revoked_key_approves_nothing_and_another_person_s_still_does() -> None:
    revoked = frozenset({TRUSTED["alice"]})
    with pytest.raises(InputError) as refused:
        open_approval(approval_bytes(APPROVAL, key=ALICE), trusted=TRUSTED, revoked=revoked)
    assert refused.value.code == "KEY_REVOKED"
    by_bob = msgspec.structs.replace(APPROVAL, by="bob")
    assert open_approval(approval_bytes(by_bob, key=BOB), trusted=TRUSTED, revoked=revoked) == by_bob


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("manifest_sha256", "cd" * 32),
        ("source_run", "20250105-crypto-ew"),
        ("generated_ns", COVERED["generated_ns"] - 1),
        ("environment", "live-2"),
    ],
)
def test_an_approval_holds_for_nothing_else(name: str, other: Any) -> None:
    with pytest.raises(InputError) as refused:
        require_covers(APPROVAL, **COVERED | {name: other})
    assert refused.value.code == "APPROVAL_FOREIGN"
    assert str(other) in str(refused.value)


@pytest.mark.parametrize(
    ("by", "verdict"), [("alice", ["ALLOW"]), ("", ["DENY"]), (None, [])], ids=["signed", "missing", "not asked for"]
)
def test_the_control_denies_what_nobody_signed(by: str | None, verdict: list[str]) -> None:
    found = manifest_approval(facts(approved_by=by))
    assert [(one.control, one.outcome.value) for one in found] == [("MANIFEST_APPROVAL", text) for text in verdict]


# an independent implementation of the envelope, in both directions


def test_securesystemslib_verifies_what_we_sign_and_refuses_an_altered_byte() -> None:
    envelope = Envelope.from_dict(json.loads(approval_bytes(APPROVAL, key=ALICE)))
    key = SSlibKey.from_crypto(ALICE.public_key(), keyid="alice")
    assert set(envelope.verify([key], 1)) == {"alice"}
    envelope.payload = envelope.payload.replace(b"alice", b"alicf")
    with pytest.raises(VerificationError):
        envelope.verify([key], 1)


def test_we_read_what_securesystemslib_signs() -> None:
    envelope = Envelope(canonical_bytes(body()), PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(ALICE, SSlibKey.from_crypto(ALICE.public_key(), keyid="alice")))
    assert open_approval(json.dumps(envelope.to_dict()).encode(), trusted=TRUSTED) == APPROVAL


@pytest.mark.parametrize(("stamp", "good"), [("1", True), (str(2**63 - 1), True), ("0", False), (str(2**63), False)])
def test_a_stamp_is_above_zero_and_below_what_a_clock_can_hold(stamp: str, good: bool) -> None:
    data = signed(canonical_bytes(body(generated_ns=stamp)))
    if good:
        assert open_approval(data, trusted=TRUSTED).generated_ns == int(stamp)
    else:
        with pytest.raises(InputError, match="APPROVAL_MALFORMED"):
            open_approval(data, trusted=TRUSTED)
