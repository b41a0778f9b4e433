"""What of a venue's message is believed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues.ccxt.profiles import BINANCE
from venues.ccxt.ticks import (
    Drop,
    QuoteOrder,
    VenueDepth,
    VenueQuote,
    VenueTrade,
    number,
    parse_depth,
    parse_quote,
    parse_trade,
    whole,
)

TICK, STEP = Decimal("0.01"), Decimal("0.001")
QUOTE = {"u": 7, "s": "BTCUSDT", "b": "100.01000000", "B": "1.23450000", "a": "100.02000000", "A": "2.00000000"}
TRADE = {"a": 5, "p": "100.01000000", "q": "0.50000000", "T": 1_700_000_000_123, "m": True}
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["NaN", "-0", "1e999", "1_0", "٣"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("uBbAaTpqm"), inner, max_size=6),
    max_leaves=8,
)


def quote_of(**changed):
    return parse_quote({**QUOTE, **changed}, BINANCE.quote, tick_size=TICK, step_size=STEP)


def trade_of(**changed):
    return parse_trade({**TRADE, **changed}, BINANCE.trade, tick_size=TICK, step_size=STEP)


def test_a_quote_is_its_texts_exactly_and_sizes_are_floored_to_the_step():
    assert quote_of() == VenueQuote(
        bid=Decimal("100.01"), ask=Decimal("100.02"), bid_size=Decimal("1.234"), ask_size=Decimal(2), update_id=7, venue_ns=None
    )


def test_digits_no_float_can_hold_stay():
    exact = quote_of(B="12345678901.234", b="123456789012.01", a="123456789012.02")
    assert isinstance(exact, VenueQuote)
    assert (exact.bid, exact.bid_size) == (Decimal("123456789012.01"), Decimal("12345678901.234"))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"b": "0.00000000"}, Drop.NOT_POSITIVE),
        ({"A": "0"}, Drop.NOT_POSITIVE),
        ({"b": "-1"}, Drop.NOT_POSITIVE),
        ({"a": "NaN"}, Drop.NOT_POSITIVE),
        ({"a": "Infinity"}, Drop.NOT_POSITIVE),
        ({"b": "100.03"}, Drop.CROSSED),
        ({"b": "100.005"}, Drop.OFF_TICK),
        ({"b": None}, Drop.MALFORMED),
        ({"b": True}, Drop.MALFORMED),
        ({"b": "1_00"}, Drop.MALFORMED),
        ({"b": "٣"}, Drop.MALFORMED),
        ({"a": "1e30"}, Drop.MALFORMED),
        ({"u": "x"}, Drop.MALFORMED),
        ({"u": None}, Drop.MALFORMED),
        ({"b": "1" * 60}, Drop.MALFORMED),
    ],
    ids=[
        "zero bid",
        "no size",
        "negative",
        "NaN",
        "infinite",
        "crossed",
        "off the tick",
        "null",
        "a flag",
        "underscore",
        "other digits",
        "absurdly large",
        "no number as id",
        "no id",
        "too long",
    ],
)
def test_a_bad_quote_is_dropped_for_its_reason(changed, why):
    assert quote_of(**changed) is why


def test_a_locked_book_passes():
    assert isinstance(quote_of(b="100.02"), VenueQuote)


def test_a_trade_is_its_texts_exactly():
    assert trade_of() == VenueTrade(
        trade_id=5, price=Decimal("100.01"), quantity=Decimal("0.5"), buyer_is_maker=True, venue_ns=1_700_000_000_123_000_000
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"a": "x"}, Drop.MALFORMED),
        ({"T": None}, Drop.MALFORMED),
        ({"m": "true"}, Drop.MALFORMED),
        ({"p": "0"}, Drop.NOT_POSITIVE),
        ({"q": "0.0001"}, Drop.NOT_POSITIVE),
        ({"p": "1.001"}, Drop.OFF_TICK),
    ],
    ids=["no id", "no time", "a text as flag", "zero price", "below one step", "off the tick"],
)
def test_a_bad_trade_is_dropped_for_its_reason(changed, why):
    assert trade_of(**changed) is why


@given(info=ANYTHING)
def test_no_message_raises(info):
    assert isinstance(parse_quote(info, BINANCE.quote, tick_size=TICK, step_size=STEP), VenueQuote | Drop)
    assert isinstance(parse_trade(info, BINANCE.trade, tick_size=TICK, step_size=STEP), VenueTrade | Drop)
    assert isinstance(parse_depth(info, tick_size=TICK, step_size=STEP), VenueDepth | Drop)


@given(value=st.decimals(min_value="0.01", max_value="1000000", places=2))
def test_a_number_survives_ccxt_s_float(value):
    assert number(float(value)) == value


@pytest.mark.parametrize("value", [-1, "1.5", "1e400", 2**60, None, True, "", []], ids=str)
def test_what_is_no_whole_number_is_none(value):
    assert whole(value) is None


def test_a_book_is_its_best_ten_levels():
    book = {"nonce": 9, "timestamp": 5, "bids": [[100 - place, 1.5] for place in range(12)], "asks": [[101.01, 2.0]]}
    depth = parse_depth(book, tick_size=TICK, step_size=STEP)
    assert isinstance(depth, VenueDepth)
    assert len(depth.bids) == 10
    assert depth.asks == ((Decimal("101.01"), Decimal(2)),)
    assert (depth.update_id, depth.venue_ns) == (9, 5_000_000)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"bids": []}, Drop.MALFORMED),
        ({"bids": [[102, 1]]}, Drop.CROSSED),
        ({"asks": [[101.005, 1]]}, Drop.OFF_TICK),
        ({"nonce": None}, Drop.MALFORMED),
    ],
    ids=["one side empty", "crossed", "off the tick", "no update id"],
)
def test_a_bad_book_is_dropped_for_its_reason(changed, why):
    assert parse_depth({"nonce": 1, "bids": [[100, 1]], "asks": [[101, 1]], **changed}, tick_size=TICK, step_size=STEP) is why


def admitted(steps: list[tuple[int, int]]) -> list[Drop | None]:
    order = QuoteOrder(restart_after_ns=100)
    made = quote_of()
    assert isinstance(made, VenueQuote)
    return [
        order.admit(
            VenueQuote(
                bid=made.bid, ask=made.ask, bid_size=made.bid_size, ask_size=made.ask_size, update_id=update, venue_ns=None
            ),
            now_ns=now,
        )
        for update, now in steps
    ]


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ([(5, 0), (6, 1)], None),
        ([(5, 0), (5, 1)], Drop.DUPLICATE),
        ([(5, 0), (4, 1)], Drop.OLDER),
        ([(5, 0), (4, 100)], Drop.OLDER),
        ([(5, 0), (4, 101)], None),
        ([(5, 0), (9, 90), (4, 150)], Drop.OLDER),
    ],
    ids=[
        "newer passes",
        "the same again",
        "older",
        "older at the limit",
        "a venue that counts anew",
        "silence counts from the newest",
    ],
)
def test_quotes_pass_in_the_venue_s_order_once(steps, last):
    assert admitted(steps)[-1] is last
