"""The fault table: what unmodified ccxt makes of each way a create or cancel goes wrong, and what is true at the venue then.

It is the ground of how an order's outcome is classified, so it is held for the pinned ccxt: another release may map errors
otherwise. `done` says whether the venue did what was asked: one and the same exception stands for both.
"""

from __future__ import annotations

from typing import Any

import ccxt.pro
import pytest

from sim.rehearsal.faults import KINDS, SAID
from sim.rehearsal.signing import WINDOW_TOO_LONG
from tests.rehearsal.world import client, running

PAIR = "BTC/USDT"

# kind -> what create_order raises, what cancel_order raises; None: it returns, "no id": an order of Nones
TABLE: dict[str, tuple[str | None, str | None]] = {
    "hang": ("RequestTimeout", "RequestTimeout"),
    "drop": ("ExchangeNotAvailable", None),  # aiohttp asks again by itself where that is safe: for a cancel
    "unknown": ("RequestTimeout", "RequestTimeout"),
    "gateway": ("RequestTimeout", "RequestTimeout"),
    "truncated": ("ExchangeError", "ExchangeError"),
    "html": ("no id", "no id"),
    "cut": ("no id", "no id"),
    "empty": ("no id", "no id"),
    "object": ("no id", "no id"),
    "says": ("OperationFailed", "OperationFailed"),
    "unavailable": ("OperationFailed", "OperationFailed"),
    "disconnected": ("OperationFailed", "OperationFailed"),
    "overloaded": ("ExchangeError", "ExchangeError"),  # at the venue's own address OperationFailed
    "limited": ("DDoSProtection", "DDoSProtection"),
    "banned": ("DDoSProtection", "DDoSProtection"),
    "status": ("RateLimitExceeded", "RateLimitExceeded"),
    "clock": ("InvalidNonce", "InvalidNonce"),
    "duplicate": ("InvalidOrder", "InvalidOrder"),
    "delay": (None, None),
    "unknown_fields": (None, None),
    "texts": (None, None),
    "huge": (None, None),
    "nulls": ("no id", "no id"),
}
ALWAYS_DONE = ("delay", "unknown_fields", "texts", "huge", "nulls")  # a right answer, late or odd


def patience(kind: str) -> dict[str, int]:
    """A client that waits as long as it takes, unless nothing will come."""
    return {"timeout_ms": 500} if kind == "hang" else {}


def outcome(result: Any, error: Exception | None) -> str | None:
    if error is not None:
        return type(error).__name__
    return "no id" if result["id"] is None else None


async def tried(call: Any) -> tuple[Any, Exception | None]:
    try:
        return await call, None
    except Exception as error:
        return None, error


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", TABLE)
def test_create_order_sends_once_and_ends_so(venue, kind, when):
    client_id = f"{kind}-{when}"
    venue.fault("POST order", kind, when=when)

    async def work() -> tuple[Any, Exception | None]:
        async with client(venue, **patience(kind)) as made:
            params = {"clientOrderId": client_id}
            return await tried(made.create_order(PAIR, "limit", "buy", "0.001", "90000", params))

    said = outcome(*running(work()))
    orders = venue.truth().by_client_id(client_id)
    assert (said, len(orders)) == (TABLE[kind][0], 1 if when == "after" or kind in ALWAYS_DONE else 0)
    assert venue.posts(client_id) == 1
    assert venue.faults_done()[-1] == ("POST order", kind, when)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", TABLE)
def test_cancel_order_ends_so(venue, kind, when):
    placed = venue.place(symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.001", price="90000")
    venue.fault("DELETE order", kind, when=when)
    before = venue.counts()["DELETE order"]

    async def work() -> tuple[Any, Exception | None]:
        async with client(venue, **patience(kind)) as made:
            return await tried(made.cancel_order(str(placed["orderId"]), PAIR))

    said = outcome(*running(work()))
    resent = kind == "drop"
    expected = "OrderNotFound" if resent and when == "after" else TABLE[kind][1]
    done = when == "after" or kind in ALWAYS_DONE or resent
    assert (said, venue.truth().open_orders() == []) == (expected, done)
    assert venue.counts()["DELETE order"] - before == (2 if resent else 1)


def test_the_table_has_every_kind_that_leaves_the_venue_alive():
    assert set(TABLE) == set(KINDS) - {"die", "again"}


@pytest.mark.parametrize(
    "code", [-1000, -1001, -1003, -1007, -1013, -1021, -1022, -1100, -1102, -1111, -1121, -2010, -2011, -2013, -2014, -2015]
)
def test_an_error_code_means_on_loopback_what_it_means_at_the_venue(code):
    made = ccxt.pro.binance()
    body = {"code": code, "msg": "x"}
    names = []
    for url in ("http://127.0.0.1:1/api/v3/order", "https://api.binance.com/api/v3/order"):
        with pytest.raises(ccxt.BaseError) as caught:
            made.handle_errors(400, "Bad Request", url, "POST", {}, str(body), body, {}, "")
        names.append(type(caught.value).__name__)
    assert names[0] == names[1]


def test_two_codes_the_venue_says_mean_less_on_loopback():
    """ccxt has a table of its own for the venue's address; of what is said here it differs in these."""
    made = ccxt.pro.binance()
    own, common = made.exceptions["spot"]["exact"], made.exceptions["exact"]
    said = {str(each.code) for each in (*SAID.values(), WINDOW_TOO_LONG)}
    differ = {code: own[code].__name__ for code in said if own.get(code, common.get(code)) is not common.get(code)}
    assert differ == {"-1008": "OperationFailed", "-1131": "BadRequest"}
