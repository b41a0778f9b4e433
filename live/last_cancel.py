"""Cancel all that works of a live run at all its venues, from its note and the keys: for `sluice halt` and for the watchdog."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from lakehouse.live_note import LiveNote, NotedVenue
from orders.errors import SluiceError, VenueUnavailable
from orders.values import Record
from venues.secrets import Redactor, load_secret
from venues.swept import Swept

REACH_AGAIN_S: Final = 1.0


class Cancelled(Record, frozen=True, kw_only=True):
    """What was reached at all venues. `confirmed`: each of them says that no order of ours works; `detail`: one line each."""

    confirmed: bool
    detail: tuple[str, ...]


class _Venue(Protocol):
    """One venue that can be swept, ready since it was made."""

    async def sweep(self, *, give_up_s: float) -> Swept:
        """Cancel and look for so long at most; what cannot be reached is not confirmed."""
        ...


class LastCancel:
    """Made when all is well, so that keys that cannot be read are known then. Raises `ConfigError` where one cannot."""

    def __init__(self, note: LiveNote, *, environ: Mapping[str, str] = os.environ) -> None:
        self._redactor = Redactor()
        self._venues: list[tuple[str, _Venue]] = []
        for noted in note.venues:
            made = _Tws(noted) if noted.adapter == "ibkr" else _Ccxt(noted, self._redactor, keys=Path(note.keys), environ=environ)
            self._venues.append((noted.venue, made))

    def now(self, *, give_up_s: float) -> Cancelled:
        """As `all`, from a process without a loop; what breaks is not confirmed."""
        try:
            return asyncio.run(self.all(give_up_s=give_up_s))
        except Exception as error:  # the last one who can act must go on to the next try, whatever broke
            return Cancelled(confirmed=False, detail=(f"NOT confirmed: {self._redactor(f'{type(error).__name__}: {error}')}",))

    async def all(self, *, give_up_s: float) -> Cancelled:
        """Sweep every venue at once; `give_up_s` bounds each. Never raises for a venue's sake."""
        found = await asyncio.gather(*(venue.sweep(give_up_s=give_up_s) for _, venue in self._venues))
        return Cancelled(
            confirmed=all(swept.confirmed for swept in found),
            detail=tuple(f"{name}: {swept.told}" for (name, _), swept in zip(self._venues, found, strict=True)),
        )


class _Ccxt:
    """A venue through CCXT, with its key."""

    def __init__(self, noted: NotedVenue, redactor: Redactor, *, keys: Path, environ: Mapping[str, str]) -> None:
        from venues.ccxt.trading_profiles import require_trading

        self._noted = noted
        self._redactor = redactor
        self._secret = load_secret(noted.credentials or "", directory=keys, environ=environ)
        redactor.add(self._secret)
        self._profile = require_trading(noted.exchange or "")

    async def sweep(self, *, give_up_s: float) -> Swept:
        """See `_Venue`."""
        from venues.ccxt.egress import VenueClient
        from venues.ccxt.endpoint import parse_endpoint
        from venues.ccxt.private_api import PrivateApi
        from venues.ccxt.reach import reach
        from venues.ccxt.sweep import settle_s_of, sweep

        noted, profile = self._noted, self._profile
        clock = asyncio.get_running_loop().time
        end = clock() + give_up_s
        client = VenueClient(
            profile.exchange,
            options=profile.options,
            endpoint=None if noted.endpoint is None else parse_endpoint(noted.endpoint),
            hosts=profile.hosts,
            streaming=False,
            secret=self._secret,
            timeout_ms=noted.timeout_ms,
        )
        try:
            while True:
                try:
                    await reach(client.exchange)
                    break
                except VenueUnavailable as error:
                    if clock() >= end:
                        return Swept(asked=(), strangers=0, confirmed=False, words=self._redactor(str(error)))
                    await asyncio.sleep(REACH_AGAIN_S)
            api = PrivateApi(client, profile=profile, quotes={}, redact=self._redactor, quarantine=lambda what, reason: None)
            settle_s = settle_s_of(profile)
            return await sweep(api, settle_s=settle_s, give_up_s=max(end - clock(), 2 * settle_s))
        finally:
            await client.close()


class _Tws:
    """The TWS on this machine, which asks for no key."""

    def __init__(self, noted: NotedVenue) -> None:
        from venues.ibkr.gateway import HOST, gateway

        self._gateway = gateway(
            host=HOST, port=noted.tws_port or 0, client_id=noted.client_id or 0, account=noted.account_id or ""
        )

    async def sweep(self, *, give_up_s: float) -> Swept:
        """See `_Venue`."""
        from venues.ibkr.sweep import sweep

        return await sweep(self._gateway, give_up_s=give_up_s)


def cancel_all(note: LiveNote, *, give_up_s: float) -> Cancelled:
    """Sweep from a process without a loop. Never raises: what cannot be begun is not confirmed."""
    try:
        return LastCancel(note).now(give_up_s=give_up_s)
    except SluiceError as error:
        return Cancelled(confirmed=False, detail=(f"NOT confirmed: {error}",))
