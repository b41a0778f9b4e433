"""A canary from the command line at the rehearsal exchange: it trades its part, and less when something goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse.layout import Layout
from lakehouse.verifier import verify
from tests.children import kill
from tests.live.canary import Canary, canary
from tests.live.world import Desk
from tests.promotion.world import sluice

EQUITY = Decimal(100_000)


def carried_out(made: Canary, cycles: int = 1) -> bool:
    return len(made.desk.of("cycle_end")) >= cycles


def sold_down(made: Canary, most: str) -> bool:
    return made.worth() <= EQUITY * Decimal(most) and made.desk.of("cycle_end")[-1]["cycle"] == made.desk.of("cycle")[-1]["cycle"]


def trade_dearly(made: Canary, process: Any) -> None:
    """The venue charges twenty times what was assumed, until the gates have seen it."""
    made.desk.venue.charge(maker="0.02", taker="0.02")
    for number in range(12):
        made.desk.weigh("0.1" if number % 2 == 0 else "0.2", seconds_ago=0)
        done = len(made.desk.of("cycle_end"))
        made.desk.until(lambda done=done: len(made.desk.of("cycle_end")) > done, process)  # type: ignore[misc]
    made.desk.until(lambda: bool(made.automatic()), process)


def whole_record(made: Canary) -> None:
    report = verify(made.desk.world.layout.directory)
    assert report.ok, report.first_bad


def test_a_canary_at_five_percent_trades_five_percent_of_equity_and_says_so(tmp_path: Path) -> None:
    with canary(tmp_path) as made:
        process = made.start()
        made.desk.until(lambda: carried_out(made), process)
        code, status = made.desk.command("status").communicate(timeout=60)[0], 0
        said = made.desk.end(process)
        assert process.returncode == status, said
        assert "capital  0.05 of equity   canary, step 2 of 3" in code
        assert EQUITY * Decimal("0.019") < made.worth() < EQUITY * Decimal("0.0201")  # two fifths of five percent
        (plan,) = made.desk.of("plan")
        assert plan["plan"]["capital_fraction"] == "0.05"
        told = {one["control"]: one for one in plan["verdicts"]}
        assert told["CAPITAL_FRACTION"]["observed"] == "0.05 of equity (canary, step 2 of 3)"
        assert told["MAX_ASSET_EXPOSURE"]["limit"] == "0.025 of equity"
        whole_record(made)
        explained = made.desk.command("sentinel", "explain", made.desk.ids()[0]).communicate(timeout=60)[0]
        assert "CAPITAL_FRACTION" in explained
        assert "0.05 of equity (canary, step 2 of 3)" in explained
        planned = sluice("plan", "--config", made.desk.config)[1]
        assert "capital 0.05 of equity" in planned
        asked = sluice("sentinel", "what-if", "--config", made.desk.config)[1]
        assert "0.05 of equity (canary, step 2 of 3)" in asked


def test_a_run_held_to_other_gates_than_its_evidence_was_of_does_not_start(tmp_path: Path) -> None:
    with canary(tmp_path, step=0) as made:
        process = made.desk.start()
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 3, said
        assert "refused  GATES_DIFFER" in said
        assert made.desk.ids() == []


def test_a_halt_takes_a_step_and_the_restart_keeps_it_and_sells_down(tmp_path: Path) -> None:
    with canary(tmp_path) as made:
        process = made.start()
        made.desk.until(lambda: carried_out(made), process)
        code, said = made.desk.halt()
        assert code == 0, said
        made.desk.until(lambda: bool(made.automatic()), process)
        made.desk.end(process)
        assert made.automatic() == [("step_down", "HALTED", "0.01")]
        assert made.desk.command("resume", "--by", "alice", "--reason", "looked").wait(timeout=60) == 0
        process = made.start()
        made.desk.until(lambda: sold_down(made, "0.0041"), process)
        said = made.desk.end(process)
        assert process.returncode == 0, said
        assert made.automatic() == [("step_down", "HALTED", "0.01")]
        assert [line["cause"] for line in made.desk.of("cycle")] == ["new_manifest", "ramp"]
        assert made.traded(2) == ["SELL", "SELL"]
        whole_record(made)


def test_costs_that_get_worse_take_a_step_while_it_runs_and_it_sells_down(tmp_path: Path) -> None:
    with canary(tmp_path) as made:
        process = made.start()
        made.desk.until(lambda: carried_out(made), process)
        trade_dearly(made, process)
        made.desk.until(lambda: sold_down(made, "0.0041"), process)
        said = made.desk.end(process)
        assert process.returncode == 0, said
        assert made.automatic() == [("step_down", "GATE_FAILED", "0.01")]
        (line,) = [one for one in made.desk.of("promotion") if one["by"] == "engine"]
        assert "live_cost" in line["reason"]
        assert (Layout(made.desk.world.lakehouse).promotions / f"{line['evidence_sha256']}.json").is_file()
        assert "steps down to canary at 0.01 of equity" in said
        whole_record(made)


@dataclass
class Falling(Desk):
    """A market at a part of its first prices."""

    level: Decimal = Decimal(1)

    def move(self, tick: int, wide: int) -> None:
        for symbol, ticks in (("BTCUSDT", 10_000_000), ("ETHUSDT", 400_000)):
            bid = int(ticks * self.level) + tick
            self.venue.quote(symbol, str(Decimal(bid) / 100), str(Decimal(bid + wide) / 100))


LOSSES = [
    ("equity_interval_s = 3600", "equity_interval_s = 1"),
    ('day_loss_max_fraction = "0.5"', 'day_loss_max_fraction = "0.001"'),
]


def test_a_loss_of_the_day_takes_a_step_and_what_is_left_is_sold_down_though_only_reductions_pass(tmp_path: Path) -> None:
    with canary(tmp_path, kind=Falling, changes=LOSSES) as made:
        process = made.start()
        made.desk.until(lambda: carried_out(made), process)
        made.desk.level = Decimal("0.9")  # a tenth of a fiftieth of equity is two thousandths
        made.desk.until(lambda: bool(made.automatic()), process)
        made.desk.until(lambda: sold_down(made, "0.0046"), process)
        said = made.desk.end(process)
        assert process.returncode == 0, said
        assert made.automatic() == [("step_down", "LOSS_LIMIT", "0.01")]
        assert {line["mode"] for line in made.desk.of("equity")} == {"OPEN", "CLOSE_ONLY"}
        assert made.traded(2) == ["SELL", "SELL"]
        whole_record(made)


def test_an_engine_killed_right_after_its_step_down_comes_back_at_the_lower_step_and_sells_down(tmp_path: Path) -> None:
    with canary(tmp_path) as made:
        process = made.start()
        made.desk.until(lambda: carried_out(made), process)
        trade_dearly(made, process)
        kill(process)
        process = made.start()
        made.desk.until(lambda: sold_down(made, "0.0041"), process)
        said = made.desk.end(process)
        assert process.returncode == 0, said
        assert made.automatic() == [("step_down", "GATE_FAILED", "0.01")]
        assert Decimal(made.desk.of("plan")[-1]["plan"]["capital_fraction"]) == Decimal("0.01")
        whole_record(made)
