"""A small made market for planner and Sentinel tests: one venue, USD, prices as given."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from orders.book import Book
from orders.costs import TakerTerms
from orders.plan import OpenOrder, Plan, PlanInputs, PlanLine, PlanPolicy, UnnamedPositions
from orders.values import AccountKind, FeeSchedule, Listing, MarketLimits, Quote, Side
from strategies.planner import plan

D = Decimal
NOW = 1_700_000_000_000_000_000
AGE_MAX = 1_000_000_000
SHA = "a" * 64


def quote(symbol: str, bid: str, ask: str | None = None, *, ts_ns: int = NOW) -> Quote:
    return Quote(symbol=symbol, bid=D(bid), ask=D(ask or bid), ts_ns=ts_ns)


def listing(symbol: str, *, venue: str = "US", currency: str = "USD", base: str | None = None) -> Listing:
    return Listing(
        symbol=symbol,
        venue=venue,
        instrument_id=f"{symbol.split(':')[1]}.{venue}",
        quote_currency=currency,
        base_currency=base,
        asset_class="equity",
    )


def limits(symbol: str, *, venue: str = "US", **changes: Any) -> MarketLimits:
    values: dict[str, Any] = {
        "step_size": D("1"),
        "tick_size": D("0.01"),
        "min_quantity": D("1"),
        "min_notional": D("0"),
        "max_quantity": None,
        "multiplier": D("1"),
    }
    return MarketLimits(symbol=symbol, venue=venue, **(values | changes))


AT_TOUCH = TakerTerms(perfect=False, slippage_bps=D(0), half_spread_bps=D(0), impact=None)


def fees(fraction: str = "0", *, base_on_buys: bool = False) -> FeeSchedule:
    return FeeSchedule(maker_fraction=D(fraction), taker_fraction=D(fraction), base_on_buys=base_on_buys)


def policy(**changes: Any) -> PlanPolicy:
    values: dict[str, Any] = {
        "base_currency": "USD",
        "cash_buffer_fraction": D("0"),
        "drift_band_fraction": D("0"),
        "price_age_max_ns": AGE_MAX,
        "unnamed_positions": UnnamedPositions.CLOSE,
    }
    return PlanPolicy(**(values | changes))


def inputs(
    targets: dict[str, str],
    *,
    prices: dict[str, tuple[str, str]],
    cash: str = "1000",
    held: dict[str, str] | None = None,
    account: AccountKind = AccountKind.CASH,
    symbol_limits: dict[str, dict[str, Any]] | None = None,
    **changes: Any,
) -> PlanInputs:
    symbols = sorted({*targets, *prices, *(held or {})})
    values: dict[str, Any] = {
        "environment": "test",
        "manifest_sha256": SHA,
        "source_run": "run-1",
        "cycle": 1,
        "targets": {symbol: D(weight) for symbol, weight in targets.items()},
        "book": Book(cash={"US": {"USD": D(cash)}}, positions={symbol: D(units) for symbol, units in (held or {}).items()}),
        "open_orders": (),
        "quotes": {symbol: quote(symbol, bid, ask) for symbol, (bid, ask) in prices.items()},
        "limits": {symbol: limits(symbol, **(symbol_limits or {}).get(symbol, {})) for symbol in symbols},
        "listings": {symbol: listing(symbol) for symbol in symbols},
        "accounts": {"US": account},
        "fees": {"US": fees()},
        "taker_terms": {"US": AT_TOUCH},
        "rates": {},
        "policy": policy(),
        "now_ns": NOW,
    }
    return PlanInputs(**(values | changes))


def with_changes(made: PlanInputs, **changes: Any) -> PlanInputs:
    """The same inputs but for some."""
    return PlanInputs(**({name: getattr(made, name) for name in made.__struct_fields__} | changes))


def on_venues(
    made: PlanInputs, symbols: dict[str, tuple[str, str]], *, cash: dict[str, dict[str, str]], **changes: Any
) -> PlanInputs:
    """The same inputs with symbols on other venues, symbol -> (venue, quote currency); accounts and fees like the US one's."""
    venues = {venue for venue, _ in symbols.values()} | set(cash)
    account, schedule = made.accounts["US"], made.fees["US"]
    return with_changes(
        made,
        **{
            "listings": dict(made.listings)
            | {symbol: listing(symbol, venue=venue, currency=currency) for symbol, (venue, currency) in symbols.items()},
            "limits": {
                symbol: replace(found, venue=symbols[symbol][0] if symbol in symbols else found.venue)
                for symbol, found in made.limits.items()
            },
            "accounts": dict.fromkeys(venues, account),
            "fees": dict.fromkeys(venues, schedule),
            "taker_terms": dict.fromkeys(venues, AT_TOUCH),
            "book": Book(
                cash={venue: {code: D(amount) for code, amount in amounts.items()} for venue, amounts in cash.items()},
                positions=made.book.positions,
            ),
        }
        | changes,
    )


def open_order(symbol: str, side: Side, leaves: str, *, order_id: str = "f" * 32) -> OpenOrder:
    return OpenOrder(client_order_id=order_id, symbol=symbol, side=side, leaves_quantity=D(leaves))


def planned(made: PlanInputs) -> Plan:
    result = plan(made)
    assert isinstance(result, Plan), result
    return result


def line_of(result: Plan, symbol: str) -> PlanLine:
    (line,) = [line for line in result.lines if line.symbol == symbol]
    return line
