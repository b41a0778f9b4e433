"""The venue outlives the engine: what happened meanwhile is told once by the next start, and a third changes nothing."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from orders.plan import Outcome
from sentinel.locks import UNKNOWN_OUTCOME
from tests.ccxt_private.venue import Fault
from tests.ccxt_private.world import Engine, made_world, started, venue_at
from tests.gate.world import BTC


def locked(engine: Engine) -> list[str]:
    """The locks that deny BTC."""
    verdicts = engine.assembly.gate.locks.ask(BTC.instrument_id)
    return [verdict.control for verdict in verdicts if verdict.outcome is Outcome.DENY]


def test_an_order_that_was_unanswered_when_the_engine_ended_is_resolved_by_the_next_start(tmp_path):
    async def work():
        async with venue_at() as (venue, endpoint):
            world = made_world(tmp_path)
            venue.silent, venue.listed = True, False
            async with started(Engine(world, venue, endpoint)) as first:
                await first.ready()
                venue.fault("POST order", Fault("drop"))
                order_id = await first.order()
                await first.until(lambda: first.lines("unknown"))
                venue.down = True
            venue.down, venue.listed = False, True
            async with started(Engine(world, venue, endpoint)) as second:
                await second.until(lambda: second.state(order_id) == "FILLED")
                assert [line["trade_id"] for line in second.lines("fill")] == ["1"]
                assert len(venue.by_client_id(order_id)) == 1
                assert second.halts == []

    asyncio.run(work())


def test_while_it_is_unresolved_after_a_restart_its_symbol_stays_blocked(tmp_path):
    async def work():
        async with venue_at() as (venue, endpoint):
            world = made_world(tmp_path)
            venue.silent, venue.listed = True, False
            async with started(Engine(world, venue, endpoint)) as first:
                await first.ready()
                venue.fault("POST order", Fault("drop"))
                order_id = await first.order()
                await first.until(lambda: first.lines("unknown"))
            async with started(Engine(world, venue, endpoint)) as second:
                assert second.state(order_id) == "SUBMITTED"
                assert locked(second) == [UNKNOWN_OUTCOME]
                venue.listed = True
                await second.until(lambda: second.state(order_id) == "FILLED")
                await second.until(lambda: locked(second) == [])

    asyncio.run(work())


def test_fills_and_an_end_that_came_while_nobody_looked_are_told_once(tmp_path):
    async def work():
        async with venue_at() as (venue, endpoint):
            world = made_world(tmp_path)
            async with started(Engine(world, venue, endpoint)) as first:
                await first.ready()
                order_id = await first.order(quantity="0.02", limit="99990.00")
                await first.until(lambda: first.state(order_id) == "ACCEPTED")
                order = venue.orders[0]
                venue.fill(order, Decimal("0.005"), Decimal("99990.00"), maker=True)
                await first.until(lambda: first.state(order_id) == "PARTIALLY_FILLED")
            venue.fill(order, Decimal("0.01"), Decimal("99990.00"), maker=True)
            venue.cancel(order)
            async with started(Engine(world, venue, endpoint)) as second:
                await second.until(lambda: second.state(order_id) == "CANCELED")
                states = second.kernel.portfolio.account(second.client.venue).events
                opened = {balance.currency.code: balance.total.as_decimal() for balance in states[0].balances}
                assert opened == venue.balances  # not what the fills of the meantime moved
                fills = second.lines("fill")
                assert [(line["trade_id"], line["quantity"], line["liquidity"]) for line in fills] == [
                    ("1", "0.005", "maker"),
                    ("2", "0.01", "maker"),
                ]
                assert second.lines("cancel")[-1]["filled_quantity"] == "0.015"
                count = len(second.lines())
            async with started(Engine(world, venue, endpoint)) as third:
                await asyncio.sleep(0.3)
                kinds = [line["type"] for line in third.lines()[count:]]
                assert set(kinds) <= {"run_stop", "run_start", "manifest", "cycle", "plan", "cycle_end", "equity", "skip"}
                assert third.halts == []
                assert venue.requests["POST order"] == 1

    asyncio.run(work())


def test_an_order_that_works_on_is_taken_up_and_can_be_cancelled(tmp_path):
    async def work():
        async with venue_at() as (venue, endpoint):
            world = made_world(tmp_path)
            async with started(Engine(world, venue, endpoint)) as first:
                await first.ready()
                order_id = await first.order(limit="99990.00")
                await first.until(lambda: first.state(order_id) == "ACCEPTED")
            async with started(Engine(world, venue, endpoint)) as second:
                assert second.state(order_id) == "ACCEPTED"
                assert second.assembly.facade.cancel(order_id)
                await second.until(lambda: second.state(order_id) == "CANCELED")
                assert venue.orders[0]["status"] == "CANCELED"

    asyncio.run(work())
