"""`sluice promote status` over 30 days of evidence against the analysis' grouping of the same log; a start under a promotion.

The log is made here, through the journal, so that it verifies: a shadow of thirty days under one bundle, about a million lines
(a plan of 20 orders, each an intent, a verdict, a send, an answer and a fill, and as many valuations). In turn, each in a
process of its own: the grouping of `benchmarks/tca.py` over the log's own lines, and the whole of `sluice promote status` from
the start of its process, its copy there and its proof kept, once of the log as it was proven and once after a day's lines more.
A ratio is the median over rounds of what the two took in the same round. What the first look costs, which verifies every line
and makes the copy, is told beside.

Then what `sluice live` does first, in fresh processes in turn: as an unpromoted rehearsal, and on a record that governs it (its
bundle proven and held against the run; statement, evidence and signatures of its promotion proven; the arming read and its
signature proven). The figure is the median over rounds of the difference within a round.

Run: .venv/bin/python benchmarks/promote.py [--lines N] [--rounds N] [--directory DIR]
Last lines: `ratio status_over_grouping X` (bound 3), `ratio grown_status_over_grouping X` (bound 3), `added S` (bound 0.2 s).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from live.arming_file import Arming, armed_bytes
from live.signing_keys import load_key
from tests.gates.made import BEGIN_NS, BUNDLE, DAY_NS, Made, made_record
from tests.promotion.world import promoting

HERE: Final = Path(__file__).resolve().parent.parent
BOUND: Final = 3
ADDED_BOUND_S: Final = 0.2
LINES: Final = 1_000_000
ORDERS, EQUITIES = 20, 20
PLAN_LINES: Final = 3 + 5 * ORDERS + EQUITIES  # cycle, plan, cycle's end; of each order five lines
DAYS, RUNS = 30, 3
GROUPING: Final = """
import sys, time
sys.path.insert(0, {here!r})
sys.path.insert(0, {here!r} + "/benchmarks")
import tca
from pathlib import Path
began = time.perf_counter()
rows = tca.jsonl(Path({log!r}))
print(time.perf_counter() - began)
"""
START: Final = """
import sys, time
began = time.perf_counter()
from pathlib import Path
import live.live_start
from engine.bundle_carried import carried_bundle
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.examine import examine
from lakehouse.layout import Layout
from live.arming_file import read_arming
from live.promoted import promoted_facts
config = load_config(Path(sys.argv[1]))
inputs, layout = read_inputs(config), Layout(config.lakehouse.directory)
fold = examine(layout).fold
read = time.perf_counter()
if sys.argv[2]:
    bundle = carried_bundle(config, inputs, layout=layout, named=sys.argv[2])
    facts = promoted_facts(fold, bundle_sha256=bundle.sha256, layout=layout, live=config.live)
    assert facts.governed and not (facts.unsigned or facts.revoked or facts.evidence), facts
    read_arming(Path(sys.argv[3]), trusted=config.live.persons)
print(time.perf_counter() - began, time.perf_counter() - read)
"""


def main() -> None:
    """Make the log, ask in turn, print ratios; exit 1 where a command fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", type=Path, default=None, help="where the log is made (a temporary directory)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="sluice-promote-") as folder:
        root = Path(folder)
        os.environ["SLUICE_KEYS"] = str(root / "keys")
        ratios = measure(root, lines=given.lines, rounds=given.rounds)
        added_s = measure_start(root, rounds=given.rounds)
    for name, ratio in ratios.items():
        print(f"ratio {name} {ratio:.3f} (bound {BOUND})")
    print(f"added {added_s:.3f} s (bound {ADDED_BOUND_S})")


def measure(root: Path, *, lines: int, rounds: int) -> dict[str, float]:
    """Return the ratios of the status to the grouping, before and after a day more."""
    shadow = root / "shadow"
    began, plans = time.perf_counter(), RUNS * max(1, lines // PLAN_LINES // RUNS)
    layout = made_record(shadow, Made(runs=RUNS, plans=plans, orders=ORDERS, days=Decimal(DAYS), equities=EQUITIES))
    size = layout.log.stat().st_size / 1e6
    print(f"made {plans * PLAN_LINES:,} lines, {size:,.0f} MB in {time.perf_counter() - began:.1f} s", flush=True)
    first = timed_status(root, shadow)
    print(f"first look, which verifies every line and makes the copy: {first:.2f} s", flush=True)
    known = pairs(root, shadow, rounds=rounds)
    day = max(1, plans // DAYS)
    more = Made(runs=1, plans=day, orders=ORDERS, days=Decimal(1), equities=EQUITIES, begin_ns=BEGIN_NS + DAYS * DAY_NS)
    made_record(shadow, more, first_run=RUNS)
    extended = timed_status(root, shadow)
    print(f"look after {day * PLAN_LINES:,} lines more, which extends the copy: {extended:.2f} s", flush=True)
    grown = pairs(root, shadow, rounds=rounds)
    return {"status_over_grouping": known, "grown_status_over_grouping": grown}


def pairs(root: Path, shadow: Path, *, rounds: int) -> float:
    """Return the median over rounds of what the status and the grouping took in the same round."""
    ratios: list[float] = []
    both: tuple[list[float], list[float]] = ([], [])
    processor = {"status": 0.0, "grouping": 0.0}
    for number in range(rounds):
        took: dict[str, float] = {}
        for name in ("grouping", "status") if number % 2 == 0 else ("status", "grouping"):
            before = used_s()
            took[name] = timed_status(root, shadow) if name == "status" else timed_grouping(shadow)
            processor[name] += used_s() - before
        ratios.append(took["status"] / took["grouping"])
        for seconds, name in zip(both, ("status", "grouping"), strict=True):
            seconds.append(took[name])
    for seconds, name in zip(both, ("status", "grouping"), strict=True):
        print(f"{name}: {', '.join(f'{one:.2f}' for one in seconds)} s", flush=True)
    print(f"status over grouping: processor {processor['status'] / processor['grouping']:.3f}, imports of both in it (no bound)")
    return median(ratios)


def used_s() -> float:
    """Seconds of the processor that processes which have ended took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed_status(root: Path, shadow: Path) -> float:
    """Seconds of the whole command, its process included."""
    words = ["promote", "status", "--lakehouse", str(root / "live"), BUNDLE, "--move", "canary", "--json"]
    words += [word for name in ("shadow", "replay") for word in ("--source", f"{name}={shadow}")]
    began = time.perf_counter()
    run([sys.executable, "-m", "commands.main", *words])
    return time.perf_counter() - began


def timed_grouping(shadow: Path) -> float:
    """Seconds of the grouping alone, inside its process."""
    log = str(shadow / "execution_logs.jsonl")
    return float(run([sys.executable, "-c", GROUPING.format(here=str(HERE), log=log)]).split()[-1])


def measure_start(root: Path, *, rounds: int) -> float:
    """Return the seconds that bundle, promotions and arming add to the first part of a live start: difference of medians."""
    place = root / "start"
    place.mkdir()
    with redirect_stdout(sys.stderr):
        made = promoting(place)
        made.canary()
    now_ns = time.time_ns()
    arming = Arming(
        venue="BINANCE", account_id="1", environment=made.promotions.environment or "", day_notional=Decimal(1_000),
        not_before_ns=now_ns, expires_ns=now_ns + 3_600 * 10**9, by="ann",
    )  # fmt: skip
    signed = place / "arming.json"
    signed.write_bytes(armed_bytes(arming, key=load_key("ann", directory=made.keys)))
    seconds: dict[str, list[float]] = {"without": [], "with": []}
    inside = []
    for number in range(2 * rounds + 1):
        pair = (("without", ""), ("with", made.bundle))
        for name, sha256 in pair if number % 2 else reversed(pair):
            whole, work = map(float, run([sys.executable, "-c", START, str(made.config), sha256, str(signed)]).split())
            if number:  # the first round warms the disk
                seconds[name].append(whole)
                inside += [work] if sha256 else []
    added = median(held - without for held, without in zip(seconds["with"], seconds["without"], strict=True))
    shown = ", ".join(f"{name} {median(all_of):.3f} s" for name, all_of in seconds.items())
    print(f"start {shown}; of it the work that is added {median(inside):.3f} s, {max(inside):.3f} s at most")
    return added


def run(command: list[str]) -> str:
    """Run one command and return what it printed."""
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stdout[:2000]}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
