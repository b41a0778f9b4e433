"""What goes into Nautilus comes out to the last digit: its plain constructors would round through a binary float."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderType
from nautilus_trader.model.objects import FIXED_PRECISION, Money, Price, Quantity

from engine.instruments import instrument_of
from engine.run_config import load_config
from orders.assumptions import FillRule
from orders.exact import RAW_MAX, RAW_PLACES, at_places, raw_units
from orders.values import FeeSchedule, Listing, MarketLimits
from sim.feed import FeedQuote
from sim.replay_client import bar_of, tick_of
from tests.gate.world import Name, World, manifest_text, quote, run_backtest
from venues.simulated.models import AssumedFeeModel, AssumedFillModel

LONG = Decimal("123456789.123456789")
SYMBOL = "BINANCE:ETHUSDT"
LISTING = Listing(
    symbol=SYMBOL,
    venue="BINANCE",
    instrument_id="ETHUSDT.BINANCE",
    quote_currency="USDT",
    base_currency="ETH",
    asset_class="spot",
)
LIMITS = MarketLimits(
    symbol=SYMBOL, venue="BINANCE", step_size=Decimal("0.000000001"), tick_size=Decimal("0.000000001"),
    min_quantity=Decimal("0.000000001"), min_notional=Decimal(0), max_quantity=None, multiplier=Decimal(1),
)  # fmt: skip


def test_nautilus_itself_would_round() -> None:
    """The reason for all this; should it ever stop, the detour can go."""
    assert Price(LONG, 9).as_decimal() != LONG
    assert Quantity(LONG, 9).as_decimal() != LONG


@given(units=st.integers(0, 10**18), places=st.integers(0, 9))
def test_no_digit_is_lost_on_the_way_in(units: int, places: int) -> None:
    value = Decimal(units).scaleb(-9)
    exact = at_places(value, places)
    assert (Price.from_decimal(exact).as_decimal(), Price.from_decimal(exact).precision) == (exact, places)
    assert (Quantity.from_decimal(exact).as_decimal(), Quantity.from_decimal(exact).precision) == (exact, places)


def test_replayed_quotes_and_bars_keep_every_digit() -> None:
    instrument = instrument_of(LISTING, LIMITS)
    made = FeedQuote(market_ns=1, symbol=SYMBOL, bid=LONG, ask=LONG, bid_size=LONG, ask_size=LONG)
    tick = tick_of(made, instrument, ts_ns=1)
    bar = bar_of(made, instrument, BarType.from_str("ETHUSDT.BINANCE-1-DAY-LAST-EXTERNAL"))
    numbers = (tick.bid_price, tick.ask_price, tick.bid_size, tick.ask_size, bar.close, bar.volume)
    assert [number.as_decimal() for number in numbers] == [LONG] * 6


class _Order:
    """As much of an order as the models look at."""

    side = OrderSide.BUY
    liquidity_side = LiquiditySide.TAKER
    exec_spawn_id = None

    def __init__(self, order_type: object, quantity: Quantity) -> None:
        self.order_type = order_type
        self.quantity = self.leaves_qty = quantity
        self.client_order_id = "made"


def test_the_simulated_venues_prices_and_fees_keep_every_digit(tmp_path: Path) -> None:
    instrument = instrument_of(LISTING, LIMITS)
    made = load_config(World(tmp_path).write().config_path).assumptions()
    assumptions = msgspec.structs.replace(made, fill_rule=FillRule.PERFECT, latency_ns=0, jitter_ns=0)
    price = Price.from_decimal(LONG)
    order = _Order(OrderType.MARKET, Quantity.from_str("1.000000000"))
    book = AssumedFillModel(assumptions).get_orderbook_for_fill_simulation(instrument, order, price, price)
    assert book.best_ask_price().as_decimal() == LONG
    schedule = FeeSchedule(maker_fraction=Decimal("0.5"), taker_fraction=Decimal("0.5"), base_on_buys=True)
    fee = AssumedFeeModel(schedule).get_commission(order, Quantity.from_str("123456789012.12345678"), price, instrument)
    assert fee.as_decimal() == Decimal("61728394506.06172839")


def test_an_order_is_filled_and_booked_at_the_price_of_the_feed_to_the_last_digit(tmp_path: Path) -> None:
    name = Name("BINANCE:BTCUSDT", "12345678.12345678", tick="0.00000001", base="BTC")
    world = World(tmp_path, names=(name,), latency_ms="0", jitter_ms="0")
    world.quotes = [quote(name, ms, ticks=7) for ms in (50, 400, 800)]
    text = world.write().config_path.read_text().replace('USDT = "100000"', 'USDT = "100000000"')
    world.config_path.write_text(text.replace('max_order_value_base = "60000"', 'max_order_value_base = "60000000"'))
    ran = run_backtest(world, [(100, world.save("m.json", manifest_text({name.symbol: "0.3"})))])
    (fill,) = ran.of("fill")
    assert Decimal(fill["price"]) == world.quotes[1].ask
    assert Decimal(fill["quantity"]) * Decimal(fill["price"]) == Decimal(fill["notional_quote"])


def test_raw_units_are_in_nautilus_own_unit_and_within_what_it_takes() -> None:
    assert RAW_PLACES == FIXED_PRECISION
    for made in (Quantity.from_raw(RAW_MAX, 0), Price.from_raw(RAW_MAX, 0), Money.from_raw(RAW_MAX, USD)):
        assert made.raw == RAW_MAX


@given(raw=st.integers(0, 10**20), places=st.integers(0, 9))
def test_a_quantity_made_of_raw_units_is_the_one_made_of_its_decimal(raw: int, places: int) -> None:
    value = Decimal(raw).scaleb(-places)
    units = raw_units(value, places=places)
    if units is not None:
        made, known = Quantity.from_raw(units, places), Quantity.from_decimal(at_places(value, places))
        assert (made.raw, made.precision, made.as_decimal()) == (known.raw, known.precision, value)
