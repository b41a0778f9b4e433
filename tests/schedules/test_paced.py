"""Children of more parents than a venue takes in a second go at its pace: no schedule is stopped by a denial for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.test_paced import NAMES, TWELVE, narrow
from tests.gate.world import DAY_NS, SECOND, run_backtest

TWAP = '[schedules.slow]\nkind = "twap"\nduration_s = 12\nslices = 3\n'
PASSIVE = '[schedules.slow]\nkind = "passive_then_cross"\ntimeout_s = 4\n'


@pytest.mark.parametrize("schedule", [TWAP, PASSIVE], ids=["twap", "passive then cross"])
def test_children_go_in_the_seconds_that_take_them_and_every_parent_fills(schedule: str, tmp_path: Path) -> None:
    world = narrow(tmp_path, until_ms=16_000, policy='schedule = "slow"', schedules=schedule)
    ran = run_backtest(world, [(60, world.save("m.json", TWELVE))])
    assert {line["code"] for line in ran.of("verdict")} == {""}
    assert ran.of("alarm") == []
    assert {line["cause"] for line in ran.of("cancel")} <= {"schedule_done", "cancelled"}
    assert len(ran.assembly.recorder.keeper.positions) == len(NAMES)
    sent = [line["ts_ns"] - DAY_NS for line in ran.of("send") if line["action"] == "submit"]
    assert all(sum(1 for other in sent if 0 <= other - instant < SECOND) <= 5 for instant in sent)
