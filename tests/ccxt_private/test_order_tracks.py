"""Answers in any order, late and twice: what is told of an order is the same, once, and adds up."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.values import Side
from venues.answers import VenueFill, VenueOrder, VenueStatus
from venues.order_tracks import OrderTracks, Track

OURS = "0123456789abcdef" * 2
D = Decimal


class Told:
    """Keeps what is told, in order."""

    def __init__(self) -> None:
        self.news: list[tuple[Any, ...]] = []
        self.troubles: list[str] = []
        self.gaps: list[Decimal] = []

    def accepted(self, track: Track, *, venue_ns: int | None) -> None:
        self.news.append(("accepted", track.venue_order_id))

    def filled(self, track: Track, fill: VenueFill) -> None:
        self.news.append(("filled", fill.trade_id))

    def ended(self, track: Track, *, status: VenueStatus, venue_ns: int | None) -> None:
        self.news.append(("ended", status.value))

    def gap(self, track: Track) -> None:
        self.gaps.append(track.gap)

    def trouble(self, code: str, message: str, *, track: Track | None) -> None:
        self.troubles.append(code)


class _Id:
    value = OURS


class Order:
    """What a track reads of a Nautilus order."""

    client_order_id = _Id()
    venue_order_id = None

    def __init__(self, quantity: str) -> None:
        self.quantity = self._amount(quantity)
        self.filled_qty = self._amount("0")

    def _amount(self, text: str) -> Any:
        return type("Quantity", (), {"as_decimal": lambda self: D(text)})()


def world(quantity: str = "3", known: list[Any] | None = None) -> tuple[OrderTracks, Told, Track]:
    told = Told()
    tracks = OrderTracks(
        told, venue="BINANCE", account="BINANCE-001", symbol_of={"BTC/USDT": "BINANCE:BTCUSDT"}, known_fills=known or []
    )
    track = Track(Order(quantity), symbol="BTC/USDT", sent_ns=1)
    tracks.add(track)
    return tracks, told, track


def seen(status: VenueStatus = VenueStatus.OPEN, filled: str = "0", **changes: Any) -> VenueOrder:
    parts = {
        "venue_order_id": "77", "client_order_id": OURS, "symbol": "BTC/USDT", "side": Side.BUY, "status": status,
        "quantity": D(3), "filled": D(filled), "price": None, "kind": "market", "time_in_force": None, "updated_ns": 5,
    }  # fmt: skip
    return VenueOrder(**parts | changes)


def fill(trade_id: str, quantity: str = "1", **changes: Any) -> VenueFill:
    parts = {
        "trade_id": trade_id, "venue_order_id": "77", "client_order_id": None, "symbol": "BTC/USDT", "side": Side.BUY,
        "quantity": D(quantity), "price": D(100), "fee": D(0), "fee_currency": "USDT", "maker": False, "venue_ns": 5,
    }  # fmt: skip
    return VenueFill(**parts | changes)


CANCELLED_PARTLY = [seen(), fill("1"), seen(VenueStatus.CANCELED, "1")]
FILLED = [seen(), fill("1"), fill("2", "2"), seen(VenueStatus.CLOSED, "3")]


def take(tracks: OrderTracks, answer: VenueOrder | VenueFill) -> None:
    if isinstance(answer, VenueOrder):
        tracks.take_order(answer)
    else:
        tracks.take_fill(answer)


@pytest.mark.parametrize("answers", list(permutations(CANCELLED_PARTLY)), ids=lambda order: "")
def test_a_cancel_is_told_after_every_fill_that_belongs_to_it_in_whatever_order_they_come(answers):
    tracks, told, track = world()
    for answer in answers:
        take(tracks, answer)
    assert told.news == [("accepted", "77"), ("filled", "1"), ("ended", "CANCELED")]
    assert track.ended
    assert told.troubles == []


@given(st.lists(st.sampled_from(FILLED), min_size=1, max_size=24))
def test_repeats_change_nothing_and_once_everything_was_there_everything_is_told(answers):
    tracks, told, track = world()
    for answer in answers + FILLED:
        take(tracks, answer)
    assert sorted(told.news) == [("accepted", "77"), ("filled", "1"), ("filled", "2")]
    assert told.news[0] == ("accepted", "77")
    assert track.told == track.quantity
    assert track.ended
    assert told.troubles == []


def test_an_end_waits_while_the_venue_counts_more_than_was_told():
    tracks, told, track = world()
    tracks.take_order(seen(VenueStatus.CANCELED, "2"))
    assert told.news == [("accepted", "77")]
    assert (track.gap, track.ended) == (D(2), False)
    assert told.gaps == [D(2)]


def test_a_fill_of_an_order_that_is_not_named_yet_waits_for_the_answer_that_names_it():
    tracks, told, _ = world()
    assert not tracks.take_fill(fill("1"))
    tracks.take_order(seen(filled="1"))
    assert told.news == [("accepted", "77"), ("filled", "1")]


def test_a_fill_the_journal_has_is_told_no_more():
    tracks, told, _ = world(known=[("BINANCE", "BINANCE-001", "BINANCE:BTCUSDT", "1")])
    tracks.take_order(seen())
    assert not tracks.take_fill(fill("1"))
    assert ("filled", "1") not in told.news


def test_the_same_trade_id_of_another_account_or_symbol_is_another_fill():
    tracks, told, _ = world(
        known=[("BINANCE", "OTHER", "BINANCE:BTCUSDT", "1"), ("BINANCE", "BINANCE-001", "BINANCE:ETHUSDT", "1")]
    )
    tracks.take_order(seen())
    assert tracks.take_fill(fill("1"))
    assert told.news[-1] == ("filled", "1")


def test_a_partly_filled_closed_order_ends_and_is_not_called_filled():
    tracks, told, _ = world()
    tracks.take_order(seen(VenueStatus.CLOSED, "1"))
    tracks.take_fill(fill("1"))
    assert told.news[-1] == ("ended", "CLOSED")


def test_a_late_fill_of_an_order_that_was_ended_is_told():
    tracks, told, track = world()
    tracks.end(track, VenueStatus.CANCELED, venue_ns=None)
    tracks.take_fill(fill("1", client_order_id=OURS))
    assert told.news == [("ended", "CANCELED"), ("accepted", "77"), ("filled", "1")]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([seen(), seen(venue_order_id="78")], "TWO_ORDERS"),
        ([seen(quantity=D(4))], "ORDER_CONTRADICTED"),
        ([seen(), fill("1", "4")], "OVERFILLED"),
    ],
    ids=["one id of ours, two of theirs", "another quantity", "more than was ordered"],
)
def test_what_must_not_be_is_trouble(answers, code):
    tracks, told, _ = world()
    for answer in answers:
        take(tracks, answer)
    assert told.troubles == [code]


def test_an_order_that_was_given_up_and_works_all_the_same_is_trouble():
    tracks, told, track = world()
    tracks.end(track, VenueStatus.CANCELED, venue_ns=None)
    tracks.take_order(seen())
    assert told.troubles == ["ORDER_CONTRADICTED"]


def test_a_stranger_s_order_is_kept_apart_and_told_nobody():
    tracks, told, _ = world()
    tracks.take_order(seen(venue_order_id="9", client_order_id=None))
    assert list(tracks.strangers) == ["9"]
    tracks.take_order(seen(VenueStatus.CANCELED, venue_order_id="9", client_order_id=None))
    assert (tracks.strangers, told.news) == ({}, [])
