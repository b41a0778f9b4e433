"""The table [live] of a run config: what a live run needs beyond what the shadow of the same file has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal

from engine.config_values import FilePath, Name, Positive, Section, matching, member, one_of, whole
from orders.errors import ConfigError
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.profiles import PROFILES, profile_of
from venues.ccxt.trading_profiles import TRADING_PROFILES
from venues.ibkr.gateway import REHEARSAL_ACCOUNT

if TYPE_CHECKING:
    from engine.config_sections import DataSection, VenueSection

PUBLIC_KEY: Final = re.compile(r"ed25519:[A-Za-z0-9+/]{43}=")

type Found = Iterator[tuple[tuple[str, ...], str]]


class ExternalOrders(StrEnum):
    """What is done about an open order at the venue that the journal does not know."""

    HALT = "halt"
    CANCEL = "cancel"


class LiveVenueSection(Section):
    """One venue of a live run. `credentials`: the name under which the key is found, never the key; `account_id`: the venue's
    own, which must equal the armed one; `day_notional_max`: base currency a UTC day, the cap of the armed amount; `arming`: the
    signed file; `endpoint`: a loopback address instead of the venue.
    """

    adapter: Annotated[Literal["ccxt", "ibkr"], one_of("ccxt", "ibkr")]
    exchange: Annotated[str | None, matching(re.compile(r"[a-z0-9_]{1,32}"), "a ccxt exchange id such as binance")] = None
    endpoint: Annotated[
        str | None, matching(re.compile(r"http://[^/\s]{1,80}/?"), "an address such as http://127.0.0.1:18081")
    ] = None
    credentials: Name
    account_id: Name
    day_notional_max: Positive
    arming: FilePath


class LiveSection(Section):
    """Times in real seconds. `order_timeout_s`: silence after which an order is UNKNOWN; `absent_s`: the least span of successful
    look-ups that prove that an order never was; `undecided_halt_s`: after which an UNKNOWN halts; `reconcile_s`: between
    comparisons of book and venue; `dead_man_s`: after which a watchdog cancels for an engine that is gone. `persons`: who may
    sign an arming, with their public keys.
    """

    order_timeout_s: Annotated[int, whole(at_least=1, at_most=300)]
    absent_s: Annotated[int, whole(at_least=1, at_most=3_600)]
    undecided_halt_s: Annotated[int, whole(at_least=1, at_most=86_400)]
    reconcile_s: Annotated[int, whole(at_least=1, at_most=86_400)]
    dead_man_s: Annotated[int, whole(at_least=2, at_most=3_600)]
    clock_offset_max_ms: Annotated[int, whole(at_least=1, at_most=1_000)]
    external_orders: Annotated[ExternalOrders, member(ExternalOrders)]
    persons: dict[Name, Annotated[str, matching(PUBLIC_KEY, "a public key such as ed25519:…, as `sluice keys new` prints it")]]
    venues: dict[Name, LiveVenueSection]


def live_problems(live: LiveSection | None, venues: dict[str, VenueSection], data: DataSection) -> Found:
    """Yield what does not fit between [live] and the rest of the file; a file without [live] cannot be run live."""
    if live is None:
        return
    for venue in venues:
        if venue not in live.venues:
            yield ("live", "venues"), f"has no entry for venue {venue}"
    for venue in live.venues:
        if venue not in venues:
            yield ("live", "venues", venue), f"is no venue of this config ({', '.join(venues)})"
    if not live.persons:
        yield ("live", "persons"), "at least one person was expected who may sign an arming"
    if live.undecided_halt_s <= live.absent_s:
        yield ("live", "undecided_halt_s"), f"must be more than absent_s {live.absent_s}, was {live.undecided_halt_s}"
    if data.kind != "ccxt":
        yield ("live",), f"needs live prices, [data] kind ccxt; kind was {data.kind}"
    for section in live.venues.values():
        profile = TRADING_PROFILES.get(section.exchange or "")
        least_s = 0 if profile is None else profile.recv_window_ms // 1_000 + live.order_timeout_s
        if live.absent_s <= least_s:
            yield (
                ("live", "absent_s"),
                f"must be more than {least_s}, the time in which {section.exchange} may still take an order, was {live.absent_s}",
            )
    for venue, section in live.venues.items():
        yield from ((("live", "venues", venue, *key), message) for key, message in _venue(venue, section, data))


def _venue(venue: str, section: LiveVenueSection, data: DataSection) -> Iterator[tuple[tuple[str, ...], str]]:
    if section.adapter == "ccxt" and section.exchange is None:
        yield ("exchange",), "is missing; adapter ccxt needs it"
    if section.adapter != "ccxt" and section.exchange is not None:
        yield ("exchange",), "belongs to adapter ccxt; remove it"
    if section.adapter == "ibkr" and section.endpoint is not None and not section.account_id.startswith(REHEARSAL_ACCOUNT):
        yield (
            ("endpoint",),
            f"makes no rehearsal of account {section.account_id}: a real TWS listens on loopback too, and only a fake one has an"
            f" account that begins with {REHEARSAL_ACCOUNT}",
        )
    try:
        if section.exchange is not None and profile_of(section.exchange).venue != venue:
            yield ("exchange",), f"serves {PROFILES[section.exchange].venue}, not {venue}"
        if section.endpoint is not None:
            parse_endpoint(section.endpoint)
    except ConfigError as error:
        yield ("endpoint" if section.exchange in PROFILES else "exchange",), str(error)
    if data.kind == "ccxt" and (data.endpoint is None) is not (section.endpoint is None):
        yield (
            ("endpoint",),
            "prices and orders must come from the same place: give [data] and this venue an endpoint, or neither",
        )
