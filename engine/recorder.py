"""The recorder: every event of a run becomes a line of the journal, and the book moves by fill lines alone.

It stands on the message bus, on the loop's thread, and knows each order's context (plan line, prices, instants of its
stages) so that a fill line explains itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
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
from lakehouse import records
from orders.book import ZERO, BookKeeper
from orders.canonical import decimal_text
from orders.errors import StorageError
from orders.plan import Approval, Judgement, Outcome, Plan
from orders.values import Listing, MarketLimits, OrderKind, Quote, Record, Side
from sentinel.order_check import OrderVerdict

ONE = Decimal(1)


class RunFacts(Record, frozen=True, kw_only=True):
    """What is the same on every line of a run: names and hashes of what it was started with."""

    run_id: str
    environment: str
    config_sha256: str
    limits_sha256: str
    market_limits_sha256: str
    assumptions_sha256: str
    base_currency: str


class ManifestFacts(Record, frozen=True, kw_only=True):
    """What orders carry of the manifest they come from."""

    manifest_sha256: str
    source_run: str
    run_ledger_head: str | None
    written_ns: int | None
    read_ns: int
    decision_prices: Mapping[str, Decimal]


class OrderContext(msgspec.Struct, kw_only=True, gc=False):
    """Progress of one of our orders, mutable; texts are made once, because every fill repeats them.

    Instants in nanoseconds, 0 until they happened; `arrival` None after a restart.
    """

    symbol: str
    instrument_id: str
    venue: str
    side: Side
    order_kind: str
    order_quantity: str
    filled: Decimal
    cycle: int
    line: int
    plan_sha256: str
    manifest: ManifestFacts
    decision_price: str | None
    arrival: Quote | None
    arrival_bid: str
    arrival_ask: str
    arrival_mid: str
    arrival_ns: int
    planned_ns: int
    approved_ns: int
    durable_ns: int
    sent_ns: int
    acked_ns: int | None
    strategy_id: str
    quote_currency: str
    base_currency: str | None
    multiplier: Decimal
    multiplier_text: str


class Recorder:
    """Writes the journal. `clock_ns()` is the engine's clock; `on_fill()` is called after each fill line."""

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
        on_fill: Callable[[], None] = lambda: None,
        quote_of: Callable[[str], Quote | None] = lambda symbol: None,
    ) -> None:
        self.journal = journal
        self.facts = facts
        self.keeper = keeper
        self.last_cycle = last_cycle
        self.cycle_orders = 0
        self.cycle_fills: list[records.Fill] = []  # of the open cycle; a plan bounds it
        self.last_line = 0
        self.contexts: dict[str, OrderContext] = {}
        self.counts = {"orders": 0, "fills": 0, "denied": 0, "rejected": 0, "skipped": 0, "cancelled": 0}
        self.on_fill = on_fill
        self.quote_of = quote_of
        self._market_time = market_time
        self.market_speed = market_time.speed
        self._clock_ns = clock_ns
        self._listings = listings
        self._limits = limits
        self._by_instrument = {listing.instrument_id: listing for listing in listings.values()}
        self._strategy_id = strategy_id
        self._halt = halt
        self._durable = durable
        self._same_time = market_time.speed == 1 and market_time.real_epoch_ns == market_time.market_epoch_ns
        self._handlers: dict[type, Callable[[Any], None]] = {
            OrderSubmitted: self._on_submitted,
            OrderAccepted: self._on_accepted,
            OrderFilled: self._on_filled,
            OrderDenied: self._on_denied,
            OrderRejected: self._on_rejected,
            OrderCanceled: self._on_cancelled,
            OrderExpired: self._on_expired,
        }

    def stamp(self) -> dict[str, Any]:
        """Return the three fields every line begins with, for now."""
        now = self._clock_ns()
        return {"ts_ns": now, "market_ns": now if self._same_time else self._market_time.at(now), "run_id": self.facts.run_id}

    def market_now_ns(self) -> int:
        """Return the market time of now."""
        return self._market_time.at(self._clock_ns())

    def write(self, kind: type[records.Line], /, **fields: Any) -> int:
        """Append one line and return its number."""
        now = self._clock_ns()
        market = now if self._same_time else self._market_time.at(now)
        return self._append(kind(ts_ns=now, market_ns=market, run_id=self.facts.run_id, **fields))

    def _append(self, line: Any) -> int:
        number: int = self.journal.append(line)
        self.last_line = number
        return number

    def write_quietly(self, kind: type[records.Line], /, **fields: Any) -> None:
        """Write where a failing disk must not stand in the way of what is being done, such as a halt."""
        with contextlib.suppress(StorageError):
            self.write(kind, **fields)

    # strategy side

    def manifest(self, line: Mapping[str, Any]) -> None:
        """Write that a manifest was read and judged."""
        self.write(records.ManifestLine, **line)

    def open_cycle(self, *, cause: str, manifest_sha256: str) -> int:
        """Open the next cycle by a line, and return its number."""
        self.last_cycle += 1
        self.cycle_fills = []
        self.cycle_orders = 0
        self.write(records.CycleOpened, cycle=self.last_cycle, cause=cause, manifest_sha256=manifest_sha256)
        return self.last_cycle

    def close_cycle(self, *, manifest_sha256: str, outcome: str) -> None:
        """Close the open cycle: every order of it is terminal."""
        self.write(records.CycleClosed, cycle=self.last_cycle, manifest_sha256=manifest_sha256, outcome=outcome)

    def skips(self, plan: Plan) -> None:
        """Write a line for each plan line that is not traded."""
        for line in plan.lines:
            if not line.trades:
                self.skip(
                    cycle=plan.cycle,
                    line=line.line,
                    symbol=line.symbol,
                    reason=line.reason.value,
                    text=line.detail,
                    wanted=line.wanted_quantity,
                    notional_base=line.notional_base,
                )

    def denied_lines(self, plan: Plan, judgement: Judgement) -> None:
        """Write a line for each trading line that a control denied by itself, with the first control that did."""
        approved = {approval.line for approval in judgement.approvals}
        for line in plan.lines:
            if line.trades and line.line not in approved:
                verdict = next(v for v in judgement.verdicts if v.line == line.line and v.outcome is not Outcome.ALLOW)
                self.counts["denied"] += 1
                self.skip(
                    cycle=plan.cycle,
                    line=line.line,
                    symbol=line.symbol,
                    reason=verdict.control,
                    text=f"denied: {verdict.observed}; limit {verdict.limit}",
                    wanted=line.wanted_quantity,
                    notional_base=line.notional_base,
                )

    def skip(
        self, *, cycle: int, line: int, symbol: str, reason: str, text: str, wanted: Decimal | None, notional_base: Decimal
    ) -> None:
        """Write that one line does not trade, and why."""
        self.counts["skipped"] += 1
        self.write(
            records.Skip,
            cycle=cycle,
            line=line,
            symbol=symbol,
            reason=reason,
            text=text,
            wanted_quantity=None if wanted is None else decimal_text(wanted),
            notional_base=decimal_text(notional_base),
        )

    def intents(
        self,
        plan: Plan,
        approvals: Sequence[Approval],
        *,
        manifest: ManifestFacts,
        plan_sha256: str,
        planned_ns: int,
        approved_ns: int,
        arrivals: Mapping[str, Quote],
    ) -> None:
        """Write an intent for each approval and remember its context. Durable when the journal says so."""
        lines = {line.line: line for line in plan.lines}
        stamp = self.stamp()
        for approval in approvals:
            line = lines[approval.line]
            assert line.bid is not None
            assert line.ask is not None
            listing = self._listings[approval.symbol]
            decision = manifest.decision_prices.get(approval.symbol)
            multiplier = self._limits[approval.symbol].multiplier
            context = OrderContext(
                symbol=approval.symbol,
                instrument_id=approval.instrument_id,
                venue=approval.venue,
                side=approval.side,
                order_kind=approval.order_kind.value,
                order_quantity=decimal_text(approval.quantity),
                filled=ZERO,
                cycle=plan.cycle,
                line=approval.line,
                plan_sha256=plan_sha256,
                manifest=manifest,
                decision_price=None if decision is None else decimal_text(decision),
                arrival_bid=decimal_text(line.bid),
                arrival_ask=decimal_text(line.ask),
                arrival_mid=decimal_text((line.bid + line.ask) / 2),
                arrival_ns=arrivals[approval.symbol].ts_ns,
                planned_ns=planned_ns,
                approved_ns=approved_ns,
                durable_ns=0,
                sent_ns=0,
                acked_ns=None,
                strategy_id=self._strategy_id,
                quote_currency=listing.quote_currency,
                base_currency=listing.base_currency,
                multiplier=multiplier,
                multiplier_text=decimal_text(multiplier),
                arrival=arrivals.get(approval.symbol),
            )
            self.contexts[approval.client_order_id] = context
            self.counts["orders"] += 1
            self.cycle_orders += 1
            self._append(
                records.Intent(
                    **stamp,
                    cycle=plan.cycle,
                    line=approval.line,
                    client_order_id=approval.client_order_id,
                    symbol=approval.symbol,
                    instrument_id=approval.instrument_id,
                    venue=approval.venue,
                    side=approval.side,
                    quantity=context.order_quantity,
                    order_kind=context.order_kind,
                    limit_price=None if approval.limit_price is None else decimal_text(approval.limit_price),
                    time_in_force="GTC",
                    reduce_only=approval.reduce_only,
                    strategy_id=self._strategy_id,
                    source_run=manifest.source_run,
                    manifest_sha256=manifest.manifest_sha256,
                    plan_sha256=plan_sha256,
                    decision_price=context.decision_price,
                    arrival_bid=context.arrival_bid,
                    arrival_ask=context.arrival_ask,
                    arrival_mid=context.arrival_mid,
                    arrival_ns=context.arrival_ns,
                    planned_ns=planned_ns,
                    approved_ns=approved_ns,
                    forecast_fee_base=decimal_text(line.fee_base),
                )
            )

    def intents_durable(self, approvals: Sequence[Approval]) -> None:
        """Note the instant at which these intents were on disk."""
        now = self._clock_ns()
        for approval in approvals:
            self.contexts[approval.client_order_id].durable_ns = now

    def withdraw(self, client_order_id: str, *, cause: str, venue: str = "") -> None:
        """Write that an intent is given up before it was sent. `venue`: of an intent of an earlier process."""
        context = self.contexts.pop(client_order_id, None)
        self.counts["orders"] -= context is not None
        self.cycle_orders -= context is not None
        self.write(
            records.CancelLine,
            client_order_id=client_order_id,
            venue=context.venue if context is not None else venue,
            cause=cause,
            filled_quantity="0",
        )

    # gate side

    def verdict(self, order: Any, verdict: OrderVerdict) -> None:
        """Write the gate's answer to one order."""
        if verdict.code:
            self.counts["denied"] += 1
        listing = self._by_instrument.get(order.instrument_id.value)
        self.write(
            records.VerdictLine,
            client_order_id=order.client_order_id.value,
            symbol=listing.symbol if listing is not None else order.instrument_id.value,
            outcome=verdict.outcome.value,
            code=verdict.code,
            verdicts=[(v.control, v.outcome.value, v.observed, v.limit) for v in verdict.verdicts],
            limits_sha256=self.facts.limits_sha256,
        )

    # client side (venues.base.WireTap)

    def sending(self, order: Any, *, action: str) -> None:
        """Write the send attempt."""
        context = self.contexts[order.client_order_id.value]
        context.sent_ns = self._clock_ns()
        self.write(
            records.Send,
            client_order_id=order.client_order_id.value,
            symbol=context.symbol,
            venue=context.venue,
            account=f"{context.venue}-001",
            action=action,
            quantity=context.order_quantity,
        )

    def received(self, client_order_id: str, *, venue: str, due_ns: int) -> None:
        """Write the simulated venue's own line; a backtest, which cannot restart in the middle, needs none."""
        if self._durable:
            self.write(records.Received, client_order_id=client_order_id, venue=venue, due_ns=due_ns)

    def when_durable(self, callback: Callable[[], None]) -> None:
        """Call back once all lines so far are on disk."""
        self.journal.when_durable(callback)

    def refused(self, order: Any, *, code: str) -> None:
        """Write that the client's lock refused an order."""
        self.counts["denied"] += 1
        self._reject_line(order.client_order_id.value, order.instrument_id.value, by="sentinel", code=code, text="second lock")

    # engine events

    def on_event(self, event: Any) -> None:
        """Write one order event; others are none of ours. Never raises: what cannot be written halts."""
        handler = self._handlers.get(type(event))
        if handler is None:
            return
        try:
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
        facts, manifest = self.facts, context.manifest
        quantity, price = event.last_qty.as_decimal(), event.last_px.as_decimal()
        commission = event.commission
        fee, fee_currency = commission.as_decimal(), commission.currency.code
        context.filled += quantity
        quantity_text = decimal_text(quantity)
        notional = quantity * price if context.multiplier == ONE else quantity * price * context.multiplier
        book = self.quote_of(context.symbol)
        fill_bid: str | None = None
        fill_ask: str | None = None
        if book is not None and book is context.arrival:
            fill_bid, fill_ask = context.arrival_bid, context.arrival_ask
        elif book is not None:
            fill_bid, fill_ask = decimal_text(book.bid), decimal_text(book.ask)
        now = self._clock_ns()
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
            trade_id=event.trade_id.value,
            venue=context.venue,
            account=event.account_id.value,
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
        )
        self._append(fill)
        self.cycle_fills.append(fill)
        self.on_fill()

    def _on_denied(self, event: Any) -> None:
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
        self._cancel_line(event, cause="cancelled")

    def _on_expired(self, event: Any) -> None:
        self._cancel_line(event, cause="expired")

    def _cancel_line(self, event: Any, *, cause: str) -> None:
        self.counts["cancelled"] += 1
        context = self.contexts.get(event.client_order_id.value)
        self.write(
            records.CancelLine,
            client_order_id=event.client_order_id.value,
            venue=event.instrument_id.venue.value,
            cause=cause,
            filled_quantity=decimal_text(context.filled if context is not None else ZERO),
        )


def context_of(intent: records.Intent, *, manifest: ManifestFacts, listing: Listing, multiplier: Decimal) -> OrderContext:
    """Return the context of a logged intent, for an order that is still open after a restart."""
    return OrderContext(
        symbol=intent.symbol,
        instrument_id=intent.instrument_id,
        venue=intent.venue,
        side=Side(intent.side),
        order_kind=OrderKind(intent.order_kind).value,
        order_quantity=intent.quantity,
        filled=ZERO,
        cycle=intent.cycle,
        line=intent.line,
        plan_sha256=intent.plan_sha256,
        manifest=manifest,
        decision_price=intent.decision_price,
        arrival_bid=intent.arrival_bid,
        arrival_ask=intent.arrival_ask,
        arrival_mid=intent.arrival_mid,
        arrival_ns=intent.arrival_ns,
        planned_ns=intent.planned_ns,
        approved_ns=intent.approved_ns,
        durable_ns=intent.ts_ns,
        sent_ns=intent.ts_ns,
        acked_ns=None,
        strategy_id=intent.strategy_id,
        quote_currency=listing.quote_currency,
        base_currency=listing.base_currency,
        multiplier=multiplier,
        multiplier_text=decimal_text(multiplier),
        arrival=None,
    )
