"""The router: which adapter serves a venue, and which venue a symbol trades at. It holds adapters and decides nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orders.errors import ConfigError, InputError
from orders.values import Listing
from venues.base import BaseExecutionAdapter


class Router:
    """One adapter a venue, by the venue's name as in the symbol map. Raises `ConfigError` VENUE_TWICE."""

    def __init__(self, adapters: Iterable[BaseExecutionAdapter]) -> None:
        self._adapters: dict[str, BaseExecutionAdapter] = {}
        for adapter in adapters:
            if adapter.venue in self._adapters:
                raise ConfigError(
                    "VENUE_TWICE",
                    expected="one adapter for each venue",
                    found=f"two for {adapter.venue}",
                    action="Name each venue once.",
                )
            self._adapters[adapter.venue] = adapter

    @property
    def venues(self) -> tuple[str, ...]:
        """The names that are served, sorted."""
        return tuple(sorted(self._adapters))

    def adapter(self, venue: str) -> BaseExecutionAdapter:
        """Return the venue's adapter. Raises `ConfigError` VENUE_UNKNOWN; there is no default venue."""
        found = self._adapters.get(venue)
        if found is None:
            raise ConfigError(
                "VENUE_UNKNOWN",
                expected=f"one of {', '.join(self.venues) or 'no venues at all'}",
                found=repr(venue),
                action="Add the venue to the run config, or correct its name in the symbol map.",
            )
        return found

    def route(self, symbol: str, listings: Mapping[str, Listing]) -> BaseExecutionAdapter:
        """Return the adapter of the venue where a platform symbol trades.

        Raises `InputError` NOT_LISTED for a symbol outside the map, `ConfigError` VENUE_UNKNOWN when its venue has no adapter.
        """
        listing = listings.get(symbol)
        if listing is None:
            raise InputError("NOT_LISTED", expected="a symbol of the symbol map", found=repr(symbol), action="Add it to the map.")
        return self.adapter(listing.venue)
