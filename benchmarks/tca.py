"""Grouping a log's fills by venue and symbol: our reader against DuckDB's typed `read_json`, the Parquet copy against ours.

Asked of all, for each of 1,500 groups: notional, fee, slippage against the arrival mid weighted by quantity, and p50, p95, p99 of
event - sent. The log is made here (seeded; lines as a shadow run writes them, about 1.9 kB each) in a temporary directory: ten
million fills take 19 GB. `read_json` is told the types, DECIMAL as we use and once more DOUBLE; our reader besides leaves a torn
last line out, and judges version, type, numbers and order of every line. Each reader runs in a process of its own, in turn; a
ratio is the median over rounds of what two took in the same round; the least processor time is told beside. The
answers of ours, of the copy and of `read_json` with DECIMAL must be equal to the digit. Below a million fills what it costs to
open a log is all that is seen.

The whole of `sluice report`, from the start of its process and with the copy there, is measured against our reader's grouping of
the same log; that log has a million fills (fewer where fewer are asked for).

Run: .venv/bin/python benchmarks/tca.py [--fills N] [--rounds N] [--directory DIR]
Last lines: `ratio tca_jsonl X` (bound 1.5), `ratio tca_parquet X` (bound 0.35), `ratio report_over_grouping X` (bound 5), `peak
tca_jsonl_mb X` (bound 1000), `peak report_mb X` (bound 1000).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import duckdb
import msgspec

from analysis.log_store import MEMORY_MB, THREADS, connect, open_log
from lakehouse.records import Fill, Recovery
from orders.values import Side

BOUNDS: Final = {"tca_jsonl": 1.5, "tca_parquet": 0.35, "report_over_grouping": 5}
REPORT_FILLS: Final = 1_000_000
PEAK_MB_MAX: Final = 1000
FILLS: Final = 10_000_000
VENUES: Final = ("BINANCE", "KRAKEN", "OKX")
SYMBOLS: Final = 500  # at each venue: 1,500 groups
VARIANTS: Final = 20  # of prices and quantities in a group
SEED: Final = 20261126
BATCH: Final = 10_000
BEGIN_NS: Final = 1_790_000_000 * 10**9
NUMBERS: Final = ("quantity", "price", "arrival_mid", "notional_quote", "fee")
DECIMALS: Final = {"quantity": "10", "price": "15", "arrival_mid": "15", "notional_quote": "24", "fee": "18"}

QUESTION: Final = """
    SELECT venue, symbol, count(*), sum(notional_quote), sum(fee),
        sum(CASE side WHEN 'BUY' THEN quantity * (price - arrival_mid) ELSE quantity * (arrival_mid - price) END),
        quantile_disc(event_ns - sent_ns, [0.5, 0.95, 0.99])
    FROM {source} GROUP BY venue, symbol ORDER BY venue, symbol
"""


def main() -> None:
    """Make the log, ask every reader in turn, print times and ratios; exit 1 where answers differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=FILLS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=None, help="where the log is made (a temporary directory)")
    parser.add_argument("--reader", choices=sorted(READERS), help=argparse.SUPPRESS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader is not None:
        answer(options.reader, options.log)
        return
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="sluice-tca-") as folder:
        log = Path(folder) / "execution_logs.jsonl"
        begin = time.perf_counter()
        make_log(log, fills=options.fills)
        print(f"made {options.fills} fills, {log.stat().st_size / 1e9:.2f} GB in {time.perf_counter() - begin:.1f} s", flush=True)
        told = measure(log, rounds=options.rounds)
        lakehouse = Path(folder) / "lakehouse"
        lakehouse.mkdir()
        make_log(lakehouse / log.name, fills=min(options.fills, REPORT_FILLS))
        told |= measure_report(lakehouse, rounds=options.rounds)
    for name, bound in BOUNDS.items():
        print(f"ratio {name} {told[name]:.3f} (bound {bound})")
    print(f"peak tca_jsonl_mb {told['peak_mb']:.0f} (bound {PEAK_MB_MAX})")
    print(f"peak report_mb {told['report_mb']:.0f} (bound {PEAK_MB_MAX})")


def measure(log: Path, *, rounds: int) -> dict[str, float]:
    """Return ratios and the peak of our readers; the copy is made first, and extended by a few lines."""
    made = run("make_copy", log)
    print(f"copy made in {made['seconds']:.1f} s, peak {made['peak_mb']:.0f} MB", flush=True)
    with log.open("ab") as file:
        lines = int(made["rows"]) + 2
        file.write(b"".join(fill_lines(random.Random(SEED + 1), first_seq=lines, count=1_000)))
    extended = run("make_copy", log)
    print(f"copy extended by 1,000 fills in {extended['seconds']:.2f} s", flush=True)
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in READERS if name not in ("make_copy", "report")}
    for number in range(rounds):
        for name in told if number % 2 == 0 else reversed(told):
            told[name].append(run(name, log))
    exact = {one["answer"] for name, all_of in told.items() if name != "read_json_double" for one in all_of}
    if len(exact) != 1:
        sys.exit("the readers' answers differ")
    seconds = {name: [one["seconds"] for one in all_of] for name, all_of in told.items()}
    cpu = {name: min(one["cpu"] for one in all_of) for name, all_of in told.items()}
    for name, all_of in told.items():
        peak, all_seconds = max(one["peak_mb"] for one in all_of), ", ".join(f"{one['seconds']:.2f}" for one in all_of)
        print(f"{name}: {all_seconds} s, processor {cpu[name]:.2f} s, peak {peak:.0f} MB")
    print(f"jsonl over read_json: processor {cpu['jsonl'] / cpu['read_json']:.3f} (no bound)")
    print(f"jsonl over read_json with DOUBLE: {paired(seconds['jsonl'], seconds['read_json_double']):.3f} (no bound)")
    return {
        "tca_jsonl": paired(seconds["jsonl"], seconds["read_json"]),
        "tca_parquet": paired(seconds["parquet"], seconds["jsonl"]),
        "peak_mb": max(one["peak_mb"] for name in ("jsonl", "parquet") for one in told[name]),
    }


def paired(ours: list[float], theirs: list[float]) -> float:
    """Return the median over rounds of the ratio within a round."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def measure_report(lakehouse: Path, *, rounds: int) -> dict[str, float]:
    """Return the time of `sluice report` over our reader's, in turn on one log (`paired`), and the report's peak."""
    log = lakehouse / "execution_logs.jsonl"
    run("make_copy", log)
    grouping, reports, peaks, cpu = [], [], [], []
    for _ in range(rounds):
        told = run("jsonl", log)
        grouping.append(told["seconds"])
        begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        peaks.append(run("report", log)["peak_mb"])
        reports.append(time.perf_counter() - begin)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / told["cpu"])
    for name, all_seconds in (("grouping", grouping), ("report", reports)):
        print(f"{name}: {', '.join(f'{seconds:.2f}' for seconds in all_seconds)} s")
    print(f"report over grouping: processor {median(cpu):.3f} (no bound)")
    return {"report_over_grouping": paired(reports, grouping), "report_mb": max(peaks)}


def run(reader: str, log: Path) -> dict[str, Any]:
    """Return what one reader in a process of its own tells."""
    command = [sys.executable, __file__, "--reader", reader, "--log", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{reader} failed: {done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


# --- the readers; each in a process of its own ---


def answer(reader: str, log: Path) -> None:
    """Ask the question once, and print time, memory and a digest of the answer."""
    begin, cpu = time.perf_counter(), time.process_time()
    rows = READERS[reader](log)
    seconds, used = time.perf_counter() - begin, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    exact = [[str(value.normalize()) if hasattr(value, "normalize") else value for value in row] for row in rows]
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": used,
                "peak_mb": peak_mb,
                "rows": sum(row[2] for row in rows),
                "answer": json.dumps(exact),
            }
        )
    )


def jsonl(log: Path) -> list[Any]:
    with open_log(log, copy=False) as store:
        return store.rows(QUESTION.format(source="fills"))


def parquet(log: Path) -> list[Any]:
    with open_log(log) as store:
        assert not store.notes, store.notes
        return store.rows(QUESTION.format(source="fills"))


def report(log: Path) -> list[Any]:
    """Make the page as the command does; no rows."""
    from commands import main as sluice

    command = ["report", "--lakehouse", str(log.parent), "--html", str(log.parent / "report.html")]
    with contextlib.redirect_stdout(io.StringIO()):
        ended = sluice.run(command)
    if ended:
        sys.exit(f"sluice report ended with {ended}")
    return []


def read_json(log: Path) -> list[Any]:
    return plain(log, {name: f"DECIMAL(38,{DECIMALS[name]})" for name in NUMBERS})


def read_json_double(log: Path) -> list[Any]:
    return plain(log, dict.fromkeys(NUMBERS, "DOUBLE"))


def plain(log: Path, numbers: dict[str, str]) -> list[Any]:
    types = {"type": "VARCHAR", "venue": "VARCHAR", "symbol": "VARCHAR", "side": "VARCHAR", **numbers}
    types |= {"sent_ns": "BIGINT", "event_ns": "BIGINT"}
    source = f"(FROM read_json('{log}', format = 'newline_delimited', columns = {types}) WHERE \"type\" = 'fill')"
    connection: duckdb.DuckDBPyConnection = connect(memory_mb=MEMORY_MB, threads=THREADS)
    return connection.execute(QUESTION.format(source=source)).fetchall()


READERS: Final = {
    "read_json": read_json,
    "read_json_double": read_json_double,
    "jsonl": jsonl,
    "parquet": parquet,
    "make_copy": parquet,
    "report": report,
}


# --- the log ---


def make_log(path: Path, *, fills: int) -> None:
    """Write a `recovery` line and `fills` fills, seeded; the last whole, no torn tail."""
    rng = random.Random(SEED)
    with path.open("wb", buffering=1 << 22) as file:
        first = Recovery(seq=1, ts_ns=BEGIN_NS, market_ns=BEGIN_NS, run_id="bench", saved_as=None, bytes_cut=0)
        file.write(msgspec.json.encode(first) + b"\n")
        for at in range(0, fills, BATCH):
            file.writelines(fill_lines(rng, first_seq=at + 2, count=min(BATCH, fills - at)))


def fill_lines(rng: random.Random, *, first_seq: int, count: int) -> list[bytes]:
    """Return lines as the journal's encoder makes them: encoded templates, filled with what differs from line to line."""
    choices, pick, wait = templates(), rng.random, rng.expovariate
    made = []
    for seq in range(first_seq, first_seq + count):
        sent = BEGIN_NS + seq * 1_000_000
        event = sent + 20_000_000 + int(wait(1e-7))
        arrived = sent - 3_000_000
        values = (
            seq, event, event, seq, seq, seq, arrived, sent - 900_000_000, sent - 800_000_000, sent - 2_000_000, sent - 1_500_000,
            sent - 200_000, sent, event - 1_000, event,
        )  # fmt: skip
        made.append(choices[int(pick() * len(choices))] % values)
    return made


@cache
def templates() -> tuple[bytes, ...]:
    """Return `VARIANTS` lines for each group with their own prices and quantities; numbers, ids and times are left to fill in."""
    rng = random.Random(SEED)
    made = []
    for group in range(len(VENUES) * SYMBOLS):
        base, places = rng.randrange(10**4, 10**7), rng.randrange(2, 7)
        made += [template(rng, group=group, mid=base + rng.randrange(base // 50), places=places) for _ in range(VARIANTS)]
    return tuple(made)


def template(rng: random.Random, *, group: int, mid: int, places: int) -> bytes:
    """Return one encoded fill of a group, `mid` in units of 10**-`places`, with %d and %x where a line differs from the next."""
    venue, ticker = VENUES[group % len(VENUES)], f"S{group // len(VENUES):03d}USDT"
    unit = Decimal(1).scaleb(-places)
    arrival, price = mid * unit, (mid + rng.randrange(-mid // 1_000, mid // 500)) * unit
    quantity = Decimal(rng.randrange(1, 10**6)).scaleb(-5)
    notional = quantity * price
    bid, ask = arrival - unit / 2, arrival + unit / 2
    line = Fill(
        ts_ns=2, market_ns=3, run_id="20261126T111018-9036", client_order_id="%032x", venue_order_id="S%032x",
        trade_id="T-%016x-001", venue=venue, account=f"{venue}-001", symbol=f"{venue}:{ticker}",
        instrument_id=f"{ticker}.{venue}", side=rng.choice((Side.BUY, Side.SELL)), quantity=text(quantity),
        price=text(price), multiplier="1",
        notional_quote=text(notional), quote_currency="USDT", base_currency=ticker[:4], fee=text(round(notional / 1_000, 8)),
        fee_currency="USDT", liquidity=rng.choice(("maker", "taker")), order_kind="MARKET", order_quantity=text(quantity),
        filled_quantity=text(quantity), strategy_id="SLUICE-003", cycle=1, line=group, source_run="20250107-bars-decree",
        run_ledger_head="e9" * 32, manifest_sha256="70" * 32, plan_sha256="3a" * 32, config_sha256="5f" * 32,
        limits_sha256="dc" * 32, market_limits_sha256="51" * 32, assumptions_sha256="d0" * 32, environment="bench",
        decision_price=text(arrival - 3 * unit), arrival_bid=text(bid), arrival_ask=text(ask), arrival_mid=text(arrival),
        arrival_ns=7, fill_bid=text(bid), fill_ask=text(ask),
        manifest_written_ns=8, manifest_read_ns=9, planned_ns=10, approved_ns=11, intent_durable_ns=12, sent_ns=14, acked_ns=13,
        event_ns=15, attribution={"custom/hrp": text(quantity)},
    )  # fmt: skip
    return TIMES.sub(rb'"\1":%d', msgspec.json.encode(line)) + b"\n"


TIMES: Final = re.compile(rb'"(seq|[a-z_]+_ns)":\d+')


def text(number: Decimal) -> str:
    """Return plain notation, as the journal has it."""
    return format(number, "f")


if __name__ == "__main__":
    main()
