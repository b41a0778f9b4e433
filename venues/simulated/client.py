"""The guarded client of a simulated exchange: second lock, send line, due time, then Nautilus' matching engine.

Used as it is in a backtest; the shadow's live client (`venues.simulated.shadow`) wraps it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nautilus_trader.backtest.execution_client import BacktestExecClient

from venues.base import SecondLock, WireTap
from venues.simulated.models import DueTimes, latency_until

ALARMS_MAX: Final = 1_000_000


class GuardedSimulatedClient(BacktestExecClient):  # type: ignore[misc]  # Nautilus is untyped
    """Sends only what the lock permits. `wake(due_ns)` makes the exchange run at that instant; `now_ns()` is its clock."""

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
        wake: Callable[[int], None],
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(exchange=exchange, msgbus=msgbus, cache=cache, clock=clock)
        self._lock = lock
        self._tap = tap
        self._due_times = due_times
        self._wake = wake
        self._now_ns = now_ns
        self._wired: Any = exchange  # the base class keeps its own reference out of Python's reach
        self._venue_name = exchange.id.value

    def submit_order(self, command: Any) -> None:
        """Refuse, or write the send attempt and put the order on the simulated wire once that is durable."""
        order = command.order
        code = self._lock.refusal(order)
        if code:
            self._refuse(order, code)
            return
        self.generate_order_submitted(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            ts_event=self._now_ns(),
        )
        self._tap.sending(order, action="submit")
        self._tap.when_durable(lambda: self._to_wire(command, [order]))

    def submit_order_list(self, command: Any) -> None:
        """All orders of a list or none."""
        orders = command.order_list.orders
        codes = [self._lock.refusal(order) for order in orders]
        if any(codes):
            for order, code in zip(orders, codes, strict=True):
                self._refuse(order, code or "LIST_REFUSED")
            return
        for order in orders:
            self.generate_order_submitted(
                strategy_id=order.strategy_id,
                instrument_id=order.instrument_id,
                client_order_id=order.client_order_id,
                ts_event=self._now_ns(),
            )
            self._tap.sending(order, action="submit")
        self._tap.when_durable(lambda: self._to_wire(command, orders))

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
        self._send(command, command.client_order_id.value, cancel=True)

    def cancel_all_orders(self, command: Any) -> None:
        self._send(command, "all", cancel=True)

    def batch_cancel_orders(self, command: Any) -> None:
        self._send(command, "batch", cancel=True)

    def requeue(self, command: Any) -> None:
        """Put an order that the venue had received before a restart back on its queue; no lock, no second send line."""
        self._send(command, command.order.client_order_id.value, cancel=False)

    def _to_wire(self, command: Any, orders: list[Any]) -> None:
        """A halt may have come while the send line went to disk: look at the lock once more."""
        codes = [self._lock.refusal(order) for order in orders]
        if any(codes):
            for order, code in zip(orders, codes, strict=True):
                self._refuse(order, code or "LIST_REFUSED")
            return
        due = self._send(command, orders[0].client_order_id.value, cancel=False)
        for order in orders:
            self._tap.received(order.client_order_id.value, venue=self._venue_name, due_ns=due)

    def _send(self, command: Any, key: str, *, cancel: bool) -> int:
        sent_ns = command.ts_init
        due = self._due_times.due_ns(key, sent_ns=sent_ns, cancel=cancel)
        if self._due_times.immediate:
            self._wired.send(command)
        else:
            self._wired.set_latency_model(latency_until(due, sent_ns=sent_ns))
            self._wired.send(command)
        self._wake(due)
        return due

    def _refuse(self, order: Any, code: str) -> None:
        """Before SUBMITTED the order is denied; after it (a halt in between) it is rejected: it never left."""
        self._tap.refused(order, code=code)
        known = self._cache_has(order)
        if not known:
            return  # a direct call with an order nobody knows: refused and written, nothing to tell the engine
        maker = self.generate_order_denied if order.status_string() == "INITIALIZED" else self.generate_order_rejected
        maker(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            reason=f"{code}: the second lock",
            ts_event=self._now_ns(),
        )

    def _cache_has(self, order: Any) -> bool:
        return bool(self._cache.order_exists(order.client_order_id))
