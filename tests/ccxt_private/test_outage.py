"""An order sent right before the venue is gone: nobody is told an outcome while it is, and the true one right after.

`SLUICE_CAMPAIGN=full`: ten minutes in real time, with the waits of a real run; its row is in docs/crash_campaign.md.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.ccxt_private.test_rehearsal import engine_of, opened
from tests.ccxt_private.world import QUICK, started
from tests.children import FULL
from venues.ccxt.timing import CcxtTiming

TIMING = CcxtTiming() if FULL else QUICK
OUTAGE_S = 600.0 if FULL else 3 * QUICK.absent_s  # several times what proves an order absent where the venue answers
LOOK_S = 0.05
BACK_S = 2 * (TIMING.look_max_s + TIMING.absent_s) + 60.0  # a bound for a wait that ends with what it waits for


@pytest.mark.parametrize(
    ("when", "end"), [("after", "FILLED"), ("before", "CANCELED")], ids=["the order was executed", "the order never arrived"]
)
def test_after_an_outage_the_order_is_still_submitted_and_is_resolved_right_after(tmp_path, when, end, record_property):
    async def work() -> None:
        with opened() as venue:
            async with asyncio.timeout(OUTAGE_S + BACK_S + 120), engine_at_venue(venue) as engine:
                await engine.ready()
                venue.silence("user")
                venue.fault("POST order", "hang", when=when)
                order_id = await engine.order()
                await engine.until(lambda: venue.posts(order_id) == 1)
                venue.down()
                states, last = set(), time.monotonic() + OUTAGE_S
                while time.monotonic() < last:
                    await asyncio.sleep(LOOK_S)
                    states.add(engine.state(order_id))
                told = [
                    (line["type"], line["client_order_id"]) for line in engine.lines("unknown", "reject", "cancel", "fill", "ack")
                ]
                assert states == {"SUBMITTED"}
                assert told == [("unknown", order_id)]
                asked = "ORDER_UNDECIDED" in dict(engine.alarms)
                assert asked is bool(engine.halts) is (TIMING.alarm_s < OUTAGE_S)
                venue.sound()
                back = time.monotonic()
                venue.up()
                await engine.until(lambda: engine.state(order_id) == end, wait_s=BACK_S)
                record_property("outage_s", OUTAGE_S)
                record_property("resolved_after_s", f"{time.monotonic() - back:.1f}")
                print(f"{end} {time.monotonic() - back:.1f} s after an outage of {OUTAGE_S:.0f} s")  # noqa: T201
                assert venue.posts(order_id) == 1
                assert len(venue.truth().by_client_id(order_id)) == (1 if end == "FILLED" else 0)
                assert len(engine.lines("fill")) == len(venue.truth().trades)

    def engine_at_venue(venue):
        return started(engine_of(tmp_path, venue, timing=TIMING))

    asyncio.run(work())
