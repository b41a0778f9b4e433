"""Absence by evidence only; our ids in a venue's clothes; terms that ccxt may not round; balances between two messages."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orders.values import MarketLimits, OrderKind, Side
from venues.absence import ANSWERS_MIN, AbsenceEvidence
from venues.answers import VenueBalance, VenueFill
from venues.ccxt.balances import Balances
from venues.ccxt.client_ids import ClientIdRule, from_venue, to_venue
from venues.ccxt.terms import Terms, Unsendable, terms_of
from venues.ccxt.trading_profiles import BINANCE, TRADING_PROFILES

D = Decimal
KINDS = ("open", "closed", "trades")


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 200)), max_size=40))
def test_absence_is_proven_by_every_list_often_and_long_enough_and_by_nothing_else(answers):
    evidence = AbsenceEvidence(KINDS, absent_ns=60)
    for kind, at in answers:
        evidence.not_found(kind, at_ns=at)
    by_kind = {kind: [at for seen, at in answers if seen == kind] for kind in KINDS}
    expected = all(len(times) >= ANSWERS_MIN and max(times) - min(times) >= 60 for times in by_kind.values())
    assert evidence.proven is expected


def test_a_trace_of_the_order_voids_what_was_said_before():
    evidence = AbsenceEvidence(("open",), absent_ns=1)
    for at in (1, 2, 3):
        evidence.not_found("open", at_ns=at)
    evidence.found_trace()
    assert not evidence.proven


@given(st.binary(min_size=16, max_size=16), st.sampled_from(sorted(TRADING_PROFILES)))
def test_an_id_goes_to_a_venue_and_comes_back(raw, exchange):
    rule = TRADING_PROFILES[exchange].client_id
    assert from_venue(to_venue(raw.hex(), rule), rule) == raw.hex()


@pytest.mark.parametrize(
    "text", ["", "web_1", "x-TKT5PX2F0123456789abcdef", "0123456789ABCDEF" * 2, "0123456789abcdef" * 2 + "0", None, 7]
)
def test_a_stranger_s_id_is_none_of_ours(text):
    assert from_venue(text, ClientIdRule(pattern=".*")) is None


LIMITS = MarketLimits(
    symbol="BINANCE:BTCUSDT", venue="BINANCE", step_size=D("0.00001"), tick_size=D("0.01"), min_quantity=D("0.00001"),
    min_notional=D(5), max_quantity=D(100), multiplier=D(1),
)  # fmt: skip


def terms(**changes):
    parts = {
        "symbol": "BTC/USDT", "client_id": "a" * 32, "kind": OrderKind.LIMIT, "side": Side.BUY, "quantity": D("0.01"),
        "price": D("100000.00"), "time_in_force": "GTC", "post_only": False, "limits": LIMITS, "profile": BINANCE,
    }  # fmt: skip
    return terms_of(**parts | changes)


MARKET = {"kind": OrderKind.MARKET, "price": None}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": None}, "KIND_UNSUPPORTED"),
        ({"time_in_force": "GTD"}, "TIF_UNSUPPORTED"),
        ({"time_in_force": "DAY"}, "TIF_UNSUPPORTED"),
        ({"quantity": D("0.000015")}, "OFF_STEP"),
        ({"quantity": D(0)}, "OFF_STEP"),
        ({"price": D("100000.005")}, "OFF_TICK"),
        ({"price": None}, "OFF_TICK"),
        ({"quantity": D("0.00004")}, "BELOW_FLOOR"),
        (MARKET | {"quantity": D("0.00001"), "limits": replace(LIMITS, min_quantity=D("0.0001"))}, "BELOW_FLOOR"),
        ({"quantity": D(101)}, "ABOVE_MAX_QUANTITY"),
        (MARKET | {"price": D(1)}, "OFF_TICK"),
        (MARKET | {"profile": TRADING_PROFILES["bybit"]}, "COST_ORDER"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_go_exactly_as_approved_does_not_go(changes, code):
    answer = terms(**changes)
    assert isinstance(answer, Unsendable)
    assert answer.code == code


@pytest.mark.parametrize(
    ("changes", "params", "price"),
    [
        ({}, {"timeInForce": "GTC"}, "100000"),
        ({"time_in_force": "IOC"}, {"timeInForce": "IOC"}, "100000"),
        ({"post_only": True}, {"postOnly": True}, "100000"),
        (MARKET, {}, None),
    ],
    ids=["rests", "at once", "maker only", "market"],
)
def test_terms_are_the_order_s_numbers_as_text(changes, params, price):
    answer = terms(**changes)
    assert isinstance(answer, Terms)
    assert (answer.quantity, answer.price) == ("0.01", price)
    assert answer.params == {"clientOrderId": "a" * 32, "selfTradePreventionMode": "EXPIRE_TAKER"} | params


def bought(at: int | None) -> VenueFill:
    return VenueFill(
        trade_id="1", venue_order_id="1", client_order_id=None, symbol="BTC/USDT", side=Side.BUY, quantity=D("0.1"),
        price=D(1000), fee=D("0.0001"), fee_currency="BTC", maker=False, venue_ns=at,
    )  # fmt: skip


def holding(code: str, free: str, at: int | None, locked: str = "0") -> VenueBalance:
    return VenueBalance(currency=code, free=D(free), locked=D(locked), as_of_ns=at)


def free(balances: Balances) -> dict[str, Decimal]:
    return {code: held.free for code, held in balances.holdings.items()}


def test_a_fill_moves_the_account_before_the_venue_s_report_does_and_the_report_stands():
    balances = Balances()
    balances.report([holding("USDT", "1000", 1), holding("BTC", "0", 1)], whole=True)
    balances.fill(bought(5), side=Side.BUY, base="BTC", quote="USDT", limit_order=False)
    assert free(balances) == {"USDT": D(900), "BTC": D("0.0999")}
    balances.report([holding("USDT", "900", 5), holding("BTC", "0.0999", 5)], whole=False)
    assert free(balances) == {"USDT": D(900), "BTC": D("0.0999")}


def test_a_report_that_has_the_fill_in_it_already_is_not_moved_again():
    balances = Balances()
    balances.report([holding("USDT", "900", 5), holding("BTC", "0.0999", 5)], whole=True)
    assert not balances.fill(bought(5), side=Side.BUY, base="BTC", quote="USDT", limit_order=False)
    assert free(balances) == {"USDT": D(900), "BTC": D("0.0999")}


def test_what_a_resting_order_pays_with_was_locked():
    balances = Balances()
    balances.report([holding("USDT", "900", 1, locked="100"), holding("BTC", "0", 1)], whole=True)
    balances.fill(bought(5), side=Side.BUY, base="BTC", quote="USDT", limit_order=True)
    assert (balances.holdings["USDT"].free, balances.holdings["USDT"].locked) == (D(900), D(0))


def test_a_currency_that_a_whole_report_leaves_out_is_gone_and_an_older_stamp_loses():
    balances = Balances()
    balances.report([holding("USDT", "10", 5), holding("BNB", "1", 5)], whole=True)
    balances.report([holding("USDT", "99", 4)], whole=True)
    assert free(balances) == {"USDT": D(10), "BNB": D(0)}
