"""The journal and ledger against the disk's own speed, and verify against a bare hash of every line.

Commit: 1,000 fills, each a line of the log and a record of the ledger, through the durable journal and flushed once; against
the same through the journal that leaves syncing to the system; the same flushed after each; and one write and one fdatasync
by hand for each of the log's lines, in one file and nothing else. A disk that syncs in a tenth of a millisecond, as a virtual one
may, leaves nothing to save: the last line says from which sync on the bound can be met. A slower disk is tried by putting
`strace -o /dev/null -f --seccomp-bpf -e trace=fdatasync -e inject=fdatasync:delay_exit=400` before the command.

Intent: append one, wait until it is durable; against a
write and an fdatasync of the same bytes by hand, in turn. Held to the bound is the whole of a common intent, the disk's part
included, over a rare fdatasync; a rare intent over it is told beside. Verify: a long record, a filled order the seven lines that
a shadow run writes of one, in one file each and in four segments, against a sha256 of every line of the same files.
`record`: hashes, chain, tree, anchors and signatures, as `sluice verify --record-only`; `whole`: all of `sluice verify`, which
also rebuilds the book from the log and holds the state against it; in both all but the printing. The whole against two processes
as well, of which the busier counts (the wall's ratio is told too: it needs two idle processors).
Sides of a ratio run in one process, in turn; a ratio is the median over rounds of the same round. Time is the wall's where the
disk counts, the processor's for verify.

Run: .venv/bin/python benchmarks/ledger.py [--rounds N] [--orders N] [--directory DIR]
Last lines: `ratio NAME X   at least|at most Y: met|not met`. Exit code 0 either way: what a disk does is not the code's.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec

from lakehouse.journal import DurableJournal
from lakehouse.layout import Layout, write_all
from lakehouse.ledger_key import made_signer, trusted_keys
from lakehouse.opening import open_journal
from lakehouse.records import Ack, AnyLine, Fill, Received, Skip, VerdictLine
from lakehouse.segments import closed_segments
from lakehouse.state import ActualState, Asset, write_actual_state
from lakehouse.verifier import verify
from tests.lakehouse_out.conftest import Lines

GROUP: Final = 1_000  # records of one commit
SINGLES: Final = 300  # intents of a round
RUNS: Final = 4
BUNDLE: Final = "7" * 64  # which each run and its lines name
ASKED: Final = [  # what a gate answers of an order
    ["HALT", "ALLOW", "not halted", "not halted"], ["NO_APPROVAL", "ALLOW", "approved", "an approval of this id"],
    ["APPROVAL_USED", "ALLOW", "unused", "used once"], ["MISMATCH", "ALLOW", "as approved", "as approved"],
    ["PRICE_AGE", "ALLOW", "40984058 ns", "5000000000 ns"], ["PRICE_COLLAR", "ALLOW", "100 against 100", "0.02 of the reference"],
    ["MAX_ORDER_VALUE", "ALLOW", "100 base currency", "25000 base currency"], ["RESERVATION", "ALLOW", "reserved", "left"],
    ["MAX_ASSET_EXPOSURE", "ALLOW", "within", "0.25 of equity"], ["MAX_LEVERAGE", "ALLOW", "within", "gross 1 of equity"],
    ["MESSAGE_LIMIT", "ALLOW", "within", "10 a second, 10000 a day"], ["LOSS_LIMIT", "ALLOW", "within", "day 0.05, peak 0.1"],
    ["MARKET_SANITY", "ALLOW", "within", "spread 0.01 of the mid"], ["REDUCE_ONLY", "ALLOW", "within", "|position|"],
    ["FILL_DRIFT", "ALLOW", "within", "0.02 of our oldest fill in 3600000000000 ns"],
]  # fmt: skip
BOUNDS: Final = {
    "group_over_unsynced": (0.6, "at least"),
    "group_over_each_flushed": (40.0, "at least"),
    "group_over_one_sync_each": (40.0, "at least"),
    "intent_p50_over_disk_p99": (1.5, "at most"),
    "intent_p99_over_disk_p99": (None, ""),
    "verify_record_over_bare_hash": (0.5, "at least"),
    "verify_whole_over_bare_hash": (None, ""),
    "verify_two_over_bare_hash": (None, ""),
    "verify_over_two_processes": (1.6, "at least"),
    "verify_wall_over_two_processes": (None, ""),
    "verify_segments_over_one_file": (None, ""),
}  # fmt: skip


def main() -> None:
    """Measure, print rounds and medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--orders", type=int, default=16_000, help="of the record that is verified, seven lines each")
    parser.add_argument("--directory", type=Path, help="on the disk to be measured (the system's temporary directory)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        root = Path(folder)
        keys = root / "keys"
        made_signer(keys)
        rows = [
            commit(root / f"commit-{number}", keys) | intents(root / f"intent-{number}", keys) for number in range(options.rounds)
        ]
        one, rotated = (
            record(root / "one", keys, orders=options.orders),
            record(root / "four", keys, orders=options.orders, above=0),
        )
        walks = [walk(one, rotated, keys) for _ in range(options.rounds)]
    for name in (*rows[0], *walks[0]):
        found = [row[name] for row in rows if name in row] or [row[name] for row in walks]
        if name not in BOUNDS:
            print(f"median {name} {median(found):.3f}   from {min(found):.3f} to {max(found):.3f}")
    for name, (bound, side) in BOUNDS.items():
        value = median(row[name] for row in (*rows, *walks) if name in row)
        met = "" if bound is None else f"   {side} {bound:g}: {'met' if (value >= bound) is (side == 'at least') else 'not met'}"
        print(f"ratio {name} {value:.3f}{met}")
    most = BOUNDS["group_over_one_sync_each"][0]
    assert most is not None
    group, single = (median(row[name] for row in rows) for name in ("group_ms", "one_sync_each_ms"))
    print(
        f"a line costs {group / GROUP:.4f} ms in a group and {single / GROUP:.4f} ms with a sync of its own;"
        f" {most:g} times needs a disk whose sync takes {most * group / GROUP:.2f} ms"
    )


def fills(count: int) -> list[Fill]:
    """Fills of an order each, as a run has them."""
    lines = Lines()
    return [lines.fill(str(number), key=f"{number:032x}") for number in range(count)]


def opened(layout: Layout, keys: Path) -> DurableJournal:
    """A durable journal whose callbacks run at once, on its own thread."""
    return open_journal(
        layout, now_ns=1, run_id="bench", durable=True, post=lambda call: call(), on_failure=lambda error: None, keys=keys
    )


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Milliseconds that `work` takes."""
    began = clock()
    work()
    return (clock() - began) * 1e3


def commit(root: Path, keys: Path) -> dict[str, float]:
    """One round of group commit against its two bases."""
    raws = [msgspec.json.encode(line) + b"\n" for line in fills(GROUP)]
    durable = opened(Layout(root / "durable"), keys)
    plain = open_journal(Layout(root / "plain"), now_ns=1, run_id="bench", durable=False, keys=keys)

    def through(journal: Any, lines: list[Fill]) -> None:
        for line in lines:
            journal.append(line)
        journal.flush()

    def each_flushed(lines: list[Fill]) -> None:
        for line in lines:
            durable.append(line)
            durable.flush()

    one, two, three = fills(GROUP), fills(GROUP), fills(GROUP)
    found = {
        "group_ms": timed(lambda: through(durable, one)),
        "unsynced_ms": timed(lambda: through(plain, two)),
        "each_flushed_ms": timed(lambda: each_flushed(three)),
    }
    durable.close()
    plain.close()
    descriptor = os.open(root / "by-hand", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def each() -> None:
        for raw in raws:
            write_all(descriptor, raw)
            os.fdatasync(descriptor)

    found["one_sync_each_ms"] = timed(each)
    os.close(descriptor)
    return found | {
        "group_over_unsynced": found["unsynced_ms"] / found["group_ms"],
        "group_over_each_flushed": found["each_flushed_ms"] / found["group_ms"],
        "group_over_one_sync_each": found["one_sync_each_ms"] / found["group_ms"],
    }


def intents(root: Path, keys: Path) -> dict[str, float]:
    """One round of single intents, each waited for, in turn with the disk alone."""
    lines = Lines()
    journal = opened(Layout(root), keys)
    descriptor = os.open(root / "by-hand", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    ours, disk = [], []
    for number in range(SINGLES):
        line: AnyLine = lines.intent(key=f"{number:032x}")
        raw = msgspec.json.encode(line) + b"\n"

        def by_journal(line: AnyLine = line) -> None:
            journal.append(line)
            journal.flush()

        def by_hand(raw: bytes = raw) -> None:
            write_all(descriptor, raw)
            os.fdatasync(descriptor)

        ours.append(timed(by_journal))
        disk.append(timed(by_hand))
    journal.close()
    os.close(descriptor)
    ours.sort()
    disk.sort()
    at = int(SINGLES * 0.99)
    return {
        "intent_p50_ms": median(ours), "intent_p99_ms": ours[at], "disk_p50_ms": median(disk), "disk_p99_ms": disk[at],
        "intent_p50_over_disk_p99": median(ours) / disk[at],
        "intent_p99_over_disk_p99": ours[at] / disk[at],
    }  # fmt: skip


def record(directory: Path, keys: Path, *, orders: int, above: int | None = None) -> Layout:
    """Four runs of filled orders, each with the lines that a shadow run writes of one; the state at the end."""
    layout, lines = Layout(directory), Lines()
    for run in range(RUNS):
        journal = open_journal(layout, now_ns=run + 1, run_id=f"run-{run}", durable=False, keys=keys, rotate_above=above)
        cash = None if run else {"BINANCE": {"USDT": "1000000000"}}
        made: list[AnyLine] = [lines.start(run_id=f"run-{run}", starting_cash=cash)]
        for number in range(run * orders // RUNS, (run + 1) * orders // RUNS):
            key = f"{number:032x}"
            made += [*course(lines, key), lines.fill(str(number), key=key)]
        made.append(lines.stop(run_id=f"run-{run}"))
        for line in (of_a_bundle(one, run_id=f"run-{run}") for one in made):
            journal.fold.apply(line, seq=journal.append(line))
        journal.close()
        keeper = journal.fold.keeper
        assets = tuple(
            Asset(symbol=symbol, venue="BINANCE", quantity=quantity, price=quantity, notional_base=quantity)
            for symbol, quantity in keeper.positions.items()
        )
        state = ActualState(
            environment="paper", assets=assets, equity_base=next(iter(keeper.positions.values())), cash=keeper.cash,
            fees=keeper.fees, log_line=journal.fold.log_line, updated_ns=1,
        )  # fmt: skip
        write_actual_state(layout.state, state)
    return layout


def of_a_bundle(line: AnyLine, *, run_id: str) -> AnyLine:
    """As a run under a bundle writes it."""
    named = {"bundle_sha256": BUNDLE} if "bundle_sha256" in line.__struct_fields__ else {}
    return msgspec.structs.replace(line, run_id=run_id, **named)


def course(lines: Lines, key: str) -> list[AnyLine]:
    """What a shadow run writes of an order before its fill, in words and sizes as its own."""
    order: dict[str, Any] = {"client_order_id": key, "venue": "BINANCE"}
    base = lines.base()
    return [
        Skip(
            **base, cycle=1, line=2, symbol="BINANCE:ETHUSDT", reason="BELOW_FLOOR", text="Below Floor",
            wanted_quantity="0.0001", notional_base="0.36",
        ),
        lines.intent(key),
        VerdictLine(
            **base, client_order_id=key, symbol="BINANCE:BTCUSDT", outcome="ALLOW", code="", verdicts=ASKED,
            limits_sha256="d" * 64,
        ),
        lines.send(key),
        Received(**base, **order, due_ns=base["ts_ns"] + 40_000_000),
        Ack(**base, **order, venue_order_id=f"V-{key[-6:]}", account="BINANCE-1", event_ns=base["ts_ns"]),
    ]  # fmt: skip


def walk(one: Layout, rotated: Layout, keys: Path) -> dict[str, float]:
    """One round of verify, over one file and over segments, against a bare hash of every line."""
    trusted = trusted_keys(keys)

    def proven(layout: Layout, processes: int = 1, *, record_only: bool = False) -> None:
        report = verify(layout.directory, trusted=trusted, processes=processes, record_only=record_only)
        assert report.ok, report.first_bad

    def both() -> float:
        """Milliseconds of the processor that the busier of two processes took."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = timed(lambda: proven(one, 2), time.process_time)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return max(own, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3)

    def bare() -> None:
        for file in (one.log, one.ledger):
            with file.open("rb") as lines:
                for line in lines:
                    hashlib.sha256(line[:-1]).hexdigest()

    assert len(closed_segments(rotated.log)) == RUNS - 1
    found = {
        "verify_record_ms": timed(lambda: proven(one, record_only=True), time.process_time),
        "verify_ms": timed(lambda: proven(one), time.process_time),
        "verify_segments_ms": timed(lambda: proven(rotated), time.process_time),
        "verify_two_busier_ms": both(),
        "bare_hash_ms": timed(bare, time.process_time),
        "verify_wall_ms": timed(lambda: proven(one)),
        "verify_two_wall_ms": timed(lambda: proven(one, 2)),
    }
    return found | {
        "verify_record_over_bare_hash": found["bare_hash_ms"] / found["verify_record_ms"],
        "verify_whole_over_bare_hash": found["bare_hash_ms"] / found["verify_ms"],
        "verify_two_over_bare_hash": found["bare_hash_ms"] / found["verify_two_busier_ms"],
        "verify_over_two_processes": found["verify_ms"] / found["verify_two_busier_ms"],
        "verify_wall_over_two_processes": found["verify_wall_ms"] / found["verify_two_wall_ms"],
        "verify_segments_over_one_file": found["verify_segments_ms"] / found["verify_ms"],
    }


if __name__ == "__main__":
    main()
