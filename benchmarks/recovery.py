"""Start-up recovery of a live record: a log of 100,000 lines with 500 orders that were sent and never answered.

One order's real lines (a live node at the rehearsal exchange on loopback) are copied under new ids, through the journal itself,
so log and ledger are as a run leaves them: 24,750 filled orders of four lines, and 500 of an intent and a send line. Then, in a
process each, in turn: what a start does before it asks the venue (lock and verify, open the journal with its own examination,
put positions and open orders into a node's cache), and as a base a parse of every line by `json` and a sha256 of both files.
What the venue is then asked, a look-up for each open order, is not in it. A ratio is the median over rounds of the same round.

Run: .venv/bin/python benchmarks/recovery.py [--lines N] [--open N] [--rounds N]
Last lines: `seconds verify|journal|restore|whole X` and `ratio recovery_over_parse X` (no bound).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec

LINES: Final = 100_000
OPEN: Final = 500
TOUCH: Final = {"BTCUSDT": ("99999.99", "100000.00"), "ETHUSDT": ("3999.99", "4000.00")}
KINDS: Final = ("intent", "send", "ack", "fill")


def main() -> None:
    """Make the record, time each side, print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--open", type=int, default=OPEN)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", choices=("recover", "parse"), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        print(json.dumps({"recover": recover, "parse": parse}[options.side](options.root)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        began = time.perf_counter()
        made = asyncio.run(one_order(root))
        lines = multiply(root, made, lines=options.lines, still_open=options.open)
        print(f"made {lines} lines, {options.open} open, in {time.perf_counter() - began:.1f} s", flush=True)
        found: list[dict[str, float]] = []
        for number in range(options.rounds):
            row: dict[str, float] = {}
            for side in (("recover", "parse"), ("parse", "recover"))[number % 2]:
                row |= run(side, root)
            found.append(row)
            print("  ".join([f"round {number + 1}", *(f"{name} {value:.2f}" for name, value in row.items())]), flush=True)
    for name in ("verify", "journal", "restore", "whole", "parse"):
        print(f"seconds {name} {median(row[name] for row in found):.2f}")
    print(f"ratio recovery_over_parse {median(row['whole'] / row['parse'] for row in found):.2f}")


def run(side: str, root: Path) -> dict[str, float]:
    """One side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--root", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{side} ended with {done.returncode}: {done.stderr[-2000:]}")
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


async def one_order(root: Path) -> list[dict[str, Any]]:
    """Trade one order at the rehearsal exchange; return its lines, and leave the record of the run."""
    from sim.rehearsal.handle import RehearsalVenue
    from tests.ccxt_private.world import Engine, made_world, started

    with RehearsalVenue.start(balances={"USDT": "100000"}) as venue:
        for pair, (bid, ask) in TOUCH.items():
            venue.quote(pair, bid, ask, size="1000")
        engine = Engine(made_world(root), SimpleNamespace(touch=TOUCH), venue.endpoint, key=venue.key, secret=venue.secret)
        async with started(engine):
            await engine.ready()
            order_id = await engine.order(quantity="0.00010")
            await engine.until(lambda: engine.state(order_id) == "FILLED")
            return [line for line in engine.lines(*KINDS) if line["client_order_id"] == order_id]


def multiply(root: Path, made: list[dict[str, Any]], *, lines: int, still_open: int) -> int:
    """Append copies of the order's lines under new ids until the log has `lines`; return how many it has."""
    from lakehouse.layout import Layout
    from lakehouse.opening import open_journal
    from lakehouse.records import RunStart

    layout = Layout(root / "lakehouse")
    by_kind = {line["type"]: line for line in made}
    now = time.time_ns()
    journal = open_journal(layout, now_ns=now, run_id="copies", durable=False)
    start = next(json.loads(raw) for raw in layout.log.read_bytes().splitlines() if json.loads(raw)["type"] == "run_start")
    journal.append(
        msgspec.convert(start | {"seq": 0, "run_id": "copies", "ts_ns": now, "market_ns": now, "starting_cash": None}, RunStart)
    )
    seq, number = 0, 1_000_000  # beyond the ids of the venue
    while seq < lines - 2 * still_open:
        number += 1
        seq = copy(journal, by_kind, KINDS, number=number, now=now)
    for _ in range(still_open):
        number += 1
        seq = copy(journal, by_kind, KINDS[:2], number=number, now=now)
    journal.close()
    return seq


def copy(journal: Any, by_kind: dict[str, dict[str, Any]], kinds: tuple[str, ...], *, number: int, now: int) -> int:
    """Append one order's lines under ids of its own; return the last one's number."""
    from lakehouse.records import AnyLine

    seq = 0
    for kind in kinds:
        line = by_kind[kind] | {"seq": 0, "run_id": "copies", "ts_ns": now, "market_ns": now, "client_order_id": f"{number:032x}"}
        line |= {name: f"{number}" for name in ("venue_order_id", "trade_id") if name in line}
        if kind in ("intent", "fill"):
            line |= {"cycle": number + 10, "line": 1}
        seq = journal.append(msgspec.convert(line, AnyLine))
    return seq


def recover(root: Path) -> dict[str, float]:
    """Seconds of the parts of a start."""
    from nautilus_trader.backtest.config import BacktestEngineConfig
    from nautilus_trader.backtest.engine import BacktestEngine
    from nautilus_trader.config import LoggingConfig

    from engine.instruments import instrument_of
    from engine.restore import Restorer
    from lakehouse.layout import Layout
    from lakehouse.lock import DataDirectoryLock
    from lakehouse.opening import open_journal
    from lakehouse.verifier import verify
    from tests.gate.world import BTC, ETH, World

    world = World(root, names=(BTC, ETH), environment="rehearsed")
    _, inputs = world.load()
    layout = Layout(root / "lakehouse")
    contexts: dict[str, Any] = {}
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    for symbol, limits in inputs.market_limits.items():
        engine.kernel.cache.add_instrument(instrument_of(inputs.listings[symbol], limits))
    times = [time.perf_counter()]
    with DataDirectoryLock(layout, run_id="measured"):
        report = verify(layout.directory)
        assert report.ok, report.first_bad
        times.append(time.perf_counter())
        journal = open_journal(layout, now_ns=time.time_ns(), run_id="measured", durable=False)
        times.append(time.perf_counter())
        restored = Restorer(
            cache=engine.kernel.cache, trader_id="SLUICE-001", strategy_id="SLUICE-001", listings=inputs.listings,
            limits=inputs.market_limits, contexts=contexts, outliving=["BINANCE"],
        ).restore(journal.fold)  # fmt: skip
        times.append(time.perf_counter())
        journal.close()
    assert len(restored.unanswered) == report.open_orders, restored
    verified, opened, put = (late - early for early, late in pairwise(times))
    return {"verify": verified, "journal": opened, "restore": put, "whole": times[-1] - times[0]}


def parse(root: Path) -> dict[str, float]:
    """Seconds to parse every line and to hash both files."""
    began = time.perf_counter()
    for name in ("execution_logs.jsonl", "audit.jsonl"):
        raw = (root / "lakehouse" / name).read_bytes()
        hashlib.sha256(raw).hexdigest()
        for line in raw.splitlines():
            json.loads(line)
    return {"parse": time.perf_counter() - began}


if __name__ == "__main__":
    main()
