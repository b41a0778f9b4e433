"""Whatever happens to the files of a run: one grade with its reasons, and never a better one than the files give."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.manifest import AuditedManifest, ManifestRefused
from lakehouse.platform_ledger import FAULTS, verify_platform_ledger
from lakehouse.provenance import Provenance, grade_run
from lakehouse.shape import Shape
from orders.values import Grade
from tests.lakehouse_in.conftest import CANDIDATES, GOLDEN
from tests.lakehouse_in.shapes_made import LONG_RUN, Runs, good_meta
from tests.lakehouse_in.shapes_made import RUN as RUN_OF_META

if TYPE_CHECKING:
    from conftest import Lake

CHAIN = (GOLDEN / "golden_chain.jsonl").read_bytes()
BARBELL = ("custom", "barbell")
MANY = settings(max_examples=200, deadline=None)


@pytest.fixture(scope="module")
def still_runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


def graded(lake: Lake, *, ledger: bytes = CHAIN, candidates: bytes = CANDIDATES.encode()) -> Provenance:
    """Grade the run with these files; they are put back by the next call."""
    lake.ledger.write_bytes(ledger)
    lake.candidates.write_bytes(candidates)
    return grade_run(lake.run, winners=(BARBELL,), policy=lake.provenance())


def mutated(data: st.DataObject, good: bytes) -> bytes:
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed)))
        pieces = st.binary(max_size=4) | st.sampled_from([b"\n", b'"', b",", b"\0", b"\r", b'{"type"', b"NaN", good[:40]])
        changed[place : place + data.draw(st.integers(0, 5))] = data.draw(pieces)
    return bytes(changed)


@MANY
@given(data=st.data())
def test_a_mutated_ledger_is_broken_by_names_or_what_it_was(still_lake: Lake, data: st.DataObject) -> None:
    changed = mutated(data, CHAIN)
    proven = graded(still_lake, ledger=changed)
    if proven.grade is not Grade.VERIFIED:
        assert proven.grade in {Grade.BROKEN, Grade.LEDGER_ONLY}
        assert proven.reasons
    if proven.grade is Grade.BROKEN:
        assert proven.ledger_faults
        assert set(proven.ledger_faults) <= FAULTS.keys()
        assert all(code in proven.reasons for code in proven.ledger_faults)
    else:
        lines = CHAIN.splitlines(keepends=True)
        assert changed in {b"".join(lines[:count]) for count in range(1, len(lines) + 1)}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.integers().map(str), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.dictionaries(
    st.sampled_from(["type", "status", "step", "outcome", "intent", "run_id", "ts", "data", "context", "prev_hash", "hash"]),
    VALUES
    | st.sampled_from(["genesis", "action", "success", "optimize_hrp", {"output_hashes": {"a": [1]}}, {"output_hashes": 7}]),
)


@MANY
@given(bodies=st.lists(RECORDS, max_size=4), chained=st.booleans())
def test_any_records_in_a_ledger_give_a_report(still_lake: Lake, bodies: list[dict[str, Any]], chained: bool) -> None:
    """With a chain that holds, whatever the records say, and without one."""
    lines, previous = [], "0" * 64
    for body in bodies:
        record = {**body, "prev_hash": previous} if chained else body
        if chained:
            record.pop("hash", None)
            record["hash"] = previous = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
        lines.append(json.dumps(record) + "\n")
    data = "".join(lines).encode()
    report = verify_platform_ledger(data)
    assert report.ok is (chained and bool(bodies))
    proven = graded(still_lake, ledger=data)
    assert proven.grade in {Grade.BROKEN, Grade.LEDGER_ONLY, Grade.VERIFIED}
    if proven.grade is Grade.VERIFIED:
        assert any(body.get("status") == "success" and str(body.get("step")).startswith("optimize") for body in bodies)


@MANY
@given(data=st.data())
def test_mutated_candidates_never_make_a_candidate(still_lake: Lake, data: st.DataObject) -> None:
    changed = mutated(data, CANDIDATES.encode())
    proven = graded(still_lake, candidates=changed)
    assert proven.grade in {Grade.VERIFIED, Grade.LEDGER_ONLY}
    if proven.grade is Grade.LEDGER_ONLY:
        assert {name for name, _, _ in proven.failures} <= {"candidates_file", "candidate_pair", "candidate_flag"}
    else:
        for word in (rb"custom", rb"barbell", rb"True|true|1", rb"is_candidate"):
            assert re.search(word, changed)


@MANY
@given(text=st.text(max_size=80) | st.text("engine,profis_cad\"\n\r\0'custombrlTue1", max_size=80))
def test_any_text_as_candidates_gives_a_grade(still_lake: Lake, text: str) -> None:
    proven = graded(still_lake, candidates=text.encode(errors="surrogatepass"))
    assert proven.grade is Grade.LEDGER_ONLY
    assert proven.reasons


def test_a_cell_without_end_and_a_row_without_end_are_typed(still_lake: Lake) -> None:
    for candidates in (b"engine,profile,is_candidate\n" + b"x" * 200_000, b"engine," * 100_000 + b"\n" + b"custom," * 200_000):
        assert graded(still_lake, candidates=candidates).grade is Grade.LEDGER_ONLY


def test_the_files_as_they_were_are_verified(still_lake: Lake) -> None:
    assert graded(still_lake).grade is Grade.VERIFIED


META_TARGETS = {"BINANCE:BTCUSDT": "0.26", "FX_IDC:EURUSD": "-0.1"}


@MANY
@given(data=st.data(), which=st.sampled_from(["the list of sleeves", "a sleeve's flattened file"]))
def test_mutated_evidence_of_a_meta_portfolio_changes_no_target(still_runs: Runs, data: st.DataObject, which: str) -> None:
    listed = still_runs.runs / RUN_OF_META / "data" / "meta_manifest_meta_benchmark_hrp.json"
    path = listed if which == "the list of sleeves" else still_runs.runs / LONG_RUN / "data" / "portfolio_flattened.json"
    good = path.read_bytes()
    meta = still_runs.write(good_meta(), name="meta.json")
    path.write_bytes(mutated(data, good))
    outcome = still_runs.outcome(meta, key="meta_benchmark/hrp", shapes=frozenset({Shape.META}))
    path.write_bytes(good)
    if isinstance(outcome, AuditedManifest):
        assert {symbol: str(weight) for symbol, weight in outcome.targets.items()} == META_TARGETS
    else:
        assert isinstance(outcome, ManifestRefused)
        assert outcome.code in {"META_UNPROVEN", "META_CONTRADICTED"}


def test_the_evidence_as_it_was_proves_the_meta_portfolio(still_runs: Runs) -> None:
    meta = still_runs.write(good_meta(), name="meta.json")
    outcome = still_runs.outcome(meta, key="meta_benchmark/hrp", shapes=frozenset({Shape.META}))
    assert isinstance(outcome, AuditedManifest)
    assert {symbol: str(weight) for symbol, weight in outcome.targets.items()} == META_TARGETS
