"""Whatever happens to the bytes of any shape: one typed answer, and never a target the bytes do not name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.drift_csv import DriftRow, parse_drift
from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestOutcome, ManifestRefused, judge_manifest
from lakehouse.meta_portfolio import Evidence
from lakehouse.strict_json import parse
from orders.errors import InputError
from orders.values import Grade
from tests.lakehouse_in.shapes_made import PLATFORM, RUN, STAMP_NS, Runs, good_atoms, good_flattened, good_meta

NO_PAUSE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


def stamped(document: dict[str, Any]) -> dict[str, Any]:
    document["metadata"]["generated_at"] = "2026-02-03T10:00:00.000001"
    return document


KEYS: Mapping[str, str] = {"flattened": "flattened/hrp", "meta": "meta_benchmark/hrp", "v2": "v2/hrp"}
DOCUMENTS: Mapping[str, bytes] = {
    "flattened": json.dumps(good_flattened()).encode(),
    "meta": json.dumps(good_meta()).encode(),
    "v2": json.dumps(stamped(good_atoms())).encode(),
}
shapes = pytest.mark.parametrize("shape", DOCUMENTS)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


def judged(runs: Runs, data: bytes, *, shape: str) -> ManifestOutcome:
    return judge_manifest(
        data,
        policy=runs.policy(capital={KEYS[shape]: "1"}),
        market_now_ns=STAMP_NS + 1,
        provenance=runs.provenance(Grade.LEDGER_ONLY),
        written_ns=1,
        source_run=RUN,
        evidence=Evidence(directory=str(runs.runs / RUN / "data"), runs_directory=str(runs.runs), size_max=1 << 20),
    )


def check(outcome: ManifestOutcome, data: bytes) -> None:
    """Typed, with its reason; targets bounded, and every symbol and size of them is in the bytes."""
    assert isinstance(outcome, AuditedManifest | ManifestHeld | ManifestRefused)
    assert outcome.manifest_sha256 == hashlib.sha256(data).hexdigest()
    if not isinstance(outcome, AuditedManifest):
        assert outcome.code.replace("_", "").isupper()
        assert "expected" in outcome.message
        return
    document = parse(data, what="it", size_max=1 << 20, nonfinite=True)
    named = symbols_of(document)
    assert set(outcome.targets) <= named
    assert all(abs(target) <= 1 for target in outcome.targets.values())


def symbols_of(value: Any) -> set[str]:
    """Every physical symbol a row of the document names, an atom's included; written without the reader's own rules."""
    if isinstance(value, list):
        return set().union(*map(symbols_of, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(symbols_of, value.values()))
    name = value.get("Symbol")
    if isinstance(name, str) and ":" in name:
        exchange, ticker = name.split(":", 1)
        found |= {name, f"{exchange}:{ticker.split('_', 1)[0]}"}
    return found


def meaning(outcome: AuditedManifest) -> tuple[Any, ...]:
    return outcome.targets, outcome.generated_ns, outcome.source_run, outcome.fractions


@shapes
def test_the_original_is_accepted(runs: Runs, shape: str) -> None:
    outcome = judged(runs, DOCUMENTS[shape], shape=shape)
    assert isinstance(outcome, AuditedManifest), outcome
    check(outcome, DOCUMENTS[shape])


@shapes
@pytest.mark.parametrize("mask", [0x01, 0x04, 0x10, 0x80], ids=hex)
def test_every_changed_byte_gives_a_typed_answer_and_moves_no_other_target(runs: Runs, shape: str, mask: int) -> None:
    """A changed byte can move the targets of its own row only: in an atom's suffix, in a symbol, in a weight."""
    original = judged(runs, DOCUMENTS[shape], shape=shape)
    assert isinstance(original, AuditedManifest)
    for at in range(len(DOCUMENTS[shape])):
        data = bytearray(DOCUMENTS[shape])
        data[at] ^= mask
        outcome = judged(runs, bytes(data), shape=shape)
        check(outcome, bytes(data))
        if isinstance(outcome, AuditedManifest):
            changed = {s for s in original.targets | outcome.targets if original.targets.get(s) != outcome.targets.get(s)}
            assert len(changed) <= 2, (at, changed)


@shapes
def test_every_truncation_is_held(runs: Runs, shape: str) -> None:
    data = DOCUMENTS[shape]
    for length in range(len(data)):
        outcome = judged(runs, data[:length], shape=shape)
        assert isinstance(outcome, ManifestHeld), length
        assert outcome.code == ("MANIFEST_HALF_WRITTEN" if length else "MANIFEST_EMPTY")


@shapes
@NO_PAUSE
@given(data=st.data())
def test_a_removed_or_repeated_piece_gives_a_typed_answer(runs: Runs, shape: str, data: st.DataObject) -> None:
    good = DOCUMENTS[shape]
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, len(good)))
    for changed in (good[:start] + good[end:], good[:end] + good[start:]):
        check(judged(runs, changed, shape=shape), changed)


WORDS = ["LONG", "SHORT", "FLAT", "long_all", "AMEX:SPY", "BINANCE:BTCUSDT", "BINANCE:BTCUSDT_trend_SHORT", "../..", "QUIET"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**70), 10**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*WORDS, "2026-02-03 10:00:00"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


@shapes
@NO_PAUSE
@given(data=st.data())
def test_any_values_in_any_places_give_a_typed_answer(runs: Runs, shape: str, data: st.DataObject) -> None:
    document = json.loads(DOCUMENTS[shape])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(document)))
        if not path:
            document = data.draw(values)
            continue
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        if data.draw(st.booleans()):
            parent[path[-1]] = data.draw(values)
        else:
            del parent[path[-1]]
    changed = json.dumps(document).encode()
    check(judged(runs, changed, shape=shape), changed)


@shapes
@NO_PAUSE
@given(data=st.data())
def test_writing_it_otherwise_keeps_the_meaning(runs: Runs, shape: str, data: st.DataObject) -> None:
    """Order of keys, white space, columns nobody reads: the same targets, stamp and run."""
    original = judged(runs, DOCUMENTS[shape], shape=shape)
    document = json.loads(DOCUMENTS[shape])
    rows = [parent for path in places(document) if (parent := at(document, path)) and is_row(parent)]
    for row in rows:
        items = data.draw(st.permutations([*row.items(), ("Added_Later", data.draw(st.sampled_from([None, float("nan"), {}])))]))
        row.clear()
        row.update(items)
    changed = json.dumps(document, indent=data.draw(st.sampled_from([None, 0, 3]))).encode()
    outcome = judged(runs, changed, shape=shape)
    assert isinstance(original, AuditedManifest)
    assert isinstance(outcome, AuditedManifest)
    assert meaning(outcome) == meaning(original)


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def is_row(value: Any) -> bool:
    return isinstance(value, dict) and "Symbol" in value


weights = st.integers(-1000, 1000).map(lambda n: n / 1000)


@NO_PAUSE
@given(rows=st.lists(st.tuples(st.sampled_from("ABCDE"), st.sampled_from(["LONG", "SHORT", "SHORT_1d"]), weights), max_size=10))
def test_atoms_net_to_the_sum_of_their_signed_weights(runs: Runs, rows: list[tuple[str, str, float]]) -> None:
    assets, sums = [], dict[str, Decimal]()
    for number, (ticker, suffix, weight) in enumerate(rows):
        size = abs(weight) / 10
        assets.append({"Symbol": f"FX_IDC:{ticker}_logic{number}_{suffix}", "Weight": size, "Net_Weight": size})
        signed = Decimal(repr(size)) * (1 if suffix == "LONG" else -1)
        sums[f"FX_IDC:{ticker}"] = sums.get(f"FX_IDC:{ticker}", Decimal(0)) + signed
    document = stamped(good_atoms())
    document["profiles"] = {"hrp": {"assets": assets}}
    outcome = judged(runs, json.dumps(document).encode(), shape="v2")
    if not any(sums.values()):
        assert not isinstance(outcome, AuditedManifest)
    else:
        assert isinstance(outcome, AuditedManifest)
        assert outcome.targets == sums


CSV = (PLATFORM / "c7_drift.csv").read_bytes()


@NO_PAUSE
@given(data=st.data())
def test_a_mutated_drift_csv_gives_rows_or_one_typed_error(data: st.DataObject) -> None:
    changed = bytearray(CSV)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    code, rows = drift_of(bytes(changed))
    assert code in {None, "DRIFT_CSV_MALFORMED", "NOT_UTF8", "SYMBOL_MALFORMED", "SYMBOL_WITHOUT_EXCHANGE", "SYMBOL_IS_ATOM"}
    for row in rows:
        assert row.symbol.encode() in bytes(changed)
        assert row.size >= 0


def drift_of(data: bytes) -> tuple[str | None, tuple[DriftRow, ...]]:
    try:
        return None, parse_drift(data, what="it")
    except InputError as error:
        return error.code, ()
