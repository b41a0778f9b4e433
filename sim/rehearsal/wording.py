"""Orders, trades, balances and events as Binance words them, on REST and on the user data stream."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sim.rehearsal.balances import Balances
from sim.rehearsal.listing import text
from sim.rehearsal.settlement import FeeRates
from sim.rehearsal.values import Moved, Order, Refusal, Reported, Trade, Transfer

ZERO: Final = text(Decimal(0))
ACCOUNT_UID: Final = 354_937_868


def refusal(refused: Refusal) -> dict[str, Any]:
    """Return an error body."""
    return {"code": refused.code, "msg": refused.message}


def order_state(order: Order) -> dict[str, Any]:
    """Return an order as GET order, openOrders and allOrders have it."""
    return {
        **_order_head(order),
        "stopPrice": ZERO,
        "icebergQty": ZERO,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": True,
        "workingTime": order.created_ms,
        "origQuoteOrderQty": text(order.quote_quantity),
    }


def order_placed(order: Order, trades: Iterable[Trade], *, kind: str) -> dict[str, Any]:
    """Return the answer to a new order; `kind` is ACK, RESULT or FULL."""
    if kind == "ACK":
        names = ("symbol", "orderId", "orderListId", "clientOrderId")
        return {**{name: _order_head(order)[name] for name in names}, "transactTime": order.updated_ms}
    body = {
        **_order_head(order),
        "transactTime": order.updated_ms,
        "workingTime": order.created_ms,
        "origQuoteOrderQty": text(order.quote_quantity),
    }
    if kind == "FULL":
        body["fills"] = [
            {
                "price": text(trade.price),
                "qty": text(trade.quantity),
                "commission": text(trade.fee),
                "commissionAsset": trade.fee_asset,
                "tradeId": trade.trade_id,
            }
            for trade in trades
        ]
    return body


def order_cancelled(order: Order, *, cancel_id: str) -> dict[str, Any]:
    """Return the answer to a cancel: the order's own client id stands in `origClientOrderId`."""
    return {
        **_order_head(order),
        "origClientOrderId": order.client_id,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
    }


def _order_head(order: Order) -> dict[str, Any]:
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": text(order.price),
        "origQty": text(order.quantity),
        "executedQty": text(order.executed),
        "cummulativeQuoteQty": text(order.turnover),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "side": order.side.value,
        "selfTradePreventionMode": order.self_trade,
    }


def my_trade(trade: Trade) -> dict[str, Any]:
    """Return a trade as myTrades has it."""
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "quoteQty": text(trade.turnover),
        "commission": text(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.ms,
        "isBuyer": trade.side == "BUY",
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def account(name: str, balances: Balances, fees: FeeRates, *, now_ms: int, omit_zero: bool) -> dict[str, Any]:
    """Return GET account."""
    rows = [
        {"asset": asset, "free": text(holding.free), "locked": text(holding.locked)}
        for asset, holding in balances.of(name)
        if not omit_zero or holding.free or holding.locked
    ]
    rates = {"maker": text(fees.maker), "taker": text(fees.taker), "buyer": ZERO, "seller": ZERO}
    return {
        "makerCommission": int(fees.maker * 10_000),
        "takerCommission": int(fees.taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": rates,
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": now_ms,
        "accountType": "SPOT",
        "balances": rows,
        "permissions": ["SPOT"],
        "uid": ACCOUNT_UID,
    }


def execution_report(reported: Reported, *, now_ms: int) -> dict[str, Any]:
    """Return an executionReport. On a cancel `c` is the cancel's id and `C` the order's, as the venue has it."""
    order, trade = reported.order, reported.trade
    cancelled = reported.kind == "CANCELED"
    return {
        "e": "executionReport",
        "E": now_ms,
        "s": order.symbol,
        "c": reported.cancel_id if cancelled else order.client_id,
        "S": order.side.value,
        "o": order.kind,
        "f": order.time_in_force,
        "q": text(order.quantity),
        "p": text(order.price),
        "P": ZERO,
        "F": ZERO,
        "g": -1,
        "C": order.client_id if cancelled else "",
        "x": reported.kind,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": text(trade.quantity) if trade else ZERO,
        "z": text(order.executed),
        "L": text(trade.price) if trade else ZERO,
        "n": text(trade.fee) if trade else "0",
        "N": trade.fee_asset if trade else None,
        "T": order.updated_ms,
        "t": trade.trade_id if trade else -1,
        "I": order.order_id * 2,
        "w": order.is_open and not trade,
        "m": trade.is_maker if trade else False,
        "M": False,
        "O": order.created_ms,
        "Z": text(order.turnover),
        "Y": text(trade.turnover) if trade else ZERO,
        "Q": text(order.quote_quantity),
        "W": order.created_ms,
        "V": order.self_trade,
    }


def balance_events(moved: Moved, balances: Balances, *, now_ms: int) -> list[dict[str, Any]]:
    """Return outboundAccountPosition of the assets that moved, before it balanceUpdate for a deposit or withdrawal."""
    events: list[dict[str, Any]] = []
    if moved.by_hand is not None:
        (asset,) = moved.assets
        events.append({"e": "balanceUpdate", "E": now_ms, "a": asset, "d": text(moved.by_hand), "T": now_ms})
    rows = [
        {"a": asset, "f": text(balances.free(moved.account, asset)), "l": text(balances.locked(moved.account, asset))}
        for asset in moved.assets
    ]
    return [*events, {"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": rows}]


def deposit(transfer: Transfer) -> dict[str, Any]:
    """Return a deposit as /sapi/v1/capital/deposit/hisrec has it: status 0 pending, 1 success."""
    done = {} if transfer.done_ms is None else {"completeTime": transfer.done_ms}
    return {
        **_transfer_head(transfer),
        "status": 0 if transfer.done_ms is None else 1,
        "insertTime": transfer.begun_ms,
        **done,
        "confirmTimes": "1/1",
        "unlockConfirm": 1,
        "walletType": 0,
    }


def withdrawal(transfer: Transfer) -> dict[str, Any]:
    """Return a withdrawal as /sapi/v1/capital/withdraw/history has it: status 4 processing, 6 completed; times are texts."""
    done = {} if transfer.done_ms is None else {"completeTime": _utc(transfer.done_ms)}
    return {
        **_transfer_head(transfer),
        "transactionFee": text(transfer.fee),
        "status": 4 if transfer.done_ms is None else 6,
        "applyTime": _utc(transfer.begun_ms),
        **done,
        "info": "",
        "confirmNo": 1,
    }


def _transfer_head(transfer: Transfer) -> dict[str, Any]:
    return {
        "id": transfer.transfer_id,
        "amount": text(transfer.amount),
        "coin": transfer.asset,
        "network": transfer.asset,
        "address": "rehearsal",
        "addressTag": "",
        "txId": f"rehearsal-{transfer.number}",
        "transferType": 0,
    }


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def api_restrictions() -> dict[str, Any]:
    """Return what the key may do: trade on spot, and nothing that moves money away."""
    return {
        "ipRestrict": False,
        "createTime": 1_700_000_000_000,
        "enableReading": True,
        "enableSpotAndMarginTrading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "enableVanillaOptions": False,
        "permitsUniversalTransfer": False,
        "enablePortfolioMarginTrading": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
    }
