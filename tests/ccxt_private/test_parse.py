"""Orders, fills and balances out of ccxt's dictionaries: the venue's texts exactly, or a reason why not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.values import Side
from venues.answers import Malformed, VenueBalance, VenueFill, VenueOrder, VenueStatus
from venues.ccxt.private_parse import parse_balances, parse_fill, parse_order
from venues.ccxt.trading_profiles import BINANCE

D = Decimal
OURS = "0123456789abcdef" * 2
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def order(**changes: Any) -> dict[str, Any]:
    info = {"origQty": "3.00000000", "executedQty": "1.20000000", "updateTime": 1_700_000_000_123} | changes.pop("info", {})
    return {
        "id": "77", "clientOrderId": OURS, "symbol": "BTC/USDT", "side": "buy", "status": "open", "amount": 3.0, "filled": 1.2,
        "price": 100.5, "type": "limit", "timeInForce": "GTC", "lastUpdateTimestamp": 9, "info": info,
    } | changes  # fmt: skip


def trade(**changes: Any) -> dict[str, Any]:
    info = {
        "id": 5, "orderId": 77, "price": "100.10000000", "qty": "0.30000000", "commission": "0.00030000",
        "commissionAsset": "BTC", "isMaker": True, "time": 1_700_000_000_123,
    } | changes.pop("info", {})  # fmt: skip
    return {
        "id": "5", "order": "77", "symbol": "BTC/USDT", "side": "buy", "price": 100.1, "amount": 0.3, "timestamp": 1,
        "fee": {"cost": 0.0003, "currency": "BTC"}, "takerOrMaker": "maker", "info": info,
    } | changes  # fmt: skip


def fill_of(raw: Any) -> VenueFill | Malformed:
    return parse_fill(raw, BINANCE, quote_currency="USDT")


def test_an_order_is_read_from_the_venue_s_texts():
    parsed = parse_order(order(filled=1.2000000000000002), BINANCE)
    assert parsed == VenueOrder(
        venue_order_id="77", client_order_id=OURS, symbol="BTC/USDT", side=Side.BUY, status=VenueStatus.OPEN, quantity=D(3),
        filled=D("1.2"), price=D("100.5"), kind="limit", time_in_force="GTC", updated_ns=1_700_000_000_123_000_000,
    )  # fmt: skip


def test_a_streamed_order_and_one_of_an_unknown_form_are_read_too():
    streamed = parse_order(order(info={}) | {"info": {"q": "3", "z": "0.7", "T": 5}}, BINANCE)
    unknown = parse_order(order(filled=0.1, amount=0.30000000000000004) | {"info": {}}, BINANCE)
    assert isinstance(streamed, VenueOrder)
    assert (streamed.filled, streamed.updated_ns) == (D("0.7"), 5_000_000)
    assert isinstance(unknown, VenueOrder)
    assert (unknown.filled, unknown.quantity) == (D("0.1"), D("0.30000000000000004"))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None}, {"id": ""}, {"id": True}, {"id": "x" * 65}, {"symbol": None}, {"side": "BUY"}, {"side": None},
        {"status": None}, {"status": "new"}, {"info": {"origQty": "0"}}, {"info": {"origQty": "NaN"}},
        {"info": {"executedQty": "-1"}}, {"info": {"executedQty": "3.1"}}, {"info": {"executedQty": None}},
        {"info": {"origQty": "1e40"}}, {"info": {"origQty": "1_0"}},
    ],
    ids=str,
)  # fmt: skip
def test_an_order_that_is_not_understood_is_malformed(changes):
    assert isinstance(parse_order(order(**changes), BINANCE), Malformed)


FORMS = {
    "REST": trade(),
    "stream": trade(id="5") | {
        "info": {"t": 5, "i": 77, "c": OURS, "L": "100.1", "l": "0.3", "n": "0.0003", "N": "BTC", "m": True, "T": 1_700_000_000}
    },
    "create answer": trade() | {
        "info": {"tradeId": 5, "price": "100.1", "qty": "0.3", "commission": "0.0003", "commissionAsset": "BTC"}
    },
    "an unknown form": trade() | {"info": {"hello": "world"}},
}  # fmt: skip


@pytest.mark.parametrize("raw", FORMS.values(), ids=FORMS)
def test_a_fill_is_the_same_by_whatever_way_it_comes(raw):
    parsed = fill_of(raw)
    assert isinstance(parsed, VenueFill)
    assert (parsed.trade_id, parsed.quantity, parsed.price, parsed.fee, parsed.fee_currency) == (
        "5", D("0.3"), D("100.1"), D("0.0003"), "BTC",
    )  # fmt: skip


def test_a_fee_of_zero_without_a_currency_is_in_the_quote_currency():
    raw = trade() | {"info": {"t": 5, "i": 77, "c": "x", "L": "1", "l": "1", "n": "0", "N": None, "m": False, "T": 1}}
    parsed = fill_of(raw)
    assert isinstance(parsed, VenueFill)
    assert (parsed.fee, parsed.fee_currency, parsed.client_order_id) == (D(0), "USDT", None)


def test_a_rebate_is_a_fee_below_zero():
    parsed = fill_of(trade(info={"commission": "-0.0001"}))
    assert isinstance(parsed, VenueFill)
    assert parsed.fee == D("-0.0001")


@pytest.mark.parametrize(
    "raw",
    [
        None, [], "trade", {}, trade(symbol=None), trade(info={"id": None}), trade(info={"qty": "0"}),
        trade(info={"price": "-1"}),
        trade(info={"qty": "Infinity"}), trade(info={"commission": None}), trade(info={"commissionAsset": None}),
        trade(fee=None) | {"info": {}},
        trade() | {"info": {"t": -1, "i": 77, "c": "x", "L": "1", "l": "1", "n": "0", "N": None, "m": False, "T": 1}},
    ],
    ids=lambda raw: str(raw)[:60],
)  # fmt: skip
def test_a_trade_that_is_not_understood_is_malformed(raw):
    assert isinstance(fill_of(raw), Malformed)


def test_a_balance_is_read_whole_or_not_at_all():
    raw = {"timestamp": 7, "free": {"BTC": 0.1, "X": None}, "BTC": {"free": 0.1, "used": 0.2}, "X": {"free": None, "used": 1}}
    assert parse_balances(raw) == (VenueBalance(currency="BTC", free=D("0.1"), locked=D("0.2"), as_of_ns=7_000_000),)
    assert isinstance(parse_balances(raw | {"BTC": {"free": "many"}}), Malformed)
    assert isinstance(parse_balances({"free": None}), Malformed)
    assert isinstance(parse_balances([]), Malformed)


@given(st.dictionaries(st.sampled_from([*order(), "fee", "timestamp"]), JUNK) | JUNK)
def test_no_element_however_odd_raises(raw):
    for parsed in (parse_order(raw, BINANCE), fill_of(raw), parse_balances(raw)):
        assert isinstance(parsed, Malformed | VenueOrder | VenueFill | tuple)


@given(st.decimals(min_value=D("0.00000001"), max_value=D(90_000_000), places=8))
def test_eight_decimals_survive_ccxt_s_floats_where_no_text_is_there(quantity):
    """15 digits are what a binary float gives back exactly; with more the venue's text is needed, which forms name."""
    raw = order(amount=float(quantity), filled=0.0) | {"info": {}}
    parsed = parse_order(raw, BINANCE)
    assert isinstance(parsed, VenueOrder)
    if len(quantity.normalize().as_tuple().digits) <= 15:
        assert parsed.quantity == quantity
