"""Cancel all that works of a live run at all its venues, from its note and the keys: for `sluice halt` and for the watchdog."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lakehouse.live_note import LiveNote, NotedVenue
from orders.errors import SluiceError, VenueUnavailable
from orders.values import Record
from venues.ccxt.egress import VenueClient
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.private_api import PrivateApi
from venues.ccxt.reach import reach
from venues.ccxt.sweep import Swept, settle_s_of, sweep
from venues.ccxt.trading_profiles import TradingProfile, require_trading
from venues.secrets import Redactor, VenueSecret, load_secret

REACH_AGAIN_S: Final = 1.0


class Cancelled(Record, frozen=True, kw_only=True):
    """What was reached at all venues. `confirmed`: each of them says that no order of ours works; `detail`: one line each."""

    confirmed: bool
    detail: tuple[str, ...]


class LastCancel:
    """Made when all is well, so that keys that cannot be read are known then. Raises `ConfigError` where one cannot."""

    def __init__(self, note: LiveNote, *, environ: Mapping[str, str] = os.environ) -> None:
        self._redactor = Redactor()
        self._venues: list[tuple[NotedVenue, TradingProfile, VenueSecret]] = []
        for venue in note.venues:
            secret = load_secret(venue.credentials, directory=Path(note.keys), environ=environ)
            self._redactor.add(secret)
            self._venues.append((venue, require_trading(venue.exchange), secret))

    def now(self, *, give_up_s: float) -> Cancelled:
        """As `all`, from a process without a loop; what breaks is not confirmed."""
        try:
            return asyncio.run(self.all(give_up_s=give_up_s))
        except Exception as error:  # the last one who can act must go on to the next try, whatever broke
            return Cancelled(confirmed=False, detail=(f"NOT confirmed: {self._redactor(f'{type(error).__name__}: {error}')}",))

    async def all(self, *, give_up_s: float) -> Cancelled:
        """Sweep every venue at once; `give_up_s` bounds each. Never raises for a venue's sake."""
        found = await asyncio.gather(*(self._one(*parts, give_up_s=give_up_s) for parts in self._venues))
        return Cancelled(confirmed=all(done for done, _ in found), detail=tuple(words for _, words in found))

    async def _one(
        self, venue: NotedVenue, profile: TradingProfile, secret: VenueSecret, *, give_up_s: float
    ) -> tuple[bool, str]:
        clock = asyncio.get_running_loop().time
        end = clock() + give_up_s
        client = VenueClient(
            profile.exchange,
            options=profile.options,
            endpoint=None if venue.endpoint is None else parse_endpoint(venue.endpoint),
            hosts=profile.hosts,
            streaming=False,
            secret=secret,
            timeout_ms=venue.timeout_ms,
        )
        try:
            while True:
                try:
                    await reach(client.exchange)
                    break
                except VenueUnavailable as error:
                    if clock() >= end:
                        return False, f"{venue.venue}: NOT confirmed: {self._redactor(str(error))}"
                    await asyncio.sleep(REACH_AGAIN_S)
            api = PrivateApi(client, profile=profile, quotes={}, redact=self._redactor, quarantine=lambda what, reason: None)
            settle_s = settle_s_of(profile)
            swept = await sweep(api, settle_s=settle_s, give_up_s=max(end - clock(), 2 * settle_s))
        finally:
            await client.close()
        return swept.confirmed, f"{venue.venue}: {words_of(swept)}"


def words_of(swept: Swept) -> str:
    """Return in words what a sweep saw."""
    strangers = f"; {swept.strangers} orders of others work there and were left" if swept.strangers else ""
    if swept.confirmed:
        return f"no order of ours works, {len(swept.asked)} cancelled; seen twice{strangers}"
    return f"NOT confirmed: {swept.words}; {len(swept.asked)} cancels sent{strangers}"


def cancel_all(note: LiveNote, *, give_up_s: float) -> Cancelled:
    """Sweep from a process without a loop. Never raises: what cannot be begun is not confirmed."""
    try:
        return LastCancel(note).now(give_up_s=give_up_s)
    except SluiceError as error:
        return Cancelled(confirmed=False, detail=(f"NOT confirmed: {error}",))
