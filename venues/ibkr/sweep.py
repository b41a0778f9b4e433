"""Cancel every working order of ours at TWS until TWS itself says that none works: for a halt, by whatever process is alive.

IB scopes orders by client id: only the one that placed an order can cancel it, and TWS lets one program have an id at a time. So
the sweep takes the engine's own id, which is free once the engine is dead, and for an order of ours under another id that one.
Where it is not free (326: an engine that is halted and lives, and cancels itself), the sweep looks on and says what it sees.
Others' orders are left and counted, so TWS' one word for all orders (reqGlobalCancel) is never said. What TWS tells while it does
not reach IB counts for nothing.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from typing import Final

from venues.ibkr.gateway import IbkrGateway
from venues.ibkr.plain_line import LINE_ERRORS, ClientIdTaken, PlainLine, Working, plain_line
from venues.swept import Swept

ASK_S: Final = 5.0
LOOK_S: Final = 0.5
AGAIN_S: Final = 1.0
SETTLE_S: Final = 2.0  # an order that was on its way through this machine's loopback is at TWS long before
LOOKERS_FROM: Final = 10_000  # client ids of processes that only look: above those of orders and of first contacts
LOOKERS: Final = 1_000_000


class TwsSweep:
    """One sweep of one account; `run` once."""

    def __init__(self, gateway: IbkrGateway, *, give_up_s: float) -> None:
        self._gateway = gateway
        self._clock = asyncio.get_running_loop().time
        self._end = self._clock() + give_up_s
        self._asked: dict[str, None] = {}
        self._strangers = 0
        self._words = ""
        self._none_since = float("inf")

    async def run(self) -> Swept:
        """Cancel and look until none of ours was seen twice, `SETTLE_S` apart, or the time is over. Raises nothing of TWS'."""
        while not (confirmed := self._clock() - self._none_since >= SETTLE_S) and self._clock() < self._end:
            try:
                await self._with_a_line()
            except LINE_ERRORS as error:
                self._none_since = float("inf")
                self._words = f"TWS at port {self._gateway.port}: {type(error).__name__} {error}".rstrip()
                await asyncio.sleep(AGAIN_S)
        words = "" if confirmed else self._words or "TWS was not asked twice"
        return Swept(asked=tuple(self._asked), strangers=self._strangers, confirmed=confirmed, words=words)

    async def _with_a_line(self) -> None:
        """Work on one line until it is done, lost, or only looks while ours work: then a new one may get the engine's id."""
        async with AsyncExitStack() as closing:
            line, owns = await self._opened(closing)
            while self._clock() < self._end:
                async with asyncio.timeout(ASK_S):
                    found = await line.working()
                ours = [order for order in found if order.client_order_id is not None]
                self._strangers = len(found) - len(ours)
                self._judge(line, ours, owns=owns)
                if self._clock() - self._none_since >= SETTLE_S:
                    return
                if owns:
                    await self._cancel(line, [order for order in ours if order.client_id == self._gateway.client_id])
                for client_id in sorted({order.client_id for order in ours} - {self._gateway.client_id}):
                    await self._cancel_as(client_id, [order for order in ours if order.client_id == client_id])
                await asyncio.sleep(LOOK_S)
                if ours and not owns:
                    return

    async def _cancel(self, line: PlainLine, orders: list[Working]) -> None:
        for order in orders:
            self._asked[str(order.client_order_id)] = None
            await line.cancel(order.order_id)

    async def _cancel_as(self, client_id: int, orders: list[Working]) -> None:
        """Cancel orders of ours that a run placed under another client id, unless a program has it."""
        try:
            async with asyncio.timeout(ASK_S), plain_line(self._gateway.port, connect_s=ASK_S) as line:
                await line.open(client_id)
                await self._cancel(line, orders)
                await line.working()  # TWS takes requests in their order: the cancels are with it
        except ClientIdTaken as error:
            self._words += f"; {error}"

    async def _opened(self, closing: AsyncExitStack) -> tuple[PlainLine, bool]:
        """Return a line and whether it has the engine's client id. Raises `ValueError` for another account."""
        for client_id in (self._gateway.client_id, LOOKERS_FROM + os.getpid() % LOOKERS):
            line = await closing.enter_async_context(plain_line(self._gateway.port, connect_s=ASK_S))
            try:
                async with asyncio.timeout(ASK_S):
                    _, accounts = await line.open(client_id)
            except ClientIdTaken:
                continue
            if accounts.strip(",") != self._gateway.account:
                raise ValueError(f"TWS holds account {accounts or 'none'}, these orders are of {self._gateway.account}")
            return line, client_id == self._gateway.client_id
        raise ValueError("326 for a client id that nobody uses")

    def _judge(self, line: PlainLine, ours: list[Working], *, owns: bool) -> None:
        if not line.reaches_ib:
            self._none_since, self._words = float("inf"), "TWS does not reach IB (1100)"
        elif not ours:
            self._none_since = min(self._none_since, self._clock())
        else:
            self._none_since = float("inf")
            self._words = f"{len(ours)} worked at the last look"
            if not owns:
                self._words += f"; client id {self._gateway.client_id} is in use, and it alone can cancel them"


async def sweep(gateway: IbkrGateway, *, give_up_s: float) -> Swept:
    """See `TwsSweep.run`."""
    return await TwsSweep(gateway, give_up_s=give_up_s).run()
