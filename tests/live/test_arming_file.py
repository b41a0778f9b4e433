"""Signed armings: written and read back, and every way in which a file may lie."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from live.arming_file import PAYLOAD_TYPE, SPAN_NS_MAX, armed_bytes, read_arming
from orders.canonical import canonical_bytes
from orders.errors import InputError
from sentinel.dsse import opened, pre_auth_encoding, public_text, sealed
from tests.live.test_arming import ARMING

ALICE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MALLORY = Ed25519PrivateKey.from_private_bytes(bytes(32))
TRUSTED = {"alice": public_text(ALICE.public_key()), "bob": public_text(MALLORY.public_key())}


def body(**change: Any) -> dict[str, Any]:
    text = json.loads(base64.b64decode(json.loads(armed_bytes(ARMING, key=ALICE))["payload"]))
    return {**text, **change}


def signed(payload: bytes) -> bytes:
    return sealed(payload, payload_type=PAYLOAD_TYPE, signer="alice", key=ALICE)


def altered(change: Callable[[dict[str, Any]], None]) -> bytes:
    envelope = json.loads(armed_bytes(ARMING, key=ALICE))
    change(envelope)
    return json.dumps(envelope).encode()


def sig(envelope: dict[str, Any], **change: str) -> None:
    envelope["signatures"][0].update(change)


MUCH = base64.b64encode(canonical_bytes(body(day_notional="9999999"))).decode()
LAST_NS = ARMING.not_before_ns + SPAN_NS_MAX
BAD: list[tuple[str, str, bytes]] = [
    ("another payload under the signature", "SIGNATURE_BAD", altered(lambda e: e.update(payload=MUCH))),
    ("signed by nobody known", "SIGNER_UNKNOWN", altered(lambda e: sig(e, keyid="eve"))),
    ("another person's name on it", "SIGNATURE_BAD", altered(lambda e: sig(e, keyid="bob"))),
    ("no signature", "ENVELOPE_MALFORMED", altered(lambda e: e.update(signatures=[]))),
    ("another type", "ENVELOPE_MALFORMED", sealed(canonical_bytes(body()), payload_type="a/x", signer="alice", key=ALICE)),
    ("not base64", "ENVELOPE_MALFORMED", altered(lambda e: e.update(payload="%%%"))),
    ("an unknown field in the envelope", "ENVELOPE_MALFORMED", altered(lambda e: e.update(more=1))),
    ("an unknown field in the body", "ARMING_MALFORMED", signed(canonical_bytes(body(more="1")))),
    ("a field missing", "ARMING_MALFORMED", signed(canonical_bytes({k: v for k, v in body().items() if k != "venue"}))),
    ("a number for text", "ARMING_MALFORMED", signed(canonical_bytes(body(expires_ns=1)))),
    ("not a number", "ARMING_MALFORMED", signed(canonical_bytes(body(day_notional="NaN")))),
    ("words for a number", "ARMING_MALFORMED", signed(canonical_bytes(body(day_notional="much")))),
    ("nothing a day", "ARMING_MALFORMED", signed(canonical_bytes(body(day_notional="0")))),
    ("an instant spelled otherwise", "ARMING_MALFORMED", signed(canonical_bytes(body(expires_ns=f"+{ARMING.expires_ns}")))),
    ("an instant before 1970", "ARMING_MALFORMED", signed(canonical_bytes(body(not_before_ns="-1", expires_ns="1")))),
    ("a key twice", "ARMING_MALFORMED", signed(canonical_bytes(body())[:-1] + b',"venue":"OKX"}')),
    ("other spaces", "ARMING_MALFORMED", signed(json.dumps(body(), sort_keys=True).encode())),
    ("one nanosecond over a day", "ARMING_MALFORMED", signed(canonical_bytes(body(expires_ns=str(LAST_NS + 1))))),
    ("a span of nothing", "ARMING_MALFORMED", signed(canonical_bytes(body(expires_ns=str(ARMING.not_before_ns))))),
    ("by another than its signer", "ARMING_MALFORMED", signed(canonical_bytes(body(by="bob")))),
    ("no JSON", "ENVELOPE_MALFORMED", b"alice says so"),
    ("empty", "ENVELOPE_MALFORMED", b""),
    ("too large", "TOO_LARGE", b" " * 200_000),
]  # fmt: skip


def test_what_was_signed_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "arming.json"
    path.write_bytes(armed_bytes(ARMING, key=ALICE))
    assert read_arming(path, trusted=TRUSTED) == ARMING
    whole_day = msgspec.structs.replace(ARMING, expires_ns=ARMING.not_before_ns + SPAN_NS_MAX)
    path.write_bytes(armed_bytes(whole_day, key=ALICE))
    assert read_arming(path, trusted=TRUSTED) == whole_day


@pytest.mark.parametrize(("code", "data"), [(code, data) for _, code, data in BAD], ids=[name for name, _, _ in BAD])
def test_a_file_that_lies_is_refused_by_its_code(code: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "arming.json"
    path.write_bytes(data)
    with pytest.raises(InputError) as refused:
        read_arming(path, trusted=TRUSTED)
    assert refused.value.code == code


def test_a_key_the_config_no_longer_names_arms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "arming.json"
    path.write_bytes(armed_bytes(ARMING, key=ALICE))
    with pytest.raises(InputError) as refused:
        read_arming(path, trusted={"bob": TRUSTED["bob"]})
    assert refused.value.code == "SIGNER_UNKNOWN"


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_flipped_bit_of_an_envelope_changes_what_is_read(place: int, bit: int) -> None:
    data = bytearray(armed_bytes(ARMING, key=ALICE))
    data[place % len(data)] ^= 1 << bit
    try:
        payload, signers = opened(bytes(data), payload_type=PAYLOAD_TYPE, trusted=TRUSTED)
    except InputError:
        return
    assert payload == canonical_bytes(body())
    assert signers == ("alice",)


def test_the_signed_bytes_are_those_of_the_format() -> None:
    """The example of the DSSE specification (secure-systems-lab/dsse, protocol.md)."""
    assert pre_auth_encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_two_names_with_one_key_count_as_they_are_named() -> None:
    """Who is the same person is the config's affair: here only names with a good signature are returned, each once."""
    envelope = json.loads(armed_bytes(ARMING, key=ALICE))
    envelope["signatures"] = envelope["signatures"] * 3
    _, signers = opened(json.dumps(envelope).encode(), payload_type=PAYLOAD_TYPE, trusted=TRUSTED)
    assert signers == ("alice",)
