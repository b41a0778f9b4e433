"""The first contact with TWS, before a node is made: whose account it holds, what it says of our contracts. Nothing is changed.

It answers or says why not within seconds. `reach` asks for limits, on a client id of its own; `first_look` is a live run's, on
the client id its orders will have, so that a program that has it is found before anything begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from lakehouse.snapshots import RefusedLimit
from orders.errors import VenueUnavailable
from orders.values import Listing, MarketLimits, Record
from venues.ibkr.contracts import limits_of
from venues.ibkr.gateway import CLIENT_ID_MAX, HOST, IbkrGateway
from venues.ibkr.plain_line import LINE_ERRORS, ClientIdTaken, plain_line

ASK_S: Final = 10.0
ID_FREE_S: Final = 3.0  # for TWS to let go of a line that has just ended
ID_AGAIN_S: Final = 0.5


class Reached(Record, frozen=True, kw_only=True):
    """What TWS said of the symbols asked for: each is in one of the two. `server_version`: of TWS."""

    server_version: int
    limits: tuple[MarketLimits, ...]
    refused: tuple[RefusedLimit, ...]


class FirstLook(Record, frozen=True, kw_only=True):
    """What a live run must know. `accounts`: all that TWS holds; where that is not exactly the one account that is meant, nothing
    else was asked: `clock_offset_ms` (TWS' less ours) is None, and no symbol is in `limits` or `refused`.
    """

    accounts: tuple[str, ...]
    clock_offset_ms: int | None
    limits: tuple[MarketLimits, ...]
    refused: tuple[RefusedLimit, ...]


async def reach(
    gateway: IbkrGateway, listings: Sequence[Listing], *, min_notional: Decimal | None = None, ask_s: float = ASK_S
) -> Reached:
    """Ask TWS whose account it holds and for the limits of all listings; `min_notional`: see `limits_of`.

    Each answer has `ask_s` seconds. Raises `VenueUnavailable` VENUE_UNREACHABLE for no TWS, one that does not answer, one too
    old, or a client id in use, and ACCOUNT_MISMATCH; `ConfigError` CONTRACT_UNMAPPED.
    """
    try:
        async with plain_line(gateway.port, connect_s=ask_s) as line:
            async with asyncio.timeout(ask_s):
                version, accounts = await line.open(CLIENT_ID_MAX + gateway.client_id)
            if _names(accounts) != (gateway.account,):
                raise VenueUnavailable(
                    "ACCOUNT_MISMATCH",
                    expected=f"TWS to hold account {gateway.account} and no other",
                    found=accounts or "none",
                    action="Log in to that account, or mend the config.",
                )
            answers = []
            for listing in listings:
                async with asyncio.timeout(ask_s):
                    answers.append(limits_of(listing, await line.contracts(listing), min_notional=min_notional))
    except LINE_ERRORS as error:
        raise unreachable(gateway, error, ask_s) from error
    limits, refused = _sorted(answers)
    return Reached(server_version=version, limits=limits, refused=refused)


async def first_look(
    gateway: IbkrGateway, *, listings: Mapping[str, Listing], approved: Mapping[str, MarketLimits], ask_s: float = ASK_S
) -> FirstLook:
    """Ask TWS for accounts, clock and the limits of every symbol of `approved`, whose own minimum notional stands for IB's, which
    states none.

    Raises `VenueUnavailable` VENUE_UNREACHABLE, and CLIENT_ID_TAKEN where another program keeps the client id.
    """
    end = asyncio.get_running_loop().time() + ID_FREE_S
    while True:
        try:
            return await _look(gateway, listings=listings, approved=approved, ask_s=ask_s)
        except ClientIdTaken as error:
            if asyncio.get_running_loop().time() >= end:
                raise VenueUnavailable(
                    "CLIENT_ID_TAKEN",
                    expected=f"client id {gateway.client_id} to be free at TWS: only it can cancel its orders",
                    found=str(error),
                    action="End the program that uses it; a new record may take another client_id.",
                ) from error
            await asyncio.sleep(ID_AGAIN_S)
        except LINE_ERRORS as error:
            raise unreachable(gateway, error, ask_s) from error


async def _look(
    gateway: IbkrGateway, *, listings: Mapping[str, Listing], approved: Mapping[str, MarketLimits], ask_s: float
) -> FirstLook:
    async with plain_line(gateway.port, connect_s=ask_s) as line:
        async with asyncio.timeout(ask_s):
            accounts = _names((await line.open(gateway.client_id))[1])
        if accounts != (gateway.account,):
            return FirstLook(accounts=accounts, clock_offset_ms=None, limits=(), refused=())
        async with asyncio.timeout(ask_s):
            offset_ms = await line.clock_offset_ms()
        answers = []
        for symbol, limits in sorted(approved.items()):
            async with asyncio.timeout(ask_s):
                found = await line.contracts(listings[symbol])
            answers.append(limits_of(listings[symbol], found, min_notional=limits.min_notional))
    limits_found, refused = _sorted(answers)
    return FirstLook(accounts=accounts, clock_offset_ms=offset_ms, limits=limits_found, refused=refused)


def _names(accounts: str) -> tuple[str, ...]:
    return tuple(name for name in accounts.split(",") if name)


def _sorted(answers: Sequence[MarketLimits | RefusedLimit]) -> tuple[tuple[MarketLimits, ...], tuple[RefusedLimit, ...]]:
    return (
        tuple(answer for answer in answers if isinstance(answer, MarketLimits)),
        tuple(answer for answer in answers if isinstance(answer, RefusedLimit)),
    )


def unreachable(gateway: IbkrGateway, error: BaseException, ask_s: float) -> VenueUnavailable:
    """What to raise where TWS did not answer."""
    return VenueUnavailable(
        "VENUE_UNREACHABLE",
        expected=f"TWS or IB Gateway to answer API clients at {HOST}:{gateway.port}",
        found=f"no answer in {ask_s:g} s" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}",
        action="Start it, log in, and allow API clients on this port (Global Configuration, API); nothing was started.",
    )
