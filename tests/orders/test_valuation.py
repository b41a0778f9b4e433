"""Equity and exposure in base currency; what is missing or stale is said and nothing is valued."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orders.book import Book
from orders.errors import InputError
from orders.plan import Held, OpenOrder, Reason
from orders.valuation import Marks, OpenExposure, Valuation, open_exposure, price_fault, value_book
from orders.values import Listing, MarketLimits, Quote, Rate, Side

D = Decimal
NOW = 1_000_000
AGE_MAX = 100
COIN = "BINANCE:BTCUSDT"
SHARE = "NYSE:XOM"


def quote(symbol: str = SHARE, bid: str = "99", ask: str = "101", ts_ns: int = NOW) -> Quote:
    return Quote(symbol=symbol, bid=D(bid), ask=D(ask), ts_ns=ts_ns)


def market_limits(symbol: str, venue: str, multiplier: str = "1") -> MarketLimits:
    return MarketLimits(
        symbol=symbol,
        venue=venue,
        step_size=D("1"),
        tick_size=D("1"),
        min_quantity=D(0),
        min_notional=D(0),
        max_quantity=None,
        multiplier=D(multiplier),
    )


def marks(**changes: Any) -> Marks:
    values: dict[str, Any] = {
        "quotes": {SHARE: quote(), COIN: quote(COIN, "50000", "50010")},
        "limits": {SHARE: market_limits(SHARE, "US", "2"), COIN: market_limits(COIN, "BINANCE")},
        "listings": {
            SHARE: Listing(symbol=SHARE, venue="US", instrument_id="XOM.US", quote_currency="USD", asset_class="equity"),
            COIN: Listing(
                symbol=COIN, venue="BINANCE", instrument_id="BTCUSDT.BINANCE", quote_currency="USDT", asset_class="spot"
            ),
        },
        "rates": {"USDT": Rate(value=D("0.99"), as_of_ns=NOW - 10, valid_until_ns=NOW + 10)},
        "base_currency": "USD",
        "now_ns": NOW,
        "price_age_max_ns": AGE_MAX,
    }
    return Marks(**(values | changes))


def book(**positions: str) -> Book:
    names = {"share": SHARE, "coin": COIN}
    cash = {"US": {"USD": D("1000")}, "BINANCE": {"USDT": D("100"), "EUR": D("0")}}
    return Book(cash=cash, positions={names[name]: D(units) for name, units in positions.items()})


def test_cash_and_positions_of_all_venues_come_to_base_currency() -> None:
    worth = value_book(book(share="-3", coin="0.01"), marks=marks())
    assert worth == Valuation(
        equity_base=D("1000") + D("99") - D("600") + D("495.0495"),
        cash_base=D("1099"),
        gross_base=D("1095.0495"),
        net_base=D("-104.9505"),
        values={SHARE: D("-600"), COIN: D("495.0495")},
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quotes": {}}, "NO_MARK"),
        ({"quotes": {SHARE: quote(bid="0")}}, "NO_MARK"),
        ({"quotes": {SHARE: quote(ask="NaN")}}, "NO_MARK"),
        ({"quotes": {SHARE: quote(bid="102")}}, "NO_MARK"),
        ({"quotes": {SHARE: quote(ts_ns=NOW - AGE_MAX - 1)}}, "MARK_STALE"),
        ({"quotes": {SHARE: quote(ts_ns=NOW + 1)}}, "MARK_STALE"),
        ({"rates": {}}, "NO_RATE"),
        ({"rates": {"USDT": Rate(value=D("1"), as_of_ns=NOW - 9, valid_until_ns=NOW - 1)}}, "NO_RATE"),
        ({"rates": {"USDT": Rate(value=D("1"), as_of_ns=NOW + 1, valid_until_ns=NOW + 9)}}, "NO_RATE"),
        ({"rates": {"USDT": Rate(value=D("0"), as_of_ns=NOW, valid_until_ns=NOW)}}, "NO_RATE"),
        ({"rates": {"USDT": Rate(value=D("NaN"), as_of_ns=NOW, valid_until_ns=NOW)}}, "NO_RATE"),
        ({"limits": {}}, "NO_LIMITS"),
        ({"limits": {SHARE: market_limits(SHARE, "US", "0")}}, "NO_LIMITS"),
        ({"limits": {SHARE: market_limits(SHARE, "ELSEWHERE")}}, "NO_LIMITS"),
        ({"listings": {}}, "NOT_LISTED"),
    ],
    ids=[
        "no price",
        "zero bid",
        "NaN ask",
        "crossed",
        "price stale by 1 ns",
        "price from the future",
        "no rate",
        "rate over by 1 ns",
        "rate not yet",
        "zero rate",
        "NaN rate",
        "no limits",
        "zero multiplier",
        "limits of another venue",
        "not in the symbol map",
    ],
)
def test_a_book_that_cannot_be_valued_is_held(changes: dict[str, Any], code: str) -> None:
    worth = value_book(book(share="1"), marks=marks(**changes))
    assert isinstance(worth, Held)
    assert worth.code == code


def test_what_is_not_held_needs_no_price() -> None:
    assert isinstance(value_book(book(share="0"), marks=marks(quotes={})), Valuation)


def test_equity_must_be_above_zero() -> None:
    worth = value_book(book(share="-5.495"), marks=marks())
    assert isinstance(worth, Held)
    assert worth.code == "EQUITY_NOT_POSITIVE"


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_a_book_that_is_not_finite_is_refused(amount: str) -> None:
    with pytest.raises(InputError, match="BOOK_INVALID"):
        value_book(book(share=amount), marks=marks())
    with pytest.raises(InputError, match="BOOK_INVALID"):
        value_book(Book(cash={"US": {"USD": D(amount)}}, positions={}), marks=marks())


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (quote(ts_ns=NOW - AGE_MAX), None),
        (quote(ts_ns=NOW - AGE_MAX - 1), Reason.PRICE_STALE),
        (quote(ts_ns=NOW + 1), Reason.PRICE_STALE),
        (quote(bid="101"), None),
        (quote(bid="101.01"), Reason.PRICE_CROSSED),
        (quote(bid="-1"), Reason.NO_PRICE),
        (quote(ask="0"), Reason.NO_PRICE),
        (quote(bid="sNaN"), Reason.NO_PRICE),
        (quote(ask="Infinity"), Reason.NO_PRICE),
        (None, Reason.NO_PRICE),
    ],
    ids=[
        "at the age limit",
        "1 ns over",
        "future",
        "locked passes",
        "crossed",
        "negative",
        "zero ask",
        "sNaN",
        "infinite",
        "absent",
    ],
)
def test_price_faults(seen: Quote | None, fault: Reason | None) -> None:
    assert price_fault(seen, now_ns=NOW, price_age_max_ns=AGE_MAX) is fault


def test_open_orders_are_valued_at_mid_by_side() -> None:
    orders = [
        OpenOrder(client_order_id="1", symbol=SHARE, side=Side.BUY, leaves_quantity=D("1")),
        OpenOrder(client_order_id="2", symbol=SHARE, side=Side.BUY, leaves_quantity=D("2")),
        OpenOrder(client_order_id="3", symbol=SHARE, side=Side.SELL, leaves_quantity=D("5")),
    ]
    assert open_exposure(orders, marks=marks()) == {SHARE: OpenExposure(buy_base=D("600"), sell_base=D("1000"))}


def test_an_open_order_without_a_price_is_held() -> None:
    order = OpenOrder(client_order_id="1", symbol=SHARE, side=Side.BUY, leaves_quantity=D("1"))
    answer = open_exposure([order], marks=marks(quotes={}))
    assert isinstance(answer, Held)
    assert answer.code == "NO_MARK"
