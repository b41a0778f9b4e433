"""Make the promotion sample: nine coins, sixteen days of SYNTHETIC hourly quotes, a v3 manifest and its run a day, limits, a map.

    python data/samples/make_promotion.py [--out DIRECTORY]

No venue was asked: prices are a seeded walk from round figures, those the rehearsal exchange begins at. Weights are by decree and
change every day, so that every manifest trades every coin. Standard library only, integer arithmetic, so that every machine makes
the same bytes.
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

SEED: Final = 20250120
START: Final = datetime(2025, 1, 6, tzinfo=UTC)
DAYS: Final = 16
HOURS: Final = 24
AROUND_S: Final = (
    295,
    305,
    310,
)  # seconds after the close: just before and after the manifest appears, so that it can be planned
CLOSE: Final = timedelta(hours=21)  # 16:00 in New York, in winter; a dated manifest appears five minutes later
MOVE_FRACTION: Final = 500  # a quote is at most a five-hundredth off the one before
SIZE_USDT: Final = 20_000  # shown at every price, in quote currency
WEIGHTS: Final = ("0.12", "0.07", "0.1")  # of a coin on the days 0, 1, 2 after its own, then again


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin against USDT, as the rehearsal exchange lists it."""

    name: str
    description: str
    price: Decimal
    tick: Decimal
    step: Decimal
    largest: str
    least_notional: str = "5"

    @property
    def symbol(self) -> str:
        """The platform's symbol."""
        return f"BINANCE:{self.name}USDT"


def _coin(name: str, words: str, price: str, tick: str, step: str, largest: str, least_notional: str = "5") -> Coin:
    return Coin(name, words, Decimal(price), Decimal(tick), Decimal(step), largest, least_notional)


COINS: Final = (
    _coin("BTC", "Bitcoin", "97000", "0.01", "0.00001", "120"),
    _coin("ETH", "Ethereum", "3400", "0.01", "0.0001", "2400"),
    _coin("BNB", "BNB", "640", "0.01", "0.001", "4000"),
    _coin("SOL", "Solana", "180", "0.01", "0.001", "15000"),
    _coin("XRP", "XRP", "2.2", "0.0001", "0.1", "2500000"),
    _coin("ADA", "Cardano", "0.9", "0.0001", "0.1", "900000"),
    _coin("DOGE", "Dogecoin", "0.32", "0.00001", "1", "8000000", "1"),
    _coin("LTC", "Litecoin", "110", "0.01", "0.001", "9000"),
    _coin("LINK", "Chainlink", "22", "0.01", "0.01", "40000"),
)


def instants() -> list[datetime]:
    """Return when there are quotes: every hour, and around each manifest."""
    hours = [START + timedelta(hours=hour) for hour in range(DAYS * HOURS)]
    around = [START + timedelta(days=day, seconds=second) + CLOSE for day in range(DAYS) for second in AROUND_S]
    return sorted(hours + around)


def walk(draw: random.Random) -> dict[str, list[int]]:
    """Return bids in ticks by coin, one an instant."""
    paths: dict[str, list[int]] = {}
    for coin in COINS:
        bid, path = int(coin.price / coin.tick), []
        most = max(2, bid // MOVE_FRACTION)
        for _ in instants():
            bid = max(100, bid + draw.randint(-most, most))
            path.append(bid)
        paths[coin.name] = path
    return paths


def quotes(paths: dict[str, list[int]]) -> str:
    """Return the CSV of all coins, all at the same instants, a tick wide."""
    rows = ["symbol,bid,ask,bid_size,ask_size,ts_ns\n"]
    for place, instant in enumerate(instants()):
        ts_ns = int(instant.timestamp()) * 1_000_000_000
        for coin in COINS:
            bid = paths[coin.name][place]
            size = int(SIZE_USDT / (bid * coin.tick) / coin.step) * coin.step
            rows.append(f"{coin.symbol},{bid * coin.tick},{(bid + 1) * coin.tick},{size},{size},{ts_ns}\n")
    return "".join(rows)


def weight(place: int, day: int) -> str:
    """Return the weight of a coin on a day: each coin has each in turn."""
    return WEIGHTS[(place + day) % len(WEIGHTS)]


def asset_rows(day: int) -> list[dict[str, Any]]:
    """Return the few columns a row of fixed weights has upstream."""
    return [
        {
            "Symbol": coin.symbol,
            "Weight": float(weight(place, day)),
            "Net_Weight": float(weight(place, day)),
            "Direction": "LONG",
            "Cluster_ID": "COINS",
            "Description": coin.description,
        }
        for place, coin in enumerate(COINS)
    ]


def write_day(root: Path, day: int, paths: dict[str, list[int]]) -> None:
    """Write the manifest of a day and the run that accounts for it: returns are of the quotes until then."""
    generated = START + timedelta(days=day) + CLOSE + timedelta(minutes=4)
    run_id = f"{generated:%Y%m%d}-promotion-fixed"
    known = [place for place, instant in enumerate(instants()) if instant <= START + timedelta(days=day) + CLOSE]
    labels = [f"{instants()[place]:%Y-%m-%dT%H:%M:%S}" for place in known[1:]]
    returns = [[paths[coin.name][place] / paths[coin.name][place - 1] - 1 for coin in COINS] for place in known[1:]]
    returns_hash = dialect.df_hash(labels, [coin.symbol for coin in COINS], returns)
    rows = asset_rows(day)
    clock = [dialect.naive_utc(generated - timedelta(seconds=60 - 10 * step)) for step in range(5)]
    records = [
        dialect.genesis(run_id=run_id, profile="sample", made_with=f"seed {SEED}", ts=clock[0]),
        dialect.intent(step="data_prep", params={"quotes": len(known)}, input_hashes={}, ts=clock[1]),
        dialect.success(step="data_prep", output_hashes={"returns": returns_hash}, metrics={"n_assets": len(COINS)}, ts=clock[2]),
        dialect.intent(step="optimize_fixed", params={"engine": "custom"}, input_hashes={"returns": returns_hash}, ts=clock[3]),
        dialect.success(
            step="optimize_fixed",
            output_hashes={"weights": dialect.weights_hash(rows)},
            metrics={"n_assets": len(rows)},
            ts=clock[4],
        ),
    ]
    chosen = {"selection": "fixed_universe", "rebalance": "daily", "simulator": "none", "is_commodity": False}
    candidates = [{**chosen, "engine": "custom", "profile": "fixed", "is_candidate": True}]
    dialect.write_run(root / "runs" / run_id, records=records, candidates=candidates)
    winner = dialect.winner(
        rows,
        rank=1,
        engine="custom",
        profile="fixed",
        regime="QUIET",
        regime_score=0.5,
        generated_at=dialect.naive_utc(generated),
        run_id=run_id,
        returns_hash=returns_hash,
        cluster_cap=1.0,
    )
    dialect.write_manifest(root / "manifests" / f"{generated:%Y-%m-%d}.json", [winner])


def write_limits(path: Path) -> None:
    """Write the rehearsal exchange's filters as market limits."""
    limits = [
        {
            "symbol": coin.symbol,
            "venue": "BINANCE",
            "step_size": f"{coin.step:f}",
            "tick_size": f"{coin.tick:f}",
            "min_quantity": f"{coin.step:f}",
            "min_notional": coin.least_notional,
            "max_quantity": coin.largest,
            "multiplier": "1",
        }
        for coin in COINS
    ]
    document = {
        "version": 1,
        "as_of_ns": str(int(START.timestamp()) * 1_000_000_000),
        "source": "written by hand: the rehearsal exchange's filters, not a venue's answer",
        "limits": limits,
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def write_symbols(path: Path) -> None:
    """Write the symbol map of the coins."""
    tables = []
    for coin in COINS:
        fields = {
            "symbol": coin.symbol,
            "venue": "BINANCE",
            "instrument_id": f"{coin.name}USDT.BINANCE",
            "quote_currency": "USDT",
            "base_currency": coin.name,
            "ccxt_symbol": f"{coin.name}/USDT",
            "asset_class": "spot",
        }
        tables.append("\n".join(["[[listing]]", *(f'{key} = "{value}"' for key, value in fields.items())]) + "\n")
    path.write_text("# The coins of data/samples/promotion, at the rehearsal exchange.\n\n" + "\n".join(tables))


def main() -> None:
    """Write the whole sample below `--out` (default: beside this script)."""
    parser = argparse.ArgumentParser(description="Make data/samples/promotion: seeded synthetic quotes, labelled so.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "promotion")
    root = parser.parse_args().out
    root.mkdir(parents=True, exist_ok=True)
    paths = walk(random.Random(SEED))
    dialect.write_gzip(root / "quotes.csv.gz", quotes(paths))
    for day in range(DAYS):
        write_day(root, day, paths)
    write_limits(root / "limits.json")
    write_symbols(root / "symbols.toml")
    dialect.write_sums(root)


if __name__ == "__main__":
    main()
