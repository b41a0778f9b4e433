"""A halt in the middle of a burst of orders: none reaches the venue after it."""

from __future__ import annotations

from pathlib import Path

from tests.gate.world import BTC, ETH
from tests.live.world import desk, fresh

TWAP = '[schedules.slow]\nkind = "twap"\nduration_s = 20\nslices = 400\n'


def test_no_order_of_a_burst_reaches_the_venue_after_a_halt(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        made.change("[sentinel]", f'schedule = "slow"\n{TWAP}[sentinel]')
        made.install(fresh({BTC.symbol: "0.4", ETH.symbol: "0.4"}))
        process = made.start()
        made.until(lambda: len(made.venue.truth().orders) > 10, process)
        code, said = made.halt()
        assert code == 0, said
        reached = len(made.venue.truth().orders)
        halted_ns = next(int(line["ts_ns"]) for line in made.of("halt"))
        late = [line for line in made.of("send") if line["action"] == "submit" and int(line["ts_ns"]) > halted_ns]
        assert late == []
        assert reached < 800, "the halt came after the burst"
        made.until(lambda: len(made.of("verdict")) > reached, process)
        assert len(made.venue.truth().orders) == reached
        made.end(process)
        sent = {line["client_order_id"] for line in made.of("send") if line["action"] == "submit"}
        assert {str(order["clientOrderId"]) for order in made.venue.truth().orders} <= sent
