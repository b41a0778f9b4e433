"""The bounds of a signed handoff: each field at its last good value and one beyond it, and under which code it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from orders.canonical import decimal_text
from orders.errors import InputError
from sentinel.dsse import countersigned, public_text, sealed
from sentinel.handoff_statement import (
    HANDOFF_FIELDS,
    PAYLOAD_TYPE,
    Handoff,
    handoff_bytes,
    is_signed,
    open_handoff,
    parse_handoff,
    sign_handoff,
)
from sentinel.person_signatures import PersonRules

NOW_NS = 1_800_000_000_000_000_000
HOUR_NS = 3_600_000_000_000
ANN, EVE = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 3))
RULES = PersonRules(persons={"ann": public_text(ANN.public_key())})
HANDOFF = Handoff(
    environment="rehearsal-crypto", venue="BINANCE", account_id="354937868", bundle_sha256="a" * 64, shadow="data/shadow",
    shadow_lines=9, shadow_head="5" * 64, follows="0" * 64, by="ann", reason="why", created_ns=NOW_NS,
    expires_ns=NOW_NS + HOUR_NS, holdings={"BTC": Decimal("0.05"), "USDT": Decimal("60000")},
)  # fmt: skip


def body(**change: Any) -> bytes:
    document = json.loads(handoff_bytes(HANDOFF)) | change
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def refused(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_handoff(data)
    assert caught.value.code == "HANDOFF_MALFORMED"
    return caught.value


def test_a_handoff_says_which_version_it_is_and_every_field_of_it() -> None:
    document = json.loads(handoff_bytes(HANDOFF))
    assert document["version"] == 2
    assert set(document) == HANDOFF_FIELDS == {*Handoff.__struct_fields__, "version"}
    assert parse_handoff(handoff_bytes(HANDOFF)) == HANDOFF


HELD = {f"C{number}": "1" for number in range(1_001)}
GOOD: dict[str, dict[str, Any]] = {
    "an hour": {"expires_ns": str(NOW_NS + HOUR_NS)},
    "a nanosecond": {"expires_ns": str(NOW_NS + 1)},
    "one letter of name": {"environment": "e", "venue": "v", "account_id": "a", "by": "b", "holdings": {"C": "1"}},
    "64 letters of name": dict.fromkeys(("environment", "venue", "account_id", "by"), "n" * 64),
    "a code of 64 letters": {"holdings": {"C" * 64: "1"}},
    "a reason of 500 letters": {"reason": "x" * 500},
    "one line of the shadow": {"shadow_lines": 1},
    "a directory with a blank": {"shadow": "data/my shadow"},
    "nothing held": {"holdings": {}},
    "1000 holdings": {"holdings": dict(list(HELD.items())[:1_000])},
}


@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD)
def test_at_its_bounds_it_is_a_handoff(change: dict[str, Any]) -> None:
    assert handoff_bytes(parse_handoff(body(**change))) == body(**change)


def test_an_envelope_has_room_for_as_many_holdings_as_it_may_name() -> None:
    handoff = parse_handoff(body(**GOOD["1000 holdings"]))
    assert open_handoff(sign_handoff(handoff, signer="ann", key=ANN), rules=RULES) == (handoff, ("ann",))


SHADOW = "shadow as a directory"
LIFE = "expires_ns at most an hour after created_ns"
NAMES = "names of 1 to 64 visible ASCII characters"
HASHES = "bundle_sha256, shadow_head and follows of 64 hex digits"
TIMES = "created_ns and expires_ns as nanoseconds"
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a nanosecond more than an hour": ({"expires_ns": str(NOW_NS + HOUR_NS + 1)}, LIFE, str(NOW_NS + HOUR_NS + 1)),
    "no time at all": ({"expires_ns": str(NOW_NS)}, LIFE, str(NOW_NS)),
    "it ends before it begins": ({"expires_ns": str(NOW_NS - 1)}, LIFE, str(NOW_NS - 1)),
    "a beginning with a sign": ({"created_ns": f"+{NOW_NS}"}, TIMES, f"'+{NOW_NS}'"),
    "an end with a zero before it": ({"expires_ns": f"0{NOW_NS + 1}"}, TIMES, f"'0{NOW_NS + 1}'"),
    "version 1": ({"version": 1}, "version 2", "'1'"),
    "version 3": ({"version": 3}, "version 2", "'3'"),
    "an environment of 65 letters": ({"environment": "n" * 65}, NAMES, repr("n" * 65)),
    "no venue": ({"venue": ""}, NAMES, "''"),
    "an account with a blank": ({"account_id": "1 2"}, NAMES, "'1 2'"),
    "a person with an umlaut": ({"by": "änn"}, NAMES, "'änn'"),
    "a code of 65 letters": ({"holdings": {"C" * 65: "1"}}, NAMES, repr("C" * 65)),
    "a code with a line's end": ({"holdings": {"BTC": "1", "ETH\n": "1"}}, NAMES, repr("ETH\n")),
    "a bundle of 63 digits": ({"bundle_sha256": "a" * 63}, HASHES, repr("a" * 63)),
    "a head of 65 digits": ({"shadow_head": "a" * 65}, HASHES, repr("a" * 65)),
    "a line in capitals": ({"follows": "A" * 64}, HASHES, repr("A" * 64)),
    "a shadow without a name": ({"shadow": ""}, SHADOW, "''"),
    "a shadow of blanks": ({"shadow": "  "}, SHADOW, "'  '"),
    "a shadow of two lines": ({"shadow": "a\nb"}, SHADOW, repr("a\nb")),
    "a shadow that says nothing": ({"shadow_lines": 0}, "shadow_lines above 0", "'0'"),
    "no reason": ({"reason": ""}, "reason in words", "''"),
    "a reason of blanks": ({"reason": "  "}, "reason in words", "'  '"),
    "a reason that moves the cursor": ({"reason": "x\x1b[2J"}, "reason in words", repr("x\x1b[2J")),
    "a reason of 501 letters": ({"reason": "x" * 501}, "reason in words", repr("x" * 501)[:100]),
    "1001 holdings": ({"holdings": HELD}, "at most 1000 holdings", "'1001'"),
}


@pytest.mark.parametrize(("change", "expected", "found"), BAD.values(), ids=BAD)
def test_beyond_its_bounds_it_is_none_and_what_is_wrong_is_shown(change: dict[str, Any], expected: str, found: str) -> None:
    error = refused(body(**change))
    assert (error.expected, error.found) == (expected, found)


@pytest.mark.parametrize(
    "text",
    ["0", "1", "0.1", "60000", "1" * 28, "0." + "1" * 27, "1." + "1" * 27],
    ids=["zero", "one", "a tenth", "zeros before the point", "28 digits", "28 digits behind 0", "28 digits with a point"],
)
def test_an_amount_in_plain_digits_is_taken_as_it_stands(text: str) -> None:
    assert parse_handoff(body(holdings={"BTC": text})).holdings == {"BTC": Decimal(text)}


NO_AMOUNTS = {
    "NaN": "NaN", "no end of it": "Infinity", "below 0": "-0.1", "0 with a sign": "-0", "with a plus": "+1", "nothing": "",
    "words": "one", "a zero too many": "1.0", "a zero before": "01", "an exponent": "1e-30", "no digit before": ".1",
    "no digit behind": "1.", "two zeros": "0.0", "with a blank": "1 ", "with a line's end": "1\n", "a comma": "0,1",
    "underscores": "1_000", "digits of another script": "١", "29 digits": "1" * 29, "29 digits with a point": "1." + "1" * 28,
    "30 places": decimal_text(Decimal("1E-30")),
}  # fmt: skip


@pytest.mark.parametrize("text", NO_AMOUNTS.values(), ids=NO_AMOUNTS)
def test_an_amount_in_another_spelling_is_none(text: str) -> None:
    error = refused(body(holdings={"BTC": text}))
    assert error.expected == "an amount of BTC that is 0 or more, in at most 28 plain digits"
    assert error.found == repr(text)


def test_what_is_shown_of_a_foreign_text_is_cut() -> None:
    assert refused(body(by="\n" + "x" * 200)).found == repr("\n" + "x" * 200)[:100]
    assert refused(body(holdings={"BTC": "x" * 200})).found == repr("x" * 200)[:60]


@given(amount=st.decimals(allow_nan=False, allow_infinity=False))
@example(amount=Decimal("-0"))
@example(amount=Decimal("1E+27"))
@example(amount=Decimal("1E+28"))
def test_an_amount_is_taken_where_it_is_not_below_0_and_its_one_spelling_has_28_digits_at_most(amount: Decimal) -> None:
    text = decimal_text(amount)
    try:
        taken = parse_handoff(body(holdings={"BTC": text})).holdings["BTC"] == amount
    except InputError:
        taken = False
    assert taken == (amount >= 0 and len(text.replace(".", "")) <= 28)


@pytest.mark.parametrize(
    "data", [body(more="x"), body()[:-1], body() + b"\n", body().replace(b":", b": ", 1), b"[]", b""],
    ids=["a field too many", "a part of it", "a line's end", "a blank", "a list", "nothing"],
)  # fmt: skip
def test_what_is_no_canonical_json_of_its_fields_is_none(data: bytes) -> None:
    error = refused(data)
    assert error.expected.startswith("canonical JSON, one object with account_id, bundle_sha256, ")


def test_an_unsound_handoff_is_not_even_signed() -> None:
    with pytest.raises(InputError) as caught:
        sign_handoff(Handoff(**{name: getattr(HANDOFF, name) for name in Handoff.__struct_fields__} | {"reason": " "}),
                     signer="ann", key=ANN)  # fmt: skip
    assert caught.value.code == "HANDOFF_MALFORMED"


STARTS: dict[str, tuple[bytes, bool]] = {
    "an envelope": (sign_handoff(HANDOFF, signer="ann", key=ANN), True),
    "a body": (handoff_bytes(HANDOFF), False),
    "a body that speaks of an envelope": (body(account_id='{"payloadType":'), False),
    "an envelope after a blank": (b" " + sign_handoff(HANDOFF, signer="ann", key=ANN), False),
    "nothing": (b"", False),
}


@pytest.mark.parametrize(("data", "envelope"), STARTS.values(), ids=STARTS)
def test_only_what_begins_as_an_envelope_is_opened_as_one(data: bytes, envelope: bool) -> None:
    assert is_signed(data) == envelope


ENVELOPES: dict[str, tuple[Callable[[], bytes], PersonRules, str]] = {
    "a stranger beside a person": (
        lambda: countersigned(sign_handoff(HANDOFF, signer="ann", key=ANN), payload_type=PAYLOAD_TYPE, signer="eve", key=EVE),
        RULES, "HANDOFF_SIGNER"),
    "the engine's own key": (
        lambda: sign_handoff(HANDOFF, signer="ann", key=ANN),
        PersonRules(persons=RULES.persons, engine=frozenset(RULES.persons.values())), "HANDOFF_SIGNER"),
    "another spelling": (lambda: sign_handoff(HANDOFF, signer="ann", key=ANN) + b"\n", RULES, "HANDOFF_MALFORMED"),
    "a body that is no handoff": (
        lambda: sealed(body(version=1), payload_type=PAYLOAD_TYPE, signer="ann", key=ANN), RULES, "HANDOFF_MALFORMED"),
    "a promotion's type": (
        lambda: sealed(body(), payload_type="application/vnd.sluice.promotion+json", signer="ann", key=ANN),
        RULES, "ENVELOPE_MALFORMED"),
    "a stranger": (lambda: sign_handoff(HANDOFF, signer="eve", key=EVE), RULES, "SIGNER_UNKNOWN"),
}  # fmt: skip


@pytest.mark.parametrize(("made", "rules", "code"), ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_that_is_nobodys_word_is_refused_by_code(made: Callable[[], bytes], rules: PersonRules, code: str) -> None:
    with pytest.raises(InputError) as caught:
        open_handoff(made(), rules=rules)
    assert caught.value.code == code
