"""What a bundle and its promotion add to the start of a live run: fresh processes do what a start does first, with and without.

Each imports the live run, reads config, symbol map and limits; half of them then read and prove the bundle, hold every part of
the run against it, and prove the promotion by which it may trade: standing, two persons' statement, evidence. The figure is the
difference of the medians of their wall times; beside it what the work took inside.

Run: .venv/bin/python benchmarks/bundle.py [--rounds N] [--config FILE]
Last lines: `median without S`, `median with S`, `ratio bundle X` (with / without), `added S` (bound 0.2 s).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

BOUND_S = 0.2
HERE = Path(__file__).resolve().parent.parent
START = """
import sys, time
began = time.perf_counter()
from pathlib import Path
import live.live_start
from engine.bundle_carried import carried_bundle
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.examine import examine
from lakehouse.layout import Layout
from live.promoted import promoted_facts
config = load_config(Path(sys.argv[1]))
inputs = read_inputs(config)
layout = Layout(Path(sys.argv[3]))
fold = examine(layout).fold  # as every start does
read = time.perf_counter()
if sys.argv[2]:
    carried_bundle(config, inputs, layout=layout, named=sys.argv[2])
    found = promoted_facts(fold, bundle_sha256=sys.argv[2], layout=layout, live=config.live)
    assert (found.state, found.unsigned, found.revoked, found.evidence) == ("canary", "", "", ""), found
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
        promote(config, lake=Path(folder) / "lake", bundle_sha256=made["sha256"])
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


def promote(config: Path, *, lake: Path, bundle_sha256: str) -> None:
    """Bring the bundle into canary, signed by two persons who are added to the config; its evidence is made up."""
    sys.path[0] = str(HERE)  # this directory has a live.py of its own
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from commands.promote_record import fold_of
    from commands.promote_request import record_request
    from engine.run_config import load_config
    from lakehouse.layout import Layout
    from lakehouse.promotion_files import keep_promotion_file
    from live.promotion_signing import Request, rules_of, signed
    from orders.canonical import canonical_bytes
    from orders.promotion import STEPS, Action, Move, State
    from sentinel.dsse import public_text
    from sentinel.promotion_statement import PromotionStatement

    keys = {name: Ed25519PrivateKey.generate() for name in ("ann", "bob")}
    persons = "".join(f'{name} = "{public_text(key.public_key())}"\n' for name, key in keys.items())
    head, table, rest = config.read_text().partition("[live.persons]")
    comment, line, rest = rest.partition("\n")
    config.write_text(f"{head}{table}{comment}{line}{persons}{rest}")
    loaded, layout = load_config(config), Layout(lake)
    for state in (State.CANDIDATE, State.SHADOW, State.CANARY):
        now_ns, promotions = time.time_ns(), fold_of(layout).promotions
        result = {"gate": {"name": "made up", "dry_run": False}, "verdict": "PASS", "measured": {"words": "x" * 4_000}}
        said = {"bundle_sha256": bundle_sha256, "gates_sha256": "0" * 64, "move": state.value, "evaluated_ns": str(now_ns)}
        evidence = keep_promotion_file(layout, canonical_bytes(said | {"results": [result] * 40}))
        statement = PromotionStatement(
            environment=loaded.environment,
            move=Move(bundle_sha256=bundle_sha256, action=Action.PROMOTE, to_state=state, to_step=0, steps=STEPS),
            fraction="0.01" if state is State.CANARY else "0",
            evidence_sha256=evidence,
            gates_sha256="0" * 64,
            by="ann",
            reason="to be measured",
            follows=promotions.last_sha256,
            created_ns=now_ns,
            expires_ns=now_ns + 3_600 * 10**9,
        )
        request, rules = Request(data=b"", statement=statement, signers=()), rules_of(loaded)
        for name, key in keys.items():
            request = signed(request, rules=rules, signer=name, key=key)
        record_request(layout, request, config=loaded, now_ns=now_ns, run_id="made-up")


def run(command: list[str]) -> str:
    """Run one command and return what it printed."""
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stdout[:2000]}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
