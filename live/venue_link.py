"""A venue of a live run before it begins: its client with the account's key, and what the arming must know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from engine.config_live import LiveSection, LiveVenueSection
from engine.inputs import Inputs
from live.arming import VenueFacts
from live.arming_file import Arming, read_arming
from orders.errors import ConfigError, InputError, SluiceError, VenueUnavailable
from venues.ccxt.account_checks import require_harmless_key
from venues.ccxt.egress import VenueClient
from venues.ccxt.endpoint import Endpoint, parse_endpoint
from venues.ccxt.limits_check import limits_changed
from venues.ccxt.private_api import NoAnswer, PrivateApi
from venues.ccxt.reach import reach
from venues.ccxt.trading_profiles import TradingProfile, require_trading
from venues.secrets import Redactor, VenueSecret, load_secret


@dataclass(frozen=True, kw_only=True, slots=True)
class VenueLink:
    """One venue. `client` None: it was not connected to, and `facts` says why. The execution client closes `client`."""

    facts: VenueFacts
    profile: TradingProfile | None = None
    client: VenueClient | None = None


async def look_at(
    venue: str, live: LiveSection, *, inputs: Inputs, environ: Mapping[str, str], keys: Path, redactor: Redactor
) -> VenueLink:
    """Connect to a venue with the account's key and ask what the arming must know; nothing is changed there.

    `keys`: the directory of key files; a loaded secret is added to `redactor` before it is used. A fact that could not be had
    stands in `facts` as that. Raises `VenueUnavailable` when the venue cannot be reached at all.
    """
    section = live.venues[venue]
    arming, arming_problem = _arming(section, live)
    facts = VenueFacts(
        venue=venue,
        loopback=section.endpoint is not None,
        unproven="",
        credentials="",
        can_withdraw=None,
        arming=arming,
        arming_problem=arming_problem,
        account_id=None,
        account_expected=section.account_id,
        day_notional_max=section.day_notional_max,
        clock_offset_ms=None,
        limits_changed=(),
    )
    try:
        if section.adapter != "ccxt":
            return VenueLink(facts=replace(facts, unproven=f"adapter {section.adapter} cannot be started yet"))
        profile = require_trading(section.exchange or "")
    except ConfigError as error:
        return VenueLink(facts=replace(facts, unproven=_words(error)))
    try:
        secret = load_secret(section.credentials, directory=keys, environ=environ)
    except ConfigError as error:
        return VenueLink(facts=replace(facts, credentials=_words(error)), profile=profile)
    redactor.add(secret)
    client = _client(section, profile, secret, timeout_ms=live.order_timeout_s * 1_000)
    try:
        facts = await _asked(facts, client, profile, redactor)
        facts = replace(facts, limits_changed=await _limits_changed(venue, section, inputs))
    except BaseException:
        await client.close()
        raise
    return VenueLink(facts=facts, profile=profile, client=client)


async def _asked(facts: VenueFacts, client: VenueClient, profile: TradingProfile, redactor: Redactor) -> VenueFacts:
    _, offset_ms = await reach(client.exchange)
    api = PrivateApi(client, profile=profile, quotes={}, redact=redactor, quarantine=lambda what, reason: None)
    found: dict[str, Any] = {"clock_offset_ms": offset_ms}
    try:
        told = await require_harmless_key(api)
        found["can_withdraw"] = None if told is None else False
    except ConfigError:
        found["can_withdraw"] = True
    except VenueUnavailable as error:
        found["credentials"] = redactor(_words(error))
    assert profile.account_check is not None, "a profile that may trade says where the account's id stands"
    method, field = profile.account_check
    answer = await api.raw(method)
    if isinstance(answer, NoAnswer):
        found["credentials"] = f"the venue does not answer this key: {answer.why}"
    elif isinstance(answer.get(field), int | str) and not isinstance(answer.get(field), bool):
        found["account_id"] = str(answer[field])
    return replace(facts, **found)


async def _limits_changed(venue: str, section: LiveVenueSection, inputs: Inputs) -> tuple[str, ...]:
    ours = {symbol: limit for symbol, limit in inputs.market_limits.items() if limit.venue == venue}
    return await limits_changed(section.exchange or "", listings=inputs.listings, market_limits=ours, endpoint=_endpoint(section))


def _endpoint(section: LiveVenueSection) -> Endpoint | None:
    return None if section.endpoint is None else parse_endpoint(section.endpoint)


def _client(section: LiveVenueSection, profile: TradingProfile, secret: VenueSecret, *, timeout_ms: int) -> VenueClient:
    return VenueClient(
        profile.exchange,
        options=profile.options,
        endpoint=_endpoint(section),
        hosts=profile.hosts,
        secret=secret,
        timeout_ms=timeout_ms,
    )


def _arming(section: LiveVenueSection, live: LiveSection) -> tuple[Arming | None, str]:
    try:
        return read_arming(section.arming, trusted=live.persons), ""
    except InputError as error:
        return None, _words(error)


def _words(error: SluiceError) -> str:
    return f"{error.code}: found {error.found}"
