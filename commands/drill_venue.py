"""The rehearsal venue of a drill: a market too wide to fill what rests in it, and what the venue itself has seen."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Final

from commands.rehearsal_desk import TWS, RehearsalDesk
from commands.rehearsal_truth import VenueTruth, binance_truth, tws_truth
from orders.errors import ConfigError, VenueUnavailable
from orders.values import Listing, Record
from sim.rehearsal.feeds import FIRST_PRICES
from sim.rehearsal.handle import RehearsalVenue
from sim.rehearsal.listing import LISTINGS
from sim.rehearsal.tws.handle import FakeTws
from sim.rehearsal.tws.walk import FIRST

PULSE_S: Final = 0.5
WIDE_FRACTION: Final = Decimal("0.001")  # of the price, between bid and ask: more than the market ever moves
STEPS: Final = 10  # of the market, up and back again, one a pulse
TICK_TWS: Final = Decimal("0.01")


class Seen(Record, frozen=True, kw_only=True):
    """What the venue has seen so far: orders of all kinds, those that work, and requests to cancel."""

    orders: int
    working: int
    cancels: int


class DrillVenue(ABC):
    """A venue of this machine in a process of its own, which ends with this one. `hello`: what `furnish` needs of it."""

    hello: Mapping[str, str]
    address: str
    control: str

    @abstractmethod
    def quote(self, name: str, bid: Decimal, ask: Decimal) -> None:
        """Make this the market of one of its names."""

    @abstractmethod
    def seen(self) -> Seen:
        """Return what it has seen. Raises `VenueUnavailable`."""

    @abstractmethod
    def truth(self, listings: Mapping[str, Listing], *, venue: str) -> VenueTruth:
        """Return all it knows of the account. `venue`: its name in the config. Raises `VenueUnavailable`."""

    @abstractmethod
    def stop(self) -> None:
        """End it."""

    @abstractmethod
    def first(self, listing: Listing) -> tuple[str, Decimal, Decimal]:
        """Return the venue's name of a listing, a price of its magnitude, and its tick. Raises `KeyError`: it has none such."""


class DrillExchange(DrillVenue):
    """The Binance-shaped one."""

    def __init__(self, *, memory: Path, funds: Mapping[str, Decimal]) -> None:
        self._venue = RehearsalVenue.start(state=memory, balances={asset: f"{amount:f}" for asset, amount in funds.items()})
        self.address, self.control = self._venue.endpoint, self._venue.control
        self.hello = {"endpoint": self._venue.endpoint, "key": self._venue.key, "secret": self._venue.secret}
        self._ticks = {each.name: each.tick_size for each in LISTINGS}

    def quote(self, name: str, bid: Decimal, ask: Decimal) -> None:
        self._venue.quote(name, f"{bid:f}", f"{ask:f}")

    def seen(self) -> Seen:
        truth, counts = self._venue.truth(), self._venue.counts()
        return Seen(orders=len(truth.orders), working=len(truth.open_orders()), cancels=counts["DELETE order"])

    def truth(self, listings: Mapping[str, Listing], *, venue: str) -> VenueTruth:
        return binance_truth(self._venue.truth(), venue=venue)

    def stop(self) -> None:
        self._venue.stop()

    def first(self, listing: Listing) -> tuple[str, Decimal, Decimal]:
        name = str(listing.ccxt_symbol).replace("/", "")
        return name, Decimal(FIRST_PRICES[name]), self._ticks[name]


class DrillTws(DrillVenue):
    """The fake TWS."""

    def __init__(self, *, memory: Path, funds: Mapping[str, Decimal]) -> None:
        self._tws = FakeTws.start(state=memory, cash={code: f"{amount:f}" for code, amount in funds.items()})
        self.address = f"127.0.0.1:{self._tws.port}"
        self.control = self._tws.control
        self.hello = {"port": str(self._tws.port), "account": self._tws.account}

    def quote(self, name: str, bid: Decimal, ask: Decimal) -> None:
        self._tws.quote(name, f"{bid:f}", f"{ask:f}")

    def seen(self) -> Seen:
        orders, counts = self._tws.truth().orders, self._tws.counts()
        return Seen(orders=len(orders), working=sum(order.works for order in orders), cancels=counts["cancel"])

    def truth(self, listings: Mapping[str, Listing], *, venue: str) -> VenueTruth:
        return tws_truth(self._tws.truth().state, listings=listings, venue=venue)

    def stop(self) -> None:
        self._tws.stop()

    def first(self, listing: Listing) -> tuple[str, Decimal, Decimal]:
        name = listing.symbol.rpartition(":")[2].replace(".", " ")
        return name, Decimal(FIRST[name]), TICK_TWS


def drill_venue(desk: RehearsalDesk) -> DrillVenue:
    """Start the venue of a desk. Raises `VenueUnavailable` REHEARSAL_NOT_STARTED."""
    kind = DrillTws if desk.adapter == TWS else DrillExchange
    return kind(memory=desk.memory, funds=desk.funds)


@contextmanager
def market(venue: DrillVenue, listings: Iterable[Listing]) -> Iterator[None]:
    """Keep every name's market moving, a tick at a time and never as far as its spread, so that no stream is silent.

    Raises `ConfigError` DRILL_SYMBOL: the venue has no such name.
    """
    try:
        names = [venue.first(listing) for listing in listings]
    except KeyError as error:
        raise ConfigError(
            "DRILL_SYMBOL",
            expected="a config whose names the rehearsal venue has",
            found=str(error),
            action="data/configs/crypto_rehearsal.toml and ib_rehearsal.toml are such configs.",
        ) from error
    _move(venue, names, 0)
    over = threading.Event()
    beat = threading.Thread(target=_beat, args=(venue, names, over), name="market")
    beat.start()
    try:
        yield
    finally:
        over.set()
        beat.join()


def _beat(venue: DrillVenue, names: list[tuple[str, Decimal, Decimal]], over: threading.Event) -> None:
    step = 0
    while not over.wait(PULSE_S):
        step = (step + 1) % STEPS
        with suppress(VenueUnavailable):  # a venue that is ended, or made to hang: whoever asks it is told
            _move(venue, names, step)


def _move(venue: DrillVenue, names: list[tuple[str, Decimal, Decimal]], step: int) -> None:
    for name, price, tick in names:
        wide = max(price * WIDE_FRACTION // tick, 2 * Decimal(STEPS)) * tick
        bid = price + min(step, STEPS - step) * tick
        venue.quote(name, bid, bid + wide)
