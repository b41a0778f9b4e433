"""How long the commands that need no engine take as whole processes, against the import of Nautilus' backtest engine.

Each command runs in a fresh process, in turn with the import, several rounds; the figures are ratios of medians of wall time.
`verify` and `plan` work on a lakehouse of a small made market (20 assets, a rebalance a month) that the script prepares.
Bytecode must be there, as after `make setup`: what it finds is printed first.

Run: .venv/bin/python benchmarks/startup.py [--rounds N]
Last lines: `ratio help X` (bound 0.2), `ratio config_check X` (0.25), `ratio verify X` (0.25), `ratio plan X` (0.4).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent))

from backtest import EVERY_DAYS, run_full
from made_market import MadeMarket, make_market, write_inputs

BASE = "import nautilus_trader.backtest.engine"
BOUNDS = {"help": 0.2, "config_check": 0.25, "verify": 0.25, "plan": 0.4}
ROOMS = ("analysis", "commands", "engine", "lakehouse", "orders", "sentinel", "strategies", "venues")
HERE = Path(__file__).resolve().parent.parent
ASSETS = 20
DAYS = 64


def main() -> None:
    """Prepare, run all in turn, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print(f"PYTHONDONTWRITEBYTECODE is {'set' if os.environ.get('PYTHONDONTWRITEBYTECODE') else 'not set'}")
    missing = without_bytecode()
    gaps = f"{len(missing)} modules without: {', '.join(missing[:5])}" if missing else "all there"
    print(f"bytecode of our packages: {gaps}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        market = make_market(assets=ASSETS, days=DAYS, every=EVERY_DAYS)
        write_inputs(market, root)
        run_full(market, root)
        write_snapshots(market, root)
        arm(root)
        manifest = root / "manifests" / sorted(path.name for path in (root / "manifests").iterdir())[-1]
        sluice = str(Path(sys.executable).parent / "sluice")
        commands = {
            "import": [sys.executable, "-c", BASE],
            "help": [sluice, "--help"],
            "config_check": [sluice, "config", "check", "data/configs/shadow.toml"],
            "verify": [sluice, "verify", "--lakehouse", str(root / "lakehouse")],
            "plan": [sluice, "plan", "--json", "--config", str(root / "config.toml"), "--manifest", str(manifest)],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                taken = run(name, command)
                if number:  # the first round warms the disk
                    seconds[name].append(taken)
    medians = {name: median(values) for name, values in seconds.items()}
    for name, value in medians.items():
        print(f"median {name}: {value:.3f} s over {rounds} rounds")
    for name, bound in BOUNDS.items():
        print(f"bound {name} {bound}")
    for name in BOUNDS:
        print(f"ratio {name} {medians[name] / medians['import']:.3f}")


def run(name: str, command: list[str]) -> float:
    """Run one command and return its wall time in seconds; what it printed must be what it is for."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{name} ended with {done.returncode}: {done.stdout[:2000]}{done.stderr}")
    if name == "plan":
        made = json.loads(done.stdout)
        if made["decision"] != "PLAN" or len(made["lines"]) != ASSETS:
            raise SystemExit(f"plan was to have {ASSETS} lines, said {made['decision']} {made['code']} {made['message']}")
    return taken


def without_bytecode() -> list[str]:
    """Return the modules of our packages that have no compiled bytecode newer than their source."""
    missing = []
    for room in ROOMS:
        for source in sorted((HERE / room).rglob("*.py")):
            cached = Path(importlib.util.cache_from_source(str(source)))
            if not cached.exists() or cached.stat().st_mtime < source.stat().st_mtime:
                missing.append(str(source.relative_to(HERE)))
    return missing


def arm(root: Path) -> None:
    """Give the made lakehouse its permission to send, which a backtest leaves alone: a halted plan is REFUSED."""
    from lakehouse.layout import Layout
    from lakehouse.permission import FilePermission

    FilePermission(Layout(directory=root / "lakehouse")).resume(by="benchmark", reason="a made lakehouse", now_ns=time.time_ns())


def write_snapshots(market: MadeMarket, root: Path) -> None:
    """Write what `plan` reads: quotes of the last rebalance, an unspent book, the market limits."""
    day = market.rebalances[-1]
    stamp = market.days[day] + 600 * 1_000_000_000  # ten minutes after the close: the manifest is out
    rows = [f"{symbol},{market.closes[symbol][day]},{market.closes[symbol][day]},{stamp}\n" for symbol in market.symbols]
    (root / "quotes.csv").write_text("symbol,bid,ask,ts_ns\n" + "".join(rows))
    book = {"version": 1, "as_of_ns": str(stamp), "cycle": 0, "cash": {"US": {"USD": "100000000"}}, "positions": {}}
    (root / "book.json").write_text(json.dumps({**book, "open_orders": []}))
    (root / "limits_out.json").write_bytes((root / "limits.json").read_bytes())


if __name__ == "__main__":
    main()
