"""An order sent right before TWS is gone: nobody is told an outcome while it is, and the true one right after.

`SLUICE_CAMPAIGN=full`: ten minutes in real time, with the waits of a real run; its row is in docs/crash_campaign.md.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from orders.values import Side
from tests.children import FULL
from tests.ibkr.world import AAPL, QUICK, engine_at
from venues.ibkr.gateway import IbkrTiming

TIMING = IbkrTiming() if FULL else QUICK
OUTAGE_S = 600.0 if FULL else 4.0  # several times what proves an order absent where TWS answers
LOOK_S = 0.05
BACK_S = 2 * (TIMING.look_max_s + TIMING.absent_s) + 60.0  # a bound for a wait that ends with what it waits for


@pytest.mark.parametrize(
    ("kind", "end"), [("mute", "FILLED"), ("swallow", "CANCELED")], ids=["the order was executed", "the order never arrived"]
)
def test_after_an_outage_the_order_is_still_submitted_and_is_resolved_right_after(tmp_path, tws, kind, end, record_property):
    async def go() -> None:
        async with asyncio.timeout(OUTAGE_S + BACK_S + 120), engine_at(tmp_path / "e", tws=tws, timing=TIMING) as engine:
            tws.fault("place", kind)
            order_id = await engine.order(AAPL, Side.BUY, "10")
            await engine.until(lambda: tws.places(order_id) == 1)
            tws.outage(round(OUTAGE_S * 1_000))
            gone = time.monotonic()
            states = set()
            while time.monotonic() < gone + OUTAGE_S - 4 * LOOK_S:
                states.add(engine.state(order_id))
                await asyncio.sleep(LOOK_S)
            told = [
                (line["type"], line["client_order_id"]) for line in engine.lines("unknown", "reject", "cancel", "fill", "ack")
            ]
            assert states == {"SUBMITTED"}
            assert told == [("unknown", order_id)]
            assert ("ORDER_UNDECIDED" in engine.codes()) is bool(engine.halts) is (TIMING.alarm_s < OUTAGE_S)
            await engine.until(lambda: engine.state(order_id) == end, wait_s=BACK_S)
            record_property("outage_s", OUTAGE_S)
            record_property("resolved_after_s", f"{time.monotonic() - gone - OUTAGE_S:.1f}")
            print(f"{end} {time.monotonic() - gone - OUTAGE_S:.1f} s after an outage of {OUTAGE_S:.0f} s")  # noqa: T201
            assert tws.places(order_id) == 1
            assert len(tws.truth().by_client_order_id(order_id)) == (1 if end == "FILLED" else 0)
            assert len(engine.lines("fill")) == len(tws.truth().executions)

    asyncio.run(go())
