"""An exchange without wires, for tables and properties: one pair of small round numbers, two clients."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orders.values import Side
from sim.rehearsal.exchange import Exchange
from sim.rehearsal.listing import Listing
from sim.rehearsal.settlement import FeeRates
from sim.rehearsal.state import State
from sim.rehearsal.values import Asked, Order, Refusal

FEE_RATES = FeeRates(maker=Decimal("0.001"), taker=Decimal("0.002"))
PAIR = Listing(
    name="AAABBB",
    base="AAA",
    quote="BBB",
    tick_size=Decimal("0.5"),
    price_max=Decimal(1_000),
    step_size=Decimal("0.1"),
    quantity_max=Decimal(1_000),
    market_quantity_max=Decimal(500),
    min_notional=Decimal(5),
    notional_max=Decimal(90_000),
    multiplier_up=Decimal(5),
    multiplier_down=Decimal("0.2"),
    open_orders_max=20,
)


def made(state: State | None = None, *, funds: str = "10000") -> Exchange:
    """Clients `one` and `two` with the same of both assets."""
    exchange = Exchange(listings={PAIR.name: PAIR}, fees=FEE_RATES, state=State() if state is None else state)
    if state is None:
        for account in ("one", "two"):
            for asset in ("AAA", "BBB"):
                exchange.set_balance(account, asset, free=Decimal(funds))
    return exchange


def asked(side: str, quantity: str | None, price: str | None = None, **changes: Any) -> Asked:
    """A limit order with a price, a market order without."""
    details: dict[str, Any] = {
        "account": "one",
        "symbol": PAIR.name,
        "side": Side(side),
        "kind": "MARKET" if price is None else "LIMIT",
        "time_in_force": "GTC",
        "quantity": None if quantity is None else Decimal(quantity),
        "quote_quantity": None,
        "price": None if price is None else Decimal(price),
        "client_id": f"made{changes.pop('number', 0)}",
        "self_trade": "EXPIRE_MAKER",
    }
    return Asked(**{**details, **changes})


def placed(exchange: Exchange, *given: Any, **changes: Any) -> Order:
    """Place an order that the exchange takes; ids are made different."""
    changes.setdefault("number", exchange.state.order_id)
    done = exchange.place(asked(*given, **changes), now_ms=1_000)
    assert not isinstance(done, Refusal), done
    return done[0]


def refused(exchange: Exchange, *given: Any, **changes: Any) -> tuple[int, str]:
    """Place an order that the exchange does not take; return code and text."""
    changes.setdefault("number", exchange.state.order_id)
    done = exchange.place(asked(*given, **changes), now_ms=1_000)
    assert isinstance(done, Refusal), done
    return done.code, done.message


def levels(*rows: tuple[str, str]) -> dict[Decimal, Decimal]:
    """Return a side of a book from (price, quantity) texts."""
    return {Decimal(price): Decimal(size) for price, size in rows}


def now(exchange: Exchange, order: Order) -> tuple[str, str]:
    """Return an order's status and what it filled, as they are now."""
    known = exchange.state.orders[order.order_id]
    return known.status, f"{known.executed.normalize():f}"
