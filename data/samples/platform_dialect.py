"""What the research platform writes, in its own dialect: data fingerprints, run ledgers, candidate tables, v3 manifests.

Shared by the two scripts that make the samples. Standard library only, no clock, no randomness: the same input gives the
same bytes. The engine does not import this; it reads the files with its own code, so one checks the other.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

ZERO_HASH: Final = "0" * 64
CANDIDATE_COLUMNS: Final = (
    "selection",
    "rebalance",
    "engine",
    "profile",
    "simulator",
    "is_commodity",
    "avg_window_sharpe",
    "annualized_return",
    "annualized_vol",
    "max_drawdown",
    "cvar_95",
    "avg_turnover",
    "af_dist",
    "stress_alpha",
    "stress_delta",
    "stress_ref",
    "temporal_fragility",
    "cvar_mult",
    "mdd_mult",
    "friction_decay",
    "parity_ann_return_gap",
    "is_candidate",
)


def df_hash(index: Iterable[object], columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the platform's `get_df_hash` of a table: sha256 over sorted index, sorted columns and row-major values.

    Index labels are taken as text (`%Y-%m-%dT%H:%M:%S` for days); numbers have eight decimals, booleans and text stay.
    """
    order = sorted(range(len(columns)), key=columns.__getitem__)
    table = sorted(((str(label), row) for label, row in zip(index, rows, strict=True)), key=lambda item: item[0])
    if not table:
        return hashlib.sha256(b"empty").hexdigest()
    data = "|".join(_value_text(row[place]) for _, row in table for place in order)
    text = f"idx:{'|'.join(label for label, _ in table)};cols:{'|'.join(columns[place] for place in order)};data:{data}"
    return hashlib.sha256(text.encode()).hexdigest()


def _value_text(value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{float(value):.8f}"
    return str(value)


def json_hash(value: object) -> str:
    """Return sha256 of `json.dumps(value, sort_keys=True)` with default separators: the platform's hash of lists and objects."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def naive_utc(instant: datetime) -> str:
    """Return `instant` (aware, UTC) as the platform prints it: ISO 8601 without a zone."""
    assert instant.utcoffset() is not None
    assert not instant.utcoffset()
    return instant.replace(tzinfo=None).isoformat()


def ledger_text(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the lines of `audit.jsonl` for `records` (each with its `ts`), chained as the platform chains them.

    The hash covers `json.dumps(record, sort_keys=True)`; the line on disk keeps insertion order.
    """
    lines, head = [], ZERO_HASH
    for record in records:
        chained = {**record, "prev_hash": head}
        head = json_hash(chained)
        lines.append(json.dumps({**chained, "hash": head}) + "\n")
    return "".join(lines)


def genesis(*, run_id: str, profile: str, made_with: str, ts: str) -> dict[str, Any]:
    """Return a genesis record. Environment hashes cover the one line `made_with`, not the machine: samples are reproducible."""
    env = {
        "python": "sample",
        "manifest_hash": ZERO_HASH,
        "env_hash": hashlib.sha256(made_with.encode()).hexdigest(),
        "git_hash": "sample",
    }
    return {"type": "genesis", "run_id": run_id, "profile": profile, "env": env, "ts": ts}


def intent(*, step: str, params: Mapping[str, Any], input_hashes: Mapping[str, str], ts: str) -> dict[str, Any]:
    """Return the record of a step that is about to run."""
    return {
        "type": "action",
        "status": "intent",
        "step": step,
        "intent": {"params": dict(params), "input_hashes": dict(input_hashes)},
        "ts": ts,
    }


def success(*, step: str, output_hashes: Mapping[str, str], metrics: Mapping[str, Any], ts: str) -> dict[str, Any]:
    """Return the record of a step that ended well."""
    return {
        "type": "action",
        "status": "success",
        "step": step,
        "outcome": {"output_hashes": dict(output_hashes), "metrics": dict(metrics)},
        "ts": ts,
    }


def weights_hash(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return `get_df_hash` of the weights table (Symbol, Weight, Net_Weight, Direction) as the optimiser hands it over."""
    columns = ("Symbol", "Weight", "Net_Weight", "Direction")
    return df_hash(range(len(rows)), columns, [[row[name] for name in columns] for row in rows])


def write_run(run_dir: Path, *, records: Sequence[Mapping[str, Any]], candidates: Sequence[Mapping[str, Any]]) -> None:
    """Write `audit.jsonl` and `data/tournament_candidates.csv`; a candidate's missing columns stay empty."""
    (run_dir / "data").mkdir(parents=True, exist_ok=True)
    (run_dir / "audit.jsonl").write_text(ledger_text(records))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, CANDIDATE_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(candidates)
    (run_dir / "data" / "tournament_candidates.csv").write_text(buffer.getvalue())


def winner(
    rows: Sequence[Mapping[str, Any]],
    *,
    rank: int,
    engine: str,
    profile: str,
    regime: str,
    regime_score: float,
    generated_at: str,
    run_id: str,
    returns_hash: str,
    cluster_cap: float,
) -> dict[str, Any]:
    """Return one element of `winners`; every asset row is repeated with its provenance columns, as upstream does."""
    tail = {
        "Rank": rank,
        "Regime": regime,
        "Regime_Score": regime_score,
        "Generated_At": generated_at,
        "Engine": engine,
        "Profile": profile,
        "Source_Run": run_id,
    }
    return {
        "rank": rank,
        "profile": profile,
        "engine": engine,
        "regime": {"name": regime, "score": regime_score},
        "assets": [{**row, **tail} for row in rows],
        "metadata": {
            "generated_at": generated_at,
            "source_run_id": run_id,
            "selection_mode": "fixed_universe",
            "source_returns_hash": returns_hash,
            "cluster_cap": cluster_cap,
        },
    }


def write_manifest(path: Path, winners: Sequence[Mapping[str, Any]]) -> None:
    """Write a v3 document, indented as the platform indents it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"winners": list(winners)}, indent=2) + "\n")


def write_gzip(path: Path, text: str) -> None:
    """Write `text` gzip-compressed without a time stamp. The bytes may differ between zlib builds, the content does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def write_sums(root: Path) -> None:
    """Write `SHA256SUMS` over every other file below `root`, in the format `sha256sum -c` reads.

    A `.gz` is listed by the sha256 of its bytes as shipped; whoever regenerates compares its content instead.
    """
    paths = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(root).as_posix()}\n" for path in paths]
    (root / "SHA256SUMS").write_text("".join(lines))
