"""Harnesses of the conformance suite: one venue contract, driven the same way whatever venue and kernel are behind it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from nautilus_trader.model.enums import TimeInForce
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from engine.assemble import Assembly, Parts, write_run_start
from engine.market_time import IDENTITY, MarketTime
from engine.order_desks import SteppedOrders
from engine.restore import balances_of
from engine.snapshots_out import SnapshotWriter
from lakehouse import records
from lakehouse.opening import open_journal
from lakehouse.permission import MemoryPermission
from lakehouse.rebuild import LogFold, decode_line
from sim.backtest import Backtest
from sim.backtest_run import portfolio_at
from sim.feed import FeedQuote
from sim.replay_client import tick_of
from tests.conformance.armed import send_armed
from tests.conformance.made import DAY_NS, MS, Made
from tests.conformance.traded import PAIR, SHARE, Traded
from venues.base import OrderRequest, OrderResponse
from venues.desk_adapter import DeskAdapter
from venues.router import Router
from venues.simulated.adapter import SimulatedAdapter

RUN_ID = "conformance"
EXPIRES_MS = 300  # longer than the assumed latency
ALL = frozenset({"market", "limit", "cancel", "partial_fills", "cash_account", "halt"})
SIMULATED = ALL | {"post_only", "latency", "base_fees", "pairs", "shares", "max_quantity"}

type VenueFill = tuple[str, str, Decimal, Decimal, Decimal]  # trade id, instrument id, quantity, price, fee


class Harness(ABC):
    """One engine over the made market, started, with its manifest accepted and nothing held."""

    name: ClassVar[str]
    first: ClassVar[Traded] = PAIR  # what the cases trade
    other: ClassVar[Traded] = SHARE  # beside it, always at a simulated venue
    capabilities: ClassVar[frozenset[str]] = SIMULATED
    event_step_ns: ClassVar[int] = 0  # how coarse the venue's own time is
    outliving: ClassVar[tuple[str, ...]] = ()  # venues that are not this process'
    may_resend = False  # a case in which the venue says that nothing was taken
    assembly: Assembly
    kernel: Any
    orders: Any
    journal: Any
    made: Made
    parts: Parts
    market_time: MarketTime

    # what differs

    @abstractmethod
    def set_quote(self, of: Traded, bid: str, ask: str, *, size: str = "1000") -> None:
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
        """Return the simulated venue itself."""

    @abstractmethod
    def own_permission(self) -> Any:
        """Return the permission to send of an engine that is about to be made."""

    @abstractmethod
    def stop(self) -> None:
        """End the engine; the log is closed by the caller before."""

    def adapter_of(self, venue: str) -> DeskAdapter:
        """Return the specification's adapter of a venue, over this engine."""
        return SimulatedAdapter(venue=venue, desk=self.orders, market_limits=self.parts.market_limits)

    # what is the same

    @property
    def share(self) -> Traded:
        """The one of the two that is a share."""
        return self.first if self.first.base is None else self.other

    @property
    def pair(self) -> Traded:
        """The one of the two that is a pair."""
        return self.other if self.first.base is None else self.first

    def adapter(self, of: Traded | None = None) -> DeskAdapter:
        router = Router(self.adapter_of(venue) for venue in self.parts.config.venues)
        adapter = router.route((of or self.first).symbol, self.parts.listings)
        assert isinstance(adapter, DeskAdapter)
        return adapter

    def submit(self, request: OrderRequest) -> OrderResponse:
        of = self.first if request.symbol == self.first.symbol else self.other
        return self.adapter(of).submit_order(request)

    def cancel(self, client_order_id: str) -> OrderResponse:
        return self.adapter().cancel(client_order_id)

    def rest(self) -> str:
        """Send a buy that rests and return its client order id."""
        response = self.submit(self.made.request("BUY", limit=self.first.rests))
        assert (response.status, response.filled_quantity, response.average_price) == ("OPEN", Decimal(0), None), response
        assert response.client_order_id is not None
        return response.client_order_id

    def ended_by_venue(self) -> str:
        """Send a buy that rests until the venue itself ends it; return its client order id."""
        order_id = send_armed(self, limit=self.first.rests, time_in_force=TimeInForce.GTD, expires_ms=EXPIRES_MS)
        self.ask_until(order_id, "OPEN", "CANCELLED")  # on a busy machine its time may be over already
        self.advance(2 * EXPIRES_MS)
        self.set_quote(self.first, self.first.bid, self.first.ask)
        return order_id

    def cancel_while_it_fills(self, order_id: str) -> None:
        """Ask for a cancel; before it is at the venue the market reaches the order."""
        assert self.assembly.facade.cancel(order_id)
        self.set_quote(self.first, *self.first.crossed)

    def halt(self) -> None:
        self.on_engine(lambda: self.assembly.halt("a test"))

    def ask_until(self, client_order_id: str, *statuses: str) -> OrderResponse:
        """Let time pass until the order has one of these statuses, bounded; return what is known of it then."""
        for _ in range(1_000):
            response = self.adapter().ask(client_order_id)
            if response.status in statuses:
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
        """What the venue's own account says it holds of currencies."""

        def read() -> dict[str, Decimal]:
            totals = self.exchange(venue).get_account().balances_total()
            return {currency.code: amount.as_decimal() for currency, amount in totals.items()}

        return self.on_engine(read)

    def book_balances(self, venue: str) -> dict[str, Decimal]:
        """What our book says the venue's account holds: cash, and spot inventory as its base currency."""

        def read() -> dict[str, Decimal]:
            return balances_of(
                self.assembly.recorder.keeper,
                venue,
                account=self.parts.config.venues[venue].account,
                listings=self.parts.listings,
                limits=self.parts.market_limits,
                carried={},
            )

        return self.on_engine(read)

    def share_positions(self) -> dict[str, Decimal]:
        """What the venue, or Nautilus for a simulated one, holds of shares, by platform symbol."""
        listings = self.parts.listings

        def read() -> dict[str, Decimal]:
            instrument = InstrumentId.from_str(listings[self.share.symbol].instrument_id)
            held = [position.signed_decimal_qty() for position in self.kernel.cache.positions_open(instrument_id=instrument)]
            return {self.share.symbol: sum(held, Decimal(0))}

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

    def sent(self) -> list[str]:
        """Client order ids that have a send line, once a line, whatever became of them."""
        return [line["client_order_id"] for line in self._read("send") if line["action"] == "submit"]

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

    def venue_fills(self) -> list[VenueFill]:
        """Every fill of the first venue, as its own record has it; a simulated venue's record is what the engine was told."""
        known = InstrumentId.from_str(self.first.instrument_id)
        return self.on_engine(
            lambda: [
                (
                    event.trade_id.value, event.instrument_id.value, event.last_qty.as_decimal(), event.last_px.as_decimal(),
                    event.commission.as_decimal(),
                )
                for order in self.kernel.cache.orders(instrument_id=known)
                for event in order.events
                if isinstance(event, OrderFilled)
            ]
        )  # fmt: skip

    def venue_ids(self) -> list[str]:
        """The client order id of every order that the first venue ever took; a simulated one says so in the record."""
        return [line["client_order_id"] for line in self.lines("received") if line["venue"] == self.first.venue]

    def _make_parts(self, *, permission: Any, durable: bool, **more: Any) -> Parts:
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
            **more,
        )

    def _write_start(self) -> None:
        write_run_start(self.assembly, self.parts, kind=self.name, version="0", data_source="made", synthetic=["everything"])

    def _tick(self, of: Traded, bid: str, ask: str, size: str, *, ts_ns: int) -> Any:
        instrument = self.kernel.cache.instrument(InstrumentId.from_str(of.instrument_id))
        quote = FeedQuote(
            market_ns=ts_ns, symbol=of.symbol, bid=Decimal(bid), ask=Decimal(ask), bid_size=Decimal(size), ask_size=Decimal(size)
        )
        return tick_of(quote, instrument, ts_ns=ts_ns)


class BacktestHarness(Harness):
    """The simulated venue in a `BacktestEngine`; time passes only when told."""

    name = "backtest"

    def __init__(self, made: Made) -> None:
        self.made = made
        self.market_time = IDENTITY
        self.journal = open_journal(made.layout, now_ns=DAY_NS, run_id=RUN_ID, durable=False)
        self.parts = self._make_parts(permission=self.own_permission(), durable=False)
        self.test = Backtest(self.parts)
        self.assembly, self.kernel = self.test.assembly, self.test.engine.kernel
        self.orders = SteppedOrders(self.assembly.facade, advance=self.test.advance, step_ns=10 * MS, steps_max=100)
        self._write_start()
        ticks = [self._tick(each, each.bid, each.ask, "1000", ts_ns=DAY_NS) for each in (self.first, self.other)]
        self.test.feed(ticks, [portfolio_at(self.parts.config, DAY_NS + MS, made.manifest)])
        assert self.assembly.strategy.at_rest

    def set_quote(self, of: Traded, bid: str, ask: str, *, size: str = "1000") -> None:
        self.test.feed([self._tick(of, bid, ask, size, ts_ns=self.kernel.clock.timestamp_ns() + MS)])

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

    def own_permission(self) -> Any:
        return MemoryPermission()

    def client(self, venue: str) -> Any:
        return self.test.clients[venue]

    def exchange(self, venue: str) -> Any:
        return self.test.clients[venue]._wired

    def stop(self) -> None:
        self.test.finish()
        self.test.dispose()
