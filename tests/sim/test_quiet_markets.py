"""A backtest in which bars wait until an order comes does what Nautilus does when it simulates every bar by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, Venue
from nautilus_trader.model.objects import Currency, Price, Quantity
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

from orders.assumptions import Assumptions, FillAt, FillRule
from orders.financing import DayCount, FinancingTerms
from orders.values import AccountKind, FeeSchedule, Listing, MarketLimits
from sim.backtest_venue import add_simulated_venue
from sim.quiet_markets import QuietMarkets, by_instant, decisive
from strategies.target_portfolio import client_id

DAY = 86_400_000_000_000
VENUES = ("X", "Y")
NAMES = ("A.X", "B.X", "C.Y")
TYPES = {name: BarType.from_str(f"{name}-1-DAY-LAST-EXTERNAL") for name in NAMES}
FEES = FeeSchedule(maker_fraction=Decimal(0), taker_fraction=Decimal("0.001"), base_on_buys=False)


NOTHING = FinancingTerms(day_count=DayCount.ACT_365, accrue_at="17:00", zone="UTC", borrow={}, interest={}, funding={})
LISTINGS = {
    name: Listing(
        symbol=name, venue=name[-1], instrument_id=name, quote_currency="USD", base_currency=None, ccxt_symbol=None,
        asset_class="equity",
    )
    for name in NAMES
}  # fmt: skip
LIMITS = {
    name: MarketLimits(
        symbol=name, venue=name[-1], step_size=Decimal(1), tick_size=Decimal("0.01"), min_quantity=Decimal(1),
        min_notional=Decimal(0), max_quantity=None, multiplier=Decimal(1),
    )
    for name in NAMES
}  # fmt: skip
type Script = dict[int, list[tuple[str, str, int, int]]]


class Anybody:
    """A second lock that permits everything, a tap that writes nothing, accruals that never fall due."""

    def refusal(self, order: Any) -> str:
        return ""

    def sending(self, order: Any, *, action: str) -> None:
        """Nobody writes it."""

    def when_durable(self, work: Callable[[], None]) -> None:
        work()

    def received(self, order_id: str, *, venue: str, due_ns: int) -> None:
        """Nobody writes it."""

    def refused(self, order: Any, *, code: str) -> None:
        raise AssertionError(code)

    def attach(self, venue: str, adjust: Any) -> None:
        """Nobody adjusts it."""


class Trader(Strategy):  # type: ignore[misc]
    """Acts at the n-th bar it sees as `script[n]` says, -1: between the steps; and sells half of what it buys at once."""

    def __init__(self, script: Script) -> None:
        super().__init__(StrategyConfig(strategy_id="T", order_id_tag="1"))
        self.script = script
        self.seen = self.made = 0
        self.events: list[Any] = []

    def on_start(self) -> None:
        for bar_type in TYPES.values():
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Any) -> None:
        self.act(self.seen)
        self.seen += 1

    def act(self, place: int) -> None:
        for act, name, quantity, ticks in self.script.get(place, ()):
            if act == "cancel":
                for order in self.cache.orders_open(strategy_id=self.id):
                    self.cancel_order(order)
            else:
                self.send(name, act == "buy", quantity, ticks)

    def send(self, name: str, buy: bool, quantity: int, ticks: int) -> None:
        self.made += 1
        common: dict[str, Any] = {
            "instrument_id": InstrumentId.from_str(name),
            "order_side": OrderSide.BUY if buy else OrderSide.SELL,
            "quantity": Quantity.from_int(quantity),
            "client_order_id": ClientOrderId(f"O-{self.made}"),
            "time_in_force": TimeInForce.GTC,
        }
        if ticks:
            self.submit_order(self.order_factory.limit(price=Price.from_str(f"10.0{ticks}"), **common))
        else:
            self.submit_order(self.order_factory.market(**common))

    def on_event(self, event: Any) -> None:
        if not hasattr(event, "client_order_id"):
            return
        filled = (str(event.last_px), str(event.last_qty)) if hasattr(event, "last_px") else ()
        now = self.clock.timestamp_ns()
        self.events.append((type(event).__name__, event.client_order_id.value, event.ts_event, now, *filled))
        if filled and event.order_side == OrderSide.BUY and event.last_qty.as_decimal() > 1:
            self.send(event.instrument_id.value, False, int(event.last_qty.as_decimal()) // 2, 0)


def kernel_of(*, latency_ns: int, consumes: bool) -> tuple[BacktestEngine, QuietMarkets, dict[str, Any]]:
    """Two venues of the simulation, with nothing of ours around them."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    kernel, anybody = engine.kernel, Anybody()
    markets = QuietMarkets(msgbus=kernel.msgbus, cache=kernel.cache, clock=kernel.clock)
    assumptions = Assumptions(
        name="t", fill_rule=FillRule.TOUCH, fill_at=FillAt.NEXT_BAR, latency_ns=latency_ns, jitter_ns=0,
        cancel_latency_ns=latency_ns, seed=1, slippage_bps=Decimal(0), bar_half_spread_bps=Decimal(0), own_consumption=consumes,
        fees=dict.fromkeys(VENUES, FEES), financing=NOTHING,
    )  # fmt: skip
    clients = {
        venue: add_simulated_venue(
            engine, SimpleNamespace(gate=anybody, recorder=anybody, accruals=anybody, halt=pytest.fail), venue=venue,
            account=AccountKind.MARGIN, balances={"USD": Decimal(1_000_000)}, assumptions=assumptions, listings=LISTINGS,
            market_limits=LIMITS, quiet=markets,
        )
        for venue in VENUES
    }  # fmt: skip
    return engine, markets, clients


def ran(bars: Sequence[Any], script: Script, *, quiet: bool, latency_ns: int, consumes: bool) -> Any:
    """What happened, in order, and time and money at the end of each of two steps."""
    engine, markets, _ = kernel_of(latency_ns=latency_ns, consumes=consumes)
    trader = Trader(script)
    engine.add_strategy(trader)
    known = []
    middle = len(bars) // len(NAMES) // 2 * len(NAMES)
    for step in (bars[:middle], bars[middle:]):
        engine.add_data(by_instant(step) if quiet else step, client_id=client_id())
        engine.run(streaming=True)
        markets.catch_up()
        engine.clear_data()
        if not known:
            trader.act(-1)
        money = [engine.portfolio.account(Venue(venue)).balance_total(Currency.from_str("USD")).as_decimal() for venue in VENUES]
        known.append((engine.kernel.clock.timestamp_ns(), money))
    engine.dispose()
    return trader.events, known


def bar(prices: str, *, name: str = "A.X", day: int = 1) -> Any:
    return Bar(TYPES[name], *(Price.from_str(f"10.0{digit}") for digit in prices), Quantity.from_int(8), day * DAY, day * DAY)


TICKS = st.integers(min_value=1, max_value=4)


@st.composite
def made_bars(draw: Any) -> list[Any]:
    """Some days of bars within four ticks, most of one price and many as the day before, so that equal prices are common."""
    found = []
    for day in range(1, draw(st.integers(min_value=2, max_value=8)) + 1):
        for name in NAMES:
            opened, closed = draw(TICKS), draw(TICKS)
            prices = (
                [opened] * 4
                if draw(st.booleans())
                else [opened, max(opened, closed, draw(TICKS)), min(opened, closed, draw(TICKS)), closed]
            )
            volume = Quantity.from_int(draw(st.sampled_from([4, 9, 40, 4000])))
            found.append(Bar(TYPES[name], *(Price.from_str(f"10.0{ticks}") for ticks in prices), volume, day * DAY, day * DAY))
    return found


ACTS = st.tuples(
    st.sampled_from(["buy", "sell", "buy", "cancel"]),
    st.sampled_from(NAMES),
    st.sampled_from([1, 5, 60]),
    st.sampled_from([0, 0, 1, 3]),
)
SCRIPTS = st.dictionaries(st.integers(min_value=-1, max_value=11), st.lists(ACTS, min_size=1, max_size=3), max_size=6)


FLAT = [bar("2222", name=name, day=day) for day in (1, 2, 3, 4) for name in NAMES]
EARLY = {0: [("buy", "C.Y", 5, 0)]}
BETWEEN = {-1: [("buy", "B.X", 60, 0), ("buy", "C.Y", 5, 0)], 7: [("buy", "A.X", 5, 0)]}


@settings(max_examples=100, deadline=None)
@example(bars=FLAT, script=EARLY, latency_ns=DAY // 2, consumes=False)
@example(bars=FLAT, script=BETWEEN, latency_ns=0, consumes=False)
@given(bars=made_bars(), script=SCRIPTS, latency_ns=st.sampled_from([0, 1, DAY // 2, DAY, 2 * DAY + 1]), consumes=st.booleans())
def test_the_same_happens_as_when_nautilus_simulates_every_bar(bars, script, latency_ns, consumes):
    world = {"latency_ns": latency_ns, "consumes": consumes}
    assert ran(bars, script, quiet=True, **world) == ran(bars, script, quiet=False, **world)


@pytest.mark.parametrize(
    ("waiting", "last", "kept"),
    [
        (["1111"], None, ["1111"]),
        (["1111", "2222", "3333"], "1", ["3333"]),
        (["1111", "2222", "3333"], "3", ["2222", "3333"]),
        (["1111", "2222", "3333"], None, ["2222", "3333"]),
        (["1111", "2222", "2222", "2222"], "2", ["1111", "2222"]),
        (["2222", "2222", "2222"], "1", ["2222"]),
        (["2222", "2322", "2322"], "2", ["2322"]),
    ],
    ids=["one", "a move", "a move there and back", "from anywhere", "it stays", "it never moved", "it moves within the bar"],
)
def test_the_bars_that_count_are_the_last_move_and_what_it_needs_before(waiting, last, kept):
    price = None if last is None else Price.from_str(f"10.0{last}")
    assert list(decisive([bar(text) for text in waiting], last=price)) == [bar(text) for text in kept]


def test_a_market_without_orders_is_not_simulated_before_somebody_asks():
    engine, markets, clients = kernel_of(latency_ns=0, consumes=False)
    engine.add_data(by_instant([bar("1111"), bar("2222", day=2)]), client_id=client_id())
    engine.run(streaming=True)
    order = SimpleNamespace(instrument_id=InstrumentId.from_str("A.X"), side=OrderSide.BUY)
    assert clients["X"].touch_size(order) == 0
    markets.catch_up()
    assert clients["X"].touch_size(order) > 0
    engine.dispose()
