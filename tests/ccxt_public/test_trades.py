"""The trade tape: every trade once, ids rising, holes filled or counted."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from venues.ccxt.profiles import BINANCE
from venues.ccxt.streams import StreamEvent
from venues.ccxt.ticks import Drop
from venues.ccxt.trades import PAGES_MAX, TradeTape

PAGE = 3


def info(trade_id: int, **changed: Any) -> dict[str, Any]:
    return {"a": trade_id, "p": "100.00", "q": "1", "T": 1_700_000_000_000 + trade_id, "m": False, **changed}


class Venue:
    """REST side of a venue: what traded, in pages of three; None while it does not answer."""

    def __init__(self, ids: list[int]) -> None:
        self.ids = ids
        self.up = True
        self.asked: list[int] = []

    async def page(self, first: int) -> list[Any] | None:
        self.asked.append(first)
        return [info(trade_id) for trade_id in self.ids if trade_id >= first][:PAGE] if self.up else None


class Taped:
    def __init__(self, venue: Venue) -> None:
        self.ids: list[int] = []
        self.drops: list[Drop] = []
        self.events: list[StreamEvent] = []
        self.tape = TradeTape(
            name="trades X",
            fields=BINANCE.trade,
            tick_size=Decimal("0.01"),
            step_size=Decimal("0.1"),
            fetch_page=venue.page,
            publish=lambda trade: self.ids.append(trade.trade_id),
            dropped=self.drops.append,
            report=self.events.append,
        )

    def take(self, *infos: Any) -> None:
        asyncio.run(self.tape.take(infos))

    def codes(self) -> list[str]:
        return [event.code for event in self.events]


def test_a_hole_is_filled_before_what_came_after_it():
    taped = Taped(Venue(list(range(1, 20))))
    taped.take(info(1), info(9), info(10))
    assert taped.ids == list(range(1, 11))
    assert taped.tape.counts == {"streamed": 3, "backfilled": 7}


def test_a_trade_told_again_is_dropped():
    taped = Taped(Venue([1, 2]))
    taped.take(info(1), info(2), info(2), info(1))
    assert taped.ids == [1, 2]
    assert taped.drops == [Drop.DUPLICATE, Drop.DUPLICATE]


def test_a_hole_that_cannot_be_fetched_is_counted_and_said():
    venue = Venue(list(range(1, 20)))
    venue.up = False
    taped = Taped(venue)
    taped.take(info(1), info(5))
    assert taped.ids == [1, 5]
    assert taped.tape.counts["lost"] == 3
    assert taped.codes() == ["TRADES_LOST"]


def test_a_hole_at_the_venue_itself_is_counted():
    taped = Taped(Venue([1, 2, 5, 6]))
    taped.take(info(1), info(6))
    assert taped.ids == [1, 2, 5, 6]
    assert taped.tape.counts["lost"] == 2


def test_a_back_fill_is_bounded():
    venue = Venue(list(range(1, 1_000)))
    taped = Taped(venue)
    taped.take(info(1), info(999))
    assert len(venue.asked) == PAGES_MAX
    assert taped.tape.counts["lost"] == 997 - PAGES_MAX * PAGE


def test_a_malformed_trade_is_dropped_and_the_next_one_taken():
    taped = Taped(Venue([]))
    taped.take(info(1), None, {"a": None}, info(2, p="0"), info(3))
    assert taped.ids == [1, 3]
    assert taped.drops == [Drop.MALFORMED, Drop.MALFORMED, Drop.NOT_POSITIVE]


def test_without_an_answer_quiet_cannot_be_told():
    venue = Venue([1])
    taped = Taped(venue)
    taped.take(info(1))
    assert asyncio.run(taped.tape.fill()) is False
    venue.ids.append(2)
    assert asyncio.run(taped.tape.fill()) is True
    venue.up = False
    assert asyncio.run(taped.tape.fill()) is None


@given(
    arrivals=st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=40),
    outages=st.sets(st.integers(min_value=0, max_value=39)),
)
def test_whatever_arrives_each_id_is_published_once_and_in_order(arrivals, outages):
    venue = Venue(list(range(1, 31)))
    taped = Taped(venue)

    async def run() -> None:
        for place, trade_id in enumerate(arrivals):
            venue.up = place not in outages
            await taped.tape.take([info(trade_id)])

    asyncio.run(run())
    assert taped.ids == sorted(set(taped.ids))
    newest = max(trade_id for trade_id in arrivals if trade_id >= arrivals[0])
    assert len(taped.ids) + taped.tape.counts["lost"] == newest - arrivals[0] + 1
