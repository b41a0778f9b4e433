"""The platform's hash chain: the golden one verifies, and every fault seen upstream gets its own name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.platform_ledger import FAULTS_MAX, ZERO_HASH, verify_platform_ledger


def append(records: list[dict[str, Any]], data: bytes = b"", prev: str = ZERO_HASH) -> tuple[bytes, str]:
    """Write records as the platform's AuditLedger does; returns the bytes and the head."""
    for body in records:
        record = {**body, "ts": "2026-01-06T01:32:10.000001", "prev_hash": prev}
        prev = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
        record["hash"] = prev
        data += json.dumps(record).encode() + b"\n"
    return data, prev


def action(step: str, **extra: Any) -> dict[str, Any]:
    return {"type": "action", "status": "success", "step": step, "outcome": {"output_hashes": {}, "metrics": extra}}


def codes(data: bytes) -> list[tuple[int, str]]:
    return [(fault.line, fault.code) for fault in verify_platform_ledger(data).faults]


def test_the_golden_chain_verifies(golden_chain: bytes) -> None:
    report = verify_platform_ledger(golden_chain)
    assert (report.ok, report.records, report.faults) == (True, 3, ())
    assert report.head == "abbbb8f4d938cd35d6eae69ebb6456fb2a025a7ab5dace9ef6b96880d9382fd3"
    assert report.genesis_run_ids == ("20260106-prod-q1",)
    assert [(outcome.step, outcome.status) for outcome in report.outcomes] == [("optimize_hrp", "success")]
    assert "9eb1e9f6c2870b3c782b589f421b35cebe0472af1c5a300317cef1f061ef1ab9" in report.hashes


@pytest.mark.parametrize("mask", [0x01, 0x02, 0x10, 0x20, 0xFF])
def test_every_changed_byte_of_the_golden_chain_is_seen(golden_chain: bytes, mask: int) -> None:
    for at in range(len(golden_chain)):
        changed = bytearray(golden_chain)
        changed[at] ^= mask
        assert not verify_platform_ledger(bytes(changed)).ok, at


def test_every_cut_inside_a_line_is_seen_and_a_cut_between_lines_is_not(golden_chain: bytes) -> None:
    whole = [at + 1 for at, byte in enumerate(golden_chain) if byte == 0x0A]
    for length in range(len(golden_chain)):
        assert verify_platform_ledger(golden_chain[:length]).ok == (length in whole)


@given(data=st.data())
def test_a_removed_or_repeated_piece_is_seen(golden_chain: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(golden_chain) - 2))
    end = data.draw(st.integers(start + 1, len(golden_chain) - 1))
    assert not verify_platform_ledger(golden_chain[:start] + golden_chain[end:]).ok
    assert not verify_platform_ledger(golden_chain[:end] + golden_chain[start:]).ok


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_any_number_of_geneses_is_accepted(count: int) -> None:
    data, head = append([{"type": "genesis", "run_id": "r"}, action("a")] * count + [action("b")])
    report = verify_platform_ledger(data)
    assert (report.ok, report.head, report.genesis_run_ids) == (True, head, ("r",) * count)


@pytest.mark.parametrize(
    "value",
    [1e-05, 0.1 + 0.2, 1e22, -0.0, float("nan"), float("inf"), 2**70, 'é 😀 \ud800 \\ " /', [], {}, None, [{"b": 1, "a": [1.0]}]],
    ids=repr,
)
def test_values_in_python_notation_verify(value: object) -> None:
    assert verify_platform_ledger(append([action("a", value=value)])[0]).ok


def after(first: bytes, second: Callable[[bytes, str], bytes]) -> bytes:
    head = json.loads(first.splitlines()[-1])["hash"]
    return second(first, head)


ONE, ONE_HEAD = append([action("a")])
TWO, TWO_HEAD = append([action("a"), action("b")])
THREE, _ = append([action("a"), action("b"), action("c")])
RESTARTED, _ = append([action("x"), action("y")], TWO)


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        (b"", [(1, "NO_RECORDS")]),
        (b"\n", [(1, "BLANK_LINE"), (1, "NO_RECORDS")]),
        (TWO.replace(b'"step": "b"', b'"step": "B"'), [(2, "HASH_MISMATCH")]),
        (TWO.replace(b'"step": "a"', b'"step": "A"'), [(1, "HASH_MISMATCH")]),
        (TWO.replace(TWO_HEAD.encode(), b"0" * 64), [(2, "HASH_MISMATCH")]),
        (TWO.replace(TWO_HEAD.encode(), b"short"), [(2, "HASH_MISMATCH")]),
        (TWO.replace(b', "hash": "' + TWO_HEAD.encode() + b'"', b""), [(2, "HASH_MISMATCH")]),
        (append([action("a", sizes={2: "x", 10: "y"})])[0], [(1, "INT_KEYS")]),
        (append([action("a", sizes={2: "x", 10: "y"})])[0].replace(b'"y"', b'"z"'), [(1, "HASH_MISMATCH")]),
        (RESTARTED, [(3, "CHAIN_RESTART")]),
        (append([action("x")], TWO + b"\n")[0], [(3, "BLANK_LINE"), (4, "CHAIN_RESTART")]),
        (TWO + b"\n", [(3, "BLANK_LINE")]),
        (append([action("b2")], TWO, ONE_HEAD)[0], [(3, "FORK")]),
        (append([action("c")], append([action("b2")], TWO, ONE_HEAD)[0], TWO_HEAD)[0], [(3, "FORK"), (4, "FORK")]),
        (THREE.splitlines(True)[0] + THREE.splitlines(True)[2], [(2, "BROKEN_LINK")]),
        (b"".join(THREE.splitlines(True)[1:]), [(1, "BROKEN_LINK")]),
        (TWO[:-1], [(2, "TORN_LINE")]),
        (TWO[:-20], [(2, "TORN_LINE")]),
        (append([action("x"), action("y")], TWO[:-20])[0], [(2, "TORN_LINE")]),
        (append([action("x")], TWO[:-1])[0], [(2, "TORN_LINE")]),
        (ONE + b"rubbish\n" + append([action("b")], b"", ONE_HEAD)[0], [(2, "NOT_JSON")]),
        (ONE + b"[1]\n", [(2, "NOT_JSON")]),
        (ONE + b"\xff\n", [(2, "NOT_JSON")]),
        (ONE + b"[" * 100_000 + b"\n", [(2, "NOT_JSON")]),
        (ONE + b'{"a": ' + b"9" * 5000 + b"}\n", [(2, "NOT_JSON")]),
        (ONE.replace(b'"action", ', b'"action",  '), [(1, "NOT_AS_WRITTEN")]),
        (ONE.replace(b'{"type"', b'{"type": "genesis", "type"'), [(1, "NOT_AS_WRITTEN")]),
        (ONE.replace(b"\n", b"\r\n"), [(1, "NOT_AS_WRITTEN")]),
    ],
    ids=[
        "nothing",
        "only a newline",
        "last record edited",
        "first record edited",
        "hash zeroed",
        "hash shortened",
        "hash removed",
        "integer keys",
        "integer keys and an edit",
        "zeros in the middle",
        "blank line and what follows it",
        "blank last line",
        "fork",
        "two branches taking turns",
        "record removed",
        "head cut off",
        "newline missing",
        "cut in the middle",
        "next record on the torn line",
        "next record after a lost newline",
        "rubbish between",
        "an array",
        "not text",
        "deep nesting",
        "an endless integer",
        "white space added",
        "a key twice",
        "carriage returns",
    ],
)
def test_each_fault_has_its_name(data: bytes, faults: list[tuple[int, str]]) -> None:
    assert codes(data) == faults


def test_the_list_of_faults_is_bounded() -> None:
    report = verify_platform_ledger(b"rubbish\n" * 1000)
    assert not report.ok
    assert len(report.faults) == FAULTS_MAX


@given(data=st.binary(max_size=60) | st.text('{}[]"type:genesis, hash0\n', max_size=60).map(str.encode))
def test_any_bytes_give_a_report(data: bytes) -> None:
    assert not verify_platform_ledger(data).ok
