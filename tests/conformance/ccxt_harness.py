"""The harness `ccxt`: the node of `node`, its Binance account at the rehearsal exchange through unmodified ccxt.pro."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sim.rehearsal.handle import RehearsalVenue
from tests.ccxt_private.world import QUICK
from tests.conformance.harness import NodeHarness
from tests.conformance.made import BTC, CASH, Made
from venues.ccxt.egress import VenueClient
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.execution_client import CcxtExecutionClient
from venues.ccxt.trading_profiles import BINANCE
from venues.secrets import Redactor, VenueSecret

PAIR = "BTCUSDT"


class CcxtHarness(NodeHarness):
    """Orders in BTC go to the exchange's process; the share of the made market stays at the simulated venue beside it."""

    name = "ccxt"
    capabilities = NodeHarness.capabilities - {"latency", "shares"}
    event_step_ns = 1_000_000  # the venue tells time in milliseconds

    _exchange_process: RehearsalVenue | None = None  # one for all cases; each begins anew

    def __init__(self, made: Made) -> None:
        code, amount = CASH["BINANCE"]
        if CcxtHarness._exchange_process is None:
            CcxtHarness._exchange_process = RehearsalVenue.start()
        self.venue = CcxtHarness._exchange_process
        self.venue.reset({code: amount})
        self.venue.quote(PAIR, "100000.00", "100010.00", size="1000")
        self.alarms: list[tuple[str, str]] = []
        super().__init__(made)

    @classmethod
    def end_exchange(cls) -> None:
        """End the exchange's process, if a case has started it."""
        if cls._exchange_process is not None:
            cls._exchange_process.stop()
            cls._exchange_process = None

    def _execution_of(self, venue: str, node: Any) -> Callable[..., Any]:
        if venue != "BINANCE":
            return super()._execution_of(venue, node)
        secret = VenueSecret(key=self.venue.key, secret=self.venue.secret, origin="a test")
        client = self._loop.run_until_complete(self._opened(secret))

        def make(loop: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            self._clients[venue] = CcxtExecutionClient(
                loop=loop,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                client=client,
                profile=BINANCE,
                account="BINANCE-001",
                listings=self.parts.listings,
                market_limits=self.parts.market_limits,
                lock=self.assembly.gate,
                tap=self.assembly.recorder,
                halt=self.assembly.halt,
                alarm=lambda code, text: self.alarms.append((code, text)),
                redact=Redactor([secret]),
                jitter=lambda: 0.5,
                timing=QUICK,
            )
            return self._clients[venue]

        return make

    async def _opened(self, secret: VenueSecret) -> VenueClient:
        client = VenueClient(
            "binance",
            options=BINANCE.options,
            endpoint=parse_endpoint(self.venue.endpoint),
            hosts=BINANCE.hosts,
            secret=secret,
            timeout_ms=2_000,
        )
        await client.exchange.load_markets()
        await asyncio.sleep(0)
        return client

    def set_quote(self, symbol: str, bid: str, ask: str, *, size: str = "1000") -> None:
        if symbol == BTC:
            self.venue.quote(PAIR, f"{Decimal(bid):.2f}", f"{Decimal(ask):.2f}", size=size)
        super().set_quote(symbol, bid, ask, size=size)

    def venue_orders(self, venue: str) -> list[str]:
        if venue != "BINANCE":
            return super().venue_orders(venue)
        return [order["clientOrderId"] for order in self.venue.truth().open_orders()]

    def venue_balances(self, venue: str) -> dict[str, Decimal]:
        if venue != "BINANCE":
            return super().venue_balances(venue)
        rows = self.venue.truth().balances["main"]
        return {asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in rows.items()}

    def close_record(self) -> None:
        """Beside the record: every trade of the venue is a fill of ours, the other way round, and no order is there twice."""
        super().close_record()
        truth = self.venue.truth()
        ids = [order["clientOrderId"] for order in truth.orders]
        assert len(ids) == len(set(ids)), "an order is at the venue twice"
        ours = sorted(line["trade_id"] for line in self._read("fill") if line["symbol"] == BTC)
        assert ours == sorted(str(trade["id"]) for trade in truth.trades)
        assert self.alarms == []
