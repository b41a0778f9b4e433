"""What this process knows of each of its orders at the venue, and what it has told of it. No Nautilus events, no I/O.

Answers come by three ways (create, stream, REST), late, twice and out of order. Each is taken here, in any order, and what is new
of it is told once: accepted, then fills by trade id, then the end, which waits until the fills that belong to it were told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, Protocol

from venues.answers import ZERO, VenueFill, VenueOrder, VenueStatus

ORPHANS_MAX: Final = 1_000  # fills whose order is not known yet; a create answer names it within a moment
ENDED_MAX: Final = 20_000  # ended orders that are still known, for fills that come late

type FillKey = tuple[str, str, str, str]  # venue, account, symbol of the platform, trade id


class Track:
    """One order of ours. `told` units: the sum of the fills that were told. `truth`: the furthest answer about it so far."""

    __slots__ = (
        "accepted", "asked_cancel", "client_order_id", "ended", "held", "order", "posting", "quantity", "sent_ns", "settling",
        "symbol", "told", "truth", "unknown", "venue_order_id",
    )  # fmt: skip

    def __init__(self, order: Any, *, symbol: str, sent_ns: int) -> None:
        """`symbol`: ccxt's. `order`: Nautilus', of which id, quantity and what is filled already are read."""
        self.order = order
        self.client_order_id: str = order.client_order_id.value
        self.quantity: Decimal = order.quantity.as_decimal()
        self.symbol = symbol
        self.sent_ns = sent_ns
        self.told: Decimal = order.filled_qty.as_decimal()
        self.venue_order_id: str | None = None if order.venue_order_id is None else order.venue_order_id.value
        self.accepted = self.venue_order_id is not None
        self.ended = False
        self.unknown = False
        self.held = False  # its request waits here, for the disk or because it was turned away
        self.posting = False  # its request is on the wire
        self.settling = False  # a task looks for its missing fills
        self.asked_cancel = False
        self.truth: VenueOrder | None = None

    @property
    def gap(self) -> Decimal:
        """Units the venue says are filled and that no fill has told yet."""
        return ZERO if self.truth is None else max(self.truth.filled - self.told, ZERO)


class Told(Protocol):
    """Who turns news of an order into events."""

    def accepted(self, track: Track, *, venue_ns: int | None) -> None:
        """The venue has it; its id is known."""
        ...

    def filled(self, track: Track, fill: VenueFill) -> None:
        """It executed."""
        ...

    def ended(self, track: Track, *, status: VenueStatus, venue_ns: int | None) -> None:
        """Nothing more of it works. Not told where its fills have filled it whole."""
        ...

    def gap(self, track: Track) -> None:
        """The venue counts more of it as filled than was told: the fills have to be asked for, unless they come."""
        ...

    def trouble(self, code: str, message: str, *, track: Track | None) -> None:
        """Something that must not be: trading is halted."""
        ...


class OrderTracks:
    """`known_fills`: the keys of every fill the journal has. `symbol_of`: ccxt symbol -> the platform's."""

    def __init__(
        self, told: Told, *, venue: str, account: str, symbol_of: Mapping[str, str], known_fills: Iterable[FillKey]
    ) -> None:
        self._told = told
        self._symbol_of = symbol_of
        self._tracks: dict[str, Track] = {}
        self._by_venue_id: dict[tuple[str, str], Track] = {}
        self._fills = {(symbol, trade_id) for where, who, symbol, trade_id in known_fills if (where, who) == (venue, account)}
        self._orphans: dict[tuple[str, str], list[VenueFill]] = {}
        self._ended: list[str] = []
        self.strangers: dict[str, VenueOrder] = {}  # working orders that are not ours, by the venue's id
        self.counts: Counter[str] = Counter()

    def add(self, track: Track) -> None:
        """Know an order from now on."""
        assert track.client_order_id not in self._tracks
        self._tracks[track.client_order_id] = track
        if track.venue_order_id is not None:
            self._by_venue_id[track.symbol, track.venue_order_id] = track

    def get(self, client_order_id: str) -> Track | None:
        """Return what is known of an order of ours."""
        return self._tracks.get(client_order_id)

    def by_venue_id(self, symbol: str, venue_order_id: str) -> Track | None:
        """Return the order of ours that the venue calls so."""
        return self._by_venue_id.get((symbol, venue_order_id))

    def living(self, symbol: str | None = None) -> list[Track]:
        """Return orders that may still fill, of one symbol or all."""
        return [track for track in self._tracks.values() if not track.ended and symbol in (None, track.symbol)]

    def take_order(self, seen: VenueOrder) -> Track | None:
        """Take an answer about an order; return whose it is, None for a stranger's."""
        track = self._tracks.get(seen.client_order_id or "") or self._by_venue_id.get((seen.symbol, seen.venue_order_id))
        if track is None:
            self._stranger(seen)
            return None
        if track.venue_order_id is None:
            self._name(track, seen.venue_order_id)
        elif track.venue_order_id != seen.venue_order_id:
            words = f"{track.client_order_id} is {track.venue_order_id} and {seen.venue_order_id} at the venue"
            self._told.trouble("TWO_ORDERS", words, track=track)
            return track
        given_up = track.ended and track.told < track.quantity and (track.truth is None or track.truth.status is VenueStatus.OPEN)
        if seen.quantity != track.quantity or (given_up and seen.status is VenueStatus.OPEN):
            words = f"{track.client_order_id}: {seen.status} {seen.quantity}, here it is {track.quantity}, ended {track.ended}"
            self._told.trouble("ORDER_CONTRADICTED", words, track=track)
            return track
        if _older(seen, track.truth):
            self.counts["older"] += 1
        else:
            track.truth = seen
        if not track.accepted and seen.status is not VenueStatus.REJECTED:
            self._accept(track, venue_ns=seen.updated_ns)
        for fill in self._orphans.pop((seen.symbol, seen.venue_order_id), ()):
            self._fill(track, fill)
        self._conclude(track)
        if track.gap:
            self._told.gap(track)
        return track

    def take_fill(self, fill: VenueFill, *, of: Track | None = None) -> bool:
        """Take an execution; return whether it is new and told. `of`: whose it is, where the fill does not say."""
        if self.has_fill(fill.symbol, fill.trade_id):
            self.counts["fills_again"] += 1
            return False
        track = of or self._tracks.get(fill.client_order_id or "")
        if track is None and fill.venue_order_id is not None:
            track = self._by_venue_id.get((fill.symbol, fill.venue_order_id))
        if track is None:
            self._keep_orphan(fill)
            return False
        if track.venue_order_id is None and fill.venue_order_id is not None:
            self._name(track, fill.venue_order_id)
        if track.venue_order_id is None:  # an order that was never named cannot be told as filled
            self._keep_orphan(fill)
            return False
        self._fill(track, fill)
        self._conclude(track)
        return True

    def end(self, track: Track, status: VenueStatus, *, venue_ns: int | None) -> None:
        """Say that an order does not work any more, by what was decided elsewhere (an absence, a refusal)."""
        if not track.ended:
            self._end(track, status, venue_ns=venue_ns)

    def close(self, track: Track) -> None:
        """An order was refused or rejected by whoever calls: nothing is told of it any more but late fills."""
        if not track.ended:
            track.unknown = False
            self._forget_later(track)

    def has_fill(self, symbol: str, trade_id: str) -> bool:
        """Whether a trade of a ccxt symbol was told, now or before a restart."""
        return (self._symbol_of.get(symbol, symbol), trade_id) in self._fills

    def _name(self, track: Track, venue_order_id: str) -> None:
        track.venue_order_id = venue_order_id
        self._by_venue_id[track.symbol, venue_order_id] = track
        self.strangers.pop(venue_order_id, None)

    def _accept(self, track: Track, *, venue_ns: int | None) -> None:
        track.accepted, track.unknown = True, False
        self._told.accepted(track, venue_ns=venue_ns)

    def _fill(self, track: Track, fill: VenueFill) -> None:
        key = (self._symbol_of.get(fill.symbol, fill.symbol), fill.trade_id)
        if key in self._fills:
            return
        self._fills.add(key)
        if not track.accepted:
            self._accept(track, venue_ns=fill.venue_ns)
        track.told += fill.quantity
        self._told.filled(track, fill)
        if track.told >= track.quantity and not track.ended:
            self._forget_later(track)
        if track.told > track.quantity:
            words = f"{track.client_order_id}: {track.told} filled of {track.quantity}"
            self._told.trouble("OVERFILLED", words, track=track)

    def _conclude(self, track: Track) -> None:
        truth = track.truth
        if truth is None or track.ended or truth.status is VenueStatus.OPEN or track.gap:
            return
        self._end(track, truth.status, venue_ns=truth.updated_ns)

    def _end(self, track: Track, status: VenueStatus, *, venue_ns: int | None) -> None:
        track.unknown = False
        self._forget_later(track)
        if track.told < track.quantity:
            self._told.ended(track, status=status, venue_ns=venue_ns)

    def _forget_later(self, track: Track) -> None:
        track.ended = True
        self._ended.append(track.client_order_id)
        if len(self._ended) > ENDED_MAX:
            old = self._tracks.pop(self._ended.pop(0), None)
            if old is not None and old.venue_order_id is not None:
                self._by_venue_id.pop((old.symbol, old.venue_order_id), None)

    def _stranger(self, seen: VenueOrder) -> None:
        if seen.status is VenueStatus.OPEN:
            self.strangers[seen.venue_order_id] = seen
        else:
            self.strangers.pop(seen.venue_order_id, None)

    def _keep_orphan(self, fill: VenueFill) -> None:
        waiting = self._orphans.setdefault((fill.symbol, fill.venue_order_id or ""), [])
        if all(fill.trade_id != other.trade_id for other in waiting):
            waiting.append(fill)
        if sum(len(fills) for fills in self._orphans.values()) > ORPHANS_MAX:
            self._orphans.pop(next(iter(self._orphans)))
            self.counts["orphans_dropped"] += 1


def _older(seen: VenueOrder, known: VenueOrder | None) -> bool:
    """Whether an answer says less than one before: REST answers, and streams after a break, come late."""
    if known is None:
        return False
    if seen.filled != known.filled:
        return seen.filled < known.filled
    return seen.status is VenueStatus.OPEN and known.status is not VenueStatus.OPEN
