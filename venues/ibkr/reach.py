"""The first contact with TWS, before a node is made: whose account it holds, what it says of our contracts. Nothing is changed.

A client of its own on a client id of its own, in IB's protobuf messages; it answers or says why not within seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final

from ibapi.message import IN, OUT
from ibapi.protobuf.ContractData_pb2 import ContractData
from ibapi.protobuf.ContractDataEnd_pb2 import ContractDataEnd
from ibapi.protobuf.ContractDataRequest_pb2 import ContractDataRequest
from ibapi.protobuf.ErrorMessage_pb2 import ErrorMessage
from ibapi.protobuf.ManagedAccounts_pb2 import ManagedAccounts
from ibapi.protobuf.MarketRule_pb2 import MarketRule
from ibapi.protobuf.MarketRuleRequest_pb2 import MarketRuleRequest
from ibapi.protobuf.StartApiRequest_pb2 import StartApiRequest

from lakehouse.snapshots import RefusedLimit
from orders.errors import VenueUnavailable
from orders.values import Listing, MarketLimits, Record
from venues.ibkr.contracts import Details, limits_of, wanted_contract
from venues.ibkr.details import exact, rule_id_of, rule_of
from venues.ibkr.frames import HELLO, VERSION_LEAST, VERSION_MOST, frame, read_body, read_frame, text_frame
from venues.ibkr.gateway import CLIENT_ID_MAX, HOST, IbkrGateway
from venues.ibkr.order_errors import CLIENT_ID_TAKEN

ASK_S: Final = 10.0
NO_CONTRACT: Final = 200


class Reached(Record, frozen=True, kw_only=True):
    """What TWS said of the symbols asked for: each is in one of the two. `server_version`: of TWS."""

    server_version: int
    limits: tuple[MarketLimits, ...]
    refused: tuple[RefusedLimit, ...]


class _Line:
    """One connection, one question at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = 0
        self._rules: dict[int, tuple[tuple[Decimal, Decimal], ...]] = {}

    async def open(self, client_id: int) -> tuple[int, str]:
        """Shake hands; return TWS' version and the accounts it holds."""
        self._writer.write(HELLO + text_frame(f"v100..{VERSION_MOST}"))
        version = int((await read_body(self._reader)).split(b"\0")[0])
        if version < VERSION_LEAST:
            raise ValueError(f"its API is version {version}, at least {VERSION_LEAST} is needed: update TWS")
        self._writer.write(frame(OUT.START_API, StartApiRequest(clientId=client_id)))
        while True:
            number, body = await read_frame(self._reader)
            if number == IN.MANAGED_ACCTS:
                return version, str(ManagedAccounts.FromString(body).accountsList)
            if number == IN.ERR_MSG and (error := ErrorMessage.FromString(body)).errorCode == CLIENT_ID_TAKEN:
                raise ValueError(f"{error.errorCode}: {error.errorMsg}, client id {client_id}")

    async def contracts(self, listing: Listing) -> tuple[Details, ...]:
        """Return what TWS finds for a listing, with the ticks of the exchange its orders go to."""
        wanted = wanted_contract(listing)
        self._ids += 1
        request = ContractDataRequest(reqId=self._ids)
        asked = request.contract
        asked.secType, asked.symbol, asked.currency = wanted.sec_type, wanted.symbol, wanted.currency
        asked.exchange, asked.primaryExch = wanted.exchange, wanted.primary
        self._writer.write(frame(OUT.REQ_CONTRACT_DATA, request))
        found: list[Any] = []
        while True:
            number, body = await read_frame(self._reader)
            if number == IN.CONTRACT_DATA and (message := ContractData.FromString(body)).reqId == self._ids:
                found.append(message)
            elif number == IN.CONTRACT_DATA_END and ContractDataEnd.FromString(body).reqId == self._ids:
                break
            elif number == IN.ERR_MSG and (error := ErrorMessage.FromString(body)).id == self._ids:
                if error.errorCode != NO_CONTRACT:
                    raise ValueError(f"{error.errorCode}: {error.errorMsg}")
                break
        return tuple([_details(each, await self._rule(each.contractDetails, wanted.exchange)) for each in found])

    async def _rule(self, details: Any, exchange: str) -> tuple[tuple[Decimal, Decimal], ...]:
        number = rule_id_of(details, exchange)
        if number is None or number in self._rules:
            return () if number is None else self._rules[number]
        self._writer.write(frame(OUT.REQ_MARKET_RULE, MarketRuleRequest(marketRuleId=number)))
        while number not in self._rules:
            kind, body = await read_frame(self._reader)
            if kind == IN.MARKET_RULE:
                rule = MarketRule.FromString(body)
                self._rules[rule.marketRuleId] = rule_of(rule.priceIncrements)
        return self._rules[number]


async def reach(
    gateway: IbkrGateway, listings: Sequence[Listing], *, min_notional: Decimal | None = None, ask_s: float = ASK_S
) -> Reached:
    """Ask TWS whose account it holds and for the limits of all listings; `min_notional`: see `limits_of`.

    Each answer has `ask_s` seconds. Raises `VenueUnavailable` VENUE_UNREACHABLE for no TWS, one that does not answer, one too
    old, or a client id in use, and ACCOUNT_MISMATCH; `ConfigError` CONTRACT_UNMAPPED.
    """
    try:
        async with _opened(gateway, ask_s) as line:
            async with asyncio.timeout(ask_s):
                version, accounts = await line.open(CLIENT_ID_MAX + gateway.client_id)
            if set(accounts.split(",")) - {""} != {gateway.account}:
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
    except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError) as error:
        raise VenueUnavailable(
            "VENUE_UNREACHABLE",
            expected=f"TWS or IB Gateway to answer API clients at {HOST}:{gateway.port}",
            found=f"no answer in {ask_s:g} s" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}",
            action="Start it, log in, and allow API clients on this port (Global Configuration, API); nothing was started.",
        ) from error
    return Reached(
        server_version=version,
        limits=tuple(answer for answer in answers if isinstance(answer, MarketLimits)),
        refused=tuple(answer for answer in answers if isinstance(answer, RefusedLimit)),
    )


@asynccontextmanager
async def _opened(gateway: IbkrGateway, ask_s: float) -> AsyncIterator[_Line]:
    async with asyncio.timeout(ask_s):
        reader, writer = await asyncio.open_connection(HOST, gateway.port)
    try:
        yield _Line(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _details(message: Any, rule: tuple[tuple[Decimal, Decimal], ...]) -> Details:
    contract, details = message.contract, message.contractDetails
    return Details(
        con_id=contract.conId,
        sec_type=contract.secType,
        symbol=contract.symbol,
        currency=contract.currency,
        primary=contract.primaryExch,
        isin=details.secIdList.get("ISIN", ""),
        min_tick=exact(details.minTick) or Decimal(0),
        rule=rule,
        min_size=exact(details.minSize),
        size_increment=exact(details.sizeIncrement),
        multiplier=exact(contract.multiplier) if contract.multiplier else None,
        price_magnifier=details.priceMagnifier or 1,
    )
