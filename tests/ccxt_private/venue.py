"""A minimal Binance spot account on loopback, in the test's own process: signed REST, a user socket, faults by request.

It executes first and then misbehaves, or misbehaves first, as told; `orders` and `trades` are the truth. Market orders fill at
the touch, limit orders rest unless they cross it; fees are 0.1 %, of buys in the base currency.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from sim.rehearsal.listing import LISTINGS, text
from tests import canary

KEY, SECRET = canary.key(), canary.secret()  # of this run alone: they must be seen nowhere
FEE = Decimal("0.001")
OPEN = ("NEW", "PARTIALLY_FILLED")
HTML = "<html>maintenance</html>"
ERRORS = {
    "503": (503, {"code": -1007, "msg": "Timeout waiting for response from backend server. Send status unknown."}),
    "1000": (503, {"code": -1000, "msg": "An unknown error occurred while processing the request."}),
    "429": (429, {"code": -1003, "msg": "Too many requests."}),
    "418": (418, {"code": -1003, "msg": "Way too many requests; IP banned."}),
    "1021": (400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}),
    "2010": (400, {"code": -2010, "msg": "Account has insufficient balance for requested action."}),
    "1013": (400, {"code": -1013, "msg": "Filter failure: LOT_SIZE"}),
    "dup": (400, {"code": -2010, "msg": "Duplicate order sent."}),
    "2013": (400, {"code": -2013, "msg": "Order does not exist."}),
    "401": (401, {"code": -1022, "msg": "Signature for this request is not valid."}),
}  # fmt: skip


@dataclass
class Fault:
    """`kind`: one of ERRORS, or hang, drop, cut, 504html, html200, empty, object. `after`: the venue has executed."""

    kind: str
    after: bool = True


@dataclass
class LoopbackVenue:
    balances: dict[str, Decimal] = field(
        default_factory=lambda: {"USDT": Decimal(100_000), "BTC": Decimal(1), "ETH": Decimal(10)}
    )
    touch: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {"BTCUSDT": ("99999.00", "100000.00"), "ETHUSDT": ("3999.00", "4000.00")}
    )
    orders: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    skew_ms: int = 0
    can_withdraw: bool = False
    down: bool = False  # every REST request is received and dropped
    retry_after: str = "0"
    padding: str = ""
    silent: bool = False  # the user socket says nothing
    part: Decimal | None = None  # a market order fills in two parts, the first of this size
    listed: bool = True  # whether orders are to be seen by look-ups: a venue that reads older than it writes
    _faults: dict[str, deque[Fault]] = field(default_factory=dict)
    _sockets: list[web.WebSocketResponse] = field(default_factory=list)
    _subscribed: set[int] = field(default_factory=set)
    _hanging: list[asyncio.Event] = field(default_factory=list)
    _sends: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        for event in self._hanging:
            event.set()
        self.drop_sockets()
        await self._runner.cleanup()

    def fault(self, request: str, *faults: Fault) -> None:
        """Queue faults for requests such as "POST order"."""
        self._faults.setdefault(request, deque()).extend(faults)

    def drop_sockets(self, *, refuse: bool = False) -> None:
        for socket in self._sockets:
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()
        self._sockets.clear()
        self._subscribed.clear()

    def subscribed(self) -> bool:
        return bool(self._subscribed)

    def by_client_id(self, client_id: str) -> list[dict[str, Any]]:
        return [order for order in self.orders if order["clientOrderId"] == client_id]

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.skew_ms

    # the exchange

    def fill(self, order: dict[str, Any], quantity: Decimal, price: Decimal, *, maker: bool) -> None:
        """Execute a part of an order and tell the stream."""
        base, quote = order["symbol"][:-4], order["symbol"][-4:]
        buys = order["side"] == "BUY"
        fee, asset = (quantity * FEE, base) if buys else (quantity * price * FEE, quote)
        self.balances[base] = self.balances.get(base, Decimal(0)) + (quantity if buys else -quantity)
        self.balances[quote] = self.balances.get(quote, Decimal(0)) + (-quantity if buys else quantity) * price
        self.balances[asset] -= fee
        done = Decimal(order["executedQty"]) + quantity
        order["executedQty"] = text(done)
        order["status"] = "FILLED" if done == Decimal(order["origQty"]) else "PARTIALLY_FILLED"
        order["updateTime"] = self.now_ms()
        trade = {
            "symbol": order["symbol"], "id": len(self.trades) + 1, "orderId": order["orderId"], "price": text(price),
            "qty": text(quantity), "commission": text(fee), "commissionAsset": asset, "time": self.now_ms(), "isBuyer": buys,
            "isMaker": maker, "isBestMatch": True, "quoteQty": text(quantity * price), "orderListId": -1,
        }  # fmt: skip
        self.trades.append(trade)
        self._report(order, "TRADE", trade)
        self._account_event()

    def place(self, query: dict[str, str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Take an order as the venue does; return it and its trades so far."""
        now, before = self.now_ms(), len(self.trades)
        order = {
            "symbol": query["symbol"], "orderId": 1_000 + len(self.orders), "orderListId": -1,
            "clientOrderId": query.get("newClientOrderId", f"web_{len(self.orders)}"), "price": query.get("price", "0.00000000"),
            "origQty": text(Decimal(query["quantity"])), "executedQty": text(Decimal(0)), "cummulativeQuoteQty": "0.00000000",
            "status": "NEW", "timeInForce": query.get("timeInForce", "GTC"), "type": query["type"], "side": query["side"],
            "time": now, "updateTime": now, "isWorking": True, "workingTime": now, "selfTradePreventionMode": "NONE",
        }  # fmt: skip
        self.orders.append(order)
        self._report(order, "NEW", None)
        bid, ask = (Decimal(price) for price in self.touch[order["symbol"]])
        far = ask if order["side"] == "BUY" else bid
        limit = Decimal(order["price"])
        crosses = order["type"] == "MARKET" or (limit >= ask if order["side"] == "BUY" else limit <= bid)
        quantity = Decimal(order["origQty"])
        if crosses:
            for part in [quantity] if self.part is None else [self.part, quantity - self.part]:
                self.fill(order, part, far, maker=False)
        return order, self.trades[before:]

    def cancel(self, order: dict[str, Any], status: str = "CANCELED") -> None:
        order["status"], order["updateTime"] = status, self.now_ms()
        self._report(order, status, None)

    # what goes over the wire

    def _report(self, order: dict[str, Any], kind: str, trade: dict[str, Any] | None) -> None:
        self.tell({
            "e": "executionReport", "E": self.now_ms(), "s": order["symbol"], "c": order["clientOrderId"], "S": order["side"],
            "o": order["type"], "f": order["timeInForce"], "q": order["origQty"], "p": order["price"], "P": "0.00000000",
            "F": "0.00000000", "g": -1, "C": "", "x": kind, "X": order["status"], "r": "NONE", "i": order["orderId"],
            "l": trade["qty"] if trade else "0.00000000", "z": order["executedQty"],
            "L": trade["price"] if trade else "0.00000000",
            "n": trade["commission"] if trade else "0", "N": trade["commissionAsset"] if trade else None,
            "T": self.now_ms(), "t": trade["id"] if trade else -1, "I": 1, "w": True, "m": bool(trade and trade["isMaker"]),
            "M": False, "O": order["time"], "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000",
        })  # fmt: skip

    def _account_event(self) -> None:
        rows = [{"a": asset, "f": text(amount), "l": "0.00000000"} for asset, amount in self.balances.items()]
        self.tell({"e": "outboundAccountPosition", "E": self.now_ms(), "u": self.now_ms(), "B": rows})

    def tell(self, event: Any) -> None:
        """Send an event to every subscribed user socket."""
        if self.silent:
            return
        for socket in self._sockets:
            if id(socket) in self._subscribed and not socket.closed:
                task = asyncio.ensure_future(socket.send_str(json.dumps({"subscriptionId": 0, "event": event})))
                self._sends.add(task)
                task.add_done_callback(self._sends.discard)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/ws-api/v3":
            return await self._socket(request)
        name = f"{request.method} {path.rpartition('/')[2]}"
        self.requests[name] += 1
        body = (await request.text()) or request.query_string
        query = dict(parse_qsl(body))
        if self.down:
            return self._drop(request)
        if name == "GET time":
            return web.json_response({"serverTime": self.now_ms()})
        if name == "GET exchangeInfo":
            listed = [listing.exchange_info() for listing in LISTINGS]
            return web.json_response(
                {"timezone": "UTC", "serverTime": 0, "rateLimits": [], "exchangeFilters": [], "symbols": listed}
            )
        signed, _, signature = body.partition("&signature=")
        if request.headers.get("X-MBX-APIKEY") != KEY or not hmac.compare_digest(_sign(signed), signature):
            return web.json_response({"code": -1022, "msg": "Signature for this request is not valid."}, status=400)
        waiting = self._faults.get(name)
        fault = waiting.popleft() if waiting else None
        if fault is not None and not fault.after:
            return await self._spoil(request, fault, web.json_response({}))
        if abs(int(query["timestamp"]) - self.now_ms()) > int(query.get("recvWindow", 5_000)):
            status, error = ERRORS["1021"]
            return web.json_response(error, status=status)
        answer = self._answer(name, query)
        return answer if fault is None else await self._spoil(request, fault, answer)

    def _answer(self, name: str, query: dict[str, str]) -> web.Response:
        symbol = query.get("symbol", "")
        mine = [order for order in self.orders if order["symbol"] == symbol and self.listed]
        since = int(query.get("startTime", 0))
        if name == "POST order":
            open_ids = {order["clientOrderId"] for order in self.orders if order["status"] in OPEN}
            if query.get("newClientOrderId") in open_ids:
                return web.json_response(ERRORS["dup"][1], status=400)
            order, trades = self.place(query)
            fills = [
                {"tradeId": trade["id"], **{key: trade[key] for key in ("price", "qty", "commission", "commissionAsset")}}
                for trade in trades
            ]
            return web.json_response({**order, "transactTime": order["updateTime"], "fills": fills})
        if name in ("GET order", "DELETE order"):
            found = [o for o in mine if query.get("origClientOrderId", o["clientOrderId"]) == o["clientOrderId"]]
            found = [order for order in found if int(query.get("orderId", order["orderId"])) == order["orderId"]]
            gone = not found or (name == "DELETE order" and found[-1]["status"] not in OPEN)
            if gone:
                code = -2011 if name == "DELETE order" else -2013
                return web.json_response(
                    {"code": code, "msg": "Unknown order sent." if code == -2011 else "Order does not exist."}, status=400
                )
            if name == "DELETE order":
                self.cancel(found[-1])
            return web.json_response(found[-1])
        if name == "GET openOrders":
            return web.json_response([order for order in mine if order["status"] in OPEN])
        if name == "GET allOrders":
            return web.json_response([order for order in mine if order["time"] >= since])
        if name == "GET myTrades":
            until, visible = int(query.get("endTime", 2**53)), self.trades if self.listed else []
            rows = [t for t in visible if t["symbol"] == symbol and since <= t["time"] <= until]
            return web.json_response(rows[: int(query.get("limit", 500))])
        if name == "GET account":
            rows = [{"asset": asset, "free": text(amount), "locked": "0.00000000"} for asset, amount in self.balances.items()]
            return web.json_response({"uid": 4711, "accountType": "SPOT", "updateTime": self.now_ms(), "balances": rows})
        if name == "GET apiRestrictions":
            return web.json_response(
                {"enableWithdrawals": self.can_withdraw, "enableReading": True, "enableSpotAndMarginTrading": True}
            )
        return web.json_response({"code": -1, "msg": f"not spoken here: {name}"}, status=404)

    async def _spoil(self, request: web.Request, fault: Fault, answer: web.Response) -> web.StreamResponse:
        body = bytes(answer.body or b"")  # type: ignore[arg-type]
        if fault.kind in ERRORS:
            status, error = ERRORS[fault.kind]
            headers = {"Retry-After": self.retry_after} if status in (418, 429) else None
            return web.json_response(error, status=status, headers=headers)
        if fault.kind == "hang":
            released = asyncio.Event()
            self._hanging.append(released)
            await released.wait()
            return answer
        if fault.kind == "drop":
            return self._drop(request)
        if fault.kind == "cut":
            response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            self._drop(request)
            return response
        texts = {
            "huge": (200, f'[{{"padding": "{self.padding}"}}]'),
            "504html": (504, HTML),
            "html200": (200, HTML),
            "empty": (200, ""),
            "object": (200, "{}"),
        }
        status, page = texts[fault.kind]
        return web.Response(status=status, text=page, content_type="application/json" if page[:1] in ("{", "[") else "text/html")

    def _drop(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        self._sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = json.loads(message.data)
                self.requests[asked["method"]] += 1
                if asked["method"] == "userDataStream.subscribe.signature":
                    self._subscribed.add(id(socket))
                    await socket.send_str(json.dumps({"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}}))
        return socket


def _sign(query: str) -> str:
    return hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
