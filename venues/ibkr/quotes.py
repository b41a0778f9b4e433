"""Quotes on a line to TWS that can do nothing else: whoever only looks has no way to submit.

TWS' socket asks nobody who may trade, so the lock is here: what is not in `READS` never reaches the wire, whoever asks for it and
by whichever of IB's calls. There is no execution client on this line, and what is told of orders is heard by nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from ibapi.message import OUT
from msgspec.structs import replace

from orders.errors import NotAsked, VenueUnavailable
from orders.values import Listing, MarketLimits
from venues.ibkr.adapter import VENUE
from venues.ibkr.data_client import IbkrDataClient
from venues.ibkr.frames import PROTOBUF
from venues.ibkr.gateway import CLIENT_ID_MAX, HOST, IbkrGateway, IbkrTiming
from venues.ibkr.order_errors import CLIENT_ID_TAKEN, LOST
from venues.ibkr.provider import ListedProvider
from venues.ibkr.reach import first_look
from venues.ibkr.session import IbkrSession

QUOTES_IDS_FROM: Final = 2 * CLIENT_ID_MAX  # the live run's client id is below, and that of its questions for limits
SHADOW_IDS_FROM: Final = 3 * CLIENT_ID_MAX  # a shadow may run beside a twin
READS: Final = frozenset(
    {
        OUT.START_API, OUT.REQ_CONTRACT_DATA, OUT.REQ_MARKET_RULE, OUT.REQ_MKT_DATA, OUT.CANCEL_MKT_DATA,
        OUT.REQ_MARKET_DATA_TYPE, OUT.REQ_CURRENT_TIME, OUT.REQ_CURRENT_TIME_IN_MILLIS, OUT.REQ_MANAGED_ACCTS,
    }
)  # fmt: skip
"""Every request that such a line may make: none of them places, changes or cancels anything, or asks of the account."""


class QuotesSession(IbkrSession):
    """One client id at one TWS that may only read the market."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        send = self._eclient.sendMsgProtoBuf

        def only_reads(number: int, message: bytes) -> None:
            refuse_other_than_reads(number - PROTOBUF)
            send(number, message)

        self._eclient.sendMsgProtoBuf = only_reads

    def sendMsg(self, msgId: int, msg: str) -> None:
        """See Nautilus' own, by which every message goes that is not protobuf. Raises `NotAsked` READ_ONLY_LINE."""
        refuse_other_than_reads(msgId)
        super().sendMsg(msgId, msg)  # type: ignore[no-untyped-call]  # Nautilus has no types


def refuse_other_than_reads(number: int) -> None:
    """Return for a request of `READS`. Raises `NotAsked` READ_ONLY_LINE."""
    if number not in READS:
        raise NotAsked(
            "READ_ONLY_LINE",
            expected="a request for prices or contracts, on a line that may only read",
            found=f"TWS request {number}",
            action="Nothing was sent. This is a mistake of the program: report it.",
        )


class Unheard:
    """A `session.OrderNews` for a line without orders: nobody hears what TWS tells of one. `connection` is told on."""

    def __init__(self, told: Callable[[str, str], None]) -> None:
        self._told = told

    def open_order(self, order: Any, contract: Any, status: str) -> None:
        """Of no concern here."""

    def completed_order(self, order: Any, contract: Any, status: str) -> None:
        """Of no concern here."""

    def order_status(
        self, *, order_id: int, client_id: int, perm_id: int, status: str, filled: Decimal, remaining: Decimal, why_held: str
    ) -> None:
        """Of no concern here."""

    def execution(self, execution: Any, contract: Any, *, live: bool) -> None:
        """Of no concern here."""

    def commission(self, report: Any) -> None:
        """Of no concern here."""

    def order_error(self, order_id: int, code: int, text: str) -> None:
        """Of no concern here."""

    def connection(self, code: int, text: str) -> None:
        """TWS lost IB, has it back, or turns us away."""
        if code == CLIENT_ID_TAKEN:
            self._told("CLIENT_ID_TAKEN", f"{code}: {text}")
        elif code in LOST:
            self._told("VENUE_LINE_LOST", f"{code}: {text}; no quotes until it is back")
        else:
            self._told("VENUE_LINE_BACK", f"{code}: {text}")


class IbkrQuotes:
    """One node's line of quotes; `data` is an `engine.node.MakeClient`. `told(code, message)`: what the line lost or has back."""

    def __init__(
        self,
        live: IbkrGateway,
        *,
        listings: Mapping[str, Listing],
        market_limits: Mapping[str, MarketLimits],
        timing: IbkrTiming | None = None,
        ids_from: int = QUOTES_IDS_FROM,
    ) -> None:
        """`live`: where the live run's line is; this one has a client id of its own there, that one's and `ids_from`."""
        self.gateway = replace(live, client_id=ids_from + live.client_id)
        self.told: Callable[[str, str], None] = lambda code, message: None
        self._listings = listings
        self._limits = market_limits
        self._timing = IbkrTiming() if timing is None else timing
        self._session: QuotesSession | None = None

    async def check(self) -> None:
        """Ask TWS, before a node is made, whose account it holds and for every contract.

        Raises `VenueUnavailable` VENUE_UNREACHABLE, CLIENT_ID_TAKEN, ACCOUNT_MISMATCH, CONTRACT_REFUSED.
        """
        seen = await first_look(self.gateway, listings=self._listings, approved=self._limits)
        if seen.accounts != (self.gateway.account,):
            raise VenueUnavailable(
                "ACCOUNT_MISMATCH",
                expected=f"TWS at {HOST}:{self.gateway.port} to hold account {self.gateway.account} and no other",
                found=", ".join(seen.accounts) or "none",
                action="Log in to that account, or mend the config.",
            )
        if seen.refused:
            raise VenueUnavailable(
                "CONTRACT_REFUSED",
                expected="the contract of the approved limits for every symbol",
                found="; ".join(each.message for each in seen.refused),
                action="Fetch the limits anew and look at the difference, or take these symbols off sentinel.allow.",
            )

    def data(self, loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> IbkrDataClient:
        """Make the data client, once."""
        session = self._session = QuotesSession(
            loop=loop, msgbus=msgbus, cache=cache, clock=clock, gateway=self.gateway, timing=self._timing
        )
        session.news = Unheard(lambda code, message: self.told(code, message))
        provider = ListedProvider(session, clock, cache=cache, listings=self._listings, market_limits=self._limits)
        session.start()  # a task, which begins once the node runs
        return IbkrDataClient(
            loop=loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            session=session,
            provider=provider,
            gateway=self.gateway,
            venue=VENUE,
            timing=self._timing,
        )

    async def close(self) -> None:
        """End the line; nothing where it was never opened."""
        if self._session is not None:
            await self._session.close()
