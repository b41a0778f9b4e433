"""What examines a record quickly says what the slow and plain way says; `--record-only` misses nothing of the record itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.main import run
from lakehouse import ledger_format
from lakehouse.layout import Layout
from lakehouse.ledger_format import (
    BadLine,
    FillBody,
    FillFacts,
    FillRecord,
    decode_quick,
    decode_record,
    encode_record,
    fill_time,
)
from lakehouse.ledger_key import keys_directory, trusted_keys
from lakehouse.rebuild import decode_line
from lakehouse.verifier import VerifyReport, verify
from orders.errors import RecordCorrupt
from tests.lakehouse_out.conftest import Lines
from tests.lakehouse_out.rotated import write_rotated
from tests.lakehouse_out.test_segments import ATTACKS

RAW = msgspec.json.encode(Lines().fill("77", seq=12))
KIND, BODY = ledger_format.record_of(decode_line(RAW), RAW, log_line=12) or ("", FillBody.__new__(FillBody))
RECORD = encode_record(KIND, BODY, seq=7, prev="a" * 64, ts_ns=decode_line(RAW).ts_ns)


def outcome(decode: Callable[..., Any], raw: bytes) -> Any:
    try:
        found = decode(raw, file="audit.jsonl", line=7)
    except BadLine as error:
        return str(error)
    return {name: msgspec.to_builtins(getattr(found, name)) for name in ("body", "prev", "seq", "ts", "type", "v")}


def test_a_fill_is_decoded_quickly_and_is_the_same_record() -> None:
    assert isinstance(decode_quick(RECORD, file="audit.jsonl", line=7), FillRecord)
    assert outcome(decode_quick, RECORD) == outcome(decode_record, RECORD)


@settings(max_examples=400)
@given(data=st.data())
def test_whatever_bytes_are_changed_the_quick_way_says_what_the_plain_one_says(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(RECORD) - 1))
    cut = data.draw(st.integers(0, 3))
    put_in = data.draw(
        st.binary(max_size=3) | st.sampled_from([b'"', b",", b"{", b"\\u0041", b"\xc3\xbc", b"1e2", b"null", b" "])
    )
    raw = RECORD[:at] + put_in + RECORD[at + cut :]
    assert outcome(decode_quick, raw) == outcome(decode_record, raw)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":7', b'"seq":9007199254740993'), (b'"log_line":12', b'"log_line":9007199254740993'), (b'"v":1}', b'"v":2}'),
        (b'"log_line":12', b'"log_line":"12"'), (b'"venue":"BINANCE"', b'"venue":"BINANCE","venue":"BINANCE"'),
        (b'"run_ledger_head":null', b'"run_ledger_head":7'), (b'"trade_id":"77"', b'"trade_id":"77","extra":1'),
        (b'"trade_id":"77",', b""), (b'"seq":7', b'"seq":7.0'), (b'"source_run":"run"', b'"source_run":"r\\u0075n"'),
    ],
    ids=["an unsafe number", "an unsafe line", "another version", "a text", "a key twice", "a number", "a key too many",
         "a key gone", "a float", "an escape"],
)  # fmt: skip
def test_a_bad_twin_is_told_as_the_plain_way_tells_it(old: bytes, new: bytes) -> None:
    assert old in RECORD
    raw = RECORD.replace(old, new)
    assert outcome(decode_quick, raw) == outcome(decode_record, raw)


@settings(max_examples=300)
@given(data=st.data())
def test_a_fill_line_is_the_records_own_or_left_to_the_plain_way(data: st.DataObject) -> None:
    fields = json.loads(RAW)
    for name in data.draw(st.lists(st.sampled_from(sorted(fields)), max_size=2)):
        fields[name] = data.draw(st.sampled_from(["x", 1, None, fields[name], "77", 2]))
    raw = msgspec.json.encode(fields)
    record = decode_quick(RECORD, file="audit.jsonl", line=7)
    assert isinstance(record, FillRecord)
    own = record.body if raw == RAW else msgspec.structs.replace(record.body, fill_hash=ledger_format.sha256(raw))
    quick = fill_time(msgspec.structs.replace(record, body=own), raw, log_line=12)
    try:
        wanted = ledger_format.record_of(decode_line(raw), raw, log_line=12)
    except RecordCorrupt:
        return  # the facts alone may do: what is not in the record is no business of it
    assert (quick is not None) is (wanted == (KIND, own) and record.ts == str(fields["ts_ns"]))


def test_a_fill_at_another_line_or_of_no_record_is_left_to_the_plain_way() -> None:
    record = decode_quick(RECORD, file="audit.jsonl", line=7)
    assert fill_time(record, RAW, log_line=12) is not None
    for other, raw, line in [
        (record, RAW, 13),
        (None, RAW, 12),
        (record, RAW + b" ", 12),
        (record, b"{", 12),
        (record, RAW[:-1], 12),
    ]:
        assert fill_time(other, raw, log_line=line) is None


def test_the_facts_of_a_fill_are_what_its_record_copies() -> None:
    copied = {*FillBody.__struct_fields__} - {"fill_hash", "log_line"}
    assert {*FillFacts.__struct_fields__} == copied | {"ts_ns", "v"}


def looked(layout: Layout, *, record_only: bool) -> VerifyReport:
    return verify(layout.directory, trusted=trusted_keys(keys_directory()), record_only=record_only)


def test_the_record_alone_is_proven_and_nothing_is_said_of_what_was_not_looked_at(record: Layout) -> None:
    record.state.write_text("{}")
    found = looked(record, record_only=True)
    assert found.first_bad is None
    assert (found.fills, found.positions, found.environment, found.rebuilt) == (0, {}, None, False)
    assert found.notes == ("nothing was rebuilt: positions, cash, orders and state were not looked at",)
    whole = looked(record, record_only=False)
    assert whole.first_bad is not None
    assert (found.log_lines, found.ledger_records, found.anchored_line) == (
        decode_count(record.log), decode_count(record.ledger), decode_count(record.log),
    )  # fmt: skip


def decode_count(path: Path) -> int:
    return path.read_bytes().count(b"\n")


@pytest.mark.parametrize("attack", [attack for _, attack, _ in ATTACKS], ids=[name for name, _, _ in ATTACKS])
def test_an_attack_on_a_segment_is_named_as_by_the_whole(
    layout: Layout, lines: Any, save_state: Any, attack: Callable[[Layout], None]
) -> None:
    write_rotated(layout, lines, save_state)
    attack(layout)
    assert looked(layout, record_only=True).first_bad == looked(layout, record_only=False).first_bad


def test_the_command_proves_the_record_alone(record: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(record.directory), "--record-only"]) == 0
    said = capsys.readouterr().out
    assert "log, ledger and checkpoints agree" in said
    assert "nothing was rebuilt" in said
    assert "fills" not in said
