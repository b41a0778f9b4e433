"""The guarded client of a simulated exchange: second lock, send line, due time, then Nautilus' matching engine.

Used as it is in a backtest; the shadow's live client (`venues.simulated.shadow`) wraps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.backtest.execution_client import BacktestExecClient
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import VenueOrderId
from nautilus_trader.model.objects import Currency, Money

from orders.errors import VenueRefused
from venues.base import SecondLock, WireTap
from venues.simulated.models import DueTimes, latency_until

ZERO: Final = Decimal(0)


class GuardedSimulatedClient(BacktestExecClient):
    """Sends only what the lock permits, each id once in a process. Never raises: a failure refuses and halts.

    `wake(due_ns)` makes the exchange run at that instant; `now_ns()` is its clock; `restored` are the ids that the venue had
    received before a restart, which `requeue` may put back. `sending(orders, due_ns)` is called before the exchange gets a
    command about these orders.
    """

    def __init__(
        self,
        *,
        exchange: Any,
        msgbus: Any,
        cache: Any,
        clock: Any,
        lock: SecondLock,
        tap: WireTap,
        due_times: DueTimes,
        own_consumption: bool,
        wake: Callable[[int], None],
        now_ns: Callable[[], int],
        halt: Callable[[str], None],
        restored: Iterable[str] = (),
        sending: Callable[[Sequence[Any], int], None] = lambda orders, due_ns: None,
    ) -> None:
        super().__init__(exchange=exchange, msgbus=msgbus, cache=cache, clock=clock)
        self._lock = lock
        self._tap = tap
        self._due_times = due_times
        self._own_consumption = own_consumption
        self._wake = wake
        self._now_ns = now_ns
        self._halt = halt
        self._sending = sending
        self._restored = set(restored)
        self._taken = set(self._restored)  # ids that were given to this client and may not be given again
        self._wired: Any = exchange  # the base class keeps its own reference out of Python's reach
        self._venue_name = exchange.id.value

    def submit_order(self, command: Any) -> None:
        """Refuse, or write the send attempt and put the order on the simulated wire once that is durable."""
        self._submit(command, [command.order])

    def submit_order_list(self, command: Any) -> None:
        """All orders of a list or none."""
        self._submit(command, command.order_list.orders)

    def _submit(self, command: Any, orders: list[Any]) -> None:
        submitted: list[Any] = []
        try:
            codes = self._refusals(orders)
            if any(codes):
                for order, code in zip(orders, codes, strict=True):
                    self._refuse(order, code or "LIST_REFUSED", submitted=False)
                return
            for order in orders:
                self._taken.add(order.client_order_id.value)
            for order in orders:
                self.generate_order_submitted(
                    strategy_id=order.strategy_id,
                    instrument_id=order.instrument_id,
                    client_order_id=order.client_order_id,
                    ts_event=self._now_ns(),
                )
                submitted.append(order)
                self._tap.sending(order, action="submit")
            self._tap.when_durable(lambda: self._to_wire(command, orders))
        except Exception as error:
            self._fail(error, orders, submitted=submitted)

    def _refusals(self, orders: list[Any]) -> list[str]:
        codes = []
        for place, order in enumerate(orders):
            order_id = order.client_order_id.value
            if order_id in self._taken or (place and any(other.client_order_id.value == order_id for other in orders[:place])):
                codes.append("APPROVAL_USED")
            elif order.instrument_id.venue.value != self._venue_name:
                codes.append("WRONG_VENUE")
            else:
                codes.append(self._lock.refusal(order))
        return codes

    def _fail(self, error: Exception, orders: list[Any], *, submitted: list[Any]) -> None:
        """Halt, then say of orders that are not on the wire that they will never be."""
        self._log.error(f"{type(error).__name__} in the execution client: {error}")
        try:
            self._halt(f"CLIENT_FAILED: {type(error).__name__}: {error}")
            for order in orders:
                self._refuse(order, "CLIENT_FAILED", submitted=order in submitted)
        except Exception as second:
            self._log.error(f"{type(second).__name__} while refusing after it: {second}")

    def adjust(self, code: str, amount: Decimal) -> None:
        """Move the account's balance of a currency by a signed amount: borrow, funding, interest.

        Raises `VenueRefused` where the account has no such balance: Nautilus would only log that, and the books would part.
        """
        currency = Currency.from_str(code)
        account = self._cache.account_for_venue(self._wired.id)
        before = None if account is None else account.balance_total(currency)
        if before is None:
            raise VenueRefused(
                "BALANCE_MISSING",
                expected=f"a balance of {code} at {self._venue_name}",
                found="none",
                action="Give the venue starting cash of it, 0 if need be.",
            )
        self._wired.adjust_account(Money.from_decimal(amount, currency))

    def modify_order(self, command: Any) -> None:
        """Refuse: no approval covers a changed order yet; the gate has already said so to whoever came by the bus."""
        self.generate_order_modify_rejected(
            strategy_id=command.strategy_id,
            instrument_id=command.instrument_id,
            client_order_id=command.client_order_id,
            venue_order_id=command.venue_order_id,
            reason="NO_APPROVAL: a changed order needs its own approved plan line",
            ts_event=self._now_ns(),
        )

    def cancel_order(self, command: Any) -> None:
        """Cancels always pass, even halted."""
        self._cancel(command, command.client_order_id.value)

    def cancel_all_orders(self, command: Any) -> None:
        self._cancel(command, "all")

    def batch_cancel_orders(self, command: Any) -> None:
        self._cancel(command, "batch")

    def _cancel(self, command: Any, key: str) -> None:
        try:
            self._send(command, key, self._cache.orders_inflight(venue=self._wired.id), cancel=True)
        except Exception as error:
            self._fail(error, [], submitted=[])

    def touch_size(self, order: Any) -> Decimal:
        """Return the size on the far side of the book, 0 where there is none."""
        size = self._touch(order)
        return ZERO if size is None else size.as_decimal()

    def _touch(self, order: Any) -> Any:
        book = self._wired.get_matching_engine(order.instrument_id).get_book()
        return book.best_ask_size() if order.side == OrderSide.BUY else book.best_bid_size()

    def meets_no_size(self, order: Any) -> bool:
        """Whether a market order that has just arrived meets a touch without size: it is rejected, as where there is no market.

        Nautilus keeps the last price of a side whose size has gone, and would fill the order there, or keep it for ever. The
        rest of an order that has filled in part goes on as its touch was exhausted: one tick further. Without own consumption
        Nautilus rejects it itself.
        """
        size = self._touch(order)
        if order.filled_qty.raw or (size is not None and size.raw):  # asked of every order: a Decimal of both is half of it
            return False
        if not self._own_consumption:
            return True
        self.generate_order_rejected(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            reason=f"NO_SIZE: the touch of {order.instrument_id} has no size",
            ts_event=self._now_ns(),
        )
        return True

    def requeue(self, command: Any) -> None:
        """Put an order that the venue had received before a restart back on its queue, once; no lock, no second send line."""
        order_id = command.order.client_order_id.value
        if order_id not in self._restored:
            self._tap.refused(command.order, code="NO_APPROVAL")
            return
        self._restored.discard(order_id)
        self._name(command.order)
        self._send(command, order_id, [command.order], cancel=False)

    def rest_again(self, order: Any) -> None:
        """Put an order that rested before a restart into its matching core."""
        self._wired.get_matching_engine(order.instrument_id).process_order(order, order.account_id)

    def _to_wire(self, command: Any, orders: list[Any]) -> None:
        """A halt may have come while the send line went to disk: look at the lock once more."""
        try:
            codes = [self._lock.refusal(order) for order in orders]
            if any(codes):
                for order, code in zip(orders, codes, strict=True):
                    self._refuse(order, code or "LIST_REFUSED", submitted=True)
                return
            for order in orders:
                self._name(order)
            due = self._send(command, orders[0].client_order_id.value, orders, cancel=False)
            for order in orders:
                self._tap.received(order.client_order_id.value, venue=self._venue_name, due_ns=due)
        except Exception as error:
            self._fail(error, [], submitted=[])  # on the wire or not: that is not known here

    def _name(self, order: Any) -> None:
        """Say the venue order id: the exchange's own counter begins anew with each process and would name two orders alike."""
        client_order_id = order.client_order_id
        if self._cache.venue_order_id(client_order_id) is None:
            self._cache.add_venue_order_id(client_order_id, VenueOrderId(f"S{client_order_id.value}"))

    def _send(self, command: Any, key: str, orders: Sequence[Any], *, cancel: bool) -> int:
        sent_ns = command.ts_init
        due = self._due_times.due_ns(key, sent_ns=sent_ns, cancel=cancel)
        self._sending(orders, due)
        if self._due_times.immediate:
            self._wired.send(command)
        else:
            self._wired.set_latency_model(latency_until(due, sent_ns=sent_ns))
            self._wired.send(command)
        self._wake(due)
        return due

    def _refuse(self, order: Any, code: str, *, submitted: bool) -> None:
        """Before SUBMITTED the order is denied; after it (a halt in between) it is rejected: it never left.

        Which of the two the order itself may not know yet: a live engine queues its events.

        A stranger under the id of another order, and an order that was taken before, get their line and no event: the event
        would hit the honest one.
        """
        self._tap.refused(order, code=code)
        if code == "APPROVAL_USED" or self._cache.order(order.client_order_id) is not order:
            return
        maker = self.generate_order_rejected if submitted else self.generate_order_denied
        maker(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            reason=f"{code}: the second lock",
            ts_event=self._now_ns(),
        )
