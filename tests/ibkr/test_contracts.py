"""A listing and IB's contract: which one is meant, and which limits follow from what TWS says of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lakehouse.snapshots import RefusedLimit
from orders.errors import ConfigError
from orders.values import Listing, MarketLimits
from venues.ibkr.contracts import Details, limits_of, wanted_contract

D = Decimal
CENTS = ((D(0), D("0.0001")), (D(1), D("0.01")))


def listing(symbol: str = "NASDAQ:AAPL", asset_class: str = "equity", base: str | None = None) -> Listing:
    return Listing(
        symbol=symbol, venue="IBKR", instrument_id=f"{symbol.split(':')[1]}.IBKR", quote_currency="USD", base_currency=base,
        asset_class=asset_class,
    )  # fmt: skip


APPLE = Details(
    con_id=265598, sec_type="STK", symbol="AAPL", currency="USD", primary="NASDAQ", isin="US0378331005", min_tick=D("0.0001"),
    rule=CENTS, min_size=D("0.0001"), size_increment=D("0.0001"), multiplier=None, price_magnifier=1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (listing(), ("STK", "AAPL", "USD", "SMART", "NASDAQ")),
        (listing("AMEX:SPY"), ("STK", "SPY", "USD", "SMART", "ARCA")),
        (listing("NYSE:BRK.B"), ("STK", "BRK B", "USD", "SMART", "NYSE")),
        (listing("FX_IDC:EURUSD", "fx", "EUR"), ("CASH", "EUR", "USD", "IDEALPRO", "")),
    ],
    ids=["a share", "the platform's AMEX is Arca", "a class of shares", "a currency pair"],
)
def test_the_contract_of_a_listing(made, wanted):
    asked = wanted_contract(made)
    assert (asked.sec_type, asked.symbol, asked.currency, asked.exchange, asked.primary) == wanted


@pytest.mark.parametrize("made", [listing("LSE:VOD"), listing("BINANCE:BTCUSDT", "spot", "BTC"), listing("X:Y", "fx")])
def test_what_is_not_mapped_is_refused(made):
    with pytest.raises(ConfigError, match="CONTRACT_UNMAPPED"):
        wanted_contract(made)


def test_a_share_has_whole_steps_and_the_coarsest_tick_of_its_rule():
    limits = limits_of(listing(), (APPLE,), min_notional=D(1))
    assert limits == MarketLimits(
        symbol="NASDAQ:AAPL", venue="IBKR", step_size=D(1), tick_size=D("0.01"), min_quantity=D(1), min_notional=D(1),
        max_quantity=None, multiplier=D(1),
    )  # fmt: skip


def test_a_currency_pair_has_ib_s_own_step_and_tick():
    pair = replace(
        APPLE, sec_type="CASH", symbol="EUR", primary="IDEALPRO", isin="", min_tick=D("0.00005"), rule=(), min_size=D(1),
        size_increment=D(1),
    )  # fmt: skip
    limits = limits_of(listing("FX_IDC:EURUSD", "fx", "EUR"), (pair,), min_notional=D(1))
    assert isinstance(limits, MarketLimits)
    assert (limits.step_size, limits.tick_size) == (D(1), D("0.00005"))


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ((), "NOT_AT_VENUE"),
        ((APPLE, replace(APPLE, con_id=1)), "CONTRACT_AMBIGUOUS"),
        ((replace(APPLE, symbol="APPL"),), "KIND_MISMATCH"),
        ((replace(APPLE, primary="NYSE"),), "KIND_MISMATCH"),
        ((replace(APPLE, currency="EUR"),), "KIND_MISMATCH"),
        ((replace(APPLE, isin=""),), "ISIN_MISSING"),
        ((replace(APPLE, price_magnifier=100),), "MAGNIFIED"),
        ((replace(APPLE, min_size=None),), "LIMITS_MISSING"),
        ((replace(APPLE, size_increment=None),), "LIMITS_MISSING"),
        ((replace(APPLE, size_increment=D("0.3")),), "STEPS_DISAGREE"),
        ((replace(APPLE, size_increment=D(0)),), "STEPS_DISAGREE"),
        ((replace(APPLE, min_tick=D(0)),), "LIMITS_INVALID"),
        ((replace(APPLE, rule=((D(0), D("0.01")), (D(1), D("0.025")))),), "TICKS_DISAGREE"),
        ((replace(APPLE, multiplier=D(100)),), "MULTIPLIER"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_by_code(found, code):
    answer = limits_of(listing(), found, min_notional=D(1))
    assert isinstance(answer, RefusedLimit)
    assert answer.code == code


def test_without_a_person_s_floor_a_minimum_notional_is_missing():
    answer = limits_of(listing(), (APPLE,))
    assert isinstance(answer, RefusedLimit)
    assert answer.code == "LIMITS_MISSING"


@given(st.lists(st.integers(-6, 0), min_size=1, max_size=4), st.integers(1, 10_000))
def test_a_price_on_our_tick_is_on_every_tick_of_the_rule(exponents, ticks):
    rule: Any = tuple((D(number), D(10) ** exponent) for number, exponent in enumerate(exponents))
    limits = limits_of(listing(), (replace(APPLE, rule=rule, min_tick=rule[0][1]),), min_notional=D(1))
    assert isinstance(limits, MarketLimits)
    assert all(limits.tick_size * ticks % tick == 0 for _, tick in rule)
