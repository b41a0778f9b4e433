"""The fake TWS' answers in IB's own protobuf messages, and its clients' orders out of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ibapi.message import IN
from ibapi.protobuf.AccountSummary_pb2 import AccountSummary
from ibapi.protobuf.CommissionAndFeesReport_pb2 import CommissionAndFeesReport
from ibapi.protobuf.CompletedOrder_pb2 import CompletedOrder
from ibapi.protobuf.ContractData_pb2 import ContractData
from ibapi.protobuf.ErrorMessage_pb2 import ErrorMessage
from ibapi.protobuf.ExecutionDetails_pb2 import ExecutionDetails
from ibapi.protobuf.MarketRule_pb2 import MarketRule
from ibapi.protobuf.OpenOrder_pb2 import OpenOrder
from ibapi.protobuf.OrderStatus_pb2 import OrderStatus
from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest
from ibapi.protobuf.Position_pb2 import Position
from ibapi.protobuf.TickPrice_pb2 import TickPrice
from ibapi.protobuf.TickSize_pb2 import TickSize

from sim.rehearsal.tws.desk import Ask
from sim.rehearsal.tws.values import ZERO, Contract, Execution, Order, State, Touch
from venues.ibkr.frames import frame

NS: int = 1_000_000_000
BID_SIZE, BID, ASK, ASK_SIZE = 0, 1, 2, 3
EXCHANGES = {"STK": "SMART,AMEX,NYSE,ARCA,NASDAQ,BATS,IEX", "CASH": "IDEALPRO"}


def asked(body: bytes, *, client_id: int) -> Ask:
    """Return the order of a placeOrder request."""
    request = PlaceOrderRequest.FromString(body)
    order = request.order
    return Ask(
        order_id=request.orderId,
        client_id=client_id,
        account=order.account,
        con_id=request.contract.conId,
        action=order.action,
        quantity=Decimal(order.totalQuantity or "0"),
        kind=order.orderType,
        limit=Decimal(repr(order.lmtPrice)) if order.HasField("lmtPrice") else None,
        tif=order.tif or "DAY",
        order_ref=order.orderRef,
    )


def error(request_id: int, code: int, text: str, *, now_ns: int) -> bytes:
    """Return an error; `request_id` -1 is about the connection."""
    return frame(IN.ERR_MSG, ErrorMessage(id=request_id, errorTime=now_ns // 1_000_000, errorCode=code, errorMsg=text))


def contract_data(request_id: int, contract: Contract) -> bytes:
    """Return the details of one contract."""
    message = ContractData(reqId=request_id)
    _fill_contract(message.contract, contract)
    details = message.contractDetails
    details.marketName = contract.symbol
    details.minTick = str(contract.min_tick)
    details.validExchanges = EXCHANGES[contract.sec_type]
    details.marketRuleIds = ",".join([str(contract.rule_id)] * len(details.validExchanges.split(",")))
    details.priceMagnifier = 1
    details.longName = contract.name
    details.timeZoneId = "US/Eastern"
    details.minSize = str(contract.min_quantity)
    details.sizeIncrement = str(contract.step_size)
    details.suggestedSizeIncrement = "100" if contract.sec_type == "STK" else str(contract.step_size)
    if contract.isin:
        details.secIdList["ISIN"] = contract.isin
    return frame(IN.CONTRACT_DATA, message)


def market_rule(contract: Contract) -> bytes:
    """Return the ticks by price of a contract's rule."""
    message = MarketRule(marketRuleId=contract.rule_id)
    for low, tick in contract.rule:
        message.priceIncrements.add(lowEdge=float(low), increment=float(tick))
    return frame(IN.MARKET_RULE, message)


def account_summary(request_id: int, state: State, *, net: Decimal, rates: str) -> Iterable[bytes]:
    """Return the account in `rates`, the base currency: its value, its cash, and what may be spent."""
    cash = state.cash.get(rates, ZERO)
    amounts = {
        "NetLiquidation": net,
        "TotalCashValue": cash,
        "FullAvailableFunds": cash,
        "FullInitMarginReq": net - cash,
        "FullMaintMarginReq": net - cash,
    }
    for tag, amount in amounts.items():
        yield frame(
            IN.ACCOUNT_SUMMARY,
            AccountSummary(reqId=request_id, account=state.account, tag=tag, value=f"{amount:.2f}", currency=rates),
        )


def position(state: State, contract: Contract) -> bytes:
    """Return one position with its average cost."""
    quantity = state.positions[contract.con_id]
    message = Position(account=state.account, position=str(quantity), avgCost=float(state.costs[contract.con_id] / quantity))
    _fill_contract(message.contract, contract)
    return frame(IN.POSITION_DATA, message)


def open_order(order: Order, contract: Contract) -> bytes:
    """Return an order that works, or has just ended."""
    message = OpenOrder(orderId=order.order_id)
    _fill_contract(message.contract, contract)
    _fill_order(message.order, order)
    message.orderState.status = order.status
    return frame(IN.OPEN_ORDER, message)


def completed_order(order: Order, contract: Contract) -> bytes:
    """Return an order of today that has ended. TWS gives it no order id here, only the permanent one."""
    message = CompletedOrder()
    _fill_contract(message.contract, contract)
    _fill_order(message.order, order)
    message.order.ClearField("orderId")
    message.order.filledQuantity = str(order.filled)
    message.orderState.status = order.status
    message.orderState.completedStatus = f"{order.status} {order.reason}".strip()
    return frame(IN.COMPLETED_ORDER, message)


def order_status(order: Order) -> bytes:
    """Return where an order stands."""
    message = OrderStatus(
        orderId=order.order_id,
        status=order.status,
        filled=str(order.filled),
        remaining=str(order.leaves),
        avgFillPrice=float(order.cost / order.filled) if order.filled else 0.0,
        permId=order.perm_id,
        clientId=order.client_id,
    )
    return frame(IN.ORDER_STATUS, message)


def execution(request_id: int, done: Execution, order: Order, contract: Contract) -> bytes:
    """Return one fill; `request_id` -1 for what happens now."""
    message = ExecutionDetails(reqId=request_id)
    _fill_contract(message.contract, contract)
    part = message.execution
    part.orderId, part.permId, part.clientId = order.order_id, order.perm_id, order.client_id
    part.execId = done.exec_id
    part.time = datetime.fromtimestamp(done.time_ns // NS, UTC).strftime("%Y%m%d %H:%M:%S UTC")
    part.acctNumber, part.exchange = order.account, contract.primary
    part.side = "BOT" if order.action == "BUY" else "SLD"
    part.shares, part.price = str(done.quantity), float(done.price)
    part.cumQty, part.avgPrice = str(done.total), float(order.cost / order.filled)
    part.orderRef = order.order_ref
    part.lastLiquidity = 2 if order.kind == "MKT" else 1
    return frame(IN.EXECUTION_DATA, message)


def commission(done: Execution) -> bytes:
    """Return what a fill cost."""
    return frame(
        IN.COMMISSION_AND_FEES_REPORT,
        CommissionAndFeesReport(execId=done.exec_id, commissionAndFees=float(done.fee), currency=done.currency),
    )


def ticks(request_id: int, touch: Touch) -> Iterable[bytes]:
    """Return a quote as TWS says it: price and size of each side."""
    for tick, price, size_tick, size in ((BID, touch.bid, BID_SIZE, touch.bid_size), (ASK, touch.ask, ASK_SIZE, touch.ask_size)):
        yield frame(IN.TICK_PRICE, TickPrice(reqId=request_id, tickType=tick, price=float(price), size=str(size)))
        yield frame(IN.TICK_SIZE, TickSize(reqId=request_id, tickType=size_tick, size=str(size)))


def _fill_contract(message: Any, contract: Contract) -> None:
    message.conId, message.symbol, message.secType = contract.con_id, contract.symbol, contract.sec_type
    message.exchange = "SMART" if contract.sec_type == "STK" else contract.primary
    message.primaryExch = contract.primary if contract.sec_type == "STK" else ""
    message.currency, message.localSymbol = contract.currency, contract.local_symbol
    message.tradingClass = contract.symbol if contract.sec_type == "STK" else contract.local_symbol


def _fill_order(message: Any, order: Order) -> None:
    message.orderId, message.clientId, message.permId = order.order_id, order.client_id, order.perm_id
    message.action, message.totalQuantity, message.orderType = order.action, str(order.quantity), order.kind
    message.tif, message.account, message.orderRef = order.tif, order.account, order.order_ref
    if order.limit is not None:
        message.lmtPrice = float(order.limit)
