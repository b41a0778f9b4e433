"""Whatever happens to a manifest's bytes, the answer is one of three values; weights never change unseen."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestOutcome, ManifestRefused, judge_manifest
from orders.values import Grade

if TYPE_CHECKING:
    from conftest import Lake

GOOD_WEIGHTS = [Decimal("0.1"), Decimal("0.35"), Decimal("0.55")]
NO_PAUSE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def judged(lake: Lake, data: bytes) -> ManifestOutcome:
    return judge_manifest(
        data,
        policy=lake.policy(),
        market_now_ns=lake.generated_ns + 1,
        provenance=lake.provenance(Grade.VERIFIED),
        written_ns=1,
    )


def check(outcome: ManifestOutcome, data: bytes) -> None:
    """What holds of every answer: typed, with its reason or with the bytes' own hash and finite, bounded targets."""
    assert isinstance(outcome, AuditedManifest | ManifestHeld | ManifestRefused)
    assert outcome.manifest_sha256 == hashlib.sha256(data).hexdigest()
    if isinstance(outcome, AuditedManifest):
        assert outcome.targets
        assert all(abs(target) <= 1 for target in outcome.targets.values())
    else:
        assert outcome.code.replace("_", "").isupper()
        assert "expected" in outcome.message


@pytest.mark.parametrize("mask", [0x01, 0x04, 0x10, 0x80], ids=hex)
def test_every_changed_byte_gives_a_typed_answer_and_keeps_the_weights(still_lake: Lake, good_manifest: bytes, mask: int) -> None:
    for at in range(len(good_manifest)):
        data = bytearray(good_manifest)
        data[at] ^= mask
        outcome = judged(still_lake, bytes(data))
        check(outcome, bytes(data))
        if isinstance(outcome, AuditedManifest):
            assert sorted(outcome.targets.values()) == GOOD_WEIGHTS, at


@NO_PAUSE
@given(data=st.data())
def test_any_byte_in_any_place_keeps_the_weights(still_lake: Lake, good_manifest: bytes, data: st.DataObject) -> None:
    changed = bytearray(good_manifest)
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    outcome = judged(still_lake, bytes(changed))
    check(outcome, bytes(changed))
    if isinstance(outcome, AuditedManifest):
        assert sorted(outcome.targets.values()) == GOOD_WEIGHTS


def test_every_truncation_is_held(still_lake: Lake, good_manifest: bytes) -> None:
    whole = len(good_manifest.rstrip())
    for length in range(whole):
        outcome = judged(still_lake, good_manifest[:length])
        assert isinstance(outcome, ManifestHeld), length
        assert outcome.code == ("MANIFEST_HALF_WRITTEN" if length else "MANIFEST_EMPTY")


@NO_PAUSE
@given(data=st.data())
def test_a_removed_or_repeated_piece_gives_a_typed_answer(still_lake: Lake, good_manifest: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(good_manifest)))
    end = data.draw(st.integers(start, len(good_manifest)))
    for changed in (good_manifest[:start] + good_manifest[end:], good_manifest[:end] + good_manifest[start:]):
        check(judged(still_lake, changed), changed)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**70), 10**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["LONG", "SHORT", "FLAT", "NORMAL", "BINANCE:BTCUSDT", "custom", "2026-01-06T01:33:02"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=6
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


@NO_PAUSE
@given(data=st.data())
def test_any_values_in_any_places_give_a_typed_answer(still_lake: Lake, good_manifest: bytes, data: st.DataObject) -> None:
    document = json.loads(good_manifest)
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
    check(judged(still_lake, changed), changed)


@NO_PAUSE
@given(data=st.binary(max_size=200))
def test_any_bytes_give_a_typed_answer_and_no_targets(still_lake: Lake, data: bytes) -> None:
    outcome = judged(still_lake, data)
    check(outcome, data)
    assert not isinstance(outcome, AuditedManifest)
