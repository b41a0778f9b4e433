"""Envelopes themselves, whatever is signed in them: bounds, one spelling, who counts, and what is said of one that does not."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orders.canonical import canonical_bytes
from orders.errors import InputError
from sentinel.dsse import (
    ENVELOPE_SIZE_MAX,
    SIGNATURES_MAX,
    canonical_body,
    countersigned,
    in_our_spelling,
    opened,
    pre_auth_encoding,
    public_key,
    public_text,
    sealed,
    signers_of,
)

KIND = "application/x"
KEYS = {name: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number, name in enumerate(("ann", "bob", "cid"))}
TRUSTED = {name: public_text(key.public_key()) for name, key in KEYS.items()}


def made(payload: bytes = b"what is signed", *names: str) -> bytes:
    first, *others = names or ("ann",)
    data = sealed(payload, payload_type=KIND, signer=first, key=KEYS[first])
    for name in others:
        data = countersigned(data, payload_type=KIND, signer=name, key=KEYS[name])
    return data


def changed(data: bytes, **change: Any) -> bytes:
    return json.dumps(json.loads(data) | change).encode()


def strangers(number: int) -> list[dict[str, str]]:
    return [{"keyid": f"stranger {one:03}", "sig": "AAAA"} for one in range(number)]


def refused(
    data: bytes, *, kind: str = KIND, trusted: dict[str, str] = TRUSTED, revoked: frozenset[str] = frozenset()
) -> InputError:
    with pytest.raises(InputError) as error:
        opened(data, payload_type=kind, trusted=trusted, revoked=revoked)
    return error.value


def test_what_is_signed_is_type_and_body_with_their_lengths_in_bytes() -> None:
    assert pre_auth_encoding("é/x", b"a b") == b"DSSEv1 4 \xc3\xa9/x 3 a b"


def test_a_key_in_text_is_the_key_again() -> None:
    assert public_key(TRUSTED["ann"]) == KEYS["ann"].public_key()


def test_the_bytes_and_who_signed_them_come_back_in_the_order_of_trust() -> None:
    assert opened(made(b"x", "cid", "ann"), payload_type=KIND, trusted=TRUSTED) == (b"x", ("ann", "cid"))
    assert signers_of(made(b"x", "cid", "ann")) == ("cid", "ann")


def test_a_stranger_beside_a_trusted_person_counts_for_nothing_and_ends_nothing() -> None:
    data = json.loads(made(b"x", "ann", "bob"))
    data["signatures"] = [strangers(1)[0], *data["signatures"]]
    assert opened(json.dumps(data).encode(), payload_type=KIND, trusted=TRUSTED) == (b"x", ("ann", "bob"))


def test_nobody_trusted_is_said_by_name_in_order() -> None:
    data = changed(made(), signatures=[{"keyid": "zed", "sig": "AAAA"}, {"keyid": "abe", "sig": "AAAA"}])
    error = refused(data)
    assert (error.code, error.found) == ("SIGNER_UNKNOWN", "signed by abe, zed")
    assert error.expected == "a signature by one of ann, bob, cid"
    assert "names none" in refused(data, trusted={}).expected


@pytest.mark.parametrize("which", [0, 1])
def test_one_signature_of_a_trusted_person_that_is_bad_refuses_the_whole(which: int) -> None:
    data = json.loads(made(b"x", "ann", "bob"))
    data["signatures"][which]["sig"] = base64.b64encode(bytes(64)).decode()
    assert refused(json.dumps(data).encode()).code == "SIGNATURE_BAD"


def test_one_signature_by_a_revoked_key_refuses_the_whole() -> None:
    assert refused(made(b"x", "ann", "bob"), revoked=frozenset({TRUSTED["bob"]})).code == "KEY_REVOKED"
    assert opened(made(), payload_type=KIND, trusted=TRUSTED, revoked=frozenset({TRUSTED["bob"]}))[1] == ("ann",)


def test_another_type_is_refused_and_shown_cut() -> None:
    error = refused(changed(made(), payloadType="y" * 200))
    assert (error.code, error.expected, error.found) == ("ENVELOPE_MALFORMED", "payloadType application/x", repr("y" * 80))


def test_an_envelope_may_be_of_its_greatest_size_and_no_byte_larger() -> None:
    data = made()
    assert opened(data.ljust(ENVELOPE_SIZE_MAX), payload_type=KIND, trusted=TRUSTED)[1] == ("ann",)
    error = refused(data.ljust(ENVELOPE_SIZE_MAX + 1))
    assert (error.expected, error.found) == (f"at most {ENVELOPE_SIZE_MAX} bytes", str(ENVELOPE_SIZE_MAX + 1))
    assert ENVELOPE_SIZE_MAX == 100_000


def test_an_envelope_holds_one_to_sixteen_signatures() -> None:
    ours = json.loads(made())["signatures"]
    assert opened(changed(made(), signatures=ours + strangers(15)), payload_type=KIND, trusted=TRUSTED)[1] == ("ann",)
    assert SIGNATURES_MAX == 16
    assert refused(changed(made(), signatures=ours + strangers(16))).found == "17"
    assert refused(changed(made(), signatures=[])).found == "0"


@pytest.mark.parametrize(
    "text",
    ["QQ", "QUI=QUI=", "Q U I", "QR==", "QUJ=", "Q", "é", "QUJD\n", "-_8="],
    ids=["no padding", "two", "spaces", "bits behind", "more bits behind", "too short", "no ASCII", "a newline", "url letters"],
)
def test_base64_has_one_spelling(text: str) -> None:
    error = refused(changed(made(), payload=text))
    assert error.code == "ENVELOPE_MALFORMED"
    assert error.expected.startswith("base64")


def test_what_is_no_base64_is_shown_cut() -> None:
    assert refused(changed(made(), payload="!" + "x" * 99)).found == repr("!" + "x" * 39)
    odd = "A" * 97 + "R=="  # 100 letters, whose last one has bits behind the last byte
    assert (refused(changed(made(), payload=odd)).expected, refused(changed(made(), payload=odd)).found) == (
        "base64 in its one spelling", repr(odd[60:])
    )  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        made().replace(b'"payloadType"', b'"payloadType":"application/x","payloadType"', 1),
        made().replace(b'{"keyid"', b'{"keyid":"eve","keyid"', 1),
        changed(made(), more=1),
        changed(made(), payload=7),
        changed(made(), signatures=[{"keyid": "ann"}]),
        b"[]", b"", b"\xff", b"[" * 90_000,
    ],
    ids=["type twice", "keyid twice", "a key more", "a number", "no sig", "a list", "empty", "no text", "nested"],
)  # fmt: skip
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    error = refused(data)
    assert (error.code, error.expected) == ("ENVELOPE_MALFORMED", "a DSSE envelope: payloadType, payload, signatures")


def test_our_spelling_is_the_one_that_is_written() -> None:
    assert in_our_spelling(made(b"x", "ann", "bob"))
    assert not in_our_spelling(changed(made()))
    assert not in_our_spelling(made() + b" ")


def more(data: bytes, *, name: str = "bob", kind: str = KIND) -> InputError:
    with pytest.raises(InputError) as error:
        countersigned(data, payload_type=kind, signer=name, key=KEYS["bob"])
    return error.value


def test_a_signature_more_is_refused_for_another_type_by_the_same_name_and_where_none_has_room() -> None:
    error = more(changed(made(), payloadType="y" * 200))
    assert (error.expected, error.found) == ("payloadType application/x", repr("y" * 80))
    assert more(made(), name="ann").expected == "room for a signature by ann"
    full = changed(made(), signatures=json.loads(made())["signatures"] + strangers(15))
    error = more(full)
    assert error.expected == "room for a signature by bob"
    assert error.found == f"signed by {', '.join(signers_of(full))[:200]}"
    one_left = changed(made(), signatures=json.loads(made())["signatures"] + strangers(14))
    assert len(signers_of(countersigned(one_left, payload_type=KIND, signer="bob", key=KEYS["bob"]))) == 16


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: int
    text: str


def body(payload: bytes) -> Body:
    return canonical_body(payload, Body, malformed=lambda found: InputError("X", expected="a body", found=found, action=""))


def test_a_body_is_canonical_json_of_exactly_its_fields() -> None:
    good = canonical_bytes({"number": 1, "text": "é"})
    assert body(good) == Body(number=1, text="é")


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (b'{"number":1, "text":"a"}', "another spelling"),
        (b'{"text":"a","number":1}', "another spelling"),
        (b'{"number":1,"number":1,"text":"a"}', "another spelling"),
        (b'{"number":"1","text":"a"}', "Expected `int`"),
        (b'{"number":1}', "missing required field"),
        (b'{"number":1,"text":"a","z":1}', "unknown field"),
        (b'{"number":1,"text":"\\ud800"}', ""),
        (b"\xff", ""),
    ],
)
def test_another_body_is_refused(payload: bytes, found: str) -> None:
    with pytest.raises(InputError) as error:
        body(payload)
    assert error.value.code == "X"
    assert found in error.value.found


def test_what_is_wrong_with_a_body_is_shown_cut() -> None:
    long = ('{"number":1,"text":"a","' + "k" * 500 + '":1}').encode()
    with pytest.raises(InputError) as error:
        body(long)
    assert len(error.value.found) == 160


def test_letters_that_are_none_of_base64_are_not_passed_over() -> None:
    assert refused(changed(made(), payload="QU!JD")).expected == "base64"
