"""Make the two-venue sample: dollars at US and USDT at BINANCE under one manifest. Its crypto prices are SYNTHETIC.

    python data/samples/make_two_venues.py [--out DIRECTORY]

Standard library only. Closes of six shares are those of `sp500/closes.csv.gz` (real, adjusted); BTCUSDT and ETHUSDT are a seeded
random walk on the same days, stamped at the same US close: no venue was asked, and no such prices were ever quoted.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import platform_dialect as dialect

SEED: Final = 20220331
SHARES: Final = ("NASDAQ:AAPL", "NASDAQ:MSFT", "NYSE:JNJ", "NYSE:KO", "NYSE:XOM", "NYSE:GE")
COINS: Final = {"BINANCE:BTCUSDT": ("45000", 0.03), "BINANCE:ETHUSDT": ("3200", 0.04)}  # first close, daily deviation
FIRST, LAST = date(2022, 1, 3), date(2022, 6, 30)
MANIFEST_DAYS: Final = (date(2022, 3, 31), date(2022, 4, 29), date(2022, 5, 31))
CLOSES: Final = Path(__file__).parent / "sp500" / "closes.csv.gz"
NEW_YORK: Final = ZoneInfo("America/New_York")
PROFILE: Final = "two_venues"
# Fractions of the equity of both venues by turns. 30 % in coins is more than BINANCE's cash in the config: CAPPED_CASH.
WEIGHTS: Final = (
    ("0.15", "0.15", "0.12", "0.12", "0.1", "-0.05", "0.2", "0.1"),
    ("0.1", "0.1", "0.15", "0.15", "0.12", "-0.08", "0.12", "0.06"),
    ("0.14", "0.12", "0.12", "0.14", "0.08", "0.05", "0.22", "0.08"),
)


def walk(days: int, draw: random.Random) -> list[list[str]]:
    """Return a row of coin closes a day, to the cent; steps are drawn evenly, which needs no library's logarithm."""
    closes = {symbol: Decimal(first) for symbol, (first, _) in COINS.items()}
    rows = []
    for _ in range(days):
        rows.append([f"{close:.2f}" for close in closes.values()])
        for symbol, (_, deviation) in COINS.items():
            step = Decimal(draw.randint(-10_000, 10_000)) / 10_000 * Decimal(repr(deviation)) * Decimal("1.7")
            closes[symbol] = (closes[symbol] * (1 + step)).quantize(Decimal("0.01"))
    return rows


def table() -> tuple[list[str], list[list[str]]]:
    """Return days and rows of closes, shares first."""
    with gzip.open(CLOSES, "rt", encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    places = [header.index(symbol) for symbol in SHARES]
    kept = [row for row in rows if FIRST.isoformat() <= row[0] <= LAST.isoformat()]
    coins = walk(len(kept), random.Random(SEED))
    return [row[0] for row in kept], [[row[place] for place in places] + coin for row, coin in zip(kept, coins, strict=True)]


def asset_rows(weights: Sequence[str]) -> list[dict[str, Any]]:
    """Return the platform's rows; `Weight` is unsigned."""
    return [
        {
            "Symbol": symbol,
            "Weight": abs(float(weight)),
            "Net_Weight": float(weight),
            "Direction": "LONG" if float(weight) > 0 else "SHORT",
            "Cluster_ID": symbol.partition(":")[0],
            "Description": "coin at a synthetic price" if symbol in COINS else "share",
        }
        for symbol, weight in zip((*SHARES, *COINS), weights, strict=True)
    ]


def make_day(root: Path, day: date, weights: Sequence[str], days: list[str], closes: list[list[str]]) -> None:
    """Write the manifest of `day` (regime NORMAL by fiat) and its run."""
    known = [[float(text) for text in row] for row in closes[: days.index(day.isoformat()) + 1]]
    returns = [[after / before - 1 for before, after in zip(*pair, strict=True)] for pair in itertools.pairwise(known)]
    labels = [f"{label}T00:00:00" for label in days[1 : len(known)]]
    returns_hash = dialect.df_hash(labels, [*SHARES, *COINS], returns)
    run_id = f"{day:%Y%m%d}-two-venues"
    closed = datetime(day.year, day.month, day.day, 16, tzinfo=NEW_YORK).astimezone(UTC)
    clock = [dialect.naive_utc(closed + timedelta(seconds=60 + 10 * step)) for step in range(5)]
    rows = asset_rows(weights)
    step = f"optimize_{PROFILE}"
    records = [
        dialect.genesis(run_id=run_id, profile="sample", made_with=f"seed {SEED}", ts=clock[0]),
        dialect.intent(step="data_prep", params={"sessions": len(returns)}, input_hashes={}, ts=clock[1]),
        dialect.success(step="data_prep", output_hashes={"returns": returns_hash}, metrics={"n_assets": len(rows)}, ts=clock[2]),
        dialect.intent(step=step, params={"engine": "custom"}, input_hashes={"returns": returns_hash}, ts=clock[3]),
        dialect.success(
            step=step, output_hashes={"weights": dialect.weights_hash(rows)}, metrics={"n_assets": len(rows)}, ts=clock[4]
        ),
    ]
    labels_of_run = {"selection": "fixed_universe", "rebalance": "monthly", "simulator": "none", "is_commodity": False}
    dialect.write_run(
        root / "runs" / run_id,
        records=records,
        candidates=[{**labels_of_run, "engine": "custom", "profile": PROFILE, "is_candidate": True}],
    )
    winner = dialect.winner(
        rows,
        rank=1,
        engine="custom",
        profile=PROFILE,
        regime="NORMAL",
        regime_score=1.0,
        generated_at=dialect.naive_utc(closed + timedelta(minutes=4, seconds=50)),
        run_id=run_id,
        returns_hash=returns_hash,
        cluster_cap=1.0,
    )
    dialect.write_manifest(root / "manifests" / f"{day.isoformat()}.json", [winner])


def main() -> None:
    """Write the whole sample below `--out` (default: beside this script)."""
    parser = argparse.ArgumentParser(description="Make data/samples/two_venues: real shares, synthetic coins, one manifest.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "two_venues")
    root = parser.parse_args().out
    root.mkdir(parents=True, exist_ok=True)
    days, closes = table()
    lines = [",".join([day, *row]) for day, row in zip(days, closes, strict=True)]
    dialect.write_gzip(root / "closes.csv.gz", "\n".join([",".join(["date", *SHARES, *COINS]), *lines]) + "\n")
    for day, weights in zip(MANIFEST_DAYS, WEIGHTS, strict=True):
        make_day(root, day, weights, days, closes)
    dialect.write_sums(root)


if __name__ == "__main__":
    main()
