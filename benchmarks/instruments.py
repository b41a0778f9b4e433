"""How the cost of an event grows with the number of instruments: 10 of them over 2,100 days against 500 over 42.

Both make 21,000 bars and, with a manifest every 21 days that moves all weights, about 1,000 orders, so that only the number of
instruments differs. Each run has a process of its own, in turn, several rounds; time is from the first bar handed to the engine
to the end of the run with the record flushed. Bare Nautilus with the same orders is run beside it: with no expiring instrument
it looks at every matching engine at every event, which is why ours has a far-dated one that is never traded
(`engine.instruments.expiry_sentinel`).

Run: .venv/bin/python benchmarks/instruments.py [--rounds N]
Last lines: `ratio bare_growth_10_to_500 X` (no bound) and `ratio growth_10_to_500 X` (bound 1.15), ratios of medians per event.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from backtest import EVERY_DAYS, run_bare, run_full
from made_market import make_market, write_inputs

SHAPES: Final = {10: 2_100, 500: 42}  # instruments -> days
BARE_CASH: Final = 1_000_000_000  # a bare cash account takes orders as they come, buys before the sells that fund them


def main() -> None:
    """Run all in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--variant", choices=["full", "bare"])
    parser.add_argument("--assets", type=int, choices=list(SHAPES))
    parser.add_argument("--root", type=Path)
    given = parser.parse_args()
    if given.variant:
        print(json.dumps(run_one(given.variant, assets=given.assets, root=given.root)))
        return
    with tempfile.TemporaryDirectory() as folder:
        roots = {assets: Path(folder) / str(assets) for assets in SHAPES}
        for assets, root in roots.items():
            root.mkdir()
            write_inputs(make_market(assets=assets, days=SHAPES[assets], every=EVERY_DAYS), root)
        runs = [(variant, assets) for variant in ("full", "bare") for assets in SHAPES]
        results: dict[tuple[str, int], list[dict[str, Any]]] = {run: [] for run in runs}
        for number in range(given.rounds + 1):
            for variant, assets in runs if number % 2 == 0 else [*reversed(runs[:2]), *reversed(runs[2:])]:
                command = [sys.executable, __file__, "--variant", variant, "--assets", str(assets), "--root", str(roots[assets])]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                result = json.loads(done.stdout.splitlines()[-1])
                if number:  # the first round warms the disk and writes the orders the bare one sends
                    results[variant, assets].append(result)
                print(f"round {number} {variant} {assets:3} instruments {result}")
    for assets in SHAPES:
        ours, bare = (results[variant, assets][0] for variant in ("full", "bare"))
        assert ours["bought"] == bare["bought"], "the two did not trade the same"
    cost = {run: median(r["seconds"] for r in rows) / (run[1] * SHAPES[run[1]]) for run, rows in results.items()}
    for (variant, assets), seconds in cost.items():
        print(f"median {variant} {assets:3} instruments: {seconds * 1e6:.1f} us an event")
    few, many = SHAPES
    print(f"ratio bare_growth_10_to_500 {cost['bare', many] / cost['bare', few]:.3f}")
    print(f"ratio growth_10_to_500 {cost['full', many] / cost['full', few]:.3f}")


def run_one(variant: str, *, assets: int, root: Path) -> dict[str, Any]:
    """Run one variant over its made market."""
    market = make_market(assets=assets, days=SHAPES[assets], every=EVERY_DAYS)
    result: dict[str, Any] = run_full(market, root) if variant == "full" else run_bare(market, root, cash=BARE_CASH)
    return result


if __name__ == "__main__":
    main()
