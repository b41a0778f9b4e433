"""What being held to a bundle adds to the start of a live run: fresh processes do what a start does first, with it and without.

Each imports the live run, reads config, symbol map and limits; half of them then read and prove the bundle and hold every part of
the run against it. The figure is the difference of the medians of their wall times; beside it what the work took inside.

Run: .venv/bin/python benchmarks/bundle.py [--rounds N] [--config FILE]
Last lines: `median without S`, `median with S`, `ratio bundle X` (with / without), `added S` (bound 0.2 s).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

BOUND_S = 0.2
HERE = Path(__file__).resolve().parent.parent
START = """
import sys, time
began = time.perf_counter()
from pathlib import Path
import live.live_run
from engine.bundle_carried import carried_bundle
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
config = load_config(Path(sys.argv[1]))
inputs = read_inputs(config)
read = time.perf_counter()
if sys.argv[2]:
    carried_bundle(config, inputs, layout=Layout(Path(sys.argv[3])), named=sys.argv[2])
print(time.perf_counter() - began, time.perf_counter() - read)
"""


def main() -> None:
    """Make the bundle, start in turn with it and without, print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--config", type=Path, default=HERE / "data/configs/crypto_rehearsal.toml")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = given.config.read_text()
        lake = text[text.index('directory = "') :].split('"')[1]
        config = Path(folder) / "run.toml"
        config.write_text(text.replace(f'"{lake}', f'"{folder}/lake'))
        sluice = str(Path(sys.executable).parent / "sluice")
        made = json.loads(run([sluice, "bundle", "create", str(config), "--json"]))
        size = sum(part["bytes"] for part in made["parts"].values())
        print(f"bundle of {given.config.name}: {len(made['parts'])} parts, {size:,} bytes")
        seconds: dict[str, list[float]] = {"without": [], "with": []}
        inside: list[float] = []
        for number in range(given.rounds + 1):
            for name, sha256 in (("without", ""), ("with", made["sha256"])):
                whole, work = map(float, run([sys.executable, "-c", START, str(config), sha256, f"{folder}/lake"]).split())
                if number:  # the first round warms the disk
                    seconds[name].append(whole)
                    if sha256:
                        inside.append(work)
    without, held = (median(seconds[name]) for name in ("without", "with"))
    print(f"inside the process: {median(inside):.3f} s in the middle, {max(inside):.3f} s at most, over {given.rounds} rounds")
    print(f"bound added {BOUND_S}")
    print(f"median without {without:.3f} s\nmedian with {held:.3f} s")
    print(f"ratio bundle {held / without:.3f}\nadded {held - without:.3f} s")


def run(command: list[str]) -> str:
    """Run one command and return what it printed."""
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stdout[:2000]}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
