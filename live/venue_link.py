"""A venue of a live run, before it begins and while it goes on, behind one small interface: one link for each adapter.

Everything below `live/` knows a venue by these two alone: `VenueLink` from the start, `LiveAccount` once its client is made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from engine.assemble import Parts
from engine.config_live import LiveSection, LiveVenueSection
from engine.inputs import Inputs
from engine.node import MakeClient
from engine.price_source import PriceSource
from engine.run_config import RunConfig
from engine.trading_node import MadeNode
from live.arming import VenueFacts
from live.arming_file import Arming, read_arming
from orders.errors import InputError, SluiceError, VenueUnavailable
from venues.answers import ToldTransfers
from venues.order_tracks import OrderTracks
from venues.secrets import Redactor
from venues.swept import Swept


class LiveAccount(Protocol):
    """One account at a venue while a run trades on it. `tracks`: its orders, and the working ones that nobody here sent."""

    tracks: OrderTracks

    async def catch_up(self) -> bool:
        """Ask what works and what was filled; whatever is new is told. Return whether the venue answered."""
        ...

    async def read(self) -> bool:
        """Learn anew, or wait a moment for, what the account holds. Return whether `holdings` can be believed."""
        ...

    def holdings(self) -> Mapping[str, Decimal]:
        """Return what the account holds by the names of `orders.reconcile.asset_code` and by currency, in signed units."""
        ...

    async def objections(self) -> tuple[str, ...]:
        """Return what of our own working orders forbids trading, in words, by the venue's last lists."""
        ...

    async def conclude(self) -> None:
        """The account holds what the book says: end orders of ours that the venue has forgotten, which cannot have filled."""
        ...

    async def transfers(self, since_ns: int) -> ToldTransfers:
        """Return the deposits and withdrawals that may have been done since an instant, and why they are not all."""
        ...

    async def mid(self, symbol: str) -> Decimal | str:
        """Return the middle of the venue's touch of a platform symbol now, in quote currency, or in words why it has none."""
        ...

    async def cancel_stranger(self, venue_order_id: str, symbol: str) -> str:
        """Ask for the cancel of an order that nobody here sent; return "" or why it could not be asked."""
        ...

    async def cancel_all(self, give_up_s: float) -> Swept:
        """Cancel every order of ours until the venue says, twice, that none works, for so long at most."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What an execution client needs of its run. `before_trading()` returns when a strategy may start, and not before;
    `failed(reason)` ends the run; `alarm(code, message)` tells an operator; `jitter()` is a random number of 0 to 1.
    """

    parts: Parts
    made: MadeNode
    before_trading: Callable[[], Awaitable[None]]
    failed: Callable[[str], None]
    alarm: Callable[[str, str], None]
    jitter: Callable[[], float]


class VenueLink(Protocol):
    """One venue. `facts`: what the arming must know. `account` may be asked for once the client of `execution` is made."""

    facts: VenueFacts

    @property
    def account(self) -> LiveAccount:
        """The account, of which the run's client is the only one that trades."""
        ...

    async def holdings(self) -> Mapping[str, Decimal]:
        """Ask what the account holds before a node trades, as `LiveAccount.holdings` says it. Raises `VenueUnavailable`."""
        ...

    async def unquoted(self, symbols: Collection[str]) -> tuple[str, ...]:
        """Return which platform symbols have no middle of the touch now, before a node trades. Raises `VenueUnavailable`."""
        ...

    async def open_source(
        self, *, config: RunConfig, inputs: Inputs, for_s: int | None, say: Callable[[str], None]
    ) -> PriceSource:
        """Return where this venue's prices come from. Raises `VenueUnavailable`, `ConfigError`."""
        ...

    def execution(self, around: Surroundings) -> MakeClient:
        """Return the factory of the execution client. It is connected only when `around.before_trading()` has returned."""
        ...

    async def close(self) -> None:
        """Give back what is held, where no client of a node does it; twice is once."""
        ...


async def look_at(
    venue: str, live: LiveSection, *, inputs: Inputs, environ: Mapping[str, str], keys: Path, redactor: Redactor
) -> VenueLink:
    """Connect to a venue and ask what the arming must know; nothing is changed there.

    `keys`: the directory of key files; a loaded secret is added to `redactor` before it is used. A fact that could not be had
    stands in `facts` as that. Raises `VenueUnavailable` when the venue cannot be reached at all.
    """
    if live.venues[venue].adapter == "ibkr":
        from live.ibkr_link import look_at_ibkr

        return await look_at_ibkr(venue, live, inputs=inputs)
    from live.ccxt_link import look_at_ccxt

    return await look_at_ccxt(venue, live, inputs=inputs, environ=environ, keys=keys, redactor=redactor)


def facts_before(venue: str, live: LiveSection) -> VenueFacts:
    """Return what is known of a venue before it was asked anything: its config and its arming."""
    section = live.venues[venue]
    arming, arming_problem = _arming(section, live)
    return VenueFacts(
        venue=venue,
        loopback=section.rehearses,
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


def _arming(section: LiveVenueSection, live: LiveSection) -> tuple[Arming | None, str]:
    try:
        return read_arming(section.arming, trusted=live.persons, revoked=frozenset(live.revoked_keys)), ""
    except InputError as error:
        return None, words_of(error)


def holdings_unread(venue: str, why: str) -> VenueUnavailable:
    """What to raise where a venue does not say what an account holds."""
    return VenueUnavailable("VENUE_UNREACHABLE", expected=f"what the account at {venue} holds", found=why, action="Try again.")


def words_of(error: SluiceError) -> str:
    """Return an error as the arming tells it."""
    return f"{error.code}: found {error.found}"
