"""An order whose request went unanswered: nobody is told an outcome before the venue has said it, and nothing is sent twice."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from engine.node import node_config
from orders.values import Side
from tests.ccxt_private.venue import Fault, LoopbackVenue
from tests.ccxt_private.world import QUICK, engine_at
from tests.gate.script import approval_of, arm, order_from
from tests.gate.world import BTC, ETH

LIVE = ["hang", "drop", "503", "504html", "cut", "html200", "empty", "object"]
NOT_LIVE = ["hang", "1000", "html200"]


def run(work) -> None:
    asyncio.run(work())


@pytest.mark.parametrize("limit", [None, "100000.00"], ids=["market", "limit"])
def test_an_order_that_was_executed_before_the_fault_is_found_and_told_as_it_is(tmp_path, limit):
    """One engine through all faults, one after the other: what one leaves behind must not disturb the next."""

    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.silent = True
            for number, kind in enumerate(LIVE, start=1):
                engine.venue.fault("POST order", Fault(kind))
                order_id = await engine.order(limit=limit, quantity=f"0.01{number:02d}")
                await engine.until(lambda order_id=order_id: engine.state(order_id) == "FILLED")
                assert len(engine.venue.by_client_id(order_id)) == 1, kind
                assert engine.lines("unknown")[-1]["client_order_id"] == order_id, kind
                assert engine.lines("fill")[-1]["trade_id"] == str(number), kind
            assert len(engine.lines("unknown")) == len(engine.lines("fill")) == len(LIVE)
            assert engine.lines("reject", "cancel") == []
            assert engine.halts == []

    run(work)


def test_an_order_that_never_arrived_is_cancelled_only_after_the_venue_has_said_so_often_enough(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            for number, kind in enumerate(NOT_LIVE, start=1):
                before = engine.venue.requests.copy()
                engine.venue.fault("POST order", Fault(kind, after=False))
                order_id = await engine.order(quantity=f"0.01{number:02d}")
                await engine.until(lambda number=number: len(engine.lines("unknown")) == number)
                assert engine.state(order_id) == "SUBMITTED", kind
                await engine.until(lambda order_id=order_id: engine.state(order_id) == "CANCELED")
                unknown, ended = engine.lines("unknown")[-1], engine.lines("cancel")[-1]
                asked = engine.venue.requests - before
                assert ended["ts_ns"] - unknown["ts_ns"] >= 400_000_000, kind
                assert asked["POST order"] == asked["DELETE order"] == 1, kind
                assert min(asked["GET allOrders"], asked["GET myTrades"]) >= 3, kind
            assert engine.venue.orders == []

    run(work)


def test_lists_that_lag_behind_delay_the_answer_and_do_not_falsify_it(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.silent, engine.venue.listed = True, False
            engine.venue.fault("POST order", Fault("503"))
            order_id = await engine.order()
            await asyncio.sleep(QUICK.absent_s / 2)
            assert engine.state(order_id) == "SUBMITTED"
            engine.venue.listed = True
            await engine.until(lambda: engine.state(order_id) == "FILLED")

    run(work)


@pytest.mark.parametrize("kind", ["html200", "object", "empty", "503", "401"])
def test_an_answer_that_is_no_list_is_no_evidence(tmp_path, kind):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.silent, engine.venue.listed = True, False
            engine.venue.fault("GET allOrders", *[Fault(kind) for _ in range(500)])
            engine.venue.fault("POST order", Fault("drop"))
            order_id = await engine.order()
            await asyncio.sleep(3 * QUICK.absent_s)
            assert engine.state(order_id) == "SUBMITTED"
            assert engine.venue.requests["DELETE order"] == 0

    run(work)


def test_undecided_for_too_long_it_halts_with_an_alarm_and_goes_on_asking(tmp_path):
    async def work():
        async with engine_at(tmp_path, timing=msgspec.structs.replace(QUICK, alarm_s=0.3)) as engine:
            engine.venue.silent, engine.venue.listed = True, False
            engine.venue.fault("POST order", Fault("drop"))
            order_id = await engine.order()
            await engine.until(lambda: engine.venue.orders)
            engine.venue.down = engine.venue.listed = True
            await engine.until(lambda: engine.halts)
            assert [code for code, _ in engine.alarms if code == "ORDER_UNDECIDED"] == ["ORDER_UNDECIDED"]
            assert not engine.permission.may_send()
            assert engine.state(order_id) == "SUBMITTED"
            engine.venue.down = False
            await engine.until(lambda: engine.state(order_id) == "FILLED")

    run(work)


def test_while_one_is_unknown_its_symbol_is_blocked_and_another_is_not(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.silent, engine.venue.listed = True, False
            engine.venue.fault("POST order", Fault("drop"))
            order_id = await engine.order()
            await engine.until(lambda: engine.lines("unknown"))
            second = approval_of(BTC, order_id="2" * 32, quantity="0.01", limit=None)
            other = approval_of(ETH, order_id="3" * 32, quantity="0.1", limit=None)
            for approval in (second, other):
                arm(engine.assembly, approval)
                engine.assembly.strategy.submit_order(order_from(engine.assembly, approval))
            await engine.until(lambda: engine.state("2" * 32) == "DENIED" and engine.state("3" * 32) == "FILLED")
            verdict = next(line for line in engine.lines("verdict") if line["client_order_id"] == "2" * 32)
            assert verdict["code"] == "UNKNOWN_OUTCOME"
            assert order_id in next(row for row in verdict["verdicts"] if row[0] == "UNKNOWN_OUTCOME")[2]
            assert engine.client.refusal(order_from(engine.assembly, second)) == "UNKNOWN_OUTCOME"
            held = engine.assembly.sentinel.running.reservations.open_reducing(BTC.symbol, Side.BUY)
            assert held == Decimal("0.01")
            engine.venue.listed = True
            await engine.until(lambda: engine.state(order_id) == "FILLED")
            third = await engine.order(BTC)
            await engine.until(lambda: engine.state(third) == "FILLED")

    run(work)


@pytest.mark.parametrize("kind", ["429", "418", "1021"])
def test_what_was_turned_away_is_looked_up_and_sent_once_more(tmp_path, kind):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.fault("POST order", Fault(kind, after=False))
            order_id = await engine.order()
            await engine.until(lambda: engine.state(order_id) == "FILLED")
            assert len(engine.venue.by_client_id(order_id)) == 1
            assert engine.venue.requests["POST order"] == 2
            assert len(engine.lines("send")) == 2

    run(work)


def test_a_pause_the_venue_asks_for_is_kept_by_everything_but_cancels(tmp_path):
    async def work():
        async with engine_at(tmp_path, venue=LoopbackVenue(retry_after="2")) as engine:
            rests = await engine.order(limit="99990.00")
            await engine.until(lambda: engine.state(rests) == "ACCEPTED")
            engine.venue.fault("GET account", Fault("429"))
            reading = asyncio.create_task(engine.client.streams.backfill(whole=False))
            await engine.until(lambda: engine.client.api.pause.left_s)
            assert 1 < engine.client.api.pause.left_s <= 2
            approval = approval_of(ETH, order_id="3" * 32, quantity="0.1", limit=None)
            arm(engine.assembly, approval)
            engine.assembly.strategy.submit_order(order_from(engine.assembly, approval))
            await engine.until(lambda: engine.state("3" * 32) == "DENIED")
            assert "RATE_LIMITED" in [line["code"] for line in engine.lines("reject")]
            assert engine.assembly.facade.cancel(rests)
            await engine.until(lambda: engine.venue.orders[0]["status"] == "CANCELED")
            assert engine.client.api.pause.left_s
            await reading
            await engine.until(lambda: not engine.client.api.pause.left_s)

    run(work)


@pytest.mark.parametrize("kind", ["429", "1021"])
def test_turned_away_twice_it_is_rejected_and_not_sent_a_third_time(tmp_path, kind):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.fault("POST order", Fault(kind, after=False), Fault(kind, after=False))
            order_id = await engine.order()
            await engine.until(lambda: engine.state(order_id) == "REJECTED")
            assert engine.venue.requests["POST order"] == 2
            assert engine.venue.orders == []
            assert engine.lines("reject")[0]["message"].startswith("NOT_SENT")

    run(work)


@pytest.mark.parametrize("kind", ["1013", "401"])
def test_a_plain_no_rejects(tmp_path, kind):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.fault("POST order", Fault(kind, after=False))
            order_id = await engine.order()
            await engine.until(lambda: engine.state(order_id) == "REJECTED")
            assert engine.lines("unknown") == []
            assert engine.lines("reject")[0]["by"] == "venue"

    run(work)


def test_a_stream_that_tells_first_resolves_it(tmp_path):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.fault("POST order", Fault("hang"))
            order_id = await engine.order()
            await engine.until(lambda: engine.state(order_id) == "FILLED")
            assert engine.lines("unknown") == []
            await asyncio.sleep(0.5)
            assert [line["trade_id"] for line in engine.lines("fill")] == ["1"]

    run(work)


def test_the_engine_s_own_checks_are_off_because_they_turn_silence_into_an_outcome():
    config = node_config(data_clients=["BINANCE"], exec_clients=["BINANCE"], log_level="ERROR").exec_engine
    assert (config.inflight_check_interval_ms, config.open_check_interval_secs, config.position_check_interval_secs) == (
        0,
        None,
        None,
    )
    assert config.reconciliation is False
