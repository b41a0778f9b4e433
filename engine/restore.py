"""Restart of a shadow: what the log says is put back into Nautilus' cache as events, never as reports.

Balances come from our book, each held symbol as one carried position, open orders as their own events. Nautilus' profit
figures begin anew; ours come from the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, MutableMapping
from decimal import Decimal
from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import LiquiditySide, OmsType, OrderSide, OrderType, TimeInForce
from nautilus_trader.model.events import OrderAccepted, OrderFilled, OrderSubmitted
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientId,
    ClientOrderId,
    InstrumentId,
    PositionId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder
from nautilus_trader.model.position import Position

from engine.instruments import currency
from engine.order_context import ManifestFacts, OrderContext, context_of
from engine.recorder import Recorder
from lakehouse.rebuild import LogFold, OrderTrace
from lakehouse.records import Fill, Intent
from orders.book import ZERO, BookKeeper
from orders.exact import at_places
from orders.schedule import AT_ONCE
from orders.values import AccountKind, Listing, MarketLimits, OrderKind, Record, Side


class Restored(Record, frozen=True, kw_only=True):
    """What a restart found. `requeue`: orders the simulated venue had received, with their send instant; `dead`: ids that
    never reached it, with the reason; `working`: ids that still live; `unwatched`: those of them that are resting children of a
    schedule, which nothing times any more; `carried`: signed size and price of each position put back; `unanswered`: orders of a
    venue that outlives us which were sent and whose answer is not in the log.
    """

    requeue: tuple[tuple[Any, int], ...]
    dead: tuple[tuple[str, str], ...]
    working: tuple[str, ...]
    unwatched: tuple[str, ...] = ()
    carried: Mapping[str, tuple[Decimal, Decimal]] = {}
    unanswered: tuple[Any, ...] = ()


def withdraw_dead(restored: Restored, *, fold: LogFold, recorder: Recorder) -> None:
    """Write what ended orders that never reached their venue."""
    for order_id, cause in restored.dead:
        trace = fold.open_orders[order_id]
        recorder.withdraw(order_id, cause=cause, venue=trace.intent.venue, filled=trace.filled)


def balances_of(
    keeper: BookKeeper,
    venue: str,
    *,
    account: AccountKind,
    listings: Mapping[str, Listing],
    limits: Mapping[str, MarketLimits],
    carried: Mapping[str, tuple[Decimal, Decimal]],
) -> dict[str, Decimal]:
    """Return what the venue's account opens with. `carried`: size and price at which each held symbol is carried over.

    CASH: its cash, and spot inventory in its base currencies. MARGIN: Nautilus moves such a balance by realised profit and
    fees alone, so it is cash plus the cost of what is carried; every currency that could be traded in has a balance, of zero
    if need be, because Nautilus only logs a debit that finds none.
    """
    balances = dict(keeper.cash.get(venue, {}))
    if account is AccountKind.MARGIN:
        for symbol, limit in limits.items():
            listing = listings[symbol]
            if limit.venue == venue:
                for code in (listing.quote_currency, listing.base_currency):
                    if code is not None:
                        balances.setdefault(code, ZERO)
        for symbol, (size, price) in carried.items():
            if listings[symbol].venue == venue:
                balances[listings[symbol].quote_currency] += size * price * limits[symbol].multiplier
        return balances
    for symbol, quantity in keeper.positions.items():
        listing = listings[symbol]
        if listing.venue == venue and listing.base_currency is not None:
            balances[listing.base_currency] = balances.get(listing.base_currency, ZERO) + quantity
    return balances


def holdings_of(
    keeper: BookKeeper, venue: str, *, account: AccountKind, listings: Mapping[str, Listing], limits: Mapping[str, MarketLimits]
) -> dict[str, Decimal]:
    """Return what the venue's account should hold now: its balances, and its shares by their symbols, in signed units."""
    held = balances_of(keeper, venue, account=account, listings=listings, limits=limits, carried={})
    shares = {
        symbol: quantity
        for symbol, quantity in keeper.positions.items()
        if listings[symbol].venue == venue and listings[symbol].base_currency is None
    }
    return held | shares


class Restorer:
    """Puts a fold into the cache of a kernel that does not run yet, and into `contexts`, the recorder's, those of open orders."""

    def __init__(
        self,
        *,
        cache: Any,
        trader_id: str,
        strategy_id: str,
        listings: Mapping[str, Listing],
        limits: Mapping[str, MarketLimits],
        contexts: MutableMapping[str, OrderContext],
        outliving: Collection[str] = (),
    ) -> None:
        """`outliving`: real venues, which keep their orders while we are away; a simulated one has what its own lines say."""
        self._outliving = frozenset(outliving)
        self._limits = limits
        self._contexts = contexts
        self._cache = cache
        self._trader_id = TraderId(trader_id)
        self._strategy_id = StrategyId(strategy_id)
        self._listings = listings

    def restore(self, fold: LogFold) -> Restored:
        """Add positions and open orders. The instruments must be in the cache already."""
        carried = {}
        for symbol, quantity in fold.keeper.positions.items():
            if quantity and (held := self._carry(symbol, quantity, fold.marks[symbol])) is not None:
                carried[symbol] = held
        requeue, dead, working, unwatched, unanswered = [], [], [], [], []
        for order_id, trace in fold.open_orders.items():
            intent = trace.intent
            child = intent.parent_client_order_id is not None
            if intent.schedule != AT_ONCE and not child:
                dead.append((order_id, "schedule_interrupted"))  # its rest is not resumed: a top-up plans it anew
            elif trace.send is None:
                dead.append((order_id, "never_sent"))
            elif intent.venue in self._outliving:
                order = self._open_order(trace)
                working.append(order_id)
                if child and order.order_type == OrderType.LIMIT:
                    unwatched.append(order_id)
                self._remember(trace, fold)
                if trace.ack is None or trace.unknown:
                    unanswered.append(order)
            elif trace.received is None:
                dead.append((order_id, "not_received"))
            else:
                order = self._open_order(trace)
                working.append(order_id)
                if child and order.order_type == OrderType.LIMIT:
                    unwatched.append(order_id)
                self._remember(trace, fold)
                if trace.ack is None or order.order_type == OrderType.MARKET:
                    requeue.append((order, trace.send.ts_ns))
        self._cache.build_index()
        return Restored(
            requeue=tuple(requeue),
            dead=tuple(dead),
            working=tuple(working),
            unwatched=tuple(unwatched),
            carried=carried,
            unanswered=tuple(unanswered),
        )

    def _remember(self, trace: OrderTrace, fold: LogFold) -> None:
        """A later fill of this order must explain itself like any other."""
        intent, manifest = trace.intent, fold.manifest
        facts = ManifestFacts(
            manifest_sha256=intent.manifest_sha256,
            source_run=intent.source_run,
            run_ledger_head=None if manifest is None else manifest.run_ledger_head,
            written_ns=None if manifest is None else manifest.written_ns,
            read_ns=intent.planned_ns if manifest is None else manifest.read_ns,
            decision_prices={},
        )
        context = context_of(
            intent, manifest=facts, listing=self._listings[intent.symbol], multiplier=self._limits[intent.symbol].multiplier
        )
        context.filled = trace.filled
        if trace.send is not None:
            context.sent_ns = trace.send.ts_ns
        if trace.ack is not None:
            context.acked_ns = trace.ack.event_ns
        self._contexts[intent.client_order_id] = context

    def _carry(self, symbol: str, quantity: Decimal, mark: tuple[Decimal, int]) -> tuple[Decimal, Decimal] | None:
        """One filled order that brings the position to what the log says, at the price of its last fill; return both.

        Floored to the step: fees in the base asset leave less than a step, which Nautilus cannot hold. Our book has it all.
        """
        price, ts_ns = mark
        listing = self._listings[symbol]
        instrument = self._cache.instrument(InstrumentId.from_str(listing.instrument_id))
        unit = instrument.size_increment.as_decimal()
        size = abs(quantity) // unit * unit
        if not size:
            return None
        order_id = hashlib.sha256(f"carried\n{symbol}\n{quantity}\n{ts_ns}".encode()).hexdigest()[:32]
        order = MarketOrder(
            trader_id=self._trader_id,
            strategy_id=self._strategy_id,
            instrument_id=instrument.id,
            client_order_id=ClientOrderId(order_id),
            order_side=OrderSide.BUY if quantity > 0 else OrderSide.SELL,
            quantity=Quantity.from_decimal(at_places(size, instrument.size_precision)),
            init_id=UUID4(),
            ts_init=ts_ns,
        )
        self._cache.add_order(order, None, ClientId(listing.venue))
        self._apply(order, self._submitted(order, listing, ts_ns))
        self._apply(
            order,
            self._filled(
                order,
                listing,
                instrument,
                venue_order_id=f"S{order_id}",
                trade_id=f"carried-{order_id[:12]}",
                quantity=size,
                price=price,
                fee=Decimal(0),
                fee_currency=listing.quote_currency,
                maker=False,
                ts_ns=ts_ns,
            ),
        )
        return (size if quantity > 0 else -size), price

    def _open_order(self, trace: OrderTrace) -> Any:
        intent = trace.intent
        listing = self._listings[intent.symbol]
        instrument = self._cache.instrument(InstrumentId.from_str(listing.instrument_id))
        order = order_of(intent, instrument, trader_id=self._trader_id, strategy_id=self._strategy_id)
        self._cache.add_order(order, None, ClientId(listing.venue))
        assert trace.send is not None
        self._apply(order, self._submitted(order, listing, trace.send.ts_ns))
        if trace.ack is not None:
            self._apply(
                order,
                OrderAccepted(
                    trader_id=self._trader_id,
                    strategy_id=self._strategy_id,
                    instrument_id=order.instrument_id,
                    client_order_id=order.client_order_id,
                    venue_order_id=VenueOrderId(trace.ack.venue_order_id),
                    account_id=AccountId(trace.ack.account),
                    event_id=UUID4(),
                    ts_event=trace.ack.event_ns,
                    ts_init=trace.ack.ts_ns,
                ),
            )
        for fill in trace.fills:
            self._apply_logged_fill(order, listing, instrument, fill)
        return order

    def _apply_logged_fill(self, order: Any, listing: Listing, instrument: Any, fill: Fill) -> None:
        """The order learns of its fill; the position does not, it was carried whole."""
        event = self._filled(
            order,
            listing,
            instrument,
            venue_order_id=fill.venue_order_id,
            trade_id=fill.trade_id,
            quantity=Decimal(fill.quantity),
            price=Decimal(fill.price),
            fee=Decimal(fill.fee),
            fee_currency=fill.fee_currency,
            maker=fill.liquidity == "maker",
            ts_ns=fill.event_ns,
        )
        order.apply(event)
        self._cache.update_order(order)

    def _apply(self, order: Any, event: Any) -> None:
        order.apply(event)
        self._cache.update_order(order)
        if isinstance(event, OrderFilled):
            instrument = self._cache.instrument(order.instrument_id)
            self._cache.add_position(Position(instrument, event), OmsType.NETTING)

    def _submitted(self, order: Any, listing: Listing, ts_ns: int) -> Any:
        return OrderSubmitted(
            trader_id=self._trader_id,
            strategy_id=self._strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            account_id=AccountId(f"{listing.venue}-001"),
            event_id=UUID4(),
            ts_event=ts_ns,
            ts_init=ts_ns,
        )

    def _filled(
        self,
        order: Any,
        listing: Listing,
        instrument: Any,
        *,
        venue_order_id: str,
        trade_id: str,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        fee_currency: str,
        maker: bool,
        ts_ns: int,
    ) -> Any:
        return OrderFilled(
            trader_id=self._trader_id,
            strategy_id=self._strategy_id,
            instrument_id=instrument.id,
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId(venue_order_id),
            account_id=AccountId(f"{listing.venue}-001"),
            trade_id=TradeId(trade_id),
            position_id=PositionId(f"{instrument.id}-{self._strategy_id}"),
            order_side=order.side,
            order_type=order.order_type,
            last_qty=Quantity.from_decimal(at_places(quantity, instrument.size_precision)),
            last_px=Price.from_decimal(at_places(price, instrument.price_precision)),
            currency=instrument.quote_currency,
            commission=Money.from_decimal(fee, currency(fee_currency)),
            liquidity_side=LiquiditySide.MAKER if maker else LiquiditySide.TAKER,
            event_id=UUID4(),
            ts_event=ts_ns,
            ts_init=ts_ns,
        )


def order_of(intent: Intent, instrument: Any, *, trader_id: Any, strategy_id: Any) -> Any:
    """Return the Nautilus order of a logged intent."""
    common = {
        "trader_id": trader_id,
        "strategy_id": strategy_id,
        "instrument_id": instrument.id,
        "client_order_id": ClientOrderId(intent.client_order_id),
        "order_side": OrderSide.BUY if intent.side is Side.BUY else OrderSide.SELL,
        "quantity": Quantity.from_decimal(at_places(Decimal(intent.quantity), instrument.size_precision)),
        "init_id": UUID4(),
        "ts_init": intent.ts_ns,
        "time_in_force": TimeInForce[intent.time_in_force],
        "reduce_only": intent.reduce_only,
    }
    if intent.order_kind == OrderKind.MARKET:
        return MarketOrder(**common)
    assert intent.limit_price is not None
    price = Price.from_decimal(at_places(Decimal(intent.limit_price), instrument.price_precision))
    return LimitOrder(**common, price=price)
