"""From an approved order to its request's bytes at a live venue, against a bare ccxt loop with one fdatasync an order.

Ours: from the moment the gate has said yes (it passes the order on) to the write of the POST: Nautilus' execution engine, the
second lock, SUBMITTED, the send line made durable by the journal's thread, ccxt's own request. Bare: a line of the same length
appended to a file of the same disk, fdatasync, then the same ccxt call of an unmodified ccxt.pro exchange. Both in one process,
at one rehearsal exchange on loopback, order by order in turn; the write is seen where aiohttp hands its bytes to the transport,
for both alike. Every order is filled before the next one. A ratio is the median over rounds of what both took in the same round.
TMPDIR names the disk; on a tmpfs, where a sync costs nothing, what is left is Python and the changes of thread.

Run: .venv/bin/python benchmarks/live.py [--rounds N] [--orders N] [--profile]
Last lines: `ratio p50 X` (bound 1.5) and `ratio p99 X` (no bound).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from types import SimpleNamespace
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp.http_writer
import ccxt.pro
from nautilus_trader.model.identifiers import ClientOrderId

from sim.rehearsal.handle import RehearsalVenue
from tests.ccxt_private.world import Engine, made_world, started
from tests.gate.script import approval_of, arm, order_from
from tests.gate.world import BTC

BOUND_P50: Final = 1.5
TOUCH: Final = {"BTCUSDT": ("99999.99", "100000.00"), "ETHUSDT": ("3999.99", "4000.00")}
QUANTITY: Final = "0.00010"
LINE: Final = b"x" * 283 + b"\n"  # as long as a send line
WARM: Final = 10
POST: Final = b"POST /api/v3/order"


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--orders", type=int, default=40, help="of each side, in a round")
    parser.add_argument("--profile", action="store_true", help="print where our side's time goes, by cProfile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, RehearsalVenue.start(balances={"USDT": "100000"}) as venue:
        for pair, (bid, ask) in TOUCH.items():
            venue.quote(pair, bid, ask, size="1000")
        found = asyncio.run(measure(Path(folder), venue, rounds=options.rounds, orders=options.orders, profile=options.profile))
    for name in ("p50", "p99"):
        ours, bare = (median(row[f"{side}_{name}"] for row in found) for side in ("ours", "bare"))
        print(f"median {name}  ours {ours * 1e6:.0f} us  bare {bare * 1e6:.0f} us")
    print(f"median fdatasync alone {median(row['sync_p50'] for row in found) * 1e6:.0f} us")
    print(f"bound p50 {BOUND_P50}")
    for name in ("p50", "p99"):
        print(f"ratio {name} {median(row[f'ours_{name}'] / row[f'bare_{name}'] for row in found):.3f}")


async def measure(root: Path, venue: RehearsalVenue, *, rounds: int, orders: int, profile: bool) -> list[dict[str, float]]:
    """Return for each round the seconds of both sides."""
    engine = Engine(
        made_world(root), SimpleNamespace(touch=TOUCH), venue.endpoint, key=venue.key, secret=venue.secret, wait_s=60.0
    )
    found = []
    with posts() as posted:
        async with started(engine):
            await engine.ready()
            ours, bare = Ours(engine, posted), await Bare.of(engine, root, posted)
            try:
                await ours.run(WARM)
                await bare.run(WARM)
                for number in range(rounds):
                    taken: dict[str, list[float]] = {"ours": [], "bare": []}
                    for turn in range(orders):
                        for side in ((ours, bare), (bare, ours))[turn % 2]:
                            taken[side.name] += await side.run(1)
                    row = named("ours", taken["ours"]) | named("bare", taken["bare"]) | {"sync_p50": median(bare.syncs)}
                    bare.syncs.clear()
                    found.append(row)
                    told = (f"{name} {value * 1e6:.0f}" for name, value in row.items())
                    print("  ".join([f"round {number + 1}", *told]), flush=True)
                if profile:
                    await profiled(ours, orders)
            finally:
                await bare.exchange.close()
    return found


def named(name: str, taken: list[float]) -> dict[str, float]:
    """Return p50 and p99 of some seconds."""
    return {f"{name}_p50": median(taken), f"{name}_p99": quantiles(taken, n=100, method="inclusive")[98]}


@contextmanager
def posts() -> Iterator[list[float]]:
    """Note when aiohttp has handed a POST of an order to its transport; `perf_counter` seconds."""
    writer: Any = aiohttp.http_writer.StreamWriter
    write, writelines, noted = writer._write, writer._writelines, []

    def own_write(self: Any, chunk: Any) -> None:
        write(self, chunk)
        if bytes(chunk[: len(POST)]) == POST:
            noted.append(time.perf_counter())

    def own_writelines(self: Any, chunks: Any) -> None:
        kept = list(chunks)
        writelines(self, kept)
        if kept and bytes(kept[0][: len(POST)]) == POST:
            noted.append(time.perf_counter())

    writer._write, writer._writelines = own_write, own_writelines
    try:
        yield noted
    finally:
        writer._write, writer._writelines = write, writelines


class Ours:
    """Orders through gate, engine, journal and execution client."""

    name = "ours"

    def __init__(self, engine: Engine, posted: list[float]) -> None:
        self._engine, self._posted, self._number, self._passed = engine, posted, 0, 0.0
        gate: Any = engine.assembly.gate
        inner: Callable[[Any], None] = gate._inner

        def approved(command: Any) -> None:
            self._passed = time.perf_counter()
            inner(command)

        gate._inner = approved

    async def run(self, orders: int) -> list[float]:
        """Return the seconds of each of so many orders."""
        taken = []
        engine = self._engine
        for _ in range(orders):
            self._number += 1
            order_id = f"{self._number:032x}"
            approval = approval_of(BTC, order_id=order_id, quantity=QUANTITY, limit=None)
            arm(engine.assembly, approval)
            engine.journal.flush()  # intents are durable long before their orders come to the gate
            before = len(self._posted)
            engine.assembly.strategy.submit_order(order_from(engine.assembly, approval))
            await self._filled(order_id)
            (sent,) = self._posted[before:]
            taken.append(sent - self._passed)
        return taken

    async def _filled(self, order_id: str) -> None:
        cache, end = self._engine.kernel.cache, time.monotonic() + 30
        while (order := cache.order(ClientOrderId(order_id))) is None or not order.is_closed:
            if time.monotonic() > end:
                raise SystemExit(f"{order_id} was not filled: {self._engine.lines('verdict', 'reject', 'alarm', 'halt')[-3:]}")
            await asyncio.sleep(0.005)
        if order.status.name != "FILLED":
            raise SystemExit(f"{order_id} is {order.status.name}: {self._engine.lines('verdict', 'reject')[-1]}")


class Bare:
    """The least that a person would write: a line, fdatasync, create_order."""

    name = "bare"

    def __init__(self, exchange: Any, descriptor: int, posted: list[float]) -> None:
        self.exchange, self._descriptor, self._posted, self._number = exchange, descriptor, posted, 0
        self.syncs: list[float] = []

    @classmethod
    async def of(cls, engine: Engine, root: Path, posted: list[float]) -> Bare:
        """At the same exchange with the same account; ccxt as it comes."""
        exchange = ccxt.pro.binance({"apiKey": engine.key, "secret": engine.secret, "enableRateLimit": False})
        exchange.urls = engine.ccxt.exchange.urls
        exchange.options |= engine.ccxt.exchange.options
        await exchange.load_markets()
        path = root / "bare.jsonl"
        return cls(exchange, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), posted)

    async def run(self, orders: int) -> list[float]:
        """Return the seconds of each of so many orders."""
        taken = []
        for _ in range(orders):
            self._number += 1
            before = len(self._posted)
            began = time.perf_counter()
            os.write(self._descriptor, LINE)
            os.fdatasync(self._descriptor)
            self.syncs.append(time.perf_counter() - began)
            answer = await self.exchange.create_order(
                "BTC/USDT", "market", "buy", QUANTITY, None, {"clientOrderId": f"bare{self._number:028x}"}
            )
            (sent,) = self._posted[before:]
            taken.append(sent - began)
            if answer["status"] != "closed":
                raise SystemExit(f"the bare order is {answer['status']}")
            await asyncio.sleep(0.02)  # until our own user stream has told the account what it did
        return taken


async def profiled(ours: Ours, orders: int) -> None:
    """Print what our side's orders spend most in."""
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.enable()
    await ours.run(orders)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    main()
