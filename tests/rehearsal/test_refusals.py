"""What the rehearsal exchange refuses, in Binance's codes and texts, and what unmodified ccxt makes of it."""

from __future__ import annotations

from typing import Any

import ccxt.pro
import pytest

from sim.rehearsal.handle import RehearsalVenue
from tests.rehearsal.world import ID, client, running

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "97000"}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
TOO_PRECISE = "Parameter 'quantity' has too much precision."
NEITHER = "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"


def without(name: str, given: dict[str, str] = LIMIT) -> dict[str, str]:
    return {key: value for key, value in given.items() if key != name}


# what is wrong -> the order, its code, its text (or how it begins), ccxt's exception
ORDERS: dict[str, tuple[dict[str, str], int, str, str]] = {
    "off the tick": ({**LIMIT, "price": "97000.001"}, -1013, "Filter failure: PRICE_FILTER", "InvalidOrder"),
    "above the highest price": ({**LIMIT, "price": "1000000.01"}, -1013, "Filter failure: PRICE_FILTER", "InvalidOrder"),
    "no price at all": ({**LIMIT, "price": "0"}, -1013, "Invalid price.", "BadRequest"),
    "far from the market": ({**LIMIT, "price": "15000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE", "InvalidOrder"),
    "off the step": ({**LIMIT, "quantity": "0.010001"}, -1013, "Filter failure: LOT_SIZE", "InvalidOrder"),
    "more than the largest quantity": ({**LIMIT, "quantity": "9001"}, -1013, "Filter failure: LOT_SIZE", "InvalidOrder"),
    "nothing": ({**LIMIT, "quantity": "0"}, -1013, "Invalid quantity.", "BadRequest"),
    "more than a market order may": ({**MARKET, "quantity": "121"}, -1013, "Filter failure: MARKET_LOT_SIZE", "InvalidOrder"),
    "worth too little": ({**LIMIT, "quantity": "0.00005"}, -1013, "Filter failure: NOTIONAL", "BadRequest"),
    "worth too little at market": ({**MARKET, "quantity": "0.00005"}, -1013, "Filter failure: NOTIONAL", "BadRequest"),
    "worth too much": ({**LIMIT, "quantity": "100"}, -1013, "Filter failure: NOTIONAL", "BadRequest"),
    "nine decimals": ({**LIMIT, "quantity": "0.010000001"}, -1111, TOO_PRECISE, "BadRequest"),
    "a negative quantity": ({**LIMIT, "quantity": "-1"}, -1100, "Illegal characters found in parameter 'quantity'", "BadRequest"),
    "a price in powers of ten": (
        {**LIMIT, "price": "9.7e4"},
        -1100,
        "Illegal characters found in parameter 'price'",
        "BadRequest",
    ),
    "an empty quantity": ({**LIMIT, "quantity": ""}, -1105, "Parameter 'quantity' was empty.", "BadRequest"),
    "no symbol": (without("symbol"), -1102, "Mandatory parameter 'symbol' was not sent", "BadRequest"),
    "a symbol nobody lists": ({**LIMIT, "symbol": "NONEUSDT"}, -1121, "Invalid symbol.", "BadSymbol"),
    "no side": ({**LIMIT, "side": "LONG"}, -1117, "Invalid side.", "BadRequest"),
    "a type that is not spoken": ({**LIMIT, "type": "STOP_LOSS"}, -1116, "Invalid orderType.", "BadRequest"),
    "a limit without time in force": (without("timeInForce"), -1102, "Mandatory parameter 'timeInForce'", "BadRequest"),
    "a limit without a price": (without("price"), -1102, "Mandatory parameter 'price'", "BadRequest"),
    "an unknown time in force": ({**LIMIT, "timeInForce": "GTX"}, -1115, "Invalid timeInForce.", "BadRequest"),
    "a market order with a price": (
        {**MARKET, "price": "97000"},
        -1106,
        "Parameter 'price' sent when not required.",
        "BadRequest",
    ),
    "a market order without quantity": (without("quantity", MARKET), -1102, NEITHER, "BadRequest"),
    "a post-only order with time in force": (
        {**LIMIT, "type": "LIMIT_MAKER"},
        -1106,
        "Parameter 'timeInForce' sent",
        "BadRequest",
    ),
    "a client id with a blank": ({**LIMIT, "newClientOrderId": "a b"}, -1100, "Illegal characters found", "BadRequest"),
    "a client id of 37 letters": ({**LIMIT, "newClientOrderId": "a" * 37}, -1100, "Illegal characters found", "BadRequest"),
    "more than there is": ({**LIMIT, "quantity": "2"}, -2010, "Account has insufficient balance", "InsufficientFunds"),
    "post-only that would take": (
        {**without("timeInForce"), "type": "LIMIT_MAKER", "price": "97000.01"},
        -2010,
        "Order would immediately match and take.",
        "OrderImmediatelyFillable",
    ),
}


def answered(venue: RehearsalVenue, call: str, params: dict[str, Any], **settings: Any) -> tuple[str, str]:
    """Return the exception's name and the venue's body of a raw call."""

    async def work() -> tuple[str, str]:
        async with client(venue) as made:
            for name, value in settings.items():
                setattr(made, name, value)
            try:
                await getattr(made, call)(params)
            except ccxt.pro.BaseError as error:
                return type(error).__name__, str(made.last_http_response)
            raise AssertionError("it was taken")

    return running(work())


@pytest.mark.parametrize("case", ORDERS.values(), ids=ORDERS)
def test_an_order_is_refused(venue, case):
    params, code, text, name = case
    before = venue.truth().orders
    raised, body = answered(venue, "private_post_order", params)
    assert f'"code": {code},' in body
    assert f'"msg": "{text}' in body
    assert raised == name
    assert venue.truth().orders == before


SIGNED = {
    "a key of another form": ({"apiKey": "short"}, -2014, "API-key format invalid.", "AuthenticationError"),
    "a key nobody has": ({"apiKey": "x" * 64}, -2015, "Invalid API-key, IP, or permissions for action.", "AuthenticationError"),
    "a wrong secret": ({"secret": "wrong"}, -1022, "Signature for this request is not valid.", "AuthenticationError"),
}


@pytest.mark.parametrize("case", SIGNED.values(), ids=SIGNED)
def test_who_cannot_sign_is_refused(venue, case):
    settings, code, text, name = case
    raised, body = answered(venue, "private_get_account", {}, **settings)
    assert (raised, f'"code": {code}, "msg": "{text}"' in body) == (name, True)


SKEWS = {
    "the venue is a minute ahead": (60_000, "Timestamp for this request is outside of the recvWindow."),
    "the venue is two seconds behind": (-2_000, "Timestamp for this request was 1000ms ahead of the server's time."),
}


@pytest.mark.parametrize("case", SKEWS.values(), ids=SKEWS)
def test_a_clock_that_is_off_is_refused_until_it_is_measured(venue, case):
    skew_ms, text = case
    venue.skew(skew_ms)
    try:
        raised, body = answered(venue, "private_get_account", {})
        assert (raised, text in body) == ("InvalidNonce", True)

        async def adjusted() -> Any:
            async with client(venue) as made:
                await made.load_time_difference()
                return await made.fetch_balance()

        assert running(adjusted())["USDT"]["total"] == 100_000
    finally:
        venue.skew(0)


LOOK_UPS = {
    "an order that never was": ("private_get_order", {"symbol": "BTCUSDT", "orderId": "1"}, -2013, "OrderNotFound"),
    "a client id that never was": ("private_get_order", {"symbol": "BTCUSDT", "origClientOrderId": ID}, -2013, "OrderNotFound"),
    "neither id": ("private_get_order", {"symbol": "BTCUSDT"}, -1102, "BadRequest"),
    "a cancel of what never was": (
        "private_delete_order",
        {"symbol": "BTCUSDT", "origClientOrderId": ID},
        -2011,
        "OrderNotFound",
    ),
    "cancel all of nothing": ("private_delete_openorders", {"symbol": "ETHUSDT"}, -2011, "OrderNotFound"),
    "trades without a symbol": ("private_get_mytrades", {}, -1102, "BadRequest"),
    "trades of two days": (
        "private_get_mytrades",
        {"symbol": "BTCUSDT", "startTime": "1", "endTime": "172800001"},
        -1127,
        "BadRequest",
    ),
    "a limit in letters": ("private_get_allorders", {"symbol": "BTCUSDT", "limit": "ten"}, -1100, "BadRequest"),
}


@pytest.mark.parametrize("case", LOOK_UPS.values(), ids=LOOK_UPS)
def test_a_question_is_refused(venue, case):
    call, params, code, name = case
    raised, body = answered(venue, call, params)
    assert (raised, f'"code": {code},' in body) == (name, True)


def test_a_key_that_failed_once_after_it_worked_looks_like_a_ban(venue):
    """ccxt takes -2015 for a ban once a signed request has succeeded: not every such error is a wrong key."""

    async def work() -> str:
        async with client(venue) as made:
            await made.fetch_balance()
            made.apiKey = "x" * 64
            with pytest.raises(ccxt.pro.DDoSProtection):
                await made.fetch_balance()
            return "banned"

    assert running(work()) == "banned"


def test_the_200th_order_of_a_pair_is_the_last_one(venue):
    for number in range(200):
        venue.place(**{**LIMIT, "quantity": "0.0001", "price": "50000", "newClientOrderId": f"n{number}"})
    try:
        raised, body = answered(venue, "private_post_order", {**LIMIT, "quantity": "0.0001", "price": "50000"})
        assert (raised, "Filter failure: MAX_NUM_ORDERS" in body) == ("BadRequest", True)
    finally:
        venue.cancel_open()
