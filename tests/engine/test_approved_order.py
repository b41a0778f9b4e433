"""The order of an approval is what the strategy's own factory would make of it, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from nautilus_trader.common.component import TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId, StrategyId, TraderId
from nautilus_trader.model.objects import Price, Quantity

from engine.instruments import instrument_of
from orders.values import Listing, MarketLimits, OrderKind, Side
from strategies.approved_order import order_of
from strategies.schedules.algorithm import algorithm_id
from tests.schedules.made import parent_of

TRADER, STRATEGY = TraderId("T-001"), StrategyId("SLUICE-001")
LISTING = Listing(
    symbol="BINANCE:ETHUSDT",
    venue="BINANCE",
    instrument_id="ETHUSDT.BINANCE",
    quote_currency="USDT",
    base_currency="ETH",
    asset_class="spot",
)
STEP = Decimal("0.000000001")
INSTRUMENT = instrument_of(
    LISTING,
    MarketLimits(
        symbol=LISTING.symbol, venue="BINANCE", step_size=STEP, tick_size=STEP, min_quantity=STEP,
        min_notional=Decimal(0), max_quantity=None, multiplier=Decimal(1),
    ),
)  # fmt: skip


def facts(order: Any) -> dict[str, Any]:
    return {key: value for key, value in order.to_dict().items() if key not in ("init_id", "ts_init", "ts_last")}


@pytest.mark.parametrize("schedule", ["at_once", "twap"])
@pytest.mark.parametrize("limit", [None, "0.000000003", "123456789.123456789"])
@pytest.mark.parametrize("quantity", ["1", "0.000000001", "123456789.123456789", "9999999999999", "10000000000000"])
@pytest.mark.parametrize(("side", "reduce_only"), [(Side.BUY, False), (Side.SELL, True)])
def test_it_is_the_order_of_the_factory(side: Side, reduce_only: bool, quantity: str, limit: str | None, schedule: str) -> None:
    approval = msgspec.structs.replace(
        parent_of(schedule="at_once"),
        side=side,
        quantity=Decimal(quantity),
        order_kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
        limit_price=None if limit is None else Decimal(limit),
        reduce_only=reduce_only,
        schedule=schedule,
    )
    order = order_of(approval, INSTRUMENT, trader_id=TRADER, strategy_id=STRATEGY, ts_init=7)
    common: dict[str, Any] = {
        "instrument_id": INSTRUMENT.id,
        "order_side": OrderSide.BUY if side is Side.BUY else OrderSide.SELL,
        "quantity": Quantity.from_str(f"{Decimal(quantity):.9f}"),
        "time_in_force": TimeInForce.GTC,
        "client_order_id": ClientOrderId(approval.client_order_id),
        "reduce_only": reduce_only,
        "exec_algorithm_id": None if schedule == "at_once" else algorithm_id(schedule),
    }
    factory = OrderFactory(TRADER, STRATEGY, TestClock())
    known = factory.market(**common) if limit is None else factory.limit(**common, price=Price.from_str(f"{Decimal(limit):.9f}"))
    assert facts(order) == facts(known)
    assert (order.exec_spawn_id, order.ts_init) == (known.exec_spawn_id, 7)
    assert order.quantity.as_decimal() == approval.quantity


@pytest.mark.parametrize("quantity", ["0.0000000001", "1.0000000001"])
def test_a_quantity_finer_than_the_instrument_makes_no_order(quantity: str) -> None:
    approval = msgspec.structs.replace(parent_of(schedule="at_once"), quantity=Decimal(quantity))
    with pytest.raises(AssertionError):
        order_of(approval, INSTRUMENT, trader_id=TRADER, strategy_id=STRATEGY, ts_init=7)


def test_a_quantity_that_nautilus_cannot_hold_raises_and_does_not_end_the_process() -> None:
    approval = msgspec.structs.replace(parent_of(schedule="at_once"), quantity=Decimal(10) ** 18)
    with pytest.raises(ValueError, match="max"):
        order_of(approval, INSTRUMENT, trader_id=TRADER, strategy_id=STRATEGY, ts_init=7)
