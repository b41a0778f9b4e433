"""A governed canary with a twin beside it: while its fills are like the twin's it stays, once they are worse it steps down."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse.layout import Layout
from lakehouse.verifier import verify
from tests.live.canary import Canary, canary
from tests.promotion.world import GATES as ONE_GATE
from tests.promotion.world import sluice
from tests.twin.made import Beside

GATES = (
    ONE_GATE.replace("[sources]\n", '[sources]\ntwin = "{root}/twin"\n')
    + """\
[gates.twin_price]
metric = "twin_price_bps"
source = "twin"
at_most = "25"
min_days = "0"
min_orders = 20
min_notional_base = "10"
moves = []
dry_run = false
while_running = true
"""
)
EQUITY = Decimal(100_000)
CYCLES = 10  # of two orders, the least that a gate of twenty orders can judge
WORSE = "0.01"  # of the price, a hundred basis points; the gate lets pass twenty-five


def trade(made: Canary, beside: Beside, live: Any, twin: Any, *, cycles: int = CYCLES) -> None:
    """So many cycles of two orders, and the twin has told all of them; ends earlier once the run has stepped down."""
    for number in range(cycles):
        if made.automatic():
            return
        made.desk.weigh("0.1" if number % 2 == 0 else "0.2", seconds_ago=0)
        done = len(made.desk.of("cycle_end"))
        made.desk.until(lambda done=done: len(made.desk.of("cycle_end")) > done, live)  # type: ignore[misc]
    made.desk.until(lambda: bool(made.automatic()) or set(beside.told()) == beside.sent(), twin)


def shown(made: Canary) -> dict[str, Any]:
    """What `sluice promote status` shows of the twin's gate."""
    held = ("--config", made.desk.config, "--gates", made.promoting.gates, "--move", "while_running")
    code, said = sluice("promote", "status", *held, "--json")
    assert code == 0, said
    (found,) = json.loads(said)["evidence"]["results"]
    return dict(found)


def test_a_twin_s_gate_leaves_a_good_run_alone_and_steps_a_worse_one_down_while_it_runs(tmp_path: Path) -> None:
    with canary(tmp_path, gates=GATES) as made:
        beside = Beside(desk=made.desk, directory=tmp_path / "twin")
        live = made.start()
        made.desk.until(lambda: bool(made.desk.of("cycle_end")), live)
        twin = beside.start()
        beside.follows(twin)

        trade(made, beside, live, twin)
        good = len(beside.told())
        assert good == 2 * CYCLES
        assert shown(made)["verdict"] == "PASS"
        assert made.automatic() == []

        made.desk.venue.slip(WORSE)
        trade(made, beside, live, twin, cycles=4 * CYCLES)
        made.desk.until(lambda: bool(made.automatic()), live)
        assert made.automatic() == [("step_down", "GATE_FAILED", "0.01")]
        made.desk.until(lambda: made.worth() <= EQUITY * Decimal("0.0041"), live)
        made.desk.until(lambda: len(made.desk.of("cycle")) == len(made.desk.of("cycle_end")), live)
        said = made.desk.end(live)
        assert live.returncode == 0, said
        made.desk.end(twin)

        (line,) = [one for one in made.desk.of("promotion") if one["by"] == "engine"]
        assert line["reason"].startswith("twin_price: ")
        assert "is not <= 25" in line["reason"]
        document = json.loads((Layout(made.desk.world.lakehouse).promotions / f"{line['evidence_sha256']}.json").read_bytes())
        (result,) = document["results"]
        assert (result["gate"]["name"], result["verdict"]) == ("twin_price", "FAIL")
        assert Decimal(result["measured"]["low"]) > 25
        assert result["measured"]["orders"] > good
        assert "orders compared" in result["measured"]["words"]
        assert [one["directory"] for one in document["sources"]] == [str(tmp_path / "twin")]
        assert f"GATE_FAILED: {line['reason'][:60]}" in said
        worse = [Decimal(one["price_bps"]) for one in list(beside.told().values())[good:]]
        assert all(Decimal(90) < bps < Decimal(110) for bps in worse)
        sold = next(one["cycle"] for one in made.desk.of("cycle") if one["seq"] > line["seq"])
        assert set(made.traded(sold)) == {"SELL"}
        report = verify(made.desk.world.layout.directory)
        assert report.ok, report.first_bad
        beside.whole()
