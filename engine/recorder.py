"""The recorder: every event of a run becomes a line of the journal, and the book moves by fill lines alone.

It stands on the message bus, on the loop's thread, and knows each order's context (plan line, prices, instants of its
stages) so that a fill line explains itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from nautilus_trader.model.enums import LiquiditySide
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)

from engine.market_time import MarketTime
from engine.order_context import RunFacts, fill_texts
from engine.plan_recorder import PlanRecorder
from lakehouse import records
from lakehouse.rebuild import FillKey
from orders.book import ZERO, BookKeeper
from orders.canonical import decimal_text
from orders.errors import StorageError
from orders.schedule import SCHEDULE_DONE
from orders.values import Listing, MarketLimits, Quote
from sentinel.order_check import OrderVerdict
from venues.nautilus_numbers import EXACT_FEE

ONE = Decimal(1)


class Recorder(PlanRecorder):
    """Writes the journal. `clock_ns()` is the engine's clock; `on_fill()` is called after each fill line.

    `fill_keys`: (venue, account, symbol, trade id) of every fill the log has; a second one with the same key halts.
    """

    def __init__(
        self,
        *,
        journal: Any,
        facts: RunFacts,
        market_time: MarketTime,
        clock_ns: Callable[[], int],
        keeper: BookKeeper,
        listings: Mapping[str, Listing],
        limits: Mapping[str, MarketLimits],
        strategy_id: str,
        halt: Callable[[str], None],
        last_cycle: int,
        durable: bool,
        fill_keys: Iterable[FillKey] = (),
        on_fill: Callable[[], None] = lambda: None,
        quote_of: Callable[[str], Quote | None] = lambda symbol: None,
    ) -> None:
        super().__init__(
            journal=journal,
            run_id=facts.run_id,
            market_time=market_time,
            clock_ns=clock_ns,
            listings=listings,
            limits=limits,
            strategy_id=strategy_id,
            bundle_sha256=facts.bundle_sha256,
            last_cycle=last_cycle,
        )
        self.facts = facts
        self.keeper = keeper
        self.on_fill = on_fill
        self.before_fill: Callable[[int], None] = lambda now_ns: None  # what must be booked ahead of a fill at that instant
        self.fill_listeners: list[Callable[[records.Fill], None]] = []
        self.quote_of = quote_of
        self._by_instrument = {listing.instrument_id: listing for listing in listings.values()}
        self._halt = halt
        self._durable = durable
        self._fill_keys = set(fill_keys)
        self._handlers: dict[type, Callable[[Any], None]] = {
            OrderSubmitted: self._on_submitted,
            OrderAccepted: self._on_accepted,
            OrderFilled: self._on_filled,
            OrderDenied: self._on_denied,
            OrderRejected: self._on_rejected,
            OrderCanceled: self._on_cancelled,
            OrderExpired: self._on_expired,
        }

    # gate side

    def verdict(self, order: Any, verdict: OrderVerdict) -> None:
        """Write the gate's answer to one order."""
        if verdict.code:
            self.counts["denied"] += 1
        listing = self._by_instrument.get(order.instrument_id.value)
        now = self._clock_ns()
        line = records.VerdictLine(
            ts_ns=now,
            market_ns=now if self._same_time else self._market_time.at(now),
            run_id=self._run_id,
            client_order_id=order.client_order_id.value,
            symbol=listing.symbol if listing is not None else order.instrument_id.value,
            outcome=verdict.outcome,
            code=verdict.code,
            verdicts=[(v.control, v.outcome, v.observed, v.limit) for v in verdict.verdicts],
            limits_sha256=self.facts.limits_sha256,
            bundle_sha256=self._bundle_sha256,
        )
        self._append(line)

    # client side (venues.base.WireTap)

    def sending(self, order: Any, *, action: str) -> None:
        """Write the send attempt."""
        order_id, now = order.client_order_id.value, self._clock_ns()
        context = self.contexts[order_id]
        taken = None
        if action == "submit":
            context.sent_ns = now
            taken = None if self.follower is None else self.follower.sent(order_id)
        line = records.Send(
            ts_ns=now,
            market_ns=now if self._same_time else self._market_time.at(now),
            run_id=self._run_id,
            client_order_id=order_id,
            symbol=context.symbol,
            venue=context.venue,
            account=f"{context.venue}-001",
            action=action,
            quantity=context.order_quantity,
            armed_base=None if taken is None else decimal_text(taken.value_base),
            armed_day=None if taken is None else taken.day,
        )
        self._append(line)

    def received(self, client_order_id: str, *, venue: str, due_ns: int) -> None:
        """Write the simulated venue's own line; a backtest, which cannot restart in the middle, needs none."""
        if self._durable:
            self.write(records.Received, client_order_id=client_order_id, venue=venue, due_ns=due_ns)

    def refused(self, order: Any, *, code: str) -> None:
        """Write that the client's lock refused an order."""
        self.counts["denied"] += 1
        self._reject_line(order.client_order_id.value, order.instrument_id.value, by="sentinel", code=code, text="second lock")

    def unknown(self, order: Any, *, message: str) -> None:
        """Block the symbol of an order whose outcome is not known, then write it. Never raises: what cannot be written halts."""
        order_id = order.client_order_id.value
        if self.follower is not None:
            self.follower.unknown(order_id, order.instrument_id.value)
        try:
            self.write(records.UnknownOutcome, client_order_id=order_id, venue=order.instrument_id.venue.value, message=message)
        except StorageError as error:
            self._halt(f"RECORDER_FAILED: {error}")

    # engine events

    def on_event(self, event: Any) -> None:
        """Write one order event; others are none of ours. Never raises: what cannot be written halts."""
        handler = self._handlers.get(type(event))
        if handler is None:
            return
        try:
            if self.follower is not None and not isinstance(event, OrderSubmitted | OrderDenied):
                self.follower.known(event.client_order_id.value)
            handler(event)
        except Exception as error:
            self._halt(f"RECORDER_FAILED: {type(error).__name__}: {error}")

    def _on_submitted(self, event: Any) -> None:
        """The send line has said it."""

    def _on_accepted(self, event: Any) -> None:
        context = self.contexts.get(event.client_order_id.value)
        if context is not None:
            if context.acked_ns is not None:
                return  # acknowledged before a restart
            context.acked_ns = event.ts_event
        self.write(
            records.Ack,
            client_order_id=event.client_order_id.value,
            venue_order_id=event.venue_order_id.value,
            venue=event.instrument_id.venue.value,
            account=event.account_id.value,
            event_ns=event.ts_event,
        )

    def _on_filled(self, event: Any) -> None:
        order_id = event.client_order_id.value
        context = self.contexts.get(order_id)
        if context is None:
            self._halt(f"UNEXPLAINED_FILL: order {order_id} at {event.instrument_id} belongs to no intent of ours")
            return
        account, trade_id = event.account_id.value, event.trade_id.value
        key = (context.venue, account, context.symbol, trade_id)
        if key in self._fill_keys:
            self._halt(f"DUPLICATE_FILL: trade {trade_id} of {context.symbol} at {context.venue} was recorded before")
            return
        self._fill_keys.add(key)
        facts, manifest = self.facts, context.manifest
        quantity, price = event.last_qty.as_decimal(), event.last_px.as_decimal()
        commission = event.commission
        fee, fee_currency = exact_fee(event, commission.as_decimal()), commission.currency.code
        now = self._clock_ns()
        self.before_fill(now)
        context.filled += quantity
        if context.parent is not None:
            context.parent.filled += quantity
        quantity_text = decimal_text(quantity)
        notional = quantity * price if context.multiplier == ONE else quantity * price * context.multiplier
        book = self.quote_of(context.symbol)
        fill_bid: str | None = None
        fill_ask: str | None = None
        if book is not None and book is context.arrival:
            fill_bid, fill_ask = context.arrival_bid, context.arrival_ask
        elif book is not None:
            fill_bid, fill_ask = decimal_text(book.bid), decimal_text(book.ask)
        if self.follower is not None:
            self.follower.executed(order_id, context, quantity=quantity, price=price, now_ns=now)
        self.keeper.apply_fill(
            venue=context.venue,
            symbol=context.symbol,
            side=context.side,
            quantity=quantity,
            price=price,
            multiplier=context.multiplier,
            quote_currency=context.quote_currency,
            fee=fee,
            fee_currency=fee_currency,
            base_currency=context.base_currency,
        )
        self.counts["fills"] += 1
        fill = records.Fill(
            ts_ns=now,
            market_ns=now if self._same_time else self._market_time.at(now),
            run_id=facts.run_id,
            client_order_id=order_id,
            venue_order_id=event.venue_order_id.value,
            trade_id=trade_id,
            venue=context.venue,
            account=account,
            symbol=context.symbol,
            instrument_id=context.instrument_id,
            side=context.side,
            quantity=quantity_text,
            price=decimal_text(price),
            multiplier=context.multiplier_text,
            notional_quote=decimal_text(notional),
            quote_currency=context.quote_currency,
            base_currency=context.base_currency,
            fee=decimal_text(fee),
            fee_currency=fee_currency,
            liquidity="maker" if event.liquidity_side == LiquiditySide.MAKER else "taker",
            order_kind=context.order_kind,
            order_quantity=context.order_quantity,
            filled_quantity=quantity_text if context.filled == quantity else decimal_text(context.filled),
            strategy_id=context.strategy_id,
            cycle=context.cycle,
            line=context.line,
            source_run=manifest.source_run,
            run_ledger_head=manifest.run_ledger_head,
            manifest_sha256=manifest.manifest_sha256,
            plan_sha256=context.plan_sha256,
            config_sha256=facts.config_sha256,
            limits_sha256=facts.limits_sha256,
            market_limits_sha256=facts.market_limits_sha256,
            assumptions_sha256=facts.assumptions_sha256,
            environment=facts.environment,
            decision_price=context.decision_price,
            arrival_bid=context.arrival_bid,
            arrival_ask=context.arrival_ask,
            arrival_mid=context.arrival_mid,
            arrival_ns=context.arrival_ns,
            fill_bid=fill_bid,
            fill_ask=fill_ask,
            manifest_written_ns=manifest.written_ns,
            manifest_read_ns=manifest.read_ns,
            planned_ns=context.planned_ns,
            approved_ns=context.approved_ns,
            intent_durable_ns=context.durable_ns,
            sent_ns=context.sent_ns,
            acked_ns=context.acked_ns,
            event_ns=event.ts_event,
            attribution=fill_texts(quantity, quantity_text, shares=context.attribution),
            bundle_sha256=self._bundle_sha256,
        )
        self._append(fill)
        self.cycle_fills.append(fill)
        for listener in self.fill_listeners:
            listener(fill)
        self.on_fill()

    def _ended(self, event: Any) -> None:
        if self.follower is not None:
            self.follower.ended(event.client_order_id.value)

    def _on_denied(self, event: Any) -> None:
        self._ended(event)
        by = "sentinel" if event.reason.startswith("SENTINEL ") or "second lock" in event.reason else "risk_engine"
        if by == "risk_engine":
            self.counts["denied"] += 1
        self._reject_line(
            event.client_order_id.value,
            event.instrument_id.value,
            by=by,
            code="DENIED",
            text=event.reason,
        )

    def _on_rejected(self, event: Any) -> None:
        self._ended(event)
        self.counts["rejected"] += 1
        by = "sentinel" if "second lock" in event.reason else "venue"
        self._reject_line(event.client_order_id.value, event.instrument_id.value, by=by, code="REJECTED", text=event.reason)

    def _reject_line(self, order_id: str, instrument_id: str, *, by: str, code: str, text: str) -> None:
        listing = self._by_instrument.get(instrument_id)
        self.write(
            records.Reject,
            client_order_id=order_id,
            symbol=listing.symbol if listing is not None else instrument_id,
            by=by,
            code=code,
            message=text,
        )

    def _on_cancelled(self, event: Any) -> None:
        self._ended(event)
        self._cancel_line(event, cause="cancelled")

    def _on_expired(self, event: Any) -> None:
        self._ended(event)
        self._cancel_line(event, cause="expired")

    def _cancel_line(self, event: Any, *, cause: str) -> None:
        context = self.contexts.get(event.client_order_id.value)
        if context is not None and cause == "cancelled":
            cause = context.close_cause
        self.counts["cancelled"] += cause != SCHEDULE_DONE
        self.write(
            records.CancelLine,
            client_order_id=event.client_order_id.value,
            venue=event.instrument_id.venue.value,
            cause=cause,
            filled_quantity=decimal_text(context.filled if context is not None else ZERO),
        )


def exact_fee(event: Any, rounded: Decimal) -> Decimal:
    """Return the fee of a fill event; a venue's client says it exactly in `info` where Nautilus' currency has fewer decimals."""
    text = event.info.get(EXACT_FEE) if event.info else None
    return rounded if text is None else Decimal(text)
