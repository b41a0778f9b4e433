"""Fees, fills and due times of the simulated venue come from one assumptions value and never favour the order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId, StrategyId, TraderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import MarketOrder
from nautilus_trader.test_kit.stubs.component import TestComponentStubs

from engine.instruments import instrument_of
from orders.assumptions import Assumptions, FillAt, FillRule
from orders.costs import ImpactFacts, ImpactTerms
from orders.financing import DayCount, FinancingTerms
from orders.values import FeeSchedule, Listing, MarketLimits
from venues.simulated.models import AssumedFeeModel, AssumedFillModel, DueTimes

LISTING = Listing(
    symbol="BINANCE:BTCUSDT",
    venue="BINANCE",
    instrument_id="BTCUSDT.BINANCE",
    quote_currency="USDT",
    base_currency="BTC",
    asset_class="spot",
)
LIMITS = MarketLimits(
    symbol="BINANCE:BTCUSDT",
    venue="BINANCE",
    step_size=Decimal("0.00001"),
    tick_size=Decimal("0.01"),
    min_quantity=Decimal("0.00001"),
    min_notional=Decimal(5),
    max_quantity=None,
    multiplier=Decimal(1),
)
INSTRUMENT = instrument_of(LISTING, LIMITS)


def assume(**changes: object) -> Assumptions:
    facts: dict[str, object] = {
        "name": "test",
        "fill_rule": FillRule.TOUCH,
        "fill_at": FillAt.NEXT_BAR,
        "latency_ns": 100,
        "jitter_ns": 0,
        "cancel_latency_ns": 50,
        "seed": 1,
        "slippage_bps": Decimal(0),
        "bar_half_spread_bps": Decimal(0),
        "own_consumption": False,
        "fees": {},
        "financing": FinancingTerms(
            day_count=DayCount.ACT_365, accrue_at="17:00", zone="UTC", borrow={}, interest={}, funding={}
        ),
    }
    return Assumptions(**{**facts, **changes})  # type: ignore[arg-type]


def order(side: OrderSide, quantity: str = "0.1", *, key: str = "a") -> MarketOrder:
    return MarketOrder(
        trader_id=TraderId("T-001"),
        strategy_id=StrategyId("S-001"),
        instrument_id=INSTRUMENT.id,
        client_order_id=ClientOrderId(key * 32),
        order_side=side,
        quantity=Quantity.from_str(quantity),
        init_id=UUID4(),
        ts_init=0,
    )


@pytest.mark.parametrize(
    ("side", "base_on_buys", "fee"),
    [
        (OrderSide.BUY, True, "0.00010000 BTC"),
        (OrderSide.SELL, True, "5.00000000 USDT"),
        (OrderSide.BUY, False, "5.00000000 USDT"),
    ],
    ids=["a spot buy pays in the base asset", "a sell pays in quote", "a venue that charges quote on buys"],
)
def test_fee_is_charged_where_the_venue_charges_it(side: OrderSide, base_on_buys: bool, fee: str) -> None:
    schedule = FeeSchedule(maker_fraction=Decimal(0), taker_fraction=Decimal("0.001"), base_on_buys=base_on_buys)
    charged = AssumedFeeModel(schedule).get_commission(
        order(side), Quantity.from_str("0.10000"), Price.from_str("50000.00"), INSTRUMENT
    )
    assert str(charged) == fee


def test_fee_is_rounded_up_to_the_currency() -> None:
    schedule = FeeSchedule(maker_fraction=Decimal(0), taker_fraction=Decimal("0.0000001"), base_on_buys=True)
    charged = AssumedFeeModel(schedule).get_commission(
        order(OrderSide.BUY), Quantity.from_str("0.00001"), Price.from_str("50000.00"), INSTRUMENT
    )
    assert charged.as_decimal() == Decimal("0.00000001")


@pytest.mark.parametrize(
    ("changes", "side", "price"),
    [
        ({"fill_rule": FillRule.PERFECT}, OrderSide.BUY, "100.02"),
        ({"fill_rule": FillRule.PERFECT}, OrderSide.SELL, "100.01"),
        ({"slippage_bps": Decimal(10)}, OrderSide.BUY, "100.14"),
        ({"slippage_bps": Decimal(10)}, OrderSide.SELL, "99.90"),
    ],
    ids=["mid, rounded up for a buy", "mid, rounded down for a sell", "ask plus slippage", "bid less slippage"],
)
def test_made_book_has_one_level_rounded_against_the_order(changes: dict[str, object], side: OrderSide, price: str) -> None:
    model = AssumedFillModel(assume(**changes))
    book = model.get_orderbook_for_fill_simulation(INSTRUMENT, order(side), Price.from_str("100.00"), Price.from_str("100.03"))
    level = (book.asks() if side == OrderSide.BUY else book.bids())[0]
    assert level.price == Price.from_str(price)
    assert level.size() >= 0.1


def test_plain_touch_leaves_the_venues_own_book() -> None:
    model = AssumedFillModel(assume())
    touch = Price.from_str("100.00"), Price.from_str("100.03")
    assert model.get_orderbook_for_fill_simulation(INSTRUMENT, order(OrderSide.BUY), *touch) is None


@given(
    sends=st.lists(st.tuples(st.integers(0, 10**9), st.text("0123456789abcdef", min_size=32, max_size=32), st.booleans())),
    jitter=st.integers(0, 10**6),
)
def test_due_times_never_run_backwards_and_never_precede_the_latency(sends: list[tuple[int, str, bool]], jitter: int) -> None:
    times = DueTimes(assume(jitter_ns=jitter))
    last = 0
    for sent_ns, key, cancel in sends:
        due = times.due_ns(key, sent_ns=sent_ns, cancel=cancel)
        assert due >= last
        assert due >= sent_ns + (50 if cancel else 100)
        last = due


@given(key=st.text("0123456789abcdef", min_size=32, max_size=32), seed=st.integers(0, 2**63 - 1))
def test_draw_depends_on_seed_and_id_alone(key: str, seed: int) -> None:
    one, other = (DueTimes(assume(jitter_ns=10**6, seed=seed)) for _ in range(2))
    assert one.due_ns(key, sent_ns=7, cancel=False) == other.due_ns(key, sent_ns=7, cancel=False)


def test_perfect_fills_have_no_latency() -> None:
    assert DueTimes(assume(fill_rule=FillRule.PERFECT, latency_ns=10**9)).immediate


def made_levels(model: AssumedFillModel, *keys: str, touch: tuple[str, str] = ("100.00", "100.03")) -> list[Decimal]:
    """The price of a buy's made book for an order of each id, in turn."""
    prices = []
    for key in keys:
        book = model.get_orderbook_for_fill_simulation(INSTRUMENT, order(OrderSide.BUY, key=key), *map(Price.from_str, touch))
        prices.append(book.asks()[0].price.as_decimal())
    return prices


def test_each_order_behind_another_at_a_price_without_depth_fills_a_tick_further() -> None:
    model = AssumedFillModel(assume(slippage_bps=Decimal(10), own_consumption=True))
    assert made_levels(model, "1", "2", "2", "3") == [Decimal(text) for text in ("100.14", "100.15", "100.15", "100.16")]
    assert made_levels(model, "4", touch=("100.01", "100.04")) == [Decimal("100.15")]  # the market has moved: as if new


@pytest.mark.parametrize("changes", [{"own_consumption": False}, {"fill_rule": FillRule.PERFECT}], ids=["off", "perfect"])
def test_nothing_is_moved_where_own_consumption_is_not_assumed(changes: dict[str, object]) -> None:
    model = AssumedFillModel(assume(**{"slippage_bps": Decimal(10), "own_consumption": True} | changes))
    prices = made_levels(model, "1", "2")
    assert prices[0] == prices[1]


def test_a_child_pays_for_the_size_of_its_whole_parent() -> None:
    parent = order(OrderSide.BUY, "4")
    child = MarketOrder(
        trader_id=parent.trader_id,
        strategy_id=parent.strategy_id,
        instrument_id=INSTRUMENT.id,
        client_order_id=ClientOrderId("b" * 32),
        order_side=OrderSide.BUY,
        quantity=Quantity.from_str("1"),
        init_id=UUID4(),
        ts_init=0,
        exec_spawn_id=parent.client_order_id,
    )
    cache = TestComponentStubs.cache()
    cache.add_order(parent)
    facts = ImpactFacts(volatility_fraction=Decimal("0.02"), daily_volume=Decimal(10_000))
    impact = ImpactTerms(coefficient=Decimal("0.5"), by_symbol={LISTING.symbol: facts})
    model = AssumedFillModel(assume(impact=impact), cache=cache, symbols={INSTRUMENT.id.value: LISTING.symbol})
    bid, ask = Price.from_str("99.99"), Price.from_str("100.00")
    charged = [model.get_orderbook_for_fill_simulation(INSTRUMENT, one, bid, ask).best_ask_price() for one in (parent, child)]
    assert [str(price) for price in charged] == ["100.02", "100.02"]  # 0.5 x 2 % x sqrt(0.0004) = 2 bp
