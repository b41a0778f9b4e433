"""Whether markets are open: the compiled calendars of a run's venues, asked on the engine's clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from engine.market_time import IDENTITY, MarketTime
from engine.run_config import RunConfig
from lakehouse.hours_snapshot import read_hours
from orders.canonical import sha256_hex
from orders.market_hours import BUILT_IN, Calendar, Span, always, span_at
from orders.values import Listing, MarketHours, Record

NO_CALENDARS: Final[Mapping[str, Calendar | None]] = MappingProxyType({})


class Calendars(Record, frozen=True, kw_only=True):
    """What a config says of its venues: `by_venue` None for a built-in calendar. `sha256` of the files, None without any."""

    by_venue: Mapping[str, Calendar | None]
    sha256: str | None


def load_calendars(config: RunConfig) -> Calendars:
    """Read the hours of every venue that names an exchange's calendar. Raises `InputError` HOURS_INVALID."""
    found: dict[str, Calendar | None] = {}
    hashes: set[str] = set()
    for name, venue in sorted(config.venues.items()):
        found[name] = None
        if venue.calendar not in BUILT_IN:
            assert venue.hours is not None  # the config's check has seen to it
            snapshot = read_hours(venue.hours)
            found[name] = snapshot.calendars[venue.calendar]
            hashes.add(snapshot.sha256)
    sha256 = sha256_hex("\n".join(sorted(hashes)).encode()) if len(hashes) > 1 else next(iter(hashes), None)
    return Calendars(by_venue=found, sha256=sha256)


class Hours:
    """One per run. Instants given and returned are on the engine's clock; sessions are judged in market time.

    A venue with a built-in calendar is open; `judged` is False where all are, and then nothing says anything of hours.
    """

    def __init__(
        self, calendars: Mapping[str, Calendar | None], *, listings: Mapping[str, Listing], market_time: MarketTime = IDENTITY
    ) -> None:
        self.judged = any(calendar is not None for calendar in calendars.values())
        self._calendars = calendars
        self._listings = listings
        self._market_time = market_time
        self._spans: dict[str, Span] = {}
        self._said: Mapping[str, MarketHours] | None = None

    def of(self, now_ns: int) -> Mapping[str, MarketHours] | None:
        """Return hours by platform symbol, of every listing at a venue of the run; None: hours are not judged.

        The same mapping as long as nothing opens or closes.
        """
        if not self.judged:
            return None
        for venue in self._calendars:
            self._refresh(venue, now_ns)
        if self._said is None:
            states = {venue: span.hours for venue, span in self._spans.items()}
            self._said = {symbol: states[listing.venue] for symbol, listing in self._listings.items() if listing.venue in states}
        return self._said

    def at(self, venue: str, now_ns: int) -> MarketHours | None:
        """Return a venue's hours for an order that is about to leave; None: its hours are not judged."""
        if self._calendars.get(venue) is None:
            return None
        self._refresh(venue, now_ns)
        return self._spans[venue].hours

    def closed(self, symbols: Iterable[str], *, now_ns: int) -> frozenset[str]:
        """Return those of the symbols whose market is closed now."""
        hours = self.of(now_ns)
        if hours is None:
            return frozenset()
        return frozenset(symbol for symbol in symbols if symbol in hours and hours[symbol].state == "closed")

    def opens_ns(self, symbol: str, *, now_ns: int) -> int | None:
        """Return when a closed symbol's market opens next; None: it is open, or that is not known."""
        listing = self._listings.get(symbol)
        if listing is None or listing.venue not in self._calendars:
            return None
        self._refresh(listing.venue, now_ns)
        return self._spans[listing.venue].opens_ns

    def _refresh(self, venue: str, now_ns: int) -> None:
        """Bring a venue's span up to date. Spans are kept on the engine's clock."""
        known = self._spans.get(venue)
        if known is not None and known.from_ns <= now_ns < known.until_ns:
            return
        self._said = None
        calendar = self._calendars[venue]
        if calendar is None:
            self._spans[venue] = always(f"hours of {venue} are not judged")
            return
        real_of = self._market_time.real_of
        span = span_at(calendar, now_ns=self._market_time.at(now_ns))
        closed_ns = span.hours.closed_ns
        self._spans[venue] = Span(
            from_ns=real_of(span.from_ns),
            until_ns=real_of(span.until_ns),
            hours=span.hours if closed_ns is None else msgspec.structs.replace(span.hours, closed_ns=real_of(closed_ns)),
            opens_ns=None if span.opens_ns is None else real_of(span.opens_ns),
        )
