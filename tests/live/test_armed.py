"""What was armed holds while a live run goes on: the amount over a restart, and the end of the arming in the middle of a run."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.gate.world import BTC, ETH
from tests.live.invariants import whole
from tests.live.world import HOUR_NS, Desk, desk, fresh

SECOND_NS = 1_000_000_000


def denied(made: Desk, code: str) -> list[dict[str, Any]]:
    """The lines that say that a plan was refused by this control."""
    return [line for line in made.of("plan") if line["code"] == code]


def sent(made: Desk) -> Decimal:
    return sum((Decimal(line["armed_base"]) for line in made.of("send") if line["action"] == "submit"), Decimal(0))


def status(made: Desk) -> str:
    return str(made.command("status").communicate(timeout=60)[0])


def test_what_was_sent_before_a_restart_counts_against_what_is_armed_after_it(tmp_path: Path) -> None:
    """45,000 are armed, 40,000 sent; 0.2 to 0.3 of 100,000 in both is 10,000 each: neither fits any more."""
    with desk(tmp_path) as made:
        made.arm(day_notional=Decimal("45000"))
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        made.end(process)
        first = sent(made)
        assert Decimal("39000") < first < Decimal("41000")
        made.install(fresh({BTC.symbol: "0.3", ETH.symbol: "0.3"}, seconds_ago=1))
        process = made.start()
        made.until(lambda: bool(denied(made, "ARMED_NOTIONAL")), process)
        shown = status(made)
        said = made.end(process)
        assert process.returncode == 0, said
        assert any(line["code"] == "ARMED_NOTIONAL" for line in made.of("alarm"))
        assert sent(made) == first
        assert f"{first} of 45000 USD sent today" in shown
        assert len(made.of("send")) == len(made.venue.truth().orders) == 2
        whole(made)


def test_an_order_after_the_arming_expired_in_the_middle_of_a_run_is_denied_and_told(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        now = time.time_ns()
        made.arm(not_before_ns=now - HOUR_NS, expires_ns=now + 30 * SECOND_NS)
        process = made.start()
        made.until(lambda: bool(made.of("cycle_end")), process)
        orders = len(made.venue.truth().orders)
        made.until(lambda: any(line["code"] == "ARMING_EXPIRED" for line in made.of("alarm")), process)
        made.install(fresh({BTC.symbol: "0.1", ETH.symbol: "0.1"}, seconds_ago=1))
        made.until(lambda: bool(denied(made, "ARMING_EXPIRED")), process)
        shown = status(made)
        said = made.end(process)
        assert process.returncode == 0, said
        assert "ARMING_EXPIRED" in said
        assert "EXPIRED: no order goes out" in shown
        assert "alarm" in shown
        assert len(made.venue.truth().orders) == orders == 2
        told, refused = [line["message"] for line in made.of("alarm") if line["code"] == "ARMING_EXPIRED"]
        assert "sluice arm" in told
        assert "not before" in refused
        whole(made)
