"""Reading a manifest of 10,000 assets against plain `json.loads`, and planning 10,000 lines against 1,000.

Part one: the file is read from disk inside its root, hashed, and parsed strictly (bounded, every number exact, no key twice, no
deep nesting), against `json.loads` with a hook that refuses duplicate keys on the same bytes already in memory. The whole
judgement (rows, capital, netting, provenance) is timed beside it and printed; it has no bound. Part two: the planner on made
inputs, a book of half the names, cash account. All in turn in one process; times are this process' processor
time, so that a busy machine disturbs them less, and a ratio is the median over rounds of paired ratios.

Run: .venv/bin/python benchmarks/plan.py [--rounds N]
Last lines: `ratio manifest_read X` (bound 1.5) and `ratio plan_growth X` (bound 12).
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lakehouse.manifest import AuditedManifest, ManifestPolicy, read_manifest
from lakehouse.provenance import ProvenancePolicy
from lakehouse.strict_json import parse, read_contained
from lakehouse.upstream_time import stamp_ns, zone_of
from orders.book import Book
from orders.canonical import sha256_hex
from orders.costs import TakerTerms
from orders.plan import Plan, PlanInputs, PlanPolicy, UnnamedPositions
from orders.values import AccountKind, FeeSchedule, Grade, Listing, MarketLimits, Quote
from strategies.planner import plan

BOUNDS: Final = {"manifest_read": 1.5, "plan_growth": 12}
ASSETS: Final = 10_000
LINES: Final = (1_000, 10_000)
SIZE_MAX: Final = 16 << 20
RUN: Final = "20260106-bench"
GENERATED: Final = "2026-01-06T01:33:02.118311"
NOW_NS: Final = 1_767_664_000 * 10**9


def main() -> None:
    """Run both parts and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    ratios = {"manifest_read": manifest_read(rounds), "plan_growth": plan_growth(max(3, rounds // 3))}
    for name, ratio in ratios.items():
        print(f"ratio {name} {ratio:.3f}")


def timed(variants: Mapping[str, Callable[[], Any]], *, rounds: int) -> dict[str, float]:
    """Return for each the median, over rounds, of its seconds over the first variant's in the same round.

    Run in turn, every other round backwards; the first round warms up and is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for number in range(rounds + 1):
        for name in names if number % 2 else reversed(names):
            gc.collect()
            begin = time.process_time()
            made = variants[name]()
            elapsed = time.process_time() - begin
            del made
            if number:
                seconds[name].append(elapsed)
    for name, values in seconds.items():
        print(f"median {name}: {median(values) * 1e3:.2f} ms")
    base = seconds[names[0]]
    return {name: median(one / other for one, other in zip(seconds[name], base, strict=True)) for name in names}


# --- part one: reading a manifest ---


def manifest_read(rounds: int) -> float:
    """Return how many times as long reading, hashing and strict parsing take as `json.loads` with a hook."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        path = root / "portfolio_optimized_v3.json"
        path.write_text(json.dumps({"winners": [made_winner(ASSETS)]}))
        data = path.read_bytes()
        print(f"manifest of {ASSETS} assets, {len(data)} bytes")
        policy = ManifestPolicy(
            root=folder, zone="UTC", age_max_ns=10**18, future_skew_max_ns=0, size_max=SIZE_MAX, weight_abs_max=Decimal(1)
        )
        provenance = ProvenancePolicy(runs_directory=str(root / "runs"), grade_min=Grade.ABSENT)
        now_ns = stamp_ns(GENERATED, zone=zone_of("UTC"))

        def strict() -> tuple[str, Any]:
            file = read_contained(path, root=root, size_max=SIZE_MAX)
            return sha256_hex(file.data), parse(file.data, what="it", size_max=SIZE_MAX, nonfinite=True)

        def judged() -> Any:
            return read_manifest(path, policy=policy, market_now_ns=now_ns, provenance=provenance)

        outcome = judged()
        assert isinstance(outcome, AuditedManifest), outcome
        assert len(outcome.targets) == ASSETS
        took = timed(
            {"json_loads": lambda: json.loads(data, object_pairs_hook=once), "manifest_read": strict, "manifest_judged": judged},
            rounds=rounds,
        )
        print(f"manifest_judged over json_loads {took['manifest_judged']:.3f} (no bound)")
        return took["manifest_read"]


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: the least a reader of other people's JSON must do."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def made_winner(assets: int) -> dict[str, Any]:
    """Return a winner with all the columns the platform writes, long and short, full-length floats."""
    rng = random.Random(5)
    rows = []
    for number in range(assets):
        weight = rng.uniform(0.2, 1.8) / assets
        short = rng.random() < 0.4
        rows.append(
            {
                "Symbol": f"NYSE:A{number:05d}", "Weight": weight, "Net_Weight": -weight if short else weight,
                "Direction": "SHORT" if short else "LONG", "Cluster_ID": str(number % 40), "Type": "CORE",
                "Description": f"Company {number} Inc.", "Sector": "Technology", "Market": "US_STOCKS",
                "Cluster_Weight": rng.random(), "Intra_Cluster_Weight": rng.random(), "Rank": 1, "Regime": "NORMAL",
                "Regime_Score": 1.0421, "Generated_At": GENERATED, "Engine": "custom", "Profile": "hrp", "Source_Run": RUN,
            }
        )  # fmt: skip
    metadata = {"generated_at": GENERATED, "source_run_id": RUN, "selection_mode": "v3.2", "cluster_cap": 0.25}
    regime = {"name": "NORMAL", "score": 1.0421}
    return {"rank": 1, "profile": "hrp", "engine": "custom", "regime": regime, "assets": rows, "metadata": metadata}


# --- part two: planning ---


def plan_growth(rounds: int) -> float:
    """Return how many times as long a plan of 10,000 lines takes as one of 1,000."""
    few, many = (plan_inputs(lines) for lines in LINES)
    for inputs, lines in ((few, LINES[0]), (many, LINES[1])):
        made = plan(inputs)
        assert isinstance(made, Plan), made
        print(f"plan of {len(made.lines)} lines, {sum(line.trades for line in made.lines)} trade")
        assert len(made.lines) == lines
    took = timed({"plan_1000": lambda: plan(few), "plan_10000": lambda: plan(many)}, rounds=rounds)
    return took["plan_10000"]


def plan_inputs(lines: int) -> PlanInputs:
    """Return made inputs: every second name held, weights that move all of them, equity in step with the number of names."""
    rng = random.Random(9)
    symbols = [f"NYSE:A{number:05d}" for number in range(lines)]
    prices = {symbol: Decimal(rng.randrange(2_000, 20_000)) / 100 for symbol in symbols}
    raw = {symbol: rng.randrange(200, 1_800) for symbol in symbols}
    total = Decimal(sum(raw.values()))
    return PlanInputs(
        environment="bench",
        manifest_sha256="a" * 64,
        source_run=RUN,
        cycle=1,
        targets={symbol: (Decimal(value) / total * Decimal("0.9")).quantize(Decimal("1e-17")) for symbol, value in raw.items()},
        book=Book(
            cash={"US": {"USD": Decimal(lines * 5_000)}},
            positions={symbol: Decimal(rng.randrange(1, 100)) for symbol in symbols[::2]},
        ),
        open_orders=(),
        quotes={
            symbol: Quote(symbol=symbol, bid=price - Decimal("0.01"), ask=price + Decimal("0.01"), ts_ns=NOW_NS)
            for symbol, price in prices.items()
        },
        limits={
            symbol: MarketLimits(
                symbol=symbol, venue="US", step_size=Decimal(1), tick_size=Decimal("0.01"), min_quantity=Decimal(1),
                min_notional=Decimal(1), max_quantity=None, multiplier=Decimal(1),
            )
            for symbol in symbols
        },
        listings={
            symbol: Listing(
                symbol=symbol, venue="US", instrument_id=f"{symbol[5:]}.US", quote_currency="USD", asset_class="equity"
            )
            for symbol in symbols
        },
        accounts={"US": AccountKind.CASH},
        fees={"US": FeeSchedule(maker_fraction=Decimal("0.0001"), taker_fraction=Decimal("0.0001"), base_on_buys=False)},
        taker_terms={"US": TakerTerms(perfect=False, slippage_bps=Decimal(0), half_spread_bps=Decimal(0), impact=None)},
        rates={},
        policy=PlanPolicy(
            base_currency="USD", cash_buffer_fraction=Decimal("0.02"), drift_band_fraction=Decimal(0),
            price_age_max_ns=10**9, unnamed_positions=UnnamedPositions.CLOSE,
        ),
        now_ns=NOW_NS,
    )  # fmt: skip


if __name__ == "__main__":
    main()
