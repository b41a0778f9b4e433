"""What is known of an order of ours while it lives: facts of its run and manifest, prices and instants of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from lakehouse import records
from orders.attribution import split_amount
from orders.book import ZERO
from orders.canonical import decimal_text
from orders.plan import NO_SHARES, Approval, PlanLine
from orders.values import Listing, OrderKind, Quote, Record, Side


class RunFacts(Record, frozen=True, kw_only=True):
    """What is the same on every line of a run: names and hashes of what it was started with. Of a bundle, if of one."""

    run_id: str
    environment: str
    config_sha256: str
    limits_sha256: str
    market_limits_sha256: str
    assumptions_sha256: str
    base_currency: str
    bundle_sha256: str | None


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

    Instants in nanoseconds, 0 until they happened; `arrival` None after a restart. `parent`: of a schedule's child; what it
    fills is filled of its parent too. `close_cause`: what its cancel line will say. `attribution`: winner -> signed weight.
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
    parent: OrderContext | None = None
    close_cause: str = "cancelled"
    attribution: Mapping[str, Decimal] = NO_SHARES


def context_for(
    approval: Approval,
    line: PlanLine,
    *,
    manifest: ManifestFacts,
    plan_sha256: str,
    planned_ns: int,
    approved_ns: int,
    arrival: Quote,
    listing: Listing,
    multiplier: Decimal,
    strategy_id: str,
) -> OrderContext:
    """Return the context of an order that was just approved; `arrival` is the top of book its line was planned on."""
    assert line.bid is not None
    assert line.ask is not None
    decision = manifest.decision_prices.get(approval.symbol)
    bid = decimal_text(line.bid)
    one_price = line.bid == line.ask  # of a bar: one text serves all three
    return OrderContext(
        symbol=approval.symbol,
        instrument_id=approval.instrument_id,
        venue=approval.venue,
        side=approval.side,
        order_kind=approval.order_kind.value,
        order_quantity=decimal_text(approval.quantity),
        filled=ZERO,
        cycle=approval.cycle,
        line=approval.line,
        plan_sha256=plan_sha256,
        manifest=manifest,
        decision_price=None if decision is None else decimal_text(decision),
        arrival=arrival,
        arrival_bid=bid,
        arrival_ask=bid if one_price else decimal_text(line.ask),
        arrival_mid=bid if one_price else decimal_text((line.bid + line.ask) / 2),
        arrival_ns=arrival.ts_ns,
        planned_ns=planned_ns,
        approved_ns=approved_ns,
        durable_ns=0,
        sent_ns=0,
        acked_ns=None,
        strategy_id=strategy_id,
        quote_currency=listing.quote_currency,
        base_currency=listing.base_currency,
        multiplier=multiplier,
        multiplier_text=decimal_text(multiplier),
        attribution=line.attribution,
    )


def child_context(parent: OrderContext, *, order_kind: OrderKind, quantity: Decimal) -> OrderContext:
    """Return the context of a parent's new child: the parent's prices and stages, its own progress."""
    return msgspec.structs.replace(
        parent,
        order_kind=order_kind.value,
        order_quantity=decimal_text(quantity),
        filled=ZERO,
        durable_ns=0,
        sent_ns=0,
        acked_ns=None,
        parent=parent,
        close_cause="cancelled",
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
        attribution={winner: Decimal(weight) for winner, weight in intent.attribution.items()},
    )


def weight_texts(shares: Mapping[str, Decimal]) -> dict[str, str]:
    """Return winners and their weights as texts."""
    return {winner: decimal_text(weight) for winner, weight in shares.items()}


def fill_texts(quantity: Decimal, text: str, *, shares: Mapping[str, Decimal]) -> dict[str, str]:
    """Return winner -> its units of a fill of `quantity`, which `text` is, as texts; they sum to it exactly."""
    if len(shares) == 1:  # whatever its weight: a close of the only winner's position is that winner's
        return dict.fromkeys(shares, text)
    return {winner: decimal_text(part) for winner, part in split_amount(quantity, shares).items()} if shares else {}
