"""Order desks: the facade in front of callers outside the engine, one for a live node and one for a backtest.

`LiveOrders` serves other threads than a live node's loop, `SteppedOrders` the pauses between a backtest's streaming steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final

from engine.facade import OrderFacade, Standing, Ticket, unknown
from orders.errors import VenueUnavailable
from orders.values import MarketLimits
from venues.base import OrderRequest, OrderResponse
from venues.router import Router
from venues.simulated.adapter import OrderDesk, PositionRow, SimulatedAdapter

RESTING_LOOKS: Final = 2  # a limit order that two looks in a row find resting is OPEN: a crossing one fills at once
POLL_S: Final = 0.005


class _Patience:
    """Decides when a caller has waited long enough for an answer."""

    def __init__(self, facade: OrderFacade, ticket: Ticket) -> None:
        self._facade = facade
        self._ticket = ticket
        self._rests = 0

    def over(self) -> bool:
        """Look once: the ticket has ended, or rests for the second look in a row."""
        standing = self._facade.standing(self._ticket)
        self._rests = self._rests + 1 if standing is Standing.RESTING else 0
        return standing is Standing.ENDED or self._rests >= RESTING_LOOKS


class LiveOrders:
    """The order desk of a live node, for callers on other threads than its loop's. Waits at most `timeout_s` a call.

    A call on the loop's thread raises `RuntimeError`: it would wait for itself. A loop that does not run raises
    `VenueUnavailable` ENGINE_STOPPED, and nothing was sent.
    """

    def __init__(self, facade: OrderFacade, *, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        assert timeout_s > 0
        self._facade = facade
        self._loop = loop
        self._timeout_s = timeout_s

    def submit(self, request: OrderRequest) -> OrderResponse:
        """Send one order and wait; without an answer in time UNKNOWN. What the engine had not begun by then never begins."""
        ticket = Ticket(request)
        try:
            return self._call(lambda: self._submit(ticket))
        except TimeoutError:
            if ticket.claim():
                return unknown(None, code="TIMEOUT", message="the engine did not begin it in time, and will not any more")
            return unknown(ticket.client_order_id, code="TIMEOUT", message="no answer in time; ask, never send again")

    def cancel(self, client_order_id: str) -> OrderResponse:
        """Cancel and wait; without an answer in time UNKNOWN. Raises `InputError` ORDER_UNKNOWN."""
        try:
            return self._call(lambda: self._cancel(client_order_id))
        except TimeoutError:
            return unknown(client_order_id, code="TIMEOUT", message="no answer to the cancel in time; ask")

    def ask(self, client_order_id: str) -> OrderResponse:
        """Return where an order stands. Raises `InputError` ORDER_UNKNOWN, `VenueUnavailable` ENGINE_BUSY."""
        return self._read(lambda: self._facade.ask(client_order_id))

    def positions(self, venue: str) -> list[PositionRow]:
        """Return the venue's holdings. Raises `VenueUnavailable`."""
        return self._read(lambda: self._facade.positions(venue))

    async def _submit(self, ticket: Ticket) -> OrderResponse:
        if not ticket.claim():
            return unknown(None, code="TIMEOUT", message="the caller had given up")
        self._facade.begin(ticket)
        patience = _Patience(self._facade, ticket)
        await self._until(patience.over)
        return self._facade.response(ticket)

    async def _cancel(self, client_order_id: str) -> OrderResponse:
        if self._facade.cancel(client_order_id):
            await self._until(lambda: self._facade.closed(client_order_id))
        return self._facade.ask(client_order_id)

    async def _until(self, over: Callable[[], bool]) -> None:
        deadline = self._loop.time() + self._timeout_s
        while not over() and self._loop.time() < deadline:
            await asyncio.sleep(POLL_S)

    def _read[T](self, question: Callable[[], T]) -> T:
        async def asked() -> T:
            return question()

        try:
            return self._call(asked)
        except TimeoutError as error:
            raise VenueUnavailable(
                "ENGINE_BUSY",
                expected=f"an answer within {self._timeout_s} s",
                found="none",
                action="Ask again; it says nothing about the book.",
            ) from error

    def _call[T](self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            raise RuntimeError("the synchronous facade was called on the engine's loop; call it from another thread")
        if not self._loop.is_running():
            raise VenueUnavailable(
                "ENGINE_STOPPED", expected="a running engine", found="a loop that stands still", action="Start the run."
            )
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(self._timeout_s)


class SteppedOrders:
    """The order desk of a backtest, between its streaming steps: waiting means running the engine forward.

    `advance(ns)` runs it by that much market time; at most `steps_max` times `step_ns` a call.
    """

    def __init__(self, facade: OrderFacade, *, advance: Callable[[int], None], step_ns: int, steps_max: int) -> None:
        assert step_ns > 0
        assert steps_max >= RESTING_LOOKS
        self._facade = facade
        self._advance = advance
        self._step_ns = step_ns
        self._steps_max = steps_max

    def begin(self, request: OrderRequest) -> Ticket:
        """Submit without running the engine; the caller feeds the next step and asks `response`."""
        ticket = Ticket(request)
        ticket.claim()
        self._facade.begin(ticket)
        return ticket

    def response(self, ticket: Ticket) -> OrderResponse:
        """Return what is known of a request now."""
        return self._facade.response(ticket)

    def submit(self, request: OrderRequest) -> OrderResponse:
        """Send one order and run the engine until it has ended or rests, bounded; else UNKNOWN."""
        ticket = self.begin(request)
        self._run_until(_Patience(self._facade, ticket).over)
        return self._facade.response(ticket)

    def cancel(self, client_order_id: str) -> OrderResponse:
        """Cancel and run the engine until it is, bounded. Raises `InputError` ORDER_UNKNOWN."""
        if self._facade.cancel(client_order_id):
            self._run_until(lambda: self._facade.closed(client_order_id))
        return self._facade.ask(client_order_id)

    def ask(self, client_order_id: str) -> OrderResponse:
        """Return where an order stands. Raises `InputError` ORDER_UNKNOWN."""
        return self._facade.ask(client_order_id)

    def positions(self, venue: str) -> list[PositionRow]:
        """Return the venue's holdings. Raises `VenueUnavailable`."""
        return self._facade.positions(venue)

    def _run_until(self, over: Callable[[], bool]) -> None:
        for _ in range(self._steps_max):
            if over():
                return
            self._advance(self._step_ns)


def simulated_router(desk: OrderDesk, *, venues: Iterable[str], market_limits: Mapping[str, MarketLimits]) -> Router:
    """Return a router with one adapter for each simulated venue of a run."""
    return Router(SimulatedAdapter(venue=venue, desk=desk, market_limits=market_limits) for venue in sorted(venues))
