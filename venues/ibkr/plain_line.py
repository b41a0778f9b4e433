"""One connection to TWS in IB's protobuf messages, one question at a time, without Nautilus: before a node is made, and after it.

Whoever cancels for a dead engine has its client id and nothing else. What TWS says of other things meanwhile is skipped, but for
whether it reaches IB.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final

from google.protobuf.message import DecodeError
from ibapi.message import IN, OUT
from ibapi.protobuf.AccountSummary_pb2 import AccountSummary
from ibapi.protobuf.AccountSummaryEnd_pb2 import AccountSummaryEnd
from ibapi.protobuf.AccountSummaryRequest_pb2 import AccountSummaryRequest
from ibapi.protobuf.AllOpenOrdersRequest_pb2 import AllOpenOrdersRequest
from ibapi.protobuf.CancelOrderRequest_pb2 import CancelOrderRequest
from ibapi.protobuf.ContractData_pb2 import ContractData
from ibapi.protobuf.ContractDataEnd_pb2 import ContractDataEnd
from ibapi.protobuf.ContractDataRequest_pb2 import ContractDataRequest
from ibapi.protobuf.CurrentTimeInMillis_pb2 import CurrentTimeInMillis
from ibapi.protobuf.CurrentTimeInMillisRequest_pb2 import CurrentTimeInMillisRequest
from ibapi.protobuf.ErrorMessage_pb2 import ErrorMessage
from ibapi.protobuf.ManagedAccounts_pb2 import ManagedAccounts
from ibapi.protobuf.MarketDataRequest_pb2 import MarketDataRequest
from ibapi.protobuf.MarketRule_pb2 import MarketRule
from ibapi.protobuf.MarketRuleRequest_pb2 import MarketRuleRequest
from ibapi.protobuf.OpenOrder_pb2 import OpenOrder
from ibapi.protobuf.Position_pb2 import Position
from ibapi.protobuf.PositionsRequest_pb2 import PositionsRequest
from ibapi.protobuf.StartApiRequest_pb2 import StartApiRequest
from ibapi.protobuf.TickPrice_pb2 import TickPrice

from orders.values import Listing, Record
from venues.ibkr.contracts import Details, wanted_contract
from venues.ibkr.details import exact, multiplier_of, rule_id_of, rule_of
from venues.ibkr.frames import HELLO, VERSION_LEAST, VERSION_MOST, frame, read_body, read_frame, text_frame
from venues.ibkr.gateway import HOST
from venues.ibkr.order_errors import CLIENT_ID_TAKEN, LOST, RESTORED
from venues.ibkr.order_refs import client_order_id_of

NO_CONTRACT: Final = 200
ENDED: Final = frozenset({"Filled", "Cancelled", "ApiCancelled", "Inactive"})
BID, ASK = 1, 2  # IB's tick types
TOUCH: Final = (BID, ASK)
CASH_TAG: Final = "TotalCashValue"  # all cash, in the account's base currency
CLOCK_LOOKS: Final = 3  # the quickest answer counts
LINE_ERRORS: Final = (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError, DecodeError)


class ClientIdTaken(ValueError):
    """TWS says 326: another program uses this client id."""


class Working(Record, frozen=True, kw_only=True):
    """An order that works at TWS, whoever placed it. `client_order_id` None: its reference is not of our form."""

    order_id: int
    client_id: int
    client_order_id: str | None
    symbol: str


class PlainLine:
    """Made by `plain_line`. `reaches_ib` is false between 1100 and 1101 or 1102: what TWS says then is what it knew before."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reaches_ib = True
        self._reader = reader
        self._writer = writer
        self._ids = 0
        self._rules: dict[int, tuple[tuple[Decimal, Decimal], ...]] = {}

    async def open(self, client_id: int) -> tuple[int, str]:
        """Shake hands; return TWS' version and the accounts it holds. Raises `ClientIdTaken`, `ValueError` for a TWS too old."""
        self._writer.write(HELLO + text_frame(f"v100..{VERSION_MOST}"))
        version = int((await read_body(self._reader)).split(b"\0")[0])
        if version < VERSION_LEAST:
            raise ValueError(f"its API is version {version}, at least {VERSION_LEAST} is needed: update TWS")
        self._writer.write(frame(OUT.START_API, StartApiRequest(clientId=client_id)))
        while True:
            number, body = await self._read()
            if number == IN.MANAGED_ACCTS:
                return version, str(ManagedAccounts.FromString(body).accountsList)
            if number == IN.ERR_MSG and (error := ErrorMessage.FromString(body)).errorCode == CLIENT_ID_TAKEN:
                raise ClientIdTaken(f"{error.errorCode}: {error.errorMsg}, client id {client_id}")

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
            number, body = await self._read()
            if number == IN.CONTRACT_DATA and (message := ContractData.FromString(body)).reqId == self._ids:
                found.append(message)
            elif number == IN.CONTRACT_DATA_END and ContractDataEnd.FromString(body).reqId == self._ids:
                break
            elif number == IN.ERR_MSG and (error := ErrorMessage.FromString(body)).id == self._ids:
                if error.errorCode != NO_CONTRACT:
                    raise ValueError(f"{error.errorCode}: {error.errorMsg}")
                break
        return tuple([_details(each, await self._rule(each.contractDetails, wanted.exchange)) for each in found])

    async def clock_offset_ms(self) -> int:
        """Return by how much TWS' clock is ahead of ours, by the quickest of a few answers."""
        best: tuple[int, int] | None = None
        for _ in range(CLOCK_LOOKS):
            before_ns = time.time_ns()
            self._writer.write(frame(OUT.REQ_CURRENT_TIME_IN_MILLIS, CurrentTimeInMillisRequest()))
            body = await self._until(IN.CURRENT_TIME_IN_MILLIS)
            after_ns = time.time_ns()
            theirs_ms = int(CurrentTimeInMillis.FromString(body).currentTimeInMillis)
            took_ns = after_ns - before_ns
            offset_ms = theirs_ms - (before_ns + took_ns // 2) // 1_000_000
            best = min(best or (took_ns, offset_ms), (took_ns, offset_ms))
        assert best is not None
        return best[1]

    async def positions(self, account: str) -> dict[int, Decimal]:
        """Return the signed units an account holds, by IB's contract id. Raises `ValueError` for an amount that is none."""
        self._writer.write(frame(OUT.REQ_POSITIONS, PositionsRequest()))
        found: dict[int, Decimal] = {}
        while True:
            number, body = await self._read()
            if number == IN.POSITION_END:
                return found
            if number == IN.POSITION_DATA and (told := Position.FromString(body)).account == account:
                found[int(told.contract.conId)] = _amount(told.position, what=f"position of contract {told.contract.conId}")

    async def cash(self, account: str) -> tuple[str, Decimal]:
        """Return an account's base currency and all its cash in it. Raises `ValueError` where TWS does not say exactly one."""
        self._ids += 1
        request = AccountSummaryRequest(reqId=self._ids, group="All", tags=CASH_TAG)
        self._writer.write(frame(OUT.REQ_ACCOUNT_SUMMARY, request))
        told: list[Any] = []
        while True:
            number, body = await self._read()
            if number == IN.ACCOUNT_SUMMARY and (row := AccountSummary.FromString(body)).reqId == self._ids:
                told += [row] if (row.account, row.tag) == (account, CASH_TAG) else []
            elif number == IN.ACCOUNT_SUMMARY_END and AccountSummaryEnd.FromString(body).reqId == self._ids:
                break
        if len(told) != 1:
            raise ValueError(f"{len(told)} amounts of cash for account {account}, where one was expected")
        return str(told[0].currency), _amount(told[0].value, what="cash")

    async def quotes(self, contracts: Mapping[int, str], *, wait_s: float) -> dict[int, tuple[Decimal, Decimal]]:
        """Return bid and ask by contract id of what TWS quotes within so many seconds; `contracts`: exchanges by contract id.

        The last question of a line: what comes in parts is not read to its end.
        """
        asked: dict[int, int] = {}
        for con_id, exchange in contracts.items():
            self._ids += 1
            request = MarketDataRequest(reqId=self._ids)
            request.contract.conId, request.contract.exchange = con_id, exchange
            self._writer.write(frame(OUT.REQ_MKT_DATA, request))
            asked[self._ids] = con_id
        told: dict[int, dict[int, Decimal]] = {con_id: {} for con_id in contracts}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while any(len(sides) < len(TOUCH) for sides in told.values()):
                    number, body = await self._read()
                    if number == IN.TICK_PRICE and (tick := TickPrice.FromString(body)).tickType in TOUCH:
                        price = exact(tick.price)
                        if tick.reqId in asked and price is not None:
                            told[asked[tick.reqId]][tick.tickType] = price
        return {con_id: (sides[BID], sides[ASK]) for con_id, sides in told.items() if len(sides) == len(TOUCH)}

    async def working(self) -> tuple[Working, ...]:
        """Return every order that works at TWS, of every client."""
        self._writer.write(frame(OUT.REQ_ALL_OPEN_ORDERS, AllOpenOrdersRequest()))
        found: dict[tuple[int, int], Working] = {}
        while True:
            number, body = await self._read()
            if number == IN.OPEN_ORDER_END:
                return tuple(found.values())
            if number == IN.OPEN_ORDER:
                self._take(OpenOrder.FromString(body), found)

    async def cancel(self, order_id: int) -> None:
        """Ask for the cancel of an order of this client id; whether it worked, `working` says."""
        self._writer.write(frame(OUT.CANCEL_ORDER, CancelOrderRequest(orderId=order_id)))
        await self._writer.drain()

    async def _rule(self, details: Any, exchange: str) -> tuple[tuple[Decimal, Decimal], ...]:
        number = rule_id_of(details, exchange)
        if number is None or number in self._rules:
            return () if number is None else self._rules[number]
        self._writer.write(frame(OUT.REQ_MARKET_RULE, MarketRuleRequest(marketRuleId=number)))
        while number not in self._rules:
            rule = MarketRule.FromString(await self._until(IN.MARKET_RULE))
            self._rules[rule.marketRuleId] = rule_of(rule.priceIncrements)
        return self._rules[number]

    def _take(self, message: Any, found: dict[tuple[int, int], Working]) -> None:
        order = message.order
        key = (int(order.clientId), int(order.permId) or int(message.orderId))
        if message.orderState.status in ENDED:
            found.pop(key, None)
            return
        found[key] = Working(
            order_id=int(message.orderId),
            client_id=int(order.clientId),
            client_order_id=client_order_id_of(order.orderRef),
            symbol=str(message.contract.symbol),
        )

    async def _until(self, wanted: int) -> bytes:
        while True:
            number, body = await self._read()
            if number == wanted:
                return body

    async def _read(self) -> tuple[int, bytes]:
        number, body = await read_frame(self._reader)
        if number == IN.ERR_MSG:
            code = ErrorMessage.FromString(body).errorCode
            self.reaches_ib = (self.reaches_ib or code in RESTORED) and code not in LOST
        return number, body


@asynccontextmanager
async def plain_line(port: int, *, connect_s: float) -> AsyncIterator[PlainLine]:
    """Connect to the TWS on this machine; the line is closed with the block. Raises `OSError`, `TimeoutError`."""
    async with asyncio.timeout(connect_s):
        reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield PlainLine(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _amount(text: str, *, what: str) -> Decimal:
    found = exact(text)
    if found is None:
        raise ValueError(f"{what} is {text[:40]!r}, which is no amount")
    return found


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
        multiplier=multiplier_of(contract.multiplier),
        price_magnifier=details.priceMagnifier or 1,
    )
