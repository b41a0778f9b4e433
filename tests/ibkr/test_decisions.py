"""The pure decisions about orders at IB: silence, errors, what a message says, what may go on the wire."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orders.errors import ConfigError
from orders.values import OrderKind, Side
from venues.answers import Malformed, VenueFill, VenueOrder, VenueStatus
from venues.ibkr.gateway import HOST, gateway
from venues.ibkr.order_errors import Says, says
from venues.ibkr.order_refs import client_order_id_of
from venues.ibkr.reading import correction_key, read_fill, read_order, read_status, read_time
from venues.ibkr.watch import Move, Silence, next_move
from venues.ibkr.wire_check import wire_problem

D = Decimal
OURS = "0123456789abcdef" * 2
QUIET = Silence(answered=False, age_s=1.0, unknown_s=None, absent=False, fenced=False, gone=False, alarmed=False)

MOVES = [
    ("answered", {"answered": True, "age_s": 999.0}, Move.NOTHING),
    ("answered after it was unknown", {"answered": True, "unknown_s": 5.0, "absent": True}, Move.NOTHING),
    ("young and silent", {}, Move.NOTHING),
    ("silent for as long as is allowed", {"age_s": 10.0}, Move.UNKNOWN),
    ("unknown", {"age_s": 11.0, "unknown_s": 1.0}, Move.LOOK),
    ("absent by every list", {"age_s": 60.0, "unknown_s": 50.0, "absent": True}, Move.FENCE),
    ("fenced, not asked since", {"age_s": 60.0, "unknown_s": 50.0, "absent": True, "fenced": True}, Move.LOOK),
    ("fenced and still not there", {"age_s": 60.0, "unknown_s": 50.0, "absent": True, "fenced": True, "gone": True}, Move.END),
    ("gone but not absent by every list", {"age_s": 60.0, "unknown_s": 50.0, "fenced": True, "gone": True}, Move.LOOK),
    ("undecided for too long", {"age_s": 400.0, "unknown_s": 300.0}, Move.ALARM),
    ("undecided, and a person knows", {"age_s": 400.0, "unknown_s": 300.0, "alarmed": True}, Move.LOOK),
    ("absent, but older than TWS' lists", {"age_s": 9999.0, "unknown_s": 50.0, "absent": True}, Move.LOOK),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "move"), [row[1:] for row in MOVES], ids=[row[0] for row in MOVES])
def test_what_is_done_about_a_silent_order(facts, move):
    assert next_move(replace(QUIET, **facts), order_s=10.0, alarm_s=300.0, absent_age_s=3600.0) is move


@given(
    st.builds(
        Silence,
        answered=st.booleans(), age_s=st.floats(0, 1e6), unknown_s=st.none() | st.floats(0, 1e6), absent=st.booleans(),
        fenced=st.booleans(), gone=st.booleans(), alarmed=st.booleans(),
    )
)  # fmt: skip
def test_an_order_is_never_ended_without_evidence_a_fence_and_a_look_after_it(known):
    if next_move(known, order_s=10.0, alarm_s=300.0, absent_age_s=3600.0) is Move.END:
        assert known.absent
        assert known.fenced
        assert known.gone
        assert known.unknown_s is not None
        assert not known.answered


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (201, Says.REJECTED), (203, Says.REJECTED), (321, Says.REJECTED), (110, Says.LOOK), (103, Says.LOOK), (504, Says.LOOK),
        (10243, Says.LOOK), (10148, Says.CANCEL_REFUSED), (161, Says.CANCEL_REFUSED), (10147, Says.ABSENT), (135, Says.ABSENT),
        (399, Says.NOTE), (2109, Says.NOTE), (202, Says.NOTE), (99999, Says.LOOK),
    ],
)  # fmt: skip
def test_what_an_error_says_of_its_order(code, meaning):
    assert says(code) is meaning


@given(st.integers(0, 20_000))
def test_only_listed_codes_are_final(code):
    if says(code) is Says.REJECTED:
        assert code in (201, 203, 321, 10289, 10293)


@pytest.mark.parametrize(
    ("ref", "ours"),
    [
        (f"{OURS}:17", OURS), (OURS, OURS), ("", None), (None, None), (f"{OURS}:x", None), (f"{OURS.upper()}:1", None),
        (f"{OURS}0:1", None), (f"x{OURS}:1", None), (f"{OURS}:1\n", None), ("manual", None),
    ],
)  # fmt: skip
def test_only_an_id_of_our_form_is_ours(ref, ours):
    assert client_order_id_of(ref) == ours


def order(**changes: Any) -> Any:
    parts = {
        "permId": 900_101, "orderId": 3, "clientId": 7, "orderRef": f"{OURS}:3", "action": "BUY", "totalQuantity": D(10),
        "orderType": "LMT", "lmtPrice": 230.02, "tif": "GTC",
    }  # fmt: skip
    return SimpleNamespace(**parts | changes)


def test_a_working_order_is_read_exactly():
    read = read_order(order(), "Submitted", symbol="NASDAQ:AAPL")
    assert isinstance(read, VenueOrder)
    facts = (read.venue_order_id, read.client_order_id, read.status, read.quantity, read.filled, read.price)
    assert facts == ("PERM-900101", OURS, VenueStatus.OPEN, D(10), D(0), D("230.02"))


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"permId": 0}, "Submitted"), ({}, "PendingSubmit"), ({}, "ApiPending"), ({}, "Filled"), ({}, "Cancelled")],
    ids=["no permanent id yet", "not at IB yet", "not at TWS yet", "filled, without a count", "cancelled, without a count"],
)
def test_what_is_no_answer_is_not_taken_for_one(changes, status):
    assert read_order(order(**changes), status, symbol="NASDAQ:AAPL") is None


@pytest.mark.parametrize(
    ("changes", "status", "filled"),
    [
        ({"totalQuantity": D(0)}, "Submitted", None), ({"totalQuantity": D("1.7e308")}, "Submitted", None),
        ({"action": "SSHORT"}, "Submitted", None), ({}, "Whatever", None), ({}, "Filled", D(11)),
    ],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_quarantined(changes, status, filled):
    assert isinstance(read_order(order(**changes), status, symbol="NASDAQ:AAPL", filled=filled), Malformed)


def test_a_status_counts_what_is_filled_and_what_is_left():
    read = read_status(
        status="Cancelled", filled=D(4), remaining=D(6), perm_id=9, client_order_id=OURS, symbol="NASDAQ:AAPL", side=Side.BUY
    )
    assert isinstance(read, VenueOrder)
    assert (read.status, read.filled, read.quantity) == (VenueStatus.CANCELED, D(4), D(10))


def executed(**changes: Any) -> Any:
    parts = {
        "execId": "0000e0d5.00000001.01.01", "permId": 900_101, "orderRef": f"{OURS}:3", "side": "SLD", "shares": D(3),
        "price": 230.0151, "time": "20261126 09:30:01 US/Eastern", "lastLiquidity": 2,
    }  # fmt: skip
    return SimpleNamespace(**parts | changes)


def cost(fee: Any = 1.0, currency: str = "USD") -> Any:
    return SimpleNamespace(execId="0000e0d5.00000001.01.01", commissionAndFees=fee, currency=currency)


def test_a_fill_keeps_every_digit_of_its_price():
    read = read_fill(executed(), cost(0.35), symbol="NASDAQ:AAPL", live=False)
    assert isinstance(read, VenueFill)
    assert (read.side, read.quantity, read.price, read.fee, read.maker) == (Side.SELL, D(3), D("230.0151"), D("0.35"), False)
    assert read.venue_ns == 1_795_703_401 * 1_000_000_000


@pytest.mark.parametrize("fee", [-1.0, None, 1.7976931348623157e308, float("nan")])
def test_a_commission_that_ib_has_not_said_is_waited_for_and_never_zero(fee):
    assert read_fill(executed(), cost(fee), symbol="NASDAQ:AAPL", live=True) is None


@pytest.mark.parametrize("changes", [{"permId": 0}, {"shares": D(0)}, {"price": 0.0}, {"side": "B"}, {"execId": ""}])
def test_a_fill_that_makes_no_sense_is_quarantined(changes):
    assert isinstance(read_fill(executed(**changes), cost(), symbol="NASDAQ:AAPL", live=True), Malformed)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20261126 14:30:01 UTC", 1_795_703_401), ("20261126 14:30:01 Universal", 1_795_703_401),
        ("20261126-14:30:01", 1_795_703_401), ("20261126 09:30:01 America/New_York", 1_795_703_401), ("soon", None),
        ("20261126 09:30:01 Mars/Base", None), (None, None), ("20261126 09:30:01 ../etc/passwd", None),
    ],
)  # fmt: skip
def test_ib_s_times(text, seconds):
    assert read_time(text) == (None if seconds is None else seconds * 1_000_000_000)


def test_a_correction_shares_its_key_with_what_it_corrects():
    assert correction_key("0000e0d5.00000001.01.01") == correction_key("0000e0d5.00000001.01.02")
    assert correction_key("0000e0d5.00000001.01.01") != correction_key("0000e0d5.00000002.01.01")


def sent(**changes: Any) -> Any:
    parts = {
        "orderRef": OURS, "account": "DU1", "contract": SimpleNamespace(conId=265598), "action": "BUY", "orderType": "LMT",
        "totalQuantity": D(10), "lmtPrice": 230.02, "tif": "GTC", "transmit": True,
    }  # fmt: skip
    return SimpleNamespace(**parts | changes)


def problem(made: Any) -> str:
    return wire_problem(
        made, client_order_id=OURS, account="DU1", con_id=265598, side=Side.BUY, kind=OrderKind.LIMIT, quantity=D(10),
        price=D("230.02"), time_in_force="GTC",
    )  # fmt: skip


def test_an_order_as_it_was_approved_may_go():
    assert problem(sent()) == ""


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"totalQuantity": D(11)}, "quantity"), ({"lmtPrice": 230.03}, "limit price"), ({"action": "SELL"}, "action"),
        ({"orderType": "MKT"}, "orderType"), ({"account": "U1"}, "account"), ({"tif": "DAY"}, "tif"),
        ({"contract": SimpleNamespace(conId=1)}, "contract"), ({"orderRef": "x"}, "orderRef"), ({"transmit": False}, "transmit"),
    ],
)  # fmt: skip
def test_an_order_that_is_not_what_was_approved_is_named(changes, name):
    assert problem(sent(**changes)).startswith(name)


@pytest.mark.parametrize(
    "changes",
    [{"host": "10.0.0.1"}, {"host": "localhost"}, {"port": 0}, {"client_id": 0}, {"client_id": 1000}, {"account": "du1"}],
)
def test_an_address_that_may_not_be_used_is_refused(changes):
    parts = {"host": HOST, "port": 4002, "client_id": 7, "account": "DU1234567"}
    with pytest.raises(ConfigError, match="IBKR_ADDRESS"):
        gateway(**parts | changes)


def test_only_a_fake_tws_account_rehearses():
    assert gateway(host=HOST, port=4002, client_id=7, account="REHEARSAL1").rehearses
    assert not gateway(host=HOST, port=4002, client_id=7, account="DU1234567").rehearses
