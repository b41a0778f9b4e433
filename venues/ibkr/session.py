"""The socket to TWS: Nautilus' own client, whose messages about orders are told to us before Nautilus makes anything of them.

Nautilus keeps of a query only what its bookkeeping asks for, logs most errors about orders and drops completed orders. Here each
message reaches one listener, and every query answers with whether it was answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from decimal import Decimal
from typing import Any, Final, Protocol

from nautilus_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from nautilus_trader.adapters.interactive_brokers.client.wrapper import InteractiveBrokersEWrapper

from venues.ibkr.details import exact
from venues.ibkr.gateway import HOST, IbkrGateway, IbkrTiming
from venues.ibkr.order_errors import CLIENT_ID_TAKEN, LOST, RESTORED

REQUEST_IDS_FROM: Final = (
    1_000_000_000  # far above order ids: Nautilus takes an error about order 10001 for one about request 10001
)
COMPLETED: Final = "CompletedOrders"
CASH: Final = "Cash"
CASH_TAG: Final = "TotalCashValue"
RETRY_S: Final = 1  # first pause before the line is tried again, doubling
RETRY_S_MAX: Final = 30
CLOSE_S: Final = 2.0


class OrderNews(Protocol):
    """Who is told what TWS says of orders; all on the loop's thread."""

    def open_order(self, order: Any, contract: Any, status: str) -> None:
        """An order that works, or has just ended."""
        ...

    def completed_order(self, order: Any, contract: Any, status: str) -> None:
        """An order of today that has ended."""
        ...

    def order_status(
        self, *, order_id: int, client_id: int, perm_id: int, status: str, filled: Decimal, remaining: Decimal, why_held: str
    ) -> None:
        """Where an order stands."""
        ...

    def execution(self, execution: Any, contract: Any, *, live: bool) -> None:
        """A fill; what it cost comes apart."""
        ...

    def commission(self, report: Any) -> None:
        """What a fill cost."""
        ...

    def order_error(self, order_id: int, code: int, text: str) -> None:
        """An error that names no request of ours: an order's."""
        ...

    def connection(self, code: int, text: str) -> None:
        """TWS lost IB, has it back, or turns us away."""
        ...


class _Wrapper(InteractiveBrokersEWrapper):
    """Nautilus' own, with the messages it only logs."""

    def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:
        client = self._client
        client.submit_to_msg_handler_queue(lambda: client.process_completed_order(contract, order, orderState))

    def completedOrdersEnd(self) -> None:
        self._client.submit_to_msg_handler_queue(self._client.process_completed_orders_end)

    def accountSummaryEnd(self, reqId: int) -> None:
        client = self._client
        client.submit_to_msg_handler_queue(lambda: client.process_account_summary_end(reqId))

    def marketRule(self, marketRuleId: int, priceIncrements: Any) -> None:
        client = self._client
        client.submit_to_msg_handler_queue(lambda: client.process_market_rule(marketRuleId, priceIncrements))


class IbkrSession(InteractiveBrokersClient):
    """One client id at one TWS. `news` is set before `start`; `reaches_ib` is false between 1100 and 1101 or 1102."""

    news: OrderNews

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any, gateway: IbkrGateway, timing: IbkrTiming
    ) -> None:
        super().__init__(
            loop=loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            host=HOST,
            port=gateway.port,
            client_id=gateway.client_id,
            fetch_all_open_orders=True,  # under another client id our orders would look absent
            request_timeout_secs=timing.request_s,
        )
        self._eclient.wrapper = _Wrapper(nautilus_logger=self._log, client=self)
        self._request_id_seq = REQUEST_IDS_FROM
        self._client_id_reuse_limit = 1 << 31  # never another client id: its orders could not be cancelled, ours not be seen
        self._reconnect_delay, self._reconnect_delay_max, self._reconnect_jitter_secs = RETRY_S, RETRY_S_MAX, 0
        self._running: set[asyncio.Task[Any]] = set()
        self.reaches_ib = True
        self.client_id_taken = False

    async def close(self) -> None:
        """End the line and everything that works on it, now: TWS gives the client id away only once the line is gone."""
        if self.is_running or self.is_degraded:
            self.stop()
        self._hang_up()
        self._eclient.disconnect()
        while waiting := {task for task in self._running if not task.done() and task is not asyncio.current_task()}:
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting, timeout=CLOSE_S)

    def _hang_up(self) -> None:
        """End the socket at once: a thread still reads it, so that closing alone leaves line and client id up for a second."""
        line = self._eclient.conn
        if line is not None and line.socket is not None:
            with contextlib.suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)

    async def _stop_async(self) -> None:
        self._hang_up()  # Nautilus connects anew right after, and would be turned away with 326 by its own old line
        await super()._stop_async()

    def _create_task(self, coro: Any, *rest: Any, **more: Any) -> Any:
        task = super()._create_task(coro, *rest, **more)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _on_task_completed(self, actions: Any, success: Any, task: Any) -> None:
        if not task.cancelled():  # Nautilus asks it for its exception, which raises
            super()._on_task_completed(actions, success, task)

    @property
    def in_touch(self) -> bool:
        """Whether TWS is connected to us and to IB, as far as is known now."""
        return bool(self.is_ready and self._is_ib_connected.is_set() and self._eclient.isConnected() and self.reaches_ib)

    @property
    def own_client_id(self) -> int:
        """The client id of this line."""
        return int(self._client_id)

    async def completed_orders(self) -> bool:
        """Ask for today's ended orders, which `news` is told; return whether TWS answered."""
        request: Any = self._requests.get(name=COMPLETED)
        if request is None:
            request = self._requests.add(
                req_id=self._next_req_id(), name=COMPLETED, handle=lambda: self._eclient.reqCompletedOrders(False)
            )
            request.handle()
        return await self._await_request(request, self._request_timeout_secs) is not None

    async def market_rule(self, rule_id: int) -> tuple[Any, ...] | None:
        """Return the price increments of a market rule, in rising order of their lowest price; None: TWS did not answer."""
        name = f"MarketRule-{rule_id}"
        request: Any = self._requests.get(name=name)
        if request is None:
            request = self._requests.add(
                req_id=self._next_req_id(), name=name, handle=lambda: self._eclient.reqMarketRule(rule_id)
            )
            request.handle()
        found = await self._await_request(request, self._request_timeout_secs)
        return None if found is None else tuple(found)

    async def cash(self, account: str) -> tuple[str, Decimal] | None:
        """Return the account's base currency and all its cash in it, as TWS says it now; None: TWS did not answer it whole."""
        request: Any = self._requests.get(name=CASH)
        if request is None:
            req_id = self._next_req_id()
            request = self._requests.add(
                req_id=req_id, name=CASH, handle=lambda: self._eclient.reqAccountSummary(req_id, "All", CASH_TAG)
            )
            request.handle()
        found = await self._await_request(request, self._request_timeout_secs)
        if self._eclient.isConnected():
            self._eclient.cancelAccountSummary(request.req_id)  # TWS would go on telling it, to two askers at most
        told = [(currency, exact(value)) for who, currency, value in found or () if who == account]
        if len(told) != 1 or told[0][1] is None:
            return None
        return told[0][0], told[0][1]

    async def open_orders(self, account: str) -> bool:
        """Ask for working orders of every client, which `news` is told; return whether TWS answered."""
        return await self.get_open_orders(account) is not None

    async def executions(self, account: str) -> bool:
        """Ask for today's executions, which `news` is told; return whether TWS answered."""
        return await self.get_executions(account) is not None

    # what TWS says; Nautilus' own handling goes on where a query of its needs it

    async def process_open_order(self, *, order_id: int, contract: Any, order: Any, order_state: Any) -> None:
        """See `OrderNews.open_order`."""
        self.news.open_order(order, contract, str(order_state.status))
        await super().process_open_order(order_id=order_id, contract=contract, order=order, order_state=order_state)

    async def process_completed_order(self, contract: Any, order: Any, order_state: Any) -> None:
        """See `OrderNews.completed_order`."""
        self.news.completed_order(order, contract, str(order_state.status))

    async def process_completed_orders_end(self) -> None:
        """The list is whole."""
        request = self._requests.get(name=COMPLETED)
        if request is not None:
            self._end_request(request.req_id)

    async def process_market_rule(self, rule_id: int, increments: Any) -> None:
        """The answer to `market_rule`."""
        request = self._requests.get(name=f"MarketRule-{rule_id}")
        if request is not None:
            request.result.extend(increments)
            self._end_request(request.req_id)

    async def process_account_summary(self, *, req_id: int, account_id: str, tag: str, value: str, currency: str) -> None:
        """The answer to `cash`, or Nautilus' own subscription."""
        request = self._requests.get(req_id=req_id)
        if request is None:
            await super().process_account_summary(req_id=req_id, account_id=account_id, tag=tag, value=value, currency=currency)
        elif tag == CASH_TAG:
            request.result.append((account_id, currency, value))

    async def process_account_summary_end(self, req_id: int) -> None:
        """The answer to `cash` is whole."""
        if self._requests.get(req_id=req_id) is not None:
            self._end_request(req_id)

    async def process_order_status(self, **facts: Any) -> None:
        """See `OrderNews.order_status`."""
        names = ("order_id", "client_id", "perm_id", "status", "filled", "remaining", "why_held")
        self.news.order_status(**{name: facts[name] for name in names})

    async def process_exec_details(self, *, req_id: int, contract: Any, execution: Any) -> None:
        """See `OrderNews.execution`."""
        self.news.execution(execution, contract, live=req_id == -1)

    async def process_commission_report(self, *, commission_report: Any) -> None:
        """See `OrderNews.commission`."""
        self.news.commission(commission_report)

    async def process_error(
        self, *, req_id: int, error_time: int, error_code: int, error_string: str, advanced_order_reject_json: str = ""
    ) -> None:
        """See `OrderNews.order_error` and `connection`."""
        if error_code in LOST or error_code == CLIENT_ID_TAKEN:
            self.reaches_ib = self.reaches_ib and error_code == CLIENT_ID_TAKEN
            self.client_id_taken = self.client_id_taken or error_code == CLIENT_ID_TAKEN
        elif error_code in RESTORED:
            self.reaches_ib = True
        if 0 <= req_id < REQUEST_IDS_FROM:
            self.news.order_error(req_id, error_code, error_string)
        elif error_code in LOST or error_code in RESTORED or error_code == CLIENT_ID_TAKEN:
            self.news.connection(error_code, error_string)
        if req_id < 0 or req_id >= REQUEST_IDS_FROM:
            await super().process_error(
                req_id=req_id,
                error_time=error_time,
                error_code=error_code,
                error_string=error_string,
                advanced_order_reject_json=advanced_order_reject_json,
            )

    async def process_managed_accounts(self, *, accounts_list: str) -> None:
        """A new line to TWS: it says itself whether it reaches IB."""
        self.reaches_ib, self.client_id_taken = True, False
        await super().process_managed_accounts(accounts_list=accounts_list)
