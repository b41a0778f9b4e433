"""The twin's way to the simulated venue: a live intent as our own, its approval, and the order as of the live run's send line."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import CancelOrder, SubmitOrder
from nautilus_trader.model.identifiers import ClientId, ClientOrderId, InstrumentId, StrategyId, TraderId

from engine.node import TRADER_ID
from engine.order_context import ManifestFacts, OrderContext, context_of
from engine.restore import order_of
from lakehouse import records
from lakehouse.rebuild import amount
from orders.exact import EXACT
from orders.values import Listing, MarketLimits, OrderKind, Side
from sentinel.followed import approval_of_sent
from sim.twin.assembly import TwinAssembly
from sim.twin.live_orders import LiveOrder, wanted


class TwinSender:
    """One per twin. `known`: ids that have an intent in the twin's own log; it adds to them."""

    def __init__(
        self,
        *,
        made: TwinAssembly,
        kernel: Any,
        listings: Mapping[str, Listing],
        limits: Mapping[str, MarketLimits],
        known: set[str],
    ) -> None:
        self._gate = made.gate
        self._recorder = made.recorder
        self._cache = kernel.cache
        self._msgbus = kernel.msgbus
        self._listings = listings
        self._limits = limits
        self._known = known
        self._names = (TraderId(TRADER_ID), StrategyId(made.strategy_id))

    def submit(self, order: LiveOrder, *, rate: Decimal) -> None:
        """Write the intent, approve it, and send it as of the instant of the live run's send line.

        `rate`: base currency for one unit of the quote currency. What the gate and the venue say of it comes as order events.
        """
        if order.parent is not None and order.parent.client_order_id not in self._known:
            self._write_intent(order.parent)
        intent = self._write_intent(order.intent)
        side = Side(intent.side)
        approval = approval_of_sent(
            client_order_id=intent.client_order_id,
            environment=self._recorder.facts.environment,
            manifest_sha256=intent.manifest_sha256,
            plan_sha256=intent.plan_sha256,
            cycle=intent.cycle,
            line=intent.line,
            symbol=intent.symbol,
            instrument_id=intent.instrument_id,
            venue=intent.venue,
            side=side,
            quantity=wanted(intent),
            order_kind=OrderKind(intent.order_kind),
            limit_price=None if intent.limit_price is None else amount(intent.limit_price),
            reference_price=amount(intent.arrival_ask if side is Side.BUY else intent.arrival_bid),
            unit_value_base=EXACT.multiply(rate, self._limits[intent.symbol].multiplier),
        )
        self._gate.approve([approval], automatic=False)
        trader, strategy = self._names
        instrument = self._cache.instrument(InstrumentId.from_str(intent.instrument_id))
        made = order_of(intent, instrument, trader_id=trader, strategy_id=strategy)
        client = ClientId(intent.venue)
        self._cache.add_order(made, None, client)
        command = SubmitOrder(
            trader_id=trader, strategy_id=strategy, order=made, command_id=UUID4(), ts_init=order.sent_ns, client_id=client
        )
        self._msgbus.send(endpoint="RiskEngine.execute", msg=command)

    def cancel(self, order_id: str, *, ts_ns: int, cause: str) -> bool:
        """Ask the simulated venue as of `ts_ns`; False where the order is not there or has ended. `cause`: of its cancel line."""
        order = self._cache.order(ClientOrderId(order_id))
        if order is None or order.is_closed:
            return False
        if cause:
            self._recorder.close_parent(order_id, cause=cause)
        trader, strategy = self._names
        command = CancelOrder(
            trader_id=trader,
            strategy_id=strategy,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            command_id=UUID4(),
            ts_init=ts_ns,
        )
        self._msgbus.send(endpoint="ExecEngine.execute", msg=command)
        return True

    def end_parent(self, line: records.CancelLine) -> None:
        """A schedule's parent has ended in the live run; it was sent nowhere, so its line says so here too."""
        context = self._recorder.contexts.get(line.client_order_id)
        if context is not None:
            self._recorder.withdraw(line.client_order_id, cause=line.cause, venue=context.venue, filled=context.filled)

    def forget(self, order_id: str) -> None:
        """An order has been told: nothing more is written of it."""
        self._recorder.contexts.pop(order_id, None)
        self._recorder.cycle_fills.clear()  # which no cycle clears here

    def _write_intent(self, intent: records.Intent) -> records.Intent:
        """Write the live run's intent as our own, and remember its context."""
        own = msgspec.structs.replace(intent, seq=0, reduce_only=False, **self._recorder.stamp())
        self._known.add(intent.client_order_id)
        context = self._context(own)
        self._recorder.contexts[intent.client_order_id] = context
        self._recorder.counts["orders"] += intent.parent_client_order_id is None
        self._recorder.last_line = self._recorder.journal.append(own)
        return own

    def _context(self, intent: records.Intent) -> OrderContext:
        facts = ManifestFacts(
            manifest_sha256=intent.manifest_sha256,
            source_run=intent.source_run,
            run_ledger_head=None,
            written_ns=None,
            read_ns=intent.planned_ns,
            decision_prices={},
        )
        symbol = intent.symbol
        context = context_of(intent, manifest=facts, listing=self._listings[symbol], multiplier=self._limits[symbol].multiplier)
        if intent.parent_client_order_id is not None:
            context.parent = self._recorder.contexts.get(intent.parent_client_order_id)
        return context
