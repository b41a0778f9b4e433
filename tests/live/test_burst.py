"""A halt in the middle of a burst of orders of a real run: none reaches the venue after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.live_note import read_halt_seen
from lakehouse.permission import read_halt
from tests.gate.world import BTC, ETH
from tests.live.triggers import BY, TRIPS
from tests.live.world import desk, fresh

TWAP = '[schedules.slow]\nkind = "twap"\nduration_s = 20\nslices = 400\n'


@pytest.mark.parametrize("trigger", TRIPS)
def test_no_order_of_a_burst_reaches_the_venue_after_a_halt(trigger: str, tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        made.change("[sentinel]", f'schedule = "slow"\n{TWAP}[sentinel]')
        made.install(fresh({BTC.symbol: "0.4", ETH.symbol: "0.4"}))
        process = made.start()
        made.until(lambda: len(made.venue.truth().orders) > 10, process)
        TRIPS[trigger](made, process)
        made.until(lambda: read_halt(made.world.layout) is not None, process)
        halt = read_halt(made.world.layout)
        assert halt is not None
        assert halt.by == BY[trigger]

        def answered() -> bool:
            seen = read_halt_seen(made.world.layout)
            return seen is not None and seen.ts_ns > halt.ts_ns

        made.until(answered, process)
        reached = len(made.venue.truth().orders)
        assert reached < 800, "the halt came after the burst"
        verdicts = len(made.of("verdict"))
        made.until(lambda: any(line["code"] == "HALT_CONFIRMED" for line in made.of("alarm")), process)
        made.until(lambda: len(made.of("verdict")) > verdicts or len(made.of("cancel")) > 0, process)
        assert len(made.venue.truth().orders) == reached
        late = [line for line in made.of("send") if line["action"] == "submit" and int(line["ts_ns"]) > halt.ts_ns]
        refused = {line["client_order_id"] for line in made.of("reject") if line["code"] == "HALT"}
        assert {line["client_order_id"] for line in late} <= refused
        made.end(process)
        sent = {line["client_order_id"] for line in made.of("send") if line["action"] == "submit"}
        assert {str(order["clientOrderId"]) for order in made.venue.truth().orders} <= sent
