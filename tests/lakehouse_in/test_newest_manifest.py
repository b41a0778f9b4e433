"""Several places for one manifest: the newest stamp counts, whatever the files' times and the order of the paths."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestOutcome, ManifestRefused
from lakehouse.newest_manifest import read_newest
from orders.values import Grade
from tests.lakehouse_in.shapes_made import RUN, Runs, good_flattened

if TYPE_CHECKING:
    from conftest import Lake

HOUR_NS = 3600 * 10**9


def other_of(lake: Lake) -> Path:
    path = lake.root / "lakehouse" / "orders" / "portfolio_optimized_v3.json"
    path.parent.mkdir(exist_ok=True)
    return path


def dated(lake: Lake, *, minute: int, weight: str = "0.1") -> bytes:
    """The good manifest, stamped `minute` minutes into the hour after its own, SOLUSDT.P with that weight."""
    document = json.loads(lake.manifest.read_bytes())
    for winner in document["winners"]:
        winner["metadata"]["generated_at"] = f"2026-01-06T02:{minute:02}:00"
    document["winners"][0]["assets"][0].update(Weight=float(weight), Net_Weight=float(weight))
    return json.dumps(document).encode()


def newest(lake: Lake, *paths: Path) -> ManifestOutcome:
    return read_newest(
        paths, policy=lake.policy(), market_now_ns=lake.generated_ns + HOUR_NS, provenance=lake.provenance(Grade.VERIFIED)
    )


@pytest.mark.parametrize("turned", [False, True], ids=["newer first", "newer last"])
def test_the_newest_stamp_counts_and_the_older_file_is_noted(lake: Lake, turned: bool) -> None:
    other = other_of(lake)
    other.write_bytes(dated(lake, minute=1, weight="0.05"))
    os.utime(other, ns=(1, 1))  # the newer manifest in the older file
    paths = [other, lake.manifest]
    outcome = newest(lake, *(reversed(paths) if turned else paths))
    assert isinstance(outcome, AuditedManifest)
    assert str(outcome.targets["BINANCE:SOLUSDT.P"]) == "0.05"
    assert outcome.notes == (
        f"{other} of 2026-01-06T02:01:00Z counts; older and not used: {lake.manifest} of 2026-01-06T01:33:05Z",
    )
    assert outcome.written_ns == 1


def test_a_path_without_a_file_is_left_out_without_a_note(lake: Lake) -> None:
    outcome = newest(lake, other_of(lake), lake.manifest)
    assert isinstance(outcome, AuditedManifest)
    assert outcome.notes == ()


def test_no_file_at_all_is_held(lake: Lake) -> None:
    lake.manifest.unlink()
    outcome = newest(lake, other_of(lake), lake.manifest)
    assert isinstance(outcome, ManifestHeld)
    assert outcome.code == "MANIFEST_VANISHED"


def test_a_copy_of_the_same_bytes_is_no_conflict(lake: Lake) -> None:
    other_of(lake).write_bytes(lake.manifest.read_bytes())
    outcome = newest(lake, other_of(lake), lake.manifest)
    assert isinstance(outcome, AuditedManifest)
    assert outcome.notes == ()


def test_the_same_stamp_on_different_bytes_is_refused(lake: Lake) -> None:
    first, second = dated(lake, minute=5), dated(lake, minute=5, weight="0.05")
    lake.manifest.write_bytes(first)
    other_of(lake).write_bytes(second)
    for paths in ((lake.manifest, other_of(lake)), (other_of(lake), lake.manifest)):
        outcome = newest(lake, *paths)
        assert isinstance(outcome, ManifestRefused)
        assert outcome.code == "MANIFESTS_CONFLICT"
        assert str(lake.manifest) in outcome.message
        assert str(other_of(lake)) in outcome.message


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (b"", ManifestHeld, "MANIFEST_EMPTY"),
        (b'{"winners": [', ManifestHeld, "MANIFEST_HALF_WRITTEN"),
        (b'{"winners": []}', ManifestHeld, "NO_WINNERS"),
        (b"{}", ManifestRefused, "SHAPE_UNKNOWN"),
        (b'{"winners": [{"rank": 1, "engine": "a", "profile": "b"}]}', ManifestRefused, "MANIFEST_UNDATED"),
        (b'{"winners": [], "winners": []}', ManifestRefused, "MANIFEST_DUPLICATE_KEY"),
    ],
    ids=["empty", "half written", "no winners", "another document", "undated", "key twice"],
)
def test_a_file_that_cannot_be_dated_decides_for_all(lake: Lake, data: bytes, kind: type, code: str) -> None:
    other_of(lake).write_bytes(data)
    for paths in ((lake.manifest, other_of(lake)), (other_of(lake), lake.manifest)):
        outcome = newest(lake, *paths)
        assert isinstance(outcome, kind)
        assert not isinstance(outcome, AuditedManifest)
        assert outcome.code == code


def test_no_older_manifest_steps_in_for_a_refused_newest_one(lake: Lake) -> None:
    document = json.loads(dated(lake, minute=2))
    document["winners"][0]["assets"][0]["Direction"] = "SHORT"
    other_of(lake).write_text(json.dumps(document))
    outcome = newest(lake, lake.manifest, other_of(lake))
    assert isinstance(outcome, ManifestRefused)
    assert outcome.code == "MANIFEST_CONTRADICTION"
    assert "older and not used" in outcome.message


def test_a_link_out_of_the_root_at_any_path_is_refused(lake: Lake) -> None:
    (lake.root / "outside.json").write_bytes(lake.manifest.read_bytes())
    other_of(lake).symlink_to(lake.root / "outside.json")
    outcome = newest(lake, lake.manifest, other_of(lake))
    assert isinstance(outcome, ManifestRefused)
    assert outcome.code == "MANIFEST_ESCAPES"


def test_of_equal_flattened_files_the_first_path_names_the_run(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    inside, outside = runs.write(good_flattened()), runs.write(good_flattened(), run=None)
    sources = []
    for paths in ((inside, outside), (outside, inside)):
        outcome = read_newest(
            paths,
            policy=runs.policy(capital={"flattened/hrp": "1"}),
            market_now_ns=1_770_116_400 * 10**9,
            provenance=runs.provenance(Grade.ABSENT),
        )
        assert isinstance(outcome, AuditedManifest)
        sources.append(outcome.source_run)
    assert sources == [RUN, "(no run)"]
