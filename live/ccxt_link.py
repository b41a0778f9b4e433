"""A venue through CCXT: its client with the account's key, what the arming must know, and the account while a run trades."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from msgspec.structs import replace

from engine.ccxt_source import open_ccxt_source
from engine.config_live import LiveSection, LiveVenueSection
from engine.inputs import Inputs
from engine.node import MakeClient
from engine.price_source import PriceSource
from engine.run_config import RunConfig
from lakehouse.rebuild import LogFold
from live.arming import VenueFacts
from live.venue_link import LiveAccount, Surroundings, facts_before, holdings_unread, words_of
from orders.errors import ConfigError, VenueUnavailable
from orders.values import Listing
from venues.answers import ToldTransfers, VenueOrder
from venues.ccxt.account_checks import require_harmless_key
from venues.ccxt.egress import VenueClient
from venues.ccxt.endpoint import Endpoint, parse_endpoint
from venues.ccxt.execution_client import CcxtExecutionClient
from venues.ccxt.limits_check import limits_changed
from venues.ccxt.private_api import NoAnswer, PrivateApi
from venues.ccxt.reach import reach
from venues.ccxt.sweep import settle_s_of, sweep
from venues.ccxt.timing import CcxtTiming
from venues.ccxt.trading_profiles import TradingProfile, require_trading
from venues.ccxt.transfers import transfers_of
from venues.secrets import Redactor, VenueSecret, load_secret
from venues.swept import Swept

NOTHING: Final[Mapping[str, Listing]] = MappingProxyType({})
POLL_S: Final = 0.05  # balances come by a stream


class ReconcilingClient(CcxtExecutionClient):
    """Is connected, and lets strategies start, only when `before_trading()` has returned."""

    def __init__(self, *, before_trading: Callable[[], Awaitable[None]], **parts: Any) -> None:
        super().__init__(**parts)
        self._before_trading = before_trading

    async def _connect(self) -> None:
        await super()._connect()
        await self._before_trading()


class CcxtAccount:
    """See `LiveAccount`."""

    def __init__(self, client: CcxtExecutionClient, profile: TradingProfile) -> None:
        self.tracks = client.tracks
        self._client = client
        self._profile = profile

    async def catch_up(self) -> bool:
        """See `LiveAccount`."""
        return await self._client.streams.backfill(whole=True) is not None

    async def read(self) -> bool:
        """See `LiveAccount`."""
        await asyncio.sleep(POLL_S)
        return True

    def holdings(self) -> Mapping[str, Decimal]:
        """See `LiveAccount`: the amounts that were told last."""
        return {code: held.free + held.locked for code, held in self._client.balances.holdings.items()}

    async def objections(self) -> tuple[str, ...]:
        """See `LiveAccount`: none. The account's key may cancel whatever is its own."""
        return ()

    async def conclude(self) -> None:
        """See `LiveAccount`: nothing. The venue is asked for each order by our id, and forgets none."""

    async def transfers(self, since_ns: int) -> ToldTransfers:
        """See `LiveAccount`."""
        return await transfers_of(self._client.api, since_ns=since_ns, now_ms=self._client.venue_clock.now_ms())

    async def mid(self, symbol: str) -> Decimal | str:
        """See `LiveAccount`."""
        found = await self._client.api.mid(self._client.venue_symbol(symbol))
        return found.why if isinstance(found, NoAnswer) else found

    async def cancel_stranger(self, venue_order_id: str, symbol: str) -> str:
        """See `LiveAccount`."""
        return await self._client.api.cancel_by_venue_id(venue_order_id, symbol)

    async def cancel_all(self, give_up_s: float) -> Swept:
        """See `LiveAccount`."""
        for track in self.tracks.living():
            self._client.cancels.track(track)
        settle_s = settle_s_of(self._profile)
        return await sweep(self._client.api, settle_s=settle_s, give_up_s=give_up_s, cancel=self._cancel)

    async def _cancel(self, order: VenueOrder) -> str:
        track = self.tracks.get(order.client_order_id or "")
        if track is None or track.ended:
            return await self._client.api.cancel_by_venue_id(order.venue_order_id, order.symbol)
        self._client.cancels.track(track)
        return ""


class CcxtLink:
    """See `VenueLink`. `client` None: it was not connected to, and `facts` says why. The execution client closes `client`."""

    def __init__(
        self,
        facts: VenueFacts,
        *,
        live: LiveSection,
        redactor: Redactor,
        listings: Mapping[str, Listing] = NOTHING,
        profile: TradingProfile | None = None,
        client: VenueClient | None = None,
    ) -> None:
        self.facts = facts
        self._listings = listings
        self._live = live
        self._redactor = redactor
        self._profile = profile
        self._client = client
        self._account: CcxtAccount | None = None

    @property
    def account(self) -> LiveAccount:
        """See `VenueLink`."""
        assert self._account is not None, "the node's client is made first"
        return self._account

    async def open_source(
        self, *, config: RunConfig, inputs: Inputs, for_s: int | None, say: Callable[[str], None]
    ) -> PriceSource:
        """See `VenueLink`."""
        return await open_ccxt_source(config=config, listings=inputs.listings, symbols=inputs.market_limits, for_s=for_s, say=say)

    def execution(self, around: Surroundings) -> MakeClient:
        """See `VenueLink`."""
        venue_client, profile = self._client, self._profile
        assert venue_client is not None
        assert profile is not None
        parts, assembly = around.parts, around.made.assembly

        def make(loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> Any:
            client = ReconcilingClient(
                before_trading=around.before_trading,
                loop=loop,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                client=venue_client,
                profile=profile,
                account=f"{self.facts.venue}-001",
                listings=parts.listings,
                market_limits=parts.market_limits,
                lock=assembly.gate,
                tap=assembly.recorder,
                halt=assembly.halt,
                alarm=around.alarm,
                redact=self._redactor,
                jitter=around.jitter,
                timing=self._timing(),
                known_fills=parts.fold.fill_keys,
                since_ns=unseen_from_ns(parts.fold),
            )
            self._account = CcxtAccount(client, profile)
            return client

        return make

    async def holdings(self) -> Mapping[str, Decimal]:
        """See `VenueLink`: free and locked."""
        answer = await self._api().balances()
        if isinstance(answer, NoAnswer):
            raise holdings_unread(self.facts.venue, answer.why)
        return {one.currency: one.free + one.locked for one in answer}

    async def unquoted(self, symbols: Collection[str]) -> tuple[str, ...]:
        """See `VenueLink`."""
        api, found = self._api(), []
        for symbol in sorted(symbols):
            if isinstance(await api.mid(str(self._listings[symbol].ccxt_symbol)), NoAnswer):
                found.append(symbol)
        return tuple(found)

    def _api(self) -> PrivateApi:
        """Return what asks the account. Raises `VenueUnavailable` where it was not connected to."""
        if self._client is None or self._profile is None:
            raise holdings_unread(self.facts.venue, self.facts.credentials or self.facts.unproven)
        return PrivateApi(
            self._client, profile=self._profile, quotes={}, redact=self._redactor, quarantine=lambda what, reason: None
        )

    async def close(self) -> None:
        """See `VenueLink`."""
        if self._client is not None:
            await self._client.close()

    def _timing(self) -> CcxtTiming:
        live = self._live
        return CcxtTiming(
            order_timeout_ms=live.order_timeout_s * 1_000,
            absent_s=float(live.absent_s),
            alarm_s=float(live.undecided_halt_s),
            skew_max_ms=live.clock_offset_max_ms,
        )


async def look_at_ccxt(
    venue: str, live: LiveSection, *, inputs: Inputs, environ: Mapping[str, str], keys: Path, redactor: Redactor
) -> CcxtLink:
    """See `live.venue_link.look_at`."""
    section, facts = live.venues[venue], facts_before(venue, live)
    try:
        profile = require_trading(section.exchange or "")
    except ConfigError as error:
        return CcxtLink(replace(facts, unproven=words_of(error)), live=live, redactor=redactor)
    try:
        secret = load_secret(section.credentials or "", directory=keys, environ=environ)
    except ConfigError as error:
        return CcxtLink(replace(facts, credentials=words_of(error)), live=live, redactor=redactor, profile=profile)
    redactor.add(secret)
    client = _client(section, profile, secret, timeout_ms=live.order_timeout_s * 1_000)
    try:
        facts = await _asked(facts, client, profile, redactor)
        facts = replace(facts, limits_changed=await _limits_changed(venue, section, inputs))
    except BaseException:
        await client.close()
        raise
    return CcxtLink(facts, live=live, redactor=redactor, listings=inputs.listings, profile=profile, client=client)


def unseen_from_ns(fold: LogFold) -> int | None:
    """Return from when on the venue may have traded without our log knowing: the oldest open order, else the last line."""
    sent = [trace.send.ts_ns for trace in fold.open_orders.values() if trace.send is not None]
    return min([*sent, fold.last_ts_ns]) if fold.last_ts_ns is not None else None


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
        found["credentials"] = redactor(words_of(error))
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
