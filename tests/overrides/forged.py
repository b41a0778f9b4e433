"""Overrides of one plan, good ones and forged ones: each forgery differs from a good one in what its id says.

The plan (`tests.sentinel.cases`): sells 20 of 40 SELL, buys 40 BUY at 10 in a CRISIS: it opens 400 and needs an override.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from live.arming_file import PAYLOAD_TYPE as ARMING_TYPE
from orders.canonical import canonical_bytes
from orders.plan import Plan
from orders.values import Record
from sentinel.dsse import countersigned, public_text, sealed
from sentinel.manifest_approval import PAYLOAD_TYPE as APPROVAL_TYPE
from sentinel.override import plan_orders
from sentinel.override_token import PAYLOAD_TYPE, token_bytes
from sentinel.override_values import SPAN_MAX_NS, OverrideRules, OverrideToken
from tests.planner.world import NOW
from tests.sentinel.cases import made_plan

KEYS: dict[str, Ed25519PrivateKey] = {
    name: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    for number, name in enumerate(("ann", "bob", "cid", "rex", "engine", "mallory"))
}
KEYS |= {"twin": KEYS["ann"]}
PUBLIC = {name: public_text(key.public_key()) for name, key in KEYS.items()}
PERSONS = {name: PUBLIC[name] for name in ("ann", "bob", "cid", "rex", "engine", "twin")}
PLAN = made_plan()
OPENS = Decimal("400")
SPAN_NS = 15 * 60 * 1_000_000_000


def rules(signatures: int = 1, **change: Any) -> OverrideRules:
    """Five names; rex' key is revoked, one is the engine's by mistake, and twin has ann's key."""
    values = {"revoked": frozenset({PUBLIC["rex"]}), "engine": frozenset({PUBLIC["engine"]})}
    return OverrideRules(**({"persons": PERSONS, "signatures": signatures} | values | change))


def token(**change: Any) -> OverrideToken:
    """A good one for the plan, by ann alone, that holds for a quarter of an hour around now."""
    values: dict[str, Any] = {
        "token_id": "a" * 32, "environment": PLAN.environment, "manifest_sha256": PLAN.manifest_sha256,
        "lines": plan_orders(PLAN), "controls": ("REGIME_PARITY",), "notional_max": OPENS, "base_currency": PLAN.base_currency,
        "venues": ("US",), "not_before_ns": NOW - SPAN_NS // 2, "expires_ns": NOW + SPAN_NS // 2,
        "reason": "hedge of a client", "requester": "zoe", "approvers": ("ann",),
    }  # fmt: skip
    return OverrideToken(**(values | change))


def envelope(payload: bytes, *names: str, kind: str = PAYLOAD_TYPE, keys: Mapping[str, Ed25519PrivateKey] = KEYS) -> bytes:
    """Sign whatever it is with these names' keys."""
    data = sealed(payload, payload_type=kind, signer=names[0], key=keys[names[0]])
    for name in names[1:]:
        data = countersigned(data, payload_type=kind, signer=name, key=keys[name])
    return data


def signed(*names: str, **change: Any) -> bytes:
    """A well-formed token, signed by these names; by ann alone where none is given."""
    return envelope(token_bytes(token(**change)), *(names or ("ann",)))


def body(**change: Any) -> dict[str, Any]:
    """The JSON of a good token, with these keys another; None takes a key out."""
    found: dict[str, Any] = json.loads(token_bytes(token())) | change
    return {key: value for key, value in found.items() if value is not None}


class Case(Record, frozen=True, kw_only=True):
    """One attempt: the file's bytes, and where and when it is tried."""

    name: str
    data: bytes
    now_ns: int = NOW
    rules: OverrideRules = rules()
    used: frozenset[str] = frozenset()
    plan: Plan = PLAN
    facts: Mapping[str, Any] = {}


def valid() -> Iterator[Case]:
    """Every shape a good one may have."""
    yield Case(name="ann alone", data=signed())
    yield Case(name="bob alone", data=signed("bob", approvers=("bob",)))
    yield Case(name="two of two asked", data=signed("ann", "bob", approvers=("ann", "bob")), rules=rules(2))
    yield Case(name="signed in the other order", data=signed("bob", "ann", approvers=("ann", "bob")), rules=rules(2))
    yield Case(name="more than asked", data=signed("ann", "bob", "cid", approvers=("ann", "bob", "cid")), rules=rules(2))
    yield Case(
        name="the requester is one of two", data=signed("ann", "bob", approvers=("ann", "bob"), requester="ann"), rules=rules(2)
    )
    yield Case(name="the requester alone where one is asked", data=signed(requester="ann"))
    yield Case(name="its first nanosecond", data=signed(not_before_ns=NOW))
    yield Case(name="its last nanosecond", data=signed(expires_ns=NOW + 1))
    yield Case(name="four hours to the nanosecond", data=signed(not_before_ns=NOW, expires_ns=NOW + SPAN_MAX_NS))
    yield Case(name="far more notional", data=signed(notional_max=Decimal("1000000")))
    yield Case(name="a fraction more notional", data=signed(notional_max=OPENS + Decimal("0.000000000001")))
    yield Case(name="a reason in other letters", data=signed(reason="Absicherung für Zoë: 10 % — heute"))


def forged() -> Iterator[Case]:
    """Every way to make one that must not count."""
    yield from _signers()
    yield from _times()
    yield from _other_fields()
    yield from _shapes()
    yield from _in_its_place()
    yield from _altered()
    yield from _plans()


def _signers() -> Iterator[Case]:
    two = {"approvers": ("ann", "bob")}
    yield Case(name="one signature where two are asked", data=signed(), rules=rules(2))
    yield Case(name="one of its two approvers is missing", data=signed("ann", **two))
    yield Case(name="the other of its two approvers is missing", data=signed("bob", **two), rules=rules(2))
    yield Case(name="two of three approvers", data=signed("ann", "bob", approvers=("ann", "bob", "cid")), rules=rules(2))
    yield Case(name="the requester is the only approver of two asked", data=signed(requester="ann"), rules=rules(2))
    yield Case(name="two names with one key", data=signed("ann", "twin", approvers=("ann", "twin")), rules=rules(2))
    yield Case(name="two names with one key where one is asked", data=signed("ann", "twin", approvers=("ann", "twin")))
    yield Case(name="the engine's key", data=signed("engine", approvers=("engine",)))
    yield Case(
        name="the engine's key beside a person's", data=signed("ann", "engine", approvers=("ann", "engine")), rules=rules(2)
    )
    yield Case(name="a revoked key", data=signed("rex", approvers=("rex",)))
    yield Case(name="a revoked key beside a good one", data=signed("ann", "rex", approvers=("ann", "rex")), rules=rules(2))
    yield Case(name="an unknown signer", data=signed("mallory", approvers=("mallory",)))
    yield Case(name="an unknown signer beside a good one", data=signed("ann", "mallory"))
    yield Case(name="a person who is no approver", data=signed("bob"))
    yield Case(name="a person beside the approver", data=signed("ann", "bob"))
    yield Case(name="another's key under ann's name", data=envelope(token_bytes(token()), "ann", keys={"ann": KEYS["bob"]}))
    yield Case(name="mallory's key under ann's name", data=envelope(token_bytes(token()), "ann", keys={"ann": KEYS["mallory"]}))
    yield Case(name="nobody trusted", data=signed(), rules=rules(persons={}))
    yield Case(name="ann left the config", data=signed(), rules=rules(persons={"bob": PUBLIC["bob"]}))
    yield Case(name="ann has a new key", data=signed(), rules=rules(persons={"ann": PUBLIC["cid"]}))
    yield Case(name="ann's key was revoked since", data=signed(), rules=rules(revoked=frozenset({PUBLIC["ann"]})))
    one = json.loads(signed("ann", **two))
    twice = one | {"signatures": one["signatures"] * 2}
    yield Case(name="the same person twice", data=_envelope(twice), rules=rules(2))
    mixed = one | {"signatures": [one["signatures"][0], one["signatures"][0] | {"keyid": "bob"}]}
    yield Case(name="ann's signature again as bob's", data=_envelope(mixed), rules=rules(2))
    for name, signatures in (("no signature", []), ("seventeen signatures", one["signatures"] * 17), ("null", None)):
        yield Case(name=f"signatures: {name}", data=_envelope(one | {"signatures": signatures}))
    other = json.loads(signed(token_id="b" * 32))
    yield Case(name="the signature of another token", data=_envelope(json.loads(signed()) | {"signatures": other["signatures"]}))
    yield Case(name="the payload of another token", data=_envelope(json.loads(signed()) | {"payload": other["payload"]}))


def _times() -> Iterator[Case]:
    ends = NOW + SPAN_NS // 2
    begins = NOW - SPAN_NS // 2
    for late in (0, 1, 1_000, 10**9, SPAN_MAX_NS):
        yield Case(name=f"expired by {late + 1} ns", data=signed(), now_ns=ends + late)
    for early in (1, 1_000, 10**9, SPAN_NS):
        yield Case(name=f"not yet valid for {early} ns", data=signed(), now_ns=begins - early)
    yield Case(name="used before", data=signed(), used=frozenset({"a" * 32}))
    for back in (1, 10**9, SPAN_NS // 2):
        yield Case(
            name=f"used, and the clock stepped back {back} ns", data=signed(), now_ns=NOW - back, used=frozenset({"a" * 32})
        )
    yield Case(name="used, signed anew by another", data=signed("bob", approvers=("bob",)), used=frozenset({"a" * 32}))
    for name, change in {
        "a span of 4 h and 1 ns": {"not_before_ns": str(NOW), "expires_ns": str(NOW + SPAN_MAX_NS + 1)},
        "a span of a day": {"expires_ns": str(NOW + 24 * 3_600 * 10**9)},
        "a span of none": {"not_before_ns": str(NOW), "expires_ns": str(NOW)},
        "a span backwards": {"not_before_ns": str(NOW + 10), "expires_ns": str(NOW - 10)},
        "until for ever": {"expires_ns": "9" * 19},
        "twenty digits": {"expires_ns": "9" * 20},
    }.items():
        yield Case(name=name, data=_of_body(body(**change)))


def _other_fields() -> Iterator[Case]:
    lines = body()["lines"]
    fields: dict[str, tuple[str, Any]] = {
        "another manifest": ("manifest_sha256", "f" * 64),
        "another venue": ("venues", ["EU"]),
        "a venue more": ("venues", ["EU", "US"]),
        "no venue": ("venues", []),
        "another environment": ("environment", "live-eu"),
        "another base currency": ("base_currency", "EUR"),
        "a line less": ("lines", lines[:1]),
        "the other line less": ("lines", lines[1:]),
        "a line more": ("lines", [*lines, {"line": 99, "side": "BUY", "symbol": "NYSE:MORE"}]),
        "another line number": ("lines", [lines[0], lines[1] | {"line": lines[1]["line"] + 1}]),
        "another side": ("lines", [lines[0] | {"side": "BUY"}, lines[1] | {"side": "SELL"}]),
        "another symbol": ("lines", [lines[0], lines[1] | {"symbol": "NYSE:OTHER"}]),
        "a look-alike symbol": ("lines", [lines[0], lines[1] | {"symbol": "NYSE:BUY "}]),
        "no line": ("lines", []),
        "lines out of order": ("lines", lines[::-1]),
        "a line twice": ("lines", [lines[0], lines[0], lines[1]]),
        "line zero": ("lines", [lines[0] | {"line": 0}, lines[1]]),
        "notional one unit below": ("notional_max", "399"),
        "notional the least bit below": ("notional_max", "399.999999999999"),
        "notional zero": ("notional_max", "0"),
        "notional below zero": ("notional_max", "-400"),
        "notional NaN": ("notional_max", "NaN"),
        "notional infinite": ("notional_max", "Infinity"),
        "notional with an exponent": ("notional_max", "1E+9"),
        "notional with zeros": ("notional_max", "400.0"),
        "notional with a sign": ("notional_max", "+400"),
        "notional with white space": ("notional_max", " 400"),
        "notional in other digits": ("notional_max", "٤٠٠"),
        "notional with underscores": ("notional_max", "4_000"),
        "notional of a thousand digits": ("notional_max", "9" * 1000),
        "notional empty": ("notional_max", ""),
        "an empty reason": ("reason", ""),
        "a blank reason": ("reason", " \t "),
        "a reason of two lines": ("reason", "a\nb"),
        "a reason too long": ("reason", "x" * 501),
        "an empty requester": ("requester", ""),
        "a token id too short": ("token_id", "a" * 31),
        "a token id of capitals": ("token_id", "A" * 32),
        "an empty token id": ("token_id", ""),
        "no approver": ("approvers", []),
        "an approver twice": ("approvers", ["ann", "ann"]),
        "approvers out of order": ("approvers", ["bob", "ann"]),
        "a manifest in capitals": ("manifest_sha256", PLAN.manifest_sha256.upper() + "F"),
        "no control": ("controls", []),
        "a control twice": ("controls", ["REGIME_PARITY", "REGIME_PARITY"]),
    }
    for name, (key, value) in fields.items():
        yield Case(name=name, data=_of_body(body(**{key: value})))
    for control in (
        "MAX_LEVERAGE", "HALT", "ALLOW_LIST", "PROVENANCE", "MANIFEST_APPROVAL", "ARMED_NOTIONAL", "ARMING_EXPIRED",
        "MANIFEST_BOUNDS", "MAX_ASSET_EXPOSURE", "LOSS_LIMIT", "PRICE_COLLAR", "DUPLICATE", "OVERRIDE", "*", "regime_parity",
    ):  # fmt: skip
        yield Case(name=f"control {control}", data=_of_body(body(controls=[control])))
        both = sorted(["REGIME_PARITY", control])
        yield Case(name=f"control {control} beside regime parity", data=_of_body(body(controls=both)))


def _shapes() -> Iterator[Case]:
    for key in body():
        yield Case(name=f"without {key}", data=_of_body(body(**{key: None})))
        for name, value in {
            "a number": 400,
            "a huge int": 10**40,
            "a flag": True,
            "an object": {},
            "a list in a list": [[]],
        }.items():
            yield Case(name=f"{name} for {key}", data=_of_json(body() | {key: value}))
        text = json.dumps(body(), sort_keys=True, separators=(",", ":"))
        yield Case(name=f"{key} twice", data=envelope(f'{text[:-1]},"{key}":{json.dumps(body()[key])}}}'.encode(), "ann"))
        raw = text.replace(f'"{key}":', f'"{key}":4e2,"x":', 1)
        yield Case(name=f"a float for {key}", data=envelope(raw.encode(), "ann"))
    yield Case(name="an extra field", data=_of_json(body() | {"extra": "x"}))
    yield Case(name="an extra field of a line", data=_of_json(body(lines=[one | {"x": 1} for one in body()["lines"]])))
    lines = body()["lines"]
    yield Case(name="a float for a line", data=_of_json(body(lines=[lines[0] | {"line": 1.0}, lines[1]])))
    yield Case(name="a huge line", data=_of_json(body(lines=[lines[0], lines[1] | {"line": 2**70}])))
    yield Case(name="text for a line", data=_of_json(body(lines=[lines[0] | {"line": "1"}, lines[1]])))
    yield Case(name="another spelling", data=envelope(json.dumps(body()).encode(), "ann"))
    yield Case(
        name="unsorted keys", data=envelope(json.dumps(dict(reversed(body().items())), separators=(",", ":")).encode(), "ann")
    )
    yield Case(name="a newline after the payload", data=envelope(token_bytes(token()) + b"\n", "ann"))
    for name, raw_bytes in {
        "an empty payload": b"", "a payload of zeros": b"\0" * 40, "a list": b"[]", "null": b"null", "a text": b'"a"',
        "NaN": b"NaN",
        "broken UTF-8": b'{"reason":"\xff"}', "a thousand brackets": b"[" * 1000, "sixty thousand bytes": b" " * 60_000,
    }.items():  # fmt: skip
        yield Case(name=f"payload: {name}", data=envelope(raw_bytes, "ann"))


def _in_its_place() -> Iterator[Case]:
    good = token_bytes(token())
    approval = {"by": "ann", "environment": PLAN.environment, "generated_ns": str(NOW), "manifest_sha256": PLAN.manifest_sha256}
    for name, kind in {
        "an approval": APPROVAL_TYPE,
        "an arming": ARMING_TYPE,
        "no type": "",
        "in capitals": PAYLOAD_TYPE.upper(),
    }.items():
        yield Case(name=f"its payload under the type of {name}", data=envelope(good, "ann", kind=kind))
        relabelled = json.loads(envelope(good, "ann", kind=kind)) | {"payloadType": PAYLOAD_TYPE}
        yield Case(name=f"signed as {name}, relabelled", data=_envelope(relabelled))
    whole = canonical_bytes(approval | {"source_run": PLAN.source_run})
    yield Case(name="an approval in its place", data=envelope(whole, "ann", kind=APPROVAL_TYPE))
    yield Case(name="an approval's body under its type", data=envelope(whole, "ann"))
    for name, data in {
        "the unsigned request": good, "nothing": b"", "a brace": b"{", "two envelopes": signed() * 2,
        "a list of it": b"[" + signed() + b"]", "white space before": b" " + signed(), "white space behind": signed() + b" ",
        "cut short": signed()[:-20], "too large": signed() + b" " * 100_000,
    }.items():  # fmt: skip
        yield Case(name=f"file: {name}", data=data)
    text = signed().decode()
    for key in ("payload", "payloadType", "signatures"):
        value = json.dumps(json.loads(text)[key], separators=(",", ":"))
        yield Case(name=f"{key} twice in the envelope", data=f'{text.rstrip()[:-1]},"{key}":{value}}}\n'.encode())
        yield Case(name=f"envelope without {key}", data=_envelope({k: v for k, v in json.loads(text).items() if k != key}))
    yield Case(name="an extra field of the envelope", data=_envelope(json.loads(text) | {"note": "x"}))


def _altered() -> Iterator[Case]:
    """One bit of the file another, all over it."""
    good = signed()
    for place in range(0, len(good), 13):
        yield Case(name=f"bit altered at byte {place}", data=good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
    for place in range(len(good) - 100, len(good)):
        yield Case(name=f"byte {place} gone", data=good[:place] + good[place + 1 :])
    found = json.loads(good)
    raw = bytearray(base64.b64decode(found["signatures"][0]["sig"]))
    for place in range(0, 64, 9):
        raw[place] ^= 0x80
        signature = base64.b64encode(bytes(raw)).decode()
        yield Case(
            name=f"signature altered at byte {place}",
            data=_envelope(found | {"signatures": [{"keyid": "ann", "sig": signature}]}),
        )
        raw[place] ^= 0x80


def _plans() -> Iterator[Case]:
    """A good one, held against what is not the plan it names."""
    yield Case(name="one unit more is opened", data=signed(), plan=made_plan(targets={"NYSE:BUY": "0.41", "NYSE:SELL": "0.2"}))
    yield Case(name="the plan of a copied manifest", data=signed(), plan=_other(manifest_sha256="e" * 64))
    yield Case(name="the plan of another environment", data=signed(), plan=_other(environment="elsewhere"))
    yield Case(name="a plan in another currency", data=signed(), plan=_other(base_currency="EUR"))
    yield Case(name="a plan with a line less", data=signed(), plan=_other(lines=PLAN.lines[:1]))
    yield Case(name="halted", data=signed(), facts={"halted": True})
    yield Case(name="nobody approved the manifest", data=signed(), facts={"approved_by": ""})
    yield Case(name="a source run that is not graded", data=signed(), facts={"grade": None})
    yield Case(name="no price", data=signed(), facts={"quotes": {}})


def _other(**change: Any) -> Plan:
    return Plan(**{name: getattr(PLAN, name) for name in PLAN.__struct_fields__} | change)


def _of_body(found: dict[str, Any]) -> bytes:
    return envelope(canonical_bytes(found), "ann")


def _of_json(found: dict[str, Any]) -> bytes:
    return envelope(json.dumps(found, sort_keys=True, separators=(",", ":")).encode(), "ann")


def _envelope(found: dict[str, Any]) -> bytes:
    """An envelope in the spelling `sealed` has, whatever is in it."""
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"
