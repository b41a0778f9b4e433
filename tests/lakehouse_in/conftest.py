"""A lakehouse on disk as research leaves it: one good manifest, one run whose ledger verifies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse.manifest import ManifestOutcome, ManifestPolicy, read_manifest
from lakehouse.provenance import ProvenancePolicy
from lakehouse.upstream_time import stamp_ns, zone_of
from orders.values import Grade

GOLDEN = Path(__file__).parents[1] / "golden" / "manifests"
PLATFORM = Path(__file__).parents[1] / "golden" / "platform"
RUN = "20260106-prod-q1"
GENERATED_NS = stamp_ns("2026-01-06T01:33:02.118311", zone=zone_of("UTC"))
HOUR_NS = 3600 * 10**9
CANDIDATES = "selection,rebalance,engine,profile,is_candidate\nv3.2,window,custom,barbell,True\nv3.2,window,riskfolio,hrp,True\n"


@dataclass
class Lake:
    """Directories of one test; `outcome` reads the manifest an hour after it was generated, unless told otherwise."""

    root: Path
    manifest: Path = field(init=False)
    runs: Path = field(init=False)
    run: str = RUN
    generated_ns: int = GENERATED_NS

    def __post_init__(self) -> None:
        self.manifest = self.root / "lakehouse" / "portfolio_optimized_v3.json"
        self.runs = self.root / "summaries" / "runs"
        (self.runs / RUN / "data").mkdir(parents=True)
        self.manifest.parent.mkdir()
        self.manifest.write_bytes((PLATFORM / "c1_v3_multi_winner.json").read_bytes())
        self.ledger.write_bytes((GOLDEN / "golden_chain.jsonl").read_bytes())
        self.candidates.write_text(CANDIDATES)

    def rewrite(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the manifest's document by `change` and write it as the platform would."""
        document = json.loads(self.manifest.read_bytes())
        change(document)
        self.manifest.write_text(json.dumps(document))

    @property
    def ledger(self) -> Path:
        return self.runs / RUN / "audit.jsonl"

    @property
    def candidates(self) -> Path:
        return self.runs / RUN / "data" / "tournament_candidates.csv"

    def policy(self, *, capital: Mapping[str, str] | None = None, size_max: int = 1 << 20) -> ManifestPolicy:
        return ManifestPolicy(
            root=str(self.manifest.parent),
            zone="UTC",
            age_max_ns=24 * HOUR_NS,
            future_skew_max_ns=60 * 10**9,
            size_max=size_max,
            capital={key: Decimal(value) for key, value in (capital or {"rank:1": "1"}).items()},
        )

    def provenance(self, grade_min: Grade = Grade.VERIFIED) -> ProvenancePolicy:
        return ProvenancePolicy(runs_directory=str(self.runs), grade_min=grade_min)

    def outcome(
        self,
        *,
        capital: Mapping[str, str] | None = None,
        now_ns: int = GENERATED_NS + HOUR_NS,
        grade_min: Grade = Grade.VERIFIED,
        size_max: int = 1 << 20,
    ) -> ManifestOutcome:
        return read_manifest(
            self.manifest,
            policy=self.policy(capital=capital, size_max=size_max),
            market_now_ns=now_ns,
            provenance=self.provenance(grade_min),
        )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


@pytest.fixture(scope="module")
def still_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """One lake for many examples; its files are not changed."""
    return Lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="session")
def good_manifest() -> bytes:
    return (PLATFORM / "c1_v3_multi_winner.json").read_bytes()


@pytest.fixture(scope="session")
def bad_manifest() -> bytes:
    return (PLATFORM / "c2_v3_renormalised.json").read_bytes()


@pytest.fixture(scope="session")
def golden_chain() -> bytes:
    return (GOLDEN / "golden_chain.jsonl").read_bytes()
