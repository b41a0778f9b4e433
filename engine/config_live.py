"""The table [live] of a run config: what a live run needs beyond what the shadow of the same file has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal

from engine.config_values import FilePath, Name, Positive, Section, matching, member, one_of, whole
from orders.errors import ConfigError
from orders.values import AccountKind, Grade
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.profiles import PROFILES, profile_of
from venues.ccxt.trading_profiles import TRADING_PROFILES
from venues.ibkr.adapter import VENUE as IBKR
from venues.ibkr.gateway import CLIENT_ID_MAX, HOST, REHEARSAL_ACCOUNT, gateway
from venues.symbols import load_symbols

if TYPE_CHECKING:
    from engine.config_sections import (
        CapitalSection,
        DataSection,
        LakehouseSection,
        SentinelSection,
        SymbolsSection,
        VenueSection,
    )

NEEDED: Final = {"ccxt": ("exchange", "credentials"), "ibkr": ("tws_port", "client_id")}  # by adapter, and of no other
PUBLIC_KEY: Final = re.compile(r"ed25519:[A-Za-z0-9+/]{43}=")

PublicKey = Annotated[str, matching(PUBLIC_KEY, "a public key such as ed25519:…, as `sluice keys new` prints it")]

type Found = Iterator[tuple[tuple[str, ...], str]]


class ExternalOrders(StrEnum):
    """What is done about an open order at the venue that the journal does not know."""

    HALT = "halt"
    CANCEL = "cancel"


class LiveVenueSection(Section):
    """One venue of a live run. `account_id`: the venue's own, which must equal the armed one; `day_notional_max`: base currency a
    UTC day, the cap of the armed amount; `arming`: the signed file. Of ccxt: `credentials`, the name under which the key is
    found, never the key; `endpoint`, a loopback address instead of the venue. Of ibkr: where TWS listens on this machine, and
    whose orders these are there.
    """

    adapter: Annotated[Literal["ccxt", "ibkr"], one_of("ccxt", "ibkr")]
    exchange: Annotated[str | None, matching(re.compile(r"[a-z0-9_]{1,32}"), "a ccxt exchange id such as binance")] = None
    endpoint: Annotated[
        str | None, matching(re.compile(r"http://[^/\s]{1,80}/?"), "an address such as http://127.0.0.1:18081")
    ] = None
    credentials: Name | None = None
    tws_port: Annotated[int | None, whole(at_least=1, at_most=65_535)] = None
    client_id: Annotated[int | None, whole(at_least=1, at_most=CLIENT_ID_MAX)] = None
    account_id: Name
    day_notional_max: Positive
    arming: FilePath

    @property
    def rehearses(self) -> bool:
        """Whether the venue is a stand-in on this machine: an endpoint of ccxt, the account of a fake TWS.

        A real TWS listens on loopback too; only its account tells, and TWS must confirm it.
        """
        return self.account_id.startswith(REHEARSAL_ACCOUNT) if self.adapter == "ibkr" else self.endpoint is not None


class LiveSection(Section):
    """Times in real seconds. `order_timeout_s`: silence after which an order is UNKNOWN; `absent_s`: the least span of successful
    look-ups that prove that an order never was; `undecided_halt_s`: after which an UNKNOWN halts; `reconcile_s`: between
    comparisons of book and venue; `dead_man_s`: after which a watchdog cancels for an engine that is gone. `persons`: who may
    sign an arming and approve a manifest, with their public keys; `revoked_keys`: keys whose signatures count no more.
    """

    order_timeout_s: Annotated[int, whole(at_least=1, at_most=300)]
    absent_s: Annotated[int, whole(at_least=1, at_most=3_600)]
    undecided_halt_s: Annotated[int, whole(at_least=1, at_most=86_400)]
    reconcile_s: Annotated[int, whole(at_least=1, at_most=86_400)]
    dead_man_s: Annotated[int, whole(at_least=2, at_most=3_600)]
    clock_offset_max_ms: Annotated[int, whole(at_least=1, at_most=1_000)]
    external_orders: Annotated[ExternalOrders, member(ExternalOrders)]
    revoked_keys: list[PublicKey] = []  # noqa: RUF012 - pydantic copies it
    persons: dict[Name, PublicKey]
    venues: dict[Name, LiveVenueSection]


def live_problems(live: LiveSection | None, venues: dict[str, VenueSection], data: DataSection) -> Found:
    """Yield what does not fit between [live] and the rest of the file; a file without [live] cannot be run live."""
    if live is None:
        if data.kind == "ibkr":
            yield ("data", "kind"), "ibkr needs [live.venues.IBKR]: its prices come on the line of the orders"
        return
    for venue in venues:
        if venue not in live.venues:
            yield ("live", "venues"), f"has no entry for venue {venue}"
    for venue in live.venues:
        if venue not in venues:
            yield ("live", "venues", venue), f"is no venue of this config ({', '.join(venues)})"
    if not live.persons:
        yield ("live", "persons"), "at least one person was expected who may sign an arming"
    yield from same_key_problems("live", live.persons)
    if live.persons and set(live.persons.values()) <= set(live.revoked_keys):
        yield ("live", "revoked_keys"), "every person's key is revoked; nobody could sign an arming"
    if live.undecided_halt_s <= live.absent_s:
        yield ("live", "undecided_halt_s"), f"must be more than absent_s {live.absent_s}, was {live.undecided_halt_s}"
    if not data.live:
        yield ("live",), f"needs live prices, [data] kind ccxt or ibkr; kind was {data.kind}"
    for section in live.venues.values():
        if section.adapter != "ccxt":
            continue
        profile = TRADING_PROFILES.get(section.exchange or "")
        least_s = 0 if profile is None else profile.recv_window_ms // 1_000 + live.order_timeout_s
        if live.absent_s <= least_s:
            yield (
                ("live", "absent_s"),
                f"must be more than {least_s}, the time in which {section.exchange} may still take an order, was {live.absent_s}",
            )
    for venue, section in live.venues.items():
        of_adapter = _ibkr(venue, section, live, venues) if section.adapter == "ibkr" else _ccxt(venue, section, data)
        both = (*_keys(section), *_prices(section, data), *of_adapter)
        yield from ((("live", "venues", venue, *key), message) for key, message in both)


def same_key_problems(table: str, persons: dict[str, str]) -> Found:
    """Yield who of a table's persons has a key that another has too."""
    keys = list(persons.values())
    for name, key in persons.items():
        if keys.count(key) > 1:
            yield (table, "persons", name), "has the same key as another person; two names are two people"


def live_provenance(live: LiveSection | None, lakehouse: LakehouseSection, sentinel: SentinelSection) -> Found:
    """Yield where a file that can be run live takes less than a source run that is VERIFIED."""
    for table, least in (("lakehouse", lakehouse.provenance_min), ("sentinel", sentinel.provenance_min)):
        if live is not None and least is not Grade.VERIFIED:
            yield (table, "provenance_min"), f"must be VERIFIED in a file with [live], was {least}"


def _keys(section: LiveVenueSection) -> Found:
    """The keys of an adapter stand with it and with no other."""
    for adapter, names in NEEDED.items():
        for name in names:
            given = getattr(section, name) is not None
            if adapter == section.adapter and not given:
                yield (name,), f"is missing; adapter {adapter} needs it"
            if adapter != section.adapter and given:
                yield (name,), f"belongs to adapter {adapter}; remove it"
    if section.adapter != "ccxt" and section.endpoint is not None:
        yield (
            ("endpoint",),
            f"belongs to adapter ccxt; remove it. A rehearsal of IB is an account_id that begins with {REHEARSAL_ACCOUNT}",
        )


def _prices(section: LiveVenueSection, data: DataSection) -> Found:
    if data.live and data.kind != section.adapter:
        yield ("adapter",), f"must be the kind of [data], so that prices and orders come from one place: {data.kind}"


def _ibkr(venue: str, section: LiveVenueSection, live: LiveSection, venues: dict[str, VenueSection]) -> Found:
    """What Interactive Brokers can tell and do decides what may be asked of it."""
    if venue != IBKR:
        yield ("adapter",), f"ibkr serves {IBKR}, not {venue}"
    if section.tws_port is not None and section.client_id is not None:
        try:
            gateway(host=HOST, port=section.tws_port, client_id=section.client_id, account=section.account_id)
        except ConfigError as error:
            yield ("account_id",), str(error)
    if live.external_orders is ExternalOrders.CANCEL:
        yield ("adapter",), "ibkr needs external_orders halt: TWS lets a client cancel its own orders and nobody else's"
    if venue in venues and venues[venue].account is not AccountKind.CASH:
        yield (
            ("adapter",),
            f"ibkr needs [venues.{venue}] account cash: interest, borrow and margin of its account are not in our book",
        )


def ibkr_symbol_problems(
    live: LiveSection | None, symbols: SymbolsSection, sentinel: SentinelSection, capital: CapitalSection
) -> Found:
    """Shares of one currency alone: TWS tells cash as one sum in the account's base currency."""
    if live is None or not any(section.adapter == "ibkr" for section in live.venues.values()):
        return
    try:
        listings = load_symbols(symbols.map).by_symbol
    except ConfigError:
        return  # reported where the symbol map is
    for symbol in sentinel.allow.get(IBKR, []):
        listing = listings.get(symbol)
        if listing is None:
            continue  # reported there too
        if (listing.asset_class, listing.quote_currency) != ("equity", capital.base_currency):
            yield (
                ("sentinel", "allow", IBKR),
                f"{symbol} is {listing.asset_class} in {listing.quote_currency}; a live run at IB trades shares in"
                f" capital.base_currency {capital.base_currency}",
            )


def _ccxt(venue: str, section: LiveVenueSection, data: DataSection) -> Found:
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
