"""Equity in whole numbers is the equity that the values of the symbols give, to the last digit, and missing where they are."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.identifiers import TraderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.stubs.component import TestComponentStubs

from engine.book_valuer import BookValuer
from engine.prices import Prices
from orders.book import BookKeeper
from orders.values import Listing, MarketHours, MarketLimits, Rate
from tests.schedules.made import limits_of

NOW = 1_000_000_000_000
AGE = 1_000
NAMES = ("A", "B", "C", "D")
SPEC = "1-DAY-LAST-EXTERNAL"
CURRENCIES = {"A": "USD", "B": "EUR", "C": "USD", "D": "EUR"}

decimals = st.decimals(min_value=Decimal("-1000000"), max_value=Decimal(1000000), places=9).filter(bool)
prices = st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal(1000000), places=8)


class Made:
    """A valuer over real prices from a real bus; `bar` publishes one."""

    def __init__(self, *, multipliers: Mapping[str, str], hours: Mapping[str, MarketHours] | None = None) -> None:
        ids = {name: f"{name}.X" for name in NAMES}
        self.bus = MessageBus(trader_id=TraderId("TEST-001"), clock=TestClock())
        self.keeper = BookKeeper(cash={"X": {"USD": Decimal("10.25"), "EUR": Decimal("-3.1")}})
        self.rates = {"EUR": Rate(value=Decimal("1.0837"), as_of_ns=0, valid_until_ns=NOW)}
        market = limits_of()
        self.valuer = BookValuer(
            keeper=self.keeper,
            prices=Prices(
                cache=TestComponentStubs.cache(),
                msgbus=self.bus,
                instrument_ids=ids,
                bar_spec=SPEC,
                half_spread_bps=dict.fromkeys(ids, Decimal(5)),
            ),
            listings={
                name: Listing(symbol=name, venue="X", instrument_id=ids[name], quote_currency=code, asset_class="equity")
                for name, code in CURRENCIES.items()
            },
            market_limits={
                name: MarketLimits(
                    **{key: getattr(market, key) for key in market.__struct_fields__} | {"multiplier": Decimal(text)}
                )
                for name, text in multipliers.items()
            },
            rates=self.rates,
            base_currency="USD",
            price_age_max_ns=AGE,
            hours_of=lambda now_ns: hours,
        )

    def bar(self, name: str, price: Decimal, *, at: int = NOW) -> None:
        close, kind = Price.from_str(f"{price:f}"), BarType.from_str(f"{name}.X-{SPEC}")
        self.bus.publish(f"data.bars.{kind}", Bar(kind, close, close, close, close, Quantity.from_int(1), at, at))

    def quiet(self, now_ns: int = NOW) -> Decimal | None:
        return self.valuer.quiet_equity(now_ns, jump_max=Decimal("0.5"))

    def both(self, now_ns: int = NOW) -> tuple[Any, Any]:
        valued = self.valuer.value(now_ns)
        quick = self.quiet(now_ns)
        if quick is None and valued is not None:
            self.valuer.believe(valued[1])
            quick = self.quiet(now_ns)
            assert self.valuer.unread() == valued[1]
            assert self.valuer.unread() == {}
        return quick, None if valued is None else valued[0]


@given(
    units=st.dictionaries(st.sampled_from(NAMES), decimals),
    more=st.dictionaries(st.sampled_from(NAMES), decimals),
    closes=st.fixed_dictionaries(dict.fromkeys(NAMES, prices)),
    multipliers=st.fixed_dictionaries(dict.fromkeys(NAMES, st.sampled_from(["1", "50", "0.001"]))),
)
def test_equity_alone_is_the_equity_of_the_values(
    units: dict[str, Decimal], more: dict[str, Decimal], closes: dict[str, Decimal], multipliers: dict[str, str]
) -> None:
    made = Made(multipliers=multipliers)
    for name, price in closes.items():
        made.bar(name, price)
    for held in (units, more):  # the second book takes the place of the first, as fills make it
        made.keeper.positions.clear()
        made.keeper.positions.update(held)
        quick, full = made.both()
        assert quick == full
        assert quick is not None


@pytest.mark.parametrize("spoil", ["no price", "too old", "from the future", "no rate", "no multiplier"])
def test_what_cannot_be_valued_has_no_equity(spoil: str) -> None:
    made = Made(multipliers={"A": "1"} if spoil == "no multiplier" else {"A": "1", "B": "1"})
    made.keeper.positions.update({"A": Decimal(3), "B": Decimal(2)})
    made.bar("A", Decimal(7))
    assert made.both() == (None, None)
    if spoil != "no price":
        made.bar("B", Decimal(5), at=NOW - AGE - (spoil == "too old") if spoil != "from the future" else NOW + 1)
    if spoil == "no rate":
        made.rates.clear()
    assert made.both() == (None, None)


@pytest.mark.parametrize(("price", "quiet"), [("15", True), ("15.00000001", False), ("5", True), ("4.99999999", False)])
def test_a_price_that_has_jumped_is_left_to_the_values_and_not_believed(price: str, quiet: bool) -> None:
    made = Made(multipliers={"A": "50"})
    made.keeper.positions["A"] = Decimal(3)
    made.bar("A", Decimal(10))
    made.both()
    made.bar("A", Decimal(price))
    assert (made.quiet() is not None) is quiet
    assert made.valuer.unread() == ({"A": Decimal(price) * 50} if quiet else {})
    made.bar("A", Decimal(10))
    assert (made.quiet() is not None) is (price != "5"), "held against the last one believed"


def test_after_a_plan_every_symbol_is_looked_at_by_itself() -> None:
    made = Made(multipliers={"A": "1"})
    made.keeper.positions["A"] = Decimal(3)
    made.bar("A", Decimal(10))
    made.both()
    made.valuer.forget()
    assert made.quiet() is None


def test_a_price_of_a_closed_market_is_left_to_the_values() -> None:
    closed = {"A": MarketHours(state="closed", detail="", closed_ns=NOW - 10 * AGE)}
    made = Made(multipliers={"A": "1"}, hours=closed)
    made.keeper.positions["A"] = Decimal(3)
    made.bar("A", Decimal(7), at=NOW - 11 * AGE)
    valued = made.valuer.value(NOW)
    assert valued is not None
    made.valuer.believe(valued[1])
    assert made.quiet() is None
    assert valued[0] == Decimal("10.25") - Decimal("3.1") * Decimal("1.0837") + 21


def test_positions_that_cancel_still_need_their_rate() -> None:
    made = Made(multipliers={"B": "1", "D": "1"})
    made.keeper.cash.clear()
    made.keeper.positions.update({"B": Decimal(2), "D": Decimal(-2)})
    made.bar("B", Decimal(5))
    made.bar("D", Decimal(5))
    assert made.both() == (0, 0)
    made.rates.clear()
    assert made.both() == (None, None)
