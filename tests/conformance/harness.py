"""Harnesses of the conformance suite: one venue contract, driven the same way in a backtest kernel and in a live node."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from engine.assemble import Assembly, Parts, assemble, write_run_start
from engine.instruments import expiry_sentinel, instrument_of
from engine.lakehouse_client import LakehouseDataClient
from engine.market_time import IDENTITY, MarketTime
from engine.node import build, make_node
from engine.order_desks import LiveOrders, SteppedOrders, simulated_router
from engine.restore import balances_of
from engine.snapshots_out import SnapshotWriter
from lakehouse import records
from lakehouse.manifest import read_manifest
from lakehouse.opening import open_journal
from lakehouse.permission import FilePermission, MemoryPermission
from lakehouse.rebuild import LogFold, decode_line
from sim.backtest import Backtest
from sim.backtest_run import portfolio_at
from sim.feed import FeedQuote
from sim.replay_client import ReplayDataClient, tick_of
from strategies.target_portfolio import LAKEHOUSE_CLIENT
from tests.conformance.made import AAPL, BTC, DAY_NS, MS, Made
from venues.base import OrderRequest, OrderResponse
from venues.simulated.adapter import SimulatedAdapter
from venues.simulated.shadow import ShadowExecutionClient

WAIT_S = 60.0
RUN_ID = "conformance"


class Harness(ABC):
    """One engine over the made market, started, with its manifest accepted and nothing held."""

    name: str
    capabilities = frozenset(
        {"market", "limit", "cancel", "partial_fills", "latency", "base_fees", "cash_account", "halt", "shares"}
    )
    event_step_ns = 0  # how coarse the venue's own time is
    assembly: Assembly
    kernel: Any
    orders: Any
    journal: Any
    made: Made
    parts: Parts
    market_time: MarketTime

    # what differs

    @abstractmethod
    def set_quote(self, symbol: str, bid: str, ask: str, *, size: str = "1000") -> None:
        """Make this the market now; `size` on both sides."""

    @abstractmethod
    def advance(self, ms: int) -> None:
        """Let that much time pass."""

    @abstractmethod
    def on_engine[T](self, work: Callable[[], T]) -> T:
        """Run `work` on the engine's thread and return its result."""

    @abstractmethod
    def start_order(self, request: OrderRequest) -> Callable[[], OrderResponse]:
        """Submit without waiting; the result is a call that waits for the outcome."""

    @abstractmethod
    def client(self, venue: str) -> Any:
        """Return the execution client as an intruder would hold it."""

    @abstractmethod
    def exchange(self, venue: str) -> Any:
        """Return the venue itself."""

    @abstractmethod
    def stop(self) -> None:
        """End the engine; the log is closed by the caller before."""

    # what is the same

    def adapter(self, symbol: str = BTC) -> SimulatedAdapter:
        router = simulated_router(self.orders, venues=self.parts.config.venues, market_limits=self.parts.market_limits)
        adapter = router.route(symbol, self.parts.listings)
        assert isinstance(adapter, SimulatedAdapter)
        return adapter

    def submit(self, request: OrderRequest) -> OrderResponse:
        return self.adapter(request.symbol).submit_order(request)

    def cancel(self, client_order_id: str) -> OrderResponse:
        return self.adapter().cancel(client_order_id)

    def halt(self) -> None:
        self.on_engine(lambda: self.assembly.halt("a test"))

    def ask_until(self, client_order_id: str, status: str) -> OrderResponse:
        """Let time pass until the order has this status, bounded; return what is known of it then."""
        for _ in range(100):
            response = self.adapter().ask(client_order_id)
            if response.status == status:
                break
            self.advance(20)
        return response

    def settle(self) -> None:
        """Let anything that is on its way arrive."""
        self.advance(150)

    def venue_orders(self, venue: str) -> list[str]:
        """Client order ids that rest at the venue."""
        return self.on_engine(lambda: [order.client_order_id.value for order in self.exchange(venue).get_open_orders()])

    def venue_balances(self, venue: str) -> dict[str, Decimal]:
        """What the venue's own account says it holds."""

        def read() -> dict[str, Decimal]:
            totals = self.exchange(venue).get_account().balances_total()
            return {currency.code: amount.as_decimal() for currency, amount in totals.items()}

        return self.on_engine(read)

    def book_balances(self, venue: str) -> dict[str, Decimal]:
        """What our book says the venue's account holds: cash, and spot inventory as its base currency."""
        return self.on_engine(lambda: self._balances(venue))

    def _balances(self, venue: str) -> dict[str, Decimal]:
        return balances_of(
            self.assembly.recorder.keeper,
            venue,
            account=self.parts.config.venues[venue].account,
            listings=self.parts.listings,
            limits=self.parts.market_limits,
            carried={},
        )

    def share_positions(self) -> dict[str, Decimal]:
        """What Nautilus' cache holds of shares, by platform symbol."""
        listings = self.parts.listings

        def read() -> dict[str, Decimal]:
            instrument = InstrumentId.from_str(listings[AAPL].instrument_id)
            held = [position.signed_decimal_qty() for position in self.kernel.cache.positions_open(instrument_id=instrument)]
            return {AAPL: sum(held, Decimal(0))}

        return self.on_engine(read)

    def order(self, client_order_id: str) -> Any:
        """The order as the engine holds it, for an intruder to send again."""
        return self.on_engine(lambda: self.kernel.cache.order(ClientOrderId(client_order_id)))

    def lines(self, *kinds: str) -> list[dict[str, Any]]:
        """Log lines on disk so far, of these types or all."""
        self.on_engine(self.journal.flush)
        return self._read(*kinds)

    def _read(self, *kinds: str) -> list[dict[str, Any]]:
        found = [json.loads(raw) for raw in self.made.layout.log.read_bytes().splitlines()]
        return [line for line in found if not kinds or line["type"] in kinds]

    def rebuilt(self) -> LogFold:
        """What a restart would read from the log as it is now."""
        self.on_engine(self.journal.flush)
        fold = LogFold()
        for raw in self.made.layout.log.read_bytes().splitlines():
            fold.apply(decode_line(raw))
        return fold

    def close_record(self) -> None:
        """Write the last line, the state as of it, and close the log."""

        def write() -> None:
            recorder = self.assembly.recorder
            recorder.write(records.RunStop, cause="finished", open_orders=len(self.kernel.cache.orders_open()))
            self.journal.flush()
            writer = SnapshotWriter(
                layout=self.made.layout,
                config=self.parts.config,
                recorder=recorder,
                prices=self.assembly.prices,
                market_limits=self.parts.market_limits,
                listings=self.parts.listings,
                market_time=self.market_time,
                marks={},
                desk=self.assembly.desk,
            )
            writer.write_state(now_ns=self.kernel.clock.timestamp_ns(), log_line=recorder.last_line)
            self.assembly.sentinel.stop()
            self.journal.close()

        self.on_engine(write)

    def _make_parts(self, *, permission: Any, durable: bool) -> Parts:
        config, inputs = self.made.load()
        return Parts(
            config=config,
            run_id=RUN_ID,
            listings=inputs.listings,
            market_limits=inputs.market_limits,
            market_limits_sha256=inputs.market_limits_sha256,
            journal=self.journal,
            durable=durable,
            permission=permission,
            market_time=self.market_time,
            fold=self.journal.fold,
            bar_spec=None,
        )

    def _write_start(self) -> None:
        write_run_start(self.assembly, self.parts, kind=self.name, version="0", data_source="made", synthetic=["everything"])

    def _tick(self, symbol: str, bid: str, ask: str, size: str, *, ts_ns: int) -> Any:
        instrument = self.kernel.cache.instrument(InstrumentId.from_str(self.parts.listings[symbol].instrument_id))
        quote = FeedQuote(
            market_ns=ts_ns, symbol=symbol, bid=Decimal(bid), ask=Decimal(ask), bid_size=Decimal(size), ask_size=Decimal(size)
        )
        return tick_of(quote, instrument, ts_ns=ts_ns)


class BacktestHarness(Harness):
    """The simulated venue in a `BacktestEngine`; time passes only when told."""

    name = "backtest"

    def __init__(self, made: Made) -> None:
        self.made = made
        self.market_time = IDENTITY
        self.journal = open_journal(made.layout, now_ns=DAY_NS, run_id=RUN_ID, durable=False)
        self.parts = self._make_parts(permission=MemoryPermission(), durable=False)
        self.test = Backtest(self.parts)
        self.assembly, self.kernel = self.test.assembly, self.test.engine.kernel
        self.orders = SteppedOrders(self.assembly.facade, advance=self.test.advance, step_ns=10 * MS, steps_max=100)
        self._write_start()
        first = [
            self._tick(BTC, "100000", "100010", "1000", ts_ns=DAY_NS),
            self._tick(AAPL, "99.99", "100.01", "1000", ts_ns=DAY_NS),
        ]
        self.test.feed(first, [portfolio_at(self.parts.config, DAY_NS + MS, made.manifest)])
        assert self.assembly.strategy.at_rest

    def set_quote(self, symbol: str, bid: str, ask: str, *, size: str = "1000") -> None:
        self.test.feed([self._tick(symbol, bid, ask, size, ts_ns=self.kernel.clock.timestamp_ns() + MS)])

    def advance(self, ms: int) -> None:
        self.test.advance(ms * MS)

    def on_engine[T](self, work: Callable[[], T]) -> T:
        return work()

    def start_order(self, request: OrderRequest) -> Callable[[], OrderResponse]:
        ticket = self.orders.begin(request)

        def outcome() -> OrderResponse:
            self.settle()
            response: OrderResponse = self.orders.response(ticket)
            return response

        return outcome

    def client(self, venue: str) -> Any:
        return self.test.clients[venue]

    def exchange(self, venue: str) -> Any:
        return self.test.clients[venue]._wired

    def stop(self) -> None:
        self.test.finish()
        self.test.dispose()


class NodeHarness(Harness):
    """The simulated venue in a `TradingNode` on a real loop in a thread of its own; the test is the caller outside."""

    name = "node"

    def __init__(self, made: Made) -> None:
        self.made = made
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._clients: dict[str, ShadowExecutionClient] = {}
        self._data: dict[str, ReplayDataClient] = {}
        now = time.time_ns()
        self.market_time = MarketTime(real_epoch_ns=now, market_epoch_ns=DAY_NS, speed=1)
        permission = FilePermission(made.layout)
        permission.arm_if_new(by="first run", now_ns=now)
        self.failed: list[Exception] = []
        self.journal = open_journal(
            made.layout,
            now_ns=now,
            run_id=RUN_ID,
            durable=True,
            post=self._loop.call_soon_threadsafe,
            on_failure=self.failed.append,
        )
        self.parts = self._make_parts(permission=permission, durable=True)
        self._node = self._build()
        self.kernel = self._node.kernel
        self.orders = LiveOrders(self.assembly.facade, loop=self._loop, timeout_s=WAIT_S)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine")
        self._thread.start()
        assert self._started.wait(WAIT_S), "the node did not start"
        self.set_quote(BTC, "100000", "100010")
        self.set_quote(AAPL, "99.99", "100.01")
        self._wait(lambda: self.assembly.recorder.last_cycle == 1 and self.assembly.strategy.at_rest)

    def _build(self) -> Any:
        config, venues = self.parts.config, list(self.parts.config.venues)
        node = make_node(loop=self._loop, data_clients=[*venues, LAKEHOUSE_CLIENT], exec_clients=venues, log_level="ERROR")
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(number)
        self.assembly = assemble(node.kernel, self.parts)
        for symbol, limits in self.parts.market_limits.items():
            node.kernel.cache.add_instrument(instrument_of(self.parts.listings[symbol], limits))
        for venue in venues:
            node.kernel.cache.add_instrument(expiry_sentinel(venue))

        def data_of(venue: str) -> Any:
            def make(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
                self._data[venue] = ReplayDataClient(loop=loop, msgbus=msgbus, cache=cache, clock=clock, venue=venue)
                return self._data[venue]

            return make

        def lakehouse(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            return LakehouseDataClient(
                loop=loop,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                paths=(self.made.manifest,),
                judge=lambda: read_manifest(
                    self.made.manifest,
                    policy=config.manifest_policy(),
                    market_now_ns=self.assembly.recorder.market_now_ns(),
                    provenance=config.provenance_policy(),
                ),
                poll_interval_s=0.01,
                halt=self.assembly.halt,
            )

        build(
            node,
            data_clients={**{venue: data_of(venue) for venue in venues}, LAKEHOUSE_CLIENT: lakehouse},
            exec_clients={venue: self._execution_of(venue, node) for venue in venues},
        )
        return node

    def _execution_of(self, venue: str, node: Any) -> Callable[..., Any]:
        """Return what makes the venue's execution client."""

        def make(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            self._clients[venue] = ShadowExecutionClient(
                loop=loop,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                portfolio=node.kernel.portfolio,
                venue=venue,
                account=self.parts.config.venues[venue].account,
                balances=self._balances(venue),
                assumptions=self.parts.config.assumptions(),
                lock=self.assembly.gate,
                tap=self.assembly.recorder,
                halt=self.assembly.halt,
            )
            return self._clients[venue]

        return make

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._live())

    async def _live(self) -> None:
        self._stop = asyncio.Event()
        self.assembly.gate.own_thread()
        self._write_start()
        running = asyncio.create_task(self._node.run_async())
        while not self.kernel.trader.is_running:
            await asyncio.sleep(0.005)
        self._started.set()
        await self._stop.wait()
        await self._node.stop_async()
        await asyncio.gather(running, return_exceptions=True)

    def _wait(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not self.on_engine(until):
            assert time.monotonic() < deadline, "the node did not get there"
            time.sleep(0.005)

    def set_quote(self, symbol: str, bid: str, ask: str, *, size: str = "1000") -> None:
        venue = self.parts.listings[symbol].venue

        def publish() -> None:
            self._data[venue].publish(self._tick(symbol, bid, ask, size, ts_ns=self.kernel.clock.timestamp_ns()))

        self.on_engine(publish)

    def advance(self, ms: int) -> None:
        time.sleep(ms / 1_000)

    def on_engine[T](self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(WAIT_S)

    def start_order(self, request: OrderRequest) -> Callable[[], OrderResponse]:
        future: Future[OrderResponse] = self._pool.submit(self.submit, request)
        return future.result

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
