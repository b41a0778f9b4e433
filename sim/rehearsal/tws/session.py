"""One client of the fake TWS: its handshake, its requests, and what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from ibapi.message import IN, OUT
from ibapi.protobuf.AccountSummaryEnd_pb2 import AccountSummaryEnd
from ibapi.protobuf.AccountSummaryRequest_pb2 import AccountSummaryRequest
from ibapi.protobuf.CancelOrderRequest_pb2 import CancelOrderRequest
from ibapi.protobuf.CompletedOrdersEnd_pb2 import CompletedOrdersEnd
from ibapi.protobuf.ContractDataEnd_pb2 import ContractDataEnd
from ibapi.protobuf.ContractDataRequest_pb2 import ContractDataRequest
from ibapi.protobuf.CurrentTime_pb2 import CurrentTime
from ibapi.protobuf.CurrentTimeInMillis_pb2 import CurrentTimeInMillis
from ibapi.protobuf.ExecutionDetailsEnd_pb2 import ExecutionDetailsEnd
from ibapi.protobuf.ExecutionRequest_pb2 import ExecutionRequest
from ibapi.protobuf.ManagedAccounts_pb2 import ManagedAccounts
from ibapi.protobuf.MarketDataRequest_pb2 import MarketDataRequest
from ibapi.protobuf.MarketRuleRequest_pb2 import MarketRuleRequest
from ibapi.protobuf.NextValidId_pb2 import NextValidId
from ibapi.protobuf.OpenOrdersEnd_pb2 import OpenOrdersEnd
from ibapi.protobuf.PositionEnd_pb2 import PositionEnd
from ibapi.protobuf.StartApiRequest_pb2 import StartApiRequest

from sim.rehearsal.tws import words
from sim.rehearsal.tws.desk import News, Refusal
from sim.rehearsal.tws.faults import Fault
from sim.rehearsal.tws.frames import hello, read_hello
from venues.ibkr.frames import frame, read_frame

NAMES: Final = {
    OUT.START_API: "start", OUT.REQ_CONTRACT_DATA: "contract", OUT.REQ_ACCOUNT_SUMMARY: "account_summary",
    OUT.REQ_POSITIONS: "positions", OUT.REQ_OPEN_ORDERS: "open_orders", OUT.REQ_ALL_OPEN_ORDERS: "open_orders",
    OUT.REQ_EXECUTIONS: "executions", OUT.REQ_COMPLETED_ORDERS: "completed_orders", OUT.PLACE_ORDER: "place",
    OUT.CANCEL_ORDER: "cancel", OUT.REQ_GLOBAL_CANCEL: "cancel_all", OUT.REQ_IDS: "ids",
    OUT.REQ_CURRENT_TIME: "time", OUT.REQ_CURRENT_TIME_IN_MILLIS: "time_in_millis",
    OUT.REQ_MARKET_RULE: "market_rule", OUT.REQ_MKT_DATA: "market_data", OUT.CANCEL_MKT_DATA: "cancel_market_data",
    OUT.REQ_MANAGED_ACCTS: "accounts",
}  # fmt: skip
BASE_CURRENCY: Final = "USD"


class Session:
    """`server` has the desk, the faults and the other sessions."""

    def __init__(self, server: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self.client_id: int | None = None
        self.market_data: dict[int, int] = {}  # request id -> contract

    async def run(self) -> None:
        """Serve until the client goes, or is cut off."""
        await read_hello(self._reader)
        self._send(hello(datetime.now(UTC).strftime("%Y%m%d %H:%M:%S UTC")))
        while True:
            number, body = await read_frame(self._reader)
            name = NAMES.get(number, str(number))
            self._server.counts[name] += 1
            if not self._serve(name, number, body):
                return

    def cut(self) -> None:
        """Drop the line."""
        self._writer.transport.abort()

    def tell(self, news: News) -> None:
        """Say what happened to an order of this client's."""
        order, contract = news.order, self._server.desk.contracts[news.order.con_id]
        copies = 2 if self._server.duplicate else 1
        for _ in range(copies):
            if news.execution is not None:
                self._send(words.execution(-1, news.execution, order, contract))
                if not self._server.hold_commissions:
                    self._send(words.commission(news.execution))
            self._send(words.open_order(order, contract), words.order_status(order))
        if order.status == "Cancelled":
            self.error(order.order_id, 202, f"Order Canceled - reason:{order.reason}")

    def error(self, request_id: int, code: int, text: str) -> None:
        """Say an error; `request_id` -1 is about the connection."""
        self._send(words.error(request_id, code, text, now_ns=self._server.now_ns()))

    def ticks(self, con_id: int) -> None:
        """Say a contract's quote to every subscription of it."""
        touch = self._server.desk.touches.get(con_id)
        for request_id, wanted in self.market_data.items():
            if touch is not None and wanted == con_id:
                self._send(*words.ticks(request_id, touch))

    def _serve(self, name: str, number: int, body: bytes) -> bool:
        """Do one request, or what a fault makes of it. False: the line is cut."""
        if name == "place":
            self._server.places[words.asked(body, client_id=0).order_ref.rpartition(":")[0]] += 1
        fault: Fault | None = self._server.faults.take(name)
        kind = "" if fault is None else fault.kind
        if kind in ("swallow", "drop"):
            if kind == "drop":
                self.cut()
            return kind != "drop"
        if fault is not None and kind == "error":
            self.error(_request_id(name, body), fault.code, fault.text)
            return True
        self._server.muted = kind == "mute" or kind == "drop_after"
        try:
            handler: Callable[[int, bytes], Iterable[bytes]] | None = getattr(self, f"_{name}", None)
            answers = list(handler(number, body)) if handler is not None else []
            if not self._server.muted:
                self._send(*answers)
        finally:
            self._server.muted = False
        if fault is not None and kind == "warn":
            self.error(_request_id(name, body), fault.code, fault.text)
        if kind == "drop_after":
            self.cut()
        return kind != "drop_after" and not self._writer.transport.is_closing()

    def _send(self, *frames: bytes) -> None:
        if not self._writer.transport.is_closing():
            self._writer.write(b"".join(frames))

    def _start(self, number: int, body: bytes) -> Iterable[bytes]:
        wanted = StartApiRequest.FromString(body).clientId
        if self._server.client_taken(wanted, self):
            self._send(
                words.error(-1, 326, "Unable to connect as the client id is already in use.", now_ns=self._server.now_ns())
            )
            self._writer.close()
            return
        self.client_id = wanted
        yield from self._accounts(number, body)
        yield from self._ids(number, body)
        for code, farm in ((2104, "Market data farm connection is OK:usfarm"), (2106, "HMDS data farm connection is OK:ushmds")):
            yield words.error(-1, code, farm, now_ns=self._server.now_ns())
        if not self._server.desk.online:
            yield words.error(-1, 1100, "Connectivity between IBKR and TWS has been lost.", now_ns=self._server.now_ns())

    def _accounts(self, number: int, body: bytes) -> Iterable[bytes]:
        yield frame(IN.MANAGED_ACCTS, ManagedAccounts(accountsList=self._server.desk.state.account))

    def _ids(self, number: int, body: bytes) -> Iterable[bytes]:
        yield frame(IN.NEXT_VALID_ID, NextValidId(orderId=self._server.desk.next_order_id(self.client_id or 0)))

    def _time(self, number: int, body: bytes) -> Iterable[bytes]:
        yield frame(IN.CURRENT_TIME, CurrentTime(currentTime=self._server.now_ns() // words.NS))

    def _time_in_millis(self, number: int, body: bytes) -> Iterable[bytes]:
        yield frame(IN.CURRENT_TIME_IN_MILLIS, CurrentTimeInMillis(currentTimeInMillis=self._server.now_ns() // 1_000_000))

    def _contract(self, number: int, body: bytes) -> Iterable[bytes]:
        request = ContractDataRequest.FromString(body)
        found = self._server.find_contract(request.contract)
        for contract in found:
            yield words.contract_data(request.reqId, contract)
        if found:
            yield frame(IN.CONTRACT_DATA_END, ContractDataEnd(reqId=request.reqId))
        else:
            text = "No security definition has been found for the request"
            yield words.error(request.reqId, 200, text, now_ns=self._server.now_ns())

    def _market_rule(self, number: int, body: bytes) -> Iterable[bytes]:
        wanted = MarketRuleRequest.FromString(body).marketRuleId
        for contract in self._server.desk.contracts.values():
            if contract.rule_id == wanted:
                yield words.market_rule(contract)
                return

    def _account_summary(self, number: int, body: bytes) -> Iterable[bytes]:
        request_id = AccountSummaryRequest.FromString(body).reqId
        state = self._server.desk.state
        yield from words.account_summary(request_id, state, net=self._server.net_value(), rates=BASE_CURRENCY)
        yield frame(IN.ACCOUNT_SUMMARY_END, AccountSummaryEnd(reqId=request_id))

    def _positions(self, number: int, body: bytes) -> Iterable[bytes]:
        desk = self._server.desk
        for con_id, quantity in desk.state.positions.items():
            if quantity:
                yield words.position(desk.state, desk.contracts[con_id])
        yield frame(IN.POSITION_END, PositionEnd())

    def _open_orders(self, number: int, body: bytes) -> Iterable[bytes]:
        """This client's orders, or everybody's."""
        desk = self._server.desk
        for order in desk.working():
            if number == OUT.REQ_ALL_OPEN_ORDERS or order.client_id == self.client_id:
                yield words.open_order(order, desk.contracts[order.con_id])
                yield words.order_status(order)
        yield frame(IN.OPEN_ORDER_END, OpenOrdersEnd())

    def _completed_orders(self, number: int, body: bytes) -> Iterable[bytes]:
        desk = self._server.desk
        for order in desk.state.orders:
            if not order.works:
                yield words.completed_order(order, desk.contracts[order.con_id])
        yield frame(IN.COMPLETED_ORDERS_END, CompletedOrdersEnd())

    def _executions(self, number: int, body: bytes) -> Iterable[bytes]:
        request_id, desk = ExecutionRequest.FromString(body).reqId, self._server.desk
        by_perm = {order.perm_id: order for order in desk.state.orders}
        for done in desk.state.executions:
            yield words.execution(request_id, done, by_perm[done.perm_id], desk.contracts[done.con_id])
            if not self._server.hold_commissions:
                yield words.commission(done)
        yield frame(IN.EXECUTION_DATA_END, ExecutionDetailsEnd(reqId=request_id))

    def _place(self, number: int, body: bytes) -> Iterable[bytes]:
        ask = words.asked(body, client_id=self.client_id or 0)
        yield from self._done(ask.order_id, self._server.step(lambda desk, now_ns: desk.place(ask, now_ns=now_ns)))

    def _cancel(self, number: int, body: bytes) -> Iterable[bytes]:
        order_id = CancelOrderRequest.FromString(body).orderId
        yield from self._done(order_id, self._server.step(lambda desk, now_ns: desk.cancel(self.client_id or 0, order_id)))

    def _cancel_all(self, number: int, body: bytes) -> Iterable[bytes]:
        for order in self._server.desk.working():
            self._server.step(lambda desk, now_ns, each=order: desk.end(each, "Cancelled", reason=""))
        return ()

    def _done(self, order_id: int, done: list[News] | Refusal) -> Iterable[bytes]:
        if isinstance(done, Refusal):
            yield words.error(order_id, done.code, done.text, now_ns=self._server.now_ns())

    def _market_data(self, number: int, body: bytes) -> Iterable[bytes]:
        request = MarketDataRequest.FromString(body)
        found = self._server.find_contract(request.contract)
        if not found:
            yield words.error(request.reqId, 200, "No security definition has been found", now_ns=self._server.now_ns())
            return
        self.market_data[request.reqId] = found[0].con_id
        touch = self._server.desk.touches.get(found[0].con_id)
        if touch is not None:
            yield from words.ticks(request.reqId, touch)

    def _cancel_market_data(self, number: int, body: bytes) -> Iterable[bytes]:
        self.market_data.pop(MarketDataRequest.FromString(body).reqId, None)
        return ()


def _request_id(name: str, body: bytes) -> int:
    """Return the id an error about a request carries; orders' requests begin with it as others do."""
    match name:
        case "place" | "cancel":
            return int(CancelOrderRequest.FromString(body).orderId)
        case "executions" | "account_summary" | "contract":
            return int(ExecutionDetailsEnd.FromString(body).reqId)
        case _:
            return -1
