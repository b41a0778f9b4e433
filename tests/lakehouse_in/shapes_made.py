"""Research files of every shape on disk: a run with a flattened file, a meta portfolio over two sleeves' runs, raw atoms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestOutcome, ManifestPolicy, ManifestRefused, read_manifest
from lakehouse.provenance import ProvenancePolicy
from lakehouse.shape import Shape
from lakehouse.upstream_time import stamp_ns, zone_of
from orders.values import Grade

Document = dict[str, Any]
PLATFORM = Path(__file__).parents[1] / "golden" / "platform"
STAMP = "2026-02-03T10:00:00.000001"
STAMP_NS = stamp_ns(STAMP, zone=zone_of("UTC"))
HOUR_NS = 3600 * 10**9
RUN = "20260203-meta"
LONG_RUN, SHORT_RUN = "20260203-long", "20260203-short"
ALL = frozenset(Shape)


def flat_row(symbol: str, net: float, *, gross: float | None = None, **more: Any) -> Document:
    gross = abs(net) if gross is None else gross
    side = "LONG" if net > 0 else "SHORT" if net < 0 else "FLAT"
    row = {"Symbol": symbol, "Weight": gross, "Net_Weight": net, "Gross_Weight": gross, "Direction": side}
    return {**row, "Cluster_ID": "1", "Market": None, "Sector": None, **more}


def flattened(profiles: Mapping[str, list[Document]], *, regime: str = "NORMAL", quadrant: str | None = None) -> Document:
    named = {"name": regime, "score": 1.0} | ({} if quadrant is None else {"quadrant": quadrant})
    return {
        "profiles": {name: {"assets": rows, "clusters": []} for name, rows in profiles.items()},
        "cluster_registry": {},
        "optimization": {"regime": named, "metrics": {"es": float("nan")}},
        "metadata": {"generated_at": STAMP, "cluster_cap": 0.2, "flattened": True},
    }


def good_flattened() -> Document:
    """hrp: a short, a flat row, exchanges with underscores; barbell skipped."""
    rows = [
        flat_row("BINANCE:ETHUSDT", -0.09999999999999998, gross=0.5),
        flat_row("BINANCE:SOLUSDT", 0.0, gross=0.2),
        flat_row("FX_IDC:EURUSD", 0.25),
        flat_row("CME_MINI:ES1!", -0.05),
    ]
    document = flattened({"hrp": rows, "barbell": [], "equal_weight": [flat_row("NASDAQ:AAPL", 0.25)]}, quadrant="EXPANSION")
    document["profiles"]["barbell"]["meta"] = {"skipped": True, "reason": "barbell unavailable"}
    return document


def atom_row(symbol: str, weight: float, **more: Any) -> Document:
    return {"Symbol": symbol, "Weight": weight, "Net_Weight": weight, "Direction": "LONG", "Cluster_ID": "1", **more}


def meta_row(symbol: str, net: float, **more: Any) -> Document:
    side = "LONG" if net > 0 else "SHORT"
    row = {"Symbol": symbol, "Weight": abs(net), "Net_Weight": net, "Direction": side, "Sector": "N/A", "Market": None}
    return {**row, "Description": "N/A", "Type": "CORE", "Contributors": ["long_all"], **more}


LONG_ROWS = [flat_row("BINANCE:BTCUSDT", 0.6), flat_row("AMEX:GLD", 0.4)]
SHORT_ROWS = [flat_row("BINANCE:BTCUSDT", -0.25, gross=0.75), flat_row("FX_IDC:EURUSD", -0.25), flat_row("AMEX:GLD", -0.6)]


def good_meta() -> Document:
    """0.6 of the long sleeve and 0.4 of the short one; GLD nets to 0 and is left out, as the platform does."""
    return {
        "metadata": {
            "meta_profile": "meta_benchmark",
            "risk_profile": "hrp",
            "sleeve_weights": {"long_all": 0.6, "short_all": 0.4},
            "generated_at": STAMP.replace("T", " "),
        },
        "weights": [meta_row("BINANCE:BTCUSDT", 0.6 * 0.6 - 0.4 * 0.25), meta_row("FX_IDC:EURUSD", -0.1)],
    }


def good_atoms() -> Document:
    document: Document = json.loads((PLATFORM / "c3_v2_atoms.json").read_bytes())
    return document


@dataclass
class Runs:
    """A platform's directories: `runs/<run>/data`, each with a ledger that verifies; and a lakehouse outside of them."""

    root: Path
    runs: Path = field(init=False)

    def __post_init__(self) -> None:
        self.runs = self.root / "artifacts" / "summaries" / "runs"
        (self.root / "lakehouse").mkdir(parents=True)
        for run in (RUN, LONG_RUN, SHORT_RUN):
            self.make_run(run)
        self.write(flattened({"hrp": LONG_ROWS}, regime="QUIET"), run=LONG_RUN)
        self.write(flattened({"hrp": SHORT_ROWS}, regime="TURBULENT"), run=SHORT_RUN)
        self.write_sleeves([{"id": "long_all", "run_id": LONG_RUN}, {"id": "short_all", "run_id": SHORT_RUN}])

    def make_run(self, run: str) -> None:
        (self.runs / run / "data").mkdir(parents=True)
        previous, lines = "0" * 64, []
        for record in (
            {"type": "genesis", "run_id": run, "profile": "p", "env": {}},
            {"type": "action", "status": "success", "step": "optimize_hrp", "outcome": {"output_hashes": {}, "metrics": {}}},
        ):
            entry: Document = {**record, "ts": "2026-02-03T09:00:00.000001", "prev_hash": previous}
            entry["hash"] = previous = hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
            lines.append(json.dumps(entry))
        (self.runs / run / "audit.jsonl").write_text("\n".join(lines) + "\n")
        (self.runs / run / "data" / "tournament_candidates.csv").write_text("engine,profile,is_candidate\n")

    def write(self, document: object, *, run: str | None = RUN, name: str = "portfolio_flattened.json") -> Path:
        folder = self.root / "lakehouse" if run is None else self.runs / run / "data"
        path = folder / name
        path.write_text(json.dumps(document, indent=2))
        return path

    def write_sleeves(self, sleeves: list[Document], *, run: str = RUN) -> Path:
        listed = {"meta_profile": "meta_benchmark", "risk_profile": "hrp", "sleeves": sleeves}
        return self.write(listed, run=run, name="meta_manifest_meta_benchmark_hrp.json")

    def policy(self, *, capital: Mapping[str, str], shapes: frozenset[Shape] = ALL) -> ManifestPolicy:
        return ManifestPolicy(
            root=str(self.root),
            zone="UTC",
            age_max_ns=24 * HOUR_NS,
            future_skew_max_ns=60 * 10**9,
            size_max=1 << 20,
            capital={key: Decimal(value) for key, value in capital.items()},
            shapes=shapes,
        )

    def provenance(self, grade_min: Grade = Grade.LEDGER_ONLY) -> ProvenancePolicy:
        return ProvenancePolicy(runs_directory=str(self.runs), grade_min=grade_min)

    def outcome(
        self,
        path: Path,
        *,
        key: str,
        shapes: frozenset[Shape] = ALL,
        grade_min: Grade = Grade.LEDGER_ONLY,
        now_ns: int = STAMP_NS + HOUR_NS,
    ) -> ManifestOutcome:
        return read_manifest(
            path,
            policy=self.policy(capital={key: "1"}, shapes=shapes),
            market_now_ns=now_ns,
            provenance=self.provenance(grade_min),
        )


def accepted(outcome: ManifestOutcome) -> AuditedManifest:
    assert isinstance(outcome, AuditedManifest), outcome
    return outcome


def refused(outcome: ManifestOutcome) -> ManifestRefused:
    assert isinstance(outcome, ManifestRefused), outcome
    return outcome


def held(outcome: ManifestOutcome) -> ManifestHeld:
    assert isinstance(outcome, ManifestHeld), outcome
    return outcome


def weights(**by_symbol: str) -> dict[str, Decimal]:
    return {name.replace("__", ":"): Decimal(value) for name, value in by_symbol.items()}
