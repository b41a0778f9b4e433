"""What tests do with a real node that trades one order at a time: send, look, read the log, end it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from nautilus_trader.model.identifiers import ClientOrderId

from engine.facade import Ticket
from lakehouse import records
from orders.canonical import sha256_hex
from orders.values import OrderKind, Side
from tests.gate.world import SOURCE_RUN, Name, World
from venues.base import OrderRequest

WAIT_S = 60.0  # far longer than anything here takes, on a busy machine too
TOLD = ("type", "code", "message", "reason", "text")


class OneOrder:
    """The half of a started engine that is the same at every venue. `first`: what `order` trades unless it is told."""

    first: tuple[Name, str]
    wait_s: float = WAIT_S
    world: World
    node: Any
    kernel: Any
    assembly: Any
    journal: Any
    alarms: list[tuple[str, str]]
    halts: list[str]
    _running: asyncio.Task[None]

    async def end(self) -> None:
        """Stop the node and close its record, as a run that came to its end."""
        await self.node.stop_async()
        await asyncio.gather(self._running, return_exceptions=True)
        self.assembly.recorder.write_quietly(records.RunStop, cause="finished", open_orders=len(self.kernel.cache.orders_open()))
        self.journal.flush()
        self.journal.close()
        self.kernel.dispose()

    async def until(self, true: Callable[[], Any], *, wait_s: float | None = None) -> None:
        try:
            async with asyncio.timeout(wait_s or self.wait_s):
                while not true():
                    await asyncio.sleep(0.01)
        except TimeoutError as error:
            told = [{name: line[name] for name in TOLD if name in line} for line in self.lines()[-10:]]
            raise AssertionError(f"it did not come; log {told}; alarms {self.alarms}; halts {self.halts}") from error

    async def order(
        self, name: Name | None = None, side: Side = Side.BUY, quantity: str | None = None, *, limit: str | None = None
    ) -> str:
        """Send one order through facade, Sentinel and gate; return its client order id."""
        request = OrderRequest(
            symbol=(name or self.first[0]).symbol, side=side, quantity=Decimal(quantity or self.first[1]), source_run=SOURCE_RUN,
            order_kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
            limit_price=None if limit is None else Decimal(limit),
            manifest_sha256=sha256_hex(self.world.manifest.read_bytes()),
        )  # fmt: skip
        ticket = Ticket(request)
        self.assembly.facade.begin(ticket)
        assert ticket.refusal is None, ticket.refusal
        await self.until(lambda: ticket.client_order_id is not None)
        assert ticket.client_order_id is not None
        return ticket.client_order_id

    def state(self, client_order_id: str) -> str:
        """The order's status in Nautilus' cache."""
        return str(self.kernel.cache.order(ClientOrderId(client_order_id)).status.name)

    def lines(self, *kinds: str) -> list[dict[str, Any]]:
        self.journal.flush()
        found = [json.loads(line) for line in self.world.layout.log.read_bytes().splitlines()]
        return [line for line in found if not kinds or line["type"] in kinds]
