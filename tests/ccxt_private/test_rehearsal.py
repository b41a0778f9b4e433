"""Against the rehearsal exchange, a process of its own: orders under seeded faults and disturbed streams, then both books."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from sim.rehearsal.handle import RehearsalVenue
from tests import canary
from tests.ccxt_private.world import QUICK, Engine, made_world, started
from tests.gate.script import approval_of, arm, order_from
from tests.gate.world import BTC, ETH

TOUCH = {"BTCUSDT": ("99999.00", "100000.00"), "ETHUSDT": ("3999.00", "4000.00")}
KINDS = ["unknown", "unavailable", "overloaded", "disconnected", "hang", "drop", "truncated", "cut", "html", "gateway", "nulls",
         "texts", "unknown_fields"]  # fmt: skip
REQUESTS = ["POST order", "DELETE order", "GET order", "GET openOrders", "GET allOrders", "GET myTrades", "GET account"]
CAMPAIGN = replace(QUICK, heartbeat_s=1.0, absent_s=1.0, alarm_s=120.0)


def opened() -> RehearsalVenue:
    venue = RehearsalVenue.start(balances={"USDT": "100000"}, key_file=canary.key_file())
    for pair, (bid, ask) in TOUCH.items():
        venue.quote(pair, bid, ask, size="1000")
    return venue


def engine_of(root: Path, venue: RehearsalVenue, **parts: Any) -> Engine:
    return Engine(
        made_world(root), SimpleNamespace(touch=TOUCH), venue.endpoint, key=venue.key, secret=venue.secret, wait_s=40.0,
        **{"timing": CAMPAIGN} | parts,
    )  # fmt: skip


def compared(engine: Engine, venue: RehearsalVenue) -> None:
    """At most one order an id, every fill of ours on both sides, and the account as the venue has it."""
    truth = venue.truth()
    per_id = Counter(order["clientOrderId"] for order in truth.orders)
    assert max(per_id.values(), default=0) <= 1, per_id
    ours = {line["trade_id"]: line for line in engine.lines("fill")}
    theirs = {str(trade["id"]) + trade["symbol"]: trade for trade in truth.trades}
    assert {line["trade_id"] + line["symbol"].split(":")[1] for line in engine.lines("fill")} == set(theirs)
    for key, trade in theirs.items():
        line = next(each for each in engine.lines("fill") if each["trade_id"] + each["symbol"].split(":")[1] == key)
        for field, name in (("quantity", "qty"), ("price", "price"), ("fee", "commission")):
            assert Decimal(line[field]) == Decimal(trade[name]), (ours, trade)
    seen = engine.kernel.portfolio.account(engine.client.venue).balances_total()
    held = {currency.code: amount.as_decimal() for currency, amount in seen.items() if amount.as_decimal()}
    main = truth.balances["main"]
    expected = {asset: Decimal(each["free"]) + Decimal(each["locked"]) for asset, each in main.items()}
    assert held == {asset: amount for asset, amount in expected.items() if amount}


async def agreed(engine: Engine, venue: RehearsalVenue) -> None:
    """Both sides agree as soon as the account was asked for and told; on a busy machine an answer may be missing."""
    deadline = asyncio.get_running_loop().time() + engine.wait_s
    while True:
        await engine.client.streams.backfill(whole=True)
        try:
            return compared(engine, venue)
        except AssertionError:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.1)


def send(engine: Engine, number: int, *, limit: str | None) -> str:
    name = ETH if number % 2 else BTC
    approval = approval_of(name, order_id=f"{number:032x}", quantity="0.01", limit=limit)
    arm(engine.assembly, approval)
    engine.assembly.strategy.submit_order(order_from(engine.assembly, approval))
    return f"{number:032x}"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_under_faults_by_chance_every_order_is_accounted_for_and_none_is_sent_twice(tmp_path, seed):
    async def work():
        with opened() as venue:
            async with started(engine_of(tmp_path, venue)) as engine:
                await engine.ready()
                venue.schedule(seed=seed, fraction=0.3, requests=REQUESTS, kinds=KINDS)
                venue.disturb(seed=seed, fraction=0.2, stream="user")
                ids = []
                for number in range(1, 9):
                    resting = number % 4 == 0
                    ids.append(send(engine, number, limit=("3900.00" if number % 2 else "99000.00") if resting else None))
                    await asyncio.sleep(0.6)
                for order in list(engine.kernel.cache.orders_open()):
                    engine.assembly.strategy.cancel_order(order)
                await asyncio.sleep(1.0)
                assert any(request == "POST order" for request, _, _ in venue.faults_done())
                venue.sound()
                for order in list(engine.kernel.cache.orders_open()):
                    engine.assembly.strategy.cancel_order(order)
                await engine.until(lambda: not engine.client.tracks.living())
                await engine.client.streams.backfill(whole=True)
                await engine.until(lambda: all(order.is_closed for order in engine.kernel.cache.orders()))
                compared(engine, venue)
                assert all(venue.posts(order_id) <= 1 for order_id in ids)
                assert venue.truth().open_orders() == []
                assert engine.halts == []

    asyncio.run(work())


def test_the_venue_dies_and_comes_back_with_its_memory(tmp_path):
    async def work():
        state = tmp_path / "venue.sqlite"
        with RehearsalVenue.start(state=state, balances={"USDT": "100000"}, key_file=canary.key_file()) as venue:
            for pair, (bid, ask) in TOUCH.items():
                venue.quote(pair, bid, ask, size="1000")
            async with started(engine_of(tmp_path, venue)) as engine:
                await engine.ready()
                rests = await engine.order(limit="99000.00")
                await engine.until(lambda: engine.state(rests) == "ACCEPTED")
                venue.kill()
                await engine.until(lambda: "STREAM_LOST" in dict(engine.alarms))
                other = send(engine, 1, limit=None)
                await engine.until(lambda: engine.state(other) == "REJECTED")  # nobody answered the door
                venue.restart()
                for pair, (bid, ask) in TOUCH.items():
                    venue.quote(pair, bid, ask, size="1000")
                venue.trade_at("BTCUSDT", "98999.00", "0.5", buyer_is_maker=True)
                await engine.until(lambda: engine.state(rests) == "FILLED")
                await agreed(engine, venue)

    asyncio.run(work())
