"""The signed half of the REST side: orders, trades and the account, for whoever's key signs the request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from sim.rehearsal import wording
from sim.rehearsal.asking import parse_order
from sim.rehearsal.exchange import BAD_SYMBOL
from sim.rehearsal.signing import ApiKey, check_signed, missing
from sim.rehearsal.values import Order, Refusal
from sim.rehearsal.venue import Venue

LIMIT_DEFAULT: Final = 500
LIMIT_MAX: Final = 1_000
DAY_MS: Final = 86_400_000
NO_ORDER: Final = Refusal(code=-2013, message="Order does not exist.")
SPAN_TOO_LONG: Final = Refusal(code=-1127, message="More than 24 hours between startTime and endTime.")

SPAN_OF_TRANSFERS: Final = Refusal(code=-4047, message="The time between startTime and endTime should within 90 days.")

type Parameters = Mapping[str, str]
type Answer = dict[str, Any] | list[dict[str, Any]] | Refusal
type Work = Callable[[str, Parameters], Answer]


class PrivateRest:
    """Answers signed requests. `keys` by their public half."""

    def __init__(self, venue: Venue, *, keys: Mapping[str, ApiKey]) -> None:
        self._venue = venue
        self._keys = keys
        self._routes: dict[tuple[str, str], Work] = {
            ("POST", "/api/v3/order"): self._place,
            ("POST", "/api/v3/order/test"): self._test,
            ("GET", "/api/v3/order"): self._order,
            ("DELETE", "/api/v3/order"): self._cancel,
            ("GET", "/api/v3/openOrders"): self._open_orders,
            ("DELETE", "/api/v3/openOrders"): self._cancel_all,
            ("GET", "/api/v3/allOrders"): self._all_orders,
            ("GET", "/api/v3/myTrades"): self._my_trades,
            ("GET", "/api/v3/account"): self._account,
            ("GET", "/sapi/v1/account/apiRestrictions"): self._restrictions,
            ("GET", "/sapi/v1/capital/deposit/hisrec"): self._deposits,
            ("GET", "/sapi/v1/capital/withdraw/history"): self._withdrawals,
        }

    def add_to(self, app: web.Application) -> None:
        """Add the paths."""
        for (method, path), work in self._routes.items():
            app.router.add_route(method, path, self._handler(work))

    def _handler(self, work: Work) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            self._venue.public.connections += 1
            answer = self._signed(request, await request.text(), work)
            if isinstance(answer, Refusal):
                return web.json_response(wording.refusal(answer), status=answer.status)
            return web.json_response(answer)

        return handle

    def _signed(self, request: web.Request, body: str, work: Work) -> Answer:
        """Judge the signature over query and body as they were sent, then do the work."""
        total = "".join(part for part in (request.raw_path.partition("?")[2], body) if part)
        parameters = dict(parse_qsl(total, keep_blank_values=True))
        payload = total.replace(f"&signature={parameters.get('signature', '')}", "")
        key = check_signed(
            payload, parameters, key=request.headers.get("X-MBX-APIKEY"), keys=self._keys, now_ms=self._venue.now_ms()
        )
        return key if isinstance(key, Refusal) else work(key.account, parameters)

    def _place(self, account: str, parameters: Parameters) -> Answer:
        asked = parse_order(parameters, account=account, made_id=self._venue.made_id())
        placed = asked if isinstance(asked, Refusal) else self._venue.place(asked)
        if isinstance(placed, Refusal):
            return placed
        kind = parameters.get("newOrderRespType", "ACK" if placed.kind == "LIMIT_MAKER" else "FULL")
        return wording.order_placed(placed, self._venue.exchange.state.trades_for(placed.order_id), kind=kind)

    def _test(self, account: str, parameters: Parameters) -> Answer:
        asked = parse_order(parameters, account=account, made_id=self._venue.made_id())
        return asked if isinstance(asked, Refusal) else {}

    def _order(self, account: str, parameters: Parameters) -> Answer:
        ids = _ids(parameters)
        if isinstance(ids, Refusal):
            return ids
        order = self._venue.exchange.state.find(account, parameters["symbol"], order_id=ids[0], client_id=ids[1])
        return NO_ORDER if order is None else wording.order_state(order)

    def _cancel(self, account: str, parameters: Parameters) -> Answer:
        ids = _ids(parameters)
        if isinstance(ids, Refusal):
            return ids
        cancel_id = parameters.get("newClientOrderId", self._venue.made_id())
        done = self._venue.cancel(account, parameters["symbol"], order_id=ids[0], client_id=ids[1], cancel_id=cancel_id)
        return done if isinstance(done, Refusal) else wording.order_cancelled(done, cancel_id=cancel_id)

    def _open_orders(self, account: str, parameters: Parameters) -> Answer:
        symbol = parameters.get("symbol")
        if symbol is not None and symbol not in self._venue.exchange.books:
            return BAD_SYMBOL
        return [wording.order_state(order) for order in self._venue.exchange.open_orders(account, symbol)]

    def _cancel_all(self, account: str, parameters: Parameters) -> Answer:
        symbol = parameters.get("symbol", "")
        if symbol not in self._venue.exchange.books:
            return BAD_SYMBOL if symbol else missing("symbol")
        orders = self._venue.exchange.open_orders(account, symbol)
        if not orders:
            return Refusal(code=-2011, message="Unknown order sent.")
        rows = []
        for order in orders:
            cancel_id = self._venue.made_id()
            done = self._venue.cancel(account, symbol, order_id=order.order_id, client_id=None, cancel_id=cancel_id)
            assert isinstance(done, Order), "it was open a moment ago"
            rows.append(wording.order_cancelled(done, cancel_id=cancel_id))
        return rows

    def _all_orders(self, account: str, parameters: Parameters) -> Answer:
        page = self._page(parameters)
        if isinstance(page, Refusal):
            return page
        start_ms, end_ms, limit = page
        state, symbol = self._venue.exchange.state, parameters["symbol"]
        mine = [order for order in state.orders.values() if (order.account, order.symbol) == (account, symbol)]
        if "orderId" in parameters:
            chosen = [order for order in mine if order.order_id >= int(parameters["orderId"])][:limit]
        else:
            inside = [order for order in mine if start_ms <= order.created_ms <= end_ms]
            chosen = inside[:limit] if "startTime" in parameters else inside[-limit:]
        return [wording.order_state(order) for order in chosen]

    def _my_trades(self, account: str, parameters: Parameters) -> Answer:
        page = self._page(parameters)
        if isinstance(page, Refusal):
            return page
        start_ms, end_ms, limit = page
        mine = list(self._venue.exchange.state.trades_of(account, parameters["symbol"]))
        if "orderId" in parameters:
            mine = [trade for trade in mine if trade.order_id == int(parameters["orderId"])]
        if "fromId" in parameters:
            chosen = [trade for trade in mine if trade.trade_id >= int(parameters["fromId"])][:limit]
        else:
            inside = [trade for trade in mine if start_ms <= trade.ms <= end_ms]
            chosen = inside[:limit] if "startTime" in parameters else inside[-limit:]
        return [wording.my_trade(trade) for trade in chosen]

    def _account(self, account: str, parameters: Parameters) -> Answer:
        exchange = self._venue.exchange
        omit_zero = parameters.get("omitZeroBalances") == "true"
        return wording.account(account, exchange.state.balances, exchange.fees, now_ms=self._venue.now_ms(), omit_zero=omit_zero)

    def _restrictions(self, account: str, parameters: Parameters) -> Answer:
        return wording.api_restrictions()

    def _deposits(self, account: str, parameters: Parameters) -> Answer:
        return self._transfers(account, parameters, deposit=True)

    def _withdrawals(self, account: str, parameters: Parameters) -> Answer:
        return self._transfers(account, parameters, deposit=False)

    def _transfers(self, account: str, parameters: Parameters, *, deposit: bool) -> Answer:
        """Newest first, by when they were begun; at most 90 days may be asked for."""
        start_ms, end_ms = int(parameters.get("startTime", 0)), int(parameters.get("endTime", 2**53))
        if "startTime" in parameters and "endTime" in parameters and end_ms - start_ms > 90 * DAY_MS:
            return SPAN_OF_TRANSFERS
        chosen = [
            each
            for each in reversed(self._venue.exchange.state.transfers)
            if (each.account, each.deposit) == (account, deposit) and start_ms <= each.begun_ms <= end_ms
        ]
        word = wording.deposit if deposit else wording.withdrawal
        return [word(each) for each in chosen[: min(int(parameters.get("limit", LIMIT_MAX)), LIMIT_MAX)]]

    def _page(self, parameters: Parameters) -> tuple[int, int, int] | Refusal:
        """Return start, end and limit of a listing; at most 24 hours may lie between them."""
        symbol = parameters.get("symbol", "")
        if symbol not in self._venue.exchange.books:
            return BAD_SYMBOL if symbol else missing("symbol")
        for name in ("startTime", "endTime", "limit", "fromId", "orderId"):
            if name in parameters and not _is_number(parameters[name]):
                return Refusal(
                    code=-1100, message=f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
                )
        start_ms, end_ms = int(parameters.get("startTime", 0)), int(parameters.get("endTime", 2**53))
        if "startTime" in parameters and "endTime" in parameters and end_ms - start_ms > DAY_MS:
            return SPAN_TOO_LONG
        return start_ms, end_ms, min(int(parameters.get("limit", LIMIT_DEFAULT)), LIMIT_MAX)


def _ids(parameters: Parameters) -> tuple[int | None, str | None] | Refusal:
    """Return the order id or else the client id a request names its order by."""
    if not parameters.get("symbol"):
        return missing("symbol")
    number = parameters.get("orderId", "")
    if number:
        return (int(number), None) if _is_number(number) else missing("orderId")
    client_id = parameters.get("origClientOrderId", "")
    if client_id:
        return None, client_id
    return Refusal(code=-1102, message="Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20
