"""What a person signs for a handoff: read as it was written and nothing else; and every way in which it may not be used."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.rebuild import LogFold
from live.handoff import HandedOver, book_has_moved, booking, offered, read_handed
from orders.errors import InputError, NotAsked
from orders.reconcile import Difference
from sentinel.dsse import public_text, sealed
from sentinel.handoff_statement import LIFE_NS, PAYLOAD_TYPE, Handoff, handoff_bytes, open_handoff, parse_handoff, sign_handoff
from sentinel.person_signatures import PersonRules
from tests.promotion.made import CANARY, CANDIDATE, SHADOW, A, promoted
from venues.answers import VenueTransfer

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_800_000_000_000_000_000
D = Decimal
ANN, BOB, EVE, ENGINE = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(1, 5))
PERSONS = {"ann": public_text(ANN.public_key()), "bob": public_text(BOB.public_key())}
RULES = PersonRules(persons=PERSONS, engine=frozenset({public_text(ENGINE.public_key())}))
GOVERNED = promoted(CANDIDATE, SHADOW, CANARY)


def made(**changed: Any) -> Handoff:
    facts: dict[str, Any] = {
        "environment": "rehearsal-crypto", "venue": "BINANCE", "account_id": "354937868", "bundle_sha256": A, "shadow": "s",
        "shadow_lines": 9, "shadow_head": "5" * 64, "follows": GOVERNED.promotions.last_sha256, "by": "ann", "reason": "why",
        "created_ns": NOW, "expires_ns": NOW + LIFE_NS, "holdings": {"BTC": D("0.05"), "USDT": D("60000")},
    }  # fmt: skip
    return Handoff(**(facts | changed))


def signed(handoff: Handoff | None = None, *, by: str = "ann", key: Ed25519PrivateKey = ANN) -> bytes:
    return sign_handoff(handoff or made(), signer=by, key=key)


def look(root: Path, data: bytes | None, *, fold: LogFold = GOVERNED, now_ns: int = NOW, bundle: str = A, **rules: Any) -> Any:
    """What a start makes of a file."""
    os.chdir(ROOT)
    layout = Layout(root)
    if data is not None:
        layout.handoff.write_bytes(data)
    config = load_config(Path("data/configs/crypto_rehearsal.toml"))
    given = PersonRules(**{"persons": RULES.persons, "engine": RULES.engine} | rules)
    return offered(layout, fold, config=config, bundle_sha256=bundle, rules=given, now_ns=now_ns)


def altered(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """An envelope whose payload says something else under the same signature."""
    envelope = json.loads(data)
    body = json.loads(base64.b64decode(envelope["payload"]))
    change(body)
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return data.replace(envelope["payload"].encode(), base64.b64encode(text))


def test_a_signed_handoff_of_this_record_is_what_a_start_begins_with(tmp_path: Path) -> None:
    found = look(tmp_path, signed())
    assert isinstance(found, HandedOver)
    assert (found.handoff, found.signers) == (made(), ("ann",))
    assert found.words == f"ann, signed by ann: why; statement {found.sha256[:16]}"
    assert look(tmp_path / "nowhere", None) is None


def test_one_that_nobody_signed_is_for_a_record_without_promotions_alone(tmp_path: Path) -> None:
    data = handoff_bytes(made(follows=LogFold().promotions.last_sha256))
    found = look(tmp_path, data, fold=LogFold())
    assert found.signers == ()
    assert found.words.startswith("ann, unsigned: why; statement ")
    with pytest.raises(NotAsked, match=r"HANDOFF_REFUSED.*nobody has signed it"):
        look(tmp_path, handoff_bytes(made()))


FORGED: dict[str, tuple[Callable[[], bytes], dict[str, Any], str]] = {
    "a byte altered": (lambda: signed().replace(b'"sig":"', b'"sig":"A', 1), {}, "ENVELOPE_MALFORMED|SIGNATURE_BAD"),
    "holdings edited": (lambda: altered(signed(), lambda body: body["holdings"].update(BTC="1")), {}, "SIGNATURE_BAD"),
    "another account written in": (lambda: altered(signed(), lambda body: body.update(account_id="1")), {}, "SIGNATURE_BAD"),
    "a stranger": (lambda: signed(by="eve", key=EVE), {}, "SIGNER_UNKNOWN"),
    "bob in ann's name": (lambda: signed(by="ann", key=BOB), {}, "SIGNATURE_BAD"),
    "ann, and a stranger beside her": (
        lambda: signed().replace(b'"signatures":[', b'"signatures":[{"keyid":"eve","sig":"AAAA"},'), {}, "HANDOFF_SIGNER"),
    "a key that is revoked": (signed, {"revoked": frozenset({PERSONS["ann"]})}, "KEY_REVOKED"),
    "the engine's key": (signed, {"engine": frozenset({PERSONS["ann"]})}, "HANDOFF_SIGNER"),
    "a promotion's envelope": (
        lambda: sealed(handoff_bytes(made()), payload_type="application/vnd.sluice.promotion+json", signer="ann", key=ANN),
        {}, "ENVELOPE_MALFORMED"),
    "another spelling": (lambda: signed() + b"\n", {}, "HANDOFF_MALFORMED"),
    "version 1, which nobody signed": (
        lambda: handoff_bytes(made()).replace(b'"version":2', b'"version":1'), {}, "HANDOFF_MALFORMED"),
    "nothing in it": (lambda: b"", {}, "HANDOFF_MALFORMED"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "rules", "code"), FORGED.values(), ids=FORGED)
def test_a_forgery_refuses_the_start(data: Callable[[], bytes], rules: dict[str, Any], code: str, tmp_path: Path) -> None:
    with pytest.raises(NotAsked, match=f"HANDOFF_REFUSED.*({code})"):
        look(tmp_path, data(), **rules)


def test_a_link_in_its_place_is_no_handoff(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(signed())
    Layout(tmp_path).handoff.symlink_to(other)
    with pytest.raises(NotAsked, match=r"HANDOFF_REFUSED.*HANDOFF_MALFORMED"):
        look(tmp_path, None)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "its hour is over": ({}, {"now_ns": NOW + LIFE_NS}, "hour is over"),
    "it is of the future": ({}, {"now_ns": NOW - 1}, "made later than now"),
    "it is of another bundle": ({"bundle_sha256": "b" * 64}, {}, "of bundle bbbb"),
    "the run is of another bundle": ({}, {"bundle": "b" * 64}, "the run of bbbb"),
    "it is of another account": ({"account_id": "1"}, {}, "account 1 at BINANCE"),
    "it is of another venue": ({"venue": "KRAKEN"}, {}, "at KRAKEN"),
    "it is of another environment": ({"environment": "other"}, {}, "environment other"),
    "a promotion was recorded since": ({"follows": "7" * 64}, {}, "a promotion was recorded since"),
    "it is of a record without promotions": ({"follows": LogFold().promotions.last_sha256}, {}, "a promotion was recorded since"),
}


@pytest.mark.parametrize(("changed", "facts", "words"), REFUSED.values(), ids=REFUSED)
def test_a_handoff_refuses_the_start_where(changed: dict[str, Any], facts: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(NotAsked, match=f"HANDOFF_REFUSED.*{words}"):
        look(tmp_path, signed(made(**changed)), **facts)


def test_a_record_that_has_traded_takes_no_handoff_and_one_that_was_only_paid_into_does(tmp_path: Path) -> None:
    fold = promoted(CANDIDATE, SHADOW, CANARY)
    fold.transfer_keys.add(("BINANCE", "deposit", "77"))
    assert book_has_moved(fold) == ""
    assert look(tmp_path, signed(), fold=fold).signers == ("ann",)
    fold.fill_count = 1
    with pytest.raises(NotAsked, match=r"HANDOFF_REFUSED.*1 fills"):
        look(tmp_path, signed(), fold=fold)


AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=8).map(lambda amount: amount.normalize() + 0)
CODES = st.text(st.sampled_from("ABCXYZ:."), min_size=1, max_size=12)


@given(holdings=st.dictionaries(CODES, AMOUNTS, max_size=8))
def test_what_is_written_is_read_and_its_bytes_are_the_only_ones(holdings: dict[str, Decimal]) -> None:
    handoff = made(holdings=holdings)
    data = handoff_bytes(handoff)
    assert parse_handoff(data) == handoff
    assert handoff_bytes(parse_handoff(data)) == data
    assert open_handoff(signed(handoff), rules=RULES) == (handoff, ("ann",))


UNSOUND: dict[str, dict[str, Any]] = {
    "an amount below 0": {"holdings": {"BTC": D("-0.1")}},
    "more than an hour": {"expires_ns": NOW + LIFE_NS + 1},
    "no time at all": {"expires_ns": NOW},
    "no reason": {"reason": " "},
    "a reason of two lines": {"reason": "a\nb"},
    "a name with a blank": {"by": "ann bob"},
    "no hash": {"bundle_sha256": "a"},
    "an empty shadow": {"shadow_lines": 0},
}


@pytest.mark.parametrize("changed", UNSOUND.values(), ids=UNSOUND)
def test_what_no_reader_would_take_is_not_written(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"HANDOFF_MALFORMED"):
        handoff_bytes(made(**changed))


def test_an_envelope_of_other_words_is_none(tmp_path: Path) -> None:
    Layout(tmp_path).handoff.write_bytes(sealed(b'{"a":1}', payload_type=PAYLOAD_TYPE, signer="ann", key=ANN))
    with pytest.raises(InputError, match=r"HANDOFF_MALFORMED"):
        read_handed(Layout(tmp_path), rules=RULES)


def test_what_the_account_holds_is_booked_only_where_it_is_what_was_seen() -> None:
    handed = HandedOver(handoff=made(), signers=("ann",), data=signed())
    facts = {"expected": D(0), "tolerance": D("0.00001")}
    found = booking(handed, Difference(code="BTC", found=D("0.05"), **facts))
    assert isinstance(found, VenueTransfer)
    assert (found.kind, found.amount, found.transfer_id) == ("deposit", D("0.05"), f"handoff-{handed.sha256[:16]}-BTC")
    assert booking(handed, Difference(code="BTC", found=D("0.06"), **facts)) == (
        "BTC was 0.05 when ann handed it over, and is 0.06"
    )
    assert "SOL was 0" in str(booking(handed, Difference(code="SOL", found=D("1"), **facts)))
