"""A live run and its twin that are killed and started again: nothing is told twice, and nothing that was not so."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.verifier import verify
from tests.children import kill
from tests.live.invariants import at_rest
from tests.live.world import dice_of
from tests.twin.made import beside


def test_it_follows_a_live_run_that_is_killed_rotated_and_started_again(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        kill(live)
        rotation = made.desk.command("ledger", "rotate")
        assert "execution_logs.000001.jsonl" in rotation.communicate(timeout=60)[0]
        made.desk.weigh("0.3")
        live = made.desk.start()
        made.desk.until(lambda: len(made.desk.of("cycle_end")) == 1, live)  # of the new segment
        made.desk.until(lambda: set(made.told()) == made.sent(), twin)
        made.desk.end(live)
        said = made.desk.end(twin)
        assert "the live run was started again" in said
        assert "2 orders compared" in said
        told = made.told()
        assert len(told) == 2
        assert all(line["compared"] for line in told.values()), told
        assert {line["live_run_id"] for line in told.values()} == {made.desk.of("run_start")[-1]["run_id"]}
        made.whole()


def test_a_twin_that_is_killed_goes_on_and_tells_nothing_twice(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        made.desk.weigh("0.3")
        made.desk.until(lambda: len(made.told()) == 2, twin)
        kill(twin)
        first = made.told()
        made.desk.weigh("0.1")
        made.desk.until(lambda: len(made.desk.of("cycle_end")) == 3, live)
        twin = made.start()
        made.desk.until(lambda: len(made.told()) == 4, twin)
        assert {key: line for key, line in made.told().items() if key in first} == first
        away = [line for key, line in made.told().items() if key not in first]
        assert [(line["compared"], line["code"]) for line in away] == [(False, "TWIN_AWAY")] * 2
        made.desk.weigh("0.2")
        made.desk.until(lambda: len(made.told()) == 6, twin)
        assert all(line["compared"] for key, line in made.told().items() if line["seq"] > away[-1]["seq"])
        made.desk.end(twin)
        made.desk.end(live)
        book = verify(made.directory).positions
        again = made.start("--for", "2")
        said = again.communicate(timeout=60)[0]
        assert again.returncode == 0, said
        assert len(made.told()) == 6
        assert verify(made.directory).positions == book
        made.whole()


@pytest.mark.slow
def test_a_twin_killed_again_and_again_tells_every_order_once(tmp_path: Path) -> None:
    dice = dice_of("a twin killed again and again")
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        for number in range(1, 6):
            made.desk.weigh(f"0.{number}")
            wanted = len(made.lines) + dice.randint(1, 14)
            made.desk.until(lambda wanted=wanted: len(made.lines) >= wanted, twin)  # type: ignore[misc]
            kill(twin)
            assert verify(made.directory).ok
            made.told()
            twin = made.start()
            made.follows(twin)
        made.desk.until(lambda: at_rest(made.desk), live)
        made.desk.until(lambda: set(made.told()) == made.sent(), twin)
        made.desk.end(twin)
        made.desk.end(live)
        assert {line["code"] for line in made.told().values()} <= {"", "TWIN_AWAY"}
        made.whole()


def test_what_a_twin_had_filled_before_it_was_killed_is_compared_when_the_live_order_has_ended(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        made.desk.venue.hold("user")
        made.desk.venue.fault("POST order", "hang", when="after", times=2)
        made.desk.weigh("0.3")
        made.desk.until(lambda: len(made.of("fill")) == 2, twin)
        kill(twin)
        assert made.told() == {}, "the live run has heard of no fill: it will ask in a second"
        made.desk.venue.release()
        twin = made.start()
        made.desk.until(lambda: set(made.told()) == made.sent(), twin)
        assert [(line["compared"], line["twin_outcome"]) for line in made.told().values()] == [(True, "filled")] * 2
        made.desk.end(twin)
        made.desk.end(live)
        made.whole()


def test_what_worked_at_a_twin_that_was_killed_is_not_compared_whatever_became_of_it(tmp_path: Path) -> None:
    with beside(tmp_path, resting=True) as made:
        live, twin = made.both_without_orders()
        made.desk.weigh("0.2")
        made.desk.until(lambda: len(made.desk.working()) == 2 and len(made.of("ack")) == 2, live)
        kill(twin)
        for symbol, price in (("BTCUSDT", "99000"), ("ETHUSDT", "3900")):
            made.desk.venue.trade_at(symbol, price, "100", buyer_is_maker=True)
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.desk.until(lambda: set(made.told()) == made.sent(), twin)
        assert [(line["compared"], line["code"]) for line in made.told().values()] == [(False, "TWIN_AWAY")] * 2
        assert {line["message"] for line in made.told().values()} == {"the twin was started anew while it worked here"}
        made.desk.end(twin)
        made.desk.end(live)
        made.whole()
