"""The facade: one order of a caller outside the engine's loop, through plan, Sentinel, journal and gate like every other order.

`OrderFacade` works on the engine's thread; `engine.order_desks` puts it in front of callers.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import ClientOrderId

from engine.desk import OPERATOR, ManifestDesk
from engine.intake import Audited
from engine.order_context import ManifestFacts
from engine.recorder import Recorder
from orders.errors import InputError, StorageError, VenueUnavailable
from orders.exact import CEILING, ROUNDED, exact_arithmetic
from orders.plan import Approval, Decision, Held, Judgement, Plan
from orders.valuation import HELD_CODES, Marks, NoMark
from orders.values import Grade
from strategies.manifest_strategy import ManifestStrategy
from strategies.order_plan import SingleOrder, check_order, plan_order
from venues.base import OrderRequest, OrderResponse
from venues.simulated.adapter import PositionRow

ZERO: Final = Decimal(0)
PRICE_PLACES: Final = Decimal("1e-12")
SHA256: Final = re.compile(r"[0-9a-f]{64}")
RUN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")

RESTING: Final = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})
STATUSES: Final = {
    OrderStatus.ACCEPTED: "OPEN",
    OrderStatus.PARTIALLY_FILLED: "PARTLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELED: "CANCELLED",
    OrderStatus.EXPIRED: "CANCELLED",
    OrderStatus.DENIED: "DENIED",
    OrderStatus.REJECTED: "REJECTED",
}


class Standing(Enum):
    """Where a ticket stands. RESTING: at the venue, on the book; ENDED: the order is terminal and its cycle closed."""

    MOVING = "moving"
    RESTING = "resting"
    ENDED = "ended"


class Ticket:
    """One request on its way, written on the engine's thread. `client_order_id` None: nothing was approved (yet)."""

    def __init__(self, request: OrderRequest) -> None:
        self.request = request
        self.client_order_id: str | None = None
        self.refusal: OrderResponse | None = None
        self.ended = False
        self.cycle_outcome = "refused"
        self._lock = threading.Lock()
        self._claimed = False

    def claim(self) -> bool:
        """Return True to the first that asks: the engine that begins it, or the caller that gives up waiting."""
        with self._lock:
            first = not self._claimed
            self._claimed = True
            return first

    def refuse(self, code: str, message: str) -> None:
        """End it before a cycle was opened."""
        self.refusal = denied(code, message)
        self.ended = True


def denied(code: str, message: str) -> OrderResponse:
    """Return the answer to a request of which nothing was sent."""
    return _response(None, status="DENIED", code=code, message=message)


def unknown(client_order_id: str | None, *, code: str, message: str) -> OrderResponse:
    """Return the answer to a request whose outcome is not known: ask, never send again."""
    return _response(client_order_id, status="UNKNOWN", code=code, message=message)


def _response(client_order_id: str | None, *, status: str, code: str, message: str) -> OrderResponse:
    return OrderResponse(
        client_order_id=client_order_id,
        status=status,
        filled_quantity=ZERO,
        average_price=None,
        code=code,
        message=message,
    )


class OrderFacade:
    """One per run. Everything here runs on the engine's thread, and nothing waits."""

    def __init__(
        self, *, desk: ManifestDesk, strategy: ManifestStrategy, recorder: Recorder, cache: Any, halt: Callable[[str], None]
    ) -> None:
        self._halt = halt
        self._desk = desk
        self._strategy = strategy
        self._recorder = recorder
        self._cache = cache

    def begin(self, ticket: Ticket) -> None:
        """Plan, judge and journal the request in a cycle of its own (cause "operator"), and send what is approved.

        Refused before a cycle opens: a request that cannot be written down, NOT_RUNNING, CYCLE_OPEN. Raises `StorageError`
        when the journal cannot take it; nothing is sent then, and the engine halts.
        """
        request = ticket.request
        order = SingleOrder(
            symbol=request.symbol,
            side=request.side,
            quantity=request.quantity,
            order_kind=request.order_kind,
            limit_price=request.limit_price,
        )
        try:
            check_order(order)
            _check_names(request)
        except InputError as error:
            ticket.refuse(error.code, str(error))
            return
        if not self._strategy.is_running:
            ticket.refuse("NOT_RUNNING", "the engine is not running; nothing was sent")
            return
        if not self._strategy.reserve(lambda: self._finish(ticket)):
            ticket.refuse("CYCLE_OPEN", "orders of another cycle still work; one cycle is open at a time. Wait, or cancel them.")
            return
        try:
            self._carry_out(ticket, order)
        except StorageError as error:
            self._halt(str(error))
            raise

    def _carry_out(self, ticket: Ticket, order: SingleOrder) -> None:
        request, desk = ticket.request, self._desk
        cycle = self._recorder.open_cycle(cause=OPERATOR, manifest_sha256=request.manifest_sha256)
        inputs = desk.inputs(
            cycle=cycle,
            manifest_sha256=request.manifest_sha256,
            source_run=request.source_run,
            targets={},
            symbols=sorted({request.symbol, *self._recorder.keeper.positions}),
        )
        try:
            made = plan_order(inputs, order)
        except InputError as error:
            made = Held(code=error.code, message=str(error))

        def ready(approvals: Sequence[Approval]) -> None:
            if approvals:
                ticket.client_order_id = approvals[0].client_order_id
                ticket.cycle_outcome = "done"
            elif isinstance(made, Held):
                ticket.cycle_outcome = "held"
            self._strategy.send(approvals)

        judged = desk.carry_out(
            made,
            inputs=inputs,
            audited=self._audited(request, decision={symbol: quote.mid for symbol, quote in inputs.quotes.items()}),
            decision={},
            ready=ready,
        )
        ticket.refusal = _refusal(made, judged, request.symbol)

    def _audited(self, request: OrderRequest, *, decision: Mapping[str, Decimal]) -> Audited:
        """The manifest the request names, with prices as of now; one that was not accepted here is graded ABSENT."""
        known = self._desk.audited(manifest_sha256=request.manifest_sha256, source_run=request.source_run)
        if known is not None:
            facts = msgspec.structs.replace(known.facts, decision_prices=decision)
            return msgspec.structs.replace(known, facts=facts)
        facts = ManifestFacts(
            manifest_sha256=request.manifest_sha256,
            source_run=request.source_run,
            run_ledger_head=None,
            written_ns=None,
            read_ns=self._recorder.stamp()["ts_ns"],
            decision_prices=decision,
        )
        return Audited(facts=facts, grade=Grade.ABSENT, regime_name=None, weights={})

    def _finish(self, ticket: Ticket) -> None:
        """Close the cycle. Nautilus calls this from an order event and must not see an exception: a disk that fails halts."""
        ticket.ended = True
        self._desk.disarm()
        try:
            self._recorder.close_cycle(manifest_sha256=ticket.request.manifest_sha256, outcome=ticket.cycle_outcome)
        except StorageError as error:
            self._halt(str(error))
            return
        self._desk.on_cycle_end(self._recorder.cycle_fills, self._recorder.cycle_orders)

    def standing(self, ticket: Ticket) -> Standing:
        """Return where the ticket stands now."""
        if ticket.ended:
            return Standing.ENDED
        order = self._order(ticket.client_order_id)
        return Standing.RESTING if order is not None and order.status in RESTING else Standing.MOVING

    def response(self, ticket: Ticket) -> OrderResponse:
        """Return what is known of the request now."""
        order = self._order(ticket.client_order_id)
        if order is not None:
            return response_of(order)
        if ticket.client_order_id is None and ticket.refusal is not None:
            return ticket.refusal
        return unknown(ticket.client_order_id, code="IN_FLIGHT", message="approved or being judged, not sent yet")

    def ask(self, client_order_id: str) -> OrderResponse:
        """Return what is known of an order of ours. Raises `InputError` ORDER_UNKNOWN."""
        return response_of(self._known(client_order_id))

    def cancel(self, client_order_id: str) -> bool:
        """Ask the venue to cancel, halted or not; return False when the order is terminal already. Raises `InputError`."""
        order = self._known(client_order_id)
        if order.is_closed:
            return False
        self._strategy.cancel_order(order)
        return True

    def closed(self, client_order_id: str) -> bool:
        """Return whether an order of ours is terminal."""
        return bool(self._known(client_order_id).is_closed)

    def positions(self, venue: str) -> list[PositionRow]:
        """Return the venue's holdings. Raises `VenueUnavailable` NO_MARK, MARK_STALE, NO_RATE, … naming the first without."""
        book = self._recorder.keeper.snapshot()
        held = sorted(symbol for symbol, quantity in book.positions.items() if quantity)
        inputs = self._desk.inputs(cycle=self._recorder.last_cycle, manifest_sha256="", source_run="", targets={}, symbols=held)
        rows = []
        with exact_arithmetic():
            marks = Marks.of_inputs(inputs)
            for symbol in held:
                listing = inputs.listings.get(symbol)
                if listing is not None and listing.venue != venue:
                    continue
                mark = marks.of(symbol)
                if isinstance(mark, NoMark):
                    raise VenueUnavailable(
                        HELD_CODES[mark.reason],
                        expected=f"a usable price, limit and rate for {symbol}, which is held",
                        found=mark.detail,
                        action="Wait for a price and ask again; the book itself is known.",
                    )
                quantity = book.positions[symbol]
                rows.append(PositionRow(asset=symbol, quantity=quantity, notional=quantity * mark.mid_value_base))
        return rows

    def _order(self, client_order_id: str | None) -> Any:
        return None if client_order_id is None else self._cache.order(ClientOrderId(client_order_id))

    def _known(self, client_order_id: str) -> Any:
        order = self._order(client_order_id) if RUN_NAME.fullmatch(client_order_id) else None
        if order is None or order.strategy_id != self._strategy.id:
            raise InputError(
                "ORDER_UNKNOWN",
                expected="the client order id of an order of this run",
                found=repr(client_order_id[:100]),
                action="Look for it in the execution log.",
            )
        return order


def _check_names(request: OrderRequest) -> None:
    for name, text, pattern, words in (
        ("manifest_sha256", request.manifest_sha256, SHA256, "64 lower-case hex digits"),
        ("source_run", request.source_run, RUN_NAME, "the name of a source run"),
    ):
        if pattern.fullmatch(text) is None:
            raise InputError(
                "SOURCE_INVALID", expected=f"{words} as {name}", found=repr(text[:100]), action="Name the audited manifest."
            )


def _refusal(made: Plan | Held, judged: Judgement | Held, symbol: str) -> OrderResponse | None:
    """The answer of plan and Sentinel where they say no; None where the order was approved."""
    if isinstance(judged, Held):
        return denied(judged.code, judged.message)
    if judged.approvals:
        return None
    assert isinstance(made, Plan)
    line = next(line for line in made.lines if line.symbol == symbol)
    if not line.trades:
        return denied(line.reason.value, line.detail)
    assert judged.decision is not Decision.PLAN
    return denied(judged.code, judged.message)


def response_of(order: Any) -> OrderResponse:
    """Return where a Nautilus order stands. `average_price`: of its fills, rounded half-even to 12 places.

    In flight, or with a cancel or change in flight, is UNKNOWN. Refused by the second lock after it was marked sent is DENIED:
    it never left.
    """
    order_id = order.client_order_id.value
    status = STATUSES.get(order.status, "UNKNOWN")
    code = message = ""
    if status in ("DENIED", "REJECTED"):
        message = order.last_event.reason
        words = message.removeprefix("SENTINEL ").partition(":")[0]
        ours = message.startswith("SENTINEL ") or message.endswith("the second lock")
        code = words if ours else "RISK_ENGINE" if status == "DENIED" else "VENUE"
        status = "DENIED" if ours else status
    elif status == "UNKNOWN":
        code, message = "IN_FLIGHT", f"{order.status_string()}: no answer yet; ask, never send again"
    elif order.status == OrderStatus.EXPIRED:
        code = "EXPIRED"
    filled, average = _fills(order)
    return OrderResponse(
        client_order_id=order_id, status=status, filled_quantity=filled, average_price=average, code=code, message=message
    )


def _fills(order: Any) -> tuple[Decimal, Decimal | None]:
    fills = [event for event in order.events if isinstance(event, OrderFilled)]
    if not fills:
        return ZERO, None
    prices = {event.last_px.as_decimal() for event in fills}
    with exact_arithmetic():
        filled = sum((event.last_qty.as_decimal() for event in fills), ZERO)
        value = sum((event.last_qty.as_decimal() * event.last_px.as_decimal() for event in fills), ZERO)
    if len(prices) == 1:
        return filled, prices.pop()
    return filled, CEILING.divide(value, filled).quantize(PRICE_PLACES, context=ROUNDED)
