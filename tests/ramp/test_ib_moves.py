"""A canary at the fake TWS, stepped down and up from another terminal while it trades: whole shares of its part by then."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.live.canary import governed
from tests.live.ib_world import ib_desk
from tests.ramp.test_ib_canary import CASH, VALUE, carried_out, shares, whole_record


def test_it_sells_to_the_lower_step_and_buys_to_the_higher_one_without_a_new_start(tmp_path: Path) -> None:
    with ib_desk(tmp_path, cash=CASH) as desk:
        made = governed(desk, step=1, changes=VALUE)
        live = made.start()
        desk.until(lambda: carried_out(made), live)
        assert shares(made) == [Decimal(43), Decimal(90)], "a fifth of 50,000 USD each, rounded down"
        made.promoting.moved("--step-down")
        desk.until(lambda: carried_out(made, 2), live)
        assert shares(made) == [Decimal(9), Decimal(19)], "a sale is rounded down too"
        made.promoting.moved("--step-up")
        desk.weigh("0.2", seconds_ago=0)
        desk.until(lambda: carried_out(made, 3), live)
        assert shares(made) == [Decimal(43), Decimal(90)]
        said = desk.end(live)
        assert live.returncode == 0, said
        assert [line["cause"] for line in desk.of("cycle")] == ["new_manifest", "ramp", "new_manifest"]
        assert len(desk.of("run_start")) == 1
        whole_record(made)
