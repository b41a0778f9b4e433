"""The signed statement of a promotion: each way of forging, stretching or playing it again, beside the one that holds."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orders.errors import InputError
from orders.promotion import FIRST_FOLLOWS, STEPS
from sentinel.dsse import public_text, sealed
from sentinel.person_signatures import PersonRules
from sentinel.promotion_statement import (
    PAYLOAD_TYPE,
    SPAN_NS_MAX,
    PromotionStatement,
    open_statement,
    parse_statement,
    require_recordable,
    sign_statement,
    sign_statement_again,
    statement_bytes,
)
from tests.promotion.made import CANARY, EVIDENCE, GATES, SECOND, START_NS

KEYS = {name: Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number, name in enumerate(("ann", "bob", "eve"), 1)}
PUBLIC = {name: public_text(key.public_key()) for name, key in KEYS.items()}
RULES = PersonRules(persons={"ann": PUBLIC["ann"], "bob": PUBLIC["bob"]})
STATEMENT = PromotionStatement(
    environment="live-btc", move=CANARY, fraction="0.01", evidence_sha256=EVIDENCE, gates_sha256=GATES, by="ann", reason="a test",
    follows=FIRST_FOLLOWS, created_ns=START_NS, expires_ns=START_NS + SPAN_NS_MAX,
)  # fmt: skip


def signed(*names: str, statement: PromotionStatement = STATEMENT) -> bytes:
    first, *others = names
    data = sign_statement(statement, signer=first, key=KEYS[first])
    for name in others:
        data = sign_statement_again(data, rules=RULES, signer=name, key=KEYS[name])
    return data


def enveloped(payload: bytes, *names: str, kind: str = PAYLOAD_TYPE) -> bytes:
    """An envelope signed over whatever bytes, by these keys under these names."""
    made = [json.loads(sealed(payload, payload_type=kind, signer=name, key=KEYS[name])) for name in names]
    document = {**made[0], "signatures": [one["signatures"][0] for one in made]}
    return msgspec.json.encode(document) + b"\n"


def body(**change: Any) -> bytes:
    document = json.loads(statement_bytes(STATEMENT)) | change
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def swapped(data: bytes) -> bytes:
    """The payload of another statement under the signatures of this one."""
    document = json.loads(data)
    document["payload"] = base64.b64encode(body(to_step=1)).decode()
    return msgspec.json.encode(document) + b"\n"


def test_two_persons_statement_is_read_as_it_was_signed() -> None:
    assert open_statement(signed("ann", "bob"), rules=RULES) == (STATEMENT, ("ann", "bob"))


FORGERIES: dict[str, tuple[Callable[[], bytes], PersonRules, str]] = {
    "a stranger's key": (lambda: sign_statement(STATEMENT, signer="eve", key=KEYS["eve"]), RULES, "SIGNER_UNKNOWN"),
    "a stranger under a person's name": (
        lambda: sign_statement(STATEMENT, signer="ann", key=KEYS["eve"]),
        RULES,
        "SIGNATURE_BAD",
    ),
    "a stranger beside a person": (lambda: enveloped(body(), "ann", "eve"), RULES, "PROMOTION_SIGNER"),
    "one person twice": (lambda: enveloped(body(), "ann", "ann"), RULES, "PROMOTION_SIGNER"),
    "one key under two names": (
        lambda: enveloped_as(("ann", "ann"), ("bob", "ann")),
        PersonRules(persons={"ann": PUBLIC["ann"], "bob": PUBLIC["ann"]}),
        "PROMOTION_SIGNER",
    ),
    "the engine's own key": (
        lambda: signed("ann", "bob"),
        PersonRules(persons=RULES.persons, engine=frozenset({PUBLIC["bob"]})),
        "PROMOTION_SIGNER",
    ),
    "a revoked key": (
        lambda: signed("ann", "bob"),
        PersonRules(persons=RULES.persons, revoked=frozenset({PUBLIC["bob"]})),
        "KEY_REVOKED",
    ),
    "a person who left": (lambda: signed("ann", "bob"), PersonRules(persons={"ann": PUBLIC["ann"]}), "PROMOTION_SIGNER"),
    "a key that was exchanged": (
        lambda: signed("ann", "bob"),
        PersonRules(persons={"ann": PUBLIC["ann"], "bob": PUBLIC["eve"]}),
        "SIGNATURE_BAD",
    ),
    "another body under the signatures": (lambda: swapped(signed("ann", "bob")), RULES, "SIGNATURE_BAD"),
    "an override's type": (
        lambda: enveloped(body(), "ann", kind="application/vnd.sluice.override+json"),
        RULES,
        "ENVELOPE_MALFORMED",
    ),
    "another spelling of the envelope": (lambda: signed("ann") + b"\n", RULES, "PROMOTION_MALFORMED"),
    "a body with a blank": (lambda: enveloped(body().replace(b":", b": ", 1), "ann"), RULES, "PROMOTION_MALFORMED"),
    "a body with a field too many": (lambda: enveloped(body(more="x"), "ann"), RULES, "PROMOTION_MALFORMED"),
    "no JSON": (lambda: enveloped(b"move it", "ann"), RULES, "PROMOTION_MALFORMED"),
    "nothing": (lambda: b"", RULES, "ENVELOPE_MALFORMED"),
}


def enveloped_as(*signers: tuple[str, str]) -> bytes:
    """(name, whose key it really is)."""
    made = [json.loads(sealed(body(), payload_type=PAYLOAD_TYPE, signer=name, key=KEYS[key])) for name, key in signers]
    return msgspec.json.encode({**made[0], "signatures": [one["signatures"][0] for one in made]}) + b"\n"


@pytest.mark.parametrize(("made", "rules", "code"), FORGERIES.values(), ids=FORGERIES)
def test_a_forged_statement_is_nobodys_word(made: Callable[[], bytes], rules: PersonRules, code: str) -> None:
    with pytest.raises(InputError) as caught:
        open_statement(made(), rules=rules)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "change",
    [
        {"bundle_sha256": "A" * 64}, {"bundle_sha256": "a" * 63}, {"evidence_sha256": "../x"}, {"gates_sha256": ""},
        {"follows": "0"}, {"fraction": "1e0"}, {"fraction": "2"}, {"environment": "a b"}, {"by": ""}, {"reason": " "},
        {"reason": "x" * 501}, {"reason": "a\nb"}, {"created_ns": "+1"}, {"expires_ns": "-1"}, {"expires_ns": str(START_NS)},
        {"expires_ns": str(START_NS + SPAN_NS_MAX + 1)}, {"steps": ["0.010", "1"]}, {"steps": ["x"]},
        {"action": "jump"}, {"to_state": "paper"}, {"to_step": "1"}, {"to_step": True},
    ],
    ids=lambda change: f"{next(iter(change))}={str(next(iter(change.values())))[:12]}",
)  # fmt: skip
def test_a_request_that_is_no_statement_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        parse_statement(body(**change))
    assert caught.value.code == "PROMOTION_MALFORMED"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ""),
        ({"now_ns": START_NS}, ""),
        ({"now_ns": START_NS + SPAN_NS_MAX - 1}, ""),
        ({"now_ns": START_NS + SPAN_NS_MAX}, "PROMOTION_EXPIRED"),
        ({"now_ns": START_NS - 1}, "PROMOTION_EARLY"),
        ({"environment": "paper"}, "PROMOTION_FOREIGN"),
        ({"follows": "9" * 64}, "PROMOTION_REPLAYED"),
    ],
    ids=[
        "now",
        "at its beginning",
        "a nanosecond before its end",
        "at its end",
        "before its beginning",
        "another environment",
        "after another move",
    ],
)
def test_a_statement_holds_for_one_record_at_one_point_and_a_day(change: dict[str, Any], code: str) -> None:
    facts: dict[str, Any] = {"environment": "live-btc", "follows": FIRST_FOLLOWS, "now_ns": START_NS + SECOND} | change
    try:
        require_recordable(STATEMENT, **facts)
        found = ""
    except InputError as error:
        found = error.code
    assert found == code


@pytest.mark.parametrize(
    "change",
    [
        {"by": "a"}, {"by": "a" * 64}, {"fraction": "0.5"}, {"fraction": "0.123456789012"}, {"reason": "x" * 500},
        {"evidence_sha256": None, "gates_sha256": None}, {"expires_ns": str(START_NS + 1)},
    ],
    ids=["one letter", "64 letters", "one place", "12 places", "500 letters", "no evidence", "a nanosecond"],
)  # fmt: skip
def test_a_request_at_its_bounds_is_a_statement(change: dict[str, Any]) -> None:
    assert parse_statement(body(**change)).environment == "live-btc"


@pytest.mark.parametrize(("name", "value"), [("by", "a" * 65), ("fraction", "0.1234567890123"), ("environment", "e" * 65)])
def test_a_request_beyond_its_bounds_is_none_and_what_is_shown_of_it_is_cut(name: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_statement(body(**{name: value}))
    assert caught.value.found == repr(value)[:100]


def test_what_is_shown_of_a_foreign_text_is_cut() -> None:
    with pytest.raises(InputError) as caught:
        parse_statement(body(reason="\n" + "x" * 200))
    assert caught.value.found == repr("\n" + "x" * 200)[:100]
    with pytest.raises(InputError) as caught:
        parse_statement(body(action="x" * 300))
    assert caught.value.found == f"{'x' * 300!r} is not a valid Action"[:160]


def test_an_unsound_statement_is_not_even_asked_for() -> None:
    with pytest.raises(InputError, match="PROMOTION_MALFORMED"):
        statement_bytes(msgspec.structs.replace(STATEMENT, reason=" "))


def test_how_long_it_is_too_early_or_too_late_is_said_in_seconds() -> None:
    for now_ns, words in ((START_NS - 90 * SECOND, "90 s to go"), (STATEMENT.expires_ns + 5 * SECOND, "expired 5 s ago")):
        with pytest.raises(InputError) as caught:
            require_recordable(STATEMENT, environment="live-btc", follows=FIRST_FOLLOWS, now_ns=now_ns)
        assert caught.value.found == words


def test_a_second_signature_by_the_same_person_is_not_taken() -> None:
    with pytest.raises(InputError, match="room for a signature by ann"):
        sign_statement_again(signed("ann"), rules=RULES, signer="ann", key=KEYS["ann"])


def test_a_signature_is_added_only_to_good_ones() -> None:
    with pytest.raises(InputError, match="SIGNATURE_BAD"):
        sign_statement_again(swapped(signed("ann")), rules=RULES, signer="bob", key=KEYS["bob"])


def test_the_bytes_that_are_signed_are_fixed() -> None:
    assert statement_bytes(STATEMENT) == (
        b'{"action":"promote","bundle_sha256":"' + b"a" * 64 + b'","by":"ann","created_ns":"1767693600000000000",'
        b'"environment":"live-btc","evidence_sha256":"' + b"1" * 64 + b'","expires_ns":"1767780000000000000","follows":"'
        + b"0" * 64 + b'","fraction":"0.01","gates_sha256":"' + b"2" * 64 + b'","reason":"a test",'
        b'"steps":["0.01","0.05","0.25","1"],"to_state":"canary","to_step":0}'
    )  # fmt: skip
    assert (Decimal("0.01"), Decimal("0.05"), Decimal("0.25"), Decimal(1)) == STEPS
