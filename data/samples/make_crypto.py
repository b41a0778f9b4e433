"""Make the crypto sample: ten minutes of SYNTHETIC quotes of two pairs, seeded, and one v3 manifest with its run.

    python data/samples/make_crypto.py [--out DIRECTORY]

No venue was asked: prices are a random walk on a grid of ticks, and only their order of magnitude resembles anything.
Standard library only, integer arithmetic, so that every machine makes the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import platform_dialect as dialect

SEED: Final = 20250106
START: Final = datetime(2025, 1, 6, 14, 0, tzinfo=UTC)
MINUTES: Final = 10
HISTORY_MINUTES: Final = 60  # before START: what the manifest's returns are made of; not shipped
STEP_MS: Final = 250  # a quote of each pair, on average; ETHUSDT half a step later
JITTER_MS: Final = 60
CAP: Final = Decimal("0.2")  # of equity a pair; the rest stays cash, as upstream's capped equal weight leaves it
TICK: Final = Decimal("0.01")
RUN_ID: Final = "20250106-crypto-ew"
GENERATED: Final = START - timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Pair:
    """One synthetic pair. Prices and moves count ticks of 0.01 USDT, sizes count steps; `move_ticks` is the largest move."""

    symbol: str
    description: str
    start_ticks: int
    move_ticks: int
    spread_ticks: int
    step_size: Decimal
    size_steps: int
    offset_ms: int


PAIRS: Final = (
    Pair("BINANCE:BTCUSDT", "Bitcoin / TetherUS", 9_950_000, 400, 2, Decimal("0.00001"), 400_000, 0),
    Pair("BINANCE:ETHUSDT", "Ethereum / TetherUS", 365_000, 18, 1, Decimal("0.0001"), 600_000, STEP_MS // 2),
)


def walk(pair: Pair, draw: random.Random, *, begin: datetime, minutes: int, from_ticks: int) -> list[tuple[int, int]]:
    """Return (ts_ns, bid in ticks) from `begin` on: uniform steps of at most `move_ticks`, about one in `STEP_MS`."""
    begin_ms, bid, path = int(begin.timestamp() * 1000), from_ticks, []
    for number in range(minutes * 60_000 // STEP_MS):
        bid = max(1, bid + draw.randint(-pair.move_ticks, pair.move_ticks))
        stamp_ms = begin_ms + number * STEP_MS + pair.offset_ms + draw.randint(0, JITTER_MS)
        path.append((stamp_ms * 1_000_000, bid))
    return path


def quotes(paths: dict[str, list[tuple[int, int]]], draw: random.Random) -> str:
    """Return the CSV of all pairs, oldest first; spreads of one to three times `spread_ticks`, sizes drawn evenly."""
    rows = []
    for pair in PAIRS:
        for stamp, bid in paths[pair.symbol]:
            ask = bid + pair.spread_ticks * draw.randint(1, 3)
            bid_size, ask_size = (draw.randint(pair.size_steps // 10, pair.size_steps) * pair.step_size for _ in range(2))
            rows.append((stamp, pair.symbol, f"{pair.symbol},{bid * TICK},{ask * TICK},{bid_size},{ask_size},{stamp}\n"))
    return "symbol,bid,ask,bid_size,ask_size,ts_ns\n" + "".join(text for _, _, text in sorted(rows))


def minute_returns(paths: dict[str, list[tuple[int, int]]]) -> tuple[list[str], list[list[float]]]:
    """Return labels and rows of one-minute returns of the bid, the last quote of each minute."""
    per_minute = 60_000 // STEP_MS
    closes = [[path[end - 1] for end in range(per_minute, len(path) + 1, per_minute)] for path in paths.values()]
    labels = [f"{datetime.fromtimestamp(stamp // 60_000_000_000 * 60, UTC):%Y-%m-%dT%H:%M:%S}" for stamp, _ in closes[0][1:]]
    rows = [[column[place][1] / column[place - 1][1] - 1 for column in closes] for place in range(1, len(closes[0]))]
    return labels, rows


def asset_rows() -> list[dict[str, Any]]:
    """Return the few columns an equal-weight row has upstream."""
    return [
        {
            "Symbol": pair.symbol,
            "Weight": float(CAP),
            "Net_Weight": float(CAP),
            "Direction": "LONG",
            "Cluster_ID": "ASSET_EW",
            "Description": pair.description,
        }
        for pair in PAIRS
    ]


def write_run_and_manifest(root: Path, returns_hash: str) -> None:
    """Write `manifest.json` (QUIET by fiat: there is no market behind it) and the run that accounts for it."""
    rows = asset_rows()
    clock = [dialect.naive_utc(GENERATED - timedelta(seconds=60 - 10 * step)) for step in range(5)]
    params = {"engine": "custom", "cap": float(CAP)}
    records = [
        dialect.genesis(run_id=RUN_ID, profile="sample", made_with=f"seed {SEED}", ts=clock[0]),
        dialect.intent(step="data_prep", params={"minutes": HISTORY_MINUTES}, input_hashes={}, ts=clock[1]),
        dialect.success(step="data_prep", output_hashes={"returns": returns_hash}, metrics={"n_assets": len(PAIRS)}, ts=clock[2]),
        dialect.intent(step="optimize_equal_weight", params=params, input_hashes={"returns": returns_hash}, ts=clock[3]),
        dialect.success(
            step="optimize_equal_weight",
            output_hashes={"weights": dialect.weights_hash(rows)},
            metrics={"n_assets": len(rows)},
            ts=clock[4],
        ),
    ]
    labels = {"selection": "fixed_universe", "rebalance": "once", "simulator": "none", "is_commodity": False}
    candidates = [{**labels, "engine": "custom", "profile": "equal_weight", "is_candidate": True}]
    dialect.write_run(root / "runs" / RUN_ID, records=records, candidates=candidates)
    winner = dialect.winner(
        rows,
        rank=1,
        engine="custom",
        profile="equal_weight",
        regime="QUIET",
        regime_score=0.5,
        generated_at=dialect.naive_utc(GENERATED),
        run_id=RUN_ID,
        returns_hash=returns_hash,
        cluster_cap=float(CAP),
    )
    dialect.write_manifest(root / "manifest.json", [winner])


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


def main() -> None:
    """Write the whole sample below `--out` (default: beside this script)."""
    parser = argparse.ArgumentParser(description="Make data/samples/crypto: seeded synthetic quotes, labelled so.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "crypto")
    root = parser.parse_args().out
    root.mkdir(parents=True, exist_ok=True)
    draw = random.Random(SEED)
    begin = START - timedelta(minutes=HISTORY_MINUTES)
    history = {pair.symbol: walk(pair, draw, begin=begin, minutes=HISTORY_MINUTES, from_ticks=pair.start_ticks) for pair in PAIRS}
    today = {
        pair.symbol: walk(pair, draw, begin=START, minutes=MINUTES, from_ticks=history[pair.symbol][-1][1]) for pair in PAIRS
    }
    dialect.write_gzip(root / "quotes.csv.gz", quotes(today, draw))
    labels, rows = minute_returns(history)
    write_run_and_manifest(root, dialect.df_hash(labels, list(history), rows))
    write_limits(root / "limits.json")
    dialect.write_sums(root)


if __name__ == "__main__":
    main()
