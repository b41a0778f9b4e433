"""A line of quotes to TWS: it reads the market, and nothing that places, changes or asks of the account ever leaves it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.message import OUT
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.model.identifiers import TraderId

from orders.errors import NotAsked, VenueUnavailable
from sim.rehearsal.tws.handle import ACCOUNT, FakeTws
from venues.ibkr.gateway import HOST, IbkrTiming, gateway
from venues.ibkr.quotes import QUOTES_IDS_FROM, READS, IbkrQuotes, QuotesSession, Unheard, refuse_other_than_reads
from venues.ibkr.session import IbkrSession

ORDER_WORDS = ("ORDER", "CANCEL", "EXERCISE", "IDS", "ACCOUNT", "ACCT", "POSITION", "EXECUTION", "FA", "PNL", "CONFIG")
NO_ORDER = {"CANCEL_MKT_DATA", "REQ_MANAGED_ACCTS"}  # the end of a subscription; which accounts there are


def order() -> Order:
    made = Order()
    made.action, made.orderType, made.totalQuantity, made.account = "BUY", "MKT", Decimal(1), ACCOUNT
    return made


ASKED: dict[str, Callable[[Any], Any]] = {
    "place": lambda client: client.placeOrder(1, Contract(), order()),
    "cancel": lambda client: client.cancelOrder(1, OrderCancel()),
    "cancel everything": lambda client: client.reqGlobalCancel(OrderCancel()),
    "exercise": lambda client: client.exerciseOptions(1, Contract(), 1, 1, ACCOUNT, 0, "", "", False),
    "order ids": lambda client: client.reqIds(-1),
    "open orders": lambda client: client.reqAllOpenOrders(),
    "executions": lambda client: client.reqExecutions(1, ExecutionFilter()),
    "positions": lambda client: client.reqPositions(),
    "cash": lambda client: client.reqAccountSummary(1, "All", "TotalCashValue"),
    "protobuf by hand": lambda client: client.sendMsgProtoBuf(OUT.PLACE_ORDER + 200, b""),
}


async def reached(kind: type[IbkrSession]) -> set[str]:
    """The requests that came in at TWS when all of `ASKED` was tried on a line of this kind."""
    with FakeTws.start() as tws:
        clock = LiveClock()
        at = gateway(host=HOST, port=tws.port, client_id=7, account=ACCOUNT)
        bus = MessageBus(TraderId("T-1"), clock)
        session = kind(loop=asyncio.get_running_loop(), msgbus=bus, cache=Cache(), clock=clock, gateway=at, timing=IbkrTiming())
        session.news = Unheard(lambda code, message: None)
        session.start()
        async with asyncio.timeout(30):
            while not session.in_touch:
                await asyncio.sleep(0.01)
            before = tws.counts()
            for ask in ASKED.values():
                with contextlib.suppress(NotAsked):  # IB's library catches it too, and calls it a failure to send
                    ask(session._eclient)
            session._eclient.reqCurrentTime()
            while not tws.counts()["time"]:
                await asyncio.sleep(0.01)
        found = set(tws.counts() - before) - {"time"}
        await session.close()
        return found


def test_whatever_of_ib_s_library_is_called_nothing_but_reading_reaches_the_wire() -> None:
    assert asyncio.run(reached(QuotesSession)) == set()


def test_the_same_calls_on_a_line_for_orders_do_reach_it() -> None:
    asked = {"place", "cancel", "cancel_all", "ids", "open_orders", "executions", "positions", "account_summary"}
    assert asyncio.run(reached(IbkrSession)) >= asked


def test_no_request_that_may_be_made_names_an_order_or_an_account() -> None:
    names = {name for name, number in vars(OUT).items() if isinstance(number, int) and number in READS}
    assert len(names) == len(READS)
    assert [name for name in names - NO_ORDER if any(word in name for word in ORDER_WORDS)] == []


@pytest.mark.parametrize("number", [number for number in vars(OUT).values() if isinstance(number, int) and number not in READS])
def test_every_other_request_is_refused(number: int) -> None:
    with pytest.raises(NotAsked, match=f"TWS request {number}"):
        refuse_other_than_reads(number)


def test_a_message_that_is_no_protobuf_is_held_back_too() -> None:
    clock = LiveClock()
    at = gateway(host=HOST, port=4002, client_id=7, account=ACCOUNT)
    loop = asyncio.new_event_loop()
    session = QuotesSession(
        loop=loop, msgbus=MessageBus(TraderId("T-1"), clock), cache=Cache(), clock=clock, gateway=at, timing=IbkrTiming()
    )
    with pytest.raises(NotAsked, match="READ_ONLY_LINE"):
        session._eclient.sendMsg(OUT.PLACE_ORDER, "1")
    loop.close()


def test_its_client_id_is_neither_a_live_run_s_nor_that_of_questions_for_limits() -> None:
    quotes = IbkrQuotes(gateway(host=HOST, port=4002, client_id=7, account=ACCOUNT), listings={}, market_limits={})
    assert quotes.gateway.client_id == QUOTES_IDS_FROM + 7 == 2005


def test_another_account_is_refused_before_a_node_is_made() -> None:
    with FakeTws.start(account="REHEARSAL2") as tws:
        quotes = IbkrQuotes(gateway(host=HOST, port=tws.port, client_id=7, account=ACCOUNT), listings={}, market_limits={})
        with pytest.raises(VenueUnavailable, match="ACCOUNT_MISMATCH"):
            asyncio.run(quotes.check())


def test_what_could_submit_is_not_even_loaded() -> None:
    sending = "('venues.ibkr.execution_client', 'venues.ibkr.sending', 'venues.ibkr.assembly')"
    script = f"import sys, venues.ibkr.quotes; sys.exit(any(name in sys.modules for name in {sending}))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
