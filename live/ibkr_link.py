"""Interactive Brokers through the TWS on this machine: what the arming must know, and the account while a run trades.

There is no key: whoever reaches TWS' socket acts for the account that a person has logged in to, and TWS has no call that moves
money out. So `credentials` and `can_withdraw` have nothing to say here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from engine.config_live import LiveSection
from engine.ibkr_source import IbkrSource
from engine.inputs import Inputs
from engine.node import MakeClient
from engine.price_source import PriceSource
from engine.run_config import RunConfig
from live.arming import VenueFacts
from live.venue_link import LiveAccount, Surroundings, facts_before
from orders.errors import ConfigError, VenueUnavailable
from orders.exact import EXACT
from venues.answers import ToldTransfers
from venues.ibkr.assembly import IbkrLine
from venues.ibkr.execution_client import IbkrExecutionClient
from venues.ibkr.gateway import HOST, IbkrGateway, IbkrTiming, gateway
from venues.ibkr.holdings import held_at_tws, unquoted_at_tws
from venues.ibkr.lookups import Look
from venues.ibkr.reach import first_look
from venues.ibkr.sweep import LOOK_S, SETTLE_S
from venues.limits_check import limits_differences
from venues.order_tracks import Track
from venues.swept import Swept

TWO: Final = Decimal(2)
QUOTE_S: Final = 10.0  # for the first quote of a line that has just been made
QUOTE_LOOK_S: Final = 0.05
AGAIN_S: Final = 1.0  # between two looks for an order that is nowhere
READ_S: Final = 0.5  # between two questions for positions and cash; TWS takes fifty messages a second, and few of the account


class IbkrAccount:
    """See `LiveAccount`. What it holds is asked for each time: TWS says on its own only every three minutes."""

    def __init__(self, client: IbkrExecutionClient) -> None:
        self.tracks = client.tracks
        self._client = client
        self._held: dict[str, Decimal] = {}

    async def catch_up(self) -> bool:
        """See `LiveAccount`. The end of a stranger's order is told to its own client alone, so they are listed anew."""
        before = dict(self.tracks.strangers)
        self.tracks.strangers.clear()
        _, look = await self._client.lookups.look()
        if look is not Look.ANSWERED:
            self.tracks.strangers.update(before)
        return look is Look.ANSWERED

    async def read(self) -> bool:
        """See `LiveAccount`: positions of shares in units by symbol, and all cash in the account's base currency."""
        await asyncio.sleep(READ_S)
        try:
            positions, (currency, cash) = await self._client.positions(), await self._client.cash()
        except VenueUnavailable:
            return False
        self._held = {**positions, currency: cash}
        return True

    def holdings(self) -> Mapping[str, Decimal]:
        """See `LiveAccount`: by the last answer."""
        return self._held

    async def objections(self) -> tuple[str, ...]:
        """See `LiveAccount`: orders that another client id placed can neither be cancelled nor followed."""
        held, _ = await self._client.lookups.look()
        foreign = [
            track.client_order_id
            for track in self.tracks.living()
            if track.client_order_id in held.get("open", ()) and self._client.news.order_id(track.client_order_id) is None
        ]
        return tuple(
            f"FOREIGN_CLIENT_ID: order {order_id} works under another client id of TWS, which alone can cancel it"
            for order_id in sorted(foreign)
        )

    async def conclude(self) -> None:
        """See `LiveAccount`. TWS' lists begin at midnight: an order that ended before, with nobody here, is in none of them."""
        gone = await self._absent()
        if gone:
            await asyncio.sleep(AGAIN_S)
            gone = [track for track in await self._absent() if track in gone]
        for track in gone:
            words = f"order {track.client_order_id} of {track.symbol} works no more, and TWS has forgotten how it ended"
            self._client.forgotten(track, f"{words}; no fill is missing")

    async def _absent(self) -> list[Track]:
        """Return orders TWS once had and has in none of its lists; none where it did not answer all of them."""
        known = [track for track in self.tracks.living() if track.accepted and not track.gap]
        held, look = await self._client.lookups.look()
        if look is not Look.ANSWERED:
            return []
        return [track for track in known if not track.ended and not any(track.client_order_id in ids for ids in held.values())]

    async def transfers(self, since_ns: int) -> ToldTransfers:
        """See `LiveAccount`: TWS tells balances, and not what moved them."""
        return ToldTransfers(items=(), problem="TWS cannot tell deposits and withdrawals")

    async def mid(self, symbol: str) -> Decimal | str:
        """See `LiveAccount`: of the quotes that this line subscribes to while it connects, waiting a while for the first."""
        clock = asyncio.get_running_loop().time
        end = clock() + QUOTE_S
        while (touch := self._client.touch(symbol)) is None and clock() < end:
            await asyncio.sleep(QUOTE_LOOK_S)
        if touch is None:
            return f"TWS told no quote of {symbol} in {QUOTE_S:g} s; is its market open, and its data subscribed?"
        bid, ask = touch
        if not 0 < bid <= ask:
            return f"TWS' quote of {symbol} is {bid} to {ask}"
        return EXACT.divide(EXACT.add(bid, ask), TWO)

    async def cancel_stranger(self, venue_order_id: str, symbol: str) -> str:
        """See `LiveAccount`: refused, as the config's check has said."""
        return "TWS lets a client cancel its own orders alone"

    async def cancel_all(self, give_up_s: float) -> Swept:
        """See `LiveAccount`."""
        clock, none_since, words = asyncio.get_running_loop().time, float("inf"), ""
        end, asked = clock() + give_up_s, dict[str, None]()
        while clock() - none_since < SETTLE_S and clock() < end:
            for track in self.tracks.living():
                asked[track.client_order_id] = None
                self._client.cancels.track(track)
            working = (await self._client.lookups.look())[0].get("open")
            if working:
                none_since, words = float("inf"), f"{len(working)} worked at the last look"
            elif working is None:
                none_since, words = float("inf"), "TWS does not say what works"
            else:
                none_since = min(none_since, clock())
            await asyncio.sleep(LOOK_S)
        confirmed = clock() - none_since >= SETTLE_S
        strangers = sum(order.client_order_id is None for order in self.tracks.strangers.values())
        return Swept(asked=tuple(asked), strangers=strangers, confirmed=confirmed, words="" if confirmed else words)


class IbkrLink:
    """See `VenueLink`. One line to TWS serves prices and orders; the execution client closes it with the node."""

    def __init__(self, facts: VenueFacts, *, live: LiveSection, address: IbkrGateway, inputs: Inputs) -> None:
        self.facts = facts
        self._address = address
        self._inputs = inputs
        self._line = IbkrLine(
            address,
            listings=inputs.listings,
            market_limits=inputs.market_limits,
            timing=IbkrTiming(
                order_s=float(live.order_timeout_s), absent_s=float(live.absent_s), alarm_s=float(live.undecided_halt_s)
            ),
        )
        self._account: IbkrAccount | None = None

    @property
    def account(self) -> LiveAccount:
        """See `VenueLink`."""
        if self._account is None:
            assert self._line.client is not None, "the node's client is made first"
            self._account = IbkrAccount(self._line.client)
        return self._account

    async def holdings(self) -> Mapping[str, Decimal]:
        """See `VenueLink`."""
        ours = {symbol: limits for symbol, limits in self._inputs.market_limits.items() if limits.venue == self.facts.venue}
        return await held_at_tws(self._address, listings=self._inputs.listings, approved=ours)

    async def unquoted(self, symbols: Collection[str]) -> tuple[str, ...]:
        """See `VenueLink`."""
        wanted = {symbol: self._inputs.market_limits[symbol] for symbol in symbols}
        return await unquoted_at_tws(self._address, listings=self._inputs.listings, approved=wanted) if wanted else ()

    async def open_source(
        self, *, config: RunConfig, inputs: Inputs, for_s: int | None, say: Callable[[str], None]
    ) -> PriceSource:
        """See `VenueLink`."""
        return IbkrSource(
            data=self._line.data,
            close=self._line.close,
            place=f"TWS at {HOST}:{self._address.port}, account {self._address.account}, client id {self._address.client_id}",
            rehearses=self._address.rehearses,
            names=len(inputs.market_limits),
            for_s=for_s,
        )

    def execution(self, around: Surroundings) -> MakeClient:
        """See `VenueLink`."""
        assembly = around.made.assembly
        return self._line.execution(
            lock=assembly.gate,
            tap=assembly.recorder,
            halt=assembly.halt,
            alarm=around.alarm,
            jitter=around.jitter,
            known_fills=around.parts.fold.fill_keys,
            before_trading=around.before_trading,
            failed=around.failed,
        )

    async def close(self) -> None:
        """See `VenueLink`."""
        await self._line.close()


async def look_at_ibkr(venue: str, live: LiveSection, *, inputs: Inputs) -> IbkrLink:
    """See `live.venue_link.look_at`. Raises `VenueUnavailable` VENUE_UNREACHABLE, CLIENT_ID_TAKEN within seconds."""
    section, facts = live.venues[venue], facts_before(venue, live)
    address = gateway(host=HOST, port=section.tws_port or 0, client_id=section.client_id or 0, account=section.account_id)
    ours = {symbol: limits for symbol, limits in inputs.market_limits.items() if limits.venue == venue}
    link = IbkrLink(facts, live=live, address=address, inputs=inputs)
    try:
        seen = await first_look(address, listings=inputs.listings, approved=ours)
    except ConfigError as error:
        link.facts = replace(facts, unproven=str(error))
        return link
    if seen.accounts:
        facts = replace(facts, account_id=",".join(seen.accounts))
    if seen.clock_offset_ms is not None:
        known = {limits.symbol: ours[limits.symbol] for limits in seen.limits}
        changed = limits_differences(known, limits=seen.limits, refused=())
        facts = replace(
            facts,
            clock_offset_ms=seen.clock_offset_ms,
            limits_changed=tuple(each.words for each in changed),
            contracts=tuple(f"{each.code}: {each.message}" for each in seen.refused),
        )
    link.facts = facts
    return link
