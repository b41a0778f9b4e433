"""Make the bars sample: a month of SYNTHETIC hourly bars of two pairs, seeded, weekly v3 manifests, and the catalog of them.

    .venv/bin/python data/samples/make_bars.py [--out DIRECTORY]

No venue was asked, and the weights are by decree. Bars, manifests and runs need the standard library alone; the catalog is
what `sluice data import` makes of the two files.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import platform_dialect as dialect

SEED: Final = 20250107
START: Final = datetime(2025, 1, 6, 14, 0, tzinfo=UTC)
HOURS: Final = 31 * 24
TICK: Final = Decimal("0.01")
LABEL: Final = f"hourly bars of a seeded random walk ({SEED}); no venue was asked"
# Weights of BTCUSDT and ETHUSDT by decree; a manifest acts from five minutes after New York's close of its day.
DECREES: Final = {
    "2025-01-07": ("0.20", "0.20"),
    "2025-01-14": ("0.15", "0.25"),
    "2025-01-21": ("0.25", "0.15"),
    "2025-01-28": ("0.10", "0.20"),
    "2025-02-04": ("0.20", "0.20"),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One synthetic pair: prices and the largest move of an hour in ticks of 0.01, volumes in steps."""

    symbol: str
    description: str
    file: str
    start_ticks: int
    move_ticks: int
    step_size: Decimal
    volume_steps: int


PAIRS: Final = (
    Pair("BINANCE:BTCUSDT", "Bitcoin / TetherUS", "btcusdt_1h.csv.gz", 9_950_000, 90_000, Decimal("0.00001"), 80_000_000),
    Pair("BINANCE:ETHUSDT", "Ethereum / TetherUS", "ethusdt_1h.csv.gz", 365_000, 4_000, Decimal("0.0001"), 90_000_000),
)


def bars(pair: Pair) -> str:
    """Return the CSV of a pair: stamps in ms are when a bar began, as exchanges have it."""
    draw = random.Random(f"{SEED} {pair.symbol}")
    close, lines = pair.start_ticks, ["open_time,open,high,low,close,volume"]
    for hour in range(HOURS):
        opened, close = close, max(1, close + draw.randint(-pair.move_ticks, pair.move_ticks))
        high = max(opened, close) + draw.randint(0, pair.move_ticks // 2)
        low = max(1, min(opened, close) - draw.randint(0, pair.move_ticks // 2))
        volume = draw.randint(pair.volume_steps // 20, pair.volume_steps) * pair.step_size
        stamp = int((START + timedelta(hours=hour)).timestamp()) * 1_000
        prices = ",".join(str(ticks * TICK) for ticks in (opened, high, low, close))
        lines.append(f"{stamp},{prices},{volume}")
    return "\n".join(lines) + "\n"


def write_manifest(root: Path, day: str, weights: tuple[str, str]) -> None:
    """Write the manifest of a day (QUIET by decree: there is no market behind it) and the run that accounts for it."""
    generated = datetime.fromisoformat(f"{day}T21:01:00+00:00")
    run_id = f"{day.replace('-', '')}-bars-decree"
    rows = [
        {
            "Symbol": pair.symbol,
            "Weight": float(weight),
            "Net_Weight": float(weight),
            "Direction": "LONG",
            "Cluster_ID": "DECREE",
            "Description": pair.description,
        }
        for pair, weight in zip(PAIRS, weights, strict=True)
    ]
    returns_hash = dialect.json_hash(["decree", day])
    clock = [dialect.naive_utc(generated - timedelta(seconds=30 - 10 * step)) for step in range(3)]
    records = [
        dialect.genesis(run_id=run_id, profile="sample", made_with=f"seed {SEED}", ts=clock[0]),
        dialect.intent(step="optimize_decree", params={}, input_hashes={"returns": returns_hash}, ts=clock[1]),
        dialect.success(
            step="optimize_decree",
            output_hashes={"weights": dialect.weights_hash(rows)},
            metrics={"n_assets": len(rows)},
            ts=clock[2],
        ),
    ]
    labels = {"selection": "fixed_universe", "rebalance": "weekly", "simulator": "none", "is_commodity": False}
    candidates = [{**labels, "engine": "custom", "profile": "decree", "is_candidate": True}]
    dialect.write_run(root / "runs" / run_id, records=records, candidates=candidates)
    winner = dialect.winner(
        rows,
        rank=1,
        engine="custom",
        profile="decree",
        regime="QUIET",
        regime_score=0.5,
        generated_at=dialect.naive_utc(generated),
        run_id=run_id,
        returns_hash=returns_hash,
        cluster_cap=1.0,
    )
    dialect.write_manifest(root / "manifests" / f"{day}.json", [winner])


def write_limits(path: Path) -> None:
    """Write hand-made market limits of Binance's order of magnitude."""
    limits = [
        {
            "symbol": pair.symbol,
            "venue": "BINANCE",
            "step_size": f"{pair.step_size:f}",
            "tick_size": f"{TICK:f}",
            "min_quantity": f"{pair.step_size:f}",
            "min_notional": "5",
            "max_quantity": "9000",
            "multiplier": "1",
        }
        for pair in PAIRS
    ]
    document = {
        "version": 1,
        "as_of_ns": str(int(START.timestamp()) * 1_000_000_000),
        "source": "written by hand for the sample, not a venue's answer",
        "limits": limits,
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def import_bars(root: Path) -> None:
    """Make the catalog as anybody would."""
    shutil.rmtree(root / "catalog", ignore_errors=True)
    project = Path(__file__).resolve().parents[2]
    shown = root.relative_to(project) if root.is_relative_to(project) else root  # the import manifest names its source
    for pair in PAIRS:
        words = ["--symbol", pair.symbol, "--kind", "bars", "--bar", "1h", "--stamp", "open", "--columns", "time=open_time"]
        words += ["--limits", str(shown / "limits.json"), "--catalog", str(shown / "catalog"), "--synthetic", LABEL]
        command = [sys.executable, "-m", "commands.main", "data", "import", str(shown / pair.file), *words]
        subprocess.run(command, check=True, cwd=project)
    (root / "catalog" / "imports" / ".lock").unlink(missing_ok=True)


def main() -> None:
    """Write the whole sample below `--out` (default: beside this script)."""
    parser = argparse.ArgumentParser(description="Make data/samples/bars: seeded synthetic bars, labelled so.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "bars")
    root = parser.parse_args().out.resolve()
    root.mkdir(parents=True, exist_ok=True)
    for pair in PAIRS:
        dialect.write_gzip(root / pair.file, bars(pair))
    for day, weights in DECREES.items():
        write_manifest(root, day, weights)
    write_limits(root / "limits.json")
    import_bars(root)
    dialect.write_sums(root)


if __name__ == "__main__":
    main()
