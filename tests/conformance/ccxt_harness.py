"""The harness `ccxt`: the node of `node`, its Binance account at the rehearsal exchange through unmodified ccxt.pro."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from engine.node import MakeClient
from engine.trading_node import MadeNode
from sim.rehearsal.handle import RehearsalVenue
from tests import canary
from tests.ccxt_private.world import QUICK
from tests.conformance.harness import ALL, VenueFill
from tests.conformance.made import Made
from tests.conformance.node_harness import Life
from tests.conformance.outside_harness import FAULTS, OutsideHarness
from tests.conformance.traded import PAIR, Traded
from venues.ccxt.adapter import BinanceAdapter
from venues.ccxt.egress import VenueClient
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.execution_client import CcxtExecutionClient
from venues.ccxt.timing import CcxtTiming
from venues.ccxt.trading_profiles import BINANCE
from venues.desk_adapter import DeskAdapter
from venues.secrets import Redactor, VenueSecret

PAIR_AT_VENUE = "BTCUSDT"
REQUESTS = {"create": "POST order", "cancel": "DELETE order"}
KINDS = {  # fault -> the exchange's name of it, before the work and after
    "no answer": ("hang", "hang"),
    "503": ("unavailable", "unknown"),
    "504": ("gateway", "gateway"),
    "line dropped": ("drop", "drop"),
    "body cut off": ("truncated", "truncated"),
    "HTML": ("html", "html"),
    "too many requests": ("limited", "limited"),
    "clock off": ("clock", "clock"),
    "id taken": ("duplicate", "duplicate"),
}


class ElsewhereVenue(RehearsalVenue):
    """The hand of a process that did not start the exchange."""

    def __init__(self, facts: dict[str, str]) -> None:
        self.endpoint, self.control = facts["endpoint"], facts["control"]
        self.key, self.secret = canary.key(), canary.secret()


class CcxtHarness(OutsideHarness):
    """Orders in BTC go to the exchange's process; the share of the made market stays at the simulated venue beside it."""

    name = "ccxt"
    outliving = (PAIR.venue,)
    capabilities = ALL | {
        "base_fees",
        "pairs",
        "max_quantity",
        "post_only",
        "kill",
        "venue_rejects",
        "faults",
        "reordering",
        "silence",
        *FAULTS,
    }
    turned_away = frozenset({"too many requests", "clock off"})
    line_lost = "STREAM_LOST"
    fault_alarms = frozenset({"STREAM_LOST", "STREAM_STALE"})
    event_step_ns = 1_000_000  # the venue tells time in milliseconds

    timing: ClassVar[CcxtTiming] = QUICK

    _process: ClassVar[RehearsalVenue | None] = None  # one for all cases; each begins anew

    def __init__(self, made: Made, *, life: Life | None = None) -> None:
        if life is not None:
            self.venue = ElsewhereVenue(life.venue)
        else:
            if CcxtHarness._process is None:
                CcxtHarness._process = RehearsalVenue.start(key_file=canary.key_file())
            self.venue = CcxtHarness._process
            self.venue.reset({PAIR.cash: made.cash})
        self.move(PAIR, PAIR.bid, PAIR.ask)
        super().__init__(made, life=life)

    def venue_facts(self) -> dict[str, str]:
        return {name: getattr(self.venue, name) for name in ("endpoint", "control")}

    @classmethod
    def end_venue(cls) -> None:
        """End the exchange's process, if a case has started it."""
        if CcxtHarness._process is not None:
            CcxtHarness._process.stop()
            CcxtHarness._process = None

    def adapter_of(self, venue: str) -> DeskAdapter:
        if venue != PAIR.venue:
            return super().adapter_of(venue)
        return BinanceAdapter(desk=self.orders, market_limits=self.parts.market_limits)

    def _execution(self, venue: str, made: MadeNode) -> MakeClient:
        if venue != PAIR.venue:
            return super()._execution(venue, made)
        secret = VenueSecret(key=self.venue.key, secret=self.venue.secret, origin="a test")
        client = self._loop.run_until_complete(self._opened(secret))

        def make(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            return CcxtExecutionClient(
                loop=loop,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                client=client,
                profile=BINANCE,
                account=f"{PAIR.venue}-001",
                listings=self.parts.listings,
                market_limits=self.parts.market_limits,
                lock=made.assembly.gate,
                tap=made.assembly.recorder,
                halt=made.assembly.halt,
                alarm=self._alarm,
                redact=Redactor([secret]),
                jitter=lambda: 0.5,
                timing=self.timing,
                known_fills=self.parts.fold.fill_keys,
            )

        return self._kept(venue, make)

    async def _opened(self, secret: VenueSecret) -> VenueClient:
        client = VenueClient(
            "binance",
            options=BINANCE.options,
            endpoint=parse_endpoint(self.venue.endpoint),
            hosts=BINANCE.hosts,
            secret=secret,
            timeout_ms=self.timing.order_timeout_ms,
        )
        client.exchange.enableRateLimit = False  # else the second request of every case waits a second for this first one
        await client.exchange.load_markets()
        client.exchange.enableRateLimit = True
        return client

    def break_next(self, request: str, fault: str, *, after: bool) -> None:
        self.venue.silence("user")
        self.venue.fault(REQUESTS[request], KINDS[fault][after], when="after" if after else "before")

    def struck(self) -> int:
        return len(self.venue.faults_done())

    def mend(self) -> None:
        self.venue.sound()

    def move(self, of: Traded, bid: str, ask: str, *, size: str = "1000") -> None:
        self.venue.set_book(PAIR_AT_VENUE, bids=[(bid, size)], asks=[(ask, size)])

    def cut_line(self) -> None:
        self.venue.refuse_sockets(True)
        self.venue.drop("user")

    def repeat_all(self) -> None:
        self.venue.duplicate("user")

    def end(self, client_order_id: str) -> None:
        self.venue.cancel(PAIR_AT_VENUE, client_id=client_order_id)

    def refuse_next(self) -> None:
        words = "Account has insufficient balance for requested action."
        self.venue.fault("POST order", "says", status=400, code=-2010, message=words)

    def hold_back(self) -> None:
        """Let the venue keep what it would tell of orders."""
        self.venue.hold("user")

    def tell_last_first(self) -> None:
        """Let it tell what was held back, the last first."""
        self.venue.release(reverse=True)

    def fall_silent(self) -> None:
        """Let the stream of orders stand open and say nothing more."""
        self.venue.silence("user")

    def posts(self, client_order_id: str) -> int:
        return self.venue.posts(client_order_id)

    def restart_venue(self) -> None:
        self.venue.outage(1_000)

    def set_quote(self, of: Traded, bid: str, ask: str, *, size: str = "1000") -> None:
        if of is PAIR:
            self.move(of, bid, ask, size=size)
        super().set_quote(of, bid, ask, size=size)

    def venue_orders(self, venue: str) -> list[str]:
        if venue != PAIR.venue:
            return super().venue_orders(venue)
        return [order["clientOrderId"] for order in self.venue.truth().open_orders()]

    def venue_balances(self, venue: str) -> dict[str, Decimal]:
        if venue != PAIR.venue:
            return super().venue_balances(venue)
        rows = self.venue.truth().balances["main"]
        return {asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in rows.items()}

    def venue_fills(self) -> list[VenueFill]:
        return [
            (str(trade["id"]), PAIR.instrument_id, *(Decimal(trade[name]) for name in ("qty", "price", "commission")))
            for trade in self.venue.truth().trades
        ]

    def venue_ids(self) -> list[str]:
        return [order["clientOrderId"] for order in self.venue.truth().orders]
