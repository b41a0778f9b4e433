"""The harness `node`, and what every harness in a live node shares: a loop in a thread of its own, prices by the test's hand."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from engine.market_time import MarketTime
from engine.node import MakeClient
from engine.order_desks import LiveOrders
from engine.restore import withdraw_dead
from engine.trading_node import MadeNode, make_trading_node
from lakehouse.opening import open_journal
from lakehouse.permission import FilePermission
from orders.values import Record
from sim.replay_client import ReplayDataClient
from sim.shadow_node import simulated_execution
from tests.conformance.harness import RUN_ID, SIMULATED, Harness
from tests.conformance.made import DAY_NS, Made
from tests.conformance.traded import Traded
from venues.base import OrderRequest, OrderResponse

WAIT_S = 60.0
CONNECT_S = 20.0


class Life(Record, frozen=True, kw_only=True):
    """One process' life over a record. `dies`: "before it is sent", "once it is received" (by a simulated venue), or "" where
    somebody else kills it. `begun_ns`: of the first life, whose market time goes on.
    """

    begun_ns: int
    dies: str
    venue: dict[str, str]


class MortalTap:
    """The recorder of a process that kills itself, by the hands of the execution clients that write to it."""

    def __init__(self, recorder: Any, *, dies: str) -> None:
        self._recorder = recorder
        self._dies = dies

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recorder, name)

    def when_durable(self, callback: Callable[[], None], *, meanwhile: Callable[[], None] | None = None) -> None:
        self._recorder.when_durable(_die if self._dies == "before it is sent" else callback, meanwhile=meanwhile)

    def received(self, client_order_id: str, *, venue: str, due_ns: int) -> None:
        self._recorder.received(client_order_id, venue=venue, due_ns=due_ns)
        if self._dies == "once it is received":
            self._recorder.when_durable(_die)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class HandSource:
    """Prices by hand: the half of a `PriceSource` that a node is made with. `clients` by venue, once the node has them."""

    def __init__(self, market_time: MarketTime, makers: dict[str, MakeClient]) -> None:
        """`makers`: of venues whose prices do not come by hand."""
        self.market_time = market_time
        self.clients: dict[str, ReplayDataClient] = {}
        self._makers = makers

    def maker(self, venue: str) -> MakeClient:
        def make(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            self.clients[venue] = ReplayDataClient(loop=loop, msgbus=msgbus, cache=cache, clock=clock, venue=venue)
            return self.clients[venue]

        return self._makers.get(venue, make)


class NodeHarness(Harness):
    """The simulated venue in a `TradingNode` on a real loop in a thread of its own; the test is the caller outside."""

    name = "node"
    capabilities = SIMULATED | {"kill"}

    def __init__(self, made: Made, *, life: Life | None = None) -> None:
        """`life`: another process' over a record that is there already; None: the first, over a new one."""
        self.made = made
        self.life = life
        begun_ns = time.time_ns() if life is None else life.begun_ns
        self.market_time = MarketTime(real_epoch_ns=begun_ns, market_epoch_ns=DAY_NS, speed=1)
        self.failed: list[Exception] = []
        self.halts: list[str] = []
        self.alarms: list[tuple[str, str]] = []
        self.expected_alarms: set[str] = set()
        self.expected_halts: set[str] = set()
        self._begin()
        self._wait(lambda: self.assembly.recorder.last_cycle >= 1 and self.assembly.strategy.at_rest)

    def next_life(self, dies: str) -> Life:
        """Return what another process needs to go on after this one, which has ended."""
        return Life(begun_ns=self.market_time.real_epoch_ns, dies=dies, venue=self.venue_facts())

    def venue_facts(self) -> dict[str, str]:
        """Where the venue is, for another process."""
        return {}

    def until_line(self, client_order_id: str, *kinds: str) -> dict[str, Any]:
        """Wait for a line of one of these kinds about an order, and return it."""
        found: list[dict[str, Any]] = []

        def came() -> bool:
            self.journal.flush()
            found[:] = [line for line in self._read(*kinds) if line["client_order_id"] == client_order_id]
            return bool(found)

        self._wait(came)
        return found[-1]

    def restart(self) -> None:
        """Another process' life over the same record, at the same venues; the one before has ended."""
        self._begin()

    def _begin(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._clients: dict[str, Any] = {}
        now = time.time_ns()
        permission = self.own_permission()
        permission.arm_if_new(by="first run", now_ns=now)
        self.journal = open_journal(
            self.made.layout,
            now_ns=now,
            run_id=RUN_ID,
            durable=True,
            post=self._loop.call_soon_threadsafe,
            on_failure=self.failed.append,
        )
        self.parts = self._make_parts(
            permission=permission, durable=True, on_halt=self.halts.append, post=self._loop.call_soon_threadsafe
        )
        self._source = HandSource(self.market_time, self._prices())
        made = self._made = make_trading_node(
            self.parts,
            loop=self._loop,
            source=self._source,  # type: ignore[arg-type]
            execution=lambda venue, made: self._execution(venue, self._mortal(made)),
            outliving=self.outliving,
            connect_s=CONNECT_S,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(number)
        self._node, self.kernel, self.assembly = made.node, made.node.kernel, made.assembly
        self.orders = LiveOrders(self.assembly.facade, loop=self._loop, timeout_s=WAIT_S)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine")
        self._thread.start()
        assert self._started.wait(WAIT_S), f"the node did not start: {self.alarms}"
        for each in (self.first, self.other):
            self.set_quote(each, each.bid, each.ask)

    def _mortal(self, made: MadeNode) -> MadeNode:
        """Return the node as its clients see it: with a recorder that ends the process where this life ends."""
        if self.life is None:
            return made
        recorder: Any = MortalTap(made.assembly.recorder, dies=self.life.dies)
        return replace(made, assembly=replace(made.assembly, recorder=recorder))

    def _prices(self) -> dict[str, MakeClient]:
        """Return the data clients of venues that have prices of their own."""
        return {}

    def _execution(self, venue: str, made: MadeNode) -> MakeClient:
        """Return what makes the venue's execution client, and keep the client."""
        return self._kept(venue, simulated_execution(self.parts, venue, made))

    def _kept(self, venue: str, make: MakeClient) -> MakeClient:
        def keeping(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            self._clients[venue] = make(loop, msgbus, cache, clock)
            return self._clients[venue]

        return keeping

    def _alarm(self, code: str, text: str) -> None:
        self.alarms.append((code, text))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._live())

    async def _live(self) -> None:
        self._stop = asyncio.Event()
        self.assembly.gate.own_thread()
        self._write_start()
        withdraw_dead(self._made.restored, fold=self.parts.fold, recorder=self.assembly.recorder)
        restored = self._made.restored
        self.assembly.desk.attach(self.assembly.strategy, restored.working, unwatched=restored.unwatched)
        running = asyncio.create_task(self._node.run_async())
        while not self.kernel.trader.is_running and not self._stop.is_set():
            await asyncio.sleep(0.005)
        self._started.set()
        await self._stop.wait()
        await self._node.stop_async()
        await asyncio.gather(running, return_exceptions=True)

    def _wait(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not self.on_engine(until):
            assert time.monotonic() < deadline, f"the node did not get there: {self.alarms}, {self.halts}"
            time.sleep(0.005)

    def set_quote(self, of: Traded, bid: str, ask: str, *, size: str = "1000") -> None:
        self.on_engine(lambda: self._publish(of, bid, ask, size))

    def _publish(self, of: Traded, bid: str, ask: str, size: str) -> None:
        now = self.kernel.clock.timestamp_ns()
        self._source.clients[of.venue].publish(self._tick(of, bid, ask, size, ts_ns=now))

    def cancel_while_it_fills(self, order_id: str) -> None:
        """In one breath on the engine's thread: no task of a client can send the cancel in between."""

        def work() -> None:
            assert self.assembly.facade.cancel(order_id)
            self._cross()

        self.on_engine(work)

    def _cross(self) -> None:
        """Move the market to where it reaches the resting order; on the engine's thread."""
        self._publish(self.first, *self.first.crossed, "1000")

    def halt(self) -> None:
        self.expected_halts.add("a test")
        super().halt()

    def advance(self, ms: int) -> None:
        time.sleep(ms / 1_000)

    def on_engine[T](self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(WAIT_S)

    def start_order(self, request: OrderRequest) -> Callable[[], OrderResponse]:
        future: Future[OrderResponse] = self._pool.submit(self.submit, request)
        return future.result

    def own_permission(self) -> Any:
        return FilePermission(self.made.layout)

    def client(self, venue: str) -> Any:
        return self._clients[venue]

    def exchange(self, venue: str) -> Any:
        return self._clients[venue]._exchange

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the node did not stop"
        self._pool.shutdown()
        self.kernel.dispose()
        self._loop.close()
        assert not self.failed
