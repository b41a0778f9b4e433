"""Orders that a venue had of an earlier process when a run began, put back for its replay as the shadow's venue does on a start.

What was on the wire is due at the first price with a size. Resting orders Nautilus puts back itself, but for those whose market
is made with the first price because of the others (`sim.backtest_venue`): these rest from then on.
"""

from __future__ import annotations

from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.identifiers import ClientId

from engine.prices import QUOTES
from sim.backtest import Backtest
from venues.simulated.shadow import rest_of


class CarriedOrders:
    """Listens to quotes until nothing of the earlier run waits."""

    def __init__(self, test: Backtest) -> None:
        restored, kernel = test.restored, test.engine.kernel
        self._clients = test.clients
        self._clock = kernel.clock
        self._waiting: list[tuple[Any, int]] = [] if restored is None else list(restored.requeue)
        queued = {order.client_order_id for order, _ in self._waiting}
        late = {order.instrument_id for order, _ in self._waiting if order.is_open}
        self._resting = [
            order for order in kernel.cache.orders_open() if order.instrument_id in late and order.client_order_id not in queued
        ]
        if self._waiting:
            kernel.msgbus.subscribe(topic=QUOTES, handler=self._on_quote)

    def _on_quote(self, quote: Any) -> None:
        for order in [order for order in self._resting if order.instrument_id == quote.instrument_id]:
            self._resting.remove(order)
            self._clients[order.instrument_id.venue.value].rest_again(order)
        waiting, self._waiting = self._waiting, []
        for order, sent_ns in waiting:
            client = self._clients[order.instrument_id.venue.value]
            if order.instrument_id != quote.instrument_id or not client.touch_size(order):
                self._waiting.append((order, sent_ns))
                continue
            client.requeue(
                SubmitOrder(
                    trader_id=order.trader_id,
                    strategy_id=order.strategy_id,
                    order=rest_of(order),
                    command_id=UUID4(),
                    ts_init=min(sent_ns, self._clock.timestamp_ns()),
                    client_id=ClientId(order.instrument_id.venue.value),
                )
            )
