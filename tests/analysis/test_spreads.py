"""Spreads, markouts, benchmarks and modelled impact against the worked examples of others, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from analysis.benchmarks import (
    almgren_impact,
    interval_vwap,
    participation_fraction,
    square_root_impact_bps,
    twap_of_mids,
)
from analysis.spreads import (
    effective_spread,
    markout_bps,
    mid_price,
    price_impact,
    quoted_spread,
    realised_spread,
    reversion_bps,
)
from orders.errors import InputError

D = Decimal


@pytest.mark.parametrize(
    ("side", "price", "bid", "ask", "expected"),
    [
        # CFA practice (gaodun.com/q/403v0v): three sales, effective spreads 0.11, 0.02 and 0.00
        ("SELL", "9.98", "10.00", "10.07", "0.11"),
        ("SELL", "9.92", "9.90", "9.96", "0.02"),
        ("SELL", "9.91", "9.88", "9.94", "0"),
        # CFA practice (gaodun.com/q/b03v0r): bought at 40.47 in a market of 40.40 at 40.49
        ("BUY", "40.47", "40.40", "40.49", "0.05"),
        # fincyclopedia.net, effective bid-ask spread: 25.48 in 25.45 at 25.50, 0.04 better than the quoted 0.05
        ("BUY", "25.48", "25.45", "25.50", "0.01"),
        # aifinhub.io, bid-ask spread: AAPL, 192.115 in 192.10 at 192.12
        ("BUY", "192.115", "192.10", "192.12", "0.01"),
        ("BUY", "9", "10", "11", "-3"),
        ("SELL", "10", "10", "10", "0"),
    ],
)
def test_effective_spread(side: str, price: str, bid: str, ask: str, expected: str) -> None:
    assert effective_spread(side=side, price=D(price), bid=D(bid), ask=D(ask)) == D(expected)


def test_quoted_spread_and_mid() -> None:
    assert quoted_spread(bid=D("25.45"), ask=D("25.50")) == D("0.05")
    assert mid_price(bid=D("25.45"), ask=D("25.50")) == D("25.475")


def test_effective_is_realised_plus_impact() -> None:
    # equitiesamerica.com, realized spread: sold to a buyer at 50.02, mid 50.01, five minutes later 50.015: realised 0.01
    paid, before, after = D("50.02"), D("50.01"), D("50.015")
    assert realised_spread(side="BUY", price=paid, mid_after=after) == D("0.010")
    assert price_impact(side="BUY", mid=before, mid_after=after) == D("0.010")
    assert effective_spread(side="BUY", price=paid, bid=D("50.00"), ask=D("50.02")) == D("0.020")


def test_markout_is_a_gain_when_the_market_follows() -> None:
    assert markout_bps(side="BUY", price=D(100), mid_after=D("100.05")) == 5
    assert markout_bps(side="SELL", price=D(100), mid_after=D("100.05")) == -5


def test_reversion_is_what_came_back() -> None:
    assert reversion_bps(side="BUY", mid_at_last_fill=D(100), mid_after=D("99.9")) == 10
    assert reversion_bps(side="SELL", mid_at_last_fill=D(100), mid_after=D("99.9")) == -10


TRADES = [(D(2000), D("59.90")), (D(1000), D("38.49")), (D(1500), D("44.12")), (D(1100), D("67.50")), (D(2400), D("66.30"))]


def test_vwap_with_and_without_own_fills() -> None:
    # effectivespread.com, VWAP: the sum of price x quantity over the sum of quantity
    assert interval_vwap([(D(100), D(10)), (D(300), D(12))], own_fills=[], without_own=False) == D("11.5")
    own = [(D(100), D(10))]
    assert interval_vwap([(D(100), D(10)), (D(300), D(12))], own_fills=own, without_own=True) == 12
    assert interval_vwap(TRADES, own_fills=TRADES, without_own=True) is None
    assert interval_vwap([], own_fills=[], without_own=False) is None


def test_own_fills_beyond_the_market_are_refused() -> None:
    with pytest.raises(InputError, match="OWN_VOLUME"):
        interval_vwap(TRADES[:1], own_fills=TRADES, without_own=True)
    with pytest.raises(InputError, match="OWN_VOLUME"):
        participation_fraction(own_volume=D(2), market_volume=D(1))


def test_twap_weighs_each_mid_by_how_long_it_held() -> None:
    mids = [(0, D(10)), (10, D(20)), (40, D(12))]
    assert twap_of_mids(mids, from_ns=0, to_ns=50) == D("16.4")
    assert twap_of_mids(mids, from_ns=5, to_ns=15) == 15
    assert twap_of_mids(mids, from_ns=45, to_ns=50) == 12


def test_twap_of_what_is_not_known_is_none() -> None:
    assert twap_of_mids([(5, D(10))], from_ns=0, to_ns=50) is None
    assert twap_of_mids([], from_ns=0, to_ns=50) is None
    assert twap_of_mids([(0, D(10))], from_ns=50, to_ns=50) is None


def test_participation() -> None:
    assert participation_fraction(own_volume=D(50_000), market_volume=D(500_000)) == D("0.1")
    assert participation_fraction(own_volume=D(0), market_volume=D(0)) is None


@pytest.mark.parametrize(
    ("coefficient", "sigma", "share", "expected"),
    [
        # Grinold and Kahn (2000), chapter 16: to trade a day's volume costs about a day's volatility
        ("1", "0.02", "1", "200"),
        # aifinhub.io, execution simulator: 10 % of daily volume at 1.8 % a day and a coefficient of 0.1 are 5.69 bps
        ("0.1", "0.018", "0.1", "5.69"),
        # ml3t primer: four times the size costs twice as much
        ("1", "0.02", "0.01", "20"),
        ("1", "0.02", "0.04", "40"),
    ],
)
def test_square_root_impact(coefficient: str, sigma: str, share: str, expected: str) -> None:
    found = square_root_impact_bps(coefficient=D(coefficient), sigma_daily=D(sigma), quantity=D(share), daily_volume=D(1))
    assert found.quantize(D("0.01")) == D(expected)


IBM = {"sigma_daily": D("0.0157"), "quantity": D("656100"), "daily_volume": D("6561000"), "shares_outstanding": D("1728e6")}
DRI = {"sigma_daily": D("0.0226"), "quantity": D("192900"), "daily_volume": D("1929000"), "shares_outstanding": D("168e6")}


@pytest.mark.parametrize(
    ("share", "days", "permanent", "temporary", "cost"),
    [
        (IBM, "0.1", "20", "22", "32"),
        (IBM, "0.2", "20", "15", "25"),
        (IBM, "0.5", "20", "8", "18"),
        (DRI, "0.1", "22", "32", "43"),
        (DRI, "0.2", "22", "21", "32"),
        (DRI, "0.5", "22", "12", "23"),
    ],
    ids=["IBM 0.1", "IBM 0.2", "IBM 0.5", "DRI 0.1", "DRI 0.2", "DRI 0.5"],
)
def test_almgrens_table_of_two_shares(share: dict[str, Decimal], days: str, permanent: str, temporary: str, cost: str) -> None:
    # Almgren, Thum, Hauptmann and Li (2005), the table of 10 % of a day's volume in a large and a mid-size share, whole bps
    found = almgren_impact(**share, duration_days=D(days))
    rounded = [value.quantize(D(1)) for value in (found.permanent_bps, found.temporary_bps, found.cost_bps)]
    assert rounded == [D(permanent), D(temporary), D(cost)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"side": "buyer"}, "SIDE_INVALID"),
        ({"price": D("NaN")}, "NUMBER_INVALID"),
        ({"price": 10.0}, "NUMBER_INVALID"),
        ({"price": True}, "NUMBER_INVALID"),
        ({"price": D(0)}, "NOT_POSITIVE"),
        ({"bid": D(-1)}, "NOT_POSITIVE"),
        ({"bid": D("10.03")}, "PRICE_CROSSED"),
        ({"ask": D("Infinity")}, "NUMBER_INVALID"),
    ],
)
def test_bad_input_is_one_typed_error(change: dict[str, Any], code: str) -> None:
    good: dict[str, Any] = {"side": "BUY", "price": D("10.02"), "bid": D("9.98"), "ask": D("10.02")}
    with pytest.raises(InputError) as caught:
        effective_spread(**{**good, **change})
    assert caught.value.code == code


def test_mids_out_of_order_are_refused() -> None:
    with pytest.raises(InputError, match="NOT_ASCENDING"):
        twap_of_mids([(0, D(1)), (9, D(1)), (3, D(1))], from_ns=0, to_ns=10)
