"""The bytes of the ledger: canonical, and a stranger can check them."""

import hashlib
import json

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from lakehouse import ledger_format
from lakehouse.ledger_format import BadLine, Body, FillBody, HaltBody, LedgerType, canonical, decode_record, encode_record
from lakehouse.records import OverrideUsed

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
WHOLE = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)


class Any5(Body, frozen=True, kw_only=True):
    """Any values of the subset."""

    a: str | None
    b: int
    c: bool
    d: list[str]
    e: dict[str, str]


@given(a=st.none() | TEXT, b=WHOLE, c=st.booleans(), d=st.lists(TEXT), seq=st.integers(1, 2**53 - 1), ts_ns=st.integers(0, 2**63))
def test_writers_bytes_equal_rfc_8785(a, b, c, d, seq, ts_ns):
    raw = encode_record("FILL", Any5(a=a, b=b, c=c, d=d, e={}), seq=seq, prev="0" * 64, ts_ns=ts_ns)
    value = {
        "body": {"a": a, "b": b, "c": c, "d": d, "e": {}},
        "prev": "0" * 64,
        "seq": seq,
        "ts": str(ts_ns),
        "type": "FILL",
        "v": 1,
    }
    assert raw == rfc8785.dumps(value) == canonical(value)
    assert msgspec.structs.asdict(decode_record(raw, file="audit.jsonl", line=1)) == value


KEYS = st.text(st.characters(max_codepoint=127), min_size=1, max_size=8)


@given(st.recursive(st.none() | st.booleans() | WHOLE | TEXT, lambda x: st.lists(x) | st.dictionaries(KEYS, x), max_leaves=12))
def test_verifiers_bytes_equal_rfc_8785(value):
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("body", [cls for cls in vars(ledger_format).values() if isinstance(cls, type) and issubclass(cls, Body)])
def test_body_fields_stand_in_alphabetical_order(body):
    assert list(body.__struct_fields__) == sorted(body.__struct_fields__)


GOOD = encode_record("HALT", HaltBody(by="a", line_hash="0" * 64, log_line=1, reason="ü"), seq=1, prev="0" * 64, ts_ns=5)


@pytest.mark.parametrize("raw", [
    b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, GOOD + b" ", b" " + GOOD, GOOD.replace(b'"v":1', b'"v":2'),
    GOOD.replace(b'"HALT"', b'"OTHER"'), GOOD.replace("ü".encode(), b"\\u00fc"), GOOD.replace(b'"seq":1', b'"seq":1.0'),
    GOOD.replace(b'"seq":1', b'"seq":9007199254740993'), GOOD.replace(b'"seq":1', b'"seq":1,"seq":1'),
    GOOD.replace(b'"v":1}', b'"w":1}'), GOOD.replace(b'"v":1}', b'"v":1,"w":1}'),
    GOOD.replace(b'"log_line":1', b'"log_line":NaN'), json.dumps(json.loads(GOOD)).encode(),
    GOOD.decode().encode("utf-16"), b"9" * 5000,
], ids=[
    "empty", "no keys", "a list", "null", "not UTF-8", "deep nesting", "trailing space", "leading space", "another version",
    "an unknown type", "escaped where it need not be", "a float", "an unsafe integer", "a key twice", "a key renamed",
    "a key too many", "NaN",
    "spaces between", "another encoding", "a huge number",
])  # fmt: skip
def test_only_the_canonical_bytes_are_a_record(raw):
    with pytest.raises(BadLine) as caught:
        decode_record(raw, file="audit.jsonl", line=7)
    assert (caught.value.code, caught.value.line) == ("LEDGER_LINE", 7)


def test_good_twin_is_a_record():
    assert decode_record(GOOD, file="audit.jsonl", line=1).type == "HALT"


def test_fill_record_hashes_the_raw_line(lines):
    raw = b'{"any":"bytes"}'
    made = ledger_format.record_of(lines.fill("77"), raw, log_line=12)
    assert made is not None
    assert made[0] is LedgerType.FILL
    assert isinstance(made[1], FillBody)
    assert made[1].fill_hash == hashlib.sha256(raw).hexdigest()
    assert (made[1].log_line, made[1].trade_id) == (12, "77")


@pytest.mark.parametrize("kind", sorted(ledger_format.LEDGERED, key=lambda kind: kind.__name__))
def test_every_field_of_a_record_is_its_line_s_or_made_from_it(kind):
    body = ledger_format._RECORDS[kind][1]
    made = {"fill_hash", "line_hash", "log_line"} | ({"by"} if kind is OverrideUsed else set())
    assert set(body.__struct_fields__) - made <= set(kind.__struct_fields__)
    assert "log_line" in body.__struct_fields__


def test_stranger_verifies_with_the_standard_library(record):
    log = record.log.read_bytes().splitlines()
    prev = "0" * 64
    hashed = []
    for number, raw in enumerate(record.ledger.read_bytes().splitlines(), 1):
        line = json.loads(raw)
        assert (line["seq"], line["prev"]) == (number, prev)
        prev = hashlib.sha256(raw).hexdigest()
        body = line["body"]
        if line["type"] == "FILL":
            assert hashlib.sha256(log[body["log_line"] - 1]).hexdigest() == body["fill_hash"]
            hashed.append(body["log_line"])
        if line["type"] == "LOG_ANCHOR":
            assert hashlib.sha256(b"".join(x + b"\n" for x in log[: body["log_line"]])).hexdigest() == body["log_sha256"]
    assert hashed == [n for n, raw in enumerate(log, 1) if json.loads(raw)["type"] == "fill"]
