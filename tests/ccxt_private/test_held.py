"""A request is made while the disk works and leaves when its send line is there: a slow disk, a halt and a cancel meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.ccxt_private.venue import Fault, LoopbackVenue
from tests.ccxt_private.world import QUICK, Engine, engine_at
from venues.ccxt.timing import CcxtTiming


class SlowDisk:
    """The recorder of a run whose disk takes `takes_s` longer; None: it never comes back. It begins when the real one does."""

    def __init__(self, recorder: Any, *, takes_s: float | None) -> None:
        self._recorder = recorder
        self._takes_s = takes_s
        self.begun = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recorder, name)

    def when_durable(self, callback: Callable[[], None], *, meanwhile: Callable[[], None] | None = None) -> None:
        def begun() -> None:
            assert meanwhile is not None
            meanwhile()
            self.begun += 1

        def late() -> None:
            if self._takes_s is not None:
                asyncio.get_running_loop().call_later(self._takes_s, callback)

        self._recorder.when_durable(late, meanwhile=begun if meanwhile is not None else None)


class Stamped(LoopbackVenue):
    """Remembers how old each order's stamp was when it came, in milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.ages: list[int] = []

    def place(self, query: dict[str, str]) -> Any:
        self.ages.append(self.now_ms() - int(query["timestamp"]))
        return super().place(query)


def run(
    tmp_path: Path,
    takes_s: float | None,
    work: Callable[[Engine, SlowDisk, Stamped], Any],
    *,
    timing: CcxtTiming = QUICK,
) -> None:
    disks: list[SlowDisk] = []

    def slow(recorder: Any) -> SlowDisk:
        disks.append(SlowDisk(recorder, takes_s=takes_s))
        return disks[-1]

    async def whole() -> None:
        venue = Stamped()
        async with engine_at(tmp_path, venue=venue, timing=timing, tap_of=slow) as engine:
            await work(engine, disks[-1], venue)

    asyncio.run(whole())


async def held(engine: Engine, disk: SlowDisk, *, limit: str | None = None) -> str:
    """Send an order, and return its id when its request is made and waits for the disk."""
    before = disk.begun
    order_id = await engine.order(limit=limit)
    await engine.until(lambda: disk.begun > before)
    return order_id


def test_nothing_leaves_before_the_disk_has_it(tmp_path: Path) -> None:
    async def work(engine: Engine, disk: SlowDisk, venue: Stamped) -> None:
        order_id = await held(engine, disk)
        await asyncio.sleep(0.2)
        assert venue.requests["POST order"] == 0
        await engine.until(lambda: engine.state(order_id) == "FILLED")
        assert venue.requests["POST order"] == 1

    run(tmp_path, 0.4, work)


def test_a_request_that_waited_long_is_made_anew_and_sent_once(tmp_path: Path) -> None:
    async def work(engine: Engine, disk: SlowDisk, venue: Stamped) -> None:
        order_id = await held(engine, disk)
        await engine.until(lambda: engine.state(order_id) == "FILLED")
        assert len(venue.ages) == venue.requests["POST order"] == 1
        assert venue.ages[0] < 1_400

    run(tmp_path, 1.5, work)


def test_one_that_waited_too_long_for_the_disk_meets_no_other_market(tmp_path: Path) -> None:
    async def work(engine: Engine, disk: SlowDisk, venue: Stamped) -> None:
        order_id = await held(engine, disk)
        await engine.until(lambda: engine.state(order_id) == "REJECTED")
        assert venue.requests["POST order"] == 0
        assert next(line["code"] for line in engine.lines("reject")) == "AGED"

    run(tmp_path, 1.5, work, timing=msgspec.structs.replace(QUICK, late_s=1.2))


@pytest.mark.parametrize("takes_s", [0.4, 1.5], ids=["a fresh request", "one that would be made anew"])
def test_a_halt_while_it_waits_keeps_it_here(tmp_path: Path, takes_s: float) -> None:
    async def work(engine: Engine, disk: SlowDisk, venue: Stamped) -> None:
        order_id = await held(engine, disk)
        engine.assembly.halt("a test")
        await engine.until(lambda: engine.state(order_id) == "REJECTED")
        assert venue.requests["POST order"] == 0
        assert [line["code"] for line in engine.lines("reject")][:1] == ["HALT"]

    run(tmp_path, takes_s, work)


def test_a_cancel_while_it_waits_keeps_it_here(tmp_path: Path) -> None:
    async def work(engine: Engine, disk: SlowDisk, venue: Stamped) -> None:
        order_id = await held(engine, disk, limit="98765.43")
        assert engine.assembly.facade.cancel(order_id)
        await engine.until(lambda: engine.state(order_id) in {"REJECTED", "CANCELED"})
        await asyncio.sleep(0.5)
        assert venue.requests["POST order"] == 0

    run(tmp_path, 0.4, work)


def test_a_disk_that_never_comes_back_sends_nothing_and_calls_nothing_unknown(tmp_path: Path) -> None:
    """Not at the end of the run either, when what waits is given up: nothing of it was ever on the wire."""
    venues: list[Stamped] = []

    async def work(engine: Engine, disk: SlowDisk, venue: Stamped) -> None:
        venues.append(venue)
        order_id = await held(engine, disk)
        await asyncio.sleep(0.3)
        assert engine.state(order_id) == "SUBMITTED"
        assert engine.lines("unknown") == []

    run(tmp_path, None, work)
    assert venues[0].requests["POST order"] == 0
    assert b'"type":"unknown"' not in (tmp_path / "lakehouse/execution_logs.jsonl").read_bytes()


def test_a_cancel_of_an_order_that_was_turned_away_keeps_it_here(tmp_path: Path) -> None:
    async def work() -> None:
        venue, patient = LoopbackVenue(), msgspec.structs.replace(QUICK, not_sent_pause_s=0.7)
        async with engine_at(tmp_path, venue=venue, timing=patient) as engine:
            venue.fault("POST order", Fault("1021", after=False))
            order_id = await engine.order(limit="98765.43")
            await engine.until(lambda: venue.requests["POST order"] == 1)
            assert engine.assembly.facade.cancel(order_id)
            await engine.until(lambda: engine.state(order_id) in {"REJECTED", "CANCELED"})
            await asyncio.sleep(0.3)
            assert (venue.requests["POST order"], venue.orders) == (1, [])

    asyncio.run(work())


@pytest.mark.parametrize(("retry_after", "end"), [("1", "FILLED"), ("60", "REJECTED")], ids=["a short one", "a long one"])
def test_an_order_that_is_held_when_the_venue_asks_for_a_pause_waits_for_a_short_one(
    tmp_path: Path, retry_after: str, end: str
) -> None:
    async def work() -> None:
        venue, disks = LoopbackVenue(retry_after=retry_after), list[SlowDisk]()

        def slow(recorder: Any) -> SlowDisk:
            disks.append(SlowDisk(recorder, takes_s=0.5))
            return disks[-1]

        async with engine_at(tmp_path, venue=venue, tap_of=slow) as engine:
            order_id = await held(engine, disks[-1])
            venue.fault("GET account", Fault("429"))
            reading = asyncio.create_task(engine.client.streams.backfill(whole=False))
            await engine.until(lambda: engine.client.api.pause.left_s)
            await engine.until(lambda: engine.state(order_id) == end)
            assert venue.requests["POST order"] == (1 if end == "FILLED" else 0)
            assert end == "FILLED" or next(line["code"] for line in engine.lines("reject")) == "RATE_LIMITED"
            reading.cancel()

    asyncio.run(work())


def test_an_order_that_is_turned_away_for_long_is_not_sent_again_into_another_market(tmp_path: Path) -> None:
    """The venue has not taken it, and will say so when it may be asked; its symbol is blocked until then."""

    async def work() -> None:
        venue = LoopbackVenue(retry_after="60")
        async with engine_at(tmp_path, venue=venue) as engine:
            venue.fault("POST order", Fault("429", after=False))
            order_id = await engine.order()
            await engine.until(lambda: bool(engine.lines("unknown")))
            assert "60 s of silence" in engine.lines("unknown")[0]["message"]
            assert (engine.state(order_id), venue.requests["POST order"]) == ("SUBMITTED", 1)

    asyncio.run(work())
