"""TWS' messages in any order, late, twice and contradicting: what is told of an order is the same, once."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest

from tests.ccxt_private.test_order_tracks import OURS, Order, Told
from venues.ibkr.news import News
from venues.ibkr.order_errors import Says
from venues.order_tracks import OrderTracks, Track

D = Decimal
AAPL = "NASDAQ:AAPL"
CONTRACT = SimpleNamespace(conId=265598)


class Side(Order):
    """An order that also says its side."""

    is_buy = True


class Desk:
    """`News` over real tracks; what it asks of the client is kept in `asked`."""

    def __init__(self, *, known: tuple[Any, ...] = ()) -> None:
        self.told, self.asked = Told(), list[tuple[str, str]]()
        self.tracks = OrderTracks(self.told, venue="IBKR", account="IBKR-001", symbol_of={}, known_fills=known)
        self.track = Track(Side("10"), symbol=AAPL, sent_ns=1)
        self.tracks.add(self.track)
        self.news = News(
            self.tracks,
            known_fills=known,
            own_client_id=lambda: 7,
            rejected=lambda track, words: self.asked.append(("rejected", words)),
            doubt=lambda track, words: self.asked.append(("doubt", words)),
            cancel_answer=lambda track, says, words: self.asked.append((says.value, words)),
            inactive=lambda track: self.asked.append(("inactive", "")),
            note=lambda code, words: self.asked.append((code, words)),
            correction=lambda words, track: self.asked.append(("correction", words)),
            on_connection=lambda code, words: self.asked.append((str(code), words)),
        )
        self.news.symbols[265598] = AAPL
        self.news.placed(OURS, 3)

    def open(self, status: str = "Submitted", **changes: Any) -> None:
        parts = {
            "permId": 9, "orderId": 3, "clientId": 7, "orderRef": f"{OURS}:3", "action": "BUY", "totalQuantity": D(10),
            "orderType": "LMT", "lmtPrice": 230.0, "tif": "GTC", "filledQuantity": D(0),
        }  # fmt: skip
        self.news.open_order(SimpleNamespace(**parts | changes), CONTRACT, status)

    def status(self, status: str, filled: int, **changes: Any) -> None:
        facts = {"order_id": 3, "client_id": 7, "perm_id": 9, "status": status, "filled": D(filled)}
        self.news.order_status(**facts | {"remaining": D(10 - filled), "why_held": ""} | changes)

    def execute(self, number: int, quantity: int, *, suffix: str = "01", price: float = 230.0) -> None:
        execution = SimpleNamespace(
            execId=f"0000e0d5.{number:08x}.01.{suffix}", permId=9, orderRef=f"{OURS}:3", side="BOT", shares=D(quantity),
            price=price, time="20261126 14:30:01 UTC", lastLiquidity=2,
        )  # fmt: skip
        self.news.execution(execution, CONTRACT, live=True)

    def cost(self, number: int, *, fee: float = 0.5, suffix: str = "01") -> None:
        name = f"0000e0d5.{number:08x}.01.{suffix}"
        self.news.commission(SimpleNamespace(execId=name, commissionAndFees=fee, currency="USD"))


FILLED = [("open",), ("execute", 1, 4), ("execute", 2, 6), ("status", "Filled", 10)]


@pytest.mark.parametrize("order", list(permutations(FILLED)), ids=lambda order: "")
def test_a_filled_order_is_told_whole_in_whatever_order_its_messages_come(order):
    desk = Desk()
    for name, *facts in order:
        getattr(desk, name)(*facts)
    desk.cost(1)
    desk.cost(2)
    assert [news[0] for news in desk.told.news] == ["accepted", "filled", "filled"]
    assert desk.track.ended
    assert desk.told.troubles == []


def test_a_fill_waits_for_what_it_cost_and_a_status_counts_it_as_missing():
    desk = Desk()
    desk.open()
    desk.execute(1, 10)
    desk.status("Filled", 10)
    assert (desk.track.gap, desk.track.ended) == (D(10), False)
    desk.cost(1, fee=-1.0)
    assert desk.track.gap == D(10)
    desk.cost(1)
    assert desk.track.ended


def test_an_order_without_a_permanent_id_is_no_answer_yet():
    desk = Desk()
    desk.open(permId=0)
    desk.status("Submitted", 0, perm_id=0)
    assert desk.told.news == []
    desk.open()
    assert desk.told.news == [("accepted", "PERM-9")]


def test_a_correction_of_a_booked_execution_is_said_and_not_booked():
    desk = Desk()
    desk.open()
    desk.execute(1, 4)
    desk.cost(1)
    desk.execute(1, 4, suffix="02", price=229.0)
    desk.cost(1, suffix="02")
    assert [news[0] for news in desk.told.news] == ["accepted", "filled"]
    assert [name for name, _ in desk.asked] == ["correction"]


def test_a_correction_of_what_an_earlier_process_booked_is_known_by_the_journal():
    desk = Desk(known=(("IBKR", "IBKR-001", AAPL, "0000e0d5.00000001.01.01"),))
    desk.execute(1, 4, suffix="02")
    assert [name for name, _ in desk.asked] == ["correction"]


def test_what_the_journal_has_is_not_told_again():
    desk = Desk(known=(("IBKR", "IBKR-001", AAPL, "0000e0d5.00000001.01.01"),))
    desk.open()
    desk.execute(1, 4)
    desk.cost(1)
    assert [news[0] for news in desk.told.news] == ["accepted"]


def test_an_inactive_order_is_cancelled_to_be_sure_and_one_held_for_shares_is_not():
    desk = Desk()
    desk.open()
    desk.status("Inactive", 0, why_held="locate")
    assert desk.asked == []
    assert not desk.track.ended
    desk.status("Inactive", 0)
    assert desk.asked == [("inactive", "")]
    assert desk.track.ended


def test_an_order_of_another_hand_is_a_stranger_and_its_number_is_not_ours():
    desk = Desk()
    desk.open(clientId=0, orderId=3, orderRef="", permId=77)
    assert list(desk.tracks.strangers) == ["PERM-77"]
    desk.status("Cancelled", 0, client_id=0)
    assert not desk.track.ended


def test_the_same_id_on_two_orders_at_ib_is_trouble():
    desk = Desk()
    desk.open()
    desk.open(permId=10)
    assert desk.told.troubles == ["TWO_ORDERS"]


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        (201, "rejected"), (110, "doubt"), (10148, Says.CANCEL_REFUSED.value), (10147, Says.ABSENT.value),
        (399, "VENUE_MESSAGE"), (31337, "doubt"),
    ],
)  # fmt: skip
def test_where_an_error_about_an_order_goes(code, asked):
    desk = Desk()
    desk.news.order_error(3, code, "words")
    assert [name for name, _ in desk.asked] == [asked]


def test_a_rejection_of_what_was_accepted_is_looked_up_because_rejected_is_final():
    desk = Desk()
    desk.open()
    desk.news.order_error(3, 201, "words")
    assert [name for name, _ in desk.asked] == ["doubt"]


def test_a_cancel_s_own_note_and_an_unknown_number_change_nothing():
    desk = Desk()
    desk.news.order_error(3, 202, "Order Canceled - reason:")
    desk.news.order_error(99, 201, "words")
    assert [name for name, _ in desk.asked] == ["VENUE_MESSAGE"]
    assert desk.told.news == []
