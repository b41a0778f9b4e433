"""The engine's own readers take the samples for what they are; the samples were made without them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.manifest import AuditedManifest, ManifestPolicy, ManifestRefused, read_manifest
from lakehouse.provenance import ProvenancePolicy
from lakehouse.snapshots import read_market_limits
from orders.values import Grade
from venues.symbols import load_symbols

ROOT = Path(__file__).resolve().parents[2]
SP500 = ROOT / "data" / "samples" / "sp500"
CRYPTO = ROOT / "data" / "samples" / "crypto"
CONTRADICTORY = SP500 / "manifests" / "2022-05-13.json"
SOUND = [path for path in sorted((SP500 / "manifests").glob("*.json")) if path != CONTRADICTORY] + [CRYPTO / "manifest.json"]


def _judge(path: Path, *, capital: dict[str, Decimal], runs: Path) -> object:
    """Judge a manifest ten minutes after its stamp."""
    stamp = json.loads(path.read_text())["winners"][0]["metadata"]["generated_at"]
    generated = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
    now_ns = int((generated + timedelta(minutes=10)).timestamp()) * 1_000_000_000
    return read_manifest(
        path,
        policy=ManifestPolicy(
            root=str(path.parent), zone="UTC", age_max_ns=3_600_000_000_000, future_skew_max_ns=0, capital=capital
        ),
        market_now_ns=now_ns,
        provenance=ProvenancePolicy(runs_directory=str(runs), grade_min=Grade.VERIFIED),
    )


@pytest.mark.parametrize("path", SOUND, ids=lambda path: f"{path.parent.parent.name} {path.stem}")
def test_a_sound_manifest_is_accepted_verified_with_all_checks_and_listed_symbols(path: Path) -> None:
    root = SP500 if path.is_relative_to(SP500) else CRYPTO
    judged = _judge(path, capital={"rank:1": Decimal(1)}, runs=root / "runs")
    assert isinstance(judged, AuditedManifest), judged
    assert judged.grade is Grade.VERIFIED
    assert [check for check in judged.checks if not check[1]] == []
    symbols = load_symbols(ROOT / "data" / "configs" / "symbols.toml")
    assert judged.targets.keys() <= symbols.by_symbol.keys()


def test_both_winners_of_a_manifest_may_share_the_capital() -> None:
    split = {"rank:1": Decimal("0.6"), "rank:2": Decimal("0.4")}
    judged = _judge(SP500 / "manifests" / "2022-03-31.json", capital=split, runs=SP500 / "runs")
    assert isinstance(judged, AuditedManifest)
    assert sum(judged.targets.values()) == 1


def test_the_contradictory_manifest_is_refused_for_apple() -> None:
    judged = _judge(CONTRADICTORY, capital={"rank:1": Decimal(1)}, runs=SP500 / "runs")
    assert isinstance(judged, ManifestRefused)
    assert judged.code == "MANIFEST_CONTRADICTION"
    assert "NASDAQ:AAPL: Net_Weight -0.06 but Direction LONG" in judged.message


def test_a_sound_manifest_is_refused_when_its_run_is_not_there(tmp_path: Path) -> None:
    judged = _judge(SP500 / "manifests" / "2022-03-31.json", capital={"rank:1": Decimal(1)}, runs=tmp_path)
    assert isinstance(judged, ManifestRefused)
    assert judged.grade is Grade.ABSENT


@pytest.mark.parametrize("root", [SP500, CRYPTO], ids=lambda root: root.name)
def test_every_limit_of_a_sample_is_usable(root: Path) -> None:
    snapshot = read_market_limits(root / "limits.json")
    assert snapshot.refused == ()
    assert len(snapshot.limits) == len(json.loads((root / "limits.json").read_text())["limits"])


def test_the_crisis_months_are_read_as_crisis() -> None:
    crises = []
    for path in SOUND[:-1]:
        judged = _judge(path, capital={"rank:1": Decimal(1)}, runs=SP500 / "runs")
        assert isinstance(judged, AuditedManifest)
        if judged.regime_name == "CRISIS":
            crises.append(date.fromisoformat(path.stem))
    assert crises == [date(2020, 3, 31), date(2020, 4, 30)]
