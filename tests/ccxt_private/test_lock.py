"""The second lock right before the wire, and what is on disk before anything is on it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder

from lakehouse.layout import Layout
from lakehouse.permission import FilePermission
from orders.values import Side
from tests.ccxt_private.venue import LoopbackVenue
from tests.ccxt_private.world import Engine, engine_at, made_world, started, venue_at
from tests.gate.script import approval_of, arm, order_from
from tests.gate.world import ETH

BURST = 8


class Halting(FilePermission):
    """Halts at the n-th question after `left` was set, by removing the file, as an operator would."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self._file = layout.permission
        self.left = 0

    def may_send(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self._file.unlink()
        return super().may_send()


@pytest.mark.parametrize("at", [1, BURST // 2, BURST + 1, BURST + 4, 2 * BURST + 1, 2 * BURST + 4, 3 * BURST])
def test_after_a_halt_in_the_middle_of_a_burst_nothing_reaches_the_venue(tmp_path, at):
    """Each order asks at the gate, in the client, and on the wire; the halt comes at any of these."""

    async def work():
        async with venue_at() as (venue, endpoint):
            engine = Engine(made_world(tmp_path), venue, endpoint, permission_of=Halting)
            async with started(engine):
                await engine.ready()
                ids = [f"{number:032x}" for number in range(1, BURST + 1)]
                engine.permission.left = at
                for order_id in ids:
                    approval = approval_of(ETH, order_id=order_id, quantity="0.01", limit=None)
                    arm(engine.assembly, approval)
                    engine.assembly.strategy.submit_order(order_from(engine.assembly, approval))
                await engine.until(lambda: all(engine.state(order_id) in ("FILLED", "DENIED", "REJECTED") for order_id in ids))
                filled = [order_id for order_id in ids if engine.state(order_id) == "FILLED"]
                sent = [order["clientOrderId"] for order in venue.orders]
                assert sorted(sent) == sorted(filled)
                assert len(filled) < BURST
                await asyncio.sleep(0.1)
                assert venue.requests["POST order"] == len(filled)
                assert engine.lines("unknown") == []

    asyncio.run(work())


def test_what_comes_around_the_gate_is_refused(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            approval = approval_of(ETH, order_id="4" * 32, quantity="0.1", limit=None)
            order = order_from(engine.assembly, approval)
            engine.kernel.cache.add_order(order, None)
            engine.client.submit_order(
                SubmitOrder(
                    trader_id=order.trader_id, strategy_id=order.strategy_id, order=order, command_id=UUID4(), ts_init=0,
                )
            )  # fmt: skip
            await engine.until(lambda: engine.state("4" * 32) == "DENIED")
            assert engine.venue.requests["POST order"] == 0
            assert [line["code"] for line in engine.lines("reject")][:1] == ["NO_APPROVAL"]

    asyncio.run(work())


def test_an_order_that_is_given_twice_goes_once(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            order_id = await engine.order(limit="99990.00")
            await engine.until(lambda: engine.state(order_id) == "ACCEPTED")
            order = engine.kernel.cache.orders_open()[0]
            command = SubmitOrder(
                trader_id=order.trader_id, strategy_id=order.strategy_id, order=order, command_id=UUID4(), ts_init=0
            )
            engine.client.submit_order(command)
            await asyncio.sleep(0.1)
            assert engine.venue.requests["POST order"] == 1
            assert engine.state(order_id) == "ACCEPTED"
            assert [line["code"] for line in engine.lines("reject")] == ["APPROVAL_USED"]

    asyncio.run(work())


def test_intent_and_send_attempt_are_on_disk_before_the_request_arrives(tmp_path):
    class Looking(LoopbackVenue):
        seen: list[str]

        def place(self, query):
            raw = (tmp_path / "lakehouse/execution_logs.jsonl").read_text()
            self.seen = [kind for kind in ("intent", "send") if f'"type":"{kind}"' in raw]
            return super().place(query)

    async def work():
        venue = Looking()
        async with engine_at(tmp_path, venue=venue) as engine:
            order_id = await engine.order()
            await engine.until(lambda: engine.state(order_id) == "FILLED")
            assert venue.seen == ["intent", "send"]

    asyncio.run(work())


def test_the_venue_gets_our_id_and_our_numbers(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            order_id = await engine.order(side=Side.BUY, quantity="0.01234", limit="98765.43")
            await engine.until(lambda: engine.state(order_id) == "ACCEPTED")
            order = engine.venue.orders[0]
            assert order["clientOrderId"] == order_id
            assert (Decimal(order["origQty"]), order["price"], order["type"]) == (Decimal("0.01234"), "98765.43", "LIMIT")

    asyncio.run(work())


@pytest.mark.parametrize(("what", "step"), [("amount", 0.001), ("price", 0.1), ("amount", 0.1)])
def test_limits_that_changed_under_a_run_keep_an_order_from_being_rounded(tmp_path, what, step):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.ccxt.exchange.markets["BTC/USDT"]["precision"][what] = step
            request = await engine.order(quantity="0.01234", limit="98765.43")
            await engine.until(lambda: engine.state(request) == "REJECTED")
            assert engine.venue.requests["POST order"] == 0
            assert "ROUNDED_BY_CCXT" in [line["code"] for line in engine.lines("reject")]

    asyncio.run(work())
