"""Bars of one instant as one event of Nautilus' engine, and a market that is simulated only while something can happen in it.

Nautilus passes every bar through its matching engine, its data engine and its loop by itself. In a market in which no order of
ours works that only moves the price the next order meets. So bars wait, and are handed to the matching engine when an order
comes, or at the end of a step: of all that waited, those that leave it as all of them would (`decisive`). Everybody on the bus
sees every bar at once, and where an order works nothing waits. `tests/sim/test_quiet_markets.py` holds it against Nautilus' way.

Two things differ: a venue's trade ids end in a count of the bars and fills it has simulated, and it counts fewer bars; and
bars are not in Nautilus' cache, where each fill would look for them, for a valuation that nobody asks for: the book is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

from nautilus_trader.common.component import is_backtest_force_stop
from nautilus_trader.core.data import Data
from nautilus_trader.model.data import CustomData, DataType
from nautilus_trader.model.enums import OrderType, PriceType

TRADES: Final = frozenset({PriceType.LAST, PriceType.MID})  # Nautilus makes quotes of other bars, of two bar types together
AT_ONCE: Final = -1
SEVERAL: Final = 2  # orders at one instant: the whole book moves, and a market by itself costs five times what it does in a row


class BarsAt(Data):
    """Bars with one `ts_init`, in the order in which they were fed."""

    def __init__(self, bars: Sequence[Any]) -> None:
        self.bars = bars
        self._ts_ns: int = bars[0].ts_init

    @property
    def ts_event(self) -> int:
        return self._ts_ns

    @property
    def ts_init(self) -> int:
        return self._ts_ns


def by_instant(bars: Iterable[Any]) -> list[Any]:
    """Return an event for each group of bars with one `ts_init`."""
    kind = DataType(BarsAt)
    return [CustomData(kind, BarsAt(list(group))) for _, group in groupby(bars, key=attrgetter("ts_init"))]


def decisive(bars: Sequence[Any], *, last: Any = None) -> Sequence[Any]:
    """Return those bars after which a market in which no order works is what it is after all of them: two at most.

    A bar that stays at the close before it changes nothing. Any other sets price and size anew, whatever was before; only one
    of a single price must not find the market there already. `last`: the price at which the market is, None: not known.
    """
    place = len(bars) - 1
    while place > 0 and bars[place].is_single_price() and bars[place].close == bars[place - 1].close:
        place -= 1
    needs_one_before = bars[place].is_single_price() and (last is None or last == bars[place].close)
    return bars[max(0, place - needs_one_before) : place + 1]


class _Sent(NamedTuple):
    """What a command was about that a venue has not taken yet, as far as is known here."""

    due_ns: int
    venue: Any
    order: Any


class _Market:
    """`waiting`: bars the venue has not simulated yet. `working`: orders sent to it that may not have ended. `last`: the close of
    the last bar simulated; None: not known, there is none or an order worked, for Nautilus sets it to the price of a limit order.
    """

    __slots__ = ("at_once", "bar_type", "exchange", "last", "topic", "waiting", "working")

    def __init__(self, exchange: Any, bar_type: Any) -> None:
        self.exchange = exchange
        self.bar_type = bar_type
        self.topic = f"data.bars.{bar_type}"
        self.waiting: list[Any] = []
        self.working: list[Any] = []
        self.last: Any = None
        consumes = exchange.liquidity_consumption or exchange.queue_position  # what is left of a touch depends on every bar
        self.at_once = consumes or bar_type.spec.price_type not in TRADES or bar_type.is_internally_aggregated()


class QuietMarkets:
    """One per backtest; listens to `BarsAt`, in which the bars of an instrument are all of one type.

    The venues' clients say what they send by `sending`, before they send it.
    """

    def __init__(self, *, msgbus: Any, cache: Any, clock: Any) -> None:
        self._msgbus = msgbus
        self._cache = cache
        self._clock = clock
        self._exchanges: dict[Any, Any] = {}
        self._markets: dict[Any, _Market] = {}  # by instrument: a bar type is a text, made anew at every look
        self._on_the_way: list[_Sent] = []
        self._between = True  # no step runs, or one whose first bars are still to come
        self._sends = 0  # since the last bars
        msgbus.subscribe(topic=f"data.{DataType(BarsAt).topic}", handler=self._on_bars)

    def add(self, exchange: Any) -> None:
        """Take a venue in."""
        self._exchanges[exchange.id] = exchange

    def sending(self, orders: Sequence[Any], due_ns: int) -> None:
        """A command for these orders is about to go to their venue, where it is due at an instant."""
        if self._between and due_ns <= self._clock.timestamp_ns():
            due_ns = AT_ONCE
        self._sends += 1
        if self._sends == SEVERAL:
            self._catch_up_all()
        for order in orders:
            market = self._markets.get(order.instrument_id)
            if market is not None:
                self._catch_up(market)
                market.working.append(order)
                market.last = market.last if order.order_type == OrderType.MARKET else None
            self._on_the_way.append(_Sent(due_ns, order.instrument_id.venue, order))

    def catch_up(self) -> None:
        """A step has ended: simulate what waits in all markets."""
        self._between = True
        self._catch_up_all()

    def _on_bars(self, event: BarsAt) -> None:
        markets, publish, now_ns = self._markets, self._msgbus.publish, event.ts_init
        self._between = False
        self._sends = 0
        for bar in event.bars:
            market = markets.get(bar.bar_type.instrument_id) or self._market(bar.bar_type)
            if market.working:
                market.working = [order for order in market.working if not order.is_closed]
            if market.working or market.at_once:
                self._simulate(market, bar)
            else:
                market.waiting.append(bar)
            publish(market.topic, bar)
            if self._on_the_way:
                self._settle(now_ns)
                if is_backtest_force_stop():
                    return

    def _market(self, bar_type: Any) -> _Market:
        """A market seen for the first time: orders may work in it already, of an earlier run or sent before any price."""
        instrument_id = bar_type.instrument_id
        market = self._markets[instrument_id] = _Market(self._exchanges[instrument_id.venue], bar_type)
        cache = self._cache
        market.working = cache.orders_open(instrument_id=instrument_id) + cache.orders_inflight(instrument_id=instrument_id)
        return market

    def _simulate(self, market: _Market, bar: Any) -> None:
        assert bar.bar_type == market.bar_type
        market.exchange.process_bar(bar)
        market.last = None

    def _catch_up_all(self) -> None:
        for market in self._markets.values():
            self._catch_up(market)

    def _catch_up(self, market: _Market) -> None:
        waiting, market.waiting = market.waiting, []
        if waiting:
            now_ns = self._clock.timestamp_ns()
            for bar in decisive(waiting, last=market.last):
                assert bar.bar_type == market.bar_type
                market.exchange.process_bar(bar)
            market.last = waiting[-1].close
            self._clock.set_time(now_ns)  # the venue's clock is everybody's, and a bar sets it to its own instant

    def _settle(self, now_ns: int) -> None:
        """Let venues take what is due, as Nautilus' engine does after each of its events, until nothing more is."""
        while self._due(now_ns):
            for venue, exchange in self._exchanges.items():
                exchange.process(now_ns)  # what this sends to the venue itself, it takes too
                self._on_the_way = [sent for sent in self._on_the_way if sent.due_ns > now_ns or sent.venue != venue]
            for exchange in self._exchanges.values():
                for engine in exchange.get_matching_engines().values():
                    engine.iterate(now_ns)
        self._on_the_way = [sent for sent in self._on_the_way if sent.due_ns > now_ns]

    def _due(self, now_ns: int) -> bool:
        """Whether a venue has something to take now.

        What was due at earlier instants it took then: the client has an alert for each. Only what was sent between two steps may
        have had no event of the engine yet.
        """
        return any(sent.due_ns == now_ns or (sent.due_ns == AT_ONCE and sent.order.is_inflight) for sent in self._on_the_way)
