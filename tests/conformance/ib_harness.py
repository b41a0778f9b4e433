"""The harness `ib`: the node of `node`, its account at Interactive Brokers behind a fake TWS, through Nautilus' own IB client."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from nautilus_trader.model.identifiers import InstrumentId

from engine.node import MakeClient
from engine.trading_node import MadeNode
from sim.rehearsal.tws.handle import FakeTws
from tests.conformance.harness import ALL, VenueFill
from tests.conformance.made import Made
from tests.conformance.node_harness import Life
from tests.conformance.outside_harness import OutsideHarness
from tests.conformance.traded import PAIR, SHARE_AT_IB, Traded
from tests.ibkr.world import QUICK
from venues.desk_adapter import DeskAdapter
from venues.ibkr.adapter import IBKRAdapter
from venues.ibkr.assembly import IbkrLine
from venues.ibkr.gateway import HOST, gateway

SHARE_AT_VENUE = "AAPL"
CLIENT_ID = 7
KINDS = {"no answer": ("swallow", "mute"), "line dropped": ("drop", "drop_after")}  # fault -> TWS', before the work and after
SAID = {"too many requests": (100, "Max rate of messages per second has been exceeded"), "id taken": (103, "Duplicate order id")}


class ElsewhereTws(FakeTws):
    """The hand of a process that did not start the fake TWS."""

    def __init__(self, facts: dict[str, str]) -> None:
        self.port, self._control_port, self.account = int(facts["port"]), int(facts["control_port"]), facts["account"]


class IbHarness(OutsideHarness):
    """Orders in the share, and its prices, go over TWS' socket; the pair of the made market is at a simulated venue beside it."""

    name = "ib"
    first = SHARE_AT_IB
    other = PAIR
    outliving = (SHARE_AT_IB.venue,)
    capabilities = ALL | {"shares", "kill", "venue_rejects", "faults", *KINDS, *SAID}
    line_lost = "VENUE_LINE_LOST"
    fault_alarms = frozenset({"VENUE_LINE_LOST", "VENUE_LINE_BACK", "VENUE_MESSAGE"})
    event_step_ns = 1_000_000_000  # TWS tells time in seconds

    _process: ClassVar[FakeTws | None] = None  # one for all cases; each begins anew

    def __init__(self, made: Made, *, life: Life | None = None) -> None:
        if life is not None:
            self.tws = ElsewhereTws(life.venue)
        else:
            if IbHarness._process is None:
                IbHarness._process = FakeTws.start()
            self.tws = IbHarness._process
            self.tws.reset({SHARE_AT_IB.cash: made.cash})
        super().__init__(made, life=life)

    def venue_facts(self) -> dict[str, str]:
        return {"port": str(self.tws.port), "control_port": str(self.tws._control_port), "account": self.tws.account}

    @classmethod
    def end_venue(cls) -> None:
        """End the fake TWS, if a case has started it."""
        if IbHarness._process is not None:
            IbHarness._process.stop()
            IbHarness._process = None

    def adapter_of(self, venue: str) -> DeskAdapter:
        if venue != SHARE_AT_IB.venue:
            return super().adapter_of(venue)
        return IBKRAdapter(desk=self.orders, market_limits=self.parts.market_limits)

    def _prices(self) -> dict[str, MakeClient]:
        address = gateway(host=HOST, port=self.tws.port, client_id=CLIENT_ID, account=self.tws.account)
        self._line = IbkrLine(address, listings=self.parts.listings, market_limits=self.parts.market_limits, timing=QUICK)
        return {SHARE_AT_IB.venue: self._line.data}

    def _execution(self, venue: str, made: MadeNode) -> MakeClient:
        if venue != SHARE_AT_IB.venue:
            return super()._execution(venue, made)
        make: Callable[..., Any] = self._line.execution(
            lock=made.assembly.gate,
            tap=made.assembly.recorder,
            halt=made.assembly.halt,
            alarm=self._alarm,
            jitter=lambda: 0.5,
            known_fills=self.parts.fold.fill_keys,
        )
        return self._kept(venue, make)

    def break_next(self, request: str, fault: str, *, after: bool) -> None:
        name = {"create": "place", "cancel": "cancel"}[request]
        if fault in KINDS:
            self.tws.fault(name, KINDS[fault][after])
        else:
            code, text = SAID[fault]
            self.tws.fault(name, "warn" if after else "error", code=code, text=text)

    def struck(self) -> int:
        return len(self.tws.faults_done())

    def mend(self) -> None:
        self.tws.sound()
        client = self.client(self.first.venue)
        self._wait(lambda: client._in_step and client._session.in_touch)  # a line that was dropped is there again

    def move(self, of: Traded, bid: str, ask: str, *, size: str = "1000") -> None:
        self.tws.quote(SHARE_AT_VENUE, bid, ask, bid_size=size, ask_size=size)

    def cut_line(self) -> None:
        self.tws.cut()

    def repeat_all(self) -> None:
        self.tws.duplicate(True)

    def end(self, client_order_id: str) -> None:
        self.tws.end(client_order_id)

    def refuse_next(self) -> None:
        self.tws.fault("place", "error", code=201, text="Order rejected - reason:YOUR ACCOUNT HAS INSUFFICIENT FUNDS")

    def posts(self, client_order_id: str) -> int:
        return self.tws.places(client_order_id)

    def restart_venue(self) -> None:
        self.tws.outage(1_000)

    def set_quote(self, of: Traded, bid: str, ask: str, *, size: str = "1000") -> None:
        """At IB the market moves at TWS, and is known here once its ticks have come, each side by itself."""
        if of is not SHARE_AT_IB:
            super().set_quote(of, bid, ask, size=size)
            return
        self.move(of, bid, ask, size=size)
        wanted = (Decimal(bid), Decimal(ask))
        self._wait(lambda: self._seen(of) == wanted)

    def _seen(self, of: Traded) -> tuple[Decimal, Decimal] | None:
        tick = self.kernel.cache.quote_tick(InstrumentId.from_str(of.instrument_id))
        return None if tick is None else (tick.bid_price.as_decimal(), tick.ask_price.as_decimal())

    def venue_orders(self, venue: str) -> list[str]:
        if venue != SHARE_AT_IB.venue:
            return super().venue_orders(venue)
        return [order.order_ref.rpartition(":")[0] for order in self.tws.truth().orders if order.works]

    def venue_balances(self, venue: str) -> dict[str, Decimal]:
        if venue != SHARE_AT_IB.venue:
            return super().venue_balances(venue)
        return self.tws.truth().state.cash

    def share_positions(self) -> dict[str, Decimal]:
        """What TWS holds, which Nautilus must hold too."""
        (held,) = (*self.tws.truth().state.positions.values(), Decimal(0))[:1]
        assert super().share_positions() == {SHARE_AT_IB.symbol: held}
        return {SHARE_AT_IB.symbol: held}

    def venue_fills(self) -> list[VenueFill]:
        return [
            (each.exec_id, SHARE_AT_IB.instrument_id, each.quantity, each.price, each.fee) for each in self.tws.truth().executions
        ]

    def venue_ids(self) -> list[str]:
        return [order.order_ref.rpartition(":")[0] for order in self.tws.truth().orders]
