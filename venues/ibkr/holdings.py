"""What an account at TWS holds, and whether that is quoted, asked before a node is made. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final

from lakehouse.snapshots import RefusedLimit
from orders.errors import VenueUnavailable
from orders.values import Listing, MarketLimits
from venues.ibkr.contracts import limits_of, wanted_contract
from venues.ibkr.gateway import CLIENT_ID_MAX, IbkrGateway
from venues.ibkr.plain_line import LINE_ERRORS, PlainLine, plain_line
from venues.ibkr.reach import ASK_S, unreachable

STRANGER: Final = "IB"  # what begins the name of a contract that is none of this run's
QUOTES_S: Final = 10.0  # for the first quotes of a line


async def held_at_tws(
    gateway: IbkrGateway, *, listings: Mapping[str, Listing], approved: Mapping[str, MarketLimits], ask_s: float = ASK_S
) -> dict[str, Decimal]:
    """Return signed units by platform symbol, `IB:<contract id>` for what is none of `approved`, and cash by base currency.

    The client id of the run's orders is left alone. Each answer has `ask_s` seconds. Raises `VenueUnavailable` VENUE_UNREACHABLE,
    and CONTRACT_REFUSED where a symbol's contract is not what was meant, so that what is held of it is not known.
    """
    try:
        async with _line(gateway, ask_s=ask_s) as line:
            names = await _contracts(line, listings=listings, approved=approved, ask_s=ask_s)
            async with asyncio.timeout(ask_s):
                positions = await line.positions(gateway.account)
            async with asyncio.timeout(ask_s):
                currency, cash = await line.cash(gateway.account)
    except LINE_ERRORS as error:
        raise unreachable(gateway, error, ask_s) from error
    held = {names.get(con_id, f"{STRANGER}:{con_id}"): units for con_id, units in positions.items()}
    return {**held, currency: cash}


async def unquoted_at_tws(
    gateway: IbkrGateway,
    *,
    listings: Mapping[str, Listing],
    approved: Mapping[str, MarketLimits],
    ask_s: float = ASK_S,
    wait_s: float = QUOTES_S,
) -> tuple[str, ...]:
    """Return which symbols of `approved` TWS tells no touch of within `wait_s` seconds, or one that is none: bid above ask, or
    not above 0. Raises as `held_at_tws`.
    """
    try:
        async with _line(gateway, ask_s=ask_s) as line:
            names = await _contracts(line, listings=listings, approved=approved, ask_s=ask_s)
            places = {con_id: wanted_contract(listings[symbol]).exchange for con_id, symbol in names.items()}
            told = await line.quotes(places, wait_s=wait_s)
    except LINE_ERRORS as error:
        raise unreachable(gateway, error, ask_s) from error
    sound = {names[con_id] for con_id, (bid, ask) in told.items() if 0 < bid <= ask}
    return tuple(sorted(approved.keys() - sound))


@asynccontextmanager
async def _line(gateway: IbkrGateway, *, ask_s: float) -> AsyncIterator[PlainLine]:
    async with plain_line(gateway.port, connect_s=ask_s) as line:
        async with asyncio.timeout(ask_s):
            await line.open(CLIENT_ID_MAX + gateway.client_id)
        yield line


async def _contracts(
    line: PlainLine, *, listings: Mapping[str, Listing], approved: Mapping[str, MarketLimits], ask_s: float
) -> dict[int, str]:
    """Return the symbols by contract id."""
    names: dict[int, str] = {}
    for symbol, limits in sorted(approved.items()):
        async with asyncio.timeout(ask_s):
            names[await _contract(line, listings[symbol], min_notional=limits.min_notional)] = symbol
    return names


async def _contract(line: PlainLine, listing: Listing, *, min_notional: Decimal) -> int:
    found = await line.contracts(listing)
    answer = limits_of(listing, found, min_notional=min_notional)
    if isinstance(answer, RefusedLimit):
        raise VenueUnavailable(
            "CONTRACT_REFUSED",
            expected=f"the contract of {listing.symbol}, so that what the account holds of it is known",
            found=answer.message,
            action="Mend what the words name, or take the symbol off sentinel.allow.",
        )
    return found[0].con_id
