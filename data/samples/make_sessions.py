"""Make the session sample: ten minutes of SYNTHETIC quotes around the open of New York, of a share and a coin, one manifest.

    python data/samples/make_sessions.py [--out DIRECTORY]

No venue was asked: prices are a random walk on a grid of ticks. The share is quoted before its market opens too, as
shares are; a coin's market never closes. Standard library only, integer arithmetic, so that every machine makes the same bytes.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import platform_dialect as dialect

SEED: Final = 20250108
OPEN: Final = datetime(2025, 1, 6, 14, 30, tzinfo=UTC)  # of XNYS, a Monday
START: Final = OPEN - timedelta(minutes=5)
MINUTES: Final = 10
STEP_MS: Final = 250
JITTER_MS: Final = 60
TICK: Final = Decimal("0.01")
WEIGHT: Final = "0.2"
GENERATED: Final = START - timedelta(seconds=30)
RUN_ID: Final = "20250106-sessions"
PROFILE: Final = "sessions"


@dataclass(frozen=True, slots=True)
class Name:
    """One synthetic name. Prices and moves count ticks of 0.01, sizes units."""

    symbol: str
    start_ticks: int
    move_ticks: int
    size: str
    offset_ms: int


NAMES: Final = (
    Name("BINANCE:BTCUSDT", 9_950_000, 400, "4", STEP_MS // 2),
    Name("NASDAQ:AAPL", 24_400, 2, "2000", 0),
)


def quotes() -> str:
    """Return the CSV of both names, oldest first."""
    draw, begin_ms, rows = random.Random(SEED), int(START.timestamp() * 1000), []
    for name in NAMES:
        bid = name.start_ticks
        for place in range(MINUTES * 60_000 // STEP_MS):
            bid += draw.randint(-name.move_ticks, name.move_ticks)
            stamp_ms = place * STEP_MS + name.offset_ms + draw.randint(0, JITTER_MS)
            ask = bid + draw.randint(1, 3)
            stamp = (begin_ms + stamp_ms) * 1_000_000
            rows.append((stamp, f"{name.symbol},{bid * TICK},{ask * TICK},{name.size},{name.size},{stamp}\n"))
    return "symbol,bid,ask,bid_size,ask_size,ts_ns\n" + "".join(text for _, text in sorted(rows))


def write_run_and_manifest(root: Path) -> None:
    """Write `manifest.json`, QUIET and with weights by decree, and the run that accounts for it."""
    rows = [
        {
            "Symbol": name.symbol,
            "Weight": float(WEIGHT),
            "Net_Weight": float(WEIGHT),
            "Direction": "LONG",
            "Cluster_ID": "ASSET_EW",
            "Description": name.symbol,
        }
        for name in NAMES
    ]
    history = [[float(place + column) / 1_000_000 for column in range(len(NAMES))] for place in range(3)]
    returns_hash = dialect.df_hash([f"2025-01-0{day}" for day in (2, 3, 4)], [name.symbol for name in NAMES], history)
    clock = [dialect.naive_utc(GENERATED - timedelta(seconds=60 - 10 * step)) for step in range(3)]
    records = [
        dialect.genesis(run_id=RUN_ID, profile="sample", made_with=f"seed {SEED}", ts=clock[0]),
        dialect.intent(step="optimize_by_decree", params={}, input_hashes={"returns": returns_hash}, ts=clock[1]),
        dialect.success(
            step="optimize_by_decree",
            output_hashes={"weights": dialect.weights_hash(rows)},
            metrics={"n_assets": len(rows)},
            ts=clock[2],
        ),
    ]
    labels = {"selection": "fixed_universe", "rebalance": "once", "simulator": "none", "is_commodity": False}
    candidates = [{**labels, "engine": "custom", "profile": PROFILE, "is_candidate": True}]
    dialect.write_run(root / "runs" / RUN_ID, records=records, candidates=candidates)
    winner = dialect.winner(
        rows,
        rank=1,
        engine="custom",
        profile=PROFILE,
        regime="QUIET",
        regime_score=0.5,
        generated_at=dialect.naive_utc(GENERATED),
        run_id=RUN_ID,
        returns_hash=returns_hash,
        cluster_cap=1.0,
    )
    dialect.write_manifest(root / "manifest.json", [winner])


def main() -> None:
    """Write the whole sample below `--out` (default: beside this script)."""
    parser = argparse.ArgumentParser(description="Make data/samples/sessions: seeded synthetic quotes, labelled so.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sessions")
    root = parser.parse_args().out
    root.mkdir(parents=True, exist_ok=True)
    dialect.write_gzip(root / "quotes.csv.gz", quotes())
    write_run_and_manifest(root)
    dialect.write_sums(root)


if __name__ == "__main__":
    main()
