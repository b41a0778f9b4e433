"""Make the S&P 500 sample: real daily closes of 20 names, and monthly v3 manifests computed from them by skfolio.

    uv run --group samples python data/samples/make_sp500.py [--out DIRECTORY]

A second series, `longshort/`, is 130/30: minimum variance with shorts, for the months of 2022.

Closes: `skfolio.datasets.load_sp500_dataset` (BSD-3), adjusted for splits and dividends, three decimals at most, written as
they are. Each manifest uses the returns of the 504 sessions up to and including its own day and nothing later.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import platform_dialect as dialect
from skfolio.datasets import load_sp500_dataset
from skfolio.distance import PearsonDistance
from skfolio.optimization import HierarchicalRiskParity, MeanRisk

WINDOW_SESSIONS: Final = 504  # two years
VOLATILITY_SESSIONS: Final = 21  # one month
SESSIONS_A_YEAR: Final = 252
REFERENCE_VOLATILITY: Final = 0.20  # annual; the regime score is realised volatility over this
SCORE_MAX: Final = 2.5  # as upstream caps it
REGIMES: Final = ((1.8, "CRISIS"), (1.25, "TURBULENT"), (0.7, "NORMAL"), (0.0, "QUIET"))  # 1.8 and 0.7 are upstream's
MAX_WEIGHT: Final = Decimal("0.2")
SHORT_MIN: Final = -0.1  # of one name, in the long-short series
SHORTS_MAX: Final = 0.3  # of all of them: 130 % long, 30 % short at most
WEIGHT_MIN: Final = 0.001  # a smaller long-short weight is dropped
SOLVER_DECIMALS: Final = 4  # of a long-short weight: with bounds of both signs the solver leaves 1e-6 of slack at them
LONG_SHORT_YEAR: Final = 2022
WEIGHT_DECIMALS: Final = 6  # coarser than any solver tolerance, so that machines agree
FIRST_CLOSE: Final = "2017-01-03"  # the window of the first manifest begins after it
LAST_CLOSE: Final = "2022-12-28"  # the data end here
CONTRADICTORY_DAY: Final = date(2022, 5, 13)
MADE_WITH: Final = "skfolio==1.12.2"
NEW_YORK: Final = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class Name:
    """One listing: the platform's symbol (exchange as of 2019-2022), the company, its GICS sector (hand-written)."""

    symbol: str
    description: str
    sector: str


NAMES: Final = {
    "AAPL": Name("NASDAQ:AAPL", "Apple Inc.", "Information Technology"),
    "AMD": Name("NASDAQ:AMD", "Advanced Micro Devices, Inc.", "Information Technology"),
    "BAC": Name("NYSE:BAC", "Bank of America Corporation", "Financials"),
    "BBY": Name("NYSE:BBY", "Best Buy Co., Inc.", "Consumer Discretionary"),
    "CVX": Name("NYSE:CVX", "Chevron Corporation", "Energy"),
    "GE": Name("NYSE:GE", "General Electric Company", "Industrials"),
    "HD": Name("NYSE:HD", "The Home Depot, Inc.", "Consumer Discretionary"),
    "JNJ": Name("NYSE:JNJ", "Johnson & Johnson", "Health Care"),
    "JPM": Name("NYSE:JPM", "JPMorgan Chase & Co.", "Financials"),
    "KO": Name("NYSE:KO", "The Coca-Cola Company", "Consumer Staples"),
    "LLY": Name("NYSE:LLY", "Eli Lilly and Company", "Health Care"),
    "MRK": Name("NYSE:MRK", "Merck & Co., Inc.", "Health Care"),
    "MSFT": Name("NASDAQ:MSFT", "Microsoft Corporation", "Information Technology"),
    "PEP": Name("NASDAQ:PEP", "PepsiCo, Inc.", "Consumer Staples"),
    "PFE": Name("NYSE:PFE", "Pfizer Inc.", "Health Care"),
    "PG": Name("NYSE:PG", "The Procter & Gamble Company", "Consumer Staples"),
    "RRC": Name("NYSE:RRC", "Range Resources Corporation", "Energy"),
    "UNH": Name("NYSE:UNH", "UnitedHealth Group Incorporated", "Health Care"),
    "WMT": Name("NYSE:WMT", "Walmart Inc.", "Consumer Staples"),
    "XOM": Name("NYSE:XOM", "Exxon Mobil Corporation", "Energy"),
}


def closes() -> pd.DataFrame:
    """Return the closes from `FIRST_CLOSE` to `LAST_CLOSE`, one column a ticker."""
    frame = load_sp500_dataset().loc[FIRST_CLOSE:LAST_CLOSE]
    assert list(frame.columns) == list(NAMES)
    assert not frame.isna().any().any()
    return frame


def write_closes(path: Path, prices: pd.DataFrame) -> None:
    """Write `date` and one column a platform symbol; prices as the shortest text of what the source has."""
    lines = ["date," + ",".join(NAMES[ticker].symbol for ticker in prices.columns)]
    for day, row in zip(prices.index, prices.to_numpy(), strict=True):
        texts = [repr(float(value)) for value in row]
        assert all(Decimal(text) == round(Decimal(text), 3) for text in texts), day
        lines.append(f"{day:%Y-%m-%d}," + ",".join(texts))
    dialect.write_gzip(path, "\n".join(lines) + "\n")


def manifest_days(sessions: pd.DatetimeIndex) -> list[date]:
    """Return the last session of each month 2019-2022 (December 2022: the last there is), and the contradictory day."""
    last: dict[tuple[int, int], date] = {}
    for stamp in sessions:
        if stamp.year >= 2019:
            last[(stamp.year, stamp.month)] = stamp.date()
    assert CONTRADICTORY_DAY in set(sessions.date)
    return sorted([*last.values(), CONTRADICTORY_DAY])


def regime(returns: np.ndarray) -> tuple[str, float]:
    """Return name and score: annualised volatility of the equally weighted names over 21 sessions, over 20 %."""
    recent = returns[-VOLATILITY_SESSIONS:].mean(axis=1)
    score = round(min(float(recent.std(ddof=1)) * math.sqrt(SESSIONS_A_YEAR) / REFERENCE_VOLATILITY, SCORE_MAX), 4)
    return next(name for floor, name in REGIMES if score >= floor), score


def optimise(returns: pd.DataFrame) -> tuple[list[float], list[float], list[int]]:
    """Return the weights of hierarchical risk parity and of minimum variance, and the cluster number of each name."""
    hrp = HierarchicalRiskParity(distance_estimator=PearsonDistance(), max_weights=float(MAX_WEIGHT)).fit(returns)
    low = MeanRisk(max_weights=float(MAX_WEIGHT)).fit(returns)
    labels = hrp.seriation_estimator_.hierarchical_clustering_estimator_.labels_
    return rounded(hrp.weights_), rounded(low.weights_), [int(label) + 1 for label in labels]


def long_short(returns: pd.DataFrame) -> tuple[list[float], list[int]]:
    """Return the weights of minimum variance with shorts, net one, and the cluster number of each name."""
    fitted = MeanRisk(min_weights=SHORT_MIN, max_weights=float(MAX_WEIGHT), max_short=SHORTS_MAX, budget=1.0).fit(returns)
    weights = [round(float(weight), SOLVER_DECIMALS) for weight in fitted.weights_]
    weights = [weight if abs(weight) >= WEIGHT_MIN else 0.0 for weight in weights]
    return rounded(weights), optimise(returns)[2]


def rounded(weights: Sequence[float]) -> list[float]:
    """Return `weights` rounded to `WEIGHT_DECIMALS`; the largest with room below the cap takes the rest: the sum is one."""
    parts = [round(Decimal(repr(float(weight))), WEIGHT_DECIMALS) for weight in weights]
    rest = 1 - sum(parts)
    top = max((place for place, part in enumerate(parts) if part + rest <= MAX_WEIGHT), key=parts.__getitem__)
    parts[top] += rest
    return [float(part) for part in parts]


def asset_rows(tickers: Sequence[str], weights: Sequence[float], clusters: Sequence[int]) -> list[dict[str, Any]]:
    """Return the platform's asset rows, largest weight first, shorts last; names without weight have none.

    `Weight` is unsigned, `Net_Weight` signed; the weights of clusters are gross.
    """
    totals: dict[int, float] = {}
    for weight, cluster in zip(weights, clusters, strict=True):
        totals[cluster] = round(totals.get(cluster, 0.0) + abs(weight), WEIGHT_DECIMALS)
    rows = []
    for ticker, weight, cluster in sorted(zip(tickers, weights, clusters, strict=True), key=lambda item: (-item[1], item[0])):
        if weight:
            name = NAMES[ticker]
            rows.append(
                {
                    "Symbol": name.symbol,
                    "Weight": abs(weight),
                    "Net_Weight": weight,
                    "Direction": "LONG" if weight > 0 else "SHORT",
                    "Cluster_ID": str(cluster),
                    "Cluster_Weight": totals[cluster],
                    "Intra_Cluster_Weight": round(abs(weight) / totals[cluster], WEIGHT_DECIMALS),
                    "Type": "CORE",
                    "Description": name.description,
                    "Sector": name.sector,
                    "Market": "US_STOCKS",
                }
            )
    return rows


def contradict(rows: list[dict[str, Any]]) -> None:
    """Spoil a weights table on purpose: AAPL is sold by its net weight and bought by its direction. Gross stays one."""
    row = next(row for row in rows if row["Symbol"] == "NASDAQ:AAPL")
    rest = round(row["Weight"] - 0.06, WEIGHT_DECIMALS)
    rows[0]["Weight"] = rows[0]["Net_Weight"] = round(rows[0]["Weight"] + rest, WEIGHT_DECIMALS)
    row["Weight"], row["Net_Weight"] = 0.06, -0.06


def candidate(profile: str, returns: np.ndarray, weights: Sequence[float]) -> dict[str, Any]:
    """Return the row of `tournament_candidates.csv`: in-sample figures of the window, what was not computed stays empty."""
    path = returns @ np.array(weights)
    equity = np.cumprod(1 + path)
    worst = np.sort(path)[: max(1, len(path) // 20)]
    annual, deviation = float(path.mean()) * SESSIONS_A_YEAR, float(path.std(ddof=1)) * math.sqrt(SESSIONS_A_YEAR)
    figures = {
        "avg_window_sharpe": annual / deviation,
        "annualized_return": annual,
        "annualized_vol": deviation,
        "max_drawdown": float((equity / np.maximum.accumulate(equity) - 1).min()),
        "cvar_95": float(worst.mean()),
    }
    labels = {"selection": "fixed_universe", "rebalance": "monthly", "engine": "skfolio", "profile": profile}
    return {**labels, "simulator": "window", "is_commodity": False, "is_candidate": True} | {
        name: f"{value:.6f}" for name, value in figures.items()
    }


@dataclass(frozen=True, slots=True)
class Table:
    """One winner: its profile, signed weights in the order of the returns' columns, and the platform's rows."""

    profile: str
    weights: list[float]
    rows: list[dict[str, Any]]


def known_returns(prices: pd.DataFrame, day: date) -> pd.DataFrame:
    """Return the daily returns of the window that ends on `day`."""
    known = prices.loc[: day.isoformat()].tail(WINDOW_SESSIONS + 1)
    values = known.to_numpy()
    returns = pd.DataFrame(values[1:] / values[:-1] - 1, index=known.index[1:], columns=known.columns)
    assert len(returns) == WINDOW_SESSIONS
    assert returns.index[-1].date() == day
    return returns


def make_day(root: Path, day: date, prices: pd.DataFrame) -> None:
    """Write the manifest of `day` and its run directory."""
    returns = known_returns(prices, day)
    hrp, low, clusters = optimise(returns)
    tables = [
        Table(profile, weights, asset_rows(list(returns.columns), weights, clusters))
        for profile, weights in (("hrp", hrp), ("min_variance", low))
    ]
    write_day(root, day, returns, run_id=f"{day:%Y%m%d}-sp500-hrp", tables=tables)


def make_long_short_day(root: Path, day: date, prices: pd.DataFrame) -> None:
    """Write the long-short manifest of `day` and its run directory."""
    returns = known_returns(prices, day)
    weights, clusters = long_short(returns)
    table = Table("min_variance_130_30", weights, asset_rows(list(returns.columns), weights, clusters))
    write_day(root, day, returns, run_id=f"{day:%Y%m%d}-sp500-130-30", tables=[table])


def write_day(root: Path, day: date, returns: pd.DataFrame, *, run_id: str, tables: Sequence[Table]) -> None:
    """Write manifest and run of these winners; rank 1 first."""
    symbols = [NAMES[ticker].symbol for ticker in returns.columns]
    returns_hash = dialect.df_hash(
        [f"{stamp:%Y-%m-%dT%H:%M:%S}" for stamp in returns.index], symbols, [list(map(float, row)) for row in returns.to_numpy()]
    )
    name, score = regime(returns.to_numpy())
    closed = datetime(day.year, day.month, day.day, 16, tzinfo=NEW_YORK).astimezone(UTC)
    clock = [dialect.naive_utc(closed + timedelta(seconds=60 + 10 * step)) for step in range(3 + 2 * len(tables))]
    records = [
        dialect.genesis(run_id=run_id, profile="sample", made_with=MADE_WITH, ts=clock[0]),
        dialect.intent(step="data_prep", params={"sessions": WINDOW_SESSIONS}, input_hashes={}, ts=clock[1]),
        dialect.success(
            step="data_prep",
            output_hashes={"returns": returns_hash},
            metrics={"n_assets": len(symbols), "n_rows": WINDOW_SESSIONS},
            ts=clock[2],
        ),
    ]
    for place, table in enumerate(tables):
        step, params = f"optimize_{table.profile}", {"engine": "skfolio", "max_weight": float(MAX_WEIGHT)}
        records += [
            dialect.intent(step=step, params=params, input_hashes={"returns": returns_hash}, ts=clock[3 + 2 * place]),
            dialect.success(
                step=step,
                output_hashes={"weights": dialect.weights_hash(table.rows)},
                metrics={"n_assets": len(table.rows)},
                ts=clock[4 + 2 * place],
            ),
        ]
    dialect.write_run(
        root / "runs" / run_id,
        records=records,
        candidates=[candidate(table.profile, returns.to_numpy(), table.weights) for table in tables],
    )
    if day == CONTRADICTORY_DAY:
        contradict(tables[0].rows)
    winners = [
        dialect.winner(
            table.rows,
            rank=rank,
            engine="skfolio",
            profile=table.profile,
            regime=name,
            regime_score=score,
            generated_at=dialect.naive_utc(closed + timedelta(minutes=4, seconds=50 + 3 * (rank - 1))),
            run_id=run_id,
            returns_hash=returns_hash,
            cluster_cap=1.0,
        )
        for rank, table in enumerate(tables, start=1)
    ]
    dialect.write_manifest(root / "manifests" / f"{day.isoformat()}.json", winners)


def write_limits(path: Path) -> None:
    """Write hand-made market limits: whole shares; a tick fine enough for adjusted closes and a spread of 2 bp around them."""
    as_of = datetime(2018, 12, 31, tzinfo=UTC)
    limits = [
        {
            "symbol": name.symbol,
            "venue": "US",
            "step_size": "1",
            "tick_size": "0.0001",
            "min_quantity": "1",
            "min_notional": "100",
            "max_quantity": None,
            "multiplier": "1",
        }
        for name in NAMES.values()
    ]
    document = {
        "version": 1,
        "as_of_ns": str(int(as_of.timestamp()) * 1_000_000_000),
        "source": "written by hand for the sample, not a venue's answer; ticks suit adjusted closes, not real quotes",
        "limits": limits,
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def write_licence(path: Path) -> None:
    """Copy the licence of skfolio, under which the closes are passed on."""
    found = [file for file in metadata.files("skfolio") or [] if file.name == "LICENSE"]
    path.write_text(found[0].read_text())


def main() -> None:
    """Write the whole sample below `--out` (default: beside this script)."""
    parser = argparse.ArgumentParser(description="Make data/samples/sp500 from the skfolio wheel.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sp500")
    root = parser.parse_args().out
    root.mkdir(parents=True, exist_ok=True)
    prices = closes()
    write_closes(root / "closes.csv.gz", prices)
    for day in manifest_days(prices.index):
        make_day(root, day, prices)
        if day.year == LONG_SHORT_YEAR and day != CONTRADICTORY_DAY:
            make_long_short_day(root / "longshort", day, prices)
        print(day.isoformat())
    write_limits(root / "limits.json")
    write_licence(root / "LICENSE-skfolio")
    dialect.write_sums(root)


if __name__ == "__main__":
    main()
