"""The fault table, golden: what ccxt raised for each misbehaviour of a venue on loopback, and what that says of the order.

A new ccxt release maps errors anew; a difference here is read by a person before the pin moves.
"""

from __future__ import annotations

import asyncio
import socket
import tomllib
from collections.abc import Callable
from typing import Any

import aiohttp
import ccxt
import pytest
from ccxt.base import errors

from tests.ccxt_private.venue import ERRORS, KEY, SECRET, Fault, LoopbackVenue
from tests.gate.world import ROOT
from venues.ccxt.egress import EgressRefused, VenueClient
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.outcomes import Outcome, outcome_of
from venues.ccxt.private_api import Posted, PrivateApi
from venues.ccxt.terms import Terms
from venues.ccxt.trading_profiles import BINANCE
from venues.secrets import VenueSecret

RELEASE = "4.5.90"
DUPLICATES = BINANCE.duplicate_texts
TERMS = Terms(
    symbol="BTC/USDT", kind="market", side="buy", quantity="0.01", price=None, params={"clientOrderId": "0123456789abcdef" * 2}
)

# misbehaviour, after the venue has executed? -> ccxt's class, how many orders are live, the outcome
GOLDEN = [
    ("hang", True, "RequestTimeout", 1, Outcome.UNKNOWN),
    ("hang", False, "RequestTimeout", 0, Outcome.UNKNOWN),
    ("drop", True, "ExchangeNotAvailable", 1, Outcome.UNKNOWN),
    ("drop", False, "ExchangeNotAvailable", 0, Outcome.UNKNOWN),
    ("503", True, "RequestTimeout", 1, Outcome.UNKNOWN),
    ("1000", False, "OperationFailed", 0, Outcome.UNKNOWN),
    ("504html", True, "RequestTimeout", 1, Outcome.UNKNOWN),
    ("cut", True, "ExchangeError", 1, Outcome.UNKNOWN),
    ("html200", True, "BadResponse", 1, Outcome.UNKNOWN),
    ("empty", True, "BadResponse", 1, Outcome.UNKNOWN),
    ("object", True, "the answer is no order", 1, Outcome.UNKNOWN),
    ("429", False, "DDoSProtection", 0, Outcome.NOT_SENT),
    ("418", False, "DDoSProtection", 0, Outcome.NOT_SENT),
    ("1021", False, "InvalidNonce", 0, Outcome.NOT_SENT),
    ("2010", False, "InsufficientFunds", 0, Outcome.REJECTED),
    ("1013", False, "InvalidOrder", 0, Outcome.REJECTED),
    ("401", False, "AuthenticationError", 0, Outcome.REJECTED),
    ("dup", True, "InvalidOrder", 1, Outcome.UNKNOWN),
    ("2013", False, "OrderNotFound", 0, Outcome.UNKNOWN),
]


async def posted(kind: str, after: bool, release: Callable[[Any], None] = lambda exchange: None) -> tuple[Posted, int, int]:
    """Send one order into a fault; `release` makes of ccxt what another release would be."""
    venue = LoopbackVenue()
    client = VenueClient(
        "binance",
        options=BINANCE.options,
        endpoint=parse_endpoint(await venue.start()),
        secret=VenueSecret(key=KEY, secret=SECRET, origin="a test"),
        timeout_ms=300,
    )
    try:
        await client.exchange.load_markets()
        release(client.exchange)
        api = PrivateApi(
            client, profile=BINANCE, quotes={"BTC/USDT": "USDT"}, redact=lambda text: text, quarantine=lambda what, why: None
        )
        venue.fault("POST order", Fault(kind, after=after))
        answer = await api.create(TERMS, refusal=lambda: "")
        return answer, len(venue.orders), venue.requests["POST order"]
    finally:
        await client.close()
        await venue.stop()


@pytest.mark.parametrize(
    ("kind", "after", "said", "live", "outcome"), GOLDEN, ids=[f"{row[0]}-{'after' if row[1] else 'before'}" for row in GOLDEN]
)
def test_what_ccxt_makes_of_a_misbehaving_venue(kind, after, said, live, outcome):
    answer, orders, requests = asyncio.run(posted(kind, after))
    assert answer.message.startswith(said), answer.message
    assert orders == live
    assert requests == 1
    assert answer.outcome is outcome


def test_no_row_gives_up_an_order_that_is_live_and_every_misbehaviour_has_one():
    assert [row for row in GOLDEN if row[3] and row[4] is not Outcome.UNKNOWN] == []
    assert {row[0] for row in GOLDEN} == {*ERRORS, "hang", "drop", "cut", "504html", "html200", "empty", "object"}


def test_a_release_that_maps_an_error_otherwise_does_not_pass():
    """The bad twin: one line of ccxt's own table is another, and a live order would be given up."""

    def release(exchange: Any) -> None:
        exchange.exceptions["exact"]["-1007"] = errors.InvalidOrder  # the common table's, which a loopback address has
        for market in ("spot", "linear", "inverse", "option", "portfolioMargin"):
            exchange.exceptions[market]["exact"]["-1007"] = errors.InvalidOrder

    answer, live, _ = asyncio.run(posted("503", True, release))
    assert (live, answer.outcome) == (1, Outcome.REJECTED)
    assert not answer.message.startswith(next(row[2] for row in GOLDEN if row[0] == "503"))


def test_ccxt_is_pinned_to_the_release_the_table_was_made_with():
    """In the project file exactly, in the lock, and installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    assert [each for each in project if each.startswith("ccxt")] == [f"ccxt=={RELEASE}"]
    assert [each["version"] for each in locked if each["name"] == "ccxt"] == [RELEASE]
    assert ccxt.__version__ == RELEASE


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


class _Key:
    ssl, host, port, is_ssl = True, "api.binance.com", 443, True


NOT_CONNECTED = aiohttp.ClientConnectorError(_Key(), OSError(111, "refused"))  # type: ignore[arg-type]

ANSWERS: list[tuple[str, Any, Outcome]] = [
    ("an order with an id", {"id": "1", "status": "open"}, Outcome.ACCEPTED),
    ("an order that has ended at once", {"id": "1", "status": "expired"}, Outcome.ACCEPTED),
    ("an order the venue calls rejected", {"id": "1", "status": "rejected"}, Outcome.REJECTED),
    ("no id", {"id": None, "status": None}, Outcome.UNKNOWN),
    ("an empty id", {"id": "", "status": "open"}, Outcome.UNKNOWN),
    ("an id that is a number", {"id": 5, "status": "open"}, Outcome.UNKNOWN),
    ("nothing", None, Outcome.UNKNOWN),
    ("a text", "<html>", Outcome.UNKNOWN),
    ("exact ExchangeError", errors.ExchangeError("x"), Outcome.UNKNOWN),
    ("BadResponse", errors.BadResponse("x"), Outcome.UNKNOWN),
    ("OnMaintenance", errors.OnMaintenance("x"), Outcome.UNKNOWN),
    ("CancelPending", errors.CancelPending("x"), Outcome.UNKNOWN),
    ("a checksum, which only streams have", errors.ChecksumError("x"), Outcome.UNKNOWN),
    ("DuplicateOrderId", errors.DuplicateOrderId("x"), Outcome.UNKNOWN),
    ("a cancelled task", asyncio.CancelledError(), Outcome.UNKNOWN),
    ("a mistake inside ccxt while it reads the answer", KeyError("orderId"), Outcome.UNKNOWN),
    ("RateLimitExceeded", errors.RateLimitExceeded("x"), Outcome.NOT_SENT),
    ("a host that does not answer the door", caused(errors.ExchangeNotAvailable("x"), NOT_CONNECTED), Outcome.NOT_SENT),
    ("a name that does not resolve", caused(errors.ExchangeNotAvailable("x"), socket.gaierror()), Outcome.NOT_SENT),
    ("a reset line", caused(errors.ExchangeNotAvailable("x"), ConnectionResetError()), Outcome.UNKNOWN),
    ("the egress guard", EgressRefused("EGRESS_REFUSED", expected="", found="", action=""), Outcome.NOT_SENT),
    ("PermissionDenied", errors.PermissionDenied("x"), Outcome.REJECTED),
    ("OrderImmediatelyFillable", errors.OrderImmediatelyFillable("x"), Outcome.REJECTED),
    ("BadSymbol", errors.BadSymbol("x"), Outcome.REJECTED),
    ("MarketClosed", errors.MarketClosed("x"), Outcome.REJECTED),
    ("ArgumentsRequired", errors.ArgumentsRequired("x"), Outcome.REJECTED),
    ("NotSupported", errors.NotSupported("x"), Outcome.REJECTED),
    ("the venue's words for a taken id", errors.InvalidOrder('{"msg":"Duplicate order sent."}'), Outcome.UNKNOWN),
]


@pytest.mark.parametrize(("answer", "outcome"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_what_an_answer_says_of_the_order(answer, outcome):
    assert outcome_of(answer, duplicate_texts=DUPLICATES) is outcome


def test_every_error_class_of_ccxt_has_an_outcome_and_only_listed_ones_are_final():
    """A class that a release adds is UNKNOWN until somebody has thought about it."""
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BaseError)]
    final = {kind.__name__ for kind in classes if outcome_of(kind("x")) is not Outcome.UNKNOWN}
    assert final == {
        "AccountNotEnabled", "AccountSuspended", "ArgumentsRequired", "AuthenticationError", "BadRequest", "BadSymbol",
        "ContractUnavailable", "DDoSProtection", "InsufficientFunds", "InvalidNonce", "InvalidOrder", "ManualInteractionNeeded",
        "MarginModeAlreadySet", "MarketClosed", "NoChange", "NotSupported", "OperationRejected", "OrderImmediatelyFillable",
        "OrderNotCached", "OrderNotFillable", "PermissionDenied", "RateLimitExceeded", "RestrictedLocation",
    }  # fmt: skip
